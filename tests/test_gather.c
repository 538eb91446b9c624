/*
 * Gathering: results, failures, cancellations, and when the gatherer goes on.
 */
#include <errno.h>
#include <stdlib.h>

#include "support/gather_case.h"

static struct caught caught;

static int gather_them(void *arg)
{
    struct futures *futures = arg;
    futures->rc = aio_gather(futures->items, FUTURES, 0);
    return futures->rc;
}

static int gather_all_of_them(void *arg)
{
    struct futures *futures = arg;
    futures->rc = aio_gather(futures->items, FUTURES, AIO_GATHER_ERRORS);
    return futures->rc;
}

static void set_all(struct futures *futures, int first, int second, int third)
{
    check_int(aio_future_set(futures->all[0], first), 0);
    check_int(aio_future_set(futures->all[1], second), 0);
    check_int(aio_future_set(futures->all[2], third), 0);
}

/* ---- results -------------------------------------------------------------------------------- */

TASK_TEST(results_lie_in_the_order_of_the_items_whoever_was_first)
{
    int us[] = {3, 1, 2};
    aio_wait_item items[3] = {0};
    for (int i = 0; i < 3; i++)
        items[i].future = aio_spawn(after_so_many_us, &us[i]);
    int rc = aio_gather(items, 3, 0);
    for (int i = 0; i < 3; i++) {
        check(rc == -ENOMEM || (items[i].done && items[i].result == us[i]));
        (void)!aio_join(items[i].future);
    }
    check(rc == -ENOMEM || aio_loop_time(aio_loop_current()) == AIO_USEC(3));
}

TASK_TEST(gathering_nothing_returns_at_once)
{
    check_int(aio_gather(NULL, 0, 0), 0);
}

TASK_TEST(gathering_what_is_done_does_not_suspend)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    set_all(&futures, 1, 2, 3);
    aio_task *other = aio_spawn(sleep_long, NULL);
    check_int(aio_task_cancel(other), other != NULL ? 1 : -ENOMEM);
    check_int(aio_gather(futures.items, FUTURES, 0), 0);
    check(!aio_future_done(other));
    check_int(futures.items[1].result, 2);
    check_int(aio_join(other), other != NULL ? -ECANCELED : -ENOMEM);
    futures_end(&futures);
}

TASK_TEST(the_gatherer_goes_on_two_turns_after_the_last_is_done)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, 2, 3);
    check_int(futures.rc, 1);
    int turns = turns_until_done(task);
    check(task == NULL || turns == 2);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
    futures_end(&futures);
}

TASK_TEST(one_future_in_several_items_gives_each_its_result)
{
    aio_future *future = aio_future_new();
    aio_wait_item items[] = {AIO_WAIT_ITEM(future), AIO_WAIT_ITEM(future)};
    check_int(aio_future_set(future, 7), future != NULL ? 0 : -ENOMEM);
    check_int(aio_gather(items, 2, 0), future != NULL ? 0 : -ENOMEM);
    check_int(items[0].result, future != NULL ? 7 : -ENOMEM);
    check_int(items[1].result, items[0].result);
    aio_release(future);
}

TASK_TEST(what_is_gathered_may_be_released_meanwhile)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, 2, 3);
    futures_end(&futures);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
}

TASK_TEST(what_was_done_when_it_was_gathered_may_be_released_meanwhile_as_well)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    check_int(aio_future_set(futures.all[0], 1), 0);
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    if (task != NULL) {
        aio_release(futures.all[0]);
        futures.all[0] = NULL;
        check_int(aio_gather(&futures.items[0], 1, 0), -EBUSY);
    }
    check_int(aio_future_set(futures.all[1], 2), 0);
    check_int(aio_future_set(futures.all[2], 3), 0);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
    check(task == NULL || (futures.items[0].done && futures.items[0].result == 1));
    futures_end(&futures);
}

/* ---- failures ------------------------------------------------------------------------------- */

TASK_TEST(the_first_failure_ends_it_and_the_others_go_on)
{
    int us[] = {3, 1, 5};
    aio_wait_item items[] = {AIO_WAIT_ITEM(aio_spawn(after_so_many_us, &us[0])),
                             AIO_WAIT_ITEM(aio_spawn(fail_after_so_many_us, &us[1])),
                             AIO_WAIT_ITEM(aio_spawn(after_so_many_us, &us[2]))};
    int rc = aio_gather(items, 3, 0);
    check(rc == AIO_USER_ERROR(1) || rc == -ENOMEM);
    check(rc == -ENOMEM || (!items[0].done && items[1].done && !items[2].done));
    for (int i = 0; i < 3; i++)
        check_int(aio_join(items[i].future), items[i].future == NULL ? -ENOMEM
                                             : i == 1                ? AIO_USER_ERROR(1)
                                                                     : us[i]);
}

TASK_TEST(one_that_has_failed_already_ends_it_at_once)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    check_int(aio_future_set(futures.all[1], -EIO), 0);
    check_int(aio_gather(futures.items, FUTURES, 0), -EIO);
    check(!futures.items[0].done && futures.items[1].done);
    check(!aio_future_done(futures.all[0]));
    futures_end(&futures);
}

TASK_TEST(with_errors_wanted_failures_are_results)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_all_of_them, &futures);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, -EIO, 3);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
    check(task == NULL || futures.items[1].result == -EIO);
    check(task == NULL || futures.items[2].result == 3);
    futures_end(&futures);
}

TASK_TEST(the_others_failures_count_as_asked_for)
{
    int us[] = {1, 2};
    catch_failures(&caught);
    aio_wait_item items[] = {AIO_WAIT_ITEM(aio_spawn(fail_after_so_many_us, &us[0])),
                             AIO_WAIT_ITEM(aio_spawn(fail_after_so_many_us, &us[1]))};
    check(aio_gather(items, 2, 0) < 0);
    check_int(aio_sleep(AIO_USEC(5)), 0);
    aio_release(items[0].future);
    aio_release(items[1].future);
    check_int(caught.count, 0);
}

TASK_TEST(a_future_that_could_not_be_made_is_a_failure)
{
    aio_future *future = aio_future_new();
    aio_wait_item items[] = {AIO_WAIT_ITEM(future), AIO_WAIT_ITEM(NULL)};
    check_int(aio_gather(items, 2, 0), -ENOMEM);
    check(items[1].done);
    check_int(items[1].result, -ENOMEM);
    aio_release(future);
}

/* ---- cancellations -------------------------------------------------------------------------- */

TASK_TEST(one_that_is_cancelled_is_a_failure_and_the_gatherer_is_not_cancelled)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    check_int(aio_future_cancel(futures.all[1]), 1);
    check_int(aio_await_done(task), task != NULL ? 0 : -ENOMEM);
    check(task == NULL || futures.rc == -ECANCELED);
    check(task == NULL || aio_task_cancelling(task) == 0);
    check(!aio_future_done(futures.all[0]));
    aio_release(task);
    futures_end(&futures);
}

TASK_TEST(with_errors_wanted_one_that_is_cancelled_is_a_result)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_all_of_them, &futures);
    check_int(aio_yield(), 0);
    check_int(aio_future_cancel(futures.all[0]), 1);
    check_int(aio_future_set(futures.all[1], 2), 0);
    check_int(aio_future_set(futures.all[2], 3), 0);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
    check(task == NULL || futures.items[0].result == -ECANCELED);
    futures_end(&futures);
}

/* Three tasks, and one that gathers them. */
struct family {
    aio_wait_item items[3];
    aio_task *parent;
    unsigned flags;
    int rc;
};

static int gather_family(void *arg)
{
    struct family *family = arg;
    family->rc = aio_gather(family->items, 3, family->flags);
    return family->rc;
}

/* All wait; false if one could not be made. */
static bool family_begin(struct family *family, aio_function child, unsigned flags)
{
    *family = (struct family){.flags = flags, .rc = 1};
    bool made = true;
    for (int i = 0; i < 3; i++) {
        family->items[i].future = aio_spawn(child, NULL);
        made = made && family->items[i].future != NULL;
    }
    family->parent = made ? aio_spawn(gather_family, family) : NULL;
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    return family->parent != NULL;
}

static void family_end(struct family *family)
{
    aio_release(family->parent);
    for (int i = 0; i < 3; i++)
        (void)aio_task_stop(family->items[i].future);
}

TASK_TEST(a_cancelled_gatherer_cancels_all_and_goes_on_three_turns_later)
{
    struct family family;
    if (family_begin(&family, sleep_long, 0)) {
        check_int(aio_task_cancel(family.parent), 1);
        check(!aio_future_done(family.parent));
        for (int i = 0; i < 3; i++)
            check_int(aio_task_cancelling(family.items[i].future), 1);
        check_int(turns_until_done(family.parent), 3);
        check_int(family.rc, -ECANCELED);
        check_int(aio_task_cancel(family.parent), 0);
        for (int i = 0; i < 3; i++)
            check(aio_future_cancelled(family.items[i].future));
    }
    family_end(&family);
}

static void ignore_cancellation(unsigned flags)
{
    struct family family;
    if (family_begin(&family, ignore_a_cancellation, flags)) {
        check_int(aio_task_cancel(family.parent), 1);
        check_int(aio_await(family.parent), -ECANCELED);
        for (int i = 0; i < 3; i++)
            check_int(family.items[i].result, 42);
    }
    family_end(&family);
}

TASK_TEST(a_cancellation_that_all_of_them_ignore_is_not_lost)
{
    ignore_cancellation(0);
}

TASK_TEST(a_cancellation_is_no_result_even_where_failures_are)
{
    ignore_cancellation(AIO_GATHER_ERRORS);
}

TASK_TEST(cancelled_although_all_are_done_the_gatherer_is_cancelled)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, 2, 3);
    check_int(aio_task_cancel(task), task != NULL ? 1 : -ENOMEM);
    int turns = turns_until_done(task);
    check(task == NULL || turns == 2);
    check_int(aio_join(task), task != NULL ? -ECANCELED : -ENOMEM);
    futures_end(&futures);
}

TASK_TEST(a_failure_dropped_by_a_cancellation_is_reported)
{
    struct futures futures;
    catch_failures(&caught);
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, -EIO, 3);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), task != NULL ? 1 : -ENOMEM);
    check_int(aio_join(task), task != NULL ? -ECANCELED : -ENOMEM);
    futures_end(&futures);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
}

static int cancel_oneself_and_gather(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return gather_them(arg);
}

TASK_TEST(cancelled_before_it_gathers_a_task_passes_that_on)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(cancel_oneself_and_gather, &futures);
    check_int(aio_join(task), task != NULL ? -ECANCELED : -ENOMEM);
    for (int i = 0; i < FUTURES; i++)
        check(task == NULL || aio_future_cancelled(futures.all[i]));
    futures_end(&futures);
}

static int gather_twice(void *arg)
{
    aio_wait_item items[] = {AIO_WAIT_ITEM(arg), AIO_WAIT_ITEM(arg)};
    return aio_gather(items, 2, 0);
}

TASK_TEST(a_task_in_two_items_is_asked_twice_and_cancelled_once)
{
    aio_task *child = aio_spawn(ignore_a_cancellation, NULL);
    aio_task *task = child != NULL ? aio_spawn(gather_twice, child) : NULL;
    check_int(aio_yield(), 0);
    if (task != NULL) {
        check_int(aio_task_cancel(task), 1);
        check_int(aio_task_cancelling(child), 2);
        check_int(aio_await(task), -ECANCELED);
        check_int(aio_future_result(child), 42);
    }
    aio_release(task);
    (void)aio_task_stop(child);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void gather_in_a_callback(void *arg)
{
    struct futures *futures = arg;
    check_int(aio_gather(futures->items, FUTURES, 0), -EPERM);
    check_int(aio_gather(NULL, 0, 0), -EPERM);
}

TASK_TEST(nothing_is_gathered_outside_a_task_even_if_it_is_done)
{
    struct futures futures;
    aio_handle handle = AIO_HANDLE_INIT;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, gather_in_a_callback, &futures), 0);
    check_int(aio_yield(), 0);
    set_all(&futures, 1, 2, 3);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, gather_in_a_callback, &futures), 0);
    check_int(aio_yield(), 0);
    futures_end(&futures);
}

TASK_TEST(what_can_not_be_gathered_is_refused)
{
    struct futures futures;
    aio_loop *other = aio_loop_new();
    if (futures_begin(&futures, other)) {
        check_int(aio_gather(futures.items, FUTURES, 0), -EINVAL);
        check_int(aio_gather(futures.items, FUTURES, 2), -EINVAL);
        check_int(aio_gather(NULL, 1, 0), -EINVAL);
        futures_end(&futures);
    }
    (void)aio_loop_close(other);
}

TASK_TEST(a_gather_that_is_refused_has_not_asked_how_they_fare)
{
    int us = 1;
    catch_failures(&caught);
    aio_wait_item items[] = {AIO_WAIT_ITEM(aio_task_current()),
                             AIO_WAIT_ITEM(aio_spawn(fail_after_so_many_us, &us))};
    if (items[1].future != NULL)
        check_int(aio_gather(items, 2, 0), -EDEADLK);
    check_int(aio_sleep(AIO_USEC(5)), 0);
    aio_release(items[1].future);
    check_int(caught.count, items[1].future != NULL);
}

TASK_TEST(an_item_is_in_one_wait_at_a_time)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(gather_them, &futures);
    check_int(aio_yield(), 0);
    if (task != NULL)
        check_int(aio_gather(futures.items, FUTURES, 0), -EBUSY);
    set_all(&futures, 1, 2, 3);
    check_int(aio_join(task), task != NULL ? 0 : -ENOMEM);
    check_int(aio_gather(futures.items, FUTURES, 0), 0);
    futures_end(&futures);
}

/* ---- abandoned ------------------------------------------------------------------------------ */

TEST(who_gathers_can_be_abandoned)
{
    for (int turns = 0; turns < 3; turns++)
        abandon_waiters(gather_them, turns);
}

/* ---- very many ------------------------------------------------------------------------------ */

struct crowd {
    aio_wait_item *items;
    size_t count;
};

static int gather_crowd(void *arg)
{
    struct crowd *crowd = arg;
    return aio_gather(crowd->items, crowd->count, 0);
}

static void crowd_end(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        aio_release(crowd->items[i].future);
    free(crowd->items);
}

/* A hundred thousand, once done and once cancelled; each in time, and on a small stack. */
static int gather_very_many(void *arg)
{
    struct crowd crowd = {.count = test_scale_tasks(100000)};
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    bool cancel = *(bool *)arg;
    options.stack_size = 16384;
    crowd.items = calloc(crowd.count, sizeof *crowd.items);
    if (crowd.items == NULL)
        return 0;
    for (size_t i = 0; i < crowd.count; i++)
        crowd.items[i].future = aio_future_new();
    aio_task *task = aio_spawn_with(&options, gather_crowd, &crowd);
    check_int(aio_yield(), 0);
    if (cancel)
        check_int(aio_task_cancel(task), 1);
    for (size_t i = 0; i < crowd.count && !cancel; i++)
        check_int(aio_future_set(crowd.items[crowd.count - 1 - i].future, 1), 0);
    check_int(turns_until_done(task), 2);
    check_int(aio_join(task), cancel ? -ECANCELED : 0);
    crowd_end(&crowd);
    return 0;
}

TEST(a_hundred_thousand_are_gathered)
{
    bool cancel = false;
    check_int(test_run(gather_very_many, &cancel), 0);
}

TEST(a_hundred_thousand_are_cancelled_with_who_gathers_them)
{
    bool cancel = true;
    check_int(test_run(gather_very_many, &cancel), 0);
}
