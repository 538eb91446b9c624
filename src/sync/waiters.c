/*
 * The FIFO of waiters: joining it, being woken, being cancelled, leaving it.
 */
#include "sync/waiters.h"

#include <errno.h>

#include "task/scheduler.h"
#include "task/wait.h"

static void uncount(aio__waiter *waiter)
{
    if (waiter->counted)
        waiter->waiters->count--;
    waiter->counted = false;
}

static void take_out(aio__waiter *waiter)
{
    if (aio__link_linked(&waiter->link))
        aio__link_remove(&waiter->link);
}

static void join(aio__waiter *waiter)
{
    aio__link *head = &waiter->waiters->head;
    if (!aio__link_linked(head))
        head->next = head->previous = head;
    aio__link_between(&waiter->link, head->previous, head);
    waiter->waiters->count++;
    waiter->counted = true;
}

int aio__waiter_begin(aio__waiter *waiter, aio__waiters *waiters, bool (*abort)(aio__wait *wait),
                      const char *what)
{
    *waiter = (aio__waiter){.waiters = waiters};
    return aio__wait_begin(&waiter->wait, abort, what);
}

int aio__waiter_park(aio__waiter *waiter)
{
    join(waiter);
    int rc = aio__park(&waiter->wait);
    take_out(waiter);
    uncount(waiter);
    return rc;
}

bool aio__waiter_abort_in_place(aio__wait *wait)
{
    aio__waiter *waiter = aio__container(wait, aio__waiter, wait);
    bool waiting = aio__waiter_waiting(waiter);
    if (waiting || wait->task->doomed)
        uncount(waiter);
    if (wait->task->doomed)
        take_out(waiter);
    if (waiting)
        aio__wake(wait, -ECANCELED);
    return waiting;
}

bool aio__waiter_abort(aio__wait *wait)
{
    aio__waiter *waiter = aio__container(wait, aio__waiter, wait);
    /* One that was woken may be in a list of its owner's. */
    if (aio__waiter_waiting(waiter))
        take_out(waiter);
    return aio__waiter_abort_in_place(wait);
}

aio__waiter *aio__waiters_first(const aio__waiters *waiters)
{
    aio__link *first = waiters->head.next;
    if (first == NULL || first == &waiters->head)
        return NULL;
    return aio__container(first, aio__waiter, link);
}

void aio__waiter_wake(aio__waiter *waiter)
{
    waiter->woken = true;
    aio__wake(&waiter->wait, 0);
}

void aio__waiter_disown(aio__waiter *waiter)
{
    waiter->waiters = NULL;
    waiter->counted = false;
}

bool aio__waiters_wake_next(aio__waiters *waiters)
{
    aio__waiter *first = aio__waiters_first(waiters);
    if (first == NULL)
        return false;
    take_out(first);
    aio__waiter_wake(first);
    return true;
}
