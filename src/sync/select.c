/*
 * The select.
 *
 * It asks its cases in an order that is drawn by lot, and does the first that can
 * be done.  If none can, it waits in all of them at once: each case has its own
 * node in its channel's list, its future's or its descriptor's watch.  The first
 * that wakes it takes it out of all the others before anything else happens.  So
 * a node that can be found belongs to a select that waits, and nobody ever finds
 * one that has been served.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include <aio/select.h>

#include "base/sys.h"
#include "base/util.h"
#include "sync/channel.h"
#include "task/scheduler.h"

struct aio__select {
    aio__wait wait; /* its result: the index of the case that happened, or negative */
    aio_loop *loop;
    aio_select_case *cases;
    int waiting;      /* so many of them, from the first on, have begun to wait */
    bool over;        /* none of them waits any more */
    aio__timer timer; /* of the deadline */
};

/* ---- asking ---------------------------------------------------------------------------------- */

static bool ask_future(aio_select_case *one)
{
    aio_future *future = one->future;
    if (future == NULL)
        return false;
    if (future->done)
        one->result = aio_future_result(future);
    else if (future->scheduler->loop != aio__loop_running)
        one->result = -EINVAL;
    else if (future == aio_task_current())
        one->result = -EDEADLK;
    else
        return false;
    return true;
}

/* Somebody else's, for one of the directions that are wanted. */
static bool is_taken(const aio__watch *watch, unsigned events)
{
    return (watch->mode & AIO__EDGE) != 0 ||
           ((events & AIO_READABLE) != 0 && watch->watchers[0] != NULL) ||
           ((events & AIO_WRITABLE) != 0 && watch->watchers[1] != NULL);
}

static unsigned events_of(int flags)
{
    unsigned events = (flags & (POLLIN | POLLPRI)) != 0 ? AIO_READABLE : 0;
    events |= (flags & POLLOUT) != 0 ? AIO_WRITABLE : 0;
    return (flags & (POLLERR | POLLHUP)) != 0 ? AIO_READABLE | AIO_WRITABLE : events;
}

/* 0 if it is not ready.  A poll that fails says no more than that: the selector will be asked. */
static int ready_events(int fd, unsigned events)
{
    struct pollfd set = {.fd = fd};
    const aio__watch *watch = aio__watch_find(aio__loop_running, fd);
    if (events == 0 || (events & ~(AIO_READABLE | AIO_WRITABLE)) != 0)
        return -EINVAL;
    if (watch != NULL && is_taken(watch, events))
        return -EBUSY;
    set.events = (short)(((events & AIO_READABLE) != 0 ? POLLIN | POLLPRI : 0) |
                         ((events & AIO_WRITABLE) != 0 ? POLLOUT : 0));
    if (aio__sys_poll(&set, 1, 0) <= 0)
        return 0;
    return (set.revents & POLLNVAL) != 0 ? -EBADF : (int)(events_of(set.revents) & events);
}

static bool ask_descriptor(aio_select_case *one)
{
    one->result = one->fd >= 0 ? ready_events(one->fd, one->events) : 0;
    return one->result != 0;
}

static bool ask_channel(aio_select_case *one)
{
    if (one->channel == NULL)
        return false;
    one->result = one->kind == AIO__SELECT_SEND ? aio_channel_try_send(one->channel, one->item)
                                                : aio_channel_try_receive(one->channel, one->item);
    return one->result != -EAGAIN;
}

/* Does it, if it can be done at once. */
static bool ask(aio_select_case *one)
{
    switch (one->kind) {
    case AIO__SELECT_SEND:
    case AIO__SELECT_RECEIVE:
        return ask_channel(one);
    case AIO__SELECT_FUTURE:
        return ask_future(one);
    case AIO__SELECT_DESCRIPTOR:
        return ask_descriptor(one);
    case AIO__SELECT_NOTHING:
        break;
    }
    return false;
}

/* Each order is as likely. */
static void shuffle(aio_select_case *cases, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t lot = aio__draw(&aio__loop_running->lots) >> 32;
        int place = (int)(lot * (uint64_t)(i + 1) >> 32);
        cases[i].order = cases[place].order;
        cases[place].order = i;
    }
}

static bool make_sense(const aio_select_case *cases, size_t count)
{
    return count <= INT_MAX && (cases != NULL || count == 0);
}

int aio_select_try(aio_select_case *cases, size_t count)
{
    if (!make_sense(cases, count))
        return -EINVAL;
    if (aio__loop_running == NULL)
        return -EPERM;
    shuffle(cases, (int)count);
    for (size_t i = 0; i < count; i++)
        if (ask(&cases[cases[i].order]))
            return cases[i].order;
    return -EAGAIN;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void stop_waiting_for(aio_loop *loop, aio_select_case *one)
{
    if (one->kind == AIO__SELECT_DESCRIPTOR)
        aio__watch_unwait(loop, one->watch, &one->wait.watcher);
    else if (aio__link_linked(&one->wait.waiter.link))
        aio__link_remove(&one->wait.waiter.link);
    if (aio__link_linked(&one->handle.link))
        aio__link_remove(&one->handle.link);
}

/* Takes it out of wherever it waits. */
static void leave_all(struct aio__select *select)
{
    select->over = true;
    (void)aio__loop_timer_stop(select->loop, &select->timer);
    for (int i = 0; i < select->waiting; i++)
        stop_waiting_for(select->loop, &select->cases[i]);
}

static void end_wait(struct aio__select *select, int result)
{
    leave_all(select);
    aio__wake(&select->wait, result);
}

static void happen(aio_select_case *one, int result)
{
    one->result = result;
    end_wait(one->select, (int)(one - one->select->cases));
}

static void wake_from_channel(aio__channel_waiter *waiter, int result)
{
    happen(aio__container(waiter, aio_select_case, wait.waiter), result);
}

static void wake_from_future(aio__handle *handle)
{
    aio_select_case *one = aio__container(handle, aio_select_case, handle);
    happen(one, one->future->result);
}

static void wake_from_descriptor(aio__handle *handle)
{
    aio_select_case *one = aio__container(handle, aio_select_case, handle);
    happen(one, one->wait.watcher.result);
}

static void expire(aio__handle *handle)
{
    end_wait(aio__container(handle, struct aio__select, timer.handle), -ETIMEDOUT);
}

static int wait_for_descriptor(aio_loop *loop, aio_select_case *one)
{
    one->wait.watcher = (aio__watcher){.handle = &one->handle};
    one->handle.run = wake_from_descriptor;
    if (one->fd < 0)
        return 0;
    int rc = aio__watch_lend(loop, one->fd, &one->watch);
    return rc < 0 ? rc : aio__watch_wait(loop, one->watch, one->events, &one->wait.watcher);
}

static void wait_for_future(aio_select_case *one)
{
    one->handle.run = wake_from_future;
    if (aio_retain(one->future) != NULL)
        aio__list_push_back(&one->future->waiters, &one->handle.link);
}

static void wait_in_channel(aio_select_case *one)
{
    one->wait.waiter.item = one->item;
    one->wait.waiter.wake = wake_from_channel;
    if (one->channel == NULL)
        return;
    aio__list *waiters = one->kind == AIO__SELECT_SEND ? &one->channel->senders
                                                       : &one->channel->receivers;
    aio__list_push_back(waiters, &one->wait.waiter.link);
}

/* 0, or what is wrong with a descriptor. */
static int begin_waiting(struct aio__select *select, aio_select_case *one)
{
    int rc = 0;
    one->select = select;
    one->handle = (aio__handle){.place = AIO__PLACE_ANY};
    one->wait.waiter = (aio__channel_waiter){.item = NULL};
    select->waiting++;
    if (one->kind == AIO__SELECT_DESCRIPTOR)
        rc = wait_for_descriptor(select->loop, one);
    else if (one->kind == AIO__SELECT_FUTURE)
        wait_for_future(one);
    else if (one->kind != AIO__SELECT_NOTHING)
        wait_in_channel(one);
    return rc;
}

/* The timer's place in the heap is the one that is reserved for the task's sleep. */
static void begin_timer(struct aio__select *select, int64_t when)
{
    select->timer = (aio__timer){.handle = {.run = expire, .place = AIO__PLACE_ANY}};
    if (when != AIO_FOREVER)
        aio__loop_timer_start(select->loop, &select->timer, when);
}

static void release_futures(struct aio__select *select)
{
    for (int i = 0; i < select->waiting; i++)
        if (select->cases[i].kind == AIO__SELECT_FUTURE)
            aio_release(select->cases[i].future);
    select->waiting = 0;
}

static bool stop_waiting(aio__wait *wait)
{
    struct aio__select *select = aio__container(wait, struct aio__select, wait);
    bool waiting = !select->over;
    if (waiting)
        end_wait(select, -ECANCELED);
    if (wait->task->doomed)
        release_futures(select);
    return waiting;
}

static bool has_moved_item(const aio_select_case *one)
{
    return (one->kind == AIO__SELECT_SEND || one->kind == AIO__SELECT_RECEIVE) && one->result == 0;
}

/* As aio__channel_park(), but only an item makes a cancellation too late. */
static int park(struct aio__select *select)
{
    int rc = aio__park(&select->wait), index = select->wait.result;
    if (rc == -ECANCELED && index >= 0 && has_moved_item(&select->cases[index])) {
        select->wait.task->must_cancel = true;
        rc = index;
    }
    return rc;
}

/* What only the task itself can do, once it goes on: to release a future may call the user. */
static void finish(struct aio__select *select, int index)
{
    for (int i = 0; i < select->waiting; i++) {
        aio_select_case *one = &select->cases[i];
        if (one->kind == AIO__SELECT_DESCRIPTOR)
            aio__watch_give_back(select->loop, one->fd, i == index ? one->result : 0);
        if (one->kind == AIO__SELECT_FUTURE && i == index)
            (void)aio_future_result(one->future); /* it has been asked for */
    }
    release_futures(select);
}

static int wait_until(aio_select_case *cases, int count, int64_t when)
{
    struct aio__select select = {.loop = aio__loop_running, .cases = cases};
    int rc = aio__wait_begin(&select.wait, stop_waiting, "select");
    if (rc < 0)
        return rc;
    for (int i = 0; i < count && rc == 0; i++) {
        rc = begin_waiting(&select, &cases[i]);
        cases[i].result = rc;
    }
    if (rc == 0) {
        begin_timer(&select, when);
        rc = park(&select);
    } else {
        leave_all(&select);
        rc = select.waiting - 1; /* that one has happened, with its error */
    }
    finish(&select, rc);
    return rc;
}

/* Looks, without waiting: each descriptor may take a system call. */
static int look(aio_select_case *cases, size_t count)
{
    unsigned units = 1;
    if (!make_sense(cases, count))
        return -EINVAL;
    for (size_t i = 0; i < count && units < 100; i++)
        units += cases[i].kind == AIO__SELECT_DESCRIPTOR ? 6 : 0;
    int rc = aio__checkpoint(units);
    return rc < 0 ? rc : aio_select_try(cases, count);
}

int aio_select(aio_select_case *cases, size_t count, int64_t duration)
{
    int rc = look(cases, count);
    if (rc != -EAGAIN)
        return rc;
    if (duration <= 0)
        return -ETIMEDOUT;
    int64_t now = duration < AIO_FOREVER ? aio__loop_update_time(aio__loop_running) : 0;
    return wait_until(cases, (int)count, aio__time_after(now, duration));
}

int aio_select_at(aio_select_case *cases, size_t count, int64_t when)
{
    int rc = look(cases, count);
    if (rc != -EAGAIN)
        return rc;
    if (when <= aio__loop_update_time(aio__loop_running))
        return -ETIMEDOUT;
    return wait_until(cases, (int)count, when);
}
