/*
 * The seam's calls that need more than a name, and its table in the build for
 * fault injection.
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>

int aio__real_fcntl_int(int fd, int command, int value)
{
    return fcntl(fd, command, value);
}

#if defined(__linux__) && defined(SYS_epoll_pwait2)

int aio__real_epoll_pwait2(int epoll, void *events, int count, int64_t seconds,
                           int64_t nanoseconds)
{
    /* The kernel wants 64-bit fields, whatever this processor's struct timespec has: with 32-bit
     * ones it waits for ever. */
    struct {
        int64_t seconds, nanoseconds;
    } timeout = {seconds, nanoseconds};
    return (int)syscall(SYS_epoll_pwait2, epoll, events, count, seconds < 0 ? NULL : &timeout, NULL,
                        (size_t)0);
}

#else

int aio__real_epoll_pwait2(int epoll, void *events, int count, int64_t seconds,
                           int64_t nanoseconds)
{
    (void)epoll, (void)events, (void)count, (void)seconds, (void)nanoseconds;
    errno = ENOSYS;
    return -1;
}

#endif

#if defined(AIO_FAULT_INJECTION)

#define AIO__SYS_ENTRY(type, name, parameters, arguments) .name = name,
#define AIO__SYS_REAL_ENTRY(type, name, parameters, arguments) .name = aio__real_##name,
#define AIO__SYS_TABLE                                                                             \
    {                                                                                              \
        AIO__SYS_POSIX(AIO__SYS_ENTRY) AIO__SYS_SYSTEM(AIO__SYS_ENTRY)                             \
            AIO__SYS_SPECIAL(AIO__SYS_REAL_ENTRY).free = free                                      \
    }

const struct aio__sys aio__sys_real = AIO__SYS_TABLE;
struct aio__sys aio__sys = AIO__SYS_TABLE;

#endif
