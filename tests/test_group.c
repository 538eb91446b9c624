/*
 * Groups: whom they wait for, what cancels whom, and which error comes out.
 */
#include "support/group_case.h"

#include "support/faults.h"

/* ---- waiting for all ------------------------------------------------------------------------ */

static int spawn_two(aio_group *group, void *arg)
{
    struct child *children = arg;
    int rc = aio_group_spawn(group, be_child, &children[0]);
    return rc < 0 ? rc : aio_group_spawn(group, be_child, &children[1]);
}

TASK_TEST(the_end_waits_for_all_children)
{
    struct trace trace = {0};
    struct child children[] = {{.trace = &trace, .name = 'a', .duration = AIO_SEC(2)},
                               {.trace = &trace, .name = 'b', .duration = AIO_SEC(1)}};
    check_int(aio_group_run(spawn_two, children), 0);
    check_string(trace.text, "ba");
    check_int(now(), AIO_SEC(2));
}

TASK_TEST(children_that_the_body_starts_later_are_awaited_too)
{
    struct trace trace = {0};
    struct child first = {.trace = &trace, .name = 'a', .duration = AIO_SEC(1)};
    struct child second = {.trace = &trace, .name = 'b', .duration = AIO_SEC(1)};
    aio_group group = AIO_GROUP_INIT;
    int rc = aio_group_begin(&group);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &first);
    rc = rc < 0 ? rc : aio_sleep(AIO_SEC(5));
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &second);
    check_int(aio_group_end(&group, rc), 0);
    check_string(trace.text, "ab");
    check_int(now(), AIO_SEC(6));
}

static int return_seven(aio_group *group, void *arg)
{
    (void)group, (void)arg;
    return 7;
}

TASK_TEST(the_bodys_result_is_the_groups)
{
    check_int(aio_group_run(return_seven, NULL), 7);
}

static int note_it(void *arg)
{
    note(arg, 'x');
    return 0;
}

TASK_TEST(a_group_without_children_ends_at_once)
{
    struct trace trace = {0};
    aio_task *other = aio_spawn(note_it, &trace);
    check_int(aio_group_run(return_seven, NULL), 7);
    check_string(trace.text, "");
    check_int(aio_join(other), 0);
}

static int yield_and_note(void *arg)
{
    for (int i = 0; i < 5; i++) {
        int rc = aio_yield();
        if (rc < 0)
            return rc;
        note(arg, (char)('1' + i));
    }
    return 0;
}

static int spawn_noter(aio_group *group, void *arg)
{
    return aio_group_spawn(group, note_it, arg);
}

TASK_TEST(a_group_ends_two_turns_after_its_last_child)
{
    struct trace trace = {0};
    aio_task *clock = aio_spawn(yield_and_note, &trace);
    check_int(aio_group_run(spawn_noter, &trace), 0); /* the child runs in the clock's first turn */
    note(&trace, '|');
    check_int(aio_join(clock), 0);
    check_string(trace.text, "x12|345");
}

static int spawn_in_turn(aio_group *group, void *arg)
{
    struct trace trace = {0};
    unsigned long *calls = arg;
    for (size_t i = 0; i < test_scale(5000); i++) {
        int rc = aio_group_spawn(group, note_it, &trace);
        rc = rc < 0 ? rc : aio_sleep(1);
        if (rc < 0)
            return rc;
        if (i == 10)
            *calls = faults_count("memory");
    }
    *calls = faults_count("memory") - *calls;
    return 0;
}

static int check_growth(void *arg)
{
    unsigned long calls = 0;
    (void)arg;
    check_int(aio_group_run(spawn_in_turn, &calls), 0);
    check_int(calls, 0);
    return 0;
}

TEST(children_that_have_ended_leave_nothing_behind)
{
    check_int(test_run(check_growth, NULL), 0);
}

/* ---- failing -------------------------------------------------------------------------------- */

struct bodied {
    struct child *children;
    size_t count;
    int64_t duration; /* of the body's sleep; -1: none */
    int cancelled;    /* what the body returns when that is cancelled; 0: -ECANCELED */
    int result;
};

static int spawn_and_sleep(aio_group *group, void *arg)
{
    const struct bodied *bodied = arg;
    for (size_t i = 0; i < bodied->count; i++) {
        int rc = aio_group_spawn(group, be_child, &bodied->children[i]);
        if (rc < 0)
            return rc;
    }
    if (bodied->duration >= 0 && aio_sleep(bodied->duration) < 0)
        return bodied->cancelled != 0 ? bodied->cancelled : -ECANCELED;
    return bodied->result;
}

TASK_TEST(the_first_error_cancels_the_siblings_and_the_body)
{
    struct trace trace = {0};
    struct child children[] = {
        {.trace = &trace, .name = 'a', .duration = HOUR},
        {.trace = &trace, .name = 'b', .duration = AIO_SEC(1), .result = FAIL(1)},
        {.trace = &trace, .name = 'c', .duration = HOUR}};
    struct bodied bodied = {children, 3, HOUR, 0, 0};
    check_int(aio_group_run(spawn_and_sleep, &bodied), FAIL(1));
    check_string(trace.text, "bAC");
    check_int(now(), AIO_SEC(1));
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_child_that_fails_while_the_end_waits_cancels_its_siblings)
{
    struct trace trace = {0};
    struct child children[] = {
        {.trace = &trace, .name = 'a', .duration = HOUR, .clean_up = AIO_SEC(2)},
        {.trace = &trace, .name = 'b', .duration = AIO_SEC(1), .result = FAIL(1)}};
    struct bodied bodied = {children, 2, -1, 0, 5};
    check_int(aio_group_run(spawn_and_sleep, &bodied), FAIL(1));
    check_string(trace.text, "bA.");
    check_int(now(), AIO_SEC(3));
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_body_that_fails_cancels_the_children_begun_or_not)
{
    struct trace trace = {0};
    struct child children[] = {{.trace = &trace, .name = 'a', .duration = HOUR},
                               {.trace = &trace, .name = 'b', .duration = HOUR}};
    struct bodied bodied = {children, 1, AIO_SEC(1), 0, FAIL(3)};
    check_int(aio_group_run(spawn_and_sleep, &bodied), FAIL(3));
    check_string(trace.text, "A");
    bodied = (struct bodied){children, 2, -1, 0, FAIL(4)};
    check_int(aio_group_run(spawn_and_sleep, &bodied), FAIL(4));
    check_string(trace.text, "A");
}

TASK_TEST(a_body_that_ignores_its_cancellation_goes_on_and_the_error_comes_all_the_same)
{
    struct trace trace = {0};
    struct child child = {.trace = &trace, .name = 'a', .duration = 1, .result = FAIL(1)};
    aio_group group = AIO_GROUP_INIT;
    int rc = aio_group_begin(&group);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &child);
    if (rc == 0) {
        check_int(aio_sleep(HOUR), -ECANCELED);
        check_int(aio_sleep(AIO_SEC(1)), 0);
        check_int(cancelling(), 1);
        check_int(aio_group_spawn(&group, be_child, &child), -ESHUTDOWN);
    }
    check_int(aio_group_end(&group, rc), FAIL(1));
    check_int(cancelling(), 0);
}

TASK_TEST(a_child_that_is_cancelled_does_not_fail_the_group)
{
    struct trace trace = {0};
    struct child children[] = {{.trace = &trace, .name = 'a', .duration = HOUR},
                               {.trace = &trace, .name = 'b', .duration = AIO_SEC(2)}};
    aio_group group = AIO_GROUP_INIT;
    int rc = aio_group_begin(&group);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_child, &children[1]);
    aio_task *alone = rc < 0 ? NULL : aio_group_task(&group, be_child, &children[0]);
    if (alone != NULL) {
        check_int(aio_sleep(AIO_SEC(1)), 0);
        check_int(aio_task_stop(alone), 0);
        check_int(aio_sleep(HOUR), 0);
    }
    check_int(aio_group_end(&group, rc), 0);
    check_string(trace.text, "Ab");
}

/* ---- which error, and all of them ----------------------------------------------------------- */

TASK_TEST(errors_come_in_the_order_in_which_the_children_ended_and_the_bodys_last)
{
    struct trace trace = {0};
    struct child children[] = {
        {&trace, .name = 'a', .duration = HOUR, .clean_up = 9, .result_of_cancel = FAIL(1)},
        {&trace, .name = 'b', .duration = HOUR, .clean_up = 5, .result_of_cancel = FAIL(2)},
        {&trace, .name = 'c', .duration = HOUR},
        {&trace, .name = 'd', .duration = 3, .result = FAIL(4)}};
    struct bodied bodied = {children, 4, HOUR, FAIL(5), 0};
    aio_group_error errors[4];
    size_t count = 99;
    aio_group group = AIO_GROUP_INIT;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return;
    check_int(aio_group_errors(&group, errors, 4, &count), 0);
    aio_task *self = aio_task_current();
    check_int(aio_task_set_name(self, "the one whose body this is, by a long name"), 0);
    check_int(aio_group_end(&group, spawn_and_sleep(&group, &bodied)), FAIL(4));
    check_int(count, 4);
    static const int expected[] = {FAIL(4), FAIL(2), FAIL(1), FAIL(5)};
    for (size_t i = 0; count == 4 && i < count; i++)
        check_int(errors[i].error, expected[i]);
    if (count == 4) {
        check_string(errors[0].task, "Task-5");
        check_string(errors[3].task, "the one whose body this is, by ");
    }
}

TASK_TEST(errors_for_which_there_is_no_room_are_counted)
{
    struct trace trace = {0};
    struct child children[] = {
        {.trace = &trace, .name = 'a', .duration = HOUR, .result_of_cancel = FAIL(1)},
        {.trace = &trace, .name = 'b', .duration = 3, .result = FAIL(2)}};
    struct bodied bodied = {children, 2, -1, 0, 0};
    aio_group_error error = {0};
    size_t count = 0;
    aio_group group = AIO_GROUP_INIT;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_errors(&group, &error, 1, &count), 0);
    check_int(aio_group_end(&group, spawn_and_sleep(&group, &bodied)), FAIL(2));
    check_int(count, 2);
    check_int(error.error, FAIL(2));
}

TASK_TEST(a_group_that_went_well_has_no_errors)
{
    size_t count = 99;
    aio_group group = AIO_GROUP_INIT;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_errors(&group, NULL, 1, &count), -EINVAL);
    check_int(aio_group_errors(&group, NULL, 0, &count), 0);
    check_int(aio_group_end(&group, 1), 1);
    check_int(count, 0);
    check_int(aio_group_errors(&group, NULL, 0, &count), -EINVAL);
}

TASK_TEST(the_error_of_a_child_in_a_group_is_not_reported_besides)
{
    struct caught caught;
    struct trace trace = {0};
    struct child child = {.trace = &trace, .name = 'a', .duration = 1, .result = FAIL(1)};
    struct bodied bodied = {&child, 1, -1, 0, 0};
    catch_failures(&caught);
    check_int(aio_group_run(spawn_and_sleep, &bodied), FAIL(1));
    check_int(caught.count, 0);
    (void)aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL);
}

/* ---- cancelled from outside ----------------------------------------------------------------- */

static int run_it(void *arg)
{
    return aio_group_run(spawn_and_sleep, arg);
}

TASK_TEST(a_cancelled_parent_cancels_all_children_awaits_them_and_is_cancelled)
{
    for (int64_t duration = -1; duration <= HOUR; duration += HOUR + 1) {
        struct trace trace = {0};
        struct child children[] = {
            {.trace = &trace, .name = 'a', .duration = HOUR, .clean_up = AIO_SEC(3)},
            {.trace = &trace, .name = 'b', .duration = HOUR}};
        struct bodied bodied = {children, 2, duration, 0, 0};
        int64_t begun = now();
        aio_task *parent = aio_spawn(run_it, &bodied);
        if (parent == NULL || aio_sleep(AIO_SEC(1)) < 0)
            break;
        check_int(aio_task_cancel(parent), 1);
        check_int(aio_await_done(parent), 0);
        check_int(aio_future_result(parent), -ECANCELED);
        check_int(aio_task_cancelling(parent), 1);
        check_string(trace.text, "AB.");
        check_int(now() - begun, AIO_SEC(4));
        aio_release(parent);
    }
}

static int fail_then_wait(void *arg)
{
    int rc = run_it(arg);
    check_int(cancelling(), 1);
    check_int(aio_sleep(HOUR), -ECANCELED);
    check_int(aio_sleep(1), 0);
    return rc;
}

TASK_TEST(a_childs_error_wins_over_a_cancellation_which_comes_with_the_next_wait)
{
    struct trace trace = {0};
    struct child child = {
        .trace = &trace, .name = 'a', .duration = HOUR, .result_of_cancel = FAIL(1)};
    struct bodied bodied = {&child, 1, HOUR, 0, 0};
    aio_task *parent = aio_spawn(fail_then_wait, &bodied);
    if (parent == NULL || aio_sleep(AIO_SEC(1)) < 0)
        return;
    check_int(aio_task_cancel(parent), 1);
    check_int(aio_await_done(parent), 0);
    check_int(aio_future_result(parent), FAIL(1));
    aio_release(parent);
}

TASK_TEST(a_parent_that_is_cancelled_again_and_again_waits_on_and_its_children_hear_of_it_once)
{
    struct trace trace = {0};
    struct child child = {
        .trace = &trace, .name = 'a', .duration = HOUR, .clean_up = AIO_SEC(10)};
    struct bodied bodied = {&child, 1, -1, 0, 0};
    aio_task *parent = aio_spawn(run_it, &bodied);
    for (int i = 0; parent != NULL && i < 3; i++) {
        check_int(aio_sleep(AIO_SEC(1)), 0);
        check_int(aio_task_cancel(parent), 1);
    }
    check_int(aio_await_done(parent), 0);
    check_int(aio_future_result(parent), -ECANCELED);
    check_string(trace.text, "A.");
    aio_release(parent);
}

TASK_TEST(a_parent_that_is_cancelled_twice_in_one_turn_goes_on_once)
{
    struct trace trace = {0};
    struct child child = {.trace = &trace, .name = 'a', .duration = HOUR, .clean_up = AIO_SEC(1)};
    struct bodied bodied = {&child, 1, -1, 0, 0};
    aio_task *parent = aio_spawn(run_it, &bodied);
    if (parent == NULL || aio_sleep(AIO_SEC(1)) < 0)
        return;
    check_int(aio_task_cancel(parent), 1);
    aio_task *between = aio_spawn(note_it, &trace); /* queued behind it */
    check_int(aio_task_cancel(parent), 1);
    check_int(aio_join(between), 0);
    check_int(aio_await_done(parent), 0);
    check_int(aio_future_result(parent), -ECANCELED);
    check_int(aio_task_cancelling(parent), 2);
    aio_release(parent);
}

/* ---- groups in groups ----------------------------------------------------------------------- */

struct nested {
    struct bodied outer, inner;
    int inner_result, inner_cancelling;
};

static int nest(aio_group *group, void *arg)
{
    struct nested *nested = arg;
    int rc = spawn_and_sleep(group, &nested->outer);
    if (rc < 0)
        return rc;
    nested->inner_result = aio_group_run(spawn_and_sleep, &nested->inner);
    nested->inner_cancelling = cancelling();
    return nested->inner_result;
}

TASK_TEST(a_failing_child_of_the_outer_group_cancels_the_inner_one)
{
    struct trace trace = {0};
    struct child outer = {.trace = &trace, .name = 'a', .duration = 5, .result = FAIL(1)};
    struct child inner = {.trace = &trace, .name = 'b', .duration = HOUR};
    struct nested nested = {{&outer, 1, -1, 0, 0}, {&inner, 1, HOUR, 0, 0}, 0, 0};
    check_int(aio_group_run(nest, &nested), FAIL(1));
    check_int(nested.inner_result, -ECANCELED);
    check_string(trace.text, "aB");
    check_int(cancelling(), 0);
}

TASK_TEST(an_inner_group_that_fails_fails_the_outer_one)
{
    struct trace trace = {0};
    struct child outer = {.trace = &trace, .name = 'a', .duration = HOUR};
    struct child inner = {.trace = &trace, .name = 'b', .duration = 5, .result = FAIL(2)};
    struct nested nested = {{&outer, 1, -1, 0, 0}, {&inner, 1, HOUR, 0, 0}, 0, 0};
    check_int(aio_group_run(nest, &nested), FAIL(2));
    check_int(nested.inner_result, FAIL(2));
    check_string(trace.text, "bA");
    check_int(cancelling(), 0);
}

TASK_TEST(when_both_groups_cancel_the_parent_each_takes_its_own_request_back)
{
    struct trace trace = {0};
    struct child outer = {.trace = &trace, .name = 'a', .duration = 5, .result = FAIL(1)};
    struct child inner = {.trace = &trace, .name = 'b', .duration = 5, .result = FAIL(2)};
    struct nested nested = {{&outer, 1, -1, 0, 0}, {&inner, 1, HOUR, 0, 0}, 0, 0};
    check_int(aio_group_run(nest, &nested), FAIL(1));
    check_int(nested.inner_result, FAIL(2));
    check_int(nested.inner_cancelling, 1);
    check_int(cancelling(), 0);
    check_int(aio_sleep(1), 0);
}

TASK_TEST(a_timeout_around_a_group_whose_child_fails_in_its_clean_up_gives_that_error)
{
    struct trace trace = {0};
    struct child child = {
        .trace = &trace, .name = 'a', .duration = HOUR, .result_of_cancel = FAIL(1)};
    struct bodied bodied = {&child, 1, -1, 0, 0};
    check_int(aio_timeout_run(AIO_SEC(1), run_it, &bodied), FAIL(1));
    check_int(cancelling(), 0);
    child.result_of_cancel = 0;
    check_int(aio_timeout_run(AIO_SEC(1), run_it, &bodied), -ETIMEDOUT);
    check_int(cancelling(), 0);
}

/* ---- misuse --------------------------------------------------------------------------------- */

TEST(outside_a_task_there_is_no_group)
{
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_begin(&group), -EPERM);
    check_int(aio_group_end(&group, 0), -EPERM);
    check_int(aio_group_run(return_seven, NULL), -EPERM);
}

static int end_anothers(void *arg)
{
    check_int(aio_group_end(arg, 0), -EINVAL);
    check_int(aio_group_errors(arg, NULL, 0, NULL), -EINVAL);
    return 0;
}

TASK_TEST(only_the_task_that_began_a_group_can_end_it)
{
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, end_anothers, &group);
    check_int(aio_group_end(&group, rc), 0);
}

TASK_TEST(a_group_ends_once)
{
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_end(&group, 0), -EINVAL);
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_end(&group, 3), 3);
    check_int(aio_group_end(&group, 3), -EINVAL);
    check_int(aio_group_begin(&group), 0);
    check_int(aio_group_end(&group, 0), 0);
}

TASK_TEST(no_group_and_no_body_are_invalid)
{
    check_int(aio_group_begin(NULL), -EINVAL);
    check_int(aio_group_end(NULL, 0), -EINVAL);
    check_int(aio_group_run(NULL, NULL), -EINVAL);
    check_int(aio_group_errors(NULL, NULL, 0, NULL), -EINVAL);
}
