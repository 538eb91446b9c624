/*
 * Short transfers and chaos.
 *
 * A short transfer, and an EAGAIN that is not the kernel's, are told to a caller
 * who may wait for the next edge then.  In the kernel there would be one; so here
 * the descriptor is set again in its epoll, which then looks, and reports what
 * there is.  This is why epoll_ctl() comes through here.
 */
#include "support/transfer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sys.h"
#include "support/faults.h"

static struct aio__sys lower; /* the table below this */
static atomic_size_t most;       /* bytes a transfer may move; 0: any number */
static _Atomic uint64_t random_state; /* 0: no chaos */

/* ---- setting the edge again ------------------------------------------------------------------ */

#if defined(__linux__)

#define DESCRIPTORS 4096

static struct {
    int epoll;
    struct epoll_event event; /* of no events: not registered */
} registered[DESCRIPTORS];

static int noting_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    int rc = lower.epoll_ctl(epoll, op, fd, event);
    if (rc < 0 || fd < 0 || fd >= DESCRIPTORS)
        return rc;
    registered[fd].epoll = epoll;
    registered[fd].event = op == EPOLL_CTL_DEL ? (struct epoll_event){0} : *event;
    return rc;
}

static void set_edge(int fd)
{
    int error = errno;
    if (fd >= 0 && fd < DESCRIPTORS && (registered[fd].event.events & EPOLLET) != 0 &&
        (registered[fd].event.events & EPOLLONESHOT) == 0)
        (void)aio__sys_real.epoll_ctl(registered[fd].epoll, EPOLL_CTL_MOD, fd,
                                      &registered[fd].event);
    errno = error;
}

#else

static void set_edge(int fd)
{
    (void)fd;
}

#endif

/* ---- what to do to a call -------------------------------------------------------------------- */

/* One in n, as the seed says; never without chaos. */
static bool one_in(unsigned n)
{
    if (atomic_load(&random_state) == 0)
        return false;
    uint64_t x = atomic_fetch_add(&random_state, UINT64_C(0x9E3779B97F4A7C15));
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (x ^ (x >> 31)) % n == 0;
}

static bool is_stream_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* Whether each write to a pipe stays apart. */
static bool keeps_packets(int fd)
{
#if defined(O_DIRECT)
    return (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
#else
    (void)fd;
    return false;
#endif
}

/* Whether a transfer may be cut anywhere: not one of a datagram, of a packet, of an eventfd. */
static bool carries_bytes(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    return (S_ISFIFO(status.st_mode) && !keeps_packets(fd)) ||
           (S_ISSOCK(status.st_mode) && is_stream_socket(fd));
}

/* How many bytes of `size` may be moved; 0: the call fails with errno. */
static size_t allowed(int fd, size_t size, int flags)
{
    size_t limit = atomic_load(&most);
    if (size == 0 || (limit == 0 && atomic_load(&random_state) == 0) || !carries_bytes(fd))
        return size;
    bool waits = (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 && (flags & MSG_DONTWAIT) == 0;
    if (one_in(12) || (!waits && one_in(12))) {
        errno = waits || one_in(2) ? EINTR : EAGAIN;
        return 0;
    }
    if (one_in(4))
        limit = one_in(2) ? 1 : 3;
    return limit != 0 && limit < size ? limit : size;
}

/* `lower.name arguments`, of at most as many bytes as are allowed. */
#define LIMITED(name, parameters, arguments, flags)                                                \
    static ssize_t limited_##name parameters                                                       \
    {                                                                                              \
        size_t asked = size;                                                                       \
        size = allowed(fd, size, flags);                                                           \
        ssize_t moved = size == 0 && asked != 0 ? -1 : lower.name arguments;                      \
        if (size < asked)                                                                          \
            set_edge(fd);                                                                          \
        return moved;                                                                              \
    }
LIMITED(read, (int fd, void *data, size_t size), (fd, data, size), 0)
LIMITED(write, (int fd, const void *data, size_t size), (fd, data, size), 0)
LIMITED(recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), flags)
LIMITED(send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), flags)

/* Whether an accept shall fail, with errno. */
static bool refuses(int fd)
{
    static const int errors[] = {EINTR, ECONNABORTED, EAGAIN};
    if (!one_in(6) || (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
        return false;
    errno = errors[one_in(2) ? 0 : one_in(2) ? 1 : 2];
    set_edge(fd);
    return true;
}

static int unwilling_accept(int fd, struct sockaddr *name, socklen_t *size)
{
    return refuses(fd) ? -1 : lower.accept(fd, name, size);
}

/* A wait that is interrupted has found nothing: a signal never hides an event. */
static int interrupted(int found)
{
    if (found != 0)
        return found;
    errno = EINTR;
    return -1;
}

static int interrupted_poll(struct pollfd *set, nfds_t count, int timeout)
{
    if (timeout != 0 && one_in(10))
        return interrupted(lower.poll(set, count, 0));
    return lower.poll(set, count, timeout);
}

#if defined(__linux__)

static int unwilling_accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    return refuses(fd) ? -1 : lower.accept4(fd, name, size, flags);
}

/* Besides, events may come one at a time. */
static int interrupted_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    count = one_in(3) ? 1 : count;
    if (timeout != 0 && one_in(10))
        return interrupted(lower.epoll_wait(epoll, events, count, 0));
    return lower.epoll_wait(epoll, events, count, timeout);
}

static int interrupted_epoll_pwait2(int epoll, void *events, int count, int64_t seconds,
                                    int64_t nanoseconds)
{
    count = one_in(3) ? 1 : count;
    if ((seconds != 0 || nanoseconds != 0) && one_in(10))
        return interrupted(lower.epoll_wait(epoll, events, count, 0));
    return lower.epoll_pwait2(epoll, events, count, seconds, nanoseconds);
}

static void install_system(void)
{
    aio__sys.accept4 = unwilling_accept4;
    aio__sys.epoll_ctl = noting_epoll_ctl;
    aio__sys.epoll_wait = interrupted_epoll_wait;
    aio__sys.epoll_pwait2 = interrupted_epoll_pwait2;
}

#else

static void install_system(void)
{
}

#endif

/* ---- switching it on ------------------------------------------------------------------------- */

void transfer_install(void)
{
    lower = aio__sys;
    aio__sys.read = limited_read;
    aio__sys.write = limited_write;
    aio__sys.recv = limited_recv;
    aio__sys.send = limited_send;
    aio__sys.accept = unwilling_accept;
    aio__sys.poll = interrupted_poll;
    install_system();
}

void transfer_clear(void)
{
    atomic_store(&most, 0);
    atomic_store(&random_state, 0);
}

void faults_short(size_t bytes)
{
    atomic_store(&most, bytes);
}

/* The low bit stays set often enough: 0 would be calm. */
void faults_chaos(uint64_t seed)
{
    atomic_store(&random_state, seed * UINT64_C(0xD1342543DE82EF95) | 1);
}
