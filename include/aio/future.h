/*
 * aio/future.h: a result that is not there yet, asyncio's Future.
 *
 * Any number of tasks await it, any number of callbacks hear of it, somebody
 * sets it once.  A task is a future too: all of this takes tasks as well.
 *
 *     aio_future *answer = aio_future_new();
 *     aio_go(asker, answer);               // ... aio_await(answer) ...
 *     aio_future_set(answer, 42);          // wakes all that wait, in their order
 *     aio_release(answer);
 *
 * Its result is an int: >= 0, or a negative error; -ECANCELED says that it was
 * cancelled.  A pointer can go with it (aio_future_set_value()).
 *
 * Thread-safety: a future belongs to its loop's thread.
 */
#ifndef AIO_FUTURE_H
#define AIO_FUTURE_H

#include <aio/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aio_future aio_future;

/*
 * Makes a pending future on the loop that runs here; on that loop.
 *
 * Returns    the future; NULL with errno ENOMEM, EPERM where no loop runs, EINVAL for a NULL loop.
 * Suspends   never.
 * Owns       gives the caller the future, release with aio_release().
 */
AIO_API aio_future *aio_future_new(void) AIO_MUST_USE;
AIO_API aio_future *aio_future_new_on(aio_loop *loop) AIO_MUST_USE;

/*
 * The same on behalf of another place in the source: what these macros call, so that a dump can say
 * where the future was made.  `place` is a text that outlives the future, or NULL.
 *
 * Returns    as aio_future_new().
 * Suspends   never.
 * Owns       as aio_future_new(); borrows place as long as there is the future.
 */
AIO_API aio_future *aio_future_new_at(const char *place) AIO_MUST_USE;
AIO_API aio_future *aio_future_new_on_at(const char *place, aio_loop *loop) AIO_MUST_USE;
#define aio_future_new() aio_future_new_at(AIO_HERE)
#define aio_future_new_on(...) aio_future_new_on_at(AIO_HERE, __VA_ARGS__)

/* One more owner; returns the same future, or NULL for NULL. */
AIO_API aio_future *aio_retain(aio_future *future);
/*
 * One owner less; the last one frees it, and its value.  A failure that nobody has ever asked for
 * is then reported; that of a task, if it is not released before, when the loop closes.  A task
 * that still runs goes on.  NULL is ignored.
 */
AIO_API void aio_release(aio_future *future);

/*
 * Sets the result, and wakes those who wait in the loop's next turn.
 *
 * Returns    0; -AIO_ESTATE if it is done already; -EINVAL if it is a task; -ENOMEM for NULL.
 * Suspends   never; no waiter runs inside this call.
 * Owns       nothing.
 */
AIO_API int aio_future_set(aio_future *future, int result);

/*
 * Sets the result to 0 with a pointer beside it.  The running task may so give itself a value
 * before it returns; that does not end it.
 *
 * Returns    as aio_future_set(); -EINVAL for a task that is not the one that runs.
 * Suspends   never.
 * Owns       where it returns 0, takes value: destroy(value) is called at the last release; NULL
 *            for nothing.
 */
AIO_API int aio_future_set_value(aio_future *future, void *value, void (*destroy)(void *value));

/* The pointer that was set; NULL if there is none. */
AIO_API void *aio_future_value(const aio_future *future);
/* The result; -AIO_ESTATE while it is pending; -ENOMEM for NULL. */
AIO_API int aio_future_result(aio_future *future);
/* Whether it has a result, or was cancelled. */
AIO_API bool aio_future_done(const aio_future *future);
/* Whether it was cancelled. */
AIO_API bool aio_future_cancelled(const aio_future *future);

/*
 * Cancels it: its result is -ECANCELED at once.  Of a task: aio_task_cancel().
 *
 * Returns    1; 0 if it was done already, and then nothing has changed; -ENOMEM for NULL.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_future_cancel(aio_future *future);

/*
 * Calls callback(arg) once it is done, in the turn after; if it is done already, in the next one.
 * Callbacks and waiting tasks are served in the order in which they came.  aio_handle_cancel()
 * takes it back.
 *
 * Returns    0; -EBUSY if the handle is queued already; -EINVAL for a NULL handle; -ENOMEM for a
 *            NULL future.
 * Suspends   never; nor may the callback.
 * Owns       borrows handle until it has run, was cancelled, or the future is gone.
 */
AIO_API int aio_future_on_done(aio_future *future, aio_handle *handle, aio_callback callback,
                               void *arg);

/*
 * Waits until it is done: asyncio's `await future`.  If the waiting task is cancelled, so is the
 * future (of a task: the request is passed on), and the wait ends when the future does.
 *
 * Returns    its result; -ECANCELED if it, or the waiting task, was cancelled; -EPERM outside a
 *            task; -EDEADLK for a task that awaits itself, or a task that awaits it; -EINVAL if it
 *            is another loop's; -ENOMEM for NULL.
 * Suspends   only if it is not done.
 * Owns       nothing; it is retained during the wait.
 */
AIO_API int aio_await(aio_future *future) AIO_MUST_USE;

/*
 * Waits until it is done, and leaves it alone if the waiting task is cancelled.
 *
 * Returns    0 when it is done, however it fared (aio_future_result()); -ECANCELED if the waiting
 *            task was cancelled; -EPERM, -EDEADLK, -EINVAL, -ENOMEM as aio_await().
 * Suspends   only if it is not done.
 * Owns       nothing; it is retained during the wait.
 */
AIO_API int aio_await_done(aio_future *future) AIO_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
