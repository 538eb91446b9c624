/*
 * The queue: items, and those who wait to put one in, to get one out, and for all
 * the work to be done.
 *
 * Who is woken is given nothing: he tries again, when he goes on, what he came
 * for, and may have to wait again.  If he is cancelled before, he hands on what he
 * was woken for.  Until he goes on he is in the list `leaving`, so that the end of
 * a queue finds all who would come back to it.
 */
#include "base/list.h"

#include <errno.h>

#include "sync/items.h"
#include "sync/waiters.h"

/* ---- making one ----------------------------------------------------------------------------- */

/* There is one, not NULL and not zeroes. */
static bool exists(const aio_queue *queue)
{
    return queue != NULL && queue->items.item_size != 0;
}

static int init(aio_queue *queue, size_t item_size, size_t maxsize, aio_compare compare)
{
    *queue = (aio_queue){.maxsize = maxsize};
    if (item_size == 0)
        return -EINVAL;
    int rc = aio__items_init(&queue->items, item_size, maxsize, compare);
    if (rc < 0) {
        *queue = (aio_queue){.maxsize = 0};
        return rc;
    }
    queue->leaving.next = queue->leaving.previous = &queue->leaving;
    return 0;
}

int aio_queue_init(aio_queue *queue, size_t item_size, size_t maxsize)
{
    return queue != NULL ? init(queue, item_size, maxsize, NULL) : -EINVAL;
}

int aio_queue_init_lifo(aio_queue *queue, size_t item_size, size_t maxsize)
{
    int rc = aio_queue_init(queue, item_size, maxsize);
    if (rc == 0)
        queue->items.last_first = true;
    return rc;
}

int aio_queue_init_priority(aio_queue *queue, size_t item_size, size_t maxsize, aio_compare compare)
{
    if (queue == NULL)
        return -EINVAL;
    return init(queue, compare != NULL ? item_size : 0, maxsize, compare);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Wakes the first of a line; false if there is none. */
static bool wake_next(aio_queue *queue, aio__waiters *line)
{
    aio__waiter *first = aio__waiters_first(line);
    if (first == NULL)
        return false;
    (void)aio__waiters_wake_next(line);
    aio__link_between(&first->link, queue->leaving.previous, &queue->leaving);
    return true;
}

static void wake_all(aio_queue *queue, aio__waiters *line)
{
    while (wake_next(queue, line))
        ;
}

/*
 * Waits in a line, as the last: 0 when woken; -ECANCELED; -ESHUTDOWN if the queue is no more.
 * `blocked` says whether those in the line still have to wait.
 */
static int stand_in_line(aio_queue *queue, aio__waiters *line,
                         bool (*blocked)(const aio_queue *queue), const char *what)
{
    aio__waiter waiter;
    int rc = aio__waiter_begin(&waiter, line, aio__waiter_abort, what);
    if (rc < 0)
        return rc;
    rc = aio__waiter_park(&waiter);
    if (waiter.waiters == NULL)
        return rc < 0 ? rc : -ESHUTDOWN;
    if (rc < 0 && waiter.woken && !blocked(queue))
        (void)wake_next(queue, line);
    return rc;
}

void aio_queue_fini(aio_queue *queue)
{
    if (!exists(queue))
        return;
    wake_all(queue, &queue->getters);
    wake_all(queue, &queue->putters);
    wake_all(queue, &queue->joiners);
    while (queue->leaving.next != &queue->leaving) {
        aio__waiter *waiter = aio__container(queue->leaving.next, aio__waiter, link);
        aio__link_remove(&waiter->link);
        aio__waiter_disown(waiter);
    }
    aio__items_fini(&queue->items);
    *queue = (aio_queue){.maxsize = 0};
}

/* ---- putting and getting -------------------------------------------------------------------- */

static int put_now(aio_queue *queue, const void *item)
{
    if (queue->shut_down)
        return -ESHUTDOWN;
    if (aio_queue_full(queue))
        return -EAGAIN;
    int rc = aio__items_put(&queue->items, item);
    if (rc < 0)
        return rc;
    queue->unfinished++;
    (void)wake_next(queue, &queue->getters);
    return 0;
}

static int get_now(aio_queue *queue, void *out_item)
{
    if (queue->items.count == 0)
        return queue->shut_down ? -ESHUTDOWN : -EAGAIN;
    aio__items_take(&queue->items, out_item);
    (void)wake_next(queue, &queue->putters);
    return 0;
}

int aio_queue_put_nowait(aio_queue *queue, const void *item)
{
    return exists(queue) && item != NULL ? put_now(queue, item) : -EINVAL;
}

int aio_queue_get_nowait(aio_queue *queue, void *out_item)
{
    return exists(queue) && out_item != NULL ? get_now(queue, out_item) : -EINVAL;
}

int aio_queue_put(aio_queue *queue, const void *item)
{
    if (!exists(queue) || item == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0)
        return rc;
    while ((rc = put_now(queue, item)) == -EAGAIN) {
        rc = stand_in_line(queue, &queue->putters, aio_queue_full, "queue put");
        if (rc < 0)
            break;
    }
    return rc;
}

int aio_queue_get(aio_queue *queue, void *out_item)
{
    if (!exists(queue) || out_item == NULL)
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0)
        return rc;
    while ((rc = get_now(queue, out_item)) == -EAGAIN) {
        rc = stand_in_line(queue, &queue->getters, aio_queue_empty, "queue get");
        if (rc < 0)
            break;
    }
    return rc;
}

size_t aio_queue_size(const aio_queue *queue)
{
    return queue != NULL ? queue->items.count : 0;
}

size_t aio_queue_maxsize(const aio_queue *queue)
{
    return queue != NULL ? queue->maxsize : 0;
}

bool aio_queue_empty(const aio_queue *queue)
{
    return aio_queue_size(queue) == 0;
}

bool aio_queue_full(const aio_queue *queue)
{
    return aio_queue_maxsize(queue) != 0 && queue->items.count >= queue->maxsize;
}

/* ---- the work that items are ---------------------------------------------------------------- */

static bool unfinished(const aio_queue *queue)
{
    return queue->unfinished != 0;
}

/* So many items' work is done. */
static void finish(aio_queue *queue, size_t count)
{
    queue->unfinished -= count < queue->unfinished ? count : queue->unfinished;
    if (!unfinished(queue))
        wake_all(queue, &queue->joiners);
}

int aio_queue_task_done(aio_queue *queue)
{
    if (!exists(queue) || !unfinished(queue))
        return -EINVAL;
    finish(queue, 1);
    return 0;
}

int aio_queue_join(aio_queue *queue)
{
    if (!exists(queue))
        return -EINVAL;
    int rc = aio__checkpoint(1);
    if (rc < 0 || !unfinished(queue))
        return rc;
    return stand_in_line(queue, &queue->joiners, unfinished, "queue join");
}

int aio_queue_shutdown(aio_queue *queue, bool immediately)
{
    if (!exists(queue))
        return -EINVAL;
    queue->shut_down = true;
    if (immediately) {
        finish(queue, queue->items.count);
        aio__items_clear(&queue->items);
    }
    wake_all(queue, &queue->getters);
    wake_all(queue, &queue->putters);
    return 0;
}
