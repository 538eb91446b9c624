/*
 * Groups that nobody ended: left open by a return, by a scope that is left, by a shut-down, by a
 * loop that closes.
 */
#include "support/group_case.h"

#include <aio/run.h>

static struct caught caught;

struct scene {
    struct trace trace;
    struct child child;
};

static struct scene scene_of(char name)
{
    return (struct scene){.child = {.name = name, .duration = HOUR, .clean_up = AIO_SEC(2)}};
}

/* Begins a group with a child, and forgets it. */
static int leave_open(void *arg)
{
    struct scene *scene = arg;
    aio_group group;
    scene->child.trace = &scene->trace;
    int rc = aio_group_begin(&group);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &scene->child);
    return rc < 0 ? rc : aio_yield();
}

/* ---- left open ------------------------------------------------------------------------------ */

TASK_TEST(a_group_left_open_is_closed_and_reported_before_its_task_ends)
{
    struct scene scene = scene_of('a');
    catch_failures(&caught);
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = "forgetful";
    aio_task *task = aio_spawn_with(&options, leave_open, &scene);
    if (aio_join(task) < 0)
        return;
    check_string(scene.trace.text, "A.");
    check_int(now(), AIO_SEC(2));
    check_int(caught.count, 1);
    check_string(caught.name, "forgetful");
    check_string(caught.message, "a group was begun and never ended");
}

TASK_TEST(a_group_left_open_is_closed_and_reported_when_the_timeout_around_it_ends)
{
    struct scene scene = scene_of('a');
    aio_timeout timeout;
    catch_failures(&caught);
    if (aio_timeout_begin(&timeout, AIO_SEC(9)) < 0)
        return;
    int rc = leave_open(&scene);
    check_int(aio_timeout_end(&timeout, 5), 5);
    if (rc < 0)
        return;
    check_string(scene.trace.text, "A.");
    check_int(caught.count, 1);
    check_int(cancelling(), 0);
}

TASK_TEST(a_group_left_open_is_closed_and_reported_when_the_group_around_it_ends)
{
    struct scene scene = scene_of('a');
    aio_group group;
    catch_failures(&caught);
    if (aio_group_begin(&group) < 0)
        return;
    int rc = leave_open(&scene);
    check_int(aio_group_end(&group, 5), 5);
    if (rc < 0)
        return;
    check_string(scene.trace.text, "A.");
    check_int(caught.count, 1);
}

TASK_TEST(what_fails_in_a_group_left_open_is_reported)
{
    struct scene scene = scene_of('a');
    scene.child.result_of_cancel = FAIL(1);
    catch_failures(&caught);
    if (aio_join(aio_spawn(leave_open, &scene)) < 0)
        return;
    check_int(caught.count, 2);
}

TASK_TEST(a_child_that_fails_in_a_group_left_open_costs_its_task_no_more_than_the_cancellation)
{
    struct scene scene = scene_of('a');
    aio_timeout timeout;
    catch_failures(&caught);
    scene.child.duration = 1;
    scene.child.result = FAIL(1);
    if (aio_timeout_begin(&timeout, AIO_FOREVER) < 0)
        return;
    if (leave_open(&scene) == 0)
        check_int(aio_sleep(HOUR), -ECANCELED);
    check_int(aio_timeout_end(&timeout, 0), 0);
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

/* Its timeout ends after the first second, and what is open in that takes two. */
static int be_cancelled_while_closing(void *arg)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_FOREVER);
    if (rc < 0)
        return rc;
    rc = leave_open(arg);
    if (aio_timeout_end(&timeout, rc) < 0)
        return rc;
    check_int(cancelling(), 1);
    check_int(aio_sleep(HOUR), -ECANCELED);
    return 1;
}

TASK_TEST(a_cancellation_while_a_group_left_open_is_closed_comes_with_the_next_wait)
{
    struct scene scene = scene_of('a');
    catch_failures(&caught);
    aio_task *task = aio_spawn(be_cancelled_while_closing, &scene);
    int rc = aio_sleep(AIO_SEC(1));
    if (rc == 0 && task != NULL && !aio_future_done(task)) {
        check_int(aio_task_cancel(task), 1);
        check_int(aio_await_done(task), 0);
        check_int(aio_future_result(task), 1);
        check_string(scene.trace.text, "A.");
    }
    aio_release(task);
}

static int be_cancelled_at_the_very_end(void *arg)
{
    return leave_open(arg) < 0 ? 2 : 1;
}

TASK_TEST(a_task_that_is_cancelled_while_its_end_closes_a_group_was_cancelled)
{
    struct scene scene = scene_of('a');
    catch_failures(&caught);
    aio_task *task = aio_spawn(be_cancelled_at_the_very_end, &scene);
    int rc = aio_sleep(AIO_SEC(1));
    if (rc == 0 && task != NULL && !aio_future_done(task)) {
        check_int(aio_task_cancel(task), 1);
        check_int(aio_await_done(task), 0);
        check_int(aio_future_result(task), -ECANCELED);
        check_string(scene.trace.text, "A.");
    }
    aio_release(task);
}

TASK_TEST(a_group_that_was_closed_with_the_scope_around_it_is_not_open)
{
    aio_timeout timeout;
    aio_group group = AIO_GROUP_INIT;
    struct scene scene = scene_of('a');
    catch_failures(&caught);
    if (aio_timeout_begin(&timeout, AIO_FOREVER) < 0)
        return;
    int rc = aio_group_begin(&group);
    check_int(aio_timeout_end(&timeout, rc), rc);
    check_int(aio_group_spawn(&group, be_child, &scene.child), -EINVAL);
    check_int(aio_group_cancel(&group), -EINVAL);
    check_int(aio_group_end(&group, 0), -EINVAL);
    check_int(caught.count, rc == 0);
}

/* ---- AIO_SCOPED ----------------------------------------------------------------------------- */

static int return_early(struct scene *scene, bool early)
{
    AIO_SCOPED(aio_group) group = AIO_GROUP_INIT;
    scene->child.trace = &scene->trace;
    int rc = aio_group_begin(&group);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &scene->child);
    rc = rc < 0 ? rc : aio_yield();
    if (rc < 0 || early)
        return rc < 0 ? rc : 3;
    return aio_group_end(&group, 4);
}

TASK_TEST(a_scoped_group_is_closed_on_every_way_out)
{
    struct scene scene = scene_of('a');
    catch_failures(&caught);
    if (return_early(&scene, true) < 0)
        return;
    check_string(scene.trace.text, "A.");
    check_int(now(), AIO_SEC(2));
    scene.child.duration = 1;
    check_int(return_early(&scene, false), 4);
    check_string(scene.trace.text, "A.a");
    check_int(caught.count, 0);
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(what_fails_in_a_scoped_group_that_is_left_early_is_reported)
{
    struct scene scene = scene_of('a');
    scene.child.result_of_cancel = FAIL(1);
    catch_failures(&caught);
    if (return_early(&scene, true) < 0)
        return;
    check_int(caught.count, 1);
    check_int(caught.error, FAIL(1));
}

static int return_early_and_wait(void *arg)
{
    int rc = return_early(arg, true);
    return rc < 0 ? rc : aio_sleep(HOUR) == -ECANCELED ? 5 : 6;
}

TASK_TEST(a_cancellation_while_a_scoped_group_is_closed_comes_with_the_next_wait)
{
    struct scene scene = scene_of('a');
    aio_task *task = aio_spawn(return_early_and_wait, &scene);
    int rc = aio_sleep(AIO_SEC(1));
    if (rc == 0 && task != NULL && !aio_future_done(task)) {
        check_int(aio_task_cancel(task), 1);
        check_int(aio_await_done(task), 0);
        check_int(aio_future_result(task), 5);
    }
    aio_release(task);
}

/* Cancelled before it begins a group, without a wait since, it leaves that early. */
static int leave_early_when_cancelled(void *arg)
{
    struct scene *scene = arg;
    aio_group group;
    scene->child.trace = &scene->trace;
    check_int(aio_task_cancel(aio_task_current()), 1);
    int rc = aio_group_begin(&group);
    if (rc == 0)
        rc = aio_group_spawn(&group, be_child, &scene->child);
    aio_group_cleanup(&group);
    return rc < 0 ? rc : aio_sleep(HOUR) == -ECANCELED ? 5 : 6;
}

TASK_TEST(a_cancellation_from_before_a_group_is_not_lost_where_that_is_closed)
{
    struct scene scene = scene_of('a');
    int rc = aio_join(aio_spawn(leave_early_when_cancelled, &scene));
    check(rc == 5 || rc == -ENOMEM);
}

TASK_TEST(a_scoped_group_that_was_never_begun_is_nothing)
{
    AIO_SCOPED(aio_group) group = AIO_GROUP_INIT;
    check_int(aio_group_cancel(&group), -EINVAL);
}

static void begin_too_late(void *value)
{
    aio_group group;
    (void)value;
    check_int(aio_group_begin(&group), -EPERM);
}

static int leave_a_value(void *arg)
{
    return aio_future_set_value(aio_task_current(), arg, begin_too_late);
}

TASK_TEST(a_task_that_has_ended_can_not_begin_a_group)
{
    int value = 0;
    check_int(aio_go(leave_a_value, &value), 0);
    check_int(aio_sleep(AIO_SEC(2)), 0);
}

/* ---- shut-down ------------------------------------------------------------------------------ */

static struct scene left[2];

static int spawn_left(aio_group *group, void *arg)
{
    for (int i = 0; i < 2; i++) {
        left[i] = scene_of((char)('a' + i));
        left[i].child.trace = arg;
        int rc = aio_group_spawn(group, be_child, &left[i].child);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int run_left(void *arg)
{
    return aio_group_run(spawn_left, arg);
}

static int leave_a_group_behind(void *arg)
{
    int rc = aio_go(run_left, arg);
    return rc < 0 ? rc : aio_sleep(AIO_SEC(1));
}

TEST(a_shut_down_cancels_a_group_that_is_left_and_awaits_its_children)
{
    static struct trace trace;
    trace = (struct trace){0};
    check_int(test_run(leave_a_group_behind, &trace), 0);
    check_string(trace.text, "AB..");
}

/* Everything in which a group can be found. */
struct mess {
    aio_group group;
    int stubborn; /* waits that its children ignore the end of */
};

static int be_stubborn(void *arg)
{
    struct mess *mess = arg;
    while (mess->stubborn != 0)
        mess->stubborn -= aio_sleep(HOUR) < 0;
    return 0;
}

static int start_stubbornly(void *arg)
{
    struct mess *mess = arg;
    return aio_group_start(&mess->group, be_stubborn, mess, NULL);
}

static int wait_for_a_place(void *arg)
{
    struct mess *mess = arg;
    return aio_group_spawn(&mess->group, be_stubborn, mess);
}

/* A group with a child that stays, one that starts another, and outsiders that wait for places. */
static int make_a_mess(void *arg)
{
    struct mess *mess = arg;
    int rc = aio_group_begin(&mess->group);
    if (rc < 0)
        return rc;
    rc = aio_group_set_limit(&mess->group, 3);
    rc = rc < 0 ? rc : aio_group_spawn(&mess->group, be_stubborn, mess);
    rc = rc < 0 ? rc : aio_group_spawn(&mess->group, start_stubbornly, mess);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = aio_go(wait_for_a_place, mess);
    return aio_group_end(&mess->group, rc < 0 ? rc : aio_sleep(AIO_SEC(1)));
}

static int leave_a_mess(void *arg)
{
    catch_failures(&caught);
    int rc = aio_go(make_a_mess, arg);
    return rc < 0 ? rc : aio_sleep(AIO_SEC(3));
}

TEST(tasks_that_are_abandoned_in_a_group_leave_nothing)
{
    static struct mess mess;
    mess = (struct mess){.stubborn = -1};
    check_int(test_run(leave_a_mess, &mess), 0);
}

TEST(a_group_whose_children_ignore_some_cancellations_ends_in_a_shut_down)
{
    static struct mess mess;
    mess = (struct mess){.stubborn = 5};
    check_int(test_run(leave_a_mess, &mess), 0);
}

static int spawn_on(aio_loop *loop, aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    aio_task *task = aio_spawn_with(&options, function, arg);
    aio_release(task);
    return task != NULL ? 0 : -errno;
}

/* After each number of turns, and with or without a cancellation on its way. */
TEST(a_loop_that_closes_abandons_groups_in_whichever_state)
{
    static struct mess mess;
    static struct caught reports;
    for (int turns = 0; turns < 12; turns++) {
        aio_options options = AIO_OPTIONS_INIT;
        options.clock = AIO_CLOCK_VIRTUAL;
        aio_loop *loop = aio_loop_new_with(&options);
        if (loop == NULL)
            continue;
        (void)aio_loop_set_exception_handler(loop, catch_failure, &reports);
        mess = (struct mess){.stubborn = -1};
        (void)spawn_on(loop, make_a_mess, &mess);
        for (int i = 0; i < turns; i++)
            (void)aio_loop_step(loop, 0);
        check_int(aio_loop_close(loop), 0);
    }
}

/* The starter's child has failed, and the starter has not gone on. */
static int fail(void *arg)
{
    (void)arg;
    return FAIL(1);
}

static int start_failing(void *arg)
{
    aio_group *group = arg;
    int rc = aio_group_begin(group);
    if (rc < 0)
        return rc;
    rc = aio_group_start(group, fail, NULL, NULL);
    return aio_group_end(group, rc);
}

TEST(a_loop_that_closes_abandons_starters_that_were_woken)
{
    static aio_group group;
    static struct caught reports;
    for (int turns = 0; turns < 6; turns++) {
        aio_loop *loop = aio_loop_new();
        if (loop == NULL)
            continue;
        (void)aio_loop_set_exception_handler(loop, catch_failure, &reports);
        (void)spawn_on(loop, start_failing, &group);
        for (int i = 0; i < turns; i++)
            (void)aio_loop_step(loop, 0);
        check_int(aio_loop_close(loop), 0);
    }
}

static int yield_twice(void *arg)
{
    (void)arg;
    int rc = aio_yield();
    return rc < 0 ? rc : aio_yield();
}

static int limit_and_wait(void *arg)
{
    struct mess *mess = arg;
    int rc = aio_group_begin(&mess->group);
    if (rc < 0)
        return rc;
    rc = aio_group_set_limit(&mess->group, 1);
    rc = rc < 0 ? rc : aio_group_spawn(&mess->group, yield_twice, mess);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = aio_go(wait_for_a_place, mess);
    return aio_group_end(&mess->group, rc);
}

TEST(a_loop_that_closes_abandons_those_who_were_given_a_place)
{
    static struct mess mess;
    static struct caught reports;
    for (int turns = 0; turns < 8; turns++) {
        aio_loop *loop = aio_loop_new();
        if (loop == NULL)
            continue;
        (void)aio_loop_set_exception_handler(loop, catch_failure, &reports);
        mess = (struct mess){.stubborn = -1};
        (void)spawn_on(loop, limit_and_wait, &mess);
        for (int i = 0; i < turns; i++)
            (void)aio_loop_step(loop, 0);
        check_int(aio_loop_close(loop), 0);
    }
}
