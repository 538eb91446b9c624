/*
 * Connecting.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "support/faults.h"
#include "support/test.h"

/* A raw listening socket on loopback: its descriptor and port, or -1. */
static int listen_raw(int family, int *out_port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, name, size) < 0 || listen(fd, 10) < 0 || getsockname(fd, name, &size) < 0) {
        close(fd);
        return -1;
    }
    *out_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    return fd;
}

/* A port where nobody listens. */
static int closed_port(void)
{
    int port = 1, fd = listen_raw(AF_INET, &port);
    close(fd);
    return port;
}

struct target {
    const char *address;
    int port;
};

static int connect_and_close(void *arg)
{
    struct target *target = arg;
    errno = 0;
    aio_stream *stream = aio_connect(target->address, target->port);
    return stream != NULL ? aio_stream_close(stream) : -errno;
}

static int connect_to(const char *address, int port)
{
    struct target target = {address, port};
    return test_run(connect_and_close, &target);
}

/* ---- success --------------------------------------------------------------------------------- */

static int talk(void *arg)
{
    int listener = *(int *)arg, port;
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    char heard[8];
    getsockname(listener, (struct sockaddr *)&name, &size);
    port = ntohs(name.sin_port);
    aio_stream *stream = aio_connect("127.0.0.1", port);
    if (stream == NULL)
        return -errno;
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int on = 0;
    size = sizeof on;
    check_int(getsockopt(aio_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    check(on != 0);
    check_int(aio_stream_write(stream, "hello", 5), 5);
    check_int(aio_stream_flush(stream), 0);
    check_int(read(peer, heard, sizeof heard), 5);
    check_int(write(peer, "world", 5), 5);
    check_int(aio_stream_read_exactly(stream, heard, 5), 5);
    close(peer);
    return aio_stream_close(stream);
}

TEST(connection_can_be_talked_on_and_has_nodelay)
{
    int port, listener = listen_raw(AF_INET, &port);
    if (!check(listener >= 0))
        return;
    check_int(test_run(talk, &listener), 0);
    close(listener);
}

TEST(localhost_finds_who_listens_on_ipv4_only)
{
    int port, listener = listen_raw(AF_INET, &port);
    if (!check(listener >= 0))
        return;
    check_int(connect_to("localhost", port), 0);
    check_int(connect_to(NULL, port), 0);
    close(listener);
}

TEST(localhost_finds_who_listens_on_ipv6_only)
{
    int port, listener = listen_raw(AF_INET6, &port);
    if (listener < 0)
        return; /* a system without IPv6 */
    check_int(connect_to("localhost", port), 0);
    check_int(connect_to("::1", port), 0);
    close(listener);
}

static int (*next_socket)(int, int, int);

static int socket_without_ipv6(int domain, int type, int protocol)
{
    if (domain != AF_INET6)
        return next_socket(domain, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}

TEST(localhost_works_on_a_system_without_ipv6)
{
    int port, listener = listen_raw(AF_INET, &port);
    if (!check(listener >= 0))
        return;
    next_socket = aio__sys.socket;
    aio__sys.socket = socket_without_ipv6;
    check_int(connect_to("localhost", port), 0);
    check_int(connect_to("::1", port), -EAFNOSUPPORT);
    check_int(connect_to("localhost", closed_port()), -ECONNREFUSED);
    aio__sys.socket = next_socket;
    close(listener);
}

/* ---- failure --------------------------------------------------------------------------------- */

TEST(refused_connection_is_told)
{
    int port = closed_port();
    check_int(connect_to("127.0.0.1", port), -ECONNREFUSED);
    check_int(connect_to("localhost", port), -ECONNREFUSED);
}

/* What the system does by chance: gives the socket the very port that it connects to. */
static int connect_to_itself(int fd, const struct sockaddr *name, socklen_t size)
{
    (void)bind(fd, name, size);
    return aio__sys_real.connect(fd, name, size);
}

TEST(socket_that_is_connected_to_itself_is_a_refused_connection)
{
    aio__sys.connect = connect_to_itself;
    check_int(connect_to("127.0.0.1", closed_port()), -ECONNREFUSED);
}

TEST(address_or_port_that_is_none_is_told)
{
    check_int(connect_to("no.such.host", 80), -AIO_ENAME);
    check_int(connect_to("127.0.0.1", 0), -EINVAL);
    check_int(connect_to("127.0.0.1", 65536), -EINVAL);
}

TEST(connecting_needs_a_task)
{
    errno = 0;
    check(aio_connect("127.0.0.1", 80) == NULL);
    check_int(errno, EPERM);
}

TEST(unreachable_address_is_told)
{
    faults_fail("connect", 1, ENETUNREACH, FAULTS_EVERY);
    check_int(connect_to("127.0.0.1", 80), -ENETUNREACH);
    check_int(connect_to("localhost", 80), -ENETUNREACH);
}

TEST(want_of_descriptors_is_told)
{
    faults_fail("socket", 1, EMFILE, FAULTS_EVERY);
    check_int(connect_to("localhost", 80), -EMFILE);
}

/* ---- on the way ------------------------------------------------------------------------------ */

static int connects;

static int interrupted_connect(int fd, const struct sockaddr *name, socklen_t size)
{
    connects++;
    int rc = aio__sys_real.connect(fd, name, size);
    if (rc < 0 && errno == EINPROGRESS)
        errno = EINTR;
    return rc;
}

TEST(interrupted_connect_is_waited_for_and_not_called_again)
{
    int port, listener = listen_raw(AF_INET, &port);
    if (!check(listener >= 0))
        return;
    int (*before)(int, const struct sockaddr *, socklen_t) = aio__sys.connect;
    connects = 0;
    aio__sys.connect = interrupted_connect;
    check_int(connect_to("127.0.0.1", port), 0);
    check_int(connects, 1);
    check_int(connect_to("127.0.0.1", closed_port()), -ECONNREFUSED);
    check_int(connects, 2);
    aio__sys.connect = before;
    close(listener);
}

static int error_reads;

static int count_error_reads(int fd, int level, int option, void *value, socklen_t *size)
{
    error_reads += level == SOL_SOCKET && option == SO_ERROR;
    return aio__sys_real.getsockopt(fd, level, option, value, size);
}

TEST(error_of_a_connection_is_asked_for_once)
{
    int (*before)(int, int, int, void *, socklen_t *) = aio__sys.getsockopt;
    error_reads = 0;
    aio__sys.getsockopt = count_error_reads;
    check_int(connect_to("127.0.0.1", closed_port()), -ECONNREFUSED);
    check_int(error_reads, 1);
    aio__sys.getsockopt = before;
}

/* A connection that never comes about: a socket whose queue of clients is full answers nobody. */
static int fill_backlog(int *out_port, int clients[], int count)
{
    int listener = listen_raw(AF_INET, out_port);
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    listen(listener, 0);
    getsockname(listener, (struct sockaddr *)&name, &size);
    for (int i = 0; i < count; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(clients[i], (struct sockaddr *)&name, size);
    }
    return listener;
}

static int cancel_connect(void *arg)
{
    aio_task *task = aio_spawn(connect_and_close, arg);
    int rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(task));
    check_int(aio_task_stop(task), 0);
    check_int(aio_timeout_run(AIO_MSEC(1), connect_and_close, arg), -ETIMEDOUT);
    return rc;
}

TEST(connecting_can_be_cancelled_and_leaves_no_descriptor)
{
    int clients[4];
    struct target target = {"127.0.0.1", 0};
    int listener = fill_backlog(&target.port, clients, 4);
    check_int(test_run(cancel_connect, &target), 0);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(listener);
}

static int cancel_localhost(void *arg)
{
    aio_task *task = aio_spawn(connect_and_close, arg);
    int rc = aio_yield();
    (void)aio_task_cancel(task);
    check_int(aio_join(task), -ECANCELED);
    return rc;
}

TEST(cancelled_connect_does_not_try_the_next_address)
{
    int port, listener = listen_raw(AF_INET, &port);
    if (!check(listener >= 0))
        return;
    struct target target = {"localhost", port};
    check_int(test_run(cancel_localhost, &target), 0);
    close(listener);
}
