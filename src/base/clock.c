/*
 * The system's clock.
 */
#include "base/clock.h"

#include "base/sys.h"

int64_t aio__clock_now(void)
{
    struct timespec now = {0, 0};
    /* It can't fail with this clock; if it did, time would stand, which harms nobody. */
    (void)aio__sys_clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}
