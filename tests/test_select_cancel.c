/*
 * The select that is cancelled, or abandoned: nothing has happened, unless an item
 * has moved.
 */
#include <errno.h>

#include "support/select_case.h"

TASK_TEST(a_cancelled_select_has_not_happened)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(aio_task_cancel(stage.task), 1);
    check_nobody_waits(&stage); /* before it has gone on */
    check_int(aio_task_cancel(stage.task), 1);
    check_int(aio_join(stage.task), -ECANCELED);
    stage.task = NULL;
    check_outcome(&stage, -ECANCELED, -1000);
    check_int(stage.letter, '?');
    check(!aio_future_done(stage.future));
    stage_end(&stage);
}

TASK_TEST(a_select_that_is_cancelled_once_an_item_has_come_returns_it_and_is_cancelled_later)
{
    struct stage stage;
    stage_begin(&stage);
    stage.again = true;
    check_int(give(stage.in, 'x'), 0);
    check_int(aio_task_cancel(stage.task), 1);
    check_int(aio_join(stage.task), 0);
    stage.task = NULL;
    check_outcome(&stage, 0, 0);
    check_int(stage.letter, 'x');
    stage_end(&stage);
}

TASK_TEST(a_select_that_is_cancelled_once_its_item_is_sent_returns_that_and_is_cancelled_later)
{
    struct stage stage;
    stage_begin(&stage);
    stage.again = true;
    check_int(take(stage.out), 's');
    check_int(aio_task_cancel(stage.task), 1);
    check_int(aio_join(stage.task), 1);
    stage.task = NULL;
    check_outcome(&stage, 1, 0);
    stage_end(&stage);
}

TASK_TEST(a_cancellation_is_in_time_where_no_item_moved)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(aio_channel_close(stage.in), 0);
    check_int(aio_task_cancel(stage.task), 1);
    check_int(aio_join(stage.task), -ECANCELED);
    stage_spawn(&stage); /* it is closed still */
    check_outcome(&stage, 0, -ESHUTDOWN);
    check_int(aio_join(stage.task), 0);
    stage.task = NULL;
    stage_end(&stage);
}

TASK_TEST(a_failure_that_a_cancelled_select_was_woken_for_is_not_asked_for)
{
    struct caught caught;
    struct stage stage;
    catch_failures(&caught);
    stage_begin(&stage);
    check_int(aio_future_set(stage.future, -EIO), 0);
    check_int(aio_yield(), 0); /* the select was woken, and goes on in the next turn */
    check_int(aio_task_cancel(stage.task), 1);
    check_int(aio_join(stage.task), -ECANCELED);
    stage.task = NULL;
    stage_end(&stage);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
    check_int(aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL), 0);
}

static int cancel_oneself_and_select(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return select_once(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_a_select_waits)
{
    struct stage stage;
    stage_begin(&stage);
    (void)aio_task_stop(stage.task);
    stage.which = -1000;
    stage.task = aio_spawn(cancel_oneself_and_select, &stage);
    check_int(aio_join(stage.task), -ECANCELED);
    stage.task = NULL;
    check_int(stage.which, -ECANCELED);
    check_nobody_waits(&stage);
    stage_end(&stage);
}

static void count_call(void *count)
{
    ++*(int *)count;
}

/* One waits, one was woken by a future; neither ever goes on. */
TEST(a_task_that_is_abandoned_in_a_select_is_found_nowhere_and_lets_its_futures_go)
{
    int destroyed = 0;
    aio_loop *loop = aio_loop_new();
    struct stage waiting = {.in = aio_channel_new(1, 0), .duration = AIO_SEC(1)}, woken = waiting;
    waiting.future = aio_future_new_on(loop);
    woken.future = aio_future_new_on(loop);
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    waiting.task = aio_spawn_with(&options, select_once, &waiting);
    woken.task = aio_spawn_with(&options, select_once, &woken);
    if (loop != NULL && waiting.task != NULL && woken.task != NULL) {
        struct caught caught = {0};
        check_int(aio_loop_set_exception_handler(loop, catch_failure, &caught), 0);
        check(aio_loop_step(loop, 0) >= 0);
        (void)aio_future_set_value(woken.future, &destroyed, count_call);
        check(aio_loop_step(loop, 0) >= 0);
        aio_release(woken.future);
        woken.future = NULL;
        check_int(destroyed, 0);
        aio_loop_close(loop);
        loop = NULL;
        check_int(destroyed, 1);
        check_int(caught.count, 2);
        check_int(give(waiting.in, 'x'), -EAGAIN);
    }
    aio_release(waiting.task);
    aio_release(woken.task);
    aio_release(waiting.future);
    aio_release(woken.future);
    aio_loop_close(loop);
    aio_channel_free(waiting.in);
}
