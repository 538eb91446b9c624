/*
 * Timeouts, asyncio.timeout(): a deadline that cancels the task, and turns that
 * cancellation, if nobody else asked for one, into -ETIMEDOUT.
 */
#include <errno.h>

#include <aio/task.h>

#include "base/util.h"
#include "task/scope.h"

/* The scope if it is open, and of the running task; else NULL.  The record of one that was closed
 * with the scope around it may be another's by now. */
static aio__scope *own_scope(const aio_timeout *timeout)
{
    aio__task *task = aio__task_running();
    if (timeout == NULL || timeout->scope == NULL || task == NULL)
        return NULL;
    for (aio__scope *scope = task->scopes; scope != NULL; scope = scope->outer)
        if (scope == timeout->scope && scope->owner == timeout)
            return scope;
    return NULL;
}

int aio_timeout_begin_at(aio_timeout *timeout, int64_t when)
{
    if (timeout == NULL)
        return -EINVAL;
    *timeout = (aio_timeout)AIO_TIMEOUT_INIT;
    return aio__scope_open(&timeout->scope, timeout, when);
}

int aio_timeout_begin(aio_timeout *timeout, int64_t duration)
{
    aio_loop *loop = aio_loop_current();
    int64_t now = loop != NULL ? aio__loop_update_time(loop) : 0;
    return aio_timeout_begin_at(timeout, aio__time_after(now, duration));
}

int aio_timeout_end(aio_timeout *timeout, int result)
{
    aio__scope *scope = own_scope(timeout);
    if (scope == NULL)
        return -EINVAL;
    aio__scopes_close(scope->task, scope);
    /* asyncio's Timeout.__aexit__: its own cancellation is taken back; if no other is left that was
     * not there when it began, the one that ended the work was its own. */
    if (scope->expired && aio__task_uncancel(scope->task) <= scope->cancelling &&
        result == -ECANCELED)
        result = -ETIMEDOUT;
    timeout->expired = scope->expired;
    timeout->scope = NULL;
    aio__scope_close(scope);
    return result;
}

int aio_timeout_reschedule(aio_timeout *timeout, int64_t when)
{
    aio__scope *scope = own_scope(timeout);
    if (scope == NULL || scope->expired)
        return -EINVAL;
    aio__scope_arm(scope, when);
    return 0;
}

int64_t aio_timeout_when(const aio_timeout *timeout)
{
    const aio__scope *scope = own_scope(timeout);
    return scope != NULL ? scope->when : AIO_FOREVER;
}

bool aio_timeout_expired(const aio_timeout *timeout)
{
    const aio__scope *scope = own_scope(timeout);
    return scope != NULL ? scope->expired : timeout != NULL && timeout->expired;
}

int aio_timeout_run(int64_t duration, aio_function function, void *arg)
{
    aio_timeout timeout;
    if (function == NULL)
        return -EINVAL;
    int rc = aio_timeout_begin(&timeout, duration);
    return rc < 0 ? rc : aio_timeout_end(&timeout, function(arg));
}
