/*
 * Awaiting futures and tasks, and passing a cancellation on along what is awaited.
 *
 * While a task awaits, its own handle lies in the future's list of waiters.
 */
#include <errno.h>

#include <aio/task.h>

#include "task/scheduler.h"
#include "task/wait.h"

struct await {
    aio__wait wait;
    aio_future *future;
    unsigned shares; /* in the future, that end with the wait: if the task is abandoned in it */
};

/* The wait's own; and the caller's, which aio_join() and aio_task_stop() take. */
enum { OWN_SHARE = 1, BOTH_SHARES = 2 };

/* ---- cancelling ----------------------------------------------------------------------------- */

static bool pass_on(aio__wait *wait)
{
    return aio__future_request_cancel(aio__container(wait, struct await, wait)->future);
}

static bool stop_waiting(aio__wait *wait)
{
    struct await *await = aio__container(wait, struct await, wait);
    if (await->future->done || wait->result != 0)
        return false; /* it was woken, by that or by a cancellation */
    aio__link_remove(&wait->task->handle.link);
    aio__wake(wait, -ECANCELED);
    return true;
}

/* How a task awaits a future; NULL if it waits for something else, or not at all. */
static struct await *await_of(const aio__task *task)
{
    aio__wait *wait = task->wait;
    bool awaits = wait != NULL && (wait->abort == pass_on || wait->abort == stop_waiting);
    return awaits ? aio__container(wait, struct await, wait) : NULL;
}

static aio_future *awaited_by(const aio__task *task)
{
    struct await *await = await_of(task);
    return await != NULL ? await->future : NULL;
}

/* It has ignored its shut-down, and is in a wait that has begun and will never end. */
static bool stands_still(const aio__task *task)
{
    return task->doomed && task->last_waits == 0;
}

/*
 * asyncio's Task.cancel: what the task awaits is cancelled, and if that is a task, what it awaits,
 * and so on.  A loop, since such a chain may be longer than a stack is deep.
 */
bool aio__future_request_cancel(aio_future *future)
{
    aio__task *waiter = NULL; /* that awaits `future` */
    for (;;) {
        if (future->done) {
            /* It woke the waiter, which has not gone on: when it does, it is cancelled. */
            if (waiter != NULL)
                waiter->must_cancel = true;
            return waiter != NULL;
        }
        if (!future->is_task) {
            aio__future_complete(future, -ECANCELED);
            return true;
        }
        aio__task *task = aio__task_of(future);
        aio__wait *wait = task->wait;
        task->cancels++;
        if (wait == NULL || wait->abort == NULL || stands_still(task)) {
            task->must_cancel = true;
            return true;
        }
        if (wait->abort != pass_on) {
            if (!wait->abort(wait))
                task->must_cancel = true;
            return true;
        }
        waiter = task;
        future = aio__container(wait, struct await, wait)->future;
    }
}

void aio__task_undo_wait(aio__task *task)
{
    aio__wait *wait = task->wait;
    struct await *await = await_of(task);
    bool still = stands_still(task);
    task->doomed = true;
    /* Who awaits is only a link in a list, and need not cancel what it awaits. */
    if (wait != NULL && wait->abort != NULL && await == NULL && !still)
        (void)wait->abort(wait);
    if (aio__link_linked(&task->handle.link))
        aio__link_remove(&task->handle.link);
    task->wait = NULL;
    while (await != NULL && await->shares > 0) {
        await->shares--;
        aio_release(await->future);
    }
}

void aio__task_undo_waits(aio__scheduler *scheduler)
{
    aio__list_foreach(link, &scheduler->tasks)
        aio__task_undo_wait(aio__container(link, aio__task, all));
}

/* ---- awaiting ------------------------------------------------------------------------------- */

/*
 * Whether awaiting `future` would close a circle of tasks that await each other.  Only a task that
 * somebody awaits can close one; so a chain, in whichever order it is made, is not walked over and
 * over.
 */
static bool closes_circle(const aio__task *task, aio_future *future)
{
    if (&task->future == future)
        return true;
    if (aio__list_empty(&task->future.waiters))
        return false;
    while (future != NULL && future->is_task && !future->done) {
        const aio__task *awaiter = aio__task_of(future);
        /* One whose wait was cancelled, and that has not gone on yet, waits for nothing. */
        bool cancelled = awaiter->wait != NULL && awaiter->wait->result < 0;
        future = cancelled ? NULL : awaited_by(awaiter);
        if (future == &task->future)
            return true;
    }
    return false;
}

static int can_await(const aio__task *task, aio_future *future)
{
    if (future->scheduler != task->future.scheduler)
        return -EINVAL;
    return closes_circle(task, future) ? -EDEADLK : 0;
}

/* Waits for a future that is not done.  Passing on, it gives the future's result; else 0. */
static int wait_for(aio_future *future, bool (*abort)(aio__wait *wait), unsigned shares)
{
    struct await await = {.future = aio_retain(future), .shares = shares};
    int rc = aio__wait_begin(&await.wait, abort, future->is_task ? "task" : "future");
    if (rc == 0)
        rc = can_await(await.wait.task, future);
    if (rc == 0) {
        aio__list_push_back(&future->waiters, &aio__wait_handle(&await.wait)->link);
        rc = aio__park(&await.wait);
        /* Cancelled although the future is done, it has not asked how that one fared. */
        if (abort == pass_on && rc == 0)
            rc = aio_future_result(future);
    }
    aio_release(future);
    return rc;
}

static int await_result(aio_future *future, unsigned shares)
{
    if (future == NULL)
        return -ENOMEM;
    if (aio__task_running() == NULL)
        return -EPERM;
    return future->done ? aio_future_result(future) : wait_for(future, pass_on, shares);
}

static int await_end(aio_future *future, unsigned shares)
{
    if (future == NULL)
        return -ENOMEM;
    if (aio__task_running() == NULL)
        return -EPERM;
    return future->done ? 0 : wait_for(future, stop_waiting, shares);
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
