/*
 * Code that must not suspend.
 */
#undef NDEBUG
#include <errno.h>

#include <aio/debug.h>
#include <aio/gather.h>
#include <aio/group.h>
#include <aio/sync.h>

#include "support/task_case.h"
#include "task/scheduler.h"

static struct caught caught;

static int note_a(void *arg)
{
    note(arg, 'a');
    return 0;
}

/* Every kind of call that may suspend. */
static void check_refused(void)
{
    aio_lock lock = AIO_LOCK_INIT;
    aio_future *done = aio_future_new();
    (void)aio_future_set(done, 7);
    check_int(aio_yield(), -EPERM);
    check_int(aio_sleep(1), -EPERM);
    check_int(aio_lock_acquire(&lock), -EPERM);
    check(!aio_lock_locked(&lock));
    if (done != NULL) {
        check_int(aio_await(done), -EPERM);
        check_int(aio_await_done(done), -EPERM);
    }
    aio_release(done);
}

TASK_TEST(suspending_calls_are_refused_and_reported_even_if_they_need_not_suspend)
{
    struct trace trace = {0};
    catch_failures(&caught);
    int rc = aio_go(note_a, &trace);
    aio_noswitch_begin();
    check_refused();
    check_string(trace.text, "");
    check_int(aio_noswitch_end(), 0);
    check(caught.count >= 3);
    check_int(caught.error, -EPERM);
    check_string(caught.name, "main");
    check_int(aio_yield(), 0);
    check_string(trace.text, rc == 0 ? "a" : "");
}

TASK_TEST(report_says_which_call_it_was)
{
    catch_failures(&caught);
    aio_noswitch_begin();
    check_int(aio_sleep(1), -EPERM);
    check_string(caught.message, "a suspending call (sleep) between aio_noswitch_begin and _end");
    check_int(aio_noswitch_end(), 0);
    check_int(caught.count, 1);
}

static const char *told_place;

static void hear(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop;
    (void)arg;
    told_place = failure->place;
}

TASK_TEST(report_says_where_it_began)
{
    (void)aio_loop_set_exception_handler(aio_loop_current(), hear, NULL);
    const char *place = AIO_HERE; aio_noswitch_begin(); /* in one line */
    aio_noswitch_begin_at("elsewhere");
    check_int(aio_yield(), -EPERM);
    check_string(told_place, place);
    check_int(aio_noswitch_end(), 0);
    check_int(aio_noswitch_end(), 0);
    (aio_noswitch_begin)();
    check_int(aio_yield(), -EPERM);
    check(told_place == NULL);
    check_int(aio_noswitch_end(), 0);
}

TASK_TEST(parts_that_must_not_suspend_nest)
{
    catch_failures(&caught);
    aio_noswitch_begin();
    aio_noswitch_begin();
    check_int(aio_noswitch_end(), 0);
    check_int(aio_yield(), -EPERM);
    check_int(aio_noswitch_end(), 0);
    check_int(aio_yield(), 0);
    check_int(aio_noswitch_end(), -EINVAL);
    check_int(aio_yield(), 0);
}

TEST(outside_a_task_they_do_nothing)
{
    aio_noswitch_begin();
    check_int(aio_noswitch_end(), 0);
    check_int(aio_noswitch_end(), 0);
}

static int suspend_at_once(void *arg)
{
    note(arg, 'b');
    int rc = aio_yield();
    note(arg, 'c');
    return rc;
}

TASK_TEST(task_that_is_started_there_eagerly_may_suspend_itself)
{
    struct trace trace = {0};
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    catch_failures(&caught);
    options.eager = true;
    aio_noswitch_begin();
    aio_task *task = aio_spawn_with(&options, suspend_at_once, &trace);
    note(&trace, 'm');
    check_int(aio_noswitch_end(), 0);
    if (task != NULL)
        check_int(aio_join(task), 0);
    check_string(trace.text, task != NULL ? "bmc" : "m");
    check_int(caught.count, 0);
}

static int join_there(void *arg)
{
    aio_task *task = aio_spawn(note_a, arg);
    aio_noswitch_begin();
    check_int(aio_join(task), task != NULL ? -EPERM : -ENOMEM);
    check_int(aio_task_stop(aio_spawn(note_a, arg)), task != NULL ? -EPERM : -ENOMEM);
    return aio_noswitch_end();
}

TASK_TEST(join_and_stop_are_refused_and_give_the_share_back)
{
    struct trace trace = {0};
    catch_failures(&caught);
    check_int(join_there(&trace), 0);
    check_int(aio_yield(), 0);
    check_string(trace.text, "a"); /* the other was cancelled before its first step */
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

TASK_TEST(end_of_a_group_is_refused_and_can_be_made_up_for)
{
    aio_group group;
    catch_failures(&caught);
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, sleep_long, NULL);
    aio_noswitch_begin();
    check_int(aio_group_end(&group, 0), -EPERM);
    check_int(aio_group_spawn(&group, sleep_long, NULL), rc);
    check_int(aio_noswitch_end(), 0);
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_group_end(&group, 0), 0);
    check_int(caught.count, 1);
}

/* Its children use its frame: they are awaited whatever happens. */
TASK_TEST(group_that_is_left_open_there_is_closed_even_so)
{
    aio_timeout timeout;
    aio_group group;
    catch_failures(&caught);
    if (aio_timeout_begin(&timeout, AIO_SEC(5)) < 0)
        return;
    if (aio_group_begin(&group) == 0 && aio_group_spawn(&group, sleep_long, NULL) == 0) {
        aio_noswitch_begin();
        check_int(aio_timeout_end(&timeout, 0), 0);
        check_int(aio_task_count(NULL), 1);
        check_string(caught.message, "a group was begun and never ended");
        check_int(aio_yield(), -EPERM);
        check_int(aio_noswitch_end(), 0);
    } else {
        check_int(aio_timeout_end(&timeout, 0), 0);
    }
}

TASK_TEST(waits_for_several_are_refused_even_if_all_are_done)
{
    aio_wait_item items[1] = {{.future = aio_future_new()}};
    (void)aio_future_set(items[0].future, 1);
    catch_failures(&caught);
    aio_noswitch_begin();
    if (items[0].future != NULL) {
        check_int(aio_gather(items, 1, 0), -EPERM);
        check_int(aio_wait(items, 1, AIO_WAIT_ALL, AIO_FOREVER), -EPERM);
        check_int(aio_wait_for(items[0].future, 1), -EPERM);
        check_int(aio_shield(items[0].future), -EPERM);
        check_int(caught.count, 4);
    }
    check_int(aio_noswitch_end(), 0);
    aio_release(items[0].future);
}

static int end_there(void *arg)
{
    aio_noswitch_begin();
    return arg != NULL;
}

TASK_TEST(task_that_ends_inside_is_reported)
{
    catch_failures(&caught);
    aio_task *task = aio_spawn(end_there, NULL);
    int rc = aio_join(task);
    if (rc == -ENOMEM)
        return;
    check_int(rc, 0);
    check_int(caught.count, 1);
    check_string(caught.message, "a task ended between aio_noswitch_begin and _end");
}
