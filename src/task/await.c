/*
 * Awaiting a future or task.
 *
 * While a task awaits, its own handle lies in the future's list of waiters.
 */
#include <errno.h>

#include <aio/task.h>

#include "task/graph.h"

struct single {
    aio__await await;
    aio_future *future;
    unsigned shares; /* in the future, that end with the wait: if the task is abandoned in it */
};

/* The wait's own; and the caller's, which aio_join() and aio_task_stop() take. */
enum { OWN_SHARE = 1, BOTH_SHARES = 2 };

static bool stop_waiting(aio__wait *wait)
{
    struct single *single = aio__container(wait, struct single, await.wait);
    if (single->future->done || single->await.over)
        return false; /* it was woken, by that or by a cancellation */
    aio__link_remove(&wait->task->handle.link);
    single->await.over = true;
    aio__wake(wait, -ECANCELED);
    return true;
}

static void drop_shares(aio__await *await)
{
    struct single *single = aio__container(await, struct single, await);
    while (single->shares > 0) {
        single->shares--;
        aio_release(single->future);
    }
}

/* Waits for a future that is not done.  Passing on, it gives the future's result; else 0. */
static int wait_for(aio_future *future, bool (*abort)(aio__wait *wait), unsigned shares,
                    aio__timer *timer)
{
    struct single single = {.future = aio_retain(future), .shares = shares};
    aio__await *await = &single.await;
    await->futures = &single.future;
    await->count = 1;
    await->undo = drop_shares;
    await->timer = timer;
    int rc = aio__await_begin(await, abort, future->is_task ? "task" : "future");
    if (rc == 0)
        rc = aio__await_check(await);
    if (rc == 0) {
        if (timer != NULL)
            aio__loop_timer_start(future->scheduler->loop, timer, timer->when);
        aio__list_push_back(&future->waiters, &aio__wait_handle(&await->wait)->link);
        rc = aio__park(&await->wait);
        /* Cancelled although the future is done, it has not asked how that one fared. */
        if (abort == aio__await_pass_on && rc == 0)
            rc = aio_future_result(future);
    }
    aio_release(future);
    return rc;
}

int aio__await_limited(aio_future *future, aio__timer *timer)
{
    return wait_for(future, aio__await_pass_on, OWN_SHARE, timer);
}

/* ---- the calls ------------------------------------------------------------------------------ */

static int await_result(aio_future *future, unsigned shares)
{
    if (future == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("await"))
        return -EPERM;
    return future->done ? aio_future_result(future)
                        : wait_for(future, aio__await_pass_on, shares, NULL);
}

static int await_end(aio_future *future, unsigned shares)
{
    if (future == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("await"))
        return -EPERM;
    return future->done ? 0 : wait_for(future, stop_waiting, shares, NULL);
}

int aio_await(aio_future *future)
{
    return await_result(future, OWN_SHARE);
}

int aio_await_done(aio_future *future)
{
    return await_end(future, OWN_SHARE);
}

int aio_join(aio_task *task)
{
    int rc = await_result(task, BOTH_SHARES);
    aio_release(task);
    return rc;
}

int aio_task_stop(aio_task *task)
{
    if (task == NULL)
        return -ENOMEM;
    bool cancelled = false;
    aio__task *running = aio__task_running();
    int rc = running != NULL ? 0 : -EPERM;
    bool foreign = running != NULL && running->future.scheduler != task->scheduler;
    if (!foreign && task != aio_task_current())
        (void)aio__future_request_cancel(task);
    while (!task->done && (rc == 0 || rc == -ECANCELED)) {
        rc = await_end(task, BOTH_SHARES);
        cancelled = cancelled || rc == -ECANCELED;
    }
    if (!task->done && cancelled)
        running->must_cancel = true; /* it gave up: the cancellation comes with its next wait */
    if (task->done && rc != -EPERM) {
        rc = aio_future_result(task);
        rc = cancelled ? -ECANCELED : rc == -ECANCELED ? 0 : rc;
    }
    aio_release(task);
    return rc;
}
