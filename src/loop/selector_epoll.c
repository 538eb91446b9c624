/*
 * epoll: one-shot entries by EPOLLONESHOT, edges by EPOLLET.
 *
 * The kernel's entry belongs to the open file, not to the number: it may be gone
 * (the number was closed and opened anew) or be there already (a duplicate), so
 * ENOENT turns a change into an addition and EEXIST an addition into a change.
 * Never level-triggered, since an entry whose number was closed while a duplicate
 * lives can't be removed any more, and would be reported for ever.
 */
#include <errno.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"
#include "loop/selector.h"

static int epoll_open(aio__selector *selector)
{
    selector->no_pwait2 = AIO__WAIT_IN_KNOWN_CALLS;
    selector->fd = aio__sys_epoll_create1(EPOLL_CLOEXEC);
    return selector->fd < 0 ? -errno : 0;
}

static void epoll_close(aio__selector *selector)
{
    (void)aio__sys_close(selector->fd);
}

static uint32_t flags_of(unsigned interest)
{
    uint32_t flags = (interest & AIO__EDGE) != 0 ? (uint32_t)EPOLLET : (uint32_t)EPOLLONESHOT;
    if ((interest & AIO__READ) != 0)
        flags |= EPOLLIN | EPOLLPRI | EPOLLRDHUP;
    if ((interest & AIO__WRITE) != 0)
        flags |= EPOLLOUT;
    return flags;
}

static int epoll_change(aio__selector *selector, int fd, uint32_t tag, unsigned before,
                        unsigned after)
{
    struct epoll_event event = {.events = flags_of(after)};
    event.data.u64 = (uint64_t)tag << 32 | (uint32_t)fd;
    if (after == 0) {
        /* The descriptor may be closed, or another one by now: then there is nothing to end. */
        (void)aio__sys_epoll_ctl(selector->fd, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    int op = before != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (aio__sys_epoll_ctl(selector->fd, op, fd, &event) == 0)
        return 0;
    if (errno != (before != 0 ? ENOENT : EEXIST))
        return -errno;
    op = before != 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return aio__sys_epoll_ctl(selector->fd, op, fd, &event) == 0 ? 0 : -errno;
}

static int wait_for_events(aio__selector *selector, int64_t timeout, struct epoll_event *events,
                           int capacity)
{
    if (timeout > 0 && timeout != AIO_FOREVER && !selector->no_pwait2) {
        int count = aio__sys_epoll_pwait2(selector->fd, events, capacity, timeout / 1000000000,
                                          timeout % 1000000000);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        selector->no_pwait2 = true;
    }
    return aio__sys_epoll_wait(selector->fd, events, capacity, aio__milliseconds(timeout));
}

static unsigned events_of(uint32_t flags)
{
    unsigned events = 0;
    if ((flags & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) != 0)
        events |= AIO__READ;
    if ((flags & EPOLLOUT) != 0)
        events |= AIO__WRITE;
    if ((flags & (EPOLLERR | EPOLLHUP)) != 0)
        events |= AIO__BOTH;
    if ((flags & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        events |= AIO__HANGUP;
    return events;
}

static int epoll_poll(aio__selector *selector, int64_t timeout, aio__event *events, int capacity)
{
    struct epoll_event got[128];
    int most = capacity < 128 ? capacity : 128;
    int count = wait_for_events(selector, timeout, got, most);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        events[i] = (aio__event){.fd = (int)(uint32_t)got[i].data.u64,
                                 .tag = (uint32_t)(got[i].data.u64 >> 32),
                                 .events = events_of(got[i].events)};
    return count;
}

const struct aio__selector_operations aio__selector_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .change = epoll_change,
    .poll = epoll_poll,
};
