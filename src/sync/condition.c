/*
 * The condition: a lock, and those who wait to be notified.
 *
 * Whoever waits has the lock when he returns, even if he was cancelled: he waits
 * for it again and again, and of all the cancellations that come meanwhile one is
 * left.  Since he may have been notified before, he notifies the next in his
 * stead; that one may so return without need.
 */
#include <errno.h>

#include "sync/lock.h"
#include "sync/waiters.h"

static aio_lock *lock_of(aio_condition *condition)
{
    return condition->shared != NULL ? condition->shared : &condition->own;
}

void aio_condition_init(aio_condition *condition, aio_lock *lock)
{
    if (condition == NULL)
        return;
    *condition = (aio_condition)AIO_CONDITION_INIT;
    condition->shared = lock;
}

int aio_condition_acquire(aio_condition *condition)
{
    return condition != NULL ? aio_lock_acquire(lock_of(condition)) : -EINVAL;
}

int aio_condition_release(aio_condition *condition)
{
    return condition != NULL ? aio_lock_release(lock_of(condition)) : -EINVAL;
}

bool aio_condition_locked(const aio_condition *condition)
{
    if (condition == NULL)
        return false;
    return condition->shared != NULL ? condition->shared->locked : condition->own.locked;
}

static void notify(aio_condition *condition, size_t count)
{
    while (count > 0 && aio__waiters_wake_next(&condition->waiters))
        count--;
}

/* `rc` is how the wait fared: with the lock held, the same or -ECANCELED. */
static int retake(aio_lock *lock, int rc)
{
    for (;;) {
        int taken = aio__lock_take(lock);
        if (taken == 0)
            return rc;
        rc = taken;
    }
}

int aio_condition_wait(aio_condition *condition)
{
    aio__waiter waiter;
    if (condition == NULL)
        return -EINVAL;
    int rc = aio__waiter_begin(&waiter, &condition->waiters, aio__waiter_abort, "condition");
    if (rc == 0)
        rc = aio_condition_release(condition);
    if (rc < 0)
        return rc;
    rc = aio__waiter_park(&waiter);
    rc = retake(lock_of(condition), rc);
    if (rc < 0)
        notify(condition, 1);
    return rc;
}

int aio_condition_wait_for(aio_condition *condition, int (*predicate)(void *arg), void *arg)
{
    if (condition == NULL || predicate == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0)
        return rc;
    int result = predicate(arg);
    while (result == 0 && rc == 0) {
        rc = aio_condition_wait(condition);
        if (rc == 0)
            result = predicate(arg);
    }
    return rc < 0 ? rc : result;
}

int aio_condition_notify(aio_condition *condition, size_t count)
{
    if (condition == NULL)
        return -EINVAL;
    if (!aio_condition_locked(condition))
        return -EPERM;
    notify(condition, count);
    return 0;
}

int aio_condition_notify_all(aio_condition *condition)
{
    return aio_condition_notify(condition, SIZE_MAX);
}
