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

/* It leaves the loop; false if it was the library's, and is gone. */
static bool leave(aio_handle *handle)
{
    if ((handle->flags & RESERVED) != 0)
        aio__heap_unreserve(&handle->loop->timers);
    bool allocated = (handle->flags & ALLOCATED) != 0;
    handle->flags = 0;
    if (allocated)
        aio__sys_free(handle);
    return !allocated;
}

static void run_callback(aio__handle *queued)
{
    aio_handle *handle = aio__container(queued, aio_handle, timer.handle);
    aio_callback callback = handle->callback;
    void *arg = handle->arg;
    handle->loop->callback = callback;
    leave(handle);
    callback(arg); /* may queue the handle anew, or free it */
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
    if (rc == 0)
        rc = aio__heap_reserve(&loop->timers);
    if (rc < 0)
        return rc;
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
