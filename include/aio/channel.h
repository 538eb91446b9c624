/*
 * aio/channel.h: items that go from task to task, each to one.  asyncio has
 * nothing of the kind: who waits in its Queue is only told to look again.
 *
 *     aio_channel *numbers = aio_channel_new(sizeof(int), 0);
 *
 *     rc = aio_channel_send(numbers, &n);              // one task: until somebody has it
 *
 *     while (aio_channel_receive(numbers, &n) == 0)    // another: until it is closed
 *         work(n);
 *
 * Items are bytes, of a size that is given once, and are copied: from the sender
 * to the receiver directly if one of them waits, else by way of a buffer, which
 * has room for `capacity` items.  With a capacity of 0 there is none: a send and
 * a receive meet.
 *
 * Order.  Senders are served in the order in which they came, and so are
 * receivers; who comes never overtakes who waits.  Whoever is woken has his item,
 * or is rid of it: that was done when the other side came.  He goes on in the
 * loop's next turn.
 *
 * Cancellation.  A wait that is cancelled has not happened: nothing was taken, and
 * nothing was sent.  Once an item has changed hands, it has happened for both:
 * a cancellation that comes after that, and before the task goes on, is too late
 * for this call, which returns 0, and comes where the task next suspends.  So no
 * item is lost, and none comes twice or out of turn: with a capacity of 0 there is
 * no place to which it could go back, the sender has returned, and the items
 * behind it may be in other hands.
 *
 * Waiting allocates nothing.  For waiting on several channels, see aio/select.h.
 *
 * Thread-safety: a channel belongs to the thread of the loop whose tasks use it.
 * What never suspends may be called from callbacks, too.
 */
#ifndef AIO_CHANNEL_H
#define AIO_CHANNEL_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aio_channel aio_channel;

/* Private: one that waits in a channel, for its counterpart or for the close. */
struct aio__channel_waiter {
    struct aio__link link; /* in one of the channel's lists; out of it before wake() is called */
    void *item;            /* where a sender's item is, or a receiver's shall be */
    void (*wake)(struct aio__channel_waiter *waiter, int result);
};

/*
 * Makes a channel for items of `item_size` bytes (0: they say no more than that they came), of
 * which `capacity` are buffered.
 *
 * Returns    the channel; NULL with errno ENOMEM.
 * Suspends   never.
 * Owns       gives the caller the channel, release with aio_channel_free().
 */
AIO_API aio_channel *aio_channel_new(size_t item_size, size_t capacity) AIO_MUST_USE;

/*
 * Closes it, and frees it with what is buffered.  Who waits gets -ESHUTDOWN, and does not touch it
 * any more.  NULL is ignored.
 */
AIO_API void aio_channel_free(aio_channel *channel);

/*
 * Sends a copy of *item: waits until a receiver has it, or it is buffered.
 *
 * Returns    0; -ESHUTDOWN the channel is, or was meanwhile, closed: it was not sent; -ECANCELED,
 *            it was not sent; -EPERM outside a task; -EINVAL a NULL item of more than 0 bytes;
 *            -ENOMEM for NULL.
 * Suspends   only if no receiver waits and the buffer is full.
 * Owns       borrows item until it returns.
 */
AIO_API int aio_channel_send(aio_channel *channel, const void *item) AIO_MUST_USE;

/*
 * Receives an item: waits until there is one.  What was buffered when the channel was closed can
 * still be received.
 *
 * Returns    0; -ESHUTDOWN the channel is closed, and nothing is left; -ECANCELED, and none was
 *            taken; -EPERM, -EINVAL, -ENOMEM as aio_channel_send().
 * Suspends   only if nothing is buffered and no sender waits.
 * Owns       borrows out_item until it returns; where that is 0, a copy of the item is there.
 */
AIO_API int aio_channel_receive(aio_channel *channel, void *out_item) AIO_MUST_USE;

/*
 * The same if it need not wait.
 *
 * Returns    0; -EAGAIN if it would wait; -ESHUTDOWN, -EINVAL, -ENOMEM as above.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_channel_try_send(aio_channel *channel, const void *item);
AIO_API int aio_channel_try_receive(aio_channel *channel, void *out_item);

/*
 * Nothing can be sent any more; either side may say so, and more than once.  All who wait get
 * -ESHUTDOWN, the senders with their items not sent.
 *
 * Returns    0; -ENOMEM for NULL.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_channel_close(aio_channel *channel);

/* Whether it was closed. */
AIO_API bool aio_channel_closed(const aio_channel *channel);
/* How many items are buffered. */
AIO_API size_t aio_channel_count(const aio_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
