/*
 * The semaphore, bounded or not.
 *
 * Who is woken has his permit already: the value goes down for him at once.
 * While he has not gone on, who comes waits behind him, even if there are more;
 * when he does, he wakes as many of those as there are permits for.
 */
#include <errno.h>
#include <limits.h>

#include "sync/waiters.h"

static int init(aio_semaphore *semaphore, int value, bool bounded)
{
    if (semaphore == NULL || value < 0)
        return -EINVAL;
    *semaphore = (aio_semaphore){.value = value, .bound = value, .bounded = bounded};
    return 0;
}

int aio_semaphore_init(aio_semaphore *semaphore, int value)
{
    return init(semaphore, value, false);
}

int aio_semaphore_init_bounded(aio_semaphore *semaphore, int value)
{
    return init(semaphore, value, true);
}

bool aio_semaphore_locked(const aio_semaphore *semaphore)
{
    return semaphore != NULL && (semaphore->value <= 0 || semaphore->waiters.count > 0);
}

static bool wake_next(aio_semaphore *semaphore)
{
    if (!aio__waiters_wake_next(&semaphore->waiters))
        return false;
    semaphore->value--;
    return true;
}

static int wait_for_permit(aio_semaphore *semaphore)
{
    aio__waiter waiter;
    int rc = aio__waiter_begin(&waiter, &semaphore->waiters, aio__waiter_abort, "semaphore");
    if (rc < 0)
        return rc;
    rc = aio__waiter_park(&waiter);
    if (rc < 0 && waiter.woken)
        semaphore->value++;
    while (semaphore->value > 0 && wake_next(semaphore))
        ;
    return rc;
}

int aio_semaphore_acquire(aio_semaphore *semaphore)
{
    if (semaphore == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0)
        return rc;
    if (aio_semaphore_locked(semaphore))
        return wait_for_permit(semaphore);
    semaphore->value--;
    return 0;
}

int aio_semaphore_release(aio_semaphore *semaphore)
{
    if (semaphore == NULL)
        return -EINVAL;
    if (semaphore->value >= (semaphore->bounded ? semaphore->bound : INT_MAX))
        return -EINVAL;
    semaphore->value++;
    (void)wake_next(semaphore);
    return 0;
}
