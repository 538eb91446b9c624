/*
 * Awaiting futures and tasks, and passing a cancellation on along what is awaited.
 *
 * While a task awaits, its own handle lies in the future's list of waiters.
 */
#include <errno.h>

#include <aio/task.h>

#include "task/scheduler.h"

struct await {
    aio__wait wait;
    aio_future *future;
};

/* ---- cancelling --------------------------------------------------------------------------------- */

static bool pass_on(aio__wait *wait)
{
    return aio__future_request_cancel(aio__container(wait, struct await, wait)->future);
}

static bool stop_waiting(aio__wait *wait)
{
    struct await *await = aio__container(wait, struct await, wait);
    if (await->future->done)
        return false;
    aio__link_remove(&wait->task->handle.link);
    aio__wake(wait, -ECANCELED);
    return true;
}

/* The future that a task awaits; NULL if it waits for something else, or not at all. */
static aio_future *awaited_by(const aio__task *task)
{
    aio__wait *wait = task->wait;
    bool awaits = wait != NULL && (wait->abort == pass_on || wait->abort == stop_waiting);
    return awaits ? aio__container(wait, struct await, wait)->future : NULL;
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
        if (wait == NULL || wait->abort == NULL) {
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
    /* Who awaits is only a link in a list, and need not cancel what it awaits. */
    if (wait != NULL && wait->abort != NULL && awaited_by(task) == NULL)
        (void)wait->abort(wait);
    if (aio__link_linked(&task->handle.link))
        aio__link_remove(&task->handle.link);
    task->wait = NULL;
}

/* ---- awaiting ----------------------------------------------------------------------------------- */

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
        future = awaited_by(aio__task_of(future));
        if (future == &task->future)
            return true;
    }
    return false;
}

/* Waits for a future that is not done.  Passing on, it gives the future's result; else 0. */
static int wait_for(aio_future *future, bool (*abort)(aio__wait *wait))
{
    struct await await = {.future = future};
    int rc = aio__wait_begin(&await.wait, abort, future->is_task ? "task" : "future");
    if (rc < 0)
        return rc;
    if (closes_circle(await.wait.task, future))
        return -EDEADLK;
    future->references++;
    aio__list_push_back(&future->waiters, &aio__wait_handle(&await.wait)->link);
    rc = aio__park(&await.wait);
    if (abort == pass_on) {
        int result = aio_future_result(future);
        rc = rc < 0 ? rc : result;
    }
    aio_release(future);
    return rc;
}

int aio_await(aio_future *future)
{
    if (future == NULL)
        return -ENOMEM;
    if (aio__task_running() == NULL)
        return -EPERM;
    return future->done ? aio_future_result(future) : wait_for(future, pass_on);
}

int aio_await_done(aio_future *future)
{
    if (future == NULL)
        return -ENOMEM;
    if (aio__task_running() == NULL)
        return -EPERM;
    return future->done ? 0 : wait_for(future, stop_waiting);
}

int aio_join(aio_task *task)
{
    int rc = aio_await(task);
    aio_release(task);
    return rc;
}

int aio_task_stop(aio_task *task)
{
    if (task == NULL)
        return -ENOMEM;
    bool cancelled = false;
    int rc = 0;
    (void)aio__future_request_cancel(task);
    while (!task->done && (rc == 0 || rc == -ECANCELED)) {
        rc = aio_await_done(task);
        cancelled = cancelled || rc == -ECANCELED;
    }
    if (task->done) {
        rc = aio_future_result(task);
        rc = rc == -ECANCELED ? 0 : rc;
    }
    aio_release(task);
    return cancelled ? -ECANCELED : rc;
}
