/*
 * Cancelling a task: in each state that it can be in, counted, and taken back.
 */
#include <errno.h>

#include <aio/task.h>

#include "support/task_case.h"

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int count_up(void *arg)
{
    return ++*(int *)arg;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

/* ---- by state ------------------------------------------------------------------------------- */

TASK_TEST(a_task_cancelled_before_its_first_step_never_runs)
{
    int count = 0;
    aio_task *task = aio_spawn(count_up, &count);
    check_int(aio_task_cancel(task), 1);
    check(!aio_future_done(task));
    check_int(aio_join(task), -ECANCELED);
    check_int(count, 0);
}

TASK_TEST(a_task_that_is_done_can_not_be_cancelled)
{
    int result = 2;
    aio_task *task = aio_spawn(return_it, &result);
    check_int(aio_await(task), 2);
    check_int(aio_task_cancel(task), 0);
    check_int(aio_task_cancelling(task), 0);
    check_int(aio_join(task), 2);
}

TASK_TEST(a_sleeping_task_is_cancelled_at_once)
{
    aio_task *task = aio_spawn(sleep_long, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check(!aio_future_done(task));
    check_int(aio_await(task), -ECANCELED);
    check(aio_future_cancelled(task));
    check_int(aio_task_cancel(task), 0);
    check_int(aio_loop_time(aio_loop_current()), 0);
    aio_release(task);
}

static int yield_twice(void *arg)
{
    int *steps = arg;
    for (int i = 0; i < 2; i++) {
        ++*steps;
        int rc = aio_yield();
        if (rc < 0)
            return rc;
    }
    return 0;
}

TASK_TEST(a_task_between_two_yields_is_cancelled_at_its_next_step)
{
    int steps = 0;
    aio_task *task = aio_spawn(yield_twice, &steps);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check_int(steps, task != NULL);
}

/* Counts how many of its calls were cancelled. */
static int count_cancellations(void *arg)
{
    int *count = arg;
    for (int i = 0; i < 3; i++)
        *count += aio_sleep(AIO_SEC(1)) == -ECANCELED;
    return *count;
}

TASK_TEST(two_cancellations_in_one_turn_are_seen_as_one)
{
    int count = 0;
    aio_task *task = aio_spawn(count_cancellations, &count);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_cancelling(task), 2);
    check_int(aio_await(task), 1);
    check_int(aio_task_cancelling(task), 2);
    aio_release(task);
}

TASK_TEST(a_cancellation_is_seen_once_and_the_next_wait_works)
{
    int count = 0;
    aio_task *task = aio_spawn(count_cancellations, &count);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), 1);
    check_int(aio_loop_time(aio_loop_current()), AIO_SEC(2));
}

static int cancel_oneself_and_sleep(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    *(int *)arg = aio_sleep(AIO_SEC(100));
    return aio_sleep(1);
}

TASK_TEST(a_task_that_cancels_itself_is_cancelled_at_its_next_wait)
{
    int slept = 0;
    aio_task *task = aio_spawn(cancel_oneself_and_sleep, &slept);
    check_int(aio_join(task), 0);
    check_int(slept, task != NULL ? -ECANCELED : 0);
    check_int(aio_loop_time(aio_loop_current()), task != NULL ? 1 : 0);
}

static int cancel_oneself_and_return(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return *(int *)arg;
}

TASK_TEST(a_task_that_cancels_itself_and_returns_is_cancelled)
{
    int result = 6;
    aio_task *task = aio_spawn(cancel_oneself_and_return, &result);
    check_int(aio_await(task), -ECANCELED);
    check(aio_future_cancelled(task));
    aio_release(task);
}

TASK_TEST(a_task_that_cancels_itself_and_fails_has_failed)
{
    int result = -EIO;
    check_int(aio_join(aio_spawn(cancel_oneself_and_return, &result)), -EIO);
}

static int cancel_oneself_and_await_what_is_done(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    int rc = aio_await(arg);
    return rc == 4 ? aio_sleep(AIO_SEC(10)) : rc;
}

TASK_TEST(an_await_that_does_not_suspend_delivers_no_cancellation)
{
    int result = 4;
    aio_task *done = aio_spawn(return_it, &result);
    check_int(aio_await(done), 4);
    check_int(aio_join(aio_spawn(cancel_oneself_and_await_what_is_done, done)), -ECANCELED);
    check_int(aio_loop_time(aio_loop_current()), 0);
    aio_release(done);
}

static int fail_when_cancelled(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000)) == -ECANCELED ? -EIO : 0;
}

TASK_TEST(another_error_of_a_cancelled_task_is_its_result)
{
    aio_task *task = aio_spawn(fail_when_cancelled, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_await(task), -EIO);
    check(!aio_future_cancelled(task));
    aio_release(task);
}

static int return_ecanceled(void *arg)
{
    (void)arg;
    return -ECANCELED;
}

TASK_TEST(a_task_that_returns_ecanceled_of_itself_is_cancelled)
{
    aio_task *task = aio_spawn(return_ecanceled, NULL);
    check_int(aio_await(task), -ECANCELED);
    check(aio_future_cancelled(task));
    check_int(aio_task_cancelling(task), 0);
    aio_release(task);
}

/* ---- counted -------------------------------------------------------------------------------- */

TASK_TEST(uncancel_takes_one_request_back)
{
    aio_task *task = aio_spawn(sleep_long, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancelling(task), 0);
    check_int(aio_task_uncancel(task), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_uncancel(task), 1);
    check_int(aio_task_uncancel(task), 0);
    check_int(aio_task_uncancel(task), 0);
    check_int(aio_join(task), -ECANCELED);
}

TASK_TEST(a_request_taken_back_before_it_was_delivered_is_not)
{
    int result = 42;
    aio_task *task = aio_spawn(return_it, &result);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_uncancel(task), 0);
    check_int(aio_join(task), 42);
}

TASK_TEST(with_a_request_left_it_is_delivered)
{
    int result = 42;
    aio_task *task = aio_spawn(return_it, &result);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_task_uncancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
}

TASK_TEST(uncancel_after_the_end_counts_but_changes_nothing)
{
    aio_task *task = aio_spawn(do_nothing, NULL);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_await(task), -ECANCELED);
    check_int(aio_task_cancelling(task), 1);
    check_int(aio_task_uncancel(task), 0);
    check(aio_future_cancelled(task));
    aio_release(task);
}

TASK_TEST(a_plain_future_is_no_task)
{
    aio_future *future = aio_future_new();
    if (future == NULL)
        return;
    check_int(aio_task_uncancel(future), -EINVAL);
    check_int(aio_task_cancelling(future), -EINVAL);
    check_int(aio_task_set_name(future, "x"), -EINVAL);
    check_string(aio_task_name(future), "");
    check_int(aio_task_cancel(future), 1);
    check_int(aio_task_stop(future), 0);
}

TASK_TEST(every_call_takes_null_for_a_task)
{
    check_int(aio_task_cancel(NULL), -ENOMEM);
    check_int(aio_task_uncancel(NULL), -ENOMEM);
    check_int(aio_task_cancelling(NULL), -ENOMEM);
    check_int(aio_task_set_name(NULL, "x"), -ENOMEM);
    check_string(aio_task_name(NULL), "");
    check_int(aio_join(NULL), -ENOMEM);
    check_int(aio_task_stop(NULL), -ENOMEM);
}
