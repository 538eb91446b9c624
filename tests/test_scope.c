/*
 * Scopes: what is left open is closed, and said, where that can still be done.
 */
#include <errno.h>

#include <aio/task.h>

#include "support/task_case.h"
#include "task/scheduler.h"

static struct caught caught;

static int64_t hour = AIO_SEC(3600);

/* Opens a timeout and forgets it. */
static int leave_open(int64_t duration)
{
    aio_timeout timeout;
    return aio_timeout_begin(&timeout, duration);
}

static int leave_open_in_a_task(void *arg)
{
    int rc = leave_open(*(int64_t *)arg);
    return rc < 0 ? rc : aio_yield();
}

static size_t timers(void)
{
    return aio_loop_current()->timers.count;
}

TASK_TEST(a_scope_left_open_is_closed_and_reported_when_the_task_ends)
{
    catch_failures(&caught);
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = "forgetful";
    aio_task *task = aio_spawn_with(&options, leave_open_in_a_task, &hour);
    int rc = aio_join(task);
    if (rc == 0) {
        check_int(caught.count, 1);
        check_string(caught.name, "forgetful");
        check_string(caught.message, "a timeout was begun and never ended");
    }
    check_int(timers(), 0);
}

TASK_TEST(every_scope_left_open_is_reported)
{
    catch_failures(&caught);
    for (int i = 0; i < 3; i++)
        check_int(aio_join(aio_spawn(leave_open_in_a_task, &hour)), 0);
    check_int(caught.count, 3);
}

TASK_TEST(a_scope_left_open_is_closed_and_reported_when_the_one_around_it_ends)
{
    catch_failures(&caught);
    aio_timeout outer = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_begin(&outer, AIO_SEC(5)), 0);
    int opened = (leave_open(AIO_SEC(1)) == 0) + (leave_open(AIO_FOREVER) == 0);
    check_int(caught.count, 0);
    check_int(aio_timeout_end(&outer, 3), 3);
    check_int(caught.count, opened);
    check_int(timers(), 0);
    check_int(aio_sleep(AIO_SEC(10)), 0);
}

TASK_TEST(a_scope_left_open_that_expires_costs_no_more_than_its_cancellation)
{
    catch_failures(&caught);
    aio_timeout outer;
    check_int(aio_timeout_begin(&outer, AIO_FOREVER), 0);
    check_int(leave_open(10), 0);
    int rc = aio_sleep(hour);
    check_int(rc, -ECANCELED);
    check_int(aio_timeout_end(&outer, rc), -ECANCELED);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(caught.count, 1);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_timeout_that_was_closed_with_the_one_around_it_can_not_be_ended)
{
    catch_failures(&caught);
    aio_timeout outer = AIO_TIMEOUT_INIT, inner = AIO_TIMEOUT_INIT;
    check_int(aio_timeout_begin(&outer, AIO_SEC(5)), 0);
    check_int(aio_timeout_begin(&inner, AIO_SEC(5)), 0);
    check_int(aio_timeout_end(&outer, 0), 0);
    check_int(aio_timeout_end(&inner, 0), -EINVAL);
    check_int(aio_timeout_reschedule(&inner, 0), -EINVAL);
}

TASK_TEST(a_timeout_that_was_closed_is_not_taken_for_a_later_one)
{
    catch_failures(&caught);
    aio_timeout outer = AIO_TIMEOUT_INIT, inner = AIO_TIMEOUT_INIT, later[2];
    check_int(aio_timeout_begin(&outer, AIO_SEC(5)), 0);
    check_int(aio_timeout_begin(&inner, AIO_SEC(5)), 0);
    check_int(aio_timeout_end(&outer, 0), 0);
    int opened = 0;
    while (opened < 2 && aio_timeout_begin(&later[opened], AIO_SEC(5)) == 0)
        opened++;
    check_int(aio_timeout_end(&inner, 0), -EINVAL);
    check_int(caught.count, 1);
    while (opened-- > 0)
        check_int(aio_timeout_end(&later[opened], 1), 1);
    check_int(caught.count, 1);
}

/* ---- AIO_SCOPED ----------------------------------------------------------------------------- */

static int return_early(bool early)
{
    AIO_SCOPED(aio_timeout) timeout = AIO_TIMEOUT_INIT;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(1));
    if (rc < 0 || early)
        return rc < 0 ? rc : 1;
    return aio_timeout_end(&timeout, aio_sleep(hour));
}

TASK_TEST(a_scoped_timeout_is_closed_on_every_way_out)
{
    catch_failures(&caught);
    aio_timeout outer;
    check_int(aio_timeout_begin(&outer, AIO_FOREVER), 0);
    check_int(return_early(true), 1);
    check_int(timers(), 0);
    check_int(return_early(false), -ETIMEDOUT);
    check_int(aio_timeout_end(&outer, 0), 0);
    check_int(caught.count, 0);
    check_int(aio_sleep(hour), 0);
}

static int be_cancelled_in_a_scope(void *arg)
{
    (void)arg;
    AIO_SCOPED(aio_timeout) timeout = AIO_TIMEOUT_INIT;
    int rc = aio_timeout_begin(&timeout, 10);
    return rc < 0 ? rc : aio_sleep(hour);
}

TASK_TEST(a_scoped_timeout_takes_its_own_cancellation_back)
{
    check_int(be_cancelled_in_a_scope(NULL), -ECANCELED);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_scoped_timeout_that_was_never_begun_is_nothing)
{
    AIO_SCOPED(aio_timeout) timeout = AIO_TIMEOUT_INIT;
    check(!aio_timeout_expired(&timeout));
}

/* ---- deep ----------------------------------------------------------------------------------- */

TASK_TEST(scopes_nest_deeply_and_the_outermost_expires)
{
    enum { DEPTH = 100 };
    aio_timeout timeouts[DEPTH];
    int depth = 0;
    while (depth < DEPTH && aio_timeout_begin(&timeouts[depth], AIO_SEC(1000 + depth)) == 0)
        depth++;
    int rc = aio_sleep(hour);
    while (depth-- > 0) {
        rc = aio_timeout_end(&timeouts[depth], rc);
        check_int(rc, depth > 0 ? -ECANCELED : -ETIMEDOUT);
    }
    check_int(timers(), 0);
    check_int(aio_sleep(1), 0);
}

/* Called when a task has ended, and is released. */
static void begin_too_late(void *value)
{
    aio_timeout timeout;
    (void)value;
    check_int(aio_timeout_begin(&timeout, AIO_SEC(1)), -EPERM);
}

static int leave_a_value(void *arg)
{
    return aio_future_set_value(aio_task_current(), arg, begin_too_late);
}

TASK_TEST(a_task_that_has_ended_can_not_open_a_scope)
{
    int value = 0;
    check_int(aio_go(leave_a_value, &value), 0);
    check_int(aio_sleep(AIO_SEC(2)), 0);
}
