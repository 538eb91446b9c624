/*
 * asyncio's wait(): until some or all of several futures are done, which are left
 * alone.
 *
 * As in asyncio it always takes two turns at least, and what is done is looked at
 * afterwards: it may be more than what ended the wait.
 */
#include <errno.h>
#include <limits.h>

#include <aio/gather.h>

#include "task/graph.h"
#include "task/wait_items.h"

struct many {
    aio__await await;
    aio_wait_item *items;
    size_t pending;
    aio_wait_until until;
    aio__timer timer;
};

static void settle(struct many *many, int result)
{
    aio__wait *wait = &many->await.wait;
    (void)aio__loop_timer_stop(wait->task->future.scheduler->loop, &many->timer);
    many->await.over = true;
    aio__wake(wait, result);
}

/* asyncio's _on_completion. */
static void one_done(aio__handle *handle)
{
    aio_wait_item *item = aio__wait_item_of(handle);
    struct many *many = item->waiting;
    int result = aio__wait_item_result(item);
    bool failed = result < 0 && result != -ECANCELED;
    many->pending--;
    if (many->await.over)
        return;
    if (many->pending == 0 || many->until == AIO_WAIT_FIRST ||
        (many->until == AIO_WAIT_ERROR && failed))
        settle(many, 0);
}

static void time_over(aio__handle *handle)
{
    settle(aio__container(handle, struct many, timer.handle), 0);
}

static bool stop_waiting(aio__wait *wait)
{
    struct many *many = aio__container(wait, struct many, await.wait);
    if (many->await.over)
        return false;
    settle(many, -ECANCELED);
    return true;
}

static void undo(aio__await *await)
{
    struct many *many = aio__container(await, struct many, await);
    (void)aio__wait_items_release(many->items, await->count, AIO__ASKED_NONE);
}

static void start_timer(struct many *many, aio_loop *loop, int64_t duration)
{
    if (duration == AIO_FOREVER)
        return;
    many->timer = (aio__timer){.handle = {.run = time_over, .place = AIO__PLACE_ANY}};
    aio__loop_timer_start(loop, &many->timer,
                          aio__time_after(aio__loop_update_time(loop), duration));
}

static int park(struct many *many, int64_t duration)
{
    aio__await *await = &many->await;
    int rc = aio__await_begin(await, stop_waiting, "wait");
    if (rc == 0)
        rc = aio__await_check(await);
    if (rc < 0)
        return rc;
    aio_loop *loop = await->wait.task->future.scheduler->loop;
    start_timer(many, loop, duration);
    for (size_t i = 0; i < await->count; i++)
        aio__wait_item_watch(&many->items[i], loop, one_done, many);
    return aio__park(&await->wait);
}

int aio_wait(aio_wait_item *items, size_t count, aio_wait_until until, int64_t duration)
{
    struct many many = {.items = items, .pending = count, .until = until};
    if (!aio__may_suspend("wait"))
        return -EPERM;
    if (count == 0 || count > INT_MAX || (unsigned)until > AIO_WAIT_ERROR)
        return -EINVAL;
    int rc = aio__wait_items_check(items, count);
    if (rc < 0)
        return rc;
    many.await.futures = &items->future;
    many.await.stride = sizeof *items;
    many.await.count = count;
    many.await.undo = undo;
    many.await.timer = &many.timer;
    many.await.loose = true;
    rc = park(&many, duration);
    enum aio__asked asked = rc == 0 ? AIO__ASKED_DONE : AIO__ASKED_NONE;
    size_t done = aio__wait_items_release(items, count, asked);
    return rc < 0 ? rc : (int)done;
}
