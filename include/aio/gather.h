/*
 * aio/gather.h: waiting for several futures at once, or for one with a limit:
 * asyncio's gather, wait, wait_for, as_completed and shield.
 *
 *     aio_wait_item items[] = {AIO_WAIT_ITEM(first), AIO_WAIT_ITEM(second)};
 *     int rc = aio_gather(items, 2, 0);         // both have a result, or one has failed
 *     if (rc == 0)
 *         printf("%d %d\n", items[0].result, items[1].result);
 *
 * The items are the caller's storage: each a future, which stays the caller's, and
 * what became of it.  Waiting allocates nothing, however many there are.  One
 * future may stand in several items, and in several waits, but an item is in one
 * wait at a time.
 *
 * Thread-safety: of the thread whose loop runs.
 */
#ifndef AIO_GATHER_H
#define AIO_GATHER_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One of the futures waited for.  Begin with AIO_WAIT_ITEM(future), or with zeros. */
typedef struct aio_wait_item {
    aio_future *future; /* NULL: counts as done with -ENOMEM, as what a failed spawn returns */
    int result;         /* valid where it is done */
    bool done;
    struct aio__handle handle; /* private: in the future's list */
    void *waiting;             /* private: who waits; NULL for nobody */
} aio_wait_item;

#define AIO_WAIT_ITEM(future)                                                                      \
    {                                                                                              \
        (future), 0, false, {{0, 0}, 0, AIO__PLACE_ANY}, 0                                         \
    }

/* ---- gather --------------------------------------------------------------------------------- */

/* Failures are results like others; it waits for all (return_exceptions). */
#define AIO_GATHER_ERRORS 1u

/*
 * Waits until all futures are done, or one has failed; the others then go on, and their failures
 * count as asked for.  If the waiting task is cancelled, all of them are, and the wait goes on.
 *
 * Returns    0, and every item has its result; the first failure (-ECANCELED of one that was
 *            cancelled), unless AIO_GATHER_ERRORS; -ECANCELED if the waiting task was cancelled;
 *            -EDEADLK if one awaits the waiting task, or is that; -EPERM outside a task; -EINVAL
 *            for another loop's, or flags that there are not; -EBUSY for an item in use.
 * Suspends   only if none has failed yet, and one is not done.
 * Owns       borrows items for the call; their futures are retained during it.
 */
AIO_API int aio_gather(aio_wait_item *items, size_t count, unsigned flags) AIO_MUST_USE;

/* ---- wait ----------------------------------------------------------------------------------- */

/* What aio_wait() waits for. */
typedef enum aio_wait_until {
    AIO_WAIT_ALL,   /* ALL_COMPLETED */
    AIO_WAIT_FIRST, /* FIRST_COMPLETED */
    AIO_WAIT_ERROR  /* FIRST_EXCEPTION: one has failed (not: was cancelled), or all are done */
} aio_wait_until;

/*
 * Waits until all, the first, or one with an error is done, for at most `duration` ns
 * (AIO_FOREVER); the futures are left alone, whatever happens.
 *
 * Returns    how many items are done: they say which, and how; -ECANCELED if the waiting task was
 *            cancelled; -EPERM outside a task; -EINVAL for no items or more than INT_MAX, another
 *            loop's future, or an `until` that there is not; -EBUSY for an item in use.
 * Suspends   always.
 * Owns       borrows items for the call; their futures are retained during it.
 */
AIO_API int aio_wait(aio_wait_item *items, size_t count, aio_wait_until until,
                     int64_t duration) AIO_MUST_USE;

/* ---- wait_for, shield ----------------------------------------------------------------------- */

/*
 * Awaits a future for at most `duration` ns (AIO_FOREVER); then it is cancelled, and awaited, which
 * may take longer.
 *
 * Returns    its result, also where that came although it was cancelled; -ETIMEDOUT if it ended by
 *            this cancellation; -ECANCELED, -EPERM, -EDEADLK, -EINVAL, -ENOMEM as aio_await().
 * Suspends   only if it is not done.
 * Owns       nothing; it is retained during the wait.
 */
AIO_API int aio_wait_for(aio_future *future, int64_t duration) AIO_MUST_USE;

/*
 * Awaits a future, which goes on if the waiting task is cancelled; if it fails then, that is
 * reported at once.
 *
 * Returns    its result; -ECANCELED if it, or the waiting task, was cancelled; -EPERM, -EDEADLK,
 *            -EINVAL, -ENOMEM as aio_await().
 * Suspends   only if it is not done.
 * Owns       nothing; it is retained during the wait.
 */
AIO_API int aio_shield(aio_future *future) AIO_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
