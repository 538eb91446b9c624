/*
 * aio/queue.h: queues between tasks: asyncio's Queue, LifoQueue and PriorityQueue.
 *
 *     aio_queue jobs;
 *     int rc = aio_queue_init(&jobs, sizeof(struct job), 10);   // asyncio.Queue(10)
 *     ...
 *     rc = aio_queue_put(&jobs, &job);     // a copy of it; waits while there are 10
 *     rc = aio_queue_get(&jobs, &job);     // waits while there are none
 *     ...
 *     aio_queue_fini(&jobs);
 *
 * Items are copied in and out, and are all of the size that was given when the
 * queue was made; a pointer is an item as good as any.  A `maxsize` of 0 is none:
 * then the queue grows as it must.  One that has a bound has all its memory from
 * the beginning.
 *
 * A queue is the caller's storage, as the things of sync.h are, and must stay where
 * it is; the memory for its items is the queue's own, until aio_queue_fini().
 * Waiting allocates nothing.  A NULL pointer, or a queue of zeroes, is -EINVAL.
 *
 * Those who wait are woken in the order in which they came, and go on in the loop's
 * turn after.  An item is nobody's until then, nor is a free place: whoever asks
 * meanwhile gets it, and who was woken for it waits again, behind the others.
 *
 * Thread-safety: a queue belongs to the thread of the loop whose tasks use it.  What
 * never suspends may be called from callbacks, too.
 */
#ifndef AIO_QUEUE_H
#define AIO_QUEUE_H

#include <aio/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a priority queue compares items with, as qsort() does: < 0 if a goes before b, 0 if they
 * are equal.  It must not suspend, nor use the queue.
 */
typedef int (*aio_compare)(const void *a, const void *b);

/* Private: what is in a queue, and in which order it comes out. */
typedef struct aio__items {
    char *slots; /* so many as `capacity`, of `slot_size` bytes; NULL: none */
    size_t item_size, slot_size, capacity, reserved, start, count;
    uint64_t sequence;   /* by priority: of the next item */
    aio_compare compare; /* by priority; else NULL */
    bool last_first;
} aio__items;

/* A queue; zero-initialised there is none yet. */
typedef struct aio_queue {
    aio__waiters getters, putters, joiners; /* private */
    struct aio__link leaving;               /* private: those who were woken */
    aio__items items;                       /* private */
    size_t maxsize;                         /* private: aio_queue_maxsize() */
    size_t unfinished;                      /* private: puts without their task_done */
    bool shut_down;                         /* private */
} aio_queue;

/* ---- making one ------------------------------------------------------------------------------ */

/*
 * Makes a queue of items of `item_size` bytes, at most `maxsize` of them (0: any number).  What
 * comes out is the first that was put in; or the last; or the least, by `compare`, and of equal
 * ones the first.
 *
 * Returns    0; -EINVAL items of no size, or nothing to compare them with; -ENOMEM no memory for
 *            `maxsize` of them.  Where it fails the queue is zeroes.
 * Suspends   never.
 * Owns       gives the caller the queue's memory, release with aio_queue_fini().
 */
AIO_API int aio_queue_init(aio_queue *queue, size_t item_size, size_t maxsize) AIO_MUST_USE;
AIO_API int aio_queue_init_lifo(aio_queue *queue, size_t item_size, size_t maxsize) AIO_MUST_USE;
AIO_API int aio_queue_init_priority(aio_queue *queue, size_t item_size, size_t maxsize,
                                    aio_compare compare) AIO_MUST_USE;

/*
 * Forgets what is in the queue, and gives its memory back; it is zeroes then.  Who waits in it
 * gets -ESHUTDOWN, in the next turn, and does not touch it any more; nor may anybody else.
 * NULL and zeroes are ignored.  Never suspends.
 */
AIO_API void aio_queue_fini(aio_queue *queue);

/* ---- putting and getting --------------------------------------------------------------------- */

/*
 * Waits until there is room, and puts a copy of the item in.
 *
 * Returns    0; -ECANCELED; -ESHUTDOWN if the queue is shut down, or was meanwhile; -ENOMEM, only
 *            without a bound; -EPERM outside a task.  Where it fails nothing was put in.
 * Suspends   only if the queue is full.
 * Owns       borrows item for the call.
 */
AIO_API int aio_queue_put(aio_queue *queue, const void *item) AIO_MUST_USE;

/*
 * Puts a copy of the item in, if there is room: before those who wait to.
 *
 * Returns    0; -EAGAIN full; -ESHUTDOWN; -ENOMEM as aio_queue_put().
 * Suspends   never.
 * Owns       borrows item for the call.
 */
AIO_API int aio_queue_put_nowait(aio_queue *queue, const void *item) AIO_MUST_USE;

/*
 * Waits until there is an item, and takes it.
 *
 * Returns    0; -ECANCELED, and none was taken; -ESHUTDOWN if the queue is shut down and empty;
 *            -EPERM outside a task.
 * Suspends   only if the queue is empty.
 * Owns       gives the caller *out_item.
 */
AIO_API int aio_queue_get(aio_queue *queue, void *out_item) AIO_MUST_USE;

/*
 * Takes an item, if there is one: before those who wait for one.
 *
 * Returns    0; -EAGAIN empty; -ESHUTDOWN as aio_queue_get().
 * Suspends   never.
 * Owns       gives the caller *out_item.
 */
AIO_API int aio_queue_get_nowait(aio_queue *queue, void *out_item) AIO_MUST_USE;

/* How many items are in it. */
AIO_API size_t aio_queue_size(const aio_queue *queue);
/* How many there can be at most; 0 for any number. */
AIO_API size_t aio_queue_maxsize(const aio_queue *queue);
/* Whether a get would wait. */
AIO_API bool aio_queue_empty(const aio_queue *queue);
/* Whether a put would wait; never without a bound. */
AIO_API bool aio_queue_full(const aio_queue *queue);

/* ---- the work that items are ----------------------------------------------------------------- */

/*
 * Says that the work on an item that was taken is done.
 *
 * Returns    0; -EINVAL said more often than items were put in.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_queue_task_done(aio_queue *queue);

/*
 * Waits until the work on all items that were put in is done.  Whom the last one has woken returns
 * even if another item is put in meanwhile.
 *
 * Returns    0; -ECANCELED; -ESHUTDOWN if the queue is no more (aio_queue_fini()); -EPERM outside
 *            a task.
 * Suspends   only if there is such work.
 * Owns       nothing.
 */
AIO_API int aio_queue_join(aio_queue *queue) AIO_MUST_USE;

/*
 * Shuts the queue down, for good: nothing can be put in any more, not by those who wait to, either;
 * what is in it can still be taken.  Immediately: what is in it is forgotten, and its work counts
 * as done.
 *
 * Returns    0, also the second time.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_queue_shutdown(aio_queue *queue, bool immediately);

#ifdef __cplusplus
}
#endif

#endif
