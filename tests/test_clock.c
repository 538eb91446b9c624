/*
 * The system's clock.
 */
#include "base/clock.h"

#include <errno.h>

#include <aio/base.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"
#include "support/faults.h"
#include "support/test.h"

static clockid_t asked;
static struct timespec told;

static int fixed_clock(clockid_t clock, struct timespec *now)
{
    asked = clock;
    *now = told;
    return 0;
}

TEST(clock_is_monotonic)
{
    int64_t last = aio__clock_now();
    for (int i = 0; i < 1000; i++) {
        int64_t now = aio__clock_now();
        check(now >= last);
        last = now;
    }
}

TEST(clock_is_the_one_that_cannot_be_set)
{
    struct timespec now = {0, 0};
    aio__sys.clock_gettime = fixed_clock;
    (void)aio__clock_now();
    check_int(asked, CLOCK_MONOTONIC);
    check_int(clock_gettime(asked, &now), 0);
}

TEST(clock_is_in_nanoseconds)
{
    aio__sys.clock_gettime = fixed_clock;
    told = (struct timespec){3, 141592653};
    check_int(aio__clock_now(), INT64_C(3141592653));
    told = (struct timespec){0, 999999999};
    check_int(aio__clock_now(), 999999999);
}

TEST(clock_counts_on_past_what_32_bits_hold)
{
    aio__sys.clock_gettime = fixed_clock;
    told = (struct timespec){INT32_MAX, 999999999};
    check_int(aio__clock_now(), INT64_C(2147483647999999999));
}

TEST(clock_that_fails_stands)
{
    faults_fail("clock_gettime", 1, EINVAL, FAULTS_FROM_THEN_ON);
    check_int(aio__clock_now(), 0);
    check_int(aio__clock_now(), 0);
}

TEST(time_after_another_is_never_beyond_forever)
{
    check_int(aio__time_after(5, 7), 12);
    check_int(aio__time_after(5, -7), 5);
    check_int(aio__time_after(5, 0), 5);
    check_int(aio__time_after(5, INT64_MAX), INT64_MAX);
    check_int(aio__time_after(INT64_MAX, INT64_MAX), INT64_MAX);
    check_int(aio__time_after(1, INT64_MAX - 1), INT64_MAX);
    check_int(aio__time_after(0, INT64_MAX - 1), INT64_MAX - 1);
}

TEST(sizes_are_rounded_up_to_units)
{
    check_int(aio__round_up(0, 16), 0);
    check_int(aio__round_up(1, 16), 16);
    check_int(aio__round_up(16, 16), 16);
    check_int(aio__round_up(17, 16), 32);
}

TEST(ticks_go_up)
{
    uint64_t first = aio__ticks();
    int64_t begin = aio__clock_now();
    while (aio__clock_now() - begin < AIO_MSEC(1))
        continue;
    check(aio__ticks() > first);
}
