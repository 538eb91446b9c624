/*
 * aio_wait(): what ends it, what it leaves alone, and its limit.
 */
#include <errno.h>
#include <limits.h>

#include "support/gather_case.h"

static int wait_for_all(void *arg)
{
    struct futures *futures = arg;
    futures->rc = aio_wait(futures->items, FUTURES, AIO_WAIT_ALL, AIO_SEC(100));
    futures->at = aio_loop_time(aio_loop_current());
    return futures->rc;
}

static int wait_for_the_first(void *arg)
{
    struct futures *futures = arg;
    futures->rc = aio_wait(futures->items, FUTURES, AIO_WAIT_FIRST, AIO_FOREVER);
    return futures->rc;
}

static int wait_for_an_error(void *arg)
{
    struct futures *futures = arg;
    futures->rc = aio_wait(futures->items, FUTURES, AIO_WAIT_ERROR, AIO_FOREVER);
    return futures->rc;
}

/* A task that waits for futures already; false if it could not be made. */
static bool begin(struct futures *futures, aio_function wait, aio_task **out_task)
{
    if (!futures_begin(futures, aio_loop_current()))
        return false;
    *out_task = aio_spawn(wait, futures);
    check_int(aio_yield(), 0);
    if (*out_task == NULL)
        futures_end(futures);
    return *out_task != NULL;
}

static void end(struct futures *futures, aio_task *task)
{
    (void)aio_task_stop(task);
    futures_end(futures);
}

/* ---- what ends it --------------------------------------------------------------------------- */

TASK_TEST(waiting_for_all_ends_two_turns_after_the_last)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_all, &task))
        return;
    check_int(aio_future_set(futures.all[0], 0), 0);
    check_int(aio_future_set(futures.all[2], -EIO), 0);
    check_int(turns_until_done(task), 9);
    check_int(aio_future_cancel(futures.all[1]), 1);
    check_int(turns_until_done(task), 2);
    check_int(futures.rc, 3);
    end(&futures, task);
}

TASK_TEST(waiting_for_the_first_leaves_the_others_alone)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_the_first, &task))
        return;
    check_int(aio_future_set(futures.all[1], 4), 0);
    check_int(turns_until_done(task), 2);
    check_int(futures.rc, 1);
    check(futures.items[1].done && futures.items[1].result == 4);
    check(!futures.items[0].done && !aio_future_done(futures.all[0]));
    end(&futures, task);
}

TASK_TEST(what_is_done_while_the_waiter_is_woken_counts_as_done)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_the_first, &task))
        return;
    check_int(aio_future_set(futures.all[1], 4), 0);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(futures.all[2], 5), 0);
    check_int(aio_yield(), 0);
    check_int(futures.rc, 2);
    check_int(futures.items[2].result, 5);
    end(&futures, task);
}

TASK_TEST(an_error_ends_the_wait_for_one)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_an_error, &task))
        return;
    check_int(aio_future_set(futures.all[0], 4), 0);
    check_int(turns_until_done(task), 9);
    check_int(aio_future_set(futures.all[1], -EIO), 0);
    check_int(turns_until_done(task), 2);
    check_int(futures.rc, 2);
    end(&futures, task);
}

TASK_TEST(one_that_is_cancelled_is_no_error)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_an_error, &task))
        return;
    check_int(aio_future_cancel(futures.all[0]), 1);
    check_int(aio_future_cancel(futures.all[1]), 1);
    check_int(turns_until_done(task), 9);
    check_int(aio_future_set(futures.all[2], 0), 0);
    check_int(turns_until_done(task), 2);
    check_int(futures.rc, 3);
    end(&futures, task);
}

TASK_TEST(even_for_what_is_done_a_wait_takes_two_turns)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    for (int i = 0; i < FUTURES; i++)
        check_int(aio_future_set(futures.all[i], -EIO), 0);
    aio_task *task = aio_spawn(wait_for_all, &futures);
    int turns = turns_until_done(task);
    check(task == NULL || (turns == 3 && futures.rc == 3)); /* one to begin */
    end(&futures, task);
}

/* ---- its limit ------------------------------------------------------------------------------ */

TASK_TEST(when_the_time_is_over_what_is_pending_is_not_cancelled)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_all, &task))
        return;
    check_int(aio_future_set(futures.all[0], 4), 0);
    check_int(aio_await(task), 1);
    check_int(futures.at, AIO_SEC(100));
    check(!aio_future_done(futures.all[1]));
    end(&futures, task);
}

TASK_TEST(a_limit_of_nothing_is_two_turns)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    check_int(aio_future_set(futures.all[0], 4), 0);
    check_int(aio_wait(futures.items, FUTURES, AIO_WAIT_ALL, 0), 1);
    check_int(aio_wait(futures.items, FUTURES, AIO_WAIT_ALL, -5), 1);
    check_int(aio_loop_time(aio_loop_current()), 0);
    futures_end(&futures);
}

TASK_TEST(what_is_done_just_when_the_time_is_over_counts_as_done)
{
    int us = 5;
    aio_wait_item item = AIO_WAIT_ITEM(aio_spawn(after_so_many_us, &us));
    check_int(aio_yield(), 0);
    check_int(aio_wait(&item, 1, AIO_WAIT_ALL, AIO_USEC(us)), 1);
    check_int(aio_join(item.future), item.result);
}

TASK_TEST(a_limit_that_was_not_needed_does_not_hold_the_time_up)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_all, &task))
        return;
    for (int i = 0; i < FUTURES; i++)
        check_int(aio_future_set(futures.all[i], i), 0);
    check_int(aio_await(task), 3);
    check_int(aio_loop_time(aio_loop_current()), 0);
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    end(&futures, task);
}

/* ---- cancellations -------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_waiter_leaves_what_it_waited_for_alone)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_all, &task))
        return;
    check_int(aio_task_cancel(task), 1);
    check_int(turns_until_done(task), 1);
    check_int(futures.rc, -ECANCELED);
    for (int i = 0; i < FUTURES; i++)
        check(!aio_future_done(futures.all[i]) && futures.items[i].waiting == NULL);
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    end(&futures, task);
}

TASK_TEST(a_waiter_cancelled_after_it_was_woken_is_cancelled)
{
    struct futures futures;
    aio_task *task;
    if (!begin(&futures, wait_for_the_first, &task))
        return;
    check_int(aio_future_set(futures.all[1], 4), 0);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_yield(), 0);
    check_int(futures.rc, -ECANCELED);
    end(&futures, task);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void wait_in_a_callback(void *arg)
{
    struct futures *futures = arg;
    check_int(aio_wait(futures->items, FUTURES, AIO_WAIT_ALL, 0), -EPERM);
}

TASK_TEST(there_must_be_something_to_wait_for_and_somebody_who_waits)
{
    struct futures futures;
    aio_handle handle = AIO_HANDLE_INIT;
    aio_loop *other = aio_loop_new();
    check_int(aio_wait(NULL, 0, AIO_WAIT_ALL, 0), -EINVAL);
    check_int(aio_wait(NULL, 1, AIO_WAIT_ALL, 0), -EINVAL);
    if (futures_begin(&futures, other)) {
        check_int(aio_wait(futures.items, FUTURES, AIO_WAIT_ALL, 0), -EINVAL);
        check_int(aio_wait(futures.items, FUTURES, (aio_wait_until)3, 0), -EINVAL);
        check_int(aio_wait(futures.items, (size_t)INT_MAX + 1, AIO_WAIT_ALL, 0), -EINVAL);
        check_int(aio_loop_call_soon(aio_loop_current(), &handle, wait_in_a_callback, &futures), 0);
        check_int(aio_yield(), 0);
        futures_end(&futures);
    }
    (void)aio_loop_close(other);
}

/* ---- abandoned ------------------------------------------------------------------------------ */

TEST(who_waits_for_many_can_be_abandoned)
{
    for (int turns = 0; turns < 3; turns++)
        abandon_waiters(wait_for_all, turns);
}
