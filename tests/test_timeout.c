/*
 * Timeouts: when they expire, whose cancellation is whose, and one in another.
 */
#include <errno.h>

#include <aio/channel.h>
#include <aio/task.h>

#include "support/task_case.h"

static int64_t now(void)
{
    return aio_loop_time(aio_loop_current());
}

static int sleep_for(void *arg)
{
    return aio_sleep(*(int64_t *)arg);
}

static int64_t hour = AIO_SEC(3600);

static int return_it(void *arg)
{
    return *(int *)arg;
}

/* ---- one ------------------------------------------------------------------------------------ */

TASK_TEST(work_that_takes_too_long_is_timed_out)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_begin(&timeout, AIO_SEC(2)), 0);
    check_int(aio_timeout_when(&timeout), AIO_SEC(2));
    check(!aio_timeout_expired(&timeout));
    int rc = aio_sleep(hour);
    check_int(rc, -ECANCELED);
    check(aio_timeout_expired(&timeout));
    check_int(aio_timeout_end(&timeout, rc), -ETIMEDOUT);
    check(aio_timeout_expired(&timeout));
    check_int(aio_timeout_when(&timeout), AIO_FOREVER);
    check_int(now(), AIO_SEC(2));
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(work_that_ends_in_time_has_its_result)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_begin(&timeout, AIO_SEC(2)), 0);
    check_int(aio_sleep(AIO_SEC(1)), 0);
    check_int(aio_timeout_end(&timeout, 7), 7);
    check(!aio_timeout_expired(&timeout));
    check_int(aio_sleep(AIO_SEC(5)), 0);
}

TASK_TEST(the_call_form_runs_the_function_here_and_now)
{
    int64_t second = AIO_SEC(1);
    int result = 5;
    check_int(aio_timeout_run(AIO_SEC(2), sleep_for, &second), 0);
    check_int(aio_timeout_run(AIO_SEC(2), return_it, &result), 5);
    check_int(now(), AIO_SEC(1));
    check_int(aio_timeout_run(AIO_SEC(2), sleep_for, &hour), -ETIMEDOUT);
    check_int(now(), AIO_SEC(3));
    result = -EIO;
    check_int(aio_timeout_run(AIO_SEC(2), return_it, &result), -EIO);
}

TASK_TEST(a_time_can_be_given)
{
    aio_timeout timeout;
    check_int(aio_sleep(AIO_SEC(1)), 0);
    check_int(aio_timeout_begin_at(&timeout, AIO_SEC(3)), 0);
    check_int(aio_timeout_end(&timeout, aio_sleep(hour)), -ETIMEDOUT);
    check_int(now(), AIO_SEC(3));
}

TASK_TEST(for_ever_is_no_timeout)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, AIO_FOREVER), 0);
    check_int(aio_timeout_when(&timeout), AIO_FOREVER);
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    check_int(aio_sleep(hour), 0);
    check_int(aio_timeout_end(&timeout, 3), 3);
    check_int(aio_timeout_run(AIO_FOREVER, sleep_for, &hour), 0);
}

TASK_TEST(a_deadline_that_has_passed_cancels_the_first_wait)
{
    static const int64_t durations[] = {0, -1, INT64_MIN};
    for (int i = 0; i < 3; i++)
        check_int(aio_timeout_run(durations[i], sleep_for, &hour), -ETIMEDOUT);
    int64_t nothing = 0;
    check_int(aio_timeout_run(0, sleep_for, &nothing), -ETIMEDOUT);
    aio_timeout timeout;
    check_int(aio_timeout_begin_at(&timeout, INT64_MIN), 0);
    check_int(aio_timeout_end(&timeout, aio_yield()), -ETIMEDOUT);
    check_int(now(), 0);
}

TASK_TEST(work_that_does_not_wait_is_never_timed_out)
{
    int result = 8;
    check_int(aio_timeout_run(0, return_it, &result), 8);
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 0), 0);
    check_int(aio_timeout_end(&timeout, 1), 1);
    check(!aio_timeout_expired(&timeout));
    check_int(aio_yield(), 0);
}

TASK_TEST(a_result_that_comes_in_the_turn_of_the_deadline_is_lost)
{
    /* As in asyncio: the timer of the timeout is the second one due at 10. */
    int64_t ten = 10;
    aio_task *sleeper = aio_spawn(sleep_for, &ten);
    check_int(aio_yield(), 0);
    aio_timeout timeout;
    if (aio_timeout_begin(&timeout, 10) == 0) {
        check_int(aio_timeout_end(&timeout, aio_await(sleeper)), -ETIMEDOUT);
        check(aio_timeout_expired(&timeout));
    }
    check(aio_future_done(sleeper));
    aio_release(sleeper);
}

static int swallow_and_sleep(void *arg)
{
    int rc = aio_sleep(hour);
    check_int(rc, -ECANCELED);
    return aio_sleep(*(int64_t *)arg);
}

TASK_TEST(a_timeout_that_was_swallowed_does_not_change_the_result_but_has_expired)
{
    int64_t second = AIO_SEC(1);
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 10), 0);
    check_int(aio_timeout_end(&timeout, swallow_and_sleep(&second)), 0);
    check(aio_timeout_expired(&timeout));
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(now(), AIO_SEC(1) + 10);
}

TASK_TEST(another_error_of_the_work_is_the_result)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 10), 0);
    check_int(aio_sleep(hour), -ECANCELED);
    check_int(aio_timeout_end(&timeout, -EIO), -EIO);
    check(aio_timeout_expired(&timeout));
    check_int(aio_task_cancelling(aio_task_current()), 0);
}

TASK_TEST(ecanceled_that_is_not_the_timeouts_stays_so)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 10), 0);
    check_int(aio_timeout_end(&timeout, -ECANCELED), -ECANCELED);
    check(!aio_timeout_expired(&timeout));
}

static int await_it(void *arg)
{
    return aio_await(arg);
}

static int clean_up(void *arg)
{
    int rc = aio_sleep(hour);
    int cleaned = aio_sleep(AIO_SEC(1));
    *(bool *)arg = true;
    return cleaned < 0 ? cleaned : rc;
}

TASK_TEST(a_timeout_waits_until_the_task_that_is_awaited_has_ended)
{
    bool clean = false;
    aio_task *inner = aio_spawn(clean_up, &clean);
    check_int(aio_timeout_run(10, await_it, inner), -ETIMEDOUT);
    check(clean);
    check(aio_future_cancelled(inner));
    check_int(now(), AIO_SEC(1) + 10);
    aio_release(inner);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void begin_in_a_callback(void *arg)
{
    aio_timeout timeout;
    int result = 0;
    check_int(aio_timeout_begin(&timeout, 1), -EPERM);
    check_int(aio_timeout_begin_at(&timeout, 1), -EPERM);
    check_int(aio_timeout_end(&timeout, 0), -EINVAL);
    check(!aio_timeout_expired(&timeout));
    check_int(aio_timeout_run(1, return_it, &result), -EPERM);
    *(bool *)arg = true;
}

TASK_TEST(there_are_no_timeouts_in_a_callback)
{
    bool called = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, begin_in_a_callback, &called), 0);
    check_int(aio_yield(), 0);
    check(called);
}

TEST(there_are_no_timeouts_where_no_loop_runs)
{
    bool called = false;
    begin_in_a_callback(&called);
    check(called);
    check_int(aio_timeout_begin(NULL, 1), -EINVAL);
}

TASK_TEST(null_is_no_timeout)
{
    check_int(aio_timeout_begin(NULL, 1), -EINVAL);
    check_int(aio_timeout_begin_at(NULL, 1), -EINVAL);
    check_int(aio_timeout_end(NULL, 1), -EINVAL);
    check_int(aio_timeout_reschedule(NULL, 1), -EINVAL);
    check_int(aio_timeout_when(NULL), AIO_FOREVER);
    check(!aio_timeout_expired(NULL));
}

TASK_TEST(a_timeout_is_ended_once)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_end(&timeout, 0), -EINVAL);
    check_int(aio_timeout_begin(&timeout, 1), 0);
    check_int(aio_timeout_end(&timeout, 0), 0);
    check_int(aio_timeout_end(&timeout, 0), -EINVAL);
    check_int(aio_timeout_begin(&timeout, 1), 0);
    check_int(aio_timeout_end(&timeout, 0), 0);
}

static int end_anothers(void *arg)
{
    check_int(aio_timeout_end(arg, 0), -EINVAL);
    check_int(aio_timeout_reschedule(arg, 0), -EINVAL);
    return 0;
}

TASK_TEST(only_the_task_that_began_it_may_end_it)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_begin(&timeout, AIO_SEC(1)), 0);
    check_int(aio_join(aio_spawn(end_anothers, &timeout)), 0);
    check_int(aio_timeout_end(&timeout, 4), 4);
}

/* ---- moving it ------------------------------------------------------------------------------ */

TASK_TEST(a_deadline_can_be_moved)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, AIO_SEC(1)), 0);
    check_int(aio_timeout_reschedule(&timeout, AIO_SEC(5)), 0);
    check_int(aio_timeout_when(&timeout), AIO_SEC(5));
    check_int(aio_sleep(AIO_SEC(4)), 0);
    check_int(aio_timeout_reschedule(&timeout, AIO_FOREVER), 0);
    check_int(aio_timeout_when(&timeout), AIO_FOREVER);
    check_int(aio_sleep(AIO_SEC(4)), 0);
    check_int(aio_timeout_reschedule(&timeout, AIO_SEC(9)), 0);
    check_int(aio_timeout_end(&timeout, aio_sleep(hour)), -ETIMEDOUT);
    check_int(now(), AIO_SEC(9));
}

TASK_TEST(a_deadline_moved_to_the_past_cancels_the_next_wait)
{
    aio_timeout timeout;
    check_int(aio_sleep(10), 0);
    check_int(aio_timeout_begin(&timeout, AIO_FOREVER), 0);
    check_int(aio_timeout_reschedule(&timeout, 5), 0);
    check(!aio_timeout_expired(&timeout));
    check_int(aio_timeout_end(&timeout, aio_sleep(hour)), -ETIMEDOUT);
    check_int(now(), 10);
}

TASK_TEST(a_deadline_of_the_past_can_be_moved_away_again)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 0), 0);
    check_int(aio_timeout_reschedule(&timeout, AIO_SEC(3)), 0);
    check_int(aio_sleep(AIO_SEC(2)), 0);
    check_int(aio_timeout_end(&timeout, 0), 0);
}

TASK_TEST(an_expired_or_ended_timeout_can_not_be_moved)
{
    aio_timeout timeout;
    check_int(aio_timeout_begin(&timeout, 10), 0);
    int rc = aio_sleep(hour);
    check_int(aio_timeout_reschedule(&timeout, hour), -EINVAL);
    check_int(aio_timeout_end(&timeout, rc), -ETIMEDOUT);
    check_int(aio_timeout_reschedule(&timeout, hour), -EINVAL);
}

/* ---- one in another ------------------------------------------------------------------------- */

struct nested {
    int64_t outer, inner;
    int outer_result, inner_result;
    bool outer_expired, inner_expired;
};

static void run_nested(struct nested *nested)
{
    aio_timeout outer, inner;
    int rc = aio_timeout_begin(&outer, nested->outer);
    if (rc < 0)
        return;
    rc = aio_timeout_begin(&inner, nested->inner);
    if (rc == 0)
        nested->inner_result = aio_timeout_end(&inner, aio_sleep(hour));
    nested->inner_expired = rc == 0 && aio_timeout_expired(&inner);
    nested->outer_result = aio_timeout_end(&outer, nested->inner_result);
    nested->outer_expired = aio_timeout_expired(&outer);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(the_inner_timeout_expires_first_and_the_outer_goes_on)
{
    struct nested nested = {.outer = 20, .inner = 10};
    run_nested(&nested);
    check_int(nested.inner_result, -ETIMEDOUT);
    check_int(nested.outer_result, -ETIMEDOUT); /* handed on: the outer one has not expired */
    check(nested.inner_expired);
    check(!nested.outer_expired);
    check_int(now(), 11);
}

TASK_TEST(the_outer_timeout_expires_first_and_the_inner_work_is_cancelled)
{
    struct nested nested = {.outer = 10, .inner = 20};
    run_nested(&nested);
    check_int(nested.inner_result, -ECANCELED);
    check_int(nested.outer_result, -ETIMEDOUT);
    check(!nested.inner_expired);
    check(nested.outer_expired);
}

TASK_TEST(of_two_that_expire_in_one_turn_the_outer_one_has_timed_out)
{
    struct nested nested = {.outer = 10, .inner = 10};
    run_nested(&nested);
    check_int(nested.inner_result, -ECANCELED);
    check_int(nested.outer_result, -ETIMEDOUT);
    check(nested.inner_expired);
    check(nested.outer_expired);
}

TASK_TEST(two_without_any_time_expire_in_one_turn)
{
    struct nested nested = {.outer = 0, .inner = 0};
    run_nested(&nested);
    check_int(nested.inner_result, -ECANCELED);
    check_int(nested.outer_result, -ETIMEDOUT);
    check_int(now(), 1);
}

static int try_for_a_while(void *arg)
{
    int *tries = arg;
    int rc = -ETIMEDOUT;
    while (rc == -ETIMEDOUT) {
        ++*tries;
        rc = aio_timeout_run(AIO_SEC(2), sleep_for, &hour);
    }
    return rc;
}

TASK_TEST(an_inner_timeout_may_expire_again_and_again_until_the_outer_one_does)
{
    int tries = 0;
    check_int(aio_timeout_run(AIO_SEC(11), try_for_a_while, &tries), -ETIMEDOUT);
    check_int(tries, 6);
    check_int(now(), AIO_SEC(11));
}

TASK_TEST(what_follows_an_expired_timeout_inside_another_can_wait)
{
    aio_timeout outer;
    check_int(aio_timeout_begin(&outer, AIO_SEC(9)), 0);
    check_int(aio_timeout_run(AIO_SEC(1), sleep_for, &hour), -ETIMEDOUT);
    check_int(aio_sleep(AIO_SEC(1)), 0);
    check_int(aio_timeout_end(&outer, 0), 0);
}

/* ---- others' cancellations ------------------------------------------------------------------ */

struct victim {
    aio_timeout timeout;
    int64_t duration;
    int worked, ended, after;
};

static int work_under_a_timeout(void *arg)
{
    struct victim *victim = arg;
    int rc = aio_timeout_begin(&victim->timeout, victim->duration);
    if (rc < 0)
        return rc;
    victim->worked = aio_sleep(hour);
    victim->ended = aio_timeout_end(&victim->timeout, victim->worked);
    victim->after = aio_task_cancelling(aio_task_current());
    return victim->ended;
}

TASK_TEST(somebody_elses_cancellation_is_no_timeout)
{
    struct victim victim = {.duration = 20};
    aio_task *task = aio_spawn(work_under_a_timeout, &victim);
    check_int(aio_sleep(10), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check(!aio_timeout_expired(&victim.timeout));
    check_int(victim.after, 1);
    check_int(now(), 10);
}

static void cancel_task(void *arg)
{
    (void)aio_task_cancel(arg);
}

/* A cancellation and the deadline in one turn, in either order. */
static void cancel_at_the_deadline(bool cancel_first)
{
    struct victim victim = {.duration = 10};
    aio_handle handle = AIO_HANDLE_INIT;
    aio_loop *loop = aio_loop_current();
    aio_task *task = aio_spawn(work_under_a_timeout, &victim);
    int64_t when = aio_loop_time(loop) + 10;
    if (cancel_first)
        check_int(aio_loop_call_at(loop, &handle, when, cancel_task, task), 0);
    check_int(aio_yield(), 0);
    if (!cancel_first)
        check_int(aio_loop_call_at(loop, &handle, when, cancel_task, task), 0);
    check_int(aio_join(task), -ECANCELED);
    check_int(victim.ended, -ECANCELED);
    check(aio_timeout_expired(&victim.timeout));
    check_int(victim.after, 1);
    (void)aio_handle_cancel(&handle);
}

TASK_TEST(cancelled_and_expired_in_one_turn_it_is_cancelled)
{
    cancel_at_the_deadline(true);
    cancel_at_the_deadline(false);
}

static int time_out_while_cleaning_up(void *arg)
{
    int *results = arg;
    results[0] = aio_sleep(hour);
    results[1] = aio_timeout_run(10, sleep_for, &hour);
    results[2] = aio_task_cancelling(aio_task_current());
    return results[0];
}

TASK_TEST(a_timeout_works_in_the_clean_up_of_a_cancelled_task)
{
    int results[3] = {0};
    aio_task *task = aio_spawn(time_out_while_cleaning_up, results);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check_int(results[1], -ETIMEDOUT);
    check_int(results[2], 1);
    check_int(now(), 10);
}

static int be_cancelled_while_cleaning_up(void *arg)
{
    int *results = arg;
    results[0] = aio_sleep(hour);
    results[1] = aio_timeout_run(AIO_SEC(1), sleep_for, &hour);
    return results[1];
}

TASK_TEST(a_cancellation_during_a_timeout_in_a_clean_up_is_no_timeout)
{
    int results[2] = {0};
    aio_task *task = aio_spawn(be_cancelled_while_cleaning_up, results);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check_int(results[1], -ECANCELED);
    check_int(now(), 0);
}

static int cancel_oneself_under_a_timeout(void *arg)
{
    (void)arg;
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, 10);
    if (rc < 0)
        return rc;
    check_int(aio_task_cancel(aio_task_current()), 1);
    return aio_timeout_end(&timeout, aio_sleep(hour));
}

TASK_TEST(a_task_that_cancels_itself_under_a_timeout_is_not_timed_out)
{
    check_int(aio_join(aio_spawn(cancel_oneself_under_a_timeout, NULL)), -ECANCELED);
    check_int(now(), 0);
}

/* A timeout made by hand: uncancel is what keeps it from reaching further out. */
TASK_TEST(a_cancellation_that_was_taken_back_does_not_reach_the_code_around)
{
    aio_task *self = aio_task_current();
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_later(aio_loop_current(), &handle, 10, cancel_task, self), 0);
    int rc = aio_sleep(hour);
    if (rc == -ECANCELED)
        check_int(aio_task_uncancel(self), 0);
    check_int(aio_sleep(10), 0);
    check_int(aio_task_cancelling(self), 0);
    (void)aio_handle_cancel(&handle);
}

static int receive(void *channel)
{
    return aio_channel_receive(channel, NULL);
}

/* What is handed over is not taken back, so the expiry finds nothing to cancel; nor shall it find
 * anything later, although the task has ignored another cancellation before. */
static void send_too_late(aio_timeout *timeout, aio_channel *channel)
{
    check_int(aio_timeout_begin(timeout, 0), 0);
    check_int(aio_channel_send(channel, NULL), 0);
    check(aio_timeout_expired(timeout));
}

static void suspend_unharmed(void)
{
    check_int(aio_task_cancelling(aio_task_current()), 1);
    check_int(aio_yield(), 0);
}

static void cancel_and_ignore(void)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_yield(), -ECANCELED);
}

TASK_TEST(a_timeout_that_came_too_late_for_its_work_cancels_nothing_after_it)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    aio_channel *channel = aio_channel_new(0, 0);
    cancel_and_ignore();
    aio_task *receiver = aio_spawn(receive, channel);
    send_too_late(&timeout, channel);
    check_int(aio_timeout_end(&timeout, 5), 5);
    suspend_unharmed();
    aio_channel_free(channel);
    check_int(aio_join(receiver), 0);
}

TASK_TEST(nor_if_the_other_was_ignored_under_the_timeout)
{
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    aio_channel *channel = aio_channel_new(0, 0);
    check_int(aio_timeout_begin(&timeout, 10), 0);
    cancel_and_ignore();
    aio_task *receiver = aio_spawn(receive, channel);
    check_int(aio_timeout_reschedule(&timeout, 0), 0);
    check_int(aio_channel_send(channel, NULL), 0);
    check_int(aio_timeout_end(&timeout, 5), 5);
    suspend_unharmed();
    aio_channel_free(channel);
    check_int(aio_join(receiver), 0);
}

TASK_TEST(nor_does_one_that_was_left_open)
{
    aio_timeout outer = AIO_TIMEOUT_INIT, inner = AIO_TIMEOUT_INIT;
    struct caught caught;
    catch_failures(&caught);
    aio_channel *channel = aio_channel_new(0, 0);
    cancel_and_ignore();
    aio_task *receiver = aio_spawn(receive, channel);
    check_int(aio_timeout_begin(&outer, AIO_FOREVER), 0);
    send_too_late(&inner, channel);
    check_int(aio_timeout_end(&outer, 5), 5);
    check_int(caught.count, 1);
    suspend_unharmed();
    (void)aio_timeout_end(&inner, 0); /* if outer could not begin */
    aio_channel_free(channel);
    check_int(aio_join(receiver), 0);
}

TASK_TEST(a_run_of_no_function_is_einval)
{
    check_int(aio_timeout_run(AIO_SEC(1), NULL, NULL), -EINVAL);
}
