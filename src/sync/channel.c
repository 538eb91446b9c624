/*
 * The channel: two lists of waiters and a ring of items.
 *
 * All that moves an item is in the two calls that never wait: they serve the
 * first who waits on the other side, copy to or from where his item is, and wake
 * him.  What may wait tries that first, and then only leaves word where its own
 * item is.
 */
#include "sync/channel.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "task/scheduler.h"

/* ---- the ring ------------------------------------------------------------------------------- */

static void copy_item(const aio_channel *channel, void *to, const void *from)
{
    if (channel->item_size != 0)
        memcpy(to, from, channel->item_size);
}

static void push(aio_channel *channel, const void *item)
{
    size_t place = channel->first + channel->count++;
    if (place >= channel->capacity)
        place -= channel->capacity;
    copy_item(channel, channel->items + place * channel->item_size, item);
}

static void pop(aio_channel *channel, void *out_item)
{
    copy_item(channel, out_item, channel->items + channel->first * channel->item_size);
    channel->count--;
    if (++channel->first == channel->capacity)
        channel->first = 0;
}

/* ---- without waiting ------------------------------------------------------------------------ */

/* The first, taken out; NULL if nobody waits. */
static aio__channel_waiter *next_waiter(aio__list *waiters)
{
    aio__link *link = aio__list_pop_front(waiters);
    return link != NULL ? aio__container(link, aio__channel_waiter, link) : NULL;
}

int aio_channel_try_send(aio_channel *channel, const void *item)
{
    if (channel == NULL)
        return -ENOMEM;
    if (item == NULL && channel->item_size != 0)
        return -EINVAL;
    if (channel->closed)
        return -ESHUTDOWN;
    aio__channel_waiter *receiver = next_waiter(&channel->receivers);
    if (receiver != NULL) {
        copy_item(channel, receiver->item, item);
        receiver->wake(receiver, 0);
        return 0;
    }
    if (channel->count == channel->capacity)
        return -EAGAIN;
    push(channel, item);
    return 0;
}

int aio_channel_try_receive(aio_channel *channel, void *out_item)
{
    if (channel == NULL)
        return -ENOMEM;
    if (out_item == NULL && channel->item_size != 0)
        return -EINVAL;
    aio__channel_waiter *sender = next_waiter(&channel->senders);
    if (channel->count != 0) {
        pop(channel, out_item);
        if (sender != NULL)
            push(channel, sender->item);
    } else if (sender != NULL) {
        copy_item(channel, out_item, sender->item);
    } else {
        return channel->closed ? -ESHUTDOWN : -EAGAIN;
    }
    if (sender != NULL)
        sender->wake(sender, 0);
    return 0;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* A send or a receive that waits. */
struct transfer {
    aio__wait wait;
    aio__channel_waiter waiter;
};

static void end_wait(aio__channel_waiter *waiter, int result)
{
    aio__wake(&aio__container(waiter, struct transfer, waiter)->wait, result);
}

static bool stop_waiting(aio__wait *wait)
{
    struct transfer *transfer = aio__container(wait, struct transfer, wait);
    if (!aio__link_linked(&transfer->waiter.link))
        return false;
    aio__link_remove(&transfer->waiter.link);
    aio__wake(wait, -ECANCELED);
    return true;
}

int aio__channel_park(aio__wait *wait)
{
    int rc = aio__park(wait);
    if (rc != -ECANCELED || wait->result < 0)
        return rc;
    wait->task->must_cancel = true;
    return 0;
}

static int wait_in(aio__list *waiters, void *item, const char *what)
{
    struct transfer transfer = {.waiter = {.item = item, .wake = end_wait}};
    int rc = aio__wait_begin(&transfer.wait, stop_waiting, what);
    if (rc < 0)
        return rc;
    aio__list_push_back(waiters, &transfer.waiter.link);
    return aio__channel_park(&transfer.wait);
}

int aio_channel_send(aio_channel *channel, const void *item)
{
    if (channel == NULL)
        return -ENOMEM;
    int rc = aio__checkpoint(1);
    if (rc == 0)
        rc = aio_channel_try_send(channel, item);
    if (rc != -EAGAIN)
        return rc;
    return wait_in(&channel->senders, (void *)(uintptr_t)item, "channel: send");
}

int aio_channel_receive(aio_channel *channel, void *out_item)
{
    if (channel == NULL)
        return -ENOMEM;
    int rc = aio__checkpoint(1);
    if (rc == 0)
        rc = aio_channel_try_receive(channel, out_item);
    return rc != -EAGAIN ? rc : wait_in(&channel->receivers, out_item, "channel: receive");
}

/* ---- life ----------------------------------------------------------------------------------- */

aio_channel *aio_channel_new(size_t item_size, size_t capacity)
{
    aio_channel *channel = NULL;
    size_t most = SIZE_MAX - sizeof *channel;
    if (item_size == 0 || capacity <= most / item_size)
        channel = aio__sys_malloc(sizeof *channel + item_size * capacity);
    if (channel == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *channel = (aio_channel){.item_size = item_size, .capacity = capacity};
    aio__list_init(&channel->senders);
    aio__list_init(&channel->receivers);
    return channel;
}

static void turn_away(aio__list *waiters)
{
    aio__channel_waiter *waiter;
    while ((waiter = next_waiter(waiters)) != NULL)
        waiter->wake(waiter, -ESHUTDOWN);
}

int aio_channel_close(aio_channel *channel)
{
    if (channel == NULL)
        return -ENOMEM;
    channel->closed = true;
    turn_away(&channel->receivers);
    turn_away(&channel->senders);
    return 0;
}

void aio_channel_free(aio_channel *channel)
{
    if (channel == NULL)
        return;
    (void)aio_channel_close(channel);
    aio__sys_free(channel);
}

bool aio_channel_closed(const aio_channel *channel)
{
    return channel != NULL && channel->closed;
}

size_t aio_channel_count(const aio_channel *channel)
{
    return channel != NULL ? channel->count : 0;
}
