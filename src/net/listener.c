/*
 * Listeners: opening the sockets, and closing them.
 *
 * All sockets of a listener have one port: where the system chooses it, the first
 * one gets it and the other must take the same.
 */
#include "net/listener.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "base/sys.h"

#define BACKLOG 1024
/* How often a port is chosen anew, where it is not free in both families. */
#define PORT_TRIALS 16

/* ---- one socket ------------------------------------------------------------------------------ */

static int set_option(int fd, int level, int option)
{
    int on = 1;
    return aio__sys_setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

/* What is accepted has TCP_NODELAY from here. */
static int set_options(int fd, int family)
{
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (rc == 0)
        rc = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (rc == 0 && family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    return rc;
}

static int listen_at(int fd, const aio__address *address)
{
    int rc = set_options(fd, aio__address_family(address));
    if (rc == 0 && aio__sys_bind(fd, &address->name.any, address->size) < 0)
        rc = -errno;
    if (rc == 0 && aio__sys_listen(fd, BACKLOG) < 0)
        rc = -errno;
    return rc;
}

static int bound_port(int fd)
{
    aio__address address;
    socklen_t size = sizeof address.name;
    if (aio__sys_getsockname(fd, &address.name.any, &size) < 0)
        return -errno;
    return aio__address_port(&address);
}

static int open_socket(aio_listener *listener, const aio__address *address)
{
    struct aio__listening *socket = &listener->sockets[listener->count];
    *socket = (struct aio__listening){.listener = listener, .ready = true};
    socket->fd = aio__socket(aio__address_family(address), SOCK_STREAM, 0);
    if (socket->fd < 0)
        return -errno;
    int rc = listen_at(socket->fd, address);
    if (rc == 0)
        rc = bound_port(socket->fd);
    if (rc < 0)
        goto close_socket;
    listener->port = rc;
    aio__watch_forget(listener->io->loop, socket->fd);
    rc = aio__watch_open(listener->io->loop, &socket->watch, socket->fd, AIO__EDGE);
    if (rc < 0)
        goto close_socket;
    aio__accept_prepare(socket);
    listener->count++;
    return 0;

close_socket:
    (void)aio__sys_close(socket->fd);
    return rc;
}

static void close_sockets(aio_listener *listener)
{
    for (; listener->count != 0; listener->count--) {
        struct aio__listening *socket = &listener->sockets[listener->count - 1];
        if (listener->io != NULL)
            aio__watch_close(listener->io->loop, &socket->watch);
        (void)aio__sys_close(socket->fd);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* An address that this system does not have is passed over, if there is another. */
static bool lacking(int rc)
{
    return rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL;
}

static int open_sockets(aio_listener *listener, aio__address *addresses, int count)
{
    int error = 0;
    for (int i = 0; i < count; i++) {
        if (listener->count != 0)
            aio__address_set_port(&addresses[i], listener->port);
        int rc = open_socket(listener, &addresses[i]);
        if (lacking(rc))
            error = rc;
        else if (rc < 0) {
            close_sockets(listener);
            return rc;
        }
    }
    return listener->count != 0 ? 0 : error;
}

static int open_listener(aio_listener *listener, const char *address, int port)
{
    aio__address addresses[AIO__ADDRESSES];
    int rc = -EADDRINUSE;
    for (int trial = 0; trial < PORT_TRIALS && rc == -EADDRINUSE; trial++) {
        int count = aio__address_parse(address, port, true, addresses);
        if (count < 0)
            return count;
        rc = open_sockets(listener, addresses, count);
        if (port != 0)
            break;
    }
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void lose_loop(aio__owned *owned)
{
    aio_listener *listener = aio__container(owned, aio_listener, owned);
    if (listener->closed) { /* the task that was to free it never goes on */
        aio__sys_free(listener);
        return;
    }
    aio__accept_end(listener);
    for (size_t i = 0; i < listener->count; i++)
        aio__watch_close(listener->io->loop, &listener->sockets[i].watch);
    aio__heap_unreserve(&listener->io->loop->timers);
    listener->io = NULL;
    listener->accepting = false; /* that task never goes on */
}

static aio_listener *listener_new(aio_loop *loop)
{
    aio__io *io = aio__io_of(loop);
    aio_listener *listener = io != NULL ? aio__sys_calloc(1, sizeof *listener) : NULL;
    if (listener == NULL)
        return NULL;
    if (aio__heap_reserve(&loop->timers) < 0) {
        aio__sys_free(listener);
        return NULL;
    }
    listener->io = io;
    listener->owned.close = lose_loop;
    return listener;
}

aio_listener *aio_listen(const char *address, int port)
{
    aio_loop *loop = aio__loop_running;
    int rc = loop != NULL ? -ENOMEM : -EPERM;
    aio_listener *listener = loop != NULL ? listener_new(loop) : NULL;
    if (listener == NULL)
        goto fail;
    rc = open_listener(listener, address, port);
    if (rc < 0)
        goto free_listener;
    aio__io_own(listener->io, &listener->owned);
    return listener;

free_listener:
    aio__heap_unreserve(&loop->timers);
    aio__sys_free(listener);
fail:
    errno = -rc;
    return NULL;
}

void aio__listener_free(aio_listener *listener)
{
    aio__io_disown(&listener->owned);
    aio__sys_free(listener);
}

int aio_listener_port(const aio_listener *listener)
{
    return listener != NULL ? listener->port : -ENOMEM;
}

void aio_listener_close(aio_listener *listener)
{
    if (listener == NULL)
        return;
    listener->closed = true;
    aio__accept_end(listener);
    close_sockets(listener);
    if (listener->io != NULL)
        aio__heap_unreserve(&listener->io->loop->timers);
    listener->io = NULL;
    /* A task that accepts still looks at it. */
    if (!listener->accepting)
        aio__listener_free(listener);
}
