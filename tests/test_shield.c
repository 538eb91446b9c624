/*
 * Shielding: what is waited for goes on, and what becomes of its result then.
 */
#include <errno.h>

#include "support/gather_case.h"

static struct caught caught;

static int shield_it(void *arg)
{
    return aio_shield(arg);
}

TASK_TEST(a_result_passes_through_two_turns_later)
{
    aio_future *future = aio_future_new();
    aio_task *task = future != NULL ? aio_spawn(shield_it, future) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 5), future != NULL ? 0 : -ENOMEM);
    int turns = turns_until_done(task);
    check(task == NULL || turns == 2);
    check_int(aio_join(task), task != NULL ? 5 : -ENOMEM);
    aio_release(future);
}

TASK_TEST(what_is_done_is_given_without_a_wait)
{
    aio_future *future = aio_future_new();
    check_int(aio_future_set(future, 5), future != NULL ? 0 : -ENOMEM);
    check_int(aio_shield(future), future != NULL ? 5 : -ENOMEM);
    aio_release(future);
}

TASK_TEST(a_cancelled_waiter_leaves_what_it_shields_running)
{
    int us = 5;
    aio_task *inner = aio_spawn(after_so_many_us, &us);
    aio_task *outer = inner != NULL ? aio_spawn(shield_it, inner) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), outer != NULL ? 1 : -ENOMEM);
    int turns = turns_until_done(outer);
    check(outer == NULL || turns == 1);
    check_int(aio_join(outer), outer != NULL ? -ECANCELED : -ENOMEM);
    check_int(aio_task_cancelling(inner), inner != NULL ? 0 : -ENOMEM);
    check_int(aio_join(inner), inner != NULL ? 5 : -ENOMEM);
}

TASK_TEST(if_what_is_shielded_is_cancelled_so_is_the_wait)
{
    aio_task *inner = aio_spawn(sleep_long, NULL);
    aio_task *outer = inner != NULL ? aio_spawn(shield_it, inner) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(inner), inner != NULL ? 1 : -ENOMEM);
    check_int(aio_await_done(outer), outer != NULL ? 0 : -ENOMEM);
    check(outer == NULL || aio_future_cancelled(outer));
    check(outer == NULL || aio_task_cancelling(outer) == 0);
    aio_release(outer);
    aio_release(inner);
}

TASK_TEST(cancelled_although_it_is_done_the_waiter_is_cancelled)
{
    aio_future *future = aio_future_new();
    aio_task *task = future != NULL ? aio_spawn(shield_it, future) : NULL;
    catch_failures(&caught);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, -EIO), future != NULL ? 0 : -ENOMEM);
    check_int(aio_task_cancel(task), task != NULL ? 1 : -ENOMEM);
    check_int(aio_join(task), task != NULL ? -ECANCELED : -ENOMEM);
    check_int(caught.count, 0);
    aio_release(future); /* nobody was told that it had failed */
    check_int(caught.count, future != NULL);
}

TASK_TEST(a_failure_after_the_waiter_was_cancelled_is_reported_at_once_and_once)
{
    int us = 5;
    aio_task *inner = aio_spawn(fail_after_so_many_us, &us);
    aio_task *outer = inner != NULL ? aio_spawn(shield_it, inner) : NULL;
    catch_failures(&caught);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(outer), outer != NULL ? 1 : -ENOMEM);
    check_int(aio_sleep(AIO_USEC(9)), 0);
    if (outer != NULL) {
        check_int(caught.count, 1);
        check_string(caught.message, "exception in shielded future");
        check_int(caught.error, AIO_USER_ERROR(5));
    }
    check_int(aio_join(outer), outer != NULL ? -ECANCELED : -ENOMEM);
    aio_release(inner);
    check_int(caught.count, inner != NULL);
}

TASK_TEST(results_and_cancellations_after_the_waiter_was_cancelled_are_no_news)
{
    aio_future *futures[] = {aio_future_new(), aio_future_new()};
    catch_failures(&caught);
    for (int i = 0; i < 2; i++) {
        aio_task *task = futures[i] != NULL ? aio_spawn(shield_it, futures[i]) : NULL;
        check_int(aio_yield(), 0);
        check_int(aio_task_stop(task), task != NULL ? 0 : -ENOMEM);
    }
    (void)aio_future_set(futures[0], 3);
    (void)aio_future_cancel(futures[1]);
    aio_release(futures[0]);
    aio_release(futures[1]);
    check_int(caught.count, 0);
}

static int gather_shielded(void *arg)
{
    struct futures *futures = arg;
    aio_task *tasks[FUTURES];
    aio_wait_item items[FUTURES] = {0};
    for (int i = 0; i < FUTURES; i++)
        items[i].future = tasks[i] = aio_spawn(shield_it, futures->all[i]);
    int rc = aio_gather(items, FUTURES, 0);
    for (int i = 0; i < FUTURES; i++)
        (void)aio_task_stop(tasks[i]);
    return rc;
}

TASK_TEST(what_is_gathered_through_shields_survives_the_gatherer)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_shielded, &futures);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    int rc = aio_task_stop(task);
    check(rc == 0 || rc == -ENOMEM);
    for (int i = 0; i < FUTURES; i++)
        check(!aio_future_done(futures.all[i]));
    futures_end(&futures);
}

static void shield_in_a_callback(void *arg)
{
    check_int(aio_shield(arg), -EPERM);
    check_int(aio_shield(NULL), -ENOMEM);
}

TASK_TEST(nothing_is_shielded_outside_a_task_nor_does_a_task_shield_itself)
{
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *self = aio_task_current();
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, shield_in_a_callback, self), 0);
    check_int(aio_yield(), 0);
    check_int(aio_shield(self), -EDEADLK);
}
