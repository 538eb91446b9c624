/*
 * The lock.
 *
 * A release gives it to nobody: it wakes the first in the list, who takes it when
 * he goes on.  Until then it is not locked, but nobody can overtake: an acquire
 * waits if anybody else does.
 *
 * While the first one is woken or cancelled, and has not gone on, a release wakes
 * nobody else.  He looks after the next when he leaves.
 */
#include "sync/lock.h"

#include <errno.h>

#include "sync/waiters.h"

static void wake_first(aio_lock *lock)
{
    aio__waiter *first = aio__waiters_first(&lock->waiters);
    if (first != NULL && aio__waiter_waiting(first))
        aio__waiter_wake(first);
}

int aio__lock_take(aio_lock *lock)
{
    aio__waiter waiter;
    if (!lock->locked && lock->waiters.count == 0) {
        lock->locked = true;
        return 0;
    }
    int rc = aio__waiter_begin(&waiter, &lock->waiters, aio__waiter_abort_in_place, "lock");
    if (rc < 0)
        return rc;
    rc = aio__waiter_park(&waiter);
    if (rc == 0)
        lock->locked = true;
    else if (!lock->locked)
        wake_first(lock);
    return rc;
}

int aio_lock_acquire(aio_lock *lock)
{
    if (lock == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    return rc < 0 ? rc : aio__lock_take(lock);
}

int aio_lock_release(aio_lock *lock)
{
    if (lock == NULL)
        return -EINVAL;
    if (!lock->locked)
        return -EPERM;
    lock->locked = false;
    wake_first(lock);
    return 0;
}

bool aio_lock_locked(const aio_lock *lock)
{
    return lock != NULL && lock->locked;
}
