/*
 * Timeouts, asyncio.timeout(): a deadline that cancels the task, and turns that
 * cancellation, if nobody else asked for one, into -ETIMEDOUT.
 */
#include <errno.h>

#include <aio/task.h>

#include "base/util.h"
#include "task/scope.h"

/* ---- the record ----------------------------------------------------------------------------- */

struct record {
    aio__scope scope;
    aio__timer timer; /* of the deadline */
    int64_t when;     /* AIO_FOREVER: no deadline */
    int cancelling;   /* the task's requests to be cancelled when it was opened */
    bool expired;     /* the deadline has come, and has cancelled the task ... */
    aio__own_request request; /* ... so; valid then */
};

/* asyncio's Timeout._on_timeout. */
static void expire(aio__handle *handle)
{
    struct record *record = aio__container(handle, struct record, timer.handle);
    record->expired = true;
    aio__task_request(record->scope.task, &record->request);
}

static void arm(struct record *record, int64_t when)
{
    aio_loop *loop = record->scope.task->future.scheduler->loop;
    (void)aio__loop_timer_stop(loop, &record->timer);
    record->when = when;
    /* As in asyncio, a deadline that has passed is a callback of the next turn, not a timer. */
    if (when <= aio__loop_update_time(loop)) {
        aio__loop_enqueue(loop, &record->timer.handle);
    } else if (when != AIO_FOREVER) {
        aio__loop_timer_start(loop, &record->timer, when);
    }
}

/* Closes the innermost scope. */
static void shut(struct record *record)
{
    aio__scheduler *scheduler = record->scope.task->future.scheduler;
    (void)aio__loop_timer_stop(scheduler->loop, &record->timer);
    aio__heap_unreserve(&scheduler->loop->timers);
    aio__scope_shut(&record->scope);
    aio__pool_put(scheduler->timeout_pool, record);
}

static void drop(aio__scope *scope)
{
    shut(aio__container(scope, struct record, scope));
}

static void close_left_open(aio__scope *scope)
{
    struct record *record = aio__container(scope, struct record, scope);
    if (record->expired)
        (void)aio__task_take_back(scope->task, &record->request);
    shut(record);
}

static const aio__scope_kind TIMEOUT = {"a timeout was begun and never ended", close_left_open,
                                        drop};

/* The record of one that is open, and the running task's; else NULL. */
static struct record *own_record(const aio_timeout *timeout)
{
    aio__scope *scope = timeout != NULL ? aio__scope_own(timeout->scope, timeout) : NULL;
    return scope != NULL ? aio__container(scope, struct record, scope) : NULL;
}

/* ---- a timeout ------------------------------------------------------------------------------ */

int aio_timeout_begin_at(aio_timeout *timeout, int64_t when)
{
    if (timeout == NULL)
        return -EINVAL;
    *timeout = (aio_timeout)AIO_TIMEOUT_INIT;
    aio__task *task = aio__scope_task();
    if (task == NULL)
        return -EPERM;
    aio__scheduler *scheduler = task->future.scheduler;
    int rc = aio__heap_reserve(&scheduler->loop->timers);
    if (rc < 0)
        return rc;
    struct record *record = aio__scope_record(&scheduler->timeout_pool, sizeof *record);
    if (record == NULL) {
        aio__heap_unreserve(&scheduler->loop->timers);
        return -ENOMEM;
    }
    *record = (struct record){.cancelling = task->cancels};
    record->timer.handle.run = expire;
    record->timer.handle.place = AIO__PLACE_ANY;
    aio__scope_open(&record->scope, &TIMEOUT, task, timeout);
    arm(record, when);
    timeout->scope = &record->scope;
    return 0;
}

int aio_timeout_begin(aio_timeout *timeout, int64_t duration)
{
    aio_loop *loop = aio_loop_current();
    int64_t now = loop != NULL ? aio__loop_update_time(loop) : 0;
    return aio_timeout_begin_at(timeout, aio__time_after(now, duration));
}

int aio_timeout_end(aio_timeout *timeout, int result)
{
    struct record *record = own_record(timeout);
    if (record == NULL || !aio__scope_closable(&record->scope))
        return -EINVAL;
    aio__task *task = record->scope.task;
    aio__scopes_close(task, &record->scope);
    /* asyncio's Timeout.__aexit__: its own cancellation is taken back; if no other is left that was
     * not there when it began, the one that ended the work was its own. */
    if (record->expired && aio__task_take_back(task, &record->request) <= record->cancelling &&
        result == -ECANCELED)
        result = -ETIMEDOUT;
    timeout->expired = record->expired;
    timeout->scope = NULL;
    shut(record);
    return result;
}

int aio_timeout_reschedule(aio_timeout *timeout, int64_t when)
{
    struct record *record = own_record(timeout);
    if (record == NULL || record->expired)
        return -EINVAL;
    arm(record, when);
    return 0;
}

int64_t aio_timeout_when(const aio_timeout *timeout)
{
    const struct record *record = own_record(timeout);
    return record != NULL ? record->when : AIO_FOREVER;
}

bool aio_timeout_expired(const aio_timeout *timeout)
{
    const struct record *record = own_record(timeout);
    return record != NULL ? record->expired : timeout != NULL && timeout->expired;
}

int aio_timeout_run(int64_t duration, aio_function function, void *arg)
{
    aio_timeout timeout;
    if (function == NULL)
        return -EINVAL;
    int rc = aio_timeout_begin(&timeout, duration);
    return rc < 0 ? rc : aio_timeout_end(&timeout, function(arg));
}
