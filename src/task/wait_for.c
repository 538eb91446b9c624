/*
 * asyncio's wait_for(): an await with a timeout around it.
 *
 * The timer lies beside the await, in the task's own place in the heap, so that
 * this allocates nothing; otherwise it does what a timeout scope does.
 */
#include <errno.h>

#include <aio/gather.h>

#include "task/graph.h"
#include "task/relay.h"

struct limit {
    aio__timer timer;
    aio__task *task;
    bool expired;
};

/* asyncio's Timeout._on_timeout. */
static void expire(aio__handle *handle)
{
    struct limit *limit = aio__container(handle, struct limit, timer.handle);
    limit->expired = true;
    (void)aio__future_request_cancel(&limit->task->future);
}

static int await_limited(aio__task *task, aio_future *future, int64_t duration)
{
    struct limit limit = {.task = task};
    aio_loop *loop = task->future.scheduler->loop;
    int cancelling = task->cancels;
    limit.timer.handle = (aio__handle){.run = expire, .place = AIO__PLACE_ANY};
    limit.timer.when = aio__time_after(aio__loop_update_time(loop), duration);
    int rc = aio__await_limited(future, &limit.timer);
    (void)aio__loop_timer_stop(loop, &limit.timer);
    /* As in a timeout's end: see timeout.c. */
    if (limit.expired && aio__task_uncancel(task) <= cancelling && rc == -ECANCELED)
        rc = -ETIMEDOUT;
    return rc;
}

/* asyncio's _cancel_and_wait(). */
static int cancel_and_wait(aio_future *future)
{
    int result = 0;
    int rc = aio__relay_wait(future, AIO__RELAY_CANCEL, "wait_for", &result);
    if (rc < 0)
        return rc;
    return result == -ECANCELED ? -ETIMEDOUT : result;
}

int aio_wait_for(aio_future *future, int64_t duration)
{
    aio__task *task = aio__task_running();
    if (future == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("wait_for"))
        return -EPERM;
    if (future->done)
        return aio_future_result(future);
    if (duration <= 0)
        return cancel_and_wait(future);
    if (duration == AIO_FOREVER)
        return aio_await(future);
    return await_limited(task, future, duration);
}
