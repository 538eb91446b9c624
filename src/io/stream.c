/*
 * Streams: making one of a descriptor, what it does with that, and its end.
 */
#include "io/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/sys.h"

/* ---- operations ------------------------------------------------------------------------------ */

/* Results are -errno; errno itself is the caller's. */
static ssize_t receive(aio_stream *stream, void *data, size_t size)
{
    int saved = errno;
    ssize_t n;
    do
        n = aio__sys_recv(stream->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        n = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        errno = saved;
    }
    return n;
}

static ssize_t read_file(aio_stream *stream, void *data, size_t size)
{
    int saved = errno;
    ssize_t n;
    do
        n = aio__sys_read(stream->fd, data, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        n = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        errno = saved;
    }
    return n;
}

static ssize_t send_with(int64_t (*write)(int fd, const void *data, size_t size),
                         aio_stream *stream, const void *data, size_t size)
{
    int saved = errno;
    int64_t n;
    do
        n = write(stream->fd, data, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        n = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        errno = saved;
    }
    /* A write that takes nothing of something is one that can't be waited for. */
    return n != 0 ? (ssize_t)n : -EIO;
}

static ssize_t send_socket(aio_stream *stream, const void *data, size_t size)
{
    return send_with(aio__send, stream, data, size);
}

static ssize_t write_file(aio_stream *stream, const void *data, size_t size)
{
    return send_with(aio__write, stream, data, size);
}

static int shut_down(aio_stream *stream)
{
    int saved = errno, rc = 0;
    if (aio__sys_shutdown(stream->fd, SHUT_WR) < 0)
        rc = -errno;
    errno = saved;
    return rc;
}

static void reset(aio_stream *stream)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    (void)aio__sys_setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/* On Unix-domain sockets a read stops where descriptors were passed, and no event follows. */
const struct aio__stream_operations aio__tcp_operations = {
    receive, send_socket, shut_down, reset, .short_read_drains = true, .lingers = true};
/* MPTCP: what it gives at a time says nothing of what it has. */
static const struct aio__stream_operations like_tcp_operations = {
    receive, send_socket, shut_down, reset, .short_read_drains = false, .lingers = true};
const struct aio__stream_operations aio__socket_operations = {
    receive, send_socket, shut_down, NULL, .short_read_drains = false, .lingers = false};
const struct aio__stream_operations aio__pipe_operations = {
    read_file, write_file, NULL, NULL, .short_read_drains = true, .lingers = false};
const struct aio__stream_operations aio__file_operations = {
    read_file, write_file, NULL, NULL, .short_read_drains = false, .lingers = false};

static const struct aio__stream_operations *operations_of_socket(int fd)
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t name_size = sizeof name, type_size = sizeof(int);
    int type = 0;
    if (aio__sys_getsockname(fd, (struct sockaddr *)&name, &name_size) < 0 ||
        aio__sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0)
        return &aio__socket_operations;
    bool internet = name.ss_family == AF_INET || name.ss_family == AF_INET6;
    if (!internet || type != SOCK_STREAM)
        return &aio__socket_operations;
    return aio__is_tcp(fd) ? &aio__tcp_operations : &like_tcp_operations;
}

/* NULL, with errno, if it is not open. */
static const struct aio__stream_operations *operations_of(int fd)
{
    struct stat status;
    if (aio__sys_fstat(fd, &status) < 0)
        return NULL;
    if (S_ISSOCK(status.st_mode))
        return operations_of_socket(fd);
    bool plain_pipe = S_ISFIFO(status.st_mode) && !aio__pipe_keeps_packets(fd);
    return plain_pipe ? &aio__pipe_operations : &aio__file_operations;
}

/* ---- life ------------------------------------------------------------------------------------ */

aio_stream *aio__stream_new(aio_loop *loop, int fd,
                            const struct aio__stream_operations *operations)
{
    int rc = -ENOMEM;
    aio__io *io = aio__io_of(loop);
    aio_stream *stream = io != NULL ? aio__sys_malloc(sizeof *stream) : NULL;
    if (stream == NULL)
        goto fail;
    *stream = (aio_stream){.operations = operations, .fd = fd, .io = io};
    stream->owned.close = aio__stream_lose_loop;
    stream->background.place = AIO__PLACE_ANY;
    stream->background_watcher.handle = &stream->background;
    aio__list_init(&stream->turns);
    aio__list_init(&stream->flushes);
    /* The number may have been waited for when it was another descriptor. */
    aio__watch_forget(loop, fd);
    rc = aio__watch_open(loop, &stream->watch, fd, AIO__EDGE);
    if (rc < 0)
        goto free_stream;
    aio__io_own(io, &stream->owned);
    return stream;

free_stream:
    aio__sys_free(stream);
fail:
    errno = -rc;
    return NULL;
}

static bool somebody_waits(const aio__watch *watch)
{
    return watch != NULL && (watch->watchers[0] != NULL || watch->watchers[1] != NULL);
}

aio_stream *aio_stream_open(int fd)
{
    aio_loop *loop = aio__loop_running;
    if (loop == NULL) {
        errno = EPERM;
        return NULL;
    }
    const struct aio__stream_operations *operations = operations_of(fd);
    int flags = operations != NULL ? aio__sys_fcntl_int(fd, F_GETFL, 0) : -1;
    if (flags < 0)
        return NULL;
    if (somebody_waits(aio__watch_find(loop, fd))) {
        errno = EBUSY;
        return NULL;
    }
    int rc = aio__set_nonblocking(fd);
    if (rc < 0) {
        errno = -rc;
        return NULL;
    }
    aio_stream *stream = aio__stream_new(loop, fd, operations);
    bool was_blocking = (flags & O_NONBLOCK) == 0;
    if (stream != NULL)
        stream->was_blocking = was_blocking;
    else if (was_blocking)
        aio__set_blocking(fd);
    return stream;
}

void aio__stream_leave(aio_stream *stream)
{
    stream->users--;
    if (stream->users != 0 || stream->held || stream->fd >= 0)
        return;
    aio__io_disown(&stream->owned);
    aio__sys_free(stream);
}

void aio__stream_hold(aio_stream *stream)
{
    stream->held = true;
}

void aio__stream_unhold(aio_stream *stream)
{
    aio__stream_enter(stream);
    stream->held = false;
    if (!stream->closed)
        (void)aio_stream_close(stream);
    aio__stream_leave(stream);
}

int aio_stream_fd(const aio_stream *stream)
{
    return stream != NULL ? stream->fd : -ENOMEM;
}

/* ---- the background -------------------------------------------------------------------------- */

int aio__stream_background_wait(aio_stream *stream, unsigned direction,
                                void (*run)(aio__handle *handle))
{
    stream->background.run = run;
    return aio__watch_wait(stream->io->loop, &stream->watch, direction,
                           &stream->background_watcher);
}

void aio__stream_background_stop(aio_stream *stream)
{
    aio__watch_unwait(stream->io->loop, &stream->watch, &stream->background_watcher);
    if (aio__link_linked(&stream->background.link))
        aio__link_remove(&stream->background.link);
}
