/*
 * What the locks' relatives need of a lock.
 */
#ifndef AIO_SYNC_LOCK_H
#define AIO_SYNC_LOCK_H

#include <aio/sync.h>

/* aio_lock_acquire() of a lock that is there, and at no cost of the step's budget. */
int aio__lock_take(aio_lock *lock);

#endif
