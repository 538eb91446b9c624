/*
 * Generators: bodies that give items, in the task that asks.
 */
#include <aio/debug.h>
#include <aio/group.h>

#include "support/generator_case.h"
#include "task/scheduler.h"

static struct caught caught;

/* ---- items ---------------------------------------------------------------------------------- */

TASK_TEST(a_generator_gives_its_items_in_order_and_then_ends)
{
    int count = 3, item = 0;
    aio_generator *generator = new_counter(&count);
    if (generator == NULL)
        return;
    for (int i = 1; i <= 3; i++) {
        check_int(aio_generator_next(generator, &item), 1);
        check_int(item, i);
    }
    check_int(aio_generator_next(generator, &item), 0);
    check_int(item, 3);
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(a_generator_does_nothing_before_it_is_asked)
{
    struct script script = {.result = 0};
    aio_generator *generator = new_cleaner(&script);
    check_int(aio_yield(), 0);
    check_int(aio_generator_close(generator), 0);
    check_string(script.trace.text, "");
}

struct point {
    char name[20];
    int x, y;
};

static int give_points(void *arg)
{
    struct point point = *(struct point *)arg;
    int rc = 0;
    for (; point.x < 3 && rc == 0; point.x++)
        rc = aio_generator_yield(&point);
    return rc;
}

TASK_TEST(items_are_copied_to_whoever_asks)
{
    struct point start = {"here", 1, 7};
    aio_generator *generator = aio_generator_new(give_points, &start, sizeof start);
    struct point points[2];
    if (generator == NULL)
        return;
    check_int(aio_generator_item_size(generator), sizeof start);
    check_int(aio_generator_next(generator, &points[0]), 1);
    check_int(aio_generator_next(generator, &points[1]), 1);
    check_int(points[0].x, 1);
    check_int(points[1].x, 2);
    check_string(points[1].name, "here");
    check_int(aio_generator_close(generator), 0);
}

static int give_nothing_twice(void *arg)
{
    (void)arg;
    int rc = aio_generator_yield(NULL);
    return rc < 0 ? rc : aio_generator_yield(NULL);
}

TASK_TEST(items_may_have_no_size)
{
    aio_generator *generator = aio_generator_new(give_nothing_twice, NULL, 0);
    if (generator == NULL)
        return;
    check_int(aio_generator_item_size(generator), 0);
    check_int(aio_generator_next(generator, NULL), 1);
    check_int(aio_generator_next(generator, NULL), 1);
    check_int(aio_generator_next(generator, NULL), 0);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(a_generator_can_copy_its_arguments)
{
    int count = 2, item = 0;
    aio_generator *generator = aio_generator_new_copy(count_up, &count, sizeof count, sizeof item);
    if (generator == NULL)
        return;
    count = 0;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(item, 2);
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

static int yield_deeply(int depth)
{
    char frame[100];
    memset(frame, depth, sizeof frame);
    int rc = depth > 0 ? yield_deeply(depth - 1) : aio_generator_yield(&depth);
    return rc < 0 ? rc : frame[50];
}

static int yield_in_calls(void *arg)
{
    (void)arg;
    return yield_deeply(100) == 100 ? yield_deeply(20) : -EINVAL;
}

TASK_TEST(a_body_yields_from_any_depth_of_calls_and_from_a_stack_of_any_size)
{
    aio_generator_options options = AIO_GENERATOR_OPTIONS_INIT;
    options.stack_size = 1 << 20;
    int item = 5;
    aio_generator *generator = aio_generator_new_with(&options, yield_in_calls, NULL, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(item, 0);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(a_generator_that_fails_says_so_once_and_has_ended)
{
    int item = 9;
    aio_generator *generator = aio_generator_new(fail_after_one, &item, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_next(generator, &item), AIO_USER_ERROR(7));
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

static int set_errno_and_yield(void *arg)
{
    errno = EXDEV;
    int rc = aio_generator_yield(arg);
    check_int(errno, EXDEV);
    return rc;
}

TASK_TEST(a_yield_preserves_errno)
{
    int item = 0;
    aio_generator *generator = aio_generator_new(set_errno_and_yield, &item, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    errno = 0;
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

/* ---- in the consumer's task ----------------------------------------------------------------- */

static int sleep_between(void *arg)
{
    struct script *script = arg;
    for (int i = 1; i <= 3; i++) {
        check(script->task == NULL || aio_task_current() == script->task);
        int rc = aio_sleep(10);
        if (rc < 0)
            return rc;
        rc = aio_generator_yield(&i);
        if (rc < 0)
            return rc;
    }
    return 0;
}

TASK_TEST(the_body_runs_and_waits_in_the_task_that_asks)
{
    struct script script = {.task = aio_task_current()};
    aio_generator *generator = aio_generator_new(sleep_between, &script, sizeof(int));
    int item;
    if (generator == NULL)
        return;
    int64_t start = aio_loop_time(aio_loop_current());
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_loop_time(aio_loop_current()) - start, 10);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_loop_time(aio_loop_current()) - start, 20);
    check_int(item, 2);
    check_int(aio_generator_close(generator), 0);
}

static int note_letters(void *arg)
{
    struct script *script = arg;
    for (char c = 'a'; c < 'e'; c++) {
        note(&script->trace, c);
        int rc = aio_yield();
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int yield_twice_between(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        note(&((struct script *)arg)->trace, '.');
        rc = aio_yield();
        if (rc == 0)
            rc = aio_generator_yield(&i);
    }
    return rc;
}

TASK_TEST(a_wait_in_a_body_takes_the_turns_that_it_takes_in_a_call)
{
    struct script script = {.result = 0};
    aio_generator *generator = aio_generator_new(yield_twice_between, &script, sizeof(int));
    aio_task *other = aio_spawn(note_letters, &script);
    int item;
    if (generator != NULL && other != NULL) {
        while (aio_generator_next(generator, &item) > 0)
            note(&script.trace, ',');
        check_string(script.trace.text, ".a,.b,");
    }
    check_int(aio_task_stop(other), 0);
    check_int(aio_generator_close(generator), 0);
}

struct nest {
    int depth;
    int waits;
};

/* A generator that gives what the one inside it gives, to a depth. */
static int nested(void *arg)
{
    struct nest *nest = arg;
    if (nest->depth == 0)
        return sleep_between(&(struct script){.result = 0});
    struct nest inner = {nest->depth - 1, 0};
    int rc = 0, given = 0;
    AIO_FOREACH (int, item, aio_generator_new(nested, &inner, sizeof(int)), rc) {
        given = aio_generator_yield(&item);
        if (given < 0)
            break;
    }
    return rc < 0 ? rc : given;
}

TASK_TEST(generators_nest_and_a_wait_in_the_innermost_costs_no_more_turns)
{
    struct nest nest = {20, 0};
    int rc, sum = 0;
    int64_t start = aio_loop_time(aio_loop_current());
    AIO_FOREACH (int, item, aio_generator_new(nested, &nest, sizeof(int)), rc)
        sum += item;
    if (rc == 0) {
        check_int(sum, 6);
        check_int(aio_loop_time(aio_loop_current()) - start, 30);
    }
}

TASK_TEST(closing_the_outermost_closes_those_inside)
{
    struct nest nest = {5, 0};
    int item;
    aio_generator *generator = aio_generator_new(nested, &nest, sizeof item);
    if (aio_generator_next(generator, &item) == 1)
        check_int(item, 1);
    check_int(aio_generator_close(generator), 0);
}

static int take_one(void *arg)
{
    int item;
    int rc = aio_generator_next(arg, &item);
    return rc > 0 ? item : rc;
}

TASK_TEST(different_tasks_may_ask_one_after_the_other)
{
    struct script script = {.task = NULL};
    aio_generator *generator = aio_generator_new(sleep_between, &script, sizeof(int));
    if (generator == NULL)
        return;
    for (int i = 1; i <= 3; i++) {
        script.task = aio_spawn(take_one, generator);
        if (check(script.task != NULL))
            check_int(aio_join(script.task), i);
    }
    script.task = NULL;
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(two_tasks_can_not_be_in_a_body_at_once)
{
    struct script script = {.task = NULL};
    aio_generator *generator = aio_generator_new(sleep_between, &script, sizeof(int));
    int item;
    aio_task *first = aio_spawn(take_one, generator);
    if (generator == NULL || first == NULL) {
        check(aio_join(first) < 0);
        check_int(aio_generator_close(generator), 0);
        return;
    }
    check_int(aio_yield(), 0);
    check_int(aio_generator_next(generator, &item), -EBUSY);
    check_int(aio_generator_throw(generator, -EIO, &item), -EBUSY);
    check_int(aio_generator_close(generator), -EBUSY);
    check_int(aio_join(first), 1);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_close(generator), 0);
}

static int ask_itself(void *arg)
{
    struct script *script = arg;
    int item;
    check_int(aio_generator_next(script->other, &item), -EBUSY);
    check_int(aio_generator_close(script->other), -EBUSY);
    return AIO_USER_ERROR(1);
}

TASK_TEST(a_body_can_not_ask_its_own_generator)
{
    struct script script = {.result = 0};
    int item;
    script.other = aio_generator_new(ask_itself, &script, sizeof item);
    if (script.other == NULL)
        return;
    check_int(aio_generator_next(script.other, &item), AIO_USER_ERROR(1));
    check_int(aio_generator_close(script.other), 0);
}

static int spawn_eagerly_in_a_body(void *arg)
{
    struct script *script = arg;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    aio_task *task = aio_spawn_with(&options, note_letters, script);
    note(&script->trace, '-');
    int rc = aio_join(task);
    note(&script->trace, '.');
    return rc < 0 ? rc : aio_generator_yield(&rc);
}

TASK_TEST(a_body_starts_tasks_eagerly_and_goes_on_when_they_wait)
{
    struct script script = {.result = 0};
    int item;
    aio_generator *generator = aio_generator_new(spawn_eagerly_in_a_body, &script, sizeof item);
    if (aio_generator_next(generator, &item) == 1)
        check_string(script.trace.text, "a-bcd.");
    check_int(aio_generator_close(generator), 0);
}

static int ask_and_note(void *arg)
{
    struct script *script = arg;
    int item, rc = aio_generator_next(script->other, &item);
    note(&script->trace, '!');
    return rc;
}

TASK_TEST(an_eager_task_may_be_the_one_that_asks)
{
    struct script script = {.task = NULL}, asker = {.result = 0};
    asker.other = aio_generator_new(sleep_between, &script, sizeof(int));
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    aio_task *task = aio_spawn_with(&options, ask_and_note, &asker);
    note(&asker.trace, '-');
    int rc = aio_join(task);
    if (rc == 1)
        check_string(asker.trace.text, "-!");
    check_int(aio_generator_close(asker.other), 0);
}

/* ---- cancellation and timeouts -------------------------------------------------------------- */

static int note_how_a_wait_ended(void *arg)
{
    struct script *script = arg;
    script->last_wait = aio_sleep(AIO_SEC(1));
    return script->last_wait < 0 ? script->last_wait : aio_generator_yield(&script->result);
}

static int ask_for_one(void *arg)
{
    struct script *script = arg;
    int item;
    return aio_generator_next(script->other, &item);
}

TASK_TEST(the_cancellation_of_the_consumer_arrives_in_the_body)
{
    struct script script = {.last_wait = 1};
    script.other = aio_generator_new(note_how_a_wait_ended, &script, sizeof(int));
    aio_task *task = aio_spawn(ask_for_one, &script);
    if (script.other != NULL && task != NULL) {
        check_int(aio_yield(), 0);
        check_int(aio_task_cancel(task), 1);
        check_int(aio_await(task), -ECANCELED);
        check_int(script.last_wait, -ECANCELED);
    }
    (void)!aio_task_stop(task);
    check_int(aio_generator_close(script.other), 0);
}

TASK_TEST(a_timeout_of_the_consumer_arrives_in_the_body)
{
    struct script script = {.last_wait = 1};
    script.other = aio_generator_new(note_how_a_wait_ended, &script, sizeof(int));
    if (script.other == NULL)
        return;
    int rc = aio_timeout_run(10, ask_for_one, &script);
    if (rc != -ENOMEM) {
        check_int(rc, -ETIMEDOUT);
        check_int(script.last_wait, -ECANCELED);
    }
    check_int(aio_generator_close(script.other), 0);
}

static int ignore_a_cancellation(void *arg)
{
    struct script *script = arg;
    script->last_wait = aio_sleep(AIO_SEC(1));
    return aio_generator_yield(&script->last_wait);
}

TASK_TEST(a_body_may_swallow_a_cancellation_as_a_call_may)
{
    struct script script = {.last_wait = 1};
    script.other = aio_generator_new(ignore_a_cancellation, &script, sizeof(int));
    aio_task *task = aio_spawn(ask_for_one, &script);
    if (script.other != NULL && task != NULL) {
        check_int(aio_yield(), 0);
        check_int(aio_task_cancel(task), 1);
        check_int(aio_await(task), 1);
        check_int(script.last_wait, -ECANCELED);
    }
    (void)!aio_task_stop(task);
    check_int(aio_generator_close(script.other), 0);
}

/* ---- scopes --------------------------------------------------------------------------------- */

static int yield_in_a_timeout(void *arg)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(1));
    if (rc < 0)
        return rc;
    check_int(aio_generator_yield(arg), -EINVAL);
    check_int(aio_timeout_end(&timeout, 0), 0);
    return aio_generator_yield(arg);
}

TASK_TEST(a_body_can_not_yield_inside_a_timeout_of_its_own)
{
    int item = 0;
    aio_generator *generator = aio_generator_new(yield_in_a_timeout, &item, sizeof item);
    int rc = aio_generator_next(generator, &item);
    check(rc == 1 || rc == -ENOMEM);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(timeouts_of_the_consumer_may_be_around_one_step_or_several)
{
    int count = 4, item = 0;
    aio_generator *generator = new_counter(&count);
    aio_timeout outer = AIO_TIMEOUT_INIT, inner = AIO_TIMEOUT_INIT;
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    int rc = aio_timeout_begin(&outer, AIO_SEC(1));
    check_int(aio_generator_next(generator, &item), 1);
    if (rc == 0)
        rc = aio_timeout_begin(&inner, AIO_SEC(1));
    check_int(aio_generator_next(generator, &item), 1);
    if (rc == 0)
        check_int(aio_timeout_end(&inner, 0), 0);
    (void)aio_timeout_end(&outer, 0);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(item, 4);
    check_int(aio_generator_close(generator), 0);
}

static int end_the_consumers_timeout(void *arg)
{
    aio_timeout *timeout = arg;
    check_int(aio_timeout_end(timeout, 0), -EINVAL);
    check_int(aio_timeout_reschedule(timeout, 5), 0);
    check_int(aio_timeout_when(timeout), 5);
    return 0;
}

TASK_TEST(a_body_may_move_its_consumers_timeout_but_not_end_it)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(1));
    if (rc < 0)
        return;
    int item;
    aio_generator *generator = aio_generator_new(end_the_consumers_timeout, &timeout, sizeof item);
    rc = aio_generator_next(generator, &item);
    check(rc == 0 || generator == NULL);
    check_int(aio_generator_close(generator), 0);
    check_int(aio_timeout_end(&timeout, 0), 0);
}

static int leave_a_timeout_open(void *arg)
{
    aio_timeout timeout;
    int rc = aio_generator_yield(arg);
    return rc < 0 ? rc : aio_timeout_begin(&timeout, AIO_SEC(1));
}

TASK_TEST(a_timeout_that_a_body_leaves_open_is_closed_and_reported_when_it_ends)
{
    catch_failures(&caught);
    int item = 0;
    aio_timeout timeout = AIO_TIMEOUT_INIT;
    int begun = aio_timeout_begin(&timeout, AIO_SEC(2));
    aio_generator *generator = aio_generator_new(leave_a_timeout_open, &item, sizeof item);
    (void)!aio_generator_next(generator, &item);
    int rc = aio_generator_next(generator, &item);
    check_int(caught.count, rc == 0);
    if (rc == 0)
        check_string(caught.message, "a timeout was begun and never ended");
    check_int(aio_loop_current()->timers.count, begun == 0);
    check_int(aio_timeout_end(&timeout, 0), begun == 0 ? 0 : -EINVAL);
    check_int(aio_generator_close(generator), 0);
}

static int yield_in_a_group(void *arg)
{
    aio_group group;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    check_int(aio_generator_yield(arg), -EINVAL);
    check_int(aio_group_end(&group, 0), 0);
    return aio_generator_yield(arg);
}

TASK_TEST(a_body_can_not_yield_inside_a_group_of_its_own)
{
    int item = 0;
    aio_generator *generator = aio_generator_new(yield_in_a_group, &item, sizeof item);
    int rc = aio_generator_next(generator, &item);
    check(rc == 1 || rc == -ENOMEM);
    check_int(aio_generator_close(generator), 0);
}

/* ---- misuse --------------------------------------------------------------------------------- */

TASK_TEST(options_that_make_no_sense_are_refused)
{
    aio_generator_options options = AIO_GENERATOR_OPTIONS_INIT;
    errno = 0;
    check(aio_generator_new(NULL, NULL, 1) == NULL);
    check_int(errno, EINVAL);
    options.stack_size = 100;
    check(aio_generator_new_with(&options, count_up, NULL, 1) == NULL);
    options.stack_size = 0;
    options.size = 1;
    errno = 0;
    check(aio_generator_new_with(&options, count_up, NULL, 1) == NULL);
    check_int(errno, EINVAL);
}

TASK_TEST(calls_on_no_generator_are_no_memory)
{
    int item;
    check_int(aio_generator_next(NULL, &item), -ENOMEM);
    check_int(aio_generator_throw(NULL, -EIO, &item), -ENOMEM);
    check_int(aio_generator_close(NULL), 0);
    check_int(aio_generator_item_size(NULL), 0);
}

static int yield_nothing(void *arg)
{
    check_int(aio_generator_yield(NULL), -EINVAL);
    return aio_generator_yield(arg);
}

TASK_TEST(an_item_and_a_place_for_it_are_needed)
{
    int item = 0;
    aio_generator *generator = aio_generator_new(yield_nothing, &item, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, NULL), -EINVAL);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_throw(generator, -EIO, NULL), -EINVAL);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(a_task_that_is_no_body_can_not_yield_items)
{
    int item = 0;
    check_int(aio_generator_yield(&item), -EPERM);
}

static void misuse_in_a_callback(void *arg)
{
    int item = 0;
    check_int(aio_generator_yield(&item), -EPERM);
    check_int(aio_generator_next(arg, &item), -EPERM);
    check_int(aio_generator_throw(arg, -EIO, &item), -EPERM);
    check_int(aio_generator_close(arg), -EPERM);
}

static int yield_where_nothing_must_suspend(void *arg)
{
    aio_noswitch_begin();
    check_int(aio_generator_yield(arg), -EPERM);
    aio_noswitch_end();
    return aio_generator_yield(arg);
}

TASK_TEST(code_that_must_not_suspend_neither_asks_nor_yields)
{
    int item = 0;
    catch_failures(&caught);
    aio_generator *generator =
        aio_generator_new(yield_where_nothing_must_suspend, &item, sizeof item);
    if (generator == NULL)
        return;
    aio_noswitch_begin();
    check_int(aio_generator_next(generator, &item), -EPERM);
    check_int(caught.count, 1);
    aio_noswitch_end();
    check_int(aio_generator_next(generator, &item), 1);
    check_int(caught.count, 2);
    check_int(aio_generator_close(generator), 0);
}

static int end_where_nothing_must_suspend(void *arg)
{
    int rc = aio_generator_yield(arg);
    aio_noswitch_begin();
    return rc == -AIO_ECLOSED ? rc : 0;
}

TASK_TEST(a_body_that_ends_where_nothing_must_suspend_is_reported_and_its_consumer_goes_on)
{
    int item = 0;
    catch_failures(&caught);
    aio_generator *generator = aio_generator_new(end_where_nothing_must_suspend, &item,
                                                 sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_next(generator, &item), 0);
    check_int(caught.count, 1);
    check_string(caught.message, "a generator ended between aio_noswitch_begin and _end");
    check_int(aio_yield(), 0);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(only_tasks_may_ask_and_close)
{
    int count = 1;
    aio_generator *generator = new_counter(&count);
    aio_handle handle = AIO_HANDLE_INIT;
    if (generator == NULL)
        return;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, misuse_in_a_callback, generator), 0);
    check_int(aio_yield(), 0);
    check_int(aio_generator_close(generator), 0);
}

TEST(a_generator_is_made_where_a_loop_runs)
{
    errno = 0;
    check(aio_generator_new(count_up, NULL, 1) == NULL);
    check_int(errno, EPERM);
}
