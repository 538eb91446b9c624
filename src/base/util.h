/*
 * Small things that every layer uses: sizes and times that must not overflow, lots.
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

/* Numbers as good as drawn by lot: xorshift64*, of Marsaglia and Vigna.  No state is 0. */
static inline uint64_t aio__draw(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

#endif
