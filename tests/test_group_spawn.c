/*
 * Children of groups: who may start them, when that is refused, and limits.
 */
#include "support/group_case.h"

/* ---- from where ----------------------------------------------------------------------------- */

struct family {
    aio_group *group;
    struct trace trace;
    int generations, refused;
};

static int spawn_the_next(void *arg)
{
    struct family *family = arg;
    int rc = aio_yield();
    if (rc < 0)
        return rc;
    note(&family->trace, (char)('0' + family->generations));
    if (family->generations-- == 0)
        return 0;
    return aio_group_spawn(family->group, spawn_the_next, family);
}

TASK_TEST(children_start_siblings_while_the_group_waits_for_its_end)
{
    aio_group group;
    struct family family = {.group = &group, .generations = 5};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, spawn_the_next, &family);
    check_int(aio_group_end(&group, rc), 0);
    check_string(family.trace.text, "543210");
}

/* On its cancellation it starts another, as Hydra grows heads. */
static int grow_heads(void *arg)
{
    struct family *family = arg;
    int rc = aio_sleep(HOUR);
    note(&family->trace, 'x');
    family->refused = aio_group_spawn(family->group, grow_heads, family);
    return rc;
}

static int fail_soon(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1));
    return rc < 0 ? rc : *(int *)arg;
}

TASK_TEST(a_group_that_is_being_cancelled_takes_no_children)
{
    aio_group group;
    int error = FAIL(1);
    struct family family = {.group = &group};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, grow_heads, &family);
    rc = rc < 0 ? rc : aio_group_spawn(&group, fail_soon, &error);
    check_int(aio_group_end(&group, rc), FAIL(1));
    check_int(family.refused, -ESHUTDOWN);
    check_string(family.trace.text, "x");
}

static int spawn_late(void *arg)
{
    struct family *family = arg;
    int rc = aio_group_spawn(family->group, spawn_the_next, family);
    if (rc < 0) {
        family->refused = rc;
        return 0;
    }
    return rc;
}

struct posted {
    aio_group *group;
    aio_handle handle;
    aio_function function;
    void *arg;
    int rc;
};

static void spawn_from_callback(void *arg)
{
    struct posted *posted = arg;
    posted->rc = aio_group_spawn(posted->group, posted->function, posted->arg);
}

static int post(struct posted *posted, int64_t delay)
{
    return aio_loop_call_later(aio_loop_current(), &posted->handle, delay, spawn_from_callback,
                               posted);
}

TASK_TEST(callbacks_start_children_too)
{
    struct trace trace = {0};
    struct child child = {.trace = &trace, .name = 'a', .duration = AIO_SEC(2)};
    struct child other = {.trace = &trace, .name = 'b', .duration = AIO_SEC(2)};
    aio_group group;
    struct posted posted = {.group = &group, .function = be_child, .arg = &other, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, be_child, &child);
    rc = rc < 0 ? rc : post(&posted, AIO_SEC(1));
    check_int(aio_group_end(&group, rc), 0);
    (void)aio_handle_cancel(&posted.handle);
    if (posted.rc == 0)
        check_string(trace.text, "ab");
}

/* The last child is gone, and its group's parent on its way, but not past its end yet. */
TASK_TEST(a_group_that_is_ending_and_has_no_children_left_takes_none)
{
    aio_group group;
    struct family family = {.group = &group};
    aio_handle handle = AIO_HANDLE_INIT;
    struct posted posted = {.group = &group, .function = spawn_late, .arg = &family, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    aio_task *child = aio_group_task(&group, fail_soon, &(int){0});
    int rc = child == NULL ? -errno
                           : aio_future_on_done(child, &handle, spawn_from_callback, &posted);
    check_int(aio_group_end(&group, rc), 0);
    if (child != NULL)
        check_int(posted.rc, -ESHUTDOWN);
    (void)aio_handle_cancel(&handle);
    aio_release(child);
}

TASK_TEST(a_group_that_has_ended_or_was_never_begun_takes_no_children)
{
    int rc = 0;
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_spawn(&group, fail_soon, &rc), -EINVAL);
    check_int(aio_group_spawn(NULL, fail_soon, &rc), -EINVAL);
    check(aio_group_task(&group, fail_soon, &rc) == NULL && errno == EINVAL);
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_end(&group, 0), 0);
    check_int(aio_group_spawn(&group, fail_soon, &rc), -ESHUTDOWN);
    check(aio_group_task(&group, fail_soon, &rc) == NULL && errno == ESHUTDOWN);
}

/* ---- in which form -------------------------------------------------------------------------- */

static int note_copy(void *arg)
{
    const struct child *child = arg;
    note(child->trace, child->name);
    return 0;
}

static int spawn_copies(aio_group *group, void *arg)
{
    struct child child = {.trace = arg, .name = 'a'};
    int rc = aio_group_spawn_copy(group, note_copy, &child, sizeof child);
    child.name = 'b';
    rc = rc < 0 ? rc : aio_group_spawn_copy(group, note_copy, &child, sizeof child);
    child.name = 'x';
    return rc < 0 ? rc : AIO_GROUP_SPAWN(group, note_copy, struct child, .trace = arg, .name = 'c');
}

TASK_TEST(arguments_can_be_copied)
{
    struct trace trace = {0};
    check_int(aio_group_run(spawn_copies, &trace), 0);
    check_string(trace.text, "abc");
}

static int spawn_nothing(aio_group *group, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    check_int(aio_group_spawn(group, NULL, arg), -EINVAL);
    options.stack_size = 1;
    check_int(aio_group_spawn_with(group, &options, fail_soon, arg), -EINVAL);
    aio_loop *other = aio_loop_new();
    options = (aio_spawn_options)AIO_SPAWN_OPTIONS_INIT;
    options.loop = other;
    if (other != NULL)
        check_int(aio_group_spawn_with(group, &options, fail_soon, arg), -EINVAL);
    (void)aio_loop_close(other);
    return 0;
}

TASK_TEST(what_can_not_be_started_leaves_the_group_as_it_was)
{
    int rc = 0;
    check_int(aio_group_run(spawn_nothing, &rc), 0);
}

TASK_TEST(a_child_can_be_awaited_and_has_its_result_and_its_name)
{
    int result = 7;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    aio_group group;
    options.name = "carol";
    if (aio_group_begin(&group) < 0)
        return;
    aio_task *child = aio_group_task_with(&group, &options, fail_soon, &result);
    if (child != NULL)
        check_string(aio_task_name(child), "carol");
    check_int(aio_join(child), 7);
    check_int(aio_group_end(&group, 0), 0);
}

static int fail_at_once(void *arg)
{
    return *(int *)arg;
}

TASK_TEST(an_eager_child_that_fails_at_once_cancels_the_body_at_its_next_wait)
{
    int error = FAIL(1);
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    aio_group group;
    options.eager = true;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn_with(&group, &options, fail_at_once, &error);
    if (rc == 0) {
        check_int(cancelling(), 0);
        rc = aio_sleep(HOUR);
        check_int(rc, -ECANCELED);
        check_int(now(), 0);
    }
    check_int(aio_group_end(&group, rc), FAIL(1));
}

struct value {
    struct trace *trace;
    bool outside;
};

static void destroy(void *arg)
{
    struct value *value = arg;
    value->outside = aio_task_current() == NULL;
    check_int(aio_sleep(1), -EPERM);
    note(value->trace, 'd');
}

static int leave_a_value(void *arg)
{
    return aio_future_set_value(aio_task_current(), arg, destroy);
}

TASK_TEST(a_childs_value_goes_with_it_and_what_destroys_it_is_in_no_task)
{
    struct trace trace = {0};
    struct value value = {&trace, false};
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, leave_a_value, &value);
    rc = rc < 0 ? rc : aio_sleep(AIO_SEC(1));
    note(&trace, '|');
    if (rc == 0) {
        check_string(trace.text, "d|");
        check(value.outside);
    }
    check_int(aio_group_end(&group, rc), 0);
}

/* ---- limits --------------------------------------------------------------------------------- */

struct crowd {
    aio_group *group;
    struct trace trace;
    int running, most, cancelled, wait;
    int rcs[4];
};

static int be_one_of_them(void *arg)
{
    struct crowd *crowd = arg;
    if (++crowd->running > crowd->most)
        crowd->most = crowd->running;
    int rc = aio_sleep(AIO_SEC(1));
    crowd->running--;
    return rc;
}

static int spawn_a_crowd(aio_group *group, void *arg)
{
    int rc = aio_group_set_limit(group, 3);
    for (int i = 0; rc == 0 && i < 30; i++) {
        rc = aio_group_spawn(group, be_one_of_them, arg);
        check(aio_task_count(NULL) <= 5); /* main, three children, and one that has just ended */
    }
    return rc;
}

TASK_TEST(with_a_limit_there_are_never_more_children_and_a_spawn_waits)
{
    struct crowd crowd = {0};
    if (aio_group_run(spawn_a_crowd, &crowd) < 0)
        return;
    check_int(crowd.most, 3);
    check_int(now(), AIO_SEC(10));
}

static int spawn_into(void *arg)
{
    struct crowd *crowd = arg;
    int number = crowd->wait++;
    int rc = aio_group_spawn(crowd->group, be_one_of_them, crowd);
    crowd->rcs[number] = rc;
    note(&crowd->trace, (char)((rc == 0 ? 'a' : 'A') + number));
    return 0;
}

/* Three tasks that wait for a place in a group of one; NULL for those that could not be made. */
static int crowd_in(struct crowd *crowd, aio_task *spawners[3])
{
    int rc = aio_group_set_limit(crowd->group, 1);
    rc = rc < 0 ? rc : aio_group_spawn(crowd->group, be_one_of_them, crowd);
    for (int i = 0; i < 3; i++)
        spawners[i] = rc < 0 ? NULL : aio_spawn(spawn_into, crowd);
    return rc < 0 ? rc : aio_yield();
}

TASK_TEST(who_waits_for_a_place_gets_it_in_order_and_the_group_ends_after_them)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3];
    if (aio_group_begin(&group) < 0)
        return;
    int rc = crowd_in(&crowd, spawners);
    if (rc == 0)
        check_int(aio_group_end(&group, rc), 0);
    else
        (void)!aio_group_end(&group, rc);
    if (spawners[0] != NULL && spawners[1] != NULL && spawners[2] != NULL) {
        check_string(crowd.trace.text, "abc");
        check_int(now(), AIO_SEC(4));
    }
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
}

TASK_TEST(who_is_cancelled_while_it_waits_for_a_place_has_started_nothing)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3];
    if (aio_group_begin(&group) < 0)
        return;
    int rc = crowd_in(&crowd, spawners);
    if (spawners[1] != NULL)
        check_int(aio_task_cancel(spawners[1]), 1);
    rc = aio_group_end(&group, rc);
    if (spawners[0] != NULL && spawners[1] != NULL && spawners[2] != NULL) {
        check_string(crowd.trace.text, "Bac");
        check_int(crowd.rcs[1], -ECANCELED);
        check_int(now(), AIO_SEC(3));
    }
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
}

static void cancel_it(void *task)
{
    (void)aio_task_cancel(task);
}

/* The callback comes after the group's own, by which the spawner has the place. */
TASK_TEST(a_place_that_was_given_to_one_who_is_cancelled_goes_to_the_next)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3] = {NULL};
    aio_handle handle = AIO_HANDLE_INIT;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_set_limit(&group, 1);
    aio_task *first = rc < 0 ? NULL : aio_group_task(&group, be_one_of_them, &crowd);
    for (int i = 0; first != NULL && i < 3; i++)
        spawners[i] = aio_spawn(spawn_into, &crowd);
    if (spawners[0] != NULL)
        check_int(aio_future_on_done(first, &handle, cancel_it, spawners[0]), 0);
    rc = aio_yield();
    rc = aio_group_end(&group, rc);
    if (spawners[0] != NULL && spawners[1] != NULL && spawners[2] != NULL) {
        check_string(crowd.trace.text, "Abc");
        check_int(now(), AIO_SEC(3));
    }
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
    (void)aio_handle_cancel(&handle);
    aio_release(first);
}

TASK_TEST(who_waits_for_a_place_is_refused_when_the_group_is_cancelled)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3];
    if (aio_group_begin(&group) < 0)
        return;
    int rc = crowd_in(&crowd, spawners);
    check_int(aio_group_cancel(&group), 0);
    rc = aio_group_end(&group, rc);
    if (spawners[0] != NULL && spawners[1] != NULL && spawners[2] != NULL) {
        check_int(rc, 0);
        check_string(crowd.trace.text, "ABC");
        check_int(crowd.rcs[0], -ESHUTDOWN);
    }
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
}

TASK_TEST(a_place_that_was_given_is_worth_nothing_once_the_group_is_cancelled)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3];
    if (aio_group_begin(&group) < 0)
        return;
    int rc = crowd_in(&crowd, spawners);
    check_int(aio_group_set_limit(&group, 0), 0);
    check_int(aio_group_cancel(&group), 0);
    rc = aio_group_end(&group, rc);
    check(rc <= 0);
    if (spawners[2] != NULL)
        check_int(crowd.rcs[2], -ESHUTDOWN);
    check_int(crowd.running, 0);
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
}

TASK_TEST(a_higher_limit_lets_those_in_who_wait)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    aio_task *spawners[3];
    if (aio_group_begin(&group) < 0)
        return;
    int rc = crowd_in(&crowd, spawners);
    check_int(aio_group_set_limit(&group, 3), 0);
    rc = rc < 0 ? rc : aio_yield();
    if (spawners[0] != NULL && spawners[1] != NULL && spawners[2] != NULL)
        check_string(crowd.trace.text, "ab");
    (void)!aio_group_end(&group, rc);
    for (int i = 0; i < 3; i++)
        check_int(aio_join(spawners[i]), 0);
}

TASK_TEST(a_callback_does_not_wait_for_a_place)
{
    aio_group group;
    struct crowd crowd = {.group = &group};
    struct posted posted = {.group = &group, .function = be_one_of_them, .arg = &crowd, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_set_limit(&group, 1);
    rc = rc < 0 ? rc : aio_group_spawn(&group, be_one_of_them, &crowd);
    rc = rc < 0 ? rc : post(&posted, 1);
    rc = aio_group_end(&group, rc);
    if (rc == 0)
        check_int(posted.rc, -EAGAIN);
    (void)aio_handle_cancel(&posted.handle);
}

TASK_TEST(a_limit_is_only_for_a_group_that_is_open)
{
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_set_limit(&group, 1), -EINVAL);
    check_int(aio_group_set_limit(NULL, 1), -EINVAL);
}

static int spawn_many(aio_group *group, void *arg)
{
    int rc = 0, many = (int)test_scale_tasks(MANY(10000));
    for (int i = 0; rc == 0 && i < many; i++)
        rc = aio_group_spawn(group, be_one_of_them, arg);
    return rc;
}

static int run_many(void *arg)
{
    struct crowd crowd = {0};
    (void)arg;
    check_int(aio_group_run(spawn_many, &crowd), 0);
    check_int(crowd.most, test_scale_tasks(MANY(10000)));
    return 0;
}

TEST(ten_thousand_children_at_a_time)
{
    check_int(test_run(run_many, NULL), 0);
}
