/*
 * The loop's clocks and timers: in order, never early, and without turning on the
 * spot.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"
#include "support/loop_case.h"

/* ---- order ----------------------------------------------------------------------------------- */

TEST(timers_run_in_the_order_of_their_times)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle a = {0}, b = {0}, c = {0}, d = {0};
    (void)aio_loop_call_at(loop, &c, 30, note, "c");
    (void)aio_loop_call_at(loop, &a, -10, note, "a");
    (void)aio_loop_call_later(loop, &b, 20, note, "b");
    (void)aio_loop_call_at(loop, &d, 30, note, "d");
    run_out(loop);
    check_trace("a b c d");
    check_int(aio_loop_time(loop), 30);
    (void)aio_loop_close(loop);
}

/* What one of many timers notes: that it comes behind the one before. */
static int next_in_order;

static void check_order(void *arg)
{
    check_int((intptr_t)arg, next_in_order++);
}

TEST(timers_of_equal_times_run_in_the_order_of_the_calls)
{
    static aio_handle handles[500];
    aio_loop *loop = new_virtual_loop();
    int queued = 0;
    next_in_order = 0;
    for (intptr_t i = 0; i < 500; i++)
        queued += aio_loop_call_at(loop, &handles[i], 1000, check_order, (void *)i) == 0;
    run_out(loop);
    check_int(next_in_order, queued);
    (void)aio_loop_close(loop);
}

TEST(timers_that_are_overdue_run_in_one_turn_in_the_order_of_their_times)
{
    aio_loop *loop = new_loop();
    aio_handle a = {0}, b = {0}, c = {0};
    if (loop == NULL)
        return;
    int64_t now = aio_loop_time(loop);
    (void)aio_loop_call_at(loop, &c, now, note, "c");
    (void)aio_loop_call_at(loop, &b, now - 1, note, "b");
    (void)aio_loop_call_at(loop, &a, now - AIO_SEC(1), note, "a");
    check_int(aio_loop_step(loop, 0), 3);
    check_trace("a b c");
    (void)aio_loop_close(loop);
}

/* ---- extreme values -------------------------------------------------------------------------- */

static const int64_t extremes[] = {
    INT64_MIN, INT64_MIN + 1, -AIO_SEC(1), -1, 0, 1, 999999, 1000000, 1000001,
    AIO_MSEC(INT64_C(1) << 31) - 1, AIO_MSEC(INT64_C(1) << 31), AIO_MSEC(INT64_C(1) << 31) + 1,
    AIO_MSEC(INT64_C(1) << 32) - 1, AIO_MSEC(INT64_C(1) << 32), AIO_MSEC(INT64_C(1) << 32) + 1,
    INT64_MAX - 1, INT64_MAX,
};

TEST(timers_of_extreme_times_run_in_order_and_never_is_never)
{
    aio_handle handles[AIO__COUNT(extremes)];
    aio_loop *loop = new_virtual_loop();
    int queued = 0;
    next_in_order = 0;
    memset(handles, 0, sizeof handles);
    for (size_t i = AIO__COUNT(extremes); i-- > 0;)
        queued += aio_loop_call_at(loop, &handles[i], extremes[i], check_order,
                                   (void *)(intptr_t)i) == 0;
    run_out(loop);
    check_int(next_in_order, queued - 1);
    check_int(aio_loop_time(loop), INT64_MAX - 1);
    check(aio_handle_pending(&handles[AIO__COUNT(extremes) - 1]));
    (void)aio_loop_close(loop);
}

TEST(delays_of_extreme_lengths_never_overflow)
{
    for (size_t i = 0; i < AIO__COUNT(extremes); i++) {
        aio_loop *loop = new_virtual_loop();
        aio_handle step = {0}, handle = {0};
        int64_t delay = extremes[i] > 0 ? extremes[i] : 0;
        int64_t when = delay > INT64_MAX - 7 ? INT64_MAX : delay + 7;
        (void)aio_loop_call_at(loop, &step, 7, note, "");
        (void)aio_loop_step(loop, 7);
        if (loop != NULL && aio_loop_call_later(loop, &handle, extremes[i], note, "") == 0)
            check_int(aio_handle_when(&handle), when);
        run_out(loop);
        check_int(aio_handle_pending(&handle), when == INT64_MAX);
        (void)aio_loop_close(loop);
    }
}

/* What the selector was last told to wait, in ns; -1 for ever.  Its answer is that nothing came. */
static int64_t told_to_wait;

static int told_milliseconds(int timeout)
{
    check(timeout >= -1);
    told_to_wait = timeout < 0 ? -1 : AIO_MSEC(timeout);
    return 0;
}

static int pretend_poll(struct pollfd *set, nfds_t count, int timeout)
{
    (void)set, (void)count;
    return told_milliseconds(timeout);
}

#if defined(__linux__)
static int pretend_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    (void)epoll, (void)events, (void)count;
    return told_milliseconds(timeout);
}

static int pretend_epoll_pwait2(int epoll, void *events, int count, int64_t seconds,
                                int64_t nanoseconds)
{
    (void)epoll, (void)events, (void)count;
    check(nanoseconds >= 0 && nanoseconds < 1000000000);
    told_to_wait = seconds < 0 ? -1 : AIO_SEC(seconds) + nanoseconds;
    return 0;
}
#endif

static void pretend_to_wait(void)
{
    aio__sys.poll = pretend_poll;
#if defined(__linux__)
    aio__sys.epoll_wait = pretend_epoll_wait;
    aio__sys.epoll_pwait2 = pretend_epoll_pwait2;
#endif
}

/* Not less than it is, and not much more, but for what no int of ms can say. */
static void check_wait(int64_t wait, int64_t slack)
{
    if (wait == INT64_MAX) {
        check_int(told_to_wait, -1);
    } else if (wait <= 0) {
        check_int(told_to_wait, 0);
    } else {
        int64_t least = wait < AIO_MSEC(INT_MAX) ? wait : AIO_MSEC(INT_MAX);
        check(told_to_wait >= least);
        check(told_to_wait - slack <= wait);
    }
}

TEST(selector_waits_for_extreme_times_as_long_as_it_should)
{
    int ends[2];
    aio_loop *loop = new_loop();
    if (loop == NULL || !open_pipe(ends)) {
        (void)aio_loop_close(loop);
        return;
    }
    /* Something is watched, so that it is asked also when there is no time to wait. */
    if (aio_loop_add_reader(loop, ends[0], note, "no") == 0) {
        pretend_to_wait();
        for (size_t i = 0; i < AIO__COUNT(extremes); i++) {
            (void)aio_loop_step(loop, extremes[i]);
            check_wait(extremes[i], AIO_MSEC(1));
        }
    }
    (void)aio_loop_close(loop);
    close_both(ends);
}

TEST(selector_waits_for_timers_of_extreme_times)
{
    aio_loop *loop = new_loop();
    if (loop == NULL)
        return;
    pretend_to_wait();
    for (size_t i = 0; i < AIO__COUNT(extremes); i++) {
        aio_handle handle = {0};
        told_to_wait = 0;
        if (aio_loop_call_at(loop, &handle, extremes[i], note, "") < 0)
            continue;
        bool due = extremes[i] <= aio_loop_time(loop);
        check_int(aio_loop_step(loop, AIO_FOREVER), due);
        check(due ? told_to_wait == 0 : told_to_wait != 0);
        (void)aio_handle_cancel(&handle);
    }
    (void)aio_loop_close(loop);
}

#if defined(__linux__)
static int no_epoll_pwait2(int epoll, void *events, int count, int64_t seconds, int64_t nanoseconds)
{
    (void)epoll, (void)events, (void)count, (void)seconds, (void)nanoseconds;
    note("tried");
    errno = ENOSYS;
    return -1;
}

TEST(system_without_epoll_pwait2_waits_whole_milliseconds_and_is_not_asked_again)
{
    aio_loop *loop = new_loop();
    pretend_to_wait();
    aio__sys.epoll_pwait2 = no_epoll_pwait2;
    if (has_selector(loop, "epoll")) {
        (void)aio_loop_step(loop, 1);
        check_int(told_to_wait, AIO_MSEC(1));
        (void)aio_loop_step(loop, AIO_MSEC(2) + 1);
        check_int(told_to_wait, AIO_MSEC(3));
        check_trace("tried");
    }
    (void)aio_loop_close(loop);
}
#endif

/* ---- never early, and no turning on the spot ------------------------------------------------- */

struct sleeper {
    aio_loop *loop;
    aio_handle handle;
    int64_t delay, earliest;
    int left;
};

static void sleep_again(void *arg)
{
    struct sleeper *sleeper = arg;
    int64_t now = aio__clock_now();
    check(now >= sleeper->earliest);
    if (sleeper->left-- == 0)
        return;
    sleeper->earliest = now + sleeper->delay;
    check_int(aio_loop_call_later(sleeper->loop, &sleeper->handle, sleeper->delay, sleep_again,
                                  sleeper), 0);
}

TEST(short_sleeps_are_never_early_and_ask_the_selector_twice_at_most)
{
    static const int64_t delays[] = {1, 999, 100000, 400000, 999999, 1000001};
    for (size_t i = 0; i < AIO__COUNT(delays); i++) {
        struct sleeper sleeper = {.loop = new_loop(), .delay = delays[i], .left = 20};
        unsigned long before = polls();
        (void)aio_loop_call_soon(sleeper.loop, &sleeper.handle, sleep_again, &sleeper);
        run_out(sleeper.loop);
        check(polls() - before <= 40);
        check(sleeper.left == -1 || sleeper.loop == NULL);
        (void)aio_loop_close(sleeper.loop);
    }
}

/* ---- clocks that go wrong -------------------------------------------------------------------- */

static int64_t pretended_time;

static int pretend_clock(clockid_t clock, struct timespec *now)
{
    check_int(clock, CLOCK_MONOTONIC);
    now->tv_sec = (time_t)(pretended_time / 1000000000);
    now->tv_nsec = (long)(pretended_time % 1000000000);
    return 0;
}

TEST(clock_that_goes_backwards_stands_and_no_timer_is_early)
{
    pretended_time = AIO_SEC(100);
    aio__sys.clock_gettime = pretend_clock;
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    if (loop == NULL)
        return;
    check_int(aio_loop_time(loop), AIO_SEC(100));
    for (int64_t back = 1; back <= AIO_SEC(1); back *= 10) {
        pretended_time = AIO_SEC(100) - back;
        check_int(aio_loop_time(loop), AIO_SEC(100));
    }
    (void)aio_loop_call_later(loop, &handle, 10, note, "timer");
    check_int(aio_loop_step(loop, 0), 0);
    pretended_time = AIO_SEC(100) + 9;
    check_int(aio_loop_step(loop, 0), 0);
    pretended_time = AIO_SEC(100) + 10;
    (void)aio_loop_step(loop, 0);
    check_trace("timer");
    (void)aio_loop_close(loop);
}

/* A machine that was stopped for long: each timer that is over runs once. */
TEST(clock_that_jumps_ahead_runs_what_is_over_once_and_in_order)
{
    pretended_time = AIO_SEC(100);
    aio__sys.clock_gettime = pretend_clock;
    aio_loop *loop = new_loop();
    aio_handle a = {0}, b = {0}, c = {0};
    (void)aio_loop_call_later(loop, &b, AIO_SEC(2), note, "b");
    (void)aio_loop_call_later(loop, &a, AIO_SEC(1), note, "a");
    (void)aio_loop_call_later(loop, &c, AIO_SEC(9000), note, "c");
    pretended_time += AIO_SEC(5000);
    check_int(aio_loop_step(loop, 0), 2);
    check_trace("a b");
    check_int(aio_loop_step(loop, 0), 0);
    (void)aio_loop_close(loop);
}

/* ---- the virtual clock ----------------------------------------------------------------------- */

TEST(virtual_clock_starts_at_nought_and_jumps_to_the_next_timer)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle a = {0}, b = {0};
    check_int(aio_loop_time(loop), 0);
    (void)aio_loop_call_later(loop, &a, AIO_SEC(3600), note, "a");
    (void)aio_loop_call_later(loop, &b, AIO_SEC(86400 * 365), note, "b");
    check_int(aio_loop_step(loop, AIO_FOREVER - 1), 1);
    check_int(aio_loop_time(loop), AIO_SEC(3600));
    run_out(loop);
    check_int(aio_loop_time(loop), AIO_SEC(86400 * 365));
    check_trace("a b");
    check_int(polls(), 0);
    (void)aio_loop_close(loop);
}

static void note_and_queue(void *arg)
{
    struct sleeper *sleeper = arg;
    check_int(aio_loop_time(sleeper->loop), 0);
    if (sleeper->left-- > 0)
        check_int(aio_loop_call_soon(sleeper->loop, &sleeper->handle, note_and_queue, sleeper), 0);
}

TEST(virtual_clock_stands_while_anything_is_ready)
{
    struct sleeper sleeper = {.loop = new_virtual_loop(), .left = 1000};
    aio_handle timer = {0};
    (void)aio_loop_call_later(sleeper.loop, &timer, 1, note, "timer");
    (void)aio_loop_call_soon(sleeper.loop, &sleeper.handle, note_and_queue, &sleeper);
    run_out(sleeper.loop);
    check_int(sleeper.left, -1);
    check_trace("timer");
    (void)aio_loop_close(sleeper.loop);
}

TEST(virtual_clock_does_not_jump_while_a_descriptor_is_waited_for)
{
    int ends[2];
    aio_loop *loop = new_virtual_loop();
    aio_handle timer = {0};
    if (loop == NULL || !open_pipe(ends)) {
        (void)aio_loop_close(loop);
        return;
    }
    (void)aio_loop_call_later(loop, &timer, AIO_SEC(3600), note, "timer");
    if (aio_loop_add_reader(loop, ends[0], note, "reader") == 0) {
        fail_next_poll(EBADF); /* which is how it is seen to wait */
        check_int(aio_loop_step(loop, AIO_FOREVER), -EBADF);
        faults_clear();
        put_byte(ends[1]);
        check_int(aio_loop_step(loop, AIO_FOREVER), 1);
        check(aio_loop_time(loop) < AIO_SEC(3600));
        check_trace("reader");
        check_int(aio_loop_remove_reader(loop, ends[0]), 1);
        check_int(aio_loop_step(loop, AIO_FOREVER - 1), 1);
        check_int(aio_loop_time(loop), AIO_SEC(3600));
        check_trace("timer");
    }
    close_both(ends);
    (void)aio_loop_close(loop);
}

TEST(virtual_clock_goes_as_the_real_one_while_the_loop_is_held)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle timer = {0};
    (void)aio_loop_hold(loop);
    if (check_int(aio_loop_call_later(loop, &timer, AIO_MSEC(2), note, "timer"), 0)) {
        int64_t before = aio__clock_now();
        for (int i = 0; i < 100 && aio_handle_pending(&timer); i++)
            (void)aio_loop_step(loop, AIO_SEC(1));
        check(aio__clock_now() - before >= AIO_MSEC(2));
        check_int(aio_loop_time(loop), AIO_MSEC(2));
        check_trace("timer");
    }
    (void)aio_loop_unhold(loop);
    (void)aio_loop_close(loop);
}
