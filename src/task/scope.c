/*
 * The records of scopes, and their deadlines.
 */
#include "task/scope.h"

#include <errno.h>

/* asyncio's Timeout._on_timeout. */
static void expire(aio__handle *handle)
{
    aio__scope *scope = aio__container(handle, aio__scope, timer.handle);
    scope->expired = true;
    (void)aio__future_request_cancel(&scope->task->future);
}

void aio__scope_arm(aio__scope *scope, int64_t when)
{
    aio_loop *loop = scope->task->future.scheduler->loop;
    (void)aio__loop_timer_stop(loop, &scope->timer);
    scope->when = when;
    /* As in asyncio, a deadline that has passed is a callback of the next turn, not a timer. */
    if (when <= aio__loop_update_time(loop)) {
        aio__loop_enqueue(loop, &scope->timer.handle);
    } else if (when != AIO_FOREVER) {
        aio__loop_timer_start(loop, &scope->timer, when);
    }
}

/* A record; their pool is made with the first of them.  NULL without memory. */
static aio__scope *scope_get(aio__scheduler *scheduler)
{
    if (AIO__UNLIKELY(scheduler->scope_pool == NULL))
        scheduler->scope_pool = aio__pool_open(sizeof(aio__scope));
    return scheduler->scope_pool != NULL ? aio__pool_get(scheduler->scope_pool) : NULL;
}

int aio__scope_open(aio__scope **out_scope, const void *owner, int64_t when)
{
    aio__task *task = aio__task_running();
    if (task == NULL || task->future.done) /* one that has ended, in what its release calls */
        return -EPERM;
    aio__scheduler *scheduler = task->future.scheduler;
    int rc = aio__heap_reserve(&scheduler->loop->timers);
    if (rc < 0)
        return rc;
    aio__scope *scope = scope_get(scheduler);
    if (scope == NULL) {
        aio__heap_unreserve(&scheduler->loop->timers);
        return -ENOMEM;
    }
    *scope = (aio__scope){
        .task = task, .owner = owner, .outer = task->scopes, .cancelling = task->cancels};
    scope->timer.handle.run = expire;
    scope->timer.handle.place = AIO__PLACE_ANY;
    task->scopes = scope;
    aio__scope_arm(scope, when);
    *out_scope = scope;
    return 0;
}

void aio__scope_close(aio__scope *scope)
{
    aio__task *task = scope->task;
    aio__scheduler *scheduler = task->future.scheduler;
    (void)aio__loop_timer_stop(scheduler->loop, &scope->timer);
    aio__heap_unreserve(&scheduler->loop->timers);
    task->scopes = scope->outer;
    aio__pool_put(scheduler->scope_pool, scope);
}

void aio__scopes_close(aio__task *task, aio__scope *until)
{
    while (task->scopes != until) {
        aio__scope *scope = task->scopes;
        if (scope->expired)
            (void)aio__task_uncancel(task);
        aio__scope_close(scope);
        aio__loop_report(task->future.scheduler->loop, "a timeout was begun and never ended",
                         aio_task_name(&task->future), -EINVAL);
    }
}
