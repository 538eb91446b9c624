/*
 * aio/select.h: waiting until one of several things can happen, and doing that
 * one.  asyncio has nothing of the kind.
 *
 *     aio_select_case cases[] = {
 *         AIO_SELECT_RECEIVE(jobs, &job),      // an item of a channel
 *         AIO_SELECT_FUTURE(stop),             // the end of a future or a task
 *         AIO_SELECT_READABLE(fd),             // a descriptor
 *     };
 *     int which = aio_select(cases, 3, AIO_SEC(1));
 *     if (which == 0 && cases[0].result == 0)
 *         work(&job);
 *
 * Exactly one case happens, the one whose index is returned; of the others nothing
 * has been sent, taken or consumed.  Its `result` says how it fared:
 *
 *     send, receive   as aio_channel_send() and aio_channel_receive(): a closed channel makes the
 *                     case happen, with -ESHUTDOWN
 *     future          its result, as of aio_await(); -EDEADLK the task's own, -EINVAL another
 *                     loop's.  A select that is cancelled leaves it alone
 *     descriptor      the events that have come, > 0; an error as of aio_fd_wait()
 *
 * If several could happen at once, the loop draws one by lot, and each is as
 * likely; a run draws the same lots each time (options.shuffle_seed gives others).
 * Whoever finds that none can waits in all of them, in each channel in his turn,
 * and the first that comes is it.  A select never meets itself: one that sends and
 * receives on the same channel waits for somebody else.  Selects meet each other.
 *
 * A case whose channel or future is NULL, or whose descriptor is negative, never
 * happens: so one is left out for a while, by setting that field.  If none is
 * left, only the time and a cancellation end the wait.
 *
 * Cancellation.  A select that is cancelled has not happened, nor has any of its
 * cases.  If an item has changed hands before, it returns that, and the
 * cancellation comes where the task next suspends, as aio/channel.h says; all else
 * that could have woken it takes nothing, so then it is -ECANCELED.
 *
 * Waiting allocates nothing, but for the first wait on a descriptor.
 *
 * Thread-safety: of the thread whose loop runs.
 */
#ifndef AIO_SELECT_H
#define AIO_SELECT_H

#include <aio/channel.h>
#include <aio/io.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Private: what a case is. */
enum aio__select_kind {
    AIO__SELECT_NOTHING,
    AIO__SELECT_SEND,
    AIO__SELECT_RECEIVE,
    AIO__SELECT_FUTURE,
    AIO__SELECT_DESCRIPTOR
};

/* One of the things that are waited for: made by one of the macros below. */
typedef struct aio_select_case {
    enum aio__select_kind kind; /* private; says which of these four is the object */
    int fd;
    aio_channel *channel;
    aio_future *future;
    void *item;      /* to be sent, or where the one that is received shall be */
    unsigned events; /* AIO_READABLE, AIO_WRITABLE */
    int result;      /* how it fared; of the case that happened only */
    /* Private, and valid during the call. */
    int order;
    struct aio__select *select;
    struct aio__watch *watch;
    struct aio__handle handle;
    union {
        struct aio__channel_waiter waiter;
        struct aio__watcher watcher;
    } wait;
} aio_select_case;

#define AIO__SELECT_CASE(kind, fd, channel, future, item, events)                                  \
    {                                                                                              \
        kind, (fd), (channel), (future), (item), (events), 0, 0, 0, 0,                             \
            {{0, 0}, 0, AIO__PLACE_ANY}, {{{0, 0}, 0, 0}}                                          \
    }
/* Sends the bytes at `item`, which must not change meanwhile. */
#define AIO_SELECT_SEND(channel, item)                                                             \
    AIO__SELECT_CASE(AIO__SELECT_SEND, -1, channel, 0, (void *)(uintptr_t)(item), 0)
#define AIO_SELECT_RECEIVE(channel, out_item)                                                      \
    AIO__SELECT_CASE(AIO__SELECT_RECEIVE, -1, channel, 0, out_item, 0)
#define AIO_SELECT_FUTURE(future) AIO__SELECT_CASE(AIO__SELECT_FUTURE, -1, 0, future, 0, 0)
#define AIO_SELECT_READABLE(fd)                                                                    \
    AIO__SELECT_CASE(AIO__SELECT_DESCRIPTOR, fd, 0, 0, 0, AIO_READABLE)
#define AIO_SELECT_WRITABLE(fd)                                                                    \
    AIO__SELECT_CASE(AIO__SELECT_DESCRIPTOR, fd, 0, 0, 0, AIO_WRITABLE)
/* Never happens. */
#define AIO_SELECT_NOTHING AIO__SELECT_CASE(AIO__SELECT_NOTHING, -1, 0, 0, 0, 0)

/*
 * Waits until one of `count` cases has happened, for `duration` ns at most (AIO_FOREVER: as long as
 * it takes; 0: not at all), or until the loop's time is `when`.
 *
 * Returns    the index of the case that has happened; -ETIMEDOUT, -ECANCELED if none has; -EPERM
 *            outside a task; -EINVAL NULL for cases, or more than INT_MAX.
 * Suspends   only if none can happen at once, and there is time.
 * Owns       borrows the cases, with what they point to, until it returns; futures are retained
 *            meanwhile.  The same cases can be used again.
 */
AIO_API int aio_select(aio_select_case *cases, size_t count, int64_t duration) AIO_MUST_USE;
AIO_API int aio_select_at(aio_select_case *cases, size_t count, int64_t when) AIO_MUST_USE;

/*
 * The same if it need not wait; in callbacks, too.
 *
 * Returns    the index of the case that has happened; -EAGAIN if none can; -EPERM where no loop
 *            runs; -EINVAL as above.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_select_try(aio_select_case *cases, size_t count);

#ifdef __cplusplus
}
#endif

#endif
