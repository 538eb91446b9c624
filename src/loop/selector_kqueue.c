/*
 * kqueue: a filter for each direction; one-shot by EV_DISPATCH, edges by EV_CLEAR.
 *
 * Each change is asked for its receipt, since kevent() may return events beside
 * errors.  That a filter to be deleted is not there is no error: the descriptor
 * was closed.
 */
#include <errno.h>

#include "base/sys.h"
#include "base/util.h"
#include "loop/selector.h"

static int kqueue_open(aio__selector *selector)
{
    selector->fd = aio__sys_kqueue();
    if (selector->fd < 0)
        return -errno;
    if (aio__sys_fcntl_int(selector->fd, F_SETFD, FD_CLOEXEC) == 0)
        return 0;
    int rc = -errno;
    (void)aio__sys_close(selector->fd);
    return rc;
}

static void kqueue_close(aio__selector *selector)
{
    (void)aio__sys_close(selector->fd);
}

/* Changes one filter; 0 or -errno. */
static int change_filter(aio__selector *selector, int fd, uint32_t tag, short filter,
                         unsigned flags)
{
    struct kevent change, receipt;
    const struct timespec at_once = {0, 0};
    EV_SET(&change, (uintptr_t)fd, filter, (unsigned short)(flags | EV_RECEIPT), 0, 0,
           (void *)(uintptr_t)tag);
    int count = aio__sys_kevent(selector->fd, &change, 1, &receipt, 1, &at_once);
    if (count < 0)
        return -errno;
    return count == 1 && (receipt.flags & EV_ERROR) != 0 ? -(int)receipt.data : 0;
}

static int change_direction(aio__selector *selector, int fd, uint32_t tag, short filter,
                            unsigned before, unsigned after)
{
    unsigned mode = (after & AIO__EDGE) != 0 ? EV_CLEAR : EV_DISPATCH;
    unsigned direction = filter == EVFILT_READ ? AIO__READ : AIO__WRITE;
    if ((after & direction) != 0)
        return change_filter(selector, fd, tag, filter, EV_ADD | EV_ENABLE | mode);
    if ((before & direction) != 0)
        (void)change_filter(selector, fd, tag, filter, EV_DELETE);
    return 0;
}

static int kqueue_change(aio__selector *selector, int fd, uint32_t tag, unsigned before,
                         unsigned after)
{
    int rc = change_direction(selector, fd, tag, EVFILT_READ, before, after);
    if (rc == 0)
        rc = change_direction(selector, fd, tag, EVFILT_WRITE, before, after);
    /* What kqueue can't watch, a terminal's device on old systems for instance, is always ready. */
    return rc == -EINVAL && after != 0 ? -EPERM : rc;
}

static unsigned events_of(const struct kevent *event)
{
    unsigned events = event->filter == EVFILT_READ ? AIO__READ : AIO__WRITE;
    if ((event->flags & EV_ERROR) != 0)
        return AIO__BOTH | AIO__HANGUP;
    return (event->flags & EV_EOF) != 0 ? events | AIO__HANGUP : events;
}

static int kqueue_poll(aio__selector *selector, int64_t timeout, aio__event *events, int capacity)
{
    struct kevent got[48];
    struct timespec limit = {(time_t)(timeout / 1000000000), (long)(timeout % 1000000000)};
    int most = capacity < (int)AIO__COUNT(got) ? capacity : (int)AIO__COUNT(got);
    int count = aio__sys_kevent(selector->fd, NULL, 0, got, most,
                                timeout == AIO_FOREVER ? NULL : &limit);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        events[i] = (aio__event){.fd = (int)got[i].ident,
                                 .tag = (uint32_t)(uintptr_t)got[i].udata,
                                 .events = events_of(&got[i])};
    return count;
}

const struct aio__selector_operations aio__selector_kqueue = {
    .name = "kqueue",
    .open = kqueue_open,
    .close = kqueue_close,
    .change = kqueue_change,
    .poll = kqueue_poll,
};
