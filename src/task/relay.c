/*
 * The future's list has a handle of the relay; when that runs, it wakes the waiter.
 */
#include "task/relay.h"

#include <errno.h>

#include "task/graph.h"

struct relay {
    aio__await await;
    aio_future *future; /* NULL: given back */
    aio__handle handle;
};

static void settle(struct relay *relay, int result)
{
    relay->await.over = true;
    aio__wake(&relay->await.wait, result);
}

static void hand_over(aio__handle *handle)
{
    settle(aio__container(handle, struct relay, handle), 0);
}

static void give_back(struct relay *relay)
{
    if (aio__link_linked(&relay->handle.link))
        aio__link_remove(&relay->handle.link);
    aio_release(relay->future);
    relay->future = NULL;
}

static bool stop_waiting(aio__wait *wait)
{
    struct relay *relay = aio__container(wait, struct relay, await.wait);
    if (relay->await.over)
        return false;
    aio__link_remove(&relay->handle.link);
    settle(relay, -ECANCELED);
    return true;
}

static void undo(aio__await *await)
{
    give_back(aio__container(await, struct relay, await));
}

static int park(struct relay *relay, enum aio__relay kind, const char *what)
{
    aio__await *await = &relay->await;
    int rc = aio__await_begin(await, stop_waiting, what);
    if (rc == 0)
        rc = aio__await_check(await);
    if (rc < 0)
        return rc;
    aio__list_push_back(&relay->future->waiters, &relay->handle.link);
    if (kind == AIO__RELAY_CANCEL)
        (void)aio__future_request_cancel(relay->future);
    rc = aio__park(&await->wait);
    if (kind == AIO__RELAY_SHIELD && rc < 0 && !relay->future->done)
        relay->future->shielded = true;
    return rc;
}

int aio__relay_wait(aio_future *future, enum aio__relay kind, const char *what, int *out_result)
{
    struct relay relay = {.handle = {.run = hand_over, .place = AIO__PLACE_ANY}};
    relay.future = aio_retain(future);
    relay.await.futures = &relay.future;
    relay.await.count = 1;
    relay.await.undo = undo;
    int rc = park(&relay, kind, what);
    if (rc == 0)
        *out_result = aio_future_result(future);
    give_back(&relay);
    return rc;
}
