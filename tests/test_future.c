/*
 * Futures: set once, heard of by many, in the order in which these came.
 */
#include <errno.h>

#include <aio/future.h>

#include "support/task_case.h"

static struct caught caught;

static void count_up(void *arg)
{
    ++*(int *)arg;
}

/* ---- states --------------------------------------------------------------------------------- */

TASK_TEST(a_new_future_is_pending)
{
    aio_future *future = aio_future_new();
    check(!aio_future_done(future));
    check(!aio_future_cancelled(future));
    check_int(aio_future_result(future), -AIO_ESTATE);
    check(aio_future_value(future) == NULL);
    aio_release(future);
}

TASK_TEST(a_future_is_set_once)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, 42), 0);
    check(aio_future_done(future));
    check_int(aio_future_result(future), 42);
    check_int(aio_future_set(future, 43), -AIO_ESTATE);
    check_int(aio_future_set_value(future, future, NULL), -AIO_ESTATE);
    check_int(aio_future_cancel(future), 0);
    check_int(aio_future_result(future), 42);
    check(!aio_future_cancelled(future));
    aio_release(future);
}

TASK_TEST(a_future_can_be_a_failure)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, -EIO), 0);
    check_int(aio_future_result(future), -EIO);
    check_int(aio_await(future), -EIO);
    aio_release(future);
}

TASK_TEST(a_future_is_cancelled_once)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_cancel(future), 1);
    check(aio_future_done(future));
    check(aio_future_cancelled(future));
    check_int(aio_future_cancel(future), 0);
    check_int(aio_future_result(future), -ECANCELED);
    check_int(aio_future_set(future, 1), -AIO_ESTATE);
    aio_release(future);
}

TASK_TEST(a_future_set_to_ecanceled_is_cancelled)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, -ECANCELED), 0);
    check(aio_future_cancelled(future));
    aio_release(future);
}

/* ---- misuse --------------------------------------------------------------------------------- */

TASK_TEST(every_call_takes_null_for_a_future)
{
    aio_handle handle = AIO_HANDLE_INIT;
    int calls = 0;
    check(aio_retain(NULL) == NULL);
    aio_release(NULL);
    check_int(aio_future_set(NULL, 0), -ENOMEM);
    check_int(aio_future_set_value(NULL, &calls, count_up), -ENOMEM);
    check(aio_future_value(NULL) == NULL);
    check_int(aio_future_result(NULL), -ENOMEM);
    check(!aio_future_done(NULL));
    check(!aio_future_cancelled(NULL));
    check_int(aio_future_cancel(NULL), -ENOMEM);
    check_int(aio_future_on_done(NULL, &handle, count_up, &calls), -ENOMEM);
    check_int(aio_await(NULL), -ENOMEM);
    check_int(aio_await_done(NULL), -ENOMEM);
    check_int(calls, 0);
}

TEST(no_future_is_made_where_no_loop_runs)
{
    errno = 0;
    check(aio_future_new() == NULL);
    check_int(errno, EPERM);
    check(aio_future_new_on(NULL) == NULL);
}

TASK_TEST(on_done_refuses_what_makes_no_sense)
{
    aio_future *future = aio_future_new();
    aio_handle handle = AIO_HANDLE_INIT;
    int calls = 0;
    check_int(aio_future_on_done(future, NULL, count_up, &calls), -EINVAL);
    check_int(aio_future_on_done(future, &handle, NULL, &calls), -EINVAL);
    check_int(aio_future_on_done(future, &handle, count_up, &calls), 0);
    check_int(aio_future_on_done(future, &handle, count_up, &calls), -EBUSY);
    check_int(aio_future_set(future, 0), 0);
    check_int(aio_future_on_done(future, &handle, count_up, &calls), -EBUSY);
    check_int(aio_yield(), 0);
    check_int(calls, 1);
    aio_release(future);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

TASK_TEST(a_task_can_not_be_set)
{
    int freed = 0;
    aio_task *task = aio_spawn(do_nothing, NULL);
    if (task != NULL) {
        check_int(aio_future_set(task, 1), -EINVAL);
        check_int(aio_future_set_value(task, &freed, count_up), -EINVAL);
    }
    check_int(aio_future_set(aio_task_current(), 1), -EINVAL);
    check_int(aio_join(task), 0);
    check_int(freed, 0);
}

/* ---- values --------------------------------------------------------------------------------- */

TASK_TEST(a_value_is_destroyed_once_at_the_last_release)
{
    int freed = 0;
    aio_future *future = aio_future_new();
    if (future == NULL)
        return;
    check_int(aio_future_set_value(future, &freed, count_up), 0);
    check_int(aio_future_result(future), 0);
    check(aio_future_value(future) == &freed);
    check(aio_retain(future) == future);
    aio_release(future);
    check_int(freed, 0);
    aio_release(future);
    check_int(freed, 1);
}

TASK_TEST(a_value_that_comes_too_late_stays_the_callers)
{
    int freed = 0;
    aio_future *future = aio_future_new();
    check_int(aio_future_cancel(future), 1);
    check_int(aio_future_set_value(future, &freed, count_up), -AIO_ESTATE);
    check(aio_future_value(future) == NULL);
    aio_release(future);
    check_int(freed, 0);
}

TASK_TEST(a_value_needs_no_destroy)
{
    int value = 7;
    aio_future *future = aio_future_new();
    if (future != NULL)
        check_int(aio_future_set_value(future, &value, NULL), 0);
    aio_release(future);
}

static int give_oneself_a_value(void *arg)
{
    int *freed = arg;
    check_int(aio_future_set_value(aio_task_current(), &freed[0], count_up), 0);
    check_int(aio_future_set_value(aio_task_current(), &freed[1], count_up), 0);
    check_int(freed[0], 1);
    check(!aio_future_done(aio_task_current()));
    int rc = aio_yield();
    return rc < 0 ? rc : 9;
}

TASK_TEST(a_task_gives_itself_a_value_and_then_returns)
{
    int freed[2] = {0};
    aio_task *task = aio_spawn(give_oneself_a_value, freed);
    check_int(aio_await(task), 9);
    check(task == NULL || aio_future_value(task) == &freed[1]);
    check_int(freed[1], 0);
    aio_release(task);
    check_int(freed[1], task != NULL);
}

static void release_it(void *arg)
{
    aio_release(arg);
}

TASK_TEST(a_destroy_may_release_another_future)
{
    int freed = 0;
    aio_future *inner = aio_future_new(), *outer = aio_future_new();
    if (aio_future_set_value(inner, &freed, count_up) == 0 &&
        aio_future_set_value(outer, inner, release_it) == 0)
        inner = NULL;
    aio_release(outer);
    aio_release(inner);
    check_int(freed, 1);
}

struct wary {
    int slept, awaited, ran;
    aio_future *pending;
};

static int run_inside(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static void use_the_library(void *arg)
{
    struct wary *wary = arg;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    wary->slept = aio_sleep(1);
    wary->awaited = aio_await(wary->pending);
    aio_release(aio_spawn_with(&options, run_inside, &wary->ran));
}

static int leave_a_wary_value(void *arg)
{
    return aio_future_set_value(aio_task_current(), arg, use_the_library);
}

TASK_TEST(a_destroy_at_a_tasks_end_can_not_suspend_but_may_spawn)
{
    struct wary wary = {.pending = aio_future_new()};
    if (wary.pending == NULL || aio_go(leave_a_wary_value, &wary) < 0) {
        aio_release(wary.pending);
        return;
    }
    check_int(aio_yield(), 0);
    check_int(wary.slept, -EPERM);
    check_int(wary.awaited, -EPERM);
    check_int(wary.ran, 1);
    check_int(aio_sleep(1), 0);
    aio_release(wary.pending);
}

/* ---- who hears of it ------------------------------------------------------------------------ */

struct listener {
    struct trace *trace;
    aio_future *future;
    char name;
};

static void hear(void *arg)
{
    struct listener *listener = arg;
    note(listener->trace, listener->name);
}

static int await_and_hear(void *arg)
{
    struct listener *listener = arg;
    int rc = aio_await(listener->future);
    hear(arg);
    return rc;
}

TASK_TEST(callbacks_and_waiters_are_served_in_the_order_in_which_they_came)
{
    struct trace trace = {0};
    aio_future *future = aio_future_new();
    struct listener all[] = {{&trace, future, '1'}, {&trace, future, '2'}, {&trace, future, '3'},
                             {&trace, future, '4'}, {&trace, future, '5'}};
    aio_handle handles[3] = {AIO_HANDLE_INIT, AIO_HANDLE_INIT, AIO_HANDLE_INIT};
    check_int(aio_future_on_done(future, &handles[0], hear, &all[0]), 0);
    aio_task *second = aio_spawn(await_and_hear, &all[1]);
    check_int(aio_yield(), 0);
    check_int(aio_future_on_done(future, &handles[1], hear, &all[2]), 0);
    aio_task *fourth = aio_spawn(await_and_hear, &all[3]);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 6), 0);
    check_int(aio_future_on_done(future, &handles[2], hear, &all[4]), 0);
    check_string(trace.text, "");
    check_int(aio_yield(), 0);
    check_string(trace.text, "12345");
    check_int(aio_join(second), 6);
    check_int(aio_join(fourth), 6);
    aio_release(future);
}

TASK_TEST(a_cancellation_is_heard_of_too)
{
    aio_future *future = aio_future_new();
    aio_handle handle = AIO_HANDLE_INIT;
    int calls = 0;
    check_int(aio_future_on_done(future, &handle, count_up, &calls), 0);
    check_int(aio_future_cancel(future), 1);
    check_int(calls, 0);
    check_int(aio_yield(), 0);
    check_int(calls, 1);
    aio_release(future);
}

TASK_TEST(a_handle_taken_back_is_not_called_and_the_others_keep_their_order)
{
    struct trace trace = {0};
    aio_future *future = aio_future_new();
    struct listener all[] = {{&trace, NULL, 'a'}, {&trace, NULL, 'b'}, {&trace, NULL, 'c'}};
    aio_handle handles[3] = {AIO_HANDLE_INIT, AIO_HANDLE_INIT, AIO_HANDLE_INIT};
    for (int i = 0; i < 3; i++)
        check_int(aio_future_on_done(future, &handles[i], hear, &all[i]), 0);
    if (future != NULL)
        check(aio_handle_cancel(&handles[1]));
    check(!aio_handle_cancel(&handles[1]));
    check_int(aio_future_set(future, 0), 0);
    check_int(aio_yield(), 0);
    check_string(trace.text, "ac");
    aio_release(future);
}

static void take_back(void *arg)
{
    check(aio_handle_cancel(arg));
}

TASK_TEST(a_callback_may_take_the_next_one_back)
{
    aio_future *future = aio_future_new();
    aio_handle first = AIO_HANDLE_INIT, second = AIO_HANDLE_INIT;
    int calls = 0;
    check_int(aio_future_on_done(future, &first, take_back, &second), 0);
    check_int(aio_future_on_done(future, &second, count_up, &calls), 0);
    check_int(aio_future_set(future, 0), 0);
    check_int(aio_yield(), 0);
    check_int(calls, 0);
    aio_release(future);
}

struct again {
    aio_future *future;
    aio_handle handle;
    int calls;
};

static void listen_again(void *arg)
{
    struct again *again = arg;
    if (++again->calls < 3)
        check_int(aio_future_on_done(again->future, &again->handle, listen_again, again), 0);
}

TASK_TEST(a_handle_may_be_used_again_from_its_own_callback)
{
    struct again again = {.future = aio_future_new()};
    check_int(aio_future_set(again.future, 0), 0);
    check_int(aio_future_on_done(again.future, &again.handle, listen_again, &again), 0);
    for (int turn = 1; turn <= 3; turn++) {
        check_int(aio_yield(), 0);
        check_int(again.calls, turn);
    }
    aio_release(again.future);
}

TASK_TEST(a_callback_may_release_the_future)
{
    aio_future *future = aio_future_new();
    aio_handle handle = AIO_HANDLE_INIT;
    if (future == NULL)
        return;
    check_int(aio_future_on_done(future, &handle, release_it, future), 0);
    check_int(aio_future_set(future, 0), 0);
    check_int(aio_yield(), 0);
}

TASK_TEST(the_callbacks_of_a_future_that_goes_are_never_called)
{
    aio_future *future = aio_future_new();
    aio_handle handle = AIO_HANDLE_INIT;
    int calls = 0;
    check_int(aio_future_on_done(future, &handle, count_up, &calls), 0);
    aio_release(future);
    check(!aio_handle_pending(&handle));
    check(!aio_handle_cancel(&handle));
    check_int(aio_yield(), 0);
    check_int(calls, 0);
}

TASK_TEST(one_set_wakes_a_thousand_in_their_order)
{
    enum { COUNT = 1000 };
    aio_future *future = aio_future_new();
    aio_task *tasks[COUNT];
    struct trace trace = {0};
    struct listener all[COUNT];
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct listener){&trace, future, (char)('A' + i % 26)};
        tasks[i] = aio_spawn(await_and_hear, &all[i]);
    }
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 3), 0);
    for (int i = 0; i < COUNT; i++)
        check_int(aio_join(tasks[i]), 3);
    check_string(trace.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABC");
    aio_release(future);
}

/* ---- failures that nobody asked about ------------------------------------------------------- */

TASK_TEST(a_failure_that_nobody_asked_about_is_reported_at_the_last_release)
{
    catch_failures(&caught);
    aio_future *future = aio_retain(aio_future_new());
    check_int(aio_future_set(future, -EIO), 0);
    aio_release(future);
    check_int(caught.count, 0);
    aio_release(future);
    check_int(caught.count, future != NULL);
    if (future != NULL)
        check_int(caught.error, -EIO);
}

TASK_TEST(a_failure_that_was_asked_about_is_not_reported)
{
    catch_failures(&caught);
    aio_future *asked = aio_future_new(), *awaited = aio_future_new();
    check_int(aio_future_set(asked, -EIO), 0);
    check_int(aio_future_set(awaited, -EIO), 0);
    check_int(aio_future_result(asked), -EIO);
    check_int(aio_await(awaited), -EIO);
    aio_release(asked);
    aio_release(awaited);
    check_int(caught.count, 0);
}

TASK_TEST(to_wait_until_it_is_done_is_not_to_ask)
{
    catch_failures(&caught);
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, -EIO), 0);
    check_int(aio_await_done(future), 0);
    check(aio_future_done(future));
    aio_release(future);
    check_int(caught.count, future != NULL);
}

TASK_TEST(neither_success_nor_cancellation_nor_a_pending_future_is_reported)
{
    catch_failures(&caught);
    aio_future *fine = aio_future_new(), *cancelled = aio_future_new();
    check_int(aio_future_set(fine, 1), 0);
    check_int(aio_future_cancel(cancelled), 1);
    aio_release(fine);
    aio_release(cancelled);
    aio_release(aio_future_new());
    check_int(caught.count, 0);
}

/* ---- other loops ---------------------------------------------------------------------------- */

TEST(a_future_is_made_and_set_while_its_loop_does_not_run)
{
    aio_loop *loop = aio_loop_new();
    aio_future *future = loop != NULL ? aio_future_new_on(loop) : NULL;
    aio_handle handle = AIO_HANDLE_INIT;
    int calls = 0;
    check_int(aio_future_on_done(future, &handle, count_up, &calls), 0);
    check_int(aio_future_set(future, 1), 0);
    check_int(calls, 0);
    if (loop != NULL)
        check_int(aio_loop_step(loop, 0), 1);
    check_int(calls, 1);
    aio_release(future);
    check_int(aio_loop_close(loop), 0);
}

TEST(a_future_may_be_used_and_released_after_its_loop_is_closed)
{
    aio_loop *loop = aio_loop_new();
    aio_future *future = loop != NULL ? aio_future_new_on(loop) : NULL;
    aio_handle early = AIO_HANDLE_INIT, late = AIO_HANDLE_INIT;
    int calls = 0, freed = 0;
    check_int(aio_future_on_done(future, &early, count_up, &calls), 0);
    check_int(aio_loop_close(loop), 0);
    check_int(aio_future_on_done(future, &late, count_up, &calls), -EINVAL);
    bool taken = aio_future_set_value(future, &freed, count_up) == 0;
    check(taken);
    check_int(aio_future_result(future), 0);
    aio_release(future);
    check_int(freed, taken);
    check_int(calls, 0);
    check(!aio_handle_pending(&early));
}

static int await_a_strangers(void *arg)
{
    check_int(aio_await(arg), -EINVAL);
    check_int(aio_await_done(arg), -EINVAL);
    return 0;
}

TEST(a_future_of_another_loop_can_not_be_awaited)
{
    aio_loop *other = aio_loop_new();
    aio_future *future = other != NULL ? aio_future_new_on(other) : NULL;
    check_int(test_run(await_a_strangers, future), 0);
    aio_release(future);
    check_int(aio_loop_close(other), 0);
}

/* ---- a value whose end gives another --------------------------------------------------------- */

static int values_destroyed;

static void destroy_and_replace(void *value)
{
    static int another;
    (void)value;
    if (++values_destroyed == 1)
        check_int(aio_future_set_value(aio_task_current(), &another, destroy_and_replace), 0);
}

static int replace_values(void *arg)
{
    int rc = aio_future_set_value(aio_task_current(), arg, destroy_and_replace);
    return rc < 0 ? rc : aio_future_set_value(aio_task_current(), arg, destroy_and_replace);
}

TASK_TEST(a_value_may_be_replaced_by_what_destroys_it)
{
    int value = 0;
    values_destroyed = 0;
    aio_task *task = aio_spawn(replace_values, &value);
    check_int(aio_join(task), 0);
    check_int(values_destroyed, 3);
}
