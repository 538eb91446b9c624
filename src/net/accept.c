/*
 * Accepting: try first, wait only when nobody is there, pass over what failed
 * before it was accepted, and pause where the system has no room.
 */
#include "net/listener.h"

#include <errno.h>

#include "base/sys.h"
#include "base/util.h"
#include "io/stream.h"
#include "task/scheduler.h"
#include "task/wait.h"

#define PAUSE AIO_SEC(1)
/* So many failures in a row are no accident any more: then it pauses too. */
#define MOST_FAILURES 1024

struct accept_wait {
    aio__wait wait;
    aio_listener *listener;
};

/* ---- waiting --------------------------------------------------------------------------------- */

static void wake_waiter(aio_listener *listener, int result)
{
    aio__wait *wait = listener->waiter;
    listener->waiter = NULL;
    if (wait != NULL)
        aio__wake(wait, result);
}

static void socket_is_ready(aio__handle *handle)
{
    wake_waiter(aio__container(handle, struct aio__listening, handle)->listener, 0);
}

static void pause_is_over(aio__handle *handle)
{
    wake_waiter(aio__container(handle, aio_listener, timer.handle), 0);
}

void aio__accept_prepare(struct aio__listening *socket)
{
    aio_listener *listener = socket->listener;
    socket->handle.run = socket_is_ready;
    socket->handle.place = AIO__PLACE_ANY;
    socket->watcher.handle = &socket->handle;
    listener->timer.handle.run = pause_is_over;
    listener->timer.handle.place = AIO__PLACE_ANY;
}

/* Nothing may wake the waiter any more. */
static void stop_waiting(aio_listener *listener)
{
    listener->waiter = NULL;
    if (listener->io == NULL)
        return; /* it was closed, and that has done the rest */
    aio_loop *loop = listener->io->loop;
    (void)aio__loop_timer_stop(loop, &listener->timer);
    for (size_t i = 0; i < listener->count; i++) {
        struct aio__listening *socket = &listener->sockets[i];
        if (socket->watcher.directions == 0)
            continue;
        socket->ready = socket->watcher.result > 0;
        aio__watch_unwait(loop, &socket->watch, &socket->watcher);
        if (aio__link_linked(&socket->handle.link))
            aio__link_remove(&socket->handle.link);
    }
}

void aio__accept_end(aio_listener *listener)
{
    aio__wait *wait = listener->waiter;
    stop_waiting(listener);
    if (wait != NULL)
        aio__wake(wait, -EBADF);
}

static bool abort_accept(aio__wait *wait)
{
    aio_listener *listener = aio__container(wait, struct accept_wait, wait)->listener;
    bool waiting = listener->waiter == wait;
    stop_waiting(listener);
    if (waiting)
        aio__wake(wait, -ECANCELED);
    return waiting;
}

static void start_pause(aio_listener *listener)
{
    aio_loop *loop = listener->io->loop;
    aio__loop_timer_start(loop, &listener->timer,
                          aio__time_after(aio__loop_update_time(loop), PAUSE));
}

static int watch_sockets(aio_listener *listener)
{
    int rc = 0;
    for (size_t i = 0; i < listener->count && rc == 0; i++)
        rc = aio__watch_wait(listener->io->loop, &listener->sockets[i].watch, AIO__READ,
                             &listener->sockets[i].watcher);
    return rc;
}

/* Waits for a client, or for the end of a pause. */
static int wait_for(aio_listener *listener, bool client)
{
    struct accept_wait wait = {.listener = listener};
    int rc = aio__wait_begin(&wait.wait, abort_accept, "accept");
    if (rc < 0)
        return rc;
    if (client)
        rc = watch_sockets(listener);
    else
        start_pause(listener);
    listener->waiter = &wait.wait;
    if (rc == 0)
        rc = aio__park(&wait.wait);
    stop_waiting(listener);
    return rc;
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* No room in the system: that may change. */
static bool starving(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM || rc == -ENOSPC;
}

/* The socket is no listening one; all other errors are of one connection, or of the network. */
static bool broken(int rc)
{
    return rc == -EBADF || rc == -EINVAL || rc == -ENOTSOCK || rc == -EFAULT;
}

/* The next socket that may have somebody, by turns; NULL if none has. */
static struct aio__listening *ready_socket(aio_listener *listener)
{
    for (size_t i = 0; i < listener->count; i++) {
        struct aio__listening *socket = &listener->sockets[listener->next++ % listener->count];
        if (socket->ready)
            return socket;
    }
    return NULL;
}

static int take_client(struct aio__listening *socket, aio_stream **out_stream)
{
    socket->watch.pending &= ~AIO__READ;
    int fd = aio__accept(socket->fd, NULL, NULL);
    if (fd < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    aio_stream *stream = aio__stream_new(socket->listener->io->loop, fd, &aio__tcp_operations);
    if (stream == NULL) {
        int error = errno;
        (void)aio__sys_close(fd);
        return -error;
    }
    *out_stream = stream;
    return 0;
}

/* What is to be done about an error: 0, and accepting goes on; or it ends. */
static int handle_error(aio_listener *listener, struct aio__listening *socket, int error)
{
    if (error == -EAGAIN) {
        socket->ready = false;
        return 0;
    }
    if (broken(error))
        return error;
    if (!starving(error))
        return ++listener->failures % MOST_FAILURES != 0 ? 0 : wait_for(listener, false);
    if (!listener->starved)
        aio__loop_report(listener->io->loop, "no room to accept a connection", NULL, error);
    listener->starved = true;
    return wait_for(listener, false);
}

static int accept_next(aio_listener *listener, aio_stream **out_stream)
{
    while (!listener->closed) {
        struct aio__listening *socket = ready_socket(listener);
        int rc = socket != NULL ? aio__checkpoint(6) : wait_for(listener, true);
        if (rc < 0)
            return rc;
        if (socket == NULL || listener->closed)
            continue;
        rc = take_client(socket, out_stream);
        if (rc < 0)
            rc = handle_error(listener, socket, rc);
        else
            listener->failures = 0, listener->starved = false;
        if (rc < 0 || *out_stream != NULL)
            return rc;
    }
    return -EBADF;
}

/* A task leaves the listener, and frees it if it was closed meanwhile. */
static int end_accepting(aio_listener *listener, int rc)
{
    listener->accepting = false;
    if (!listener->closed)
        return rc;
    aio__listener_free(listener);
    return rc == 0 ? -EBADF : rc;
}

int aio__accept_pause(aio_listener *listener)
{
    listener->accepting = true;
    return end_accepting(listener, wait_for(listener, false));
}

int aio__accept_client(aio_listener *listener, aio_stream **out_stream)
{
    aio_stream *stream = NULL;
    if (listener == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("accept"))
        return -EPERM;
    if (listener->closed || listener->io == NULL)
        return -EBADF;
    if (listener->accepting)
        return -EBUSY;
    listener->accepting = true;
    int rc = end_accepting(listener, accept_next(listener, &stream));
    *out_stream = stream;
    return rc;
}

aio_stream *aio_listener_accept(aio_listener *listener)
{
    aio_stream *stream;
    int rc = aio__accept_client(listener, &stream);
    if (rc == 0)
        return stream;
    errno = -rc;
    return NULL;
}
