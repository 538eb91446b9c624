/*
 * Semaphores: as many permits come out as there are, in the order in which they
 * were waited for; a bounded one takes back no more than it gave.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_SEMAPHORE = PLACES };

static struct {
    aio_semaphore semaphore;
    unsigned free;  /* permits that nobody holds */
    unsigned total; /* that there are */
} model;

static void begin(void)
{
    model.free = model.total = choose(3);
    (void)aio_semaphore_init(&model.semaphore, (int)model.total);
}

static void begin_bounded(void)
{
    model.free = model.total = 1 + choose(2);
    (void)aio_semaphore_init_bounded(&model.semaphore, (int)model.total);
}

static bool holds_any(const struct actor *actor)
{
    return actor->holds > 0;
}

static bool may_take(const struct actor *actor)
{
    return actor->holds < 2;
}

static int acquire(struct actor *actor)
{
    bool available = model.free > 0 && !is_anybody_at(AT_SEMAPHORE);
    wait_begin(actor, AT_SEMAPHORE);
    int rc = aio_semaphore_acquire(&model.semaphore);
    bool suspended = wait_end(actor, rc);
    expect(!suspended || !available, "it waited for a permit that there was");
    expect(rc == 0 || rc == -ECANCELED, "an acquire failed");
    if (rc != 0)
        return rc;
    expect(model.free > 0, "more hold a permit than there are");
    expect(is_first(actor, AT_SEMAPHORE), "it has overtaken one who waits");
    model.free--;
    actor->holds++;
    return rc;
}

static int acquire_now(struct actor *actor)
{
    return within(actor, 0, acquire);
}

static int release(struct actor *actor)
{
    int rc = aio_semaphore_release(&model.semaphore);
    expect(rc == 0, "a release failed");
    actor->holds--;
    model.free++;
    return rc;
}

/* Another permit, that nobody had. */
static int add(struct actor *actor)
{
    (void)actor;
    int rc = aio_semaphore_release(&model.semaphore);
    expect(rc == 0, "a release failed");
    model.free++;
    model.total++;
    return rc;
}

static void finish(struct actor *actor)
{
    while (actor->holds > 0)
        (void)release(actor);
}

static void check(void)
{
    bool locked = aio_semaphore_locked(&model.semaphore);
    expect(model.free > 0 || locked, "an acquire would not wait, but there is no permit");
    expect(model.free == 0 || is_anybody_at(AT_SEMAPHORE) || !locked,
           "an acquire would wait for nothing");
}

static void check_bounded(void)
{
    check();
    if (model.free == model.total && !is_anybody_at(AT_SEMAPHORE))
        expect(aio_semaphore_release(&model.semaphore) == -EINVAL, "it took back too much");
}

static void check_idle(void)
{
    expect(model.free == 0 || count_waiting(AT_SEMAPHORE) == 0, "a task waits, and has a permit");
}

/* All are back: so many can be taken, and not one more. */
static void audit(void)
{
    for (unsigned i = 0; i < model.total; i++) {
        expect(!aio_semaphore_locked(&model.semaphore), "a permit was lost");
        expect(world.over || aio_semaphore_acquire(&model.semaphore) == 0, "an acquire failed");
    }
    expect(aio_semaphore_locked(&model.semaphore), "there are more permits than were given");
}

static const struct operation operations[] = {
    {"acquires", may_take, acquire, false},
    {"releases", holds_any, release, false},
    {"acquires at once", may_take, acquire_now, true},
    {"adds a permit", NULL, add, false},
};

const struct subject semaphore_subject = {
    .name = "semaphore",
    .depth = 4,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .finish = finish,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
};

const struct subject bounded_semaphore_subject = {
    .name = "bounded_semaphore",
    .depth = 5,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations) - 1,
    .begin = begin_bounded,
    .finish = finish,
    .check = check_bounded,
    .check_idle = check_idle,
    .audit = audit,
};
