/*
 * Items: into their futures' lists, and out again.
 */
#include "task/wait_items.h"

int aio__wait_items_check(const aio_wait_item *items, size_t count)
{
    if (items == NULL && count != 0)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (items[i].waiting != NULL)
            return -EBUSY;
    return 0;
}

void aio__wait_item_hold(aio_wait_item *item, void *waiting)
{
    item->handle = (aio__handle){.place = AIO__PLACE_ANY};
    item->waiting = waiting;
    aio_retain(item->future);
}

void aio__wait_item_watch(aio_wait_item *item, aio_loop *loop, void (*run)(aio__handle *handle),
                          void *waiting)
{
    aio__wait_item_hold(item, waiting);
    item->handle.run = run;
    if (aio__wait_item_done(item))
        aio__loop_enqueue(loop, &item->handle);
    else
        aio__list_push_back(&item->future->waiters, &item->handle.link);
}

static void release(aio_wait_item *item, enum aio__asked asked)
{
    aio_future *future = item->future;
    bool held = item->waiting != NULL;
    item->done = aio__wait_item_done(item);
    item->result = item->done ? aio__wait_item_result(item) : 0;
    item->waiting = NULL;
    if (future != NULL && (asked == AIO__ASKED_ALL || (asked == AIO__ASKED_DONE && item->done)))
        future->retrieved = true;
    if (held && aio__link_linked(&item->handle.link))
        aio__link_remove(&item->handle.link);
    if (held)
        aio_release(future);
}

size_t aio__wait_items_release(aio_wait_item *items, size_t count, enum aio__asked asked)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        release(&items[i], asked);
        done += items[i].done;
    }
    return done;
}
