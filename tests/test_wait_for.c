/*
 * aio_wait_for(): in time, too late, at once; and who cancels whom.
 */
#include <errno.h>

#include "support/gather_case.h"

/* What a task waits for, and how long. */
struct limited {
    aio_future *future;
    int64_t duration;
};

static int wait_for_it(void *arg)
{
    struct limited *limited = arg;
    return aio_wait_for(limited->future, limited->duration);
}

static int64_t now(void)
{
    return aio_loop_time(aio_loop_current());
}

TASK_TEST(what_is_done_in_time_gives_its_result_as_an_await_does)
{
    int us = 5;
    aio_task *task = aio_spawn(after_so_many_us, &us);
    check_int(aio_wait_for(task, AIO_USEC(9)), task != NULL ? 5 : -ENOMEM);
    check(task == NULL || now() == AIO_USEC(5));
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    aio_release(task);
}

TASK_TEST(when_the_time_is_over_it_is_cancelled)
{
    aio_task *task = aio_spawn(sleep_long, NULL);
    check_int(aio_wait_for(task, AIO_USEC(5)), task != NULL ? -ETIMEDOUT : -ENOMEM);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check(task == NULL || (aio_future_cancelled(task) && now() == AIO_USEC(5)));
    aio_release(task);
}

/* Is cancelled, and needs 10 us to clean up. */
static int end_slowly(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1000));
    (void)!aio_sleep(AIO_USEC(10));
    return rc == -ECANCELED ? *(int *)arg : rc;
}

TASK_TEST(it_waits_until_the_task_has_cleaned_up)
{
    int result = -ECANCELED;
    aio_task *task = aio_spawn(end_slowly, &result);
    check_int(aio_wait_for(task, AIO_USEC(5)), task != NULL ? -ETIMEDOUT : -ENOMEM);
    check(task == NULL || now() == AIO_USEC(15));
    aio_release(task);
}

TASK_TEST(it_waits_for_the_clean_up_even_without_any_time)
{
    int result = -ECANCELED;
    aio_task *task = aio_spawn(end_slowly, &result);
    check_int(aio_yield(), 0);
    check_int(aio_wait_for(task, 0), task != NULL ? -ETIMEDOUT : -ENOMEM);
    check(task == NULL || now() == AIO_USEC(10));
    aio_release(task);
}

TASK_TEST(a_result_that_comes_although_it_was_cancelled_is_the_result)
{
    aio_task *tasks[] = {aio_spawn(ignore_a_cancellation, NULL),
                         aio_spawn(ignore_a_cancellation, NULL)};
    check_int(aio_yield(), 0);
    check_int(aio_wait_for(tasks[0], 0), tasks[0] != NULL ? 42 : -ENOMEM);
    check_int(aio_wait_for(tasks[1], 1), tasks[1] != NULL ? 42 : -ENOMEM);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    aio_release(tasks[0]);
    aio_release(tasks[1]);
}

TASK_TEST(a_failure_while_it_is_cancelled_takes_the_place_of_the_timeout)
{
    int result = -EIO;
    aio_task *task = aio_spawn(end_slowly, &result);
    check_int(aio_wait_for(task, AIO_USEC(5)), task != NULL ? -EIO : -ENOMEM);
    aio_release(task);
}

/* ---- no time at all ------------------------------------------------------------------------- */

TASK_TEST(without_any_time_what_is_done_gives_its_result)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, 3), future != NULL ? 0 : -ENOMEM);
    check_int(aio_wait_for(future, 0), future != NULL ? 3 : -ENOMEM);
    check_int(aio_wait_for(future, -1), future != NULL ? 3 : -ENOMEM);
    aio_release(future);
}

static int count_up(void *arg)
{
    return ++*(int *)arg;
}

TASK_TEST(without_any_time_a_task_that_has_not_begun_never_does)
{
    int count = 0;
    aio_task *task = aio_spawn(count_up, &count);
    check_int(aio_wait_for(task, 0), task != NULL ? -ETIMEDOUT : -ENOMEM);
    check_int(count, 0);
    aio_release(task);
}

TASK_TEST(without_a_limit_it_is_an_await)
{
    int us = 5;
    aio_task *task = aio_spawn(after_so_many_us, &us);
    check_int(aio_wait_for(task, AIO_FOREVER), task != NULL ? 5 : -ENOMEM);
    aio_release(task);
}

/* ---- the waiter is cancelled ---------------------------------------------------------------- */

TASK_TEST(a_cancelled_waiter_passes_it_on)
{
    struct limited limited = {aio_spawn(sleep_long, NULL), AIO_SEC(1)};
    aio_task *waiter = aio_spawn(wait_for_it, &limited);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    int rc = aio_task_stop(waiter);
    check(rc == 0 || rc == -ENOMEM);
    if (waiter != NULL && limited.future != NULL)
        check(aio_future_cancelled(limited.future));
    check_int(now(), 0);
    check_int(aio_task_stop(limited.future), limited.future != NULL ? 0 : -ENOMEM);
}

TASK_TEST(while_it_cleans_up_without_any_time_a_cancelled_waiter_leaves_it_alone)
{
    int result = -ECANCELED;
    struct limited limited = {aio_spawn(end_slowly, &result), 0};
    check_int(aio_yield(), 0);
    aio_task *waiter = limited.future != NULL ? aio_spawn(wait_for_it, &limited) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(waiter), waiter != NULL ? 1 : -ENOMEM);
    check_int(aio_join(waiter), waiter != NULL ? -ECANCELED : -ENOMEM);
    if (waiter != NULL)
        check_int(aio_task_cancelling(limited.future), 1);
    check(!aio_future_done(limited.future));
    (void)aio_task_stop(limited.future);
}

TASK_TEST(cancelled_when_it_is_done_the_waiter_is_cancelled)
{
    struct limited limited = {aio_future_new(), AIO_SEC(1)};
    aio_task *waiter = limited.future != NULL ? aio_spawn(wait_for_it, &limited) : NULL;
    check_int(aio_yield(), 0);
    (void)aio_future_set(limited.future, 3);
    check_int(aio_task_cancel(waiter), waiter != NULL ? 1 : -ENOMEM);
    check_int(aio_join(waiter), waiter != NULL ? -ECANCELED : -ENOMEM);
    aio_release(limited.future);
}

static int cancel_at_five(void *arg)
{
    int rc = aio_sleep(AIO_USEC(5));
    return rc < 0 ? rc : aio_task_cancel(arg);
}

TASK_TEST(cancelled_in_the_turn_of_the_timeout_the_waiter_is_cancelled)
{
    struct limited limited = {aio_spawn(sleep_long, NULL), AIO_USEC(5)};
    aio_task *waiter = limited.future != NULL ? aio_spawn(wait_for_it, &limited) : NULL;
    aio_task *canceller = waiter != NULL ? aio_spawn(cancel_at_five, waiter) : NULL;
    if (canceller != NULL) {
        check_int(aio_await(waiter), -ECANCELED);
        check_int(aio_task_cancelling(waiter), 1);
    }
    (void)aio_task_stop(canceller);
    (void)aio_task_stop(waiter);
    (void)aio_task_stop(limited.future);
}

static int shield_it(void *arg)
{
    return aio_shield(arg);
}

TASK_TEST(what_is_shielded_survives_the_timeout)
{
    int us = 9;
    aio_task *inner = aio_spawn(after_so_many_us, &us);
    aio_task *shield = inner != NULL ? aio_spawn(shield_it, inner) : NULL;
    check_int(aio_wait_for(shield, AIO_USEC(5)), shield != NULL ? -ETIMEDOUT : -ENOMEM);
    check_int(aio_join(inner), inner != NULL ? 9 : -ENOMEM);
    aio_release(shield);
}

/* ---- misuse, and the end -------------------------------------------------------------------- */

static void wait_in_a_callback(void *arg)
{
    check_int(aio_wait_for(arg, 5), -EPERM);
    check_int(aio_wait_for(NULL, 5), -ENOMEM);
}

TASK_TEST(nothing_is_waited_for_outside_a_task_nor_does_a_task_wait_for_itself)
{
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *self = aio_task_current();
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, wait_in_a_callback, self), 0);
    check_int(aio_yield(), 0);
    check_int(aio_wait_for(self, 0), -EDEADLK);
    check_int(aio_wait_for(self, 5), -EDEADLK);
    check_int(aio_wait_for(self, AIO_FOREVER), -EDEADLK);
    check_int(aio_task_cancelling(self), 0);
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
}

static int wait_limited(void *arg)
{
    struct futures *futures = arg;
    return aio_wait_for(futures->all[0], AIO_SEC(1));
}

static int wait_no_time(void *arg)
{
    struct futures *futures = arg;
    return aio_wait_for(futures->all[0], 0);
}

TEST(who_waits_with_a_limit_can_be_abandoned)
{
    for (int turns = 0; turns < 3; turns++) {
        abandon_waiters(wait_limited, turns);
        abandon_waiters(wait_no_time, turns);
    }
}

/* What is destroyed with a task that has ended is none any more, and has no timer. */
static void wait_at_the_end(void *arg)
{
    check_int(aio_wait_for(arg, AIO_SEC(1)), -EPERM);
}

static int leave_a_value(void *arg)
{
    int rc = aio_future_set_value(aio_task_current(), arg, wait_at_the_end);
    return rc < 0 ? rc : 1;
}

TASK_TEST(a_task_that_has_ended_does_not_wait_any_more)
{
    aio_future *future = aio_future_new();
    if (future != NULL)
        check_int(aio_go(leave_a_value, future) <= 0, 1);
    check_int(aio_yield(), 0);
    aio_release(future);
}
