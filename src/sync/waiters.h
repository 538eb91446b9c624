/*
 * The one FIFO of waiters, which everything in this layer is made of.
 *
 * A waiter lies on the stack of the task that waits.  It is in one of these
 * states, as a future that asyncio's waiter awaits is:
 *
 *     waiting     in the list, counted
 *     woken       counted, until the task goes on
 *     cancelled   not counted
 *
 * Whether a waiter that is woken or cancelled stays in the list, until its task
 * goes on, is its owner's choice: aio__waiter_abort() and aio__waiters_wake_next()
 * take it out, so that whoever they find is waiting.  A lock keeps it, for its
 * first waiter counts even when it is one of those.
 *
 * A task that is abandoned never goes on.  The abort function, which is called
 * for it whatever the state, then takes it out in any case.
 */
#ifndef AIO_SYNC_WAITERS_H
#define AIO_SYNC_WAITERS_H

#include <aio/sync.h>

#include "base/list.h"
#include "task/wait.h"

typedef struct aio__waiter {
    aio__wait wait;
    aio__link link;
    aio__waiters *waiters; /* NULL: they are no more, see aio__waiter_disown() */
    bool counted, woken;
} aio__waiter;

/*
 * Prepares a wait of the running task; `abort` is aio__waiter_abort(), or the owner's own.  0, or
 * -EPERM outside a task.
 */
int aio__waiter_begin(aio__waiter *waiter, aio__waiters *waiters, bool (*abort)(aio__wait *wait),
                      const char *what);
/* Waits, as the last in the list: 0; -ECANCELED, and waiter->woken says if it was woken even so. */
int aio__waiter_park(aio__waiter *waiter);

/* Cancels a waiter that waits: takes it out; false if it was woken before. */
bool aio__waiter_abort(aio__wait *wait);
/* The same, but leaves it in the list. */
bool aio__waiter_abort_in_place(aio__wait *wait);

/* The first in the list; NULL if it is empty. */
aio__waiter *aio__waiters_first(const aio__waiters *waiters);
/* Whether it is neither woken nor cancelled. */
static inline bool aio__waiter_waiting(const aio__waiter *waiter)
{
    return waiter->counted && !waiter->woken;
}

/* Wakes one that waits; it stays in the list. */
void aio__waiter_wake(aio__waiter *waiter);
/* One that was woken, and is in no list: it won't touch its waiters again, which may go. */
void aio__waiter_disown(aio__waiter *waiter);
/* Takes the first one out and wakes it; false if there is none. */
bool aio__waiters_wake_next(aio__waiters *waiters);

#endif
