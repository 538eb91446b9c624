/*
 * The one seam to the system: every system call and every allocation of the
 * library goes through here.
 *
 * In a release build each aio__sys_NAME() is the call itself, inline.  With
 * AIO_FAULT_INJECTION they go through a table, `aio__sys`, that tests exchange
 * entries of: to make the n-th call fail, to cut a read short, to count, to keep
 * a ledger of what is open.  (The linker's --wrap would miss the calls that
 * _FORTIFY_SOURCE renames.)
 *
 * What only some systems have is listed in a list of its own; a caller lives in
 * a file that CMake builds for those systems only, or in base/compat.c.
 */
#ifndef AIO_BASE_SYS_H
#define AIO_BASE_SYS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
#include <sys/event.h>
#endif

#if defined(__APPLE__)
typedef char *aio__residency; /* what mincore() fills */
#else
typedef unsigned char *aio__residency;
#endif

/* X(type of the result, name, parameters, arguments) */
#define AIO__SYS_POSIX(X)                                                                          \
    X(void *, malloc, (size_t size), (size))                                                       \
    X(void *, calloc, (size_t count, size_t size), (count, size))                                  \
    X(void *, realloc, (void *block, size_t size), (block, size))                                  \
    X(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))                   \
    X(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t offset),          \
      (at, size, access, flags, fd, offset))                                                       \
    X(int, munmap, (void *at, size_t size), (at, size))                                            \
    X(int, mprotect, (void *at, size_t size, int access), (at, size, access))                      \
    X(int, madvise, (void *at, size_t size, int advice), (at, size, advice))                       \
    X(int, mincore, (void *at, size_t size, aio__residency pages), (at, size, pages))              \
    X(int, close, (int fd), (fd))                                                                  \
    X(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))                          \
    X(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))                   \
    X(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))        \
    X(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))  \
    X(int, poll, (struct pollfd * set, nfds_t count, int timeout), (set, count, timeout))          \
    X(int, socket, (int domain, int type, int protocol), (domain, type, protocol))                 \
    X(int, bind, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))          \
    X(int, listen, (int fd, int backlog), (fd, backlog))                                           \
    X(int, accept, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))             \
    X(int, connect, (int fd, const struct sockaddr *name, socklen_t size), (fd, name, size))       \
    X(int, shutdown, (int fd, int how), (fd, how))                                                 \
    X(int, getsockname, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))        \
    X(int, getpeername, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))        \
    X(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size),              \
      (fd, level, option, value, size))                                                            \
    X(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t size),         \
      (fd, level, option, value, size))                                                            \
    X(int, fstat, (int fd, struct stat *status), (fd, status))                                     \
    X(int, pipe, (int ends[2]), (ends))                                                            \
    X(int, sigaction, (int signal, const struct sigaction *action, struct sigaction *previous),    \
      (signal, action, previous))                                                                  \
    X(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *previous),                    \
      (how, set, previous))                                                                        \
    X(int, sigpending, (sigset_t * set), (set))                                                    \
    X(int, sigwait, (const sigset_t *set, int *signal), (set, signal))                             \
    X(int, sigaltstack, (const stack_t *stack, stack_t *previous), (stack, previous))              \
    X(pid_t, getpid, (void), ())

#define AIO__SYS_LINUX(X)                                                                          \
    X(int, accept4, (int fd, struct sockaddr *name, socklen_t *size, int flags),                   \
      (fd, name, size, flags))                                                                     \
    X(int, pipe2, (int ends[2], int flags), (ends, flags))                                         \
    X(int, epoll_create1, (int flags), (flags))                                                    \
    X(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *event),                      \
      (epoll, op, fd, event))                                                                      \
    X(int, epoll_wait, (int epoll, struct epoll_event *events, int count, int timeout),            \
      (epoll, events, count, timeout))                                                             \
    X(int, eventfd, (unsigned value, int flags), (value, flags))

#define AIO__SYS_BSD(X)                                                                            \
    X(int, kqueue, (void), ())                                                                     \
    X(int, kevent,                                                                                 \
      (int queue, const struct kevent *changes, int change_count, struct kevent *events,           \
       int count, const struct timespec *timeout),                                                 \
      (queue, changes, change_count, events, count, timeout))

/* Calls that the lists above can't express: variadic ones, and free(). */
#define AIO__SYS_SPECIAL(X)                                                                        \
    X(int, fcntl_int, (int fd, int command, int value), (fd, command, value))                      \
    X(int, epoll_pwait2,                                                                           \
      (int epoll, void *events, int count, int64_t seconds, int64_t nanoseconds),                  \
      (epoll, events, count, seconds, nanoseconds))

#if defined(__linux__)
#define AIO__SYS_SYSTEM(X) AIO__SYS_LINUX(X)
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
#define AIO__SYS_SYSTEM(X) AIO__SYS_BSD(X)
#else
#define AIO__SYS_SYSTEM(X)
#endif

/* fcntl() with an int. */
int aio__real_fcntl_int(int fd, int command, int value);
/*
 * epoll_pwait2() with 64-bit times on every processor; seconds < 0: for ever. ENOSYS where there
 * is none.
 */
int aio__real_epoll_pwait2(int epoll, void *events, int count, int64_t seconds,
                           int64_t nanoseconds);

#if defined(AIO_FAULT_INJECTION)

#define AIO__SYS_FIELD(type, name, parameters, arguments) type(*name) parameters;
struct aio__sys {
    AIO__SYS_POSIX(AIO__SYS_FIELD)
    AIO__SYS_SYSTEM(AIO__SYS_FIELD)
    AIO__SYS_SPECIAL(AIO__SYS_FIELD)
    void (*free)(void *block);
};
/* What the library calls; aio__sys_real is how it was at the start. */
extern struct aio__sys aio__sys;
extern const struct aio__sys aio__sys_real;

#define AIO__SYS_CALL(type, name, parameters, arguments)                                           \
    static inline type aio__sys_##name parameters                                                  \
    {                                                                                              \
        return aio__sys.name arguments;                                                            \
    }
#define AIO__SYS_SPECIAL_CALL AIO__SYS_CALL
static inline void aio__sys_free(void *block)
{
    aio__sys.free(block);
}

#else

#define AIO__SYS_CALL(type, name, parameters, arguments)                                           \
    static inline type aio__sys_##name parameters                                                  \
    {                                                                                              \
        return name arguments;                                                                     \
    }
#define AIO__SYS_SPECIAL_CALL(type, name, parameters, arguments)                                   \
    static inline type aio__sys_##name parameters                                                  \
    {                                                                                              \
        return aio__real_##name arguments;                                                         \
    }
static inline void aio__sys_free(void *block)
{
    free(block);
}

#endif

AIO__SYS_POSIX(AIO__SYS_CALL)
AIO__SYS_SYSTEM(AIO__SYS_CALL)
AIO__SYS_SPECIAL(AIO__SYS_SPECIAL_CALL)

#endif
