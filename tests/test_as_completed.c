/*
 * One future after the other, as they get done: the order, the limit, who asks, and
 * the end.
 */
#include <errno.h>

#include "support/gather_case.h"

static struct caught caught;

static aio_loop *here(void)
{
    return aio_loop_current();
}

static void set(struct futures *futures, int i, int result)
{
    check_int(aio_future_set(futures->all[i], result), 0);
}

/* ---- the order ------------------------------------------------------------------------------ */

TASK_TEST(they_come_in_the_order_in_which_they_get_done)
{
    int us[] = {30, 10, 20};
    aio_wait_item items[3] = {0}, *item = NULL;
    aio_as_completed next = AIO_AS_COMPLETED_INIT;
    bool made = true;
    for (int i = 0; i < 3; i++) {
        items[i].future = aio_spawn(after_so_many_us, &us[i]);
        made = made && items[i].future != NULL;
    }
    if (made && aio_as_completed_begin(&next, items, 3, AIO_FOREVER) == 0) {
        for (int i = 1; i <= 3; i++) {
            check_int(aio_as_completed_next(&next, &item), 1);
            check_int(item->result, 10 * i);
            check(item->done && item == &items[i % 3]);
            check_int(aio_loop_time(here()), AIO_USEC(10 * i));
        }
        check_int(aio_as_completed_next(&next, &item), 0);
    }
    aio_as_completed_end(&next);
    for (int i = 0; i < 3; i++)
        (void)!aio_join(items[i].future);
}

static int take_one(void *arg)
{
    aio_wait_item *item;
    return aio_as_completed_next(arg, &item) == 1 ? item->result : -1;
}

TASK_TEST(who_asks_goes_on_two_turns_after_it_is_done)
{
    struct futures futures;
    aio_as_completed next;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        aio_task *task = aio_spawn(take_one, &next);
        check_int(aio_yield(), 0);
        set(&futures, 1, 7);
        int turns = turns_until_done(task);
        check(task == NULL || turns == 2);
        check_int(aio_join(task), task != NULL ? 7 : -ENOMEM);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(what_is_done_already_comes_in_the_turn_after_it_began)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item;
    if (!futures_begin(&futures, here()))
        return;
    for (int i = 0; i < FUTURES; i++)
        set(&futures, i, i);
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        aio_task *first = aio_spawn(take_one, &next);
        int turns = turns_until_done(first);
        check(first == NULL || turns == 1);
        check_int(aio_join(first), first != NULL ? 0 : -ENOMEM);
        while (aio_as_completed_next(&next, &item) > 0)
            check(item->done);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(of_nothing_there_is_no_next)
{
    aio_as_completed next;
    aio_wait_item *item;
    if (aio_as_completed_begin(&next, NULL, 0, AIO_USEC(5)) == 0)
        check_int(aio_as_completed_next(&next, &item), 0);
    aio_as_completed_end(&next);
    check_int(aio_loop_next_deadline(here()), AIO_FOREVER);
}

TASK_TEST(failures_come_as_results_do)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item, missing = AIO_WAIT_ITEM(NULL);
    if (!futures_begin(&futures, here()))
        return;
    catch_failures(&caught);
    set(&futures, 0, -EIO);
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        check_int(aio_as_completed_next(&next, &item), 1);
        check_int(item->result, -EIO);
        aio_as_completed_end(&next);
        check_int(caught.count, 0);
    }
    if (aio_as_completed_begin(&next, &missing, 1, AIO_FOREVER) == 0) {
        check_int(aio_as_completed_next(&next, &item), 1);
        check_int(item->result, -ENOMEM);
    }
    aio_as_completed_end(&next);
    (void)aio_future_result(futures.all[0]);
    futures_end(&futures);
}

TASK_TEST(one_future_comes_as_often_as_it_stands_there)
{
    aio_future *future = aio_future_new();
    aio_wait_item items[] = {AIO_WAIT_ITEM(future), AIO_WAIT_ITEM(future)}, *item;
    aio_as_completed next;
    if (aio_as_completed_begin(&next, items, 2, AIO_FOREVER) == 0) {
        (void)aio_future_set(future, 4);
        for (int i = 0; i < 2; i++) {
            check_int(aio_as_completed_next(&next, &item), 1);
            check(item == &items[i]);
        }
        check_int(aio_as_completed_next(&next, &item), 0);
    }
    aio_as_completed_end(&next);
    aio_release(future);
}

/* ---- the limit ------------------------------------------------------------------------------ */

TASK_TEST(what_does_not_come_in_time_is_told_once_for_each)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item = NULL;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_USEC(5)) == 0) {
        set(&futures, 2, 1);
        check_int(aio_as_completed_next(&next, &item), 1);
        check_int(aio_as_completed_next(&next, &item), -ETIMEDOUT);
        check(item == &futures.items[2]);
        check_int(aio_loop_time(here()), AIO_USEC(5));
        set(&futures, 0, 1);
        check_int(aio_as_completed_next(&next, &item), -ETIMEDOUT);
        check_int(aio_as_completed_next(&next, &item), 0);
        check(!aio_future_done(futures.all[1]));
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(what_had_come_in_time_comes_before_that)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_USEC(5)) == 0) {
        set(&futures, 2, 1);
        check_int(aio_sleep(AIO_USEC(9)), 0);
        check_int(aio_as_completed_next(&next, &item), 1);
        check_int(aio_as_completed_next(&next, &item), -ETIMEDOUT);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(once_all_have_come_the_limit_is_none_any_more)
{
    struct futures futures;
    aio_as_completed next;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_USEC(5)) == 0) {
        check(aio_loop_next_deadline(here()) == AIO_USEC(5));
        for (int i = 0; i < FUTURES; i++)
            set(&futures, i, 1);
        check_int(aio_yield(), 0);
        check_int(aio_loop_next_deadline(here()), AIO_FOREVER);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

/* ---- several that ask ----------------------------------------------------------------------- */

TASK_TEST(several_tasks_that_ask_get_one_each)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item;
    aio_task *tasks[FUTURES];
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        for (int i = 0; i < FUTURES; i++)
            tasks[i] = aio_spawn(take_one, &next);
        check_int(aio_yield(), 0);
        if (tasks[0] != NULL && tasks[1] != NULL && tasks[2] != NULL)
            check_int(aio_as_completed_next(&next, &item), 0);
        for (int i = 0; i < FUTURES; i++)
            set(&futures, FUTURES - 1 - i, i);
        for (int i = 0, came = 0; i < FUTURES; i++) {
            int rc = aio_join(tasks[i]);
            check_int(rc, tasks[i] != NULL ? came++ : -ENOMEM);
        }
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(who_is_cancelled_while_it_waits_loses_nothing)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        aio_task *task = aio_spawn(take_one, &next);
        check_int(aio_yield(), 0);
        (void)aio_task_cancel(task);
        int turns = turns_until_done(task);
        check(task == NULL || turns == 1);
        for (int i = 0; i < FUTURES; i++) {
            set(&futures, i, i);
            check_int(aio_as_completed_next(&next, &item), 1);
            check_int(item->result, i);
        }
        check_int(aio_as_completed_next(&next, &item), 0);
        (void)!aio_join(task);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

TASK_TEST(who_is_cancelled_after_it_was_woken_hands_that_on)
{
    struct futures futures;
    aio_as_completed next;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        aio_task *first = aio_spawn(take_one, &next), *second = aio_spawn(take_one, &next);
        check_int(aio_yield(), 0);
        set(&futures, 0, 3);
        check_int(aio_yield(), 0);
        (void)aio_task_cancel(first);
        check_int(aio_join(second), second != NULL ? 3 : -ENOMEM);
        check_int(aio_join(first), first != NULL ? -1 : -ENOMEM);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

/* ---- the end -------------------------------------------------------------------------------- */

TASK_TEST(what_is_left_when_it_ends_is_left_alone)
{
    struct futures futures;
    aio_as_completed next;
    aio_wait_item *item;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_SEC(5)) == 0) {
        set(&futures, 0, 1);
        check_int(aio_as_completed_next(&next, &item), 1);
        set(&futures, 1, 1);
    }
    aio_as_completed_end(&next);
    aio_as_completed_end(&next);
    check_int(aio_as_completed_next(&next, &item), -EINVAL);
    set(&futures, 2, 1);
    check_int(aio_sleep(AIO_SEC(9)), 0);
    futures_end(&futures);
}

static int take_one_or_fail(void *arg)
{
    aio_wait_item *item;
    return aio_as_completed_next(arg, &item);
}

TASK_TEST(who_asks_while_it_ends_is_told_so_or_that_it_was_cancelled)
{
    struct futures futures;
    aio_as_completed next;
    aio_task *tasks[3] = {0};
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        for (int i = 0; i < 3; i++)
            tasks[i] = aio_spawn(take_one_or_fail, &next);
        check_int(aio_yield(), 0);
        set(&futures, 0, 1);
        check_int(aio_yield(), 0); /* the first is woken */
        (void)aio_task_cancel(tasks[1]);
    }
    aio_as_completed_end(&next);
    for (int i = 0; i < 3; i++) {
        int rc = aio_join(tasks[i]);
        check(tasks[i] == NULL || rc == (i == 1 ? -ECANCELED : -EINVAL));
    }
    futures_end(&futures);
}

TASK_TEST(another_task_does_not_end_it)
{
    struct futures futures;
    aio_as_completed next, copy;
    if (!futures_begin(&futures, here()))
        return;
    if (aio_as_completed_begin(&next, futures.items, FUTURES, AIO_FOREVER) == 0) {
        copy = next;
        aio_as_completed_end(&copy); /* not the one that began */
        check(copy.iteration != NULL);
    }
    aio_as_completed_end(&next);
    futures_end(&futures);
}

/* Returns without an end: what was begun must not hang on to this frame. */
static int leave_it_open(void *arg)
{
    struct futures *futures = arg;
    aio_as_completed next;
    aio_wait_item items[FUTURES] = {0};
    for (int i = 0; i < FUTURES; i++)
        items[i].future = futures->all[i];
    return aio_as_completed_begin(&next, items, FUTURES, AIO_USEC(5));
}

TASK_TEST(one_that_is_left_open_is_closed_and_reported_with_its_task)
{
    struct futures futures;
    if (!futures_begin(&futures, here()))
        return;
    catch_failures(&caught);
    aio_task *task = aio_spawn(leave_it_open, &futures);
    int rc = aio_join(task);
    check(rc == 0 || rc == -ENOMEM);
    if (rc == 0) {
        check_int(caught.count, 1);
        check_string(caught.message, "an as_completed was begun and never ended");
    }
    set(&futures, 0, 1);
    check_int(aio_sleep(AIO_USEC(9)), 0);
    futures_end(&futures);
}

TASK_TEST(one_that_is_left_open_is_closed_with_the_timeout_around_it)
{
    struct futures futures;
    aio_timeout timeout;
    if (!futures_begin(&futures, here()))
        return;
    catch_failures(&caught);
    if (aio_timeout_begin(&timeout, AIO_SEC(1)) == 0) {
        int rc = leave_it_open(&futures);
        set(&futures, 0, 1);
        check_int(aio_sleep(AIO_USEC(1)), 0); /* into a frame that is gone nothing is written */
        check_int(aio_timeout_end(&timeout, rc), rc);
        check_int(caught.count, rc == 0);
    }
    futures_end(&futures);
}

#if defined(__GNUC__)
static int break_in_a_scope(struct futures *futures)
{
    AIO_SCOPED(aio_as_completed) next = AIO_AS_COMPLETED_INIT;
    aio_wait_item *item;
    int rc = aio_as_completed_begin(&next, futures->items, FUTURES, AIO_FOREVER);
    return rc < 0 ? rc : aio_as_completed_next(&next, &item);
}

TASK_TEST(scoped_it_ends_on_every_way_out)
{
    struct futures futures;
    if (!futures_begin(&futures, here()))
        return;
    catch_failures(&caught);
    set(&futures, 0, 1);
    int rc = break_in_a_scope(&futures);
    check(rc == 1 || rc == -ENOMEM);
    check_int(aio_yield(), 0);
    futures_end(&futures);
    check_int(caught.count, 0);
}
#endif

/* ---- misuse, abandoned ---------------------------------------------------------------------- */

static void iterate_in_a_callback(void *arg)
{
    struct futures *futures = arg;
    aio_as_completed next;
    aio_wait_item *item;
    check_int(aio_as_completed_begin(&next, futures->items, FUTURES, 5), -EPERM);
    check_int(aio_as_completed_next(&next, &item), -EPERM);
    aio_as_completed_end(&next);
}

TASK_TEST(what_can_not_be_iterated_over_is_refused)
{
    struct futures futures;
    aio_as_completed next;
    aio_handle handle = AIO_HANDLE_INIT;
    aio_loop *other = aio_loop_new();
    check_int(aio_as_completed_begin(NULL, NULL, 0, 5), -EINVAL);
    check_int(aio_as_completed_begin(&next, NULL, 1, 5), -EINVAL);
    aio_as_completed_end(NULL);
    if (futures_begin(&futures, other)) {
        check_int(aio_as_completed_begin(&next, futures.items, FUTURES, 5), -EINVAL);
        check_int(aio_loop_call_soon(here(), &handle, iterate_in_a_callback, &futures), 0);
        check_int(aio_yield(), 0);
        futures_end(&futures);
    }
    (void)aio_loop_close(other);
}

static int iterate(void *arg)
{
    struct futures *futures = arg;
    aio_as_completed next;
    aio_wait_item *item;
    int rc = aio_as_completed_begin(&next, futures->items, FUTURES, AIO_SEC(1));
    while (rc == 0 && (rc = aio_as_completed_next(&next, &item)) > 0)
        rc = aio_sleep(AIO_SEC(100));
    aio_as_completed_end(&next);
    return rc;
}

TEST(who_iterates_can_be_abandoned_also_where_it_does_something_else)
{
    for (int turns = 0; turns < 4; turns++)
        abandon_waiters(iterate, turns);
}
