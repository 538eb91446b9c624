/*
 * The barrier: nobody passes before all are there, each with an index of his own;
 * nobody stays when all are, nor when it is broken.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_BARRIER = PLACES, AT_CHANGE };

static struct {
    aio_barrier barrier;
    unsigned parties;
    bool broken;
    bool changed;          /* was ever reset or broken */
    bool cancelled;        /* a wait may have been, by a timeout */
    unsigned passed;       /* a bit for each index that has come out of this round */
    bool complete[ACTORS]; /* there were enough at a time when it waited */
    bool excused[ACTORS];  /* the barrier was reset or broken while it waited */
} model;

static void begin(void)
{
    model.parties = 2 + choose(2);
    (void)aio_barrier_init(&model.barrier, (int)model.parties);
    model.broken = model.changed = model.cancelled = false;
    model.passed = 0;
}

/* Whether there was any request to cancel: then indices may come twice. */
static bool anybody_cancelled(void)
{
    for (unsigned i = 0; i < ACTORS; i++)
        if (world.actors[i].requests > 0)
            return true;
    return model.cancelled;
}

/* Who is cancelled, but has not gone on, counts. */
static void count_those_there(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ACTORS; i++)
        count += world.actors[i].place == AT_BARRIER;
    for (unsigned i = 0; i < ACTORS; i++)
        if (world.actors[i].place == AT_BARRIER && count >= model.parties)
            model.complete[i] = true;
}

static void pass(const struct actor *actor, unsigned index)
{
    expect(!model.broken, "it passes a broken barrier");
    expect(model.complete[actor->number], "it passes before all are there");
    expect(index < model.parties, "an index is too high");
    if (model.changed || anybody_cancelled())
        return;
    expect((model.passed & 1u << index) == 0, "an index comes twice");
    model.passed |= 1u << index;
    if (model.passed + 1 == 1u << model.parties)
        model.passed = 0;
}

static int wait(struct actor *actor)
{
    bool broken = model.broken;
    model.complete[actor->number] = model.excused[actor->number] = false;
    wait_begin(actor, AT_BARRIER);
    count_those_there();
    int rc = aio_barrier_wait(&model.barrier);
    (void)wait_end(actor, rc);
    expect(rc >= 0 || rc == -ECANCELED || rc == -AIO_EBROKEN, "a wait failed");
    expect(rc != -AIO_EBROKEN || broken || model.excused[actor->number],
           "the barrier is said to be broken, but is not");
    if (rc >= 0)
        pass(actor, (unsigned)rc);
    return rc;
}

static int wait_at_once(struct actor *actor)
{
    model.cancelled = true;
    return within(actor, 0, wait);
}

static int change(struct actor *actor, bool broken)
{
    wait_begin(actor, AT_CHANGE);
    int rc = broken ? aio_barrier_abort(&model.barrier) : aio_barrier_reset(&model.barrier);
    (void)wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED, "a change failed");
    if (rc != 0)
        return rc;
    model.changed = true;
    model.broken = broken;
    for (unsigned i = 0; i < ACTORS; i++)
        model.excused[i] = true;
    return rc;
}

static int reset(struct actor *actor)
{
    return change(actor, false);
}

static int break_it(struct actor *actor)
{
    return change(actor, true);
}

static void check(void)
{
    expect(aio_barrier_broken(&model.barrier) == model.broken, "it is broken, or is not");
}

static void check_idle(void)
{
    unsigned count = count_waiting(AT_BARRIER);
    expect(count < model.parties, "all are there, and nobody passes");
    expect(count == 0 || !model.broken, "a task waits at a broken barrier");
    expect(aio_barrier_waiting(&model.barrier) == (int)count, "it counts others than wait");
    expect(count_waiting(AT_CHANGE) == 0, "a change waits for ever");
}

static void audit(void)
{
    expect(aio_barrier_waiting(&model.barrier) == 0, "it counts tasks that are gone");
    expect(aio_barrier_reset(&model.barrier) == 0, "it can't be reset any more");
}

static const struct operation operations[] = {
    {"waits", NULL, wait, false},
    {"resets it", NULL, reset, false},
    {"breaks it", NULL, break_it, false},
    {"waits at once", NULL, wait_at_once, true},
};

const struct subject barrier_subject = {
    .name = "barrier",
    .depth = 4,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
};
