/*
 * aio/gather.h: waiting for several futures at once, or for one with a limit:
 * asyncio's gather, wait, wait_for, as_completed and shield.
 *
 *     aio_wait_item items[] = {AIO_WAIT_ITEM(first), AIO_WAIT_ITEM(second)};
 *     int rc = aio_gather(items, 2, 0);         // both have a result, or one has failed
 *     if (rc == 0)
 *         printf("%d %d\n", items[0].result, items[1].result);
 *     aio_task_stop(first);                     // they are ours; one may still run
 *     aio_task_stop(second);
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

/* ---- as_completed --------------------------------------------------------------------------- */

/*
 * One after the other, as they get done:
 *
 *     AIO_SCOPED(aio_as_completed) next = AIO_AS_COMPLETED_INIT;
 *     aio_wait_item *item;
 *     int rc = aio_as_completed_begin(&next, items, count, AIO_SEC(10));
 *     while (rc == 0 && (rc = aio_as_completed_next(&next, &item)) > 0)
 *         rc = handle(item->future, item->result);
 *     aio_as_completed_end(&next);
 *
 * It is a scope, as a timeout is: it nests with others, and one that is left open is closed and
 * reported when the scope around it, or the task, ends.
 */
typedef struct aio_as_completed {
    struct aio__iteration *iteration; /* private; NULL while not open */
    const void *owner;                /* private: the task that began it; only to compare with */
} aio_as_completed;

#define AIO_AS_COMPLETED_INIT {0, 0}

/*
 * Begins: for at most `duration` ns in all (AIO_FOREVER).  Each item comes once, so one future as
 * often as it stands in items.  The same task must end it.
 *
 * Returns    0; -ENOMEM; -EPERM outside a task; -EINVAL for NULL, or another loop's future.
 * Suspends   never.
 * Owns       borrows as_completed and items until it ends; the futures are retained meanwhile.
 */
AIO_API int aio_as_completed_begin(aio_as_completed *as_completed, aio_wait_item *items,
                                   size_t count, int64_t duration) AIO_MUST_USE;

/*
 * The next one that is done; of several tasks that ask, each gets another one.
 *
 * Returns    1, and the item in *out_item; 0 after the last; -ETIMEDOUT, once for each that did not
 *            come in time; -ECANCELED, and it comes next time; -EPERM outside a task; -EINVAL if it
 *            is not open, or was ended meanwhile.
 * Suspends   only if there is none that is done and was not given yet.
 * Owns       nothing; *out_item is one of the caller's.
 */
AIO_API int aio_as_completed_next(aio_as_completed *as_completed,
                                  aio_wait_item **out_item) AIO_MUST_USE;

/*
 * Ends, at any time.  The futures are left alone.
 *
 * Suspends   never, but for a group that was left open inside: its children are awaited.
 * Owns       gives as_completed and items back to the caller.  If it is not open, or another
 *            task's, nothing happens.
 */
AIO_API void aio_as_completed_end(aio_as_completed *as_completed);

#if defined(__GNUC__)
/* For AIO_SCOPED(aio_as_completed). */
static inline void aio_as_completed_cleanup(aio_as_completed *as_completed)
{
    aio_as_completed_end(as_completed);
}
#endif

#ifdef __cplusplus
}
#endif

#endif
