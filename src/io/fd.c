/*
 * Waiting for descriptors: for the streams and listeners, which own a watch, and
 * for a program's own descriptors, whose watch the loop lends.
 *
 * A lent watch stays in the loop's table between two waits, so that the second
 * one allocates nothing, and costs one system call to arm.
 */
#include "io/fd.h"

#include <errno.h>

#include <aio/io.h>

#include "base/sys.h"
#include "task/scheduler.h"
#include "task/wait.h"

/* An edge is reported once: if the waiter won't use it, the next one must hear of it. */
static void leave_watch(aio__fd_wait *self, bool used)
{
    int events = self->watcher.result;
    if (self->watcher.directions == 0)
        return;
    if (!used && events > 0 && (self->watch->mode & AIO__EDGE) != 0)
        self->watch->pending |= (unsigned)events & AIO__BOTH;
    aio__watch_unwait(self->loop, self->watch, &self->watcher);
}

void aio__fd_wait_end(aio__fd_wait *self, int result)
{
    if (self->watcher.result != 0) {
        leave_watch(self, false); /* its handle is queued */
        return;
    }
    aio__watch_unwait(self->loop, self->watch, &self->watcher);
    self->watcher.result = result;
    aio__wake(&self->wait, result);
}

/* Leaves the watch in any case: a task that is abandoned never goes on. */
static bool abort_wait(aio__wait *wait)
{
    aio__fd_wait *self = aio__container(wait, aio__fd_wait, wait);
    bool waiting = self->watcher.result == 0;
    aio__fd_wait_end(self, -ECANCELED);
    return waiting;
}

int aio__fd_wait_for(aio__fd_wait *self, aio_loop *loop, aio__watch *watch, unsigned directions,
                     const char *what)
{
    int rc = aio__wait_begin(&self->wait, abort_wait, what);
    if (rc < 0)
        return rc;
    self->loop = loop;
    self->watch = watch;
    self->watcher = (aio__watcher){.handle = aio__wait_handle(&self->wait)};
    rc = aio__watch_wait(loop, watch, directions, &self->watcher);
    if (rc < 0)
        return rc;
    rc = aio__park(&self->wait);
    leave_watch(self, rc >= 0);
    return rc < 0 ? rc : self->watcher.result;
}

int aio_fd_wait(int fd, unsigned events)
{
    aio__fd_wait wait;
    aio__watch *watch;
    if (!aio__may_suspend("descriptor"))
        return -EPERM;
    if (events == 0 || (events & ~(AIO_READABLE | AIO_WRITABLE)) != 0)
        return -EINVAL;
    aio_loop *loop = aio__loop_running;
    int rc = aio__watch_lend(loop, fd, &watch);
    if (rc < 0)
        return rc;
    rc = aio__fd_wait_for(&wait, loop, watch, events, "descriptor");
    aio__watch_give_back(loop, fd, rc);
    return rc;
}

int aio_fd_close(int fd)
{
    aio_loop *loop = aio__loop_running;
    aio__watch *watch = loop != NULL ? aio__watch_find(loop, fd) : NULL;
    if (watch != NULL && (watch->mode & AIO__EDGE) != 0)
        return -EBUSY;
    if (watch != NULL) {
        (void)aio_loop_remove_reader(loop, fd);
        (void)aio_loop_remove_writer(loop, fd);
        aio__watch_forget(loop, fd);
    }
    /* An interrupted close() has closed it: a second one would hit somebody else's descriptor. */
    return aio__sys_close(fd) < 0 && errno != EINTR ? -errno : 0;
}
