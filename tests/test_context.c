/*
 * Context variables: inherited by copy, isolated afterwards.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <aio/context.h>
#include <aio/generator.h>

#include "support/task_case.h"

static aio_context_var plain = AIO_CONTEXT_VAR_INIT(NULL, NULL);
static aio_context_var letter = AIO_CONTEXT_VAR_INIT("?", NULL);

static int set(aio_context_var *var, char *value)
{
    return aio_context_var_set(var, value, NULL);
}

static char *get(const aio_context_var *var)
{
    char *value = aio_context_var_get(var);
    return value != NULL ? value : "";
}

/* Of values that are counted. */
static int destroyed;

static void count_destroyed(void *value)
{
    destroyed += value != NULL;
}

static aio_context_var counted = AIO_CONTEXT_VAR_INIT(NULL, count_destroyed);

/* ---- one task ------------------------------------------------------------------------------- */

TASK_TEST(a_variable_that_is_not_set_has_its_fallback)
{
    check_string(get(&letter), "?");
    check_string(get(&plain), "");
}

TASK_TEST(a_task_gets_what_it_has_set)
{
    if (set(&letter, "a") == 0)
        check_string(get(&letter), "a");
    check_string(get(&plain), "");
}

TASK_TEST(reset_makes_it_what_it_was)
{
    aio_context_token first = AIO_CONTEXT_TOKEN_INIT, second = AIO_CONTEXT_TOKEN_INIT;
    int rc = aio_context_var_set(&letter, "a", &first);
    if (rc == 0)
        rc = aio_context_var_set(&letter, "b", &second);
    if (rc == 0) {
        check_int(aio_context_var_reset(&letter, &second), 0);
        check_string(get(&letter), "a");
        check_int(aio_context_var_reset(&letter, &first), 0);
        check_string(get(&letter), "?");
    }
    aio_context_token_release(&first);
    aio_context_token_release(&second);
}

TASK_TEST(a_token_can_be_used_once)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    if (aio_context_var_set(&letter, "a", &token) < 0)
        return;
    check_int(aio_context_var_reset(&letter, &token), 0);
    check_int(aio_context_var_reset(&letter, &token), -EINVAL);
    aio_context_token_release(&token);
}

TASK_TEST(a_token_is_good_for_its_own_variable)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    if (aio_context_var_set(&letter, "a", &token) < 0)
        return;
    check_int(aio_context_var_reset(&plain, &token), -EINVAL);
    check_string(get(&letter), "a");
    aio_context_token_release(&token);
}

static int reset_in_another(void *arg)
{
    return aio_context_var_reset(&letter, arg);
}

TASK_TEST(a_token_of_another_context_is_refused)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    if (aio_context_var_set(&letter, "a", &token) < 0)
        return;
    aio_task *task = aio_spawn(reset_in_another, &token);
    if (task != NULL)
        check_int(aio_join(task), -EINVAL);
    check_int(aio_context_var_reset(&letter, &token), 0);
    check_string(get(&letter), "?");
    aio_context_token_release(&token);
}

TASK_TEST(values_are_destroyed_when_nobody_can_see_them_any_more)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    destroyed = 0;
    int rc = set(&counted, "a");
    if (rc == 0)
        rc = aio_context_var_set(&counted, "b", &token);
    if (rc == 0) {
        check_int(destroyed, 0); /* the token has it */
        aio_context_token_release(&token);
        check_int(destroyed, 1);
        if (set(&counted, "c") == 0)
            check_int(destroyed, 2);
    }
}

static int set_counted(void *arg)
{
    return set(&counted, arg);
}

TASK_TEST(a_tasks_values_go_with_it)
{
    destroyed = 0;
    aio_task *task = aio_spawn(set_counted, "a");
    if (aio_await(task) == 0)
        check_int(destroyed, 0);
    int rc = aio_future_result(task);
    aio_release(task);
    check_int(destroyed, rc == 0);
}

TASK_TEST(a_value_that_could_not_be_set_stays_the_callers)
{
    destroyed = 0;
    int rc = set(&counted, "a");
    check_int(destroyed, 0);
    check(rc == 0 || rc == -ENOMEM);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* Adds what it finds to a trace, sets another, waits, and adds that. */
static int look_and_set(void *arg)
{
    struct trace *trace = arg;
    note(trace, *get(&letter));
    int rc = set(&letter, "x");
    if (rc == 0)
        rc = aio_yield();
    note(trace, *get(&letter));
    return rc;
}

TASK_TEST(a_task_starts_with_a_copy_of_its_spawners_values)
{
    struct trace trace = {0};
    if (set(&letter, "a") < 0)
        return;
    aio_task *first = aio_spawn(look_and_set, &trace);
    int rc = set(&letter, "b");
    aio_task *second = aio_spawn(look_and_set, &trace);
    int first_rc = aio_join(first), second_rc = aio_join(second);
    if (first_rc == 0 && second_rc == 0 && rc == 0)
        check_string(trace.text, "abxx");
    check_string(get(&letter), rc == 0 ? "b" : "a");
}

TASK_TEST(an_eager_task_has_a_context_of_its_own_as_well)
{
    struct trace trace = {0};
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    if (set(&letter, "a") < 0)
        return;
    aio_task *task = aio_spawn_with(&options, look_and_set, &trace);
    check_string(get(&letter), "a");
    if (aio_join(task) == 0)
        check_string(trace.text, "ax");
}

static struct trace go_trace;

static int look_and_set_globally(void *arg)
{
    return look_and_set(arg);
}

TASK_TEST(a_task_that_nobody_waits_for_inherits_too)
{
    go_trace = (struct trace){0};
    if (set(&letter, "g") == 0 && aio_go(look_and_set_globally, &go_trace) == 0) {
        check_int(aio_sleep(1), 0);
        check(go_trace.text[0] == 'g');
    }
}

static int count_values(void *arg)
{
    (void)arg;
    return aio_context_var_get(&counted) != NULL;
}

TASK_TEST(a_thousand_tasks_share_one_value)
{
    destroyed = 0;
    if (set(&counted, "a") < 0)
        return;
    int found = 0, ended = 0;
    for (int i = 0; i < 100; i++) {
        aio_task *task = aio_spawn(count_values, NULL);
        ended += task != NULL;
        int rc = aio_join(task);
        found += rc > 0;
    }
    check_int(found, ended);
    check_int(destroyed, 0);
}

static int item_is_the_letter(void *arg)
{
    (void)arg;
    for (;;) {
        char *value = get(&letter);
        int rc = aio_generator_yield(value);
        if (rc < 0 || set(&letter, "g") < 0)
            return rc;
    }
}

TASK_TEST(a_generators_body_has_its_consumers_context)
{
    char item = 0;
    aio_generator *generator = aio_generator_new(item_is_the_letter, NULL, 1);
    if (generator != NULL && set(&letter, "c") == 0) {
        check_int(aio_generator_next(generator, &item), 1);
        check_int(item, 'c');
        if (aio_generator_next(generator, &item) == 1) {
            check_int(item, 'g');
            check_string(get(&letter), "g");
        }
    }
    check_int(aio_generator_close(generator), 0);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

static struct trace seen;
static int failures; /* of sets, where memory fails */

static void see_and_set(void *arg)
{
    (void)arg;
    note(&seen, *get(&letter));
    failures += set(&letter, "x") < 0;
}

TASK_TEST(callbacks_have_the_context_of_whoever_queued_them)
{
    aio_handle soon = {0}, other = {0}, later = {0};
    aio_loop *loop = aio_loop_current();
    seen = (struct trace){0};
    if (set(&letter, "a") < 0)
        return;
    check_int(aio_loop_call_soon(loop, &soon, see_and_set, NULL), 0);
    int timer = aio_loop_call_later(loop, &later, 5, see_and_set, NULL);
    int rc = set(&letter, "b");
    check_int(aio_loop_call_soon_threadsafe(loop, &other, see_and_set, NULL), 0);
    check_int(aio_sleep(10), 0);
    if (rc == 0 && timer == 0)
        check_string(seen.text, "aba");
    check_string(get(&letter), rc == 0 ? "b" : "a");
}

TASK_TEST(a_callback_on_a_future_has_the_context_of_whoever_added_it)
{
    aio_handle handle = {0};
    aio_future *future = aio_future_new();
    seen = (struct trace){0};
    if (future != NULL && set(&letter, "a") == 0) {
        check_int(aio_future_on_done(future, &handle, see_and_set, NULL), 0);
        (void)set(&letter, "b");
        check_int(aio_future_set(future, 0), 0);
        check_int(aio_yield(), 0);
        check_string(seen.text, "a");
    }
    aio_release(future);
}

TASK_TEST(a_callback_that_never_runs_gives_its_context_back)
{
    aio_handle cancelled = {0}, dropped = {0};
    aio_future *future = aio_future_new();
    destroyed = 0;
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    int rc = aio_context_var_set(&counted, "a", &token);
    (void)aio_loop_call_soon(aio_loop_current(), &cancelled, see_and_set, NULL);
    (void)aio_future_on_done(future, &dropped, see_and_set, NULL);
    if (rc == 0 && aio_context_var_reset(&counted, &token) == 0) {
        check_int(destroyed, 0);
        check(aio_handle_cancel(&cancelled));
        aio_release(future);
        future = NULL;
        check_int(destroyed, 1);
    }
    (void)aio_handle_cancel(&cancelled);
    aio_release(future);
    aio_context_token_release(&token);
}

TASK_TEST(what_a_callback_sets_the_next_one_does_not_see)
{
    aio_handle first = {0}, second = {0};
    seen = (struct trace){0};
    check_int(aio_loop_call_soon(aio_loop_current(), &first, see_and_set, NULL), 0);
    check_int(aio_loop_call_soon(aio_loop_current(), &second, see_and_set, NULL), 0);
    check_int(aio_yield(), 0);
    check_string(seen.text, "??");
}

static int ends[2];

static void read_see_and_set(void *arg)
{
    char byte;
    check_int(read(ends[0], &byte, 1), 1);
    see_and_set(arg);
}

static void write_byte(void)
{
    check_int(write(ends[1], "x", 1), 1);
}

TASK_TEST(a_reader_keeps_its_context_from_one_call_to_the_next)
{
    seen = (struct trace){0};
    if (!check_int(pipe(ends), 0))
        return;
    aio_loop *loop = aio_loop_current();
    if (set(&letter, "r") == 0 && aio_loop_add_reader(loop, ends[0], read_see_and_set, NULL) == 0) {
        (void)set(&letter, "m");
        for (int i = 0; i < 2; i++) {
            write_byte();
            check_int(aio_sleep(AIO_MSEC(1)), 0);
        }
        if (failures == 0)
            check_string(seen.text, "rx");
        check_int(aio_loop_remove_reader(loop, ends[0]), 1);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void remove_itself(void *arg)
{
    read_see_and_set(arg);
    check_int(aio_loop_remove_reader(aio_loop_current(), ends[0]), 1);
    note(&seen, *get(&letter));
}

static void replace_itself(void *arg)
{
    read_see_and_set(arg);
    failures += aio_loop_add_reader(aio_loop_current(), ends[0], remove_itself, NULL) < 0;
    failures += set(&letter, "y") < 0;
}

TASK_TEST(a_reader_may_replace_and_remove_itself_in_its_context)
{
    seen = (struct trace){0};
    if (!check_int(pipe(ends), 0))
        return;
    aio_loop *loop = aio_loop_current();
    if (set(&letter, "r") == 0 && aio_loop_add_reader(loop, ends[0], replace_itself, NULL) == 0) {
        write_byte();
        check_int(aio_sleep(AIO_MSEC(1)), 0);
        write_byte();
        check_int(aio_sleep(AIO_MSEC(1)), 0);
        if (failures == 0)
            check_string(seen.text, "rxx");
        (void)aio_loop_remove_reader(loop, ends[0]);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TASK_TEST(a_signals_handler_keeps_its_context)
{
    seen = (struct trace){0};
    aio_loop *loop = aio_loop_current();
    if (set(&letter, "s") == 0 &&
        aio_loop_add_signal_handler(loop, SIGUSR1, see_and_set, NULL) == 0) {
        for (int i = 0; i < 2; i++) {
            check_int(raise(SIGUSR1), 0);
            check_int(aio_yield(), 0);
            check_int(aio_yield(), 0);
        }
        if (failures == 0)
            check_string(seen.text, "sx");
        check_int(aio_loop_remove_signal_handler(loop, SIGUSR1), 1);
    }
}

static void note_in_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
    note(&seen, *get(&letter));
}

static int fail_with_a_letter(void *arg)
{
    int rc = set(&letter, arg);
    failures += rc < 0;
    return rc < 0 ? rc : AIO_USER_ERROR(1);
}

TASK_TEST(a_failure_is_reported_in_the_context_of_the_task_that_failed)
{
    seen = (struct trace){0};
    (void)aio_loop_set_exception_handler(aio_loop_current(), note_in_report, NULL);
    aio_task *task = aio_spawn(fail_with_a_letter, "f");
    int rc = aio_yield();
    bool failed = aio_future_done(task);
    aio_release(task);
    if (rc == 0 && failed && failures == 0)
        check_string(seen.text, "f");
    check_string(get(&letter), "?");
}

/* ---- contexts ------------------------------------------------------------------------------- */

static int look_then_set(void *arg)
{
    note(arg, *get(&letter));
    int rc = set(&letter, "c");
    note(arg, *get(&letter));
    return rc;
}

TASK_TEST(what_runs_in_a_context_finds_and_leaves_its_values_there)
{
    struct trace trace = {0};
    int rc = set(&letter, "a");
    aio_context *context = aio_context_copy();
    if (rc == 0 && context != NULL && set(&letter, "b") == 0) {
        rc = aio_context_run(context, look_then_set, &trace);
        check_string(get(&letter), "b");
        if (rc == 0)
            rc = aio_context_run(context, look_then_set, &trace);
        if (rc == 0)
            check_string(trace.text, "accc");
    }
    aio_context_free(context);
}

static int end_the_timeout_around(void *arg)
{
    return aio_timeout_end(arg, set(&letter, "c"));
}

TASK_TEST(a_context_is_left_where_the_scope_around_it_is_ended_in_it)
{
    struct caught caught;
    aio_timeout timeout;
    catch_failures(&caught);
    aio_context *context = aio_context_new();
    if (context != NULL && aio_timeout_begin(&timeout, AIO_SEC(1)) == 0) {
        int rc = aio_context_run(context, end_the_timeout_around, &timeout);
        check(rc == 0 || rc == -ENOMEM);
        check_int(caught.count, 1);
        check_string(get(&letter), "?");
        check_int(aio_timeout_end(&timeout, 0), -EINVAL);
    }
    aio_context_free(context);
}

TASK_TEST(a_new_context_is_empty)
{
    struct trace trace = {0};
    int rc = set(&letter, "a");
    aio_context *context = aio_context_new();
    if (rc == 0 && context != NULL && aio_context_run(context, look_then_set, &trace) == 0)
        check_string(trace.text, "?c");
    aio_context_free(context);
}

static int look_after_a_wait(void *arg)
{
    int rc = set(&letter, "i");
    if (rc == 0)
        rc = aio_sleep(10);
    note(arg, *get(&letter));
    return rc;
}

static int run_in_it(void *arg)
{
    return aio_context_run(arg, look_after_a_wait, &seen);
}

TASK_TEST(what_runs_in_a_context_may_wait_and_others_keep_theirs)
{
    seen = (struct trace){0};
    aio_context *context = aio_context_new();
    aio_task *task = aio_spawn(run_in_it, context);
    if (context != NULL && task != NULL && aio_yield() == 0 && !aio_future_done(task)) {
        check_string(get(&letter), "?");
        check_int(aio_context_run(context, look_after_a_wait, &seen), -EBUSY);
        aio_context_free(context); /* it goes when that has returned */
        context = NULL;
    }
    int rc = aio_join(task);
    if (rc == 0)
        check_string(seen.text, "i");
    aio_context_free(context);
}

static int enter_again(void *arg)
{
    return aio_context_run(arg, look_after_a_wait, &seen);
}

TASK_TEST(a_context_can_not_be_entered_twice)
{
    aio_context *context = aio_context_new();
    int rc = aio_context_run(context, enter_again, context);
    check_int(rc, context != NULL ? -EBUSY : -ENOMEM);
    aio_context_free(context);
}

static void run_in_a_callback(void *arg)
{
    struct trace *trace = &seen;
    (void)!aio_context_run(arg, look_then_set, trace);
    note(trace, *get(&letter));
}

TASK_TEST(a_callback_may_run_in_a_context_too)
{
    seen = (struct trace){0};
    aio_handle handle = {0};
    aio_context *context = aio_context_new();
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, run_in_a_callback, context), 0);
    check_int(aio_yield(), 0);
    if (context != NULL && seen.length == 3 && seen.text[1] == 'c')
        check_string(seen.text, "?c?");
    aio_context_free(context);
}

static int yield_in_a_context(void *arg)
{
    char item = 'a';
    check_int(aio_generator_yield(&item), -EINVAL);
    (void)arg;
    return 0;
}

static int enter_and_yield(void *arg)
{
    return aio_context_run(arg, yield_in_a_context, NULL);
}

TASK_TEST(a_generators_body_can_not_yield_in_a_context_that_it_entered)
{
    char item;
    aio_context *context = aio_context_new();
    aio_generator *generator = aio_generator_new(enter_and_yield, context, 1);
    int rc = aio_generator_next(generator, &item);
    check(rc == 0 || rc == -ENOMEM);
    check_int(aio_generator_close(generator), 0);
    aio_context_free(context);
}

static aio_context *held;

static int never_leave(void *arg)
{
    (void)arg;
    (void)set(&letter, "n");
    for (int rc = 0; rc != 1;)
        rc = aio_sleep(AIO_SEC(1));
    return 0;
}

static int enter_for_ever(void *arg)
{
    return aio_context_run(arg, never_leave, NULL);
}

static void ignore(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
}

static int leave_one_in_a_context(void *arg)
{
    (void)arg;
    (void)aio_loop_set_exception_handler(aio_loop_current(), ignore, NULL);
    held = aio_context_new();
    (void)aio_go(enter_for_ever, held);
    return aio_yield();
}

TEST(a_task_that_is_abandoned_in_a_context_leaves_it)
{
    held = NULL;
    (void)test_run(leave_one_in_a_context, NULL);
    aio_context_free(held);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static int note_and_set(void *arg)
{
    note(&seen, *get(&letter));
    return set(&letter, arg);
}

static int reset_it(void *arg)
{
    int rc = aio_context_var_reset(&letter, arg);
    note(&seen, *get(&letter));
    return rc;
}

static int set_with_token(void *arg)
{
    return aio_context_var_set(&letter, "t", arg);
}

TEST(the_runs_of_a_runner_share_one_context)
{
    seen = (struct trace){0};
    aio_runner *runner = aio_runner_new(NULL);
    if (runner == NULL)
        return;
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    bool good = aio_runner_run(runner, note_and_set, "1") == 0 &&
                aio_runner_run(runner, set_with_token, &token) == 0 &&
                aio_runner_run(runner, reset_it, &token) == 0 &&
                aio_runner_run(runner, note_and_set, "2") == 0;
    if (good)
        check_string(seen.text, "?11");
    aio_context_token_release(&token);
    check_int(aio_runner_close(runner), 0);
}

TEST(outside_of_any_loop_there_is_no_context)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    check_string(get(&letter), "?");
    check_int(set(&letter, "a"), -EPERM);
    token.var = &letter;
    check_int(aio_context_var_reset(&letter, &token), -EPERM);
    aio_context *context = aio_context_copy();
    if (context != NULL)
        check_int(aio_context_run(context, look_then_set, &seen), -EPERM);
    aio_context_free(context);
}

TASK_TEST(misuse_is_an_error)
{
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    check(aio_context_var_get(NULL) == NULL);
    check_int(aio_context_var_set(NULL, NULL, NULL), -EINVAL);
    check_int(aio_context_var_reset(&letter, NULL), -EINVAL);
    check_int(aio_context_var_reset(NULL, &token), -EINVAL);
    check_int(aio_context_var_reset(&letter, &token), -EINVAL);
    aio_context_token_release(NULL);
    aio_context_free(NULL);
    check_int(aio_context_run(NULL, look_then_set, NULL), -ENOMEM);
    aio_context *context = aio_context_new();
    if (context != NULL)
        check_int(aio_context_run(context, NULL, NULL), -EINVAL);
    aio_context_free(context);
}
