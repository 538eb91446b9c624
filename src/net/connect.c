/*
 * Connecting: without blocking, one address after the other.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include <aio/net.h>

#include "base/sys.h"
#include "io/stream.h"
#include "net/address.h"
#include "task/scheduler.h"

/* Why a connection that was under way has failed; 0 if it has not.  Asking clears it. */
static int socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (aio__sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return -error;
}

static bool connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    return aio__sys_getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/* Where nobody listens on a port that the system gives out, it may give it to the socket that
 * connects: that is then its own peer. */
static bool connected_to_itself(int fd, const aio__address *address)
{
    aio__address own = {.size = 0}, peer = {.size = 0};
    socklen_t own_size = sizeof own.name, peer_size = sizeof peer.name;
    if (aio__sys_getsockname(fd, &own.name.any, &own_size) < 0 ||
        aio__address_port(&own) != aio__address_port(address))
        return false;
    return aio__sys_getpeername(fd, &peer.name.any, &peer_size) == 0 && own_size == peer_size &&
           memcmp(&own.name, &peer.name, own_size) == 0;
}

/* Waits for a connection that is under way: 0, or why it failed. */
static int finish_connecting(aio_stream *stream)
{
    aio_loop *loop = stream->io->loop;
    aio__fd_wait wait;
    int rc = aio__watch_extend(loop, &stream->watch, AIO__WRITE);
    if (rc < 0)
        return rc;
    for (;;) {
        rc = aio__fd_wait_for(&wait, loop, &stream->watch, AIO__WRITE, "connect");
        if (rc < 0)
            return rc;
        rc = socket_error(stream->fd);
        /* An event that has nothing behind it is possible: then it is still under way. */
        if (rc < 0 || connected(stream->fd))
            return rc;
    }
}

/* A stream of a socket that connects; *out_error is 0, or -EINPROGRESS. */
static aio_stream *begin_connecting(const aio__address *address, int *out_error)
{
    int on = 1, error = 0;
    int fd = aio__socket(aio__address_family(address), SOCK_STREAM, 0);
    if (fd < 0) {
        *out_error = -errno;
        return NULL;
    }
    (void)aio__sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (aio__sys_connect(fd, &address->name.any, address->size) < 0)
        error = errno;
    /* Interrupted, it goes on by itself; a second call would be told that. */
    if (error == EINTR)
        error = EINPROGRESS;
    /* Only now: a socket that is watched before it connects reports a hang-up. */
    aio_stream *stream = NULL;
    if (error == 0 || error == EINPROGRESS)
        stream = aio__stream_new(aio__loop_running, fd, &aio__tcp_operations);
    if (stream == NULL) {
        error = error == 0 || error == EINPROGRESS ? errno : error;
        (void)aio__sys_close(fd);
    }
    *out_error = -error;
    return stream;
}

static aio_stream *connect_to(const aio__address *address, int *out_error)
{
    aio_stream *stream = begin_connecting(address, out_error);
    if (stream == NULL)
        return NULL;
    if (*out_error != 0)
        *out_error = finish_connecting(stream);
    if (*out_error == 0 && connected_to_itself(stream->fd, address))
        *out_error = -ECONNREFUSED;
    if (*out_error == 0)
        return stream;
    aio_stream_abort(stream);
    return NULL;
}

/* Whether an error says that this system lacks the address, rather than something of the peer. */
static bool says_little(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -ENETUNREACH;
}

aio_stream *aio_connect(const char *address, int port)
{
    aio__address addresses[AIO__ADDRESSES];
    int error = aio__checkpoint(6);
    int count = error < 0 ? error : aio__address_parse(address, port, false, addresses);
    if (count < 0)
        error = count;
    for (int i = 0; i < count; i++) {
        int rc;
        aio_stream *stream = connect_to(&addresses[i], &rc);
        if (stream != NULL)
            return stream;
        if (error == 0 || says_little(error) || rc == -ECANCELED)
            error = rc;
        if (rc == -ECANCELED)
            break;
    }
    errno = -error;
    return NULL;
}
