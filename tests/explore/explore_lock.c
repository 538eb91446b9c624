/*
 * The lock: one at a time holds it, those who wait get it in their order, and
 * nobody waits for a lock that is free.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_LOCK = PLACES };

static struct {
    aio_lock lock;
    const struct actor *holder; /* NULL: nobody */
} model;

static void begin(void)
{
    model.lock = (aio_lock)AIO_LOCK_INIT;
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

static int acquire(struct actor *actor)
{
    bool available = model.holder == NULL && !is_anybody_at(AT_LOCK);
    wait_begin(actor, AT_LOCK);
    int rc = aio_lock_acquire(&model.lock);
    bool suspended = wait_end(actor, rc);
    expect(!suspended || !available, "it waited for a lock that was free");
    expect(rc == 0 || rc == -ECANCELED, "an acquire failed");
    if (rc != 0)
        return rc;
    expect(model.holder == NULL, "two hold the lock");
    expect(is_first(actor, AT_LOCK), "it has overtaken one who waits");
    model.holder = actor;
    return rc;
}

static int acquire_now(struct actor *actor)
{
    return within(actor, 0, acquire);
}

static int acquire_soon(struct actor *actor)
{
    return within(actor, 1, acquire);
}

static int release(struct actor *actor)
{
    (void)actor;
    model.holder = NULL;
    int rc = aio_lock_release(&model.lock);
    expect(rc == 0, "a release failed");
    return rc;
}

static void finish(struct actor *actor)
{
    if (holds_it(actor))
        (void)release(actor);
    else if (model.holder == NULL)
        expect(aio_lock_release(&model.lock) == -EPERM, "a lock was released that nobody holds");
}

static void check(void)
{
    expect(aio_lock_locked(&model.lock) == (model.holder != NULL), "it is locked, or is not");
}

static void check_idle(void)
{
    expect(model.holder != NULL || count_waiting(AT_LOCK) == 0, "a task waits for a free lock");
}

static void audit(void)
{
    expect(aio_lock_acquire(&model.lock) == 0, "it can't be acquired any more");
}

static const struct operation operations[] = {
    {"acquires", holds_it_not, acquire, false},
    {"releases", holds_it, release, false},
    {"acquires at once", holds_it_not, acquire_now, true},
    {"acquires soon", holds_it_not, acquire_soon, true},
};

const struct subject lock_subject = {
    .name = "lock",
    .depth = 6,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .finish = finish,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
};
