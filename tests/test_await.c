/*
 * Awaiting a future or task, and what becomes of it when the waiter is cancelled.
 */
#include <errno.h>

#include <aio/task.h>

#include "support/task_case.h"

static struct caught caught;

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int await_it(void *arg)
{
    return aio_await(arg);
}

static int yield_and_return(void *arg)
{
    int rc = aio_yield();
    return rc < 0 ? rc : *(int *)arg;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

/* Takes a cancellation for a reason to return 42. */
static int swallow(void *arg)
{
    (void)arg;
    int rc = aio_sleep(AIO_SEC(1000));
    return rc == -ECANCELED ? 42 : rc;
}

/* ---- await ---------------------------------------------------------------------------------- */

TASK_TEST(await_gives_the_result_any_number_of_times)
{
    int result = 17;
    aio_task *task = aio_spawn(yield_and_return, &result);
    for (int i = 0; i < 3; i++)
        check_int(aio_await(task), 17);
    aio_release(task);
}

TASK_TEST(await_of_what_is_done_does_not_suspend)
{
    int result = 1;
    aio_task *task = aio_spawn(return_it, &result), *other = aio_spawn(return_it, &result);
    check_int(aio_await(task), 1);
    aio_task *late = aio_spawn(return_it, &result);
    check_int(aio_await(task), 1);
    check_int(aio_await_done(task), 0);
    check(!aio_future_done(late));
    check_int(aio_join(task), 1);
    check_int(aio_join(other), 1);
    check_int(aio_join(late), 1);
}

TASK_TEST(many_tasks_await_one)
{
    int result = 5;
    aio_task *task = aio_spawn(yield_and_return, &result), *waiters[8];
    for (int i = 0; i < 8; i++)
        waiters[i] = aio_spawn(await_it, task);
    for (int i = 0; i < 8; i++)
        check_int(aio_join(waiters[i]), task != NULL ? 5 : -ENOMEM);
    check_int(aio_join(task), 5);
}

static int await_and_release(void *arg)
{
    aio_future *future = arg;
    int rc = aio_await(future);
    return rc;
}

TASK_TEST(what_is_awaited_may_be_released_meanwhile)
{
    aio_future *future = aio_future_new();
    aio_task *task = aio_spawn(await_and_release, future);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 3), 0);
    aio_release(future);
    check_int(aio_join(task), 3);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void await_in_a_callback(void *arg)
{
    aio_future **futures = arg;
    for (int i = 0; i < 2; i++) {
        check_int(aio_await(futures[i]), -EPERM);
        check_int(aio_await_done(futures[i]), -EPERM);
        check_int(aio_join(aio_retain(futures[i])), -EPERM);
        check_int(aio_task_stop(aio_retain(futures[i])), -EPERM);
    }
    check_int(aio_await(NULL), -ENOMEM);
    check_int(aio_join(NULL), -ENOMEM);
    check_int(aio_task_stop(NULL), -ENOMEM);
}

TASK_TEST(nothing_is_awaited_outside_a_task_even_if_it_is_done)
{
    aio_future *futures[] = {aio_future_new(), aio_future_new()};
    aio_handle handle = AIO_HANDLE_INIT;
    if (futures[0] != NULL && futures[1] != NULL) {
        check_int(aio_future_set(futures[0], 0), 0);
        check_int(aio_loop_call_soon(aio_loop_current(), &handle, await_in_a_callback, futures), 0);
        check_int(aio_yield(), 0);
    }
    aio_release(futures[0]);
    aio_release(futures[1]);
}

TASK_TEST(a_task_can_not_await_itself)
{
    aio_task *self = aio_task_current();
    check_int(aio_await(self), -EDEADLK);
    check_int(aio_await_done(self), -EDEADLK);
    check_int(aio_join(aio_retain(self)), -EDEADLK);
    check_int(aio_yield(), 0);
}

/* ---- passing on ----------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_waiter_passes_it_on_to_the_task_it_awaits)
{
    aio_task *inner = aio_spawn(sleep_long, NULL), *outer = aio_spawn(await_it, inner);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_task_cancelling(inner), 1);
    check(!aio_future_done(inner));
    check_int(aio_join(outer), -ECANCELED);
    check(aio_future_cancelled(inner));
    check_int(aio_join(inner), -ECANCELED);
    check_int(aio_loop_time(aio_loop_current()), 0);
}

TASK_TEST(a_cancelled_waiter_cancels_the_future_at_once_and_so_its_other_waiters)
{
    aio_future *future = aio_future_new();
    aio_task *one = aio_spawn(await_it, future), *other = aio_spawn(await_it, future);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(one), 1);
    check(aio_future_cancelled(future));
    check_int(aio_await(other), -ECANCELED);
    check_int(aio_task_cancelling(other), 0);
    check_int(aio_task_cancelling(one), 1);
    check_int(aio_join(one), -ECANCELED);
    aio_release(other);
    aio_release(future);
}

TASK_TEST(what_the_inner_task_makes_of_it_is_the_outer_ones_result)
{
    aio_task *inner = aio_spawn(swallow, NULL), *outer = aio_spawn(await_it, inner);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_await(outer), 42);
    check(!aio_future_cancelled(outer));
    check_int(aio_task_cancelling(outer), 1);
    check_int(aio_join(inner), 42);
    aio_release(outer);
}

TASK_TEST(cancelled_twice_on_the_way_the_inner_task_sees_it_once)
{
    aio_task *inner = aio_spawn(swallow, NULL), *outer = aio_spawn(await_it, inner);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_task_cancelling(inner), 2);
    check_int(aio_join(outer), 42);
    check_int(aio_join(inner), 42);
}

static int cancel_oneself_and_await(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return aio_await(arg);
}

TASK_TEST(cancelled_before_it_awaits_it_passes_that_on)
{
    aio_task *inner = aio_spawn(sleep_long, NULL);
    check_int(aio_yield(), 0);
    aio_task *outer = aio_spawn(cancel_oneself_and_await, inner);
    check_int(aio_join(outer), -ECANCELED);
    check_int(aio_join(inner), -ECANCELED);
    check_int(aio_loop_time(aio_loop_current()), 0);
}

TASK_TEST(cancelled_although_what_it_awaits_is_done_it_is_cancelled)
{
    int result = 8;
    aio_task *inner = aio_spawn(yield_and_return, &result), *outer = aio_spawn(await_it, inner);
    check_int(aio_await(inner), 8);
    /* Both of us were woken by its end; the other has not gone on yet. */
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_join(outer), -ECANCELED);
    aio_release(inner);
}

TASK_TEST(a_result_dropped_by_a_cancellation_is_reported)
{
    aio_future *future = aio_future_new();
    aio_task *task = aio_spawn(await_it, future);
    catch_failures(&caught);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, -EIO), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    aio_release(future);
    check_int(caught.count, future != NULL);
}

TASK_TEST(a_cancelled_future_and_its_cancelled_waiter_are_one_cancellation)
{
    aio_future *future = aio_future_new();
    aio_task *task = aio_spawn(await_it, future);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_future_cancel(future), 0);
    check_int(aio_join(task), -ECANCELED);
    aio_release(future);
}

/* ---- await_done ----------------------------------------------------------------------------- */

static int await_done(void *arg)
{
    return aio_await_done(arg);
}

TASK_TEST(await_done_leaves_what_it_waits_for_alone)
{
    int result = 4;
    aio_task *inner = aio_spawn(yield_and_return, &result), *outer = aio_spawn(await_done, inner);
    aio_future *future = aio_future_new();
    aio_task *other = aio_spawn(await_done, future);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_task_cancel(other), 1);
    check_int(aio_join(outer), -ECANCELED);
    check_int(aio_join(other), -ECANCELED);
    check(!aio_future_done(future));
    check_int(aio_task_cancelling(inner), 0);
    check_int(aio_join(inner), 4);
    aio_release(future);
}

TASK_TEST(await_done_says_that_it_is_done_and_not_how_it_fared)
{
    aio_task *task = aio_spawn(sleep_long, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_await_done(task), 0);
    check_int(aio_future_result(task), -ECANCELED);
    aio_release(task);
}

/* ---- join and stop -------------------------------------------------------------------------- */

static int join_it(void *arg)
{
    return aio_join(arg);
}

TASK_TEST(a_cancelled_join_returns_only_when_the_task_has_ended)
{
    aio_task *inner = aio_spawn(swallow, NULL);
    aio_task *outer = inner != NULL ? aio_spawn(join_it, aio_retain(inner)) : NULL;
    if (outer == NULL)
        aio_release(inner);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), 1);
    check_int(aio_join(outer), 42);
    check(aio_future_done(inner));
    check_int(aio_task_stop(inner), 42);
}

TASK_TEST(stop_returns_0_where_the_task_ended_by_it)
{
    aio_task *task = aio_spawn(sleep_long, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_stop(task), 0);
    check_int(aio_loop_time(aio_loop_current()), 0);
}

TASK_TEST(stop_of_a_task_that_has_not_begun_returns_0)
{
    check_int(aio_task_stop(aio_spawn(sleep_long, NULL)), 0);
}

TASK_TEST(stop_hands_on_what_else_became_of_the_task)
{
    int result = -EIO;
    aio_task *swallower = aio_spawn(swallow, NULL), *failed = aio_spawn(return_it, &result);
    check_int(aio_yield(), 0);
    check_int(aio_task_stop(swallower), 42);
    check_int(aio_task_stop(failed), -EIO);
}

/* Cleans up for 10 s, whoever cancels it meanwhile. */
static int clean_up_slowly(void *arg)
{
    aio_loop *loop = aio_loop_current();
    int rc = aio_sleep(AIO_SEC(1000));
    int64_t end = aio_loop_time(loop) + AIO_SEC(10);
    while (rc == -ECANCELED && aio_loop_time(loop) < end)
        rc = aio_sleep(end - aio_loop_time(loop));
    *(bool *)arg = rc == 0;
    return 0;
}

static int stop_it(void *arg)
{
    return aio_task_stop(arg);
}

TASK_TEST(stop_waits_to_the_end_even_if_the_stopper_is_cancelled)
{
    bool clean = false;
    aio_task *task = aio_spawn(clean_up_slowly, &clean);
    check_int(aio_yield(), 0);
    aio_task *stopper = task != NULL ? aio_spawn(stop_it, task) : NULL;
    if (stopper == NULL) {
        (void)aio_task_stop(task);
        return;
    }
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(stopper), 1);
    check_int(aio_sleep(AIO_SEC(5)), 0);
    check_int(aio_task_cancel(stopper), 1);
    check(!aio_future_done(stopper));
    check_int(aio_join(stopper), -ECANCELED);
    check(clean);
    check_int(aio_loop_time(aio_loop_current()), AIO_SEC(10));
}

TASK_TEST(a_task_can_not_stop_itself)
{
    check_int(aio_task_stop(aio_retain(aio_task_current())), -EDEADLK);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(aio_yield(), 0);
}

/* ---- cancelled twice in a turn --------------------------------------------------------------- */

struct twice {
    struct trace trace;
    aio_future *future;
};

static int wait_and_note(void *arg)
{
    struct twice *twice = arg;
    int rc = aio_await_done(twice->future);
    note(&twice->trace, 't');
    return rc;
}

static void note_callback(void *arg)
{
    note(arg, 'c');
}

TASK_TEST(cancelled_twice_in_a_turn_a_waiter_keeps_its_place)
{
    struct twice twice = {.future = aio_future_new()};
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *task = twice.future != NULL ? aio_spawn(wait_and_note, &twice) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, note_callback, &twice.trace), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check_int(aio_yield(), 0);
    check_string(twice.trace.text, "tc");
    aio_release(twice.future);
}

static int stop_each_other(void *arg)
{
    aio_task **other = arg;
    (void)!aio_yield();
    return aio_task_stop(aio_retain(*other));
}

TASK_TEST(of_two_that_stop_each_other_one_is_told_that_the_other_has_not_ended)
{
    aio_task *tasks[2];
    tasks[0] = aio_spawn(stop_each_other, &tasks[1]);
    tasks[1] = aio_spawn(stop_each_other, &tasks[0]);
    int first = aio_join(tasks[0]), second = aio_join(tasks[1]);
    check(first == -EDEADLK || second == -EDEADLK);
}
