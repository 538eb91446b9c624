/*
 * The condition: who waits gets back the lock that he gave up, whatever becomes of
 * the wait; whom a cancellation overtakes hands his notification on; nobody goes on
 * who was not notified.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_LOCK = PLACES, AT_CONDITION };

static struct {
    aio_condition condition;
    const struct actor *holder; /* of its lock; NULL: nobody */
} model;

static void begin(void)
{
    model.condition = (aio_condition)AIO_CONDITION_INIT;
    model.holder = NULL;
}

static bool holds_it(const struct actor *actor)
{
    return model.holder == actor;
}

static bool holds_it_not(const struct actor *actor)
{
    return model.holder != actor;
}

static void take(const struct actor *actor)
{
    expect(model.holder == NULL, "two hold the lock");
    expect(aio_condition_locked(&model.condition), "it goes on without the lock");
    model.holder = actor;
}

static int acquire(struct actor *actor)
{
    wait_begin(actor, AT_LOCK);
    int rc = aio_condition_acquire(&model.condition);
    (void)wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED, "an acquire failed");
    if (rc == 0)
        take(actor);
    return rc;
}

static int release(struct actor *actor)
{
    (void)actor;
    model.holder = NULL;
    int rc = aio_condition_release(&model.condition);
    expect(rc == 0, "a release failed");
    return rc;
}

/* The first `count` who wait, and were not notified, are. */
static void grant(unsigned count)
{
    for (; count > 0; count--) {
        struct actor *first = NULL;
        for (unsigned i = 0; i < ACTORS; i++) {
            struct actor *actor = &world.actors[i];
            if (actor_waits(actor, AT_CONDITION) && !actor->granted &&
                (first == NULL || actor->ticket < first->ticket))
                first = actor;
        }
        if (first != NULL)
            first->granted = true;
    }
}

static int wait(struct actor *actor)
{
    model.holder = NULL;
    wait_begin(actor, AT_CONDITION);
    int rc = aio_condition_wait(&model.condition);
    bool suspended = wait_end(actor, rc);
    expect(suspended && (rc == 0 || rc == -ECANCELED), "a wait failed");
    expect(rc != 0 || actor->granted, "it goes on and was not notified");
    take(actor);
    if (rc != 0)
        grant(1);
    return rc;
}

static int wait_at_once(struct actor *actor)
{
    return within(actor, 0, wait);
}

static int notify(struct actor *actor)
{
    (void)actor;
    int rc = aio_condition_notify(&model.condition, 1);
    expect(rc == 0, "a notify failed");
    grant(1);
    return rc;
}

static int notify_all(struct actor *actor)
{
    (void)actor;
    int rc = aio_condition_notify_all(&model.condition);
    expect(rc == 0, "a notify failed");
    grant(ACTORS);
    return rc;
}

static void finish(struct actor *actor)
{
    if (holds_it(actor))
        (void)release(actor);
}

static void check(void)
{
    expect(aio_condition_locked(&model.condition) == (model.holder != NULL),
           "its lock is held, or is not");
    if (model.holder == NULL)
        expect(aio_condition_notify(&model.condition, 1) == -EPERM, "a notify without the lock");
}

static void check_idle(void)
{
    expect(model.holder == NULL, "who holds the lock waits for ever");
    expect(count_waiting(AT_LOCK) == 0, "a task waits for a lock that is free");
    for (unsigned i = 0; i < ACTORS; i++)
        expect(world.actors[i].place != AT_CONDITION || !world.actors[i].granted,
               "a notification was lost");
}

static void audit(void)
{
    expect(aio_condition_acquire(&model.condition) == 0, "it can't be acquired any more");
}

static const struct operation operations[] = {
    {"acquires", holds_it_not, acquire, false},
    {"waits", holds_it, wait, false},
    {"notifies", holds_it, notify, false},
    {"notifies all", holds_it, notify_all, false},
    {"releases", holds_it, release, false},
    {"waits at once", holds_it, wait_at_once, true},
};

const struct subject condition_subject = {
    .name = "condition",
    .depth = 5,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .finish = finish,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
};
