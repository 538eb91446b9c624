/*
 * Gathering: asyncio's gather(), and the future that it returns, in one wait.
 *
 * Those that are done are looked at before the wait begins, as in asyncio: if one
 * has failed, or all are done, there is none.
 */
#include <errno.h>

#include <aio/gather.h>

#include "task/graph.h"
#include "task/wait_items.h"

struct gather {
    aio__await await;
    aio_wait_item *items;
    size_t pending;
    bool all; /* failures are results */
};

static void settle(struct gather *gather, int result)
{
    gather->await.over = true;
    aio__wake(&gather->await.wait, result);
}

/* asyncio's _done_callback. */
static void one_done(aio__handle *handle)
{
    aio_wait_item *item = aio__wait_item_of(handle);
    struct gather *gather = item->waiting;
    int result = aio__wait_item_result(item);
    gather->pending--;
    if (gather->await.over)
        return;
    if (result < 0 && !gather->all)
        settle(gather, result);
    else if (gather->pending == 0)
        settle(gather, gather->await.cancelled ? -ECANCELED : 0);
}

static void undo(aio__await *await)
{
    struct gather *gather = aio__container(await, struct gather, await);
    (void)aio__wait_items_release(gather->items, await->count, AIO__ASKED_NONE);
}

/* Counts those that are not done: 0; the first failure of those that are, unless all are wanted. */
static int look(struct gather *gather)
{
    for (size_t i = 0; i < gather->await.count; i++) {
        const aio_wait_item *item = &gather->items[i];
        if (!aio__wait_item_done(item))
            gather->pending++;
        else if (!gather->all && aio__wait_item_result(item) < 0)
            return aio__wait_item_result(item);
    }
    return 0;
}

/* Waits: 0, or the first failure; gather->await.wait.result is the same, unless the wait was
 * refused or that was dropped. */
static int park(struct gather *gather)
{
    aio__await *await = &gather->await;
    int rc = aio__await_begin(await, aio__await_pass_on, "gather");
    if (rc == 0)
        rc = aio__await_check(await);
    if (rc < 0)
        return rc;
    aio_loop *loop = await->wait.task->future.scheduler->loop;
    for (size_t i = 0; i < await->count; i++) {
        if (aio__wait_item_done(&gather->items[i]))
            aio__wait_item_hold(&gather->items[i], gather);
        else
            aio__wait_item_watch(&gather->items[i], loop, one_done, gather);
    }
    return aio__park(&await->wait);
}

int aio_gather(aio_wait_item *items, size_t count, unsigned flags)
{
    struct gather gather = {.items = items, .all = (flags & AIO_GATHER_ERRORS) != 0};
    if (!aio__may_suspend("gather"))
        return -EPERM;
    if ((flags & ~AIO_GATHER_ERRORS) != 0)
        return -EINVAL;
    int rc = aio__wait_items_check(items, count);
    if (rc < 0 || count == 0)
        return rc;
    gather.await.futures = &items->future;
    gather.await.stride = sizeof *items;
    gather.await.count = count;
    gather.await.undo = undo;
    rc = look(&gather);
    bool waits = rc == 0 && gather.pending > 0;
    if (waits)
        rc = park(&gather);
    /* Refused, or cancelled although it was over, the task does not learn how they fared. */
    bool told = !waits || rc == gather.await.wait.result;
    (void)aio__wait_items_release(items, count, told ? AIO__ASKED_ALL : AIO__ASKED_NONE);
    return rc;
}
