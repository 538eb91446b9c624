/*
 * A channel's inside, for whoever waits in one: plain sends and receives, and
 * selects.
 *
 * Invariants.  Who is in a list waits: what ends his wait takes him out before it
 * wakes him.  Receivers wait only while the buffer is empty, senders only while
 * it is full, and neither once the channel is closed.  Both lists have somebody
 * in them only where it is the same one, a select that would send as well as
 * receive: it looked before it came in, so whoever comes next finds another than
 * himself.
 */
#ifndef AIO_SYNC_CHANNEL_H
#define AIO_SYNC_CHANNEL_H

#include <aio/channel.h>

#include "base/list.h"
#include "task/wait.h"

typedef struct aio__channel_waiter aio__channel_waiter;

struct aio_channel {
    aio__list senders, receivers; /* aio__channel_waiter, in the order in which they came */
    size_t item_size, capacity;
    size_t first, count; /* in the ring: where the oldest item is, and how many there are */
    bool closed;
    unsigned char items[];
};

/*
 * Parks one whose wait's result is 0 once an item has changed hands, and negative if none has.
 * After the former a cancellation is too late: it is left for the task's next wait.
 */
int aio__channel_park(aio__wait *wait);

#endif
