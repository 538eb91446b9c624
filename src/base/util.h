/*
 * Small things that every layer uses: sizes and times that must not overflow.
 */
#ifndef AIO_BASE_UTIL_H
#define AIO_BASE_UTIL_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define AIO__COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A time so many ns after another, or never. */
static inline int64_t aio__time_after(int64_t time, int64_t duration)
{
    if (duration <= 0)
        return time;
    return duration > INT64_MAX - time ? INT64_MAX : time + duration;
}

/*
 * A duration for poll() and epoll_wait(): in ms, rounded up, so that it is never early; -1: for
 * ever.
 */
static inline int aio__milliseconds(int64_t duration)
{
    if (duration == INT64_MAX)
        return -1;
    int64_t ms = duration / 1000000 + (duration % 1000000 != 0);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* `size` rounded up to a multiple of a power of two. */
static inline size_t aio__round_up(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

#endif
