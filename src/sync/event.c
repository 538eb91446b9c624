/*
 * The event: a flag, and those who wait for it.
 */
#include <errno.h>

#include "sync/waiters.h"

int aio_event_wait(aio_event *event)
{
    aio__waiter waiter;
    if (event == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0 || event->set)
        return rc;
    rc = aio__waiter_begin(&waiter, &event->waiters, aio__waiter_abort, "event");
    return rc < 0 ? rc : aio__waiter_park(&waiter);
}

void aio_event_set(aio_event *event)
{
    if (event == NULL)
        return;
    event->set = true;
    while (aio__waiters_wake_next(&event->waiters))
        ;
}

void aio_event_clear(aio_event *event)
{
    if (event != NULL)
        event->set = false;
}

bool aio_event_is_set(const aio_event *event)
{
    return event != NULL && event->set;
}
