/*
 * The items of a queue: their memory, and the three orders in which they come out.
 *
 * First in, first out is a ring; last in, first out an array; by priority a
 * binary heap, in which each item has its number of arrival behind it, so that
 * equal ones come out as they came in.
 *
 * What was reserved when it was made stays until the end.  Beyond that it grows
 * by doubling, and what it has grown by goes when the last item does, unless it
 * is little.
 *
 * Invariant: an item is at (start + i) % capacity, i < count <= capacity; start is
 * 0 but in a ring.  By priority, item i is not after 2i + 1, nor after 2i + 2.
 */
#ifndef AIO_SYNC_ITEMS_H
#define AIO_SYNC_ITEMS_H

#include <aio/queue.h>

/*
 * Makes room for `reserved` items of `item_size` bytes (> 0); with `compare` (or NULL) by priority.
 * 0; or -ENOMEM, and there is nothing to give back.
 */
int aio__items_init(aio__items *items, size_t item_size, size_t reserved, aio_compare compare);
void aio__items_fini(aio__items *items);

/* 0; or -ENOMEM, and nothing has changed: never while there are fewer than were reserved. */
int aio__items_put(aio__items *items, const void *item);
/* Takes the next one out; there must be one. */
void aio__items_take(aio__items *items, void *out_item);
/* Forgets them all. */
void aio__items_clear(aio__items *items);

#endif
