/*
 * Groups that are cancelled by name: they end without an error, and swallow nobody else's
 * cancellation.
 */
#include "support/group_case.h"

struct scene {
    struct trace trace;
    struct child child;
    int64_t body;   /* ns of its sleep */
    int body_slept; /* what that gave */
    bool cancel_first, cancel_last; /* it cancels its group before that, behind it */
};

static struct scene scene_of(int64_t body)
{
    return (struct scene){.child = {.name = 'a', .duration = HOUR}, .body = body, .body_slept = 1};
}

static int act(aio_group *group, void *arg)
{
    struct scene *scene = arg;
    scene->child.trace = &scene->trace;
    int rc = aio_group_spawn(group, be_child, &scene->child);
    if (rc < 0)
        return rc;
    if (scene->cancel_first)
        check_int(aio_group_cancel(group), 0);
    rc = scene->body_slept = aio_sleep(scene->body);
    if (scene->cancel_last)
        check_int(aio_group_cancel(group), 0);
    return rc;
}

TASK_TEST(a_body_that_cancels_its_group_is_cancelled_at_its_next_wait)
{
    struct scene scene = scene_of(HOUR);
    scene.cancel_first = true;
    check_int(aio_group_run(act, &scene), 0);
    check_int(scene.body_slept, -ECANCELED);
    check_string(scene.trace.text, ""); /* it had not begun */
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_body_that_cancels_its_group_last_of_all_is_not_cancelled)
{
    struct scene scene = scene_of(AIO_SEC(1));
    scene.cancel_last = true;
    check_int(aio_group_run(act, &scene), 0);
    check_int(scene.body_slept, 0);
    check_string(scene.trace.text, "A");
    check_int(now(), AIO_SEC(1));
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(the_result_of_a_body_that_ended_well_is_kept)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_group_end(&group, 7), 7);
    check_int(aio_sleep(1), 0);
}

static int cancel_group(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1));
    if (rc < 0)
        return rc;
    check_int(aio_group_cancel(arg), 0);
    check_int(aio_group_cancel(arg), 0);
    return aio_sleep(HOUR);
}

TASK_TEST(a_child_cancels_its_group_and_itself_with_it)
{
    for (int in_end = 0; in_end < 2; in_end++) {
        struct scene scene = scene_of(HOUR);
        int64_t begun = now();
        aio_group group;
        if (aio_group_begin(&group) < 0)
            return;
        int rc = aio_group_spawn(&group, cancel_group, &group);
        rc = rc < 0 ? rc : in_end ? 0 : act(&group, &scene);
        check_int(aio_group_end(&group, rc), 0);
        check_int(now() - begun, AIO_SEC(1));
        check_int(cancelling(), 0);
        check_int(aio_sleep(1), 0);
    }
}

static void cancel_from_callback(void *group)
{
    check_int(aio_group_cancel(group), 0);
}

TASK_TEST(a_callback_cancels_a_group)
{
    struct scene scene = scene_of(HOUR);
    aio_handle handle = AIO_HANDLE_INIT;
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_loop_call_later(aio_loop_current(), &handle, AIO_SEC(1), cancel_from_callback,
                                 &group);
    rc = rc < 0 ? rc : act(&group, &scene);
    check_int(aio_group_end(&group, rc), 0);
    check_string(scene.trace.text, "A");
    (void)aio_handle_cancel(&handle);
}

TASK_TEST(a_group_that_has_ended_is_cancelled_to_no_effect)
{
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_cancel(NULL), -EINVAL);
    check_int(aio_group_cancel(&group), -EINVAL);
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_end(&group, 0), 0);
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(an_error_in_the_clean_up_comes_out_of_a_cancelled_group)
{
    struct scene scene = scene_of(AIO_SEC(1));
    scene.child.result_of_cancel = FAIL(1);
    scene.cancel_last = true;
    check_int(aio_group_run(act, &scene), FAIL(1));
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

/* ---- together with somebody else's ---------------------------------------------------------- */

static int run_act(void *arg)
{
    return aio_group_run(act, arg);
}

static int cancel_both(aio_group *group, void *arg)
{
    (void)arg;
    check_int(aio_group_cancel(group), 0);
    check_int(aio_task_cancel(aio_task_current()), 1);
    return 0;
}

TASK_TEST(a_group_does_not_swallow_the_cancellation_that_comes_with_its_own)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_task_cancel(aio_task_current()), 1);
    int rc = aio_sleep(HOUR);
    check_int(aio_group_end(&group, rc), -ECANCELED);
    check_int(cancelling(), 1);
    check_int(aio_task_uncancel(aio_task_current()), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(nor_one_that_has_not_been_delivered)
{
    if (aio_group_run(cancel_both, NULL) < 0)
        return;
    check_int(cancelling(), 1);
    check_int(aio_sleep(1), -ECANCELED);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

/* While a cancelled group waits for a child that takes its time, the timeout around it expires. */
TASK_TEST(a_timeout_that_expires_while_a_cancelled_group_ends_is_not_swallowed)
{
    struct scene scene = scene_of(AIO_SEC(1));
    scene.child.clean_up = AIO_SEC(5);
    scene.cancel_last = true;
    check_int(aio_timeout_run(AIO_SEC(3), run_act, &scene), -ETIMEDOUT);
    check_string(scene.trace.text, "A.");
    check_int(now(), AIO_SEC(6));
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_timeout_that_expires_in_the_turn_in_which_its_group_is_cancelled_is_not_swallowed)
{
    struct scene scene = scene_of(HOUR);
    aio_timeout timeout;
    aio_group group;
    if (aio_timeout_begin(&timeout, AIO_SEC(1)) < 0)
        return;
    int rc = aio_group_begin(&group);
    if (rc == 0) {
        rc = aio_group_spawn(&group, cancel_group, &group);
        rc = rc < 0 ? rc : act(&group, &scene);
        rc = aio_group_end(&group, rc);
    }
    check_int(aio_timeout_end(&timeout, rc), -ETIMEDOUT);
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(of_a_request_that_was_not_delivered_nothing_stays_though_an_older_one_was_ignored)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_sleep(1), -ECANCELED);
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_group_end(&group, 0), 0);
    check_int(cancelling(), 1);
    check_int(aio_sleep(1), 0);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

TASK_TEST(nor_does_it_if_the_older_one_was_ignored_in_the_group)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_sleep(1), -ECANCELED);
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_group_end(&group, 0), 0);
    check_int(cancelling(), 1);
    check_int(aio_sleep(1), 0);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

TASK_TEST(a_later_one_stays_that_was_not_delivered_either)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_group_end(&group, 0), 0);
    check_int(cancelling(), 1);
    check_int(aio_sleep(1), -ECANCELED);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

TASK_TEST(a_group_in_a_task_that_has_ignored_a_cancellation_ends_without_an_error_when_cancelled)
{
    struct scene scene = scene_of(HOUR);
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_sleep(1), -ECANCELED);
    scene.cancel_first = true;
    check_int(aio_group_run(act, &scene), 0);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

TASK_TEST(one_that_was_on_its_way_before_the_group_began_stays)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_cancel(&group), 0);
    check_int(aio_group_end(&group, 0), 0);
    check_int(aio_sleep(1), -ECANCELED);
    check_int(aio_task_uncancel(aio_task_current()), 0);
}

struct pair {
    aio_group *group;
    aio_task *parent;
};

static int cancel_group_only(void *arg)
{
    const struct pair *pair = arg;
    int rc = aio_sleep(1);
    if (rc < 0)
        return rc;
    check_int(aio_group_cancel(pair->group), 0);
    check_int(aio_task_cancelling(pair->parent), 0);
    return 0;
}

TASK_TEST(a_parent_that_waits_in_the_end_is_not_cancelled_with_its_group)
{
    aio_group group;
    struct pair pair = {&group, aio_task_current()};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, cancel_group_only, &pair);
    check_int(aio_group_end(&group, rc), 0);
}

/* ---- of several ----------------------------------------------------------------------------- */

static int cancel_outer(aio_group *inner, void *outer)
{
    (void)inner;
    check_int(aio_group_cancel(outer), 0);
    return aio_sleep(HOUR);
}

TASK_TEST(cancelling_the_outer_group_goes_through_the_inner_one)
{
    aio_group outer;
    if (aio_group_begin(&outer) < 0)
        return;
    int rc = aio_group_run(cancel_outer, &outer);
    check_int(rc, -ECANCELED);
    check_int(aio_group_end(&outer, rc), 0);
    check_int(cancelling(), 0);
}

TASK_TEST(cancelling_the_inner_group_leaves_the_outer_one_alone)
{
    struct trace trace = {0};
    struct child child = {.trace = &trace, .name = 'a', .duration = AIO_SEC(3)};
    struct scene inner = scene_of(HOUR);
    inner.cancel_first = true;
    aio_group outer;
    if (aio_group_begin(&outer) < 0)
        return;
    int rc = aio_group_spawn(&outer, be_child, &child);
    check_int(aio_group_run(act, &inner), 0);
    check_int(aio_group_end(&outer, rc), 0);
    check_string(trace.text, "a");
}

/* ---- eager children ------------------------------------------------------------------------- */

static int cancel_group_at_once(void *arg)
{
    check_int(aio_group_cancel(arg), 0);
    return aio_sleep(HOUR);
}

TASK_TEST(an_eager_child_that_cancels_its_group_before_its_first_wait_is_cancelled_too)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    aio_group group;
    options.eager = true;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn_with(&group, &options, cancel_group_at_once, &group);
    check_int(rc, 0);
    check_int(aio_group_end(&group, rc), 0);
    check_int(now(), 0);
}
