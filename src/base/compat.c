/*
 * What some systems lack, built of what all have.
 */
#include "base/compat.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#if defined(__linux__) || defined(__FreeBSD__)
#include <link.h> /* dl_iterate_phdr() */
#define LISTS_ITS_FILES 1
#endif

#include "base/clock.h"
#include "base/sys.h"

#if defined(__FreeBSD__) || defined(__OpenBSD__)
#include <pthread_np.h> /* pthread_main_np() */
#endif

#if !defined(__x86_64__) && !defined(__i386__) && !defined(__aarch64__)
uint64_t aio__ticks(void)
{
    return (uint64_t)aio__clock_now();
}
#endif

bool aio__is_main_thread(void)
{
#if defined(__linux__)
    return syscall(SYS_gettid) == (long)getpid();
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__)
    return pthread_main_np() != 0;
#else
    return true;
#endif
}

const char *aio__environment(const char *name)
{
#if defined(__linux__)
    return secure_getenv(name);
#else
    return geteuid() == getuid() && getegid() == getgid() ? getenv(name) : NULL;
#endif
}

#if defined(LISTS_ITS_FILES)

struct search {
    uintptr_t address, base;
    const char *file; /* NULL: not found yet */
};

static bool lies_in(uintptr_t address, const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address >= start &&
            address - start < info->dlpi_phdr[i].p_memsz)
            return true;
    }
    return false;
}

static int look_into(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    (void)size;
    if (!lies_in(search->address, info))
        return 0;
    const char *name = info->dlpi_name;
    /* The program itself: glibc's name, musl's. */
    bool is_program = name == NULL || name[0] == '\0' || strcmp(name, "/proc/self/exe") == 0;
    search->file = is_program ? "program" : name;
    search->base = info->dlpi_addr;
    return 1;
}

const char *aio__file_of_code(uintptr_t address, uintptr_t *out_offset)
{
    struct search search = {.address = address};
    if (dl_iterate_phdr(look_into, &search) == 0)
        return NULL;
    *out_offset = address - search.base;
    return search.file;
}

#else

const char *aio__file_of_code(uintptr_t address, uintptr_t *out_offset)
{
    (void)address;
    (void)out_offset;
    return NULL;
}

#endif

int aio__set_nonblocking(int fd)
{
    int flags = aio__sys_fcntl_int(fd, F_GETFL, 0);
    if (flags < 0)
        return -errno;
    if ((flags & O_NONBLOCK) != 0)
        return 0;
    return aio__sys_fcntl_int(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

void aio__set_blocking(int fd)
{
    int flags = aio__sys_fcntl_int(fd, F_GETFL, 0);
    if (flags >= 0)
        (void)aio__sys_fcntl_int(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* Makes a new descriptor non-blocking and close-on-exec; closes it where that fails. */
static int prepare(int fd)
{
    if (fd < 0)
        return fd;
    int rc = aio__set_nonblocking(fd);
    if (rc == 0 && aio__sys_fcntl_int(fd, F_SETFD, FD_CLOEXEC) < 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    (void)aio__sys_close(fd);
    errno = -rc;
    return -1;
}

/* A write to a socket whose peer is gone must not raise SIGPIPE.  Where send() has no flag for
 * that, the socket has an option. */
static int prepare_socket(int fd)
{
    fd = prepare(fd);
#if defined(SO_NOSIGPIPE)
    int on = 1;
    if (fd >= 0)
        (void)aio__sys_setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return fd;
}

int aio__accept(int listener, struct sockaddr *name, unsigned *size)
{
    socklen_t name_size = size != NULL ? (socklen_t)*size : 0;
    socklen_t *out_size = size != NULL ? &name_size : NULL;
#if defined(__linux__)
    int fd = aio__sys_accept4(listener, name, out_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == ENOSYS)
        fd = prepare_socket(aio__sys_accept(listener, name, out_size));
#else
    int fd = prepare_socket(aio__sys_accept(listener, name, out_size));
#endif
    if (fd >= 0 && size != NULL)
        *size = name_size;
    return fd;
}

int aio__socket(int domain, int type, int protocol)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    int fd = aio__sys_socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd >= 0 || errno != EINVAL)
        return fd;
#endif
    return prepare_socket(aio__sys_socket(domain, type, protocol));
}

int aio__pipe(int ends[2])
{
#if defined(__linux__)
    if (aio__sys_pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0)
        return 0;
    if (errno != ENOSYS)
        return -1;
#endif
    if (aio__sys_pipe(ends) < 0)
        return -1;
    int reader = prepare(ends[0]), error = errno;
    int writer = prepare(ends[1]);
    if (reader >= 0 && writer >= 0)
        return 0;
    if (reader >= 0)
        error = errno;
    if (reader >= 0)
        (void)aio__sys_close(reader);
    if (writer >= 0)
        (void)aio__sys_close(writer);
    errno = error;
    return -1;
}

int aio__event_pair(int ends[2])
{
#if defined(__linux__)
    int fd = aio__sys_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd >= 0) {
        ends[0] = ends[1] = fd;
        return 0;
    }
    if (errno != ENOSYS && errno != EINVAL)
        return -1;
#endif
    return aio__pipe(ends);
}

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0
#endif

int64_t aio__send(int fd, const void *data, size_t size)
{
    ssize_t sent = aio__sys_send(fd, data, size, MSG_NOSIGNAL);
    return sent < 0 && errno == ENOTSOCK ? aio__write(fd, data, size) : sent;
}

static bool sigpipe_pending(void)
{
    sigset_t pending;
    return aio__sys_sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

/* The signal of a write goes to the thread that writes: while it is blocked there, it stays
 * pending, and can be taken away.  One that was pending before is not ours to take. */
int64_t aio__write(int fd, const void *data, size_t size)
{
    sigset_t sigpipe, previous;
    int taken;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    if (aio__sys_pthread_sigmask(SIG_BLOCK, &sigpipe, &previous) != 0)
        return aio__sys_write(fd, data, size);
    bool blocked = sigismember(&previous, SIGPIPE) == 1;
    bool ours = !blocked || !sigpipe_pending();
    ssize_t written = aio__sys_write(fd, data, size);
    int error = errno;
    if (written < 0 && error == EPIPE && ours && sigpipe_pending())
        (void)aio__sys_sigwait(&sigpipe, &taken);
    if (!blocked)
        (void)aio__sys_pthread_sigmask(SIG_SETMASK, &previous, NULL);
    errno = error;
    return written;
}

bool aio__is_tcp(int fd)
{
#if defined(__linux__) && defined(SO_PROTOCOL)
    int protocol = 0;
    socklen_t size = sizeof protocol;
    return aio__sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           protocol == IPPROTO_TCP;
#else
    (void)fd;
    return true;
#endif
}

bool aio__pipe_keeps_packets(int fd)
{
#if defined(__linux__) && defined(O_DIRECT)
    int flags = aio__sys_fcntl_int(fd, F_GETFL, 0);
    return flags < 0 || (flags & O_DIRECT) != 0;
#else
    (void)fd;
    return false;
#endif
}
