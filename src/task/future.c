/*
 * Futures: a result, and the list of those who want it.
 */
#include <errno.h>

#include <aio/future.h>

#include "base/sys.h"
#include "task/scheduler.h"

void aio__future_init(aio_future *future, aio__scheduler *scheduler, const char *place)
{
    *future = (aio_future){.place = place, .scheduler = scheduler, .references = 1};
    aio__list_init(&future->waiters);
    scheduler->references++;
}

static aio_future *future_new(aio__scheduler *scheduler, const char *place)
{
    aio_future *future = scheduler != NULL ? aio__pool_get(scheduler->future_pool) : NULL;
    if (future == NULL) {
        errno = scheduler != NULL ? ENOMEM : errno;
        return NULL;
    }
    aio__future_init(future, scheduler, place);
    if (scheduler->loop->debug)
        aio__list_push_back(&scheduler->held, &future->held);
    return future;
}

/* In debug mode, who has no share in it must not take or give one: there is no result to say so. */
static void check_share(const aio_future *future)
{
    const aio_loop *loop = future->scheduler->loop;
    if (AIO__LIKELY(loop == NULL || !loop->debug))
        return;
    if (aio__loop_foreign(loop))
        aio__debug_stop("a future is retained or released by another thread than its loop's",
                        future->place);
    /* A task that has not ended has the loop's share, too. */
    if (future->references <= (future->is_task && !future->done))
        aio__debug_stop("a future is retained or released by who has no share in it",
                        future->place);
}

aio_future *aio_future_new_at(const char *place)
{
    return future_new(aio__scheduler_here(), place);
}

aio_future *aio_future_new_on_at(const char *place, aio_loop *loop)
{
    if (loop != NULL)
        return future_new(aio__scheduler_of(loop), place);
    errno = EINVAL;
    return NULL;
}

aio_future *(aio_future_new)(void)
{
    return aio_future_new_at(NULL);
}

aio_future *(aio_future_new_on)(aio_loop *loop)
{
    return aio_future_new_on_at(NULL, loop);
}

aio_future *aio_retain(aio_future *future)
{
    if (future != NULL) {
        check_share(future);
        future->references++;
    }
    return future;
}

/* Of a task, in its own context, whoever releases it. */
static void tell_in_context(aio_future *future, const aio_failure *failure)
{
    aio_loop *loop = future->scheduler->loop;
    if (loop == NULL || !future->is_task) {
        aio__loop_tell(loop, failure);
        return;
    }
    aio__variables *context = loop->context;
    loop->context = &aio__task_of(future)->variables;
    aio__loop_tell(loop, failure);
    loop->context = context;
}

void aio__future_report(aio_future *future)
{
    if (!future->done || future->retrieved || future->result >= 0 || future->result == -ECANCELED)
        return;
    future->retrieved = true;
    aio_failure failure = {.message = "a future failed and nobody awaited it",
                           .error = future->result,
                           .place = future->place};
    if (future->is_task) {
        failure.message = "a task failed and nobody awaited it";
        failure.name = aio_task_name(future);
    }
    tell_in_context(future, &failure);
}

static void future_free(aio_future *future)
{
    aio__scheduler *scheduler = future->scheduler;
    aio__link *link;
    if (aio__link_linked(&future->held))
        aio__link_remove(&future->held);
    aio__future_report(future);
    while ((link = aio__list_pop_front(&future->waiters)) != NULL)
        (void)aio__callback_drop(aio__container(link, aio__handle, link));
    if (future->destroy != NULL)
        future->destroy(future->value);
    if (future->is_task)
        aio__task_free(aio__task_of(future));
    else
        aio__pool_put(scheduler->future_pool, future);
    aio__scheduler_release(scheduler);
}

void aio_release(aio_future *future)
{
    if (future == NULL)
        return;
    check_share(future);
    if (--future->references == 0)
        future_free(future);
}

static const char *name_of(const aio_future *future)
{
    return future->is_task ? aio_task_name(future) : NULL;
}

/* It failed, and he who waited for it was cancelled before; that is told once. */
static void report_shielded(aio_future *future)
{
    if (future->result >= 0 || future->result == -ECANCELED)
        return;
    future->retrieved = true;
    aio__loop_report(future->scheduler->loop, "exception in shielded future", name_of(future),
                     future->result);
}

void aio__future_complete(aio_future *future, int result)
{
    future->done = true;
    future->result = result;
    aio_loop *loop = future->scheduler->loop;
    if (loop != NULL)
        aio__loop_enqueue_all(loop, &future->waiters);
    if (AIO__UNLIKELY(future->shielded))
        report_shielded(future);
}

/* In debug mode, whether its loop runs on another thread. */
static bool is_foreign(const aio_future *future)
{
    const aio_loop *loop = future->scheduler->loop;
    return loop != NULL && aio__loop_foreign(loop);
}

int aio_future_set(aio_future *future, int result)
{
    if (future == NULL)
        return -ENOMEM;
    if (future->is_task)
        return -EINVAL;
    if (is_foreign(future))
        return aio__loop_refuse(future->scheduler->loop, "aio_future_set");
    if (future->done)
        return -AIO_ESTATE;
    aio__future_complete(future, result);
    return 0;
}

int aio_future_set_value(aio_future *future, void *value, void (*destroy)(void *value))
{
    if (future == NULL)
        return -ENOMEM;
    if (future->is_task && aio__task_running() != aio__task_of(future))
        return -EINVAL;
    if (is_foreign(future))
        return aio__loop_refuse(future->scheduler->loop, "aio_future_set_value");
    if (future->done)
        return -AIO_ESTATE;
    void *old_value = future->value;
    void (*old_destroy)(void *) = future->destroy;
    future->value = value;
    future->destroy = destroy;
    if (!future->is_task)
        aio__future_complete(future, 0);
    if (old_destroy != NULL)
        old_destroy(old_value); /* of a task that gives itself another one; may call us */
    return 0;
}

void *aio_future_value(const aio_future *future)
{
    return future != NULL ? future->value : NULL;
}

int aio_future_result(aio_future *future)
{
    if (future == NULL)
        return -ENOMEM;
    if (!future->done)
        return -AIO_ESTATE;
    future->retrieved = true;
    return future->result;
}

bool aio_future_done(const aio_future *future)
{
    return future != NULL && future->done;
}

bool aio_future_cancelled(const aio_future *future)
{
    return future != NULL && future->done && future->result == -ECANCELED;
}

int aio_future_cancel(aio_future *future)
{
    if (future == NULL)
        return -ENOMEM;
    if (is_foreign(future))
        return aio__loop_refuse(future->scheduler->loop, "aio_future_cancel");
    return aio__future_request_cancel(future);
}

int aio_future_on_done(aio_future *future, aio_handle *handle, aio_callback callback, void *arg)
{
    if (future == NULL)
        return -ENOMEM;
    aio_loop *loop = future->scheduler->loop;
    if (is_foreign(future))
        return aio__loop_refuse(loop, "aio_future_on_done");
    int rc = aio__callback_prepare(loop, handle, callback, arg);
    if (rc < 0)
        return rc;
    if (future->done)
        aio__loop_enqueue(loop, &handle->timer.handle);
    else
        aio__list_push_back(&future->waiters, &handle->timer.handle.link);
    return 0;
}
