/*
 * Children that are waited for until they are ready.
 */
#include "support/group_case.h"

struct server {
    struct trace trace;
    int64_t before, after; /* ns of sleep until it is ready (-1: none), and from then on */
    int result, value;
    int result_of_cancel; /* 0: -ECANCELED */
    bool silent;          /* it never says that it is ready */
};

static int serve(void *arg)
{
    struct server *server = arg;
    int rc = server->before >= 0 ? aio_sleep(server->before) : 0;
    note(&server->trace, rc < 0 ? 'B' : 'b');
    if (rc < 0)
        return server->result_of_cancel != 0 ? server->result_of_cancel : rc;
    if (!server->silent)
        check_int(aio_group_started(&server->value), 0);
    rc = server->after > 0 ? aio_sleep(server->after) : 0;
    note(&server->trace, rc < 0 ? 'A' : 'a');
    return rc < 0 ? rc : server->result;
}

TASK_TEST(a_start_returns_when_the_child_is_ready_with_its_value)
{
    struct server server = {.before = AIO_SEC(1), .after = AIO_SEC(1)};
    void *value = NULL;
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_start(&group, serve, &server, &value);
    if (rc == 0) {
        check(value == &server.value);
        check_int(now(), AIO_SEC(1));
        note(&server.trace, '|');
    }
    check_int(aio_group_end(&group, rc), 0);
    if (rc == 0)
        check_string(server.trace.text, "b|a");
}

static int count_turns(void *arg)
{
    for (char turn = '1'; turn <= '5'; turn++) {
        int rc = aio_yield();
        if (rc < 0)
            return rc;
        note(arg, turn);
    }
    return 0;
}

TASK_TEST(who_started_a_child_goes_on_in_the_turn_after_it_was_ready)
{
    struct server server = {.after = AIO_SEC(1)};
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, count_turns, &server.trace);
    rc = rc < 0 ? rc : aio_group_start(&group, serve, &server, NULL);
    note(&server.trace, '|');
    check_int(aio_group_end(&group, rc), 0);
    if (rc == 0)
        check_string(server.trace.text, "1b2|345a");
}

TASK_TEST(a_child_that_fails_before_it_is_ready_fails_the_start_and_not_the_group)
{
    struct server server = {.before = 1, .silent = true, .result = FAIL(1)};
    struct caught caught;
    void *value = &server;
    aio_group group;
    catch_failures(&caught);
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_start(&group, serve, &server, &value), FAIL(1));
    check(value == &server);
    check_int(aio_sleep(AIO_SEC(1)), 0);
    check_int(aio_group_end(&group, 0), 0);
    check_int(caught.count, 0);
    (void)aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL);
}

TASK_TEST(a_child_that_returns_without_being_ready_has_not_started)
{
    struct server server = {.before = 1, .silent = true};
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    check_int(aio_group_start(&group, serve, &server, NULL), -AIO_ESTATE);
    check_int(aio_group_end(&group, 0), 0);
}

TASK_TEST(a_child_that_fails_after_it_was_ready_fails_the_group)
{
    struct server server = {.before = 1, .after = 1, .result = FAIL(2)};
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_start(&group, serve, &server, NULL);
    check_int(rc, 0);
    check_int(aio_group_end(&group, rc), FAIL(2));
}

static int start_it(aio_group *group, void *arg)
{
    return aio_group_start(group, serve, arg, NULL);
}

static int run_start(void *arg)
{
    return aio_group_run(start_it, arg);
}

TASK_TEST(who_is_cancelled_while_it_starts_a_child_cancels_that)
{
    struct server server = {.before = HOUR};
    aio_task *starter = aio_spawn(run_start, &server);
    if (starter == NULL || aio_yield() < 0)
        return;
    check_int(aio_task_cancel(starter), 1);
    check_int(aio_task_stop(starter), 0);
    check_string(server.trace.text, "B");
    check_int(now(), 0);
}

TASK_TEST(an_error_in_the_clean_up_of_a_cancelled_start_is_the_groups)
{
    struct server server = {.before = HOUR, .result_of_cancel = FAIL(3)};
    check_int(aio_timeout_run(AIO_SEC(1), run_start, &server), FAIL(3));
    check_int(cancelling(), 0);
}

static void cancel_it(void *task)
{
    (void)aio_task_cancel(task);
}

static int start_and_report(void *arg)
{
    aio_group group;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    check_int(aio_group_start(&group, serve, arg, NULL), -ECANCELED);
    return aio_group_end(&group, -ECANCELED);
}

/* When the cancellation comes, the child's end has just woken the starter. */
TASK_TEST(a_failure_that_a_cancelled_starter_does_not_hear_of_is_reported)
{
    struct server server = {.before = AIO_SEC(1), .silent = true, .result = FAIL(4)};
    struct caught caught;
    aio_handle handle = AIO_HANDLE_INIT;
    catch_failures(&caught);
    aio_task *starter = aio_spawn(start_and_report, &server);
    if (starter == NULL || aio_sleep(AIO_SEC(1)) < 0 || aio_yield() < 0)
        return;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, cancel_it, starter), 0);
    (void)!aio_join(starter);
    if (server.trace.length > 0) {
        check_int(caught.count, 1);
        check_int(caught.error, FAIL(4));
    }
    (void)aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL);
}

static int cancel_the_group(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1));
    return rc < 0 ? rc : aio_group_cancel(arg);
}

struct outsider {
    aio_group *group;
    struct server server;
    int rc;
};

static int start_from_outside(void *arg)
{
    struct outsider *outsider = arg;
    outsider->rc = aio_group_start(outsider->group, serve, &outsider->server, NULL);
    return 0;
}

TASK_TEST(a_start_in_a_group_that_is_cancelled_ends_with_it)
{
    aio_group group;
    struct outsider child = {.group = &group, .server = {.before = HOUR}, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, start_from_outside, &child);
    rc = rc < 0 ? rc : aio_group_spawn(&group, cancel_the_group, &group);
    rc = aio_group_end(&group, rc);
    check_int(rc, 0);
    if (rc == 0) {
        check_int(child.rc, -ECANCELED);
        check_string(child.server.trace.text, "B");
    }
}

TASK_TEST(one_who_is_in_no_group_starts_a_child_and_hears_of_its_cancellation)
{
    aio_group group;
    struct outsider outsider = {.group = &group, .server = {.before = HOUR}, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    aio_task *starter = aio_spawn(start_from_outside, &outsider);
    int rc = aio_group_spawn(&group, cancel_the_group, &group);
    rc = aio_group_end(&group, rc);
    check_int(rc, 0);
    if (aio_join(starter) == 0 && rc == 0) {
        check_int(outsider.rc, -ESHUTDOWN);
        check_string(outsider.server.trace.text, "B");
    }
}

TASK_TEST(the_child_of_a_cancelled_start_is_cancelled_and_the_group_goes_on)
{
    aio_group group;
    struct outsider outsider = {.group = &group, .server = {.before = HOUR}, .rc = 1};
    struct server other = {.before = AIO_SEC(2)};
    if (aio_group_begin(&group) < 0)
        return;
    aio_task *starter = aio_spawn(start_from_outside, &outsider);
    int rc = aio_group_spawn(&group, serve, &other);
    rc = rc < 0 ? rc : aio_sleep(AIO_SEC(1));
    if (starter != NULL)
        check_int(aio_task_cancel(starter), 1);
    check_int(aio_group_end(&group, rc), 0);
    if (aio_join(starter) == 0 && rc == 0) {
        check_int(outsider.rc, -ECANCELED);
        check_string(outsider.server.trace.text, "B");
        check_string(other.trace.text, "ba");
        check_int(now(), AIO_SEC(2));
    }
}

static int cancel_oneself_and_start(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return start_from_outside(arg);
}

/* The child is ready: in the turn before its starter goes on, cancelled; or that is cancelled in
 * the turn after. */
static void start_in_vain(aio_function start, bool cancel)
{
    aio_group group;
    struct outsider outsider = {.group = &group, .server = {.before = -1, .after = HOUR}, .rc = 1};
    if (aio_group_begin(&group) < 0)
        return;
    aio_task *starter = aio_spawn(start, &outsider);
    while (starter != NULL && outsider.server.trace.length == 0 && !aio_future_done(starter))
        (void)!aio_yield();
    if (cancel && outsider.server.trace.length > 0)
        check_int(aio_task_cancel(starter), 1);
    check_int(aio_group_end(&group, 0), 0);
    if (aio_join(starter) == 0 && outsider.server.trace.length > 0) {
        check_int(outsider.rc, -ECANCELED);
        check_string(outsider.server.trace.text, "bA");
        check_int(now(), 0);
    }
}

TASK_TEST(a_child_that_is_ready_when_its_starter_was_cancelled_is_cancelled)
{
    start_in_vain(cancel_oneself_and_start, false);
}

TASK_TEST(a_child_that_is_ready_before_its_starter_is_cancelled_is_cancelled_as_well)
{
    start_in_vain(start_from_outside, true);
}

/* A shut-down's fourth cancellation is the last: from then on no wait waits. */
static int start_when_doomed(void *arg)
{
    struct server server = {.before = HOUR};
    aio_group group;
    for (int ignored = 0; ignored < 4; ignored++)
        while (aio_sleep(HOUR) == 0)
            ;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    *(bool *)arg = aio_group_start(&group, serve, &server, NULL) == -ECANCELED;
    return aio_group_end(&group, 0);
}

static int leave_behind(void *arg)
{
    static struct caught caught;
    catch_failures(&caught);
    int rc = aio_go(start_when_doomed, arg);
    return rc < 0 ? rc : aio_yield();
}

TEST(who_shall_not_wait_any_more_starts_nothing_and_its_group_can_end)
{
    static bool refused;
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    aio_runner *runner = aio_runner_new(&options);
    if (runner == NULL)
        return;
    refused = false;
    int rc = aio_runner_run(runner, leave_behind, &refused);
    int abandoned = aio_runner_close(runner);
    if (rc == 0) {
        check_int(abandoned, 0);
        check(refused);
    }
}

TASK_TEST(a_function_that_says_it_is_ready_may_be_spawned_as_well)
{
    struct server server = {.before = 1, .after = 1};
    check_int(aio_join(aio_spawn(serve, &server)), 0);
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_spawn(&group, serve, &server);
    check_int(aio_group_end(&group, rc), 0);
}

static int ready_twice(void *arg)
{
    check_int(aio_group_started(arg), 0);
    check_int(aio_group_started(NULL), 0);
    return 0;
}

TASK_TEST(being_ready_twice_is_being_ready_once)
{
    void *value = NULL;
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    if (aio_group_start(&group, ready_twice, &group, &value) == 0)
        check(value == &group);
    check_int(aio_group_end(&group, 0), 0);
}

static int be_ready(void *arg)
{
    check_int(aio_group_started(NULL), 0);
    return *(int *)arg;
}

static int start_next_first(aio_group *group, void *arg);

/* Waits in a start for one who waits in a start ... */
static int start_deeper(void *arg)
{
    return aio_group_run(start_next_first, arg);
}

static int start_next_first(aio_group *group, void *arg)
{
    int *depth = arg;
    if ((*depth)-- == 0)
        return aio_sleep(HOUR);
    return aio_group_start(group, start_deeper, depth, NULL);
}

static int start_a_chain(void *arg)
{
    int depth = (int)test_scale_tasks(MANY(20000));
    (void)arg;
    aio_task *first = aio_spawn(start_deeper, &depth);
    check_int(aio_sleep(AIO_SEC(1)), 0);
    check_int(depth, -1);
    check_int(aio_task_stop(first), 0);
    return 0;
}

TEST(a_long_chain_of_starts_is_cancelled)
{
    check_int(test_run(start_a_chain, NULL), 0);
}

static int misuse(aio_group *group, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    check_int(aio_group_start_with(group, &options, be_ready, arg, NULL), -EINVAL);
    check_int(aio_group_start(group, NULL, arg, NULL), -EINVAL);
    check_int(aio_group_start(NULL, be_ready, arg, NULL), -EINVAL);
    options.eager = false;
    return aio_group_start_with(group, &options, be_ready, arg, NULL);
}

TASK_TEST(an_eager_start_or_one_of_nothing_is_invalid)
{
    int result = 0;
    check_int(aio_group_run(misuse, &result), 0);
}

TEST(outside_a_task_nobody_is_ready_nor_starts)
{
    aio_group group = AIO_GROUP_INIT;
    check_int(aio_group_started(NULL), -EPERM);
    check_int(aio_group_start(&group, serve, NULL, NULL), -EPERM);
}

TASK_TEST(a_start_waits_for_a_place_first)
{
    struct server first = {.after = AIO_SEC(2)}, second = {.after = 1};
    aio_group group;
    if (aio_group_begin(&group) < 0)
        return;
    int rc = aio_group_set_limit(&group, 1);
    rc = rc < 0 ? rc : aio_group_spawn(&group, serve, &first);
    rc = rc < 0 ? rc : aio_group_start(&group, serve, &second, NULL);
    if (rc == 0)
        check_int(now(), AIO_SEC(2));
    check_int(aio_group_end(&group, rc), 0);
}
