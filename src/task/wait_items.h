/*
 * The futures that gather, wait and as_completed wait for, in the caller's items.
 *
 * Each item has a handle of its own in its future's list, which runs one turn
 * after that is done, as a callback that asyncio adds; the waiter goes on one turn
 * later.  An item that is in a wait holds a share in its future, for who has the
 * others may give them up meanwhile.
 */
#ifndef AIO_TASK_WAIT_ITEMS_H
#define AIO_TASK_WAIT_ITEMS_H

#include <aio/gather.h>

#include "task/scheduler.h"

/* Whether they can be waited for: 0; -EINVAL for none where there should be; -EBUSY if in use. */
int aio__wait_items_check(const aio_wait_item *items, size_t count);

static inline bool aio__wait_item_done(const aio_wait_item *item)
{
    return item->future == NULL || item->future->done;
}

/* The result of one that is done. */
static inline int aio__wait_item_result(const aio_wait_item *item)
{
    return item->future != NULL ? item->future->result : -ENOMEM;
}

/* Takes a share in its future for `waiting`, of one that is done, too. */
void aio__wait_item_hold(aio_wait_item *item, void *waiting);
/*
 * The same, and calls run(&item->handle) in the turn after it is done; of one that is, in the next.
 */
void aio__wait_item_watch(aio_wait_item *item, aio_loop *loop, void (*run)(aio__handle *handle),
                          void *waiting);
/* The item of a handle. */
static inline aio_wait_item *aio__wait_item_of(aio__handle *handle)
{
    return aio__container(handle, aio_wait_item, handle);
}

/* Whose failures count as asked for: they are not reported then. */
enum aio__asked { AIO__ASKED_NONE, AIO__ASKED_DONE, AIO__ASKED_ALL };

/* Notes what became of them, and watches them no more; how many are done. */
size_t aio__wait_items_release(aio_wait_item *items, size_t count, enum aio__asked asked);

#endif
