/*
 * Callbacks: handles that a program queues, now or for later.
 */
#include <errno.h>

#include <aio/loop.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"
#include "loop/loop.h"

/* An aio_handle's flags. */
#define ALLOCATED 1u /* freed when it runs, or is cancelled */
#define RESERVED 2u  /* it has a place in the timers' heap */
#define POSTED 4u    /* another thread's; the loop has not seen it yet */

static void give_variables_back(aio_handle *handle)
{
    aio__variable_tree *variables = handle->variables;
    handle->variables = NULL;
    aio__variable_tree_release(variables);
}

/* It leaves the loop; false if it was the library's, and is gone. */
static bool leave(aio_handle *handle)
{
    if ((handle->flags & RESERVED) != 0)
        aio__heap_unreserve(&handle->loop->timers);
    if (AIO__UNLIKELY(handle->variables != NULL))
        give_variables_back(handle);
    bool allocated = (handle->flags & ALLOCATED) != 0;
    handle->flags = 0;
    if (allocated)
        aio__sys_free(handle);
    return !allocated;
}

/* From here on these are a callback's variables; there should be none, but a report's handler may
 * have set some. */
static void enter(aio_loop *loop, aio__variables variables)
{
    aio__variables_drop(&loop->variables);
    loop->variables = variables;
}

static void run_callback(aio__handle *queued)
{
    aio_handle *handle = aio__container(queued, aio_handle, timer.handle);
    aio_callback callback = handle->callback;
    void *arg = handle->arg;
    aio_loop *loop = handle->loop;
    enter(loop, (aio__variables){handle->variables, 0});
    handle->variables = NULL;
    loop->callback = callback;
    leave(handle);
    callback(arg); /* may queue the handle anew, or free it */
    aio__variables_drop(&loop->variables);
}

/* The context that is current on this thread, shared. */
static aio__variable_tree *share_variables(void)
{
    aio_loop *loop = aio__loop_running;
    return loop != NULL ? aio__variable_tree_retain(loop->context->root) : NULL;
}

aio_callback aio__callback_drop(aio__handle *queued)
{
    if (queued->run != run_callback)
        return NULL;
    aio_handle *handle = aio__container(queued, aio_handle, timer.handle);
    aio_callback callback = handle->callback;
    leave(handle);
    return callback;
}

bool aio_handle_pending(const aio_handle *handle)
{
    return handle != NULL &&
           (aio__link_linked(&handle->timer.handle.link) || aio__timer_inserted(&handle->timer) ||
            (handle->flags & POSTED) != 0);
}

int64_t aio_handle_when(const aio_handle *handle)
{
    return handle != NULL ? handle->timer.when : 0;
}

int aio__callback_prepare(aio_loop *loop, aio_handle *handle, aio_callback callback, void *arg)
{
    if (loop == NULL || handle == NULL || callback == NULL)
        return -EINVAL;
    if (aio_handle_pending(handle))
        return -EBUSY;
    *handle = (aio_handle)AIO_HANDLE_INIT;
    handle->timer.handle.run = run_callback;
    handle->loop = loop;
    handle->callback = callback;
    handle->arg = arg;
    handle->variables = share_variables();
    return 0;
}

int aio_loop_call_soon(aio_loop *loop, aio_handle *handle, aio_callback callback, void *arg)
{
    if (loop != NULL && aio__loop_foreign(loop))
        return aio__loop_refuse(loop, "aio_loop_call_soon");
    int rc = aio__callback_prepare(loop, handle, callback, arg);
    if (rc == 0)
        aio__loop_enqueue(loop, &handle->timer.handle);
    return rc;
}

int aio_loop_call_at(aio_loop *loop, aio_handle *handle, int64_t when, aio_callback callback,
                     void *arg)
{
    if (loop != NULL && aio__loop_foreign(loop))
        return aio__loop_refuse(loop, "aio_loop_call_at");
    int rc = aio__callback_prepare(loop, handle, callback, arg);
    if (rc < 0)
        return rc;
    rc = aio__heap_reserve(&loop->timers);
    if (rc < 0) {
        give_variables_back(handle);
        return rc;
    }
    handle->flags = RESERVED;
    aio__loop_timer_start(loop, &handle->timer, when);
    return 0;
}

int aio_loop_call_later(aio_loop *loop, aio_handle *handle, int64_t delay, aio_callback callback,
                        void *arg)
{
    if (loop == NULL)
        return -EINVAL;
    int64_t when = aio__time_after(aio__loop_update_time(loop), delay);
    return aio_loop_call_at(loop, handle, when, callback, arg);
}

bool aio_handle_cancel(aio_handle *handle)
{
    if (handle == NULL || (handle->flags & POSTED) != 0)
        return false;
    if (!aio__loop_timer_stop(handle->loop, &handle->timer))
        return false;
    leave(handle);
    return true;
}

/* ---- handles that the library allocates ------------------------------------------------------ */

static aio_handle *handle_new(void)
{
    aio_handle *handle = aio__sys_malloc(sizeof *handle);
    if (handle != NULL)
        *handle = (aio_handle)AIO_HANDLE_INIT;
    else
        errno = ENOMEM;
    return handle;
}

/* What came of queueing a new handle. */
static aio_handle *queued(aio_handle *handle, int rc)
{
    if (rc == 0) {
        handle->flags |= ALLOCATED;
        return handle;
    }
    aio__sys_free(handle);
    errno = -rc;
    return NULL;
}

aio_handle *aio_loop_call_soon_new(aio_loop *loop, aio_callback callback, void *arg)
{
    aio_handle *handle = handle_new();
    if (handle == NULL)
        return NULL;
    return queued(handle, aio_loop_call_soon(loop, handle, callback, arg));
}

aio_handle *aio_loop_call_at_new(aio_loop *loop, int64_t when, aio_callback callback, void *arg)
{
    aio_handle *handle = handle_new();
    if (handle == NULL)
        return NULL;
    return queued(handle, aio_loop_call_at(loop, handle, when, callback, arg));
}

aio_handle *aio_loop_call_later_new(aio_loop *loop, int64_t delay, aio_callback callback, void *arg)
{
    aio_handle *handle = handle_new();
    if (handle == NULL)
        return NULL;
    return queued(handle, aio_loop_call_later(loop, handle, delay, callback, arg));
}

/* ---- from other threads ---------------------------------------------------------------------- */

int aio_loop_call_soon_threadsafe(aio_loop *loop, aio_handle *handle, aio_callback callback,
                                  void *arg)
{
    int rc = aio__callback_prepare(loop, handle, callback, arg);
    if (rc < 0)
        return rc;
    handle->flags = POSTED;
    handle->next_posted = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->posted, &handle->next_posted, handle)) {
    }
    aio__wakeup_send(loop);
    return 0;
}

void aio__callback_arrived(aio_loop *loop, aio_handle *handle)
{
    handle->flags &= ~POSTED;
    aio__list_push_back(&loop->ready, &handle->timer.handle.link);
}

/* ---- callbacks that recur ------------------------------------------------------------------- */

void aio__recurring_begin(aio__recurring *recurring, aio_callback callback, void *arg)
{
    *recurring = (aio__recurring){.callback = callback, .arg = arg};
    recurring->variables.root = share_variables();
}

void aio__recurring_end(aio__recurring *recurring)
{
    if (recurring->ended != NULL)
        *recurring->ended = true;
    recurring->ended = NULL;
    aio__variables_drop(&recurring->variables);
}

void aio__recurring_call(aio_loop *loop, aio__recurring *recurring)
{
    bool ended = false;
    recurring->ended = &ended;
    enter(loop, recurring->variables);
    recurring->variables = (aio__variables){NULL, 0};
    loop->callback = recurring->callback;
    recurring->callback(recurring->arg);
    if (!ended) {
        recurring->ended = NULL;
        recurring->variables = loop->variables;
        loop->variables = (aio__variables){NULL, 0};
    }
    aio__variables_drop(&loop->variables);
}
