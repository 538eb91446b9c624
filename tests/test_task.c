/*
 * Tasks: how they are started, how they fail, and what is known of them.  How
 * they are cancelled is in test_task_cancel.c.
 */
#include <errno.h>
#include <stdlib.h>

#include <aio/debug.h>
#include <aio/task.h>

#include "support/task_case.h"
#include "task/wait.h"

static struct caught caught;

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int count_up(void *arg)
{
    return ++*(int *)arg;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

/* ---- starting ------------------------------------------------------------------------------- */

TASK_TEST(a_task_begins_in_the_next_turn)
{
    int count = 0;
    aio_task *task = aio_spawn(count_up, &count);
    check_int(count, 0);
    check_int(aio_yield(), 0);
    check_int(count, task != NULL);
    check_int(aio_join(task), 1);
}

static void note_x(void *arg)
{
    note(arg, 'x');
}

static int note_t(void *arg)
{
    note(arg, 't');
    return 0;
}

TASK_TEST(tasks_and_callbacks_begin_in_the_order_in_which_they_were_queued)
{
    struct trace trace = {0};
    aio_handle handles[2] = {AIO_HANDLE_INIT, AIO_HANDLE_INIT};
    aio_loop *loop = aio_loop_current();
    check_int(aio_loop_call_soon(loop, &handles[0], note_x, &trace), 0);
    aio_task *first = aio_spawn(note_t, &trace);
    check_int(aio_loop_call_soon(loop, &handles[1], note_x, &trace), 0);
    aio_task *second = aio_spawn(note_t, &trace);
    check_int(aio_yield(), 0);
    check_string(trace.text, "xtxt");
    check_int(aio_join(first), 0);
    check_int(aio_join(second), 0);
}

struct arguments {
    _Alignas(16) char text[24];
    int64_t number;
    const void *original;
    bool sound;
};

static int look_at_arguments(void *arg)
{
    struct arguments *mine = arg;
    uintptr_t distance = (uintptr_t)mine - (uintptr_t)__builtin_frame_address(0);
    mine->sound = (uintptr_t)mine % 16 == 0 && mine != mine->original && distance < 262144 &&
                  strcmp(mine->text, "copied") == 0;
    memset(mine->text, '!', sizeof mine->text);
    int rc = aio_yield();
    return rc < 0 || !mine->sound ? -EIO : (int)mine->number;
}

TASK_TEST(copied_arguments_lie_on_the_new_stack_and_are_aligned)
{
    struct arguments arguments = {.text = "copied", .number = 11, .original = &arguments};
    aio_task *task = aio_spawn_copy(look_at_arguments, &arguments, sizeof arguments);
    memset(&arguments, 0, sizeof arguments);
    check_int(aio_join(task), 11);
    check_int(arguments.text[0], 0);
}

TASK_TEST(copied_arguments_can_be_written_in_place)
{
    aio_task *task = AIO_SPAWN(look_at_arguments, struct arguments, .text = "copied", .number = 12);
    check_int(aio_join(task), 12);
}

static int sum_bytes(void *arg)
{
    const unsigned char *bytes = arg;
    int sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += bytes[i];
    return sum;
}

TASK_TEST(arguments_of_any_size_are_copied)
{
    static const unsigned char odd[3] = {1, 2, 4};
    static const unsigned char large[8000] = {8, 16, 32};
    check_int(aio_join(aio_spawn_copy(sum_bytes, odd, sizeof odd)), 7);
    check_int(aio_join(aio_spawn_copy(sum_bytes, large, sizeof large)), 56);
}

static int is_null(void *arg)
{
    return arg == NULL;
}

TASK_TEST(a_copy_of_nothing_is_null)
{
    check_int(aio_join(aio_spawn_copy(is_null, "", 0)), 1);
    check_int(aio_join(aio_spawn_copy(is_null, NULL, 0)), 1);
}

TASK_TEST(arguments_that_leave_no_stack_are_refused)
{
    static const char huge[200000];
    errno = 0;
    check(aio_spawn_copy(sum_bytes, huge, sizeof huge) == NULL);
    check_int(errno, ENOMEM);
    check_int(aio_go_copy(sum_bytes, huge, sizeof huge), -ENOMEM);
    check_int(aio_task_count(NULL), 1);
}

TEST(no_task_starts_where_no_loop_runs)
{
    int result = 0;
    errno = 0;
    check(aio_spawn(return_it, &result) == NULL);
    check_int(errno, EPERM);
    check(aio_spawn_copy(return_it, &result, sizeof result) == NULL);
    check_int(aio_go(return_it, &result), -EPERM);
    check_int(aio_go_copy(return_it, &result, sizeof result), -EPERM);
    check(aio_task_current() == NULL);
    check_int(aio_task_count(NULL), 0);
}

static void check_refused(const aio_spawn_options *options, aio_function function)
{
    errno = 0;
    check(aio_spawn_with(options, function, NULL) == NULL);
    check_int(errno, EINVAL);
}

TASK_TEST(options_that_make_no_sense_are_refused)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    check_refused(&options, NULL);
    check_int(aio_go(NULL, NULL), -EINVAL);
    options.size = 1;
    check_refused(&options, do_nothing);
    options = (aio_spawn_options)AIO_SPAWN_OPTIONS_INIT;
    options.stack_size = 16383;
    check_refused(&options, do_nothing);
    options.stack_size = 0;
    options.copy = "x";
    check_refused(&options, do_nothing);
    options.copy = NULL;
    options.copy_size = 1;
    check_refused(&options, do_nothing);
    check_int(aio_task_count(NULL), 1);
}

static int use_stack(void *arg)
{
    volatile char large[200000];
    for (size_t i = 0; i < sizeof large; i += 1000)
        large[i] = (char)i;
    return arg == NULL ? large[1000] : 0;
}

TASK_TEST(a_stack_is_as_large_as_it_was_asked_to_be)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.stack_size = 16384;
    check_int(aio_join(aio_spawn_with(&options, is_null, NULL)), 1);
    options.stack_size = 1 << 20;
    check_int(aio_join(aio_spawn_with(&options, use_stack, &options)), 0);
    options.stack_size = SIZE_MAX;
    check(aio_spawn_with(&options, do_nothing, NULL) == NULL);
    check_int(errno, ENOMEM);
    options.stack_size = (size_t)1 << 60;
    check(aio_spawn_with(&options, do_nothing, NULL) == NULL);
    check_int(errno, ENOMEM);
}

TEST(a_task_can_be_spawned_on_a_loop_that_does_not_run)
{
    int count = 0;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = aio_loop_new();
    if (options.loop == NULL)
        return;
    options.eager = true;
    check_refused(&options, count_up);
    options.eager = false;
    aio_task *task = aio_spawn_with(&options, count_up, &count);
    check_int(aio_task_count(options.loop), task != NULL);
    check_int(aio_loop_run_until_complete(options.loop, task), 1);
    check_int(aio_task_count(options.loop), 0);
    aio_release(task);
    check_int(aio_loop_close(options.loop), 0);
}

/* ---- eager ---------------------------------------------------------------------------------- */

static aio_task *spawn_eagerly(aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    return aio_spawn_with(&options, function, arg);
}

static int note_round_a_yield(void *arg)
{
    note(arg, 'a');
    int rc = aio_yield();
    note(arg, 'b');
    return rc;
}

TASK_TEST(an_eager_task_runs_at_once_up_to_its_first_wait)
{
    struct trace trace = {0};
    aio_task *self = aio_task_current();
    aio_task *task = spawn_eagerly(note_round_a_yield, &trace);
    check(aio_task_current() == self);
    note(&trace, '1');
    check_int(aio_join(task), 0);
    check_string(trace.text, "a1b");
}

TASK_TEST(an_eager_task_that_does_not_wait_is_done_at_once)
{
    int result = 3;
    aio_task *task = spawn_eagerly(return_it, &result);
    check(aio_future_done(task));
    check_int(aio_task_cancel(task), task != NULL ? 0 : -ENOMEM);
    check_int(aio_join(task), 3);
    check_int(aio_task_count(NULL), 1);
}

struct eager_callback {
    struct trace trace;
    aio_task *task;
};

static void spawn_in_a_callback(void *arg)
{
    struct eager_callback *callback = arg;
    callback->task = spawn_eagerly(note_round_a_yield, &callback->trace);
    check(aio_task_current() == NULL);
    note(&callback->trace, '1');
    aio_release(spawn_eagerly(note_t, &callback->trace));
    note(&callback->trace, '2');
}

TASK_TEST(an_eager_task_can_be_spawned_from_a_callback)
{
    struct eager_callback callback = {0};
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, spawn_in_a_callback, &callback), 0);
    check_int(aio_yield(), 0);
    check_string(callback.trace.text, "a1t2");
    check_int(aio_join(callback.task), 0);
    check_string(callback.trace.text, "a1t2b");
}

static void spawn_in_a_handler(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop;
    (void)failure;
    spawn_in_a_callback(arg);
}

static void spawn_in_an_output(const char *line, void *arg)
{
    struct eager_callback *callback = arg;
    (void)line;
    if (callback->task == NULL)
        spawn_in_a_callback(callback);
}

/* Both run on this task's stack, which goes on after, and the thread's is what it was. */
TASK_TEST(an_eager_task_can_be_spawned_where_there_is_no_task_on_a_tasks_stack)
{
    struct eager_callback handler = {0}, output = {0};
    aio_task *self = aio_task_current();
    aio_failure failure = {.message = "none"};
    (void)aio_loop_set_exception_handler(aio_loop_current(), spawn_in_a_handler, &handler);
    check_int(aio_loop_call_exception_handler(aio_loop_current(), &failure), 0);
    (void)aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL);
    check(aio_debug_dump(NULL, spawn_in_an_output, &output) > 0);
    check(aio_task_current() == self);
    check_string(handler.trace.text, "a1t2");
    check_int(aio_sleep(1), 0);
    check_int(aio_join(handler.task), 0);
    check_int(aio_join(output.task), 0);
    check_string(output.trace.text, "a1t2b");
}

static int spawn_another_eagerly(void *arg)
{
    note(arg, '<');
    aio_task *task = spawn_eagerly(note_round_a_yield, arg);
    aio_release(spawn_eagerly(note_t, arg));
    note(arg, '>');
    int rc = aio_join(task);
    note(arg, '.');
    return rc;
}

TASK_TEST(an_eager_task_may_spawn_eager_tasks)
{
    struct trace trace = {0};
    aio_task *task = spawn_eagerly(spawn_another_eagerly, &trace);
    note(&trace, '1');
    check_int(aio_join(task), 0);
    check_string(trace.text, "<at>1b.");
}

static int end_without_a_word(void *arg)
{
    aio_task *parent = *(aio_task **)arg;
    check_int(aio_task_cancel(parent), 1);
    return 0;
}

TASK_TEST(an_eager_task_may_cancel_who_spawned_it)
{
    aio_task *self = aio_task_current();
    aio_task *task = spawn_eagerly(end_without_a_word, &self);
    check_int(aio_sleep(1), task != NULL ? -ECANCELED : 0);
    check_int(aio_join(task), 0);
    check_int(aio_task_uncancel(self), 0);
}

static int await_the_spawner(void *arg)
{
    return aio_await(arg);
}

TASK_TEST(an_eager_task_may_await_who_spawned_it_but_not_both_each_other)
{
    aio_task *task = spawn_eagerly(await_the_spawner, aio_task_current());
    check_int(aio_await(task), task != NULL ? -EDEADLK : -ENOMEM);
    check_int(aio_task_stop(task), -EDEADLK);
    check_int(aio_yield(), -ECANCELED);
}

TASK_TEST(an_eager_task_cancelled_afterwards_is_cancelled_where_it_waits)
{
    aio_task *task = spawn_eagerly(sleep_long, NULL);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

TASK_TEST(an_eager_task_that_fails_at_once_is_reported_at_its_last_release)
{
    catch_failures(&caught);
    aio_task *task = spawn_eagerly(fail, NULL);
    check_int(caught.count, 0);
    aio_release(task);
    check_int(caught.count, task != NULL);
}

/* ---- failures ------------------------------------------------------------------------------- */

static int yield_and_fail(void *arg)
{
    int rc = aio_yield();
    (void)arg;
    return rc < 0 ? rc : -EIO;
}

TASK_TEST(go_reports_a_failure_when_it_ends_and_once)
{
    catch_failures(&caught);
    if (aio_go(yield_and_fail, NULL) < 0)
        return;
    check_int(aio_yield(), 0);
    check_int(caught.count, 0);
    check_int(aio_yield(), 0);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
    check_string(caught.name, "Task-2");
    check_string(caught.message, "a task failed and nobody awaited it");
    check_int(aio_sleep(10), 0);
    check_int(caught.count, 1);
}

static int cancel_oneself(void *arg)
{
    (void)arg;
    check_int(aio_task_cancel(aio_task_current()), 1);
    return aio_yield();
}

TASK_TEST(go_reports_neither_success_nor_cancellation)
{
    int result = 5;
    catch_failures(&caught);
    check_int(aio_go(return_it, &result), 0);
    check_int(aio_go_copy(return_it, &result, sizeof result), 0);
    check_int(aio_go(cancel_oneself, NULL), 0);
    check_int(aio_sleep(10), 0);
    check_int(caught.count, 0);
    check_int(aio_task_count(NULL), 1);
}

TASK_TEST(a_spawned_failure_is_reported_at_the_last_release)
{
    catch_failures(&caught);
    aio_task *ended = aio_spawn(fail, NULL), *running = aio_spawn(yield_and_fail, NULL);
    aio_release(running);
    check_int(aio_sleep(10), 0);
    check_int(caught.count, running != NULL);
    aio_release(ended);
    check_int(caught.count, (running != NULL) + (ended != NULL));
}

TASK_TEST(a_spawned_failure_that_was_awaited_is_not_reported)
{
    catch_failures(&caught);
    check_int(aio_join(aio_spawn(fail, NULL)), -EIO);
    aio_task *stopped = aio_spawn(fail, NULL), *asked = aio_spawn(fail, NULL);
    check_int(aio_yield(), 0);
    check_int(aio_task_stop(stopped), -EIO);
    check_int(aio_future_result(asked), -EIO);
    aio_release(asked);
    check_int(caught.count, 0);
}

static int fail_in_ones_own_way(void *arg)
{
    (void)arg;
    return AIO_USER_ERROR(3);
}

TASK_TEST(the_programs_own_errors_are_failures_like_others)
{
    catch_failures(&caught);
    if (aio_go(fail_in_ones_own_way, NULL) == 0) {
        check_int(aio_sleep(1), 0);
        check_int(caught.error, AIO_USER_ERROR(3));
    }
    check_int(aio_join(aio_spawn(fail_in_ones_own_way, NULL)), AIO_USER_ERROR(3));
}

/* ---- what is known of it -------------------------------------------------------------------- */

TASK_TEST(a_task_without_a_name_is_called_by_its_number)
{
    aio_task *second = aio_spawn(do_nothing, NULL), *third = aio_spawn(do_nothing, NULL);
    const char *name = aio_task_name(second), *other = aio_task_name(third);
    if (second != NULL && third != NULL && name != other) {
        check_string(name, "Task-2");
        check_string(other, "Task-3");
    }
    check_string(aio_task_name(aio_task_current()), "main");
    check_int(aio_join(second), 0);
    check_int(aio_join(third), 0);
}

TASK_TEST(two_names_can_be_used_at_a_time)
{
    aio_task *second = aio_spawn(do_nothing, NULL), *third = aio_spawn(do_nothing, NULL);
    check(aio_task_name(second) != aio_task_name(third));
    check_int(aio_join(second), 0);
    check_int(aio_join(third), 0);
}

TASK_TEST(a_name_is_copied)
{
    char name[] = "worker";
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = name;
    aio_task *task = aio_spawn_with(&options, do_nothing, NULL);
    name[0] = 'W';
    check_string(aio_task_name(task), "worker");
    check_int(aio_task_set_name(task, name), 0);
    name[0] = '?';
    check_string(aio_task_name(task), "Worker");
    check_int(aio_task_set_name(task, NULL), -EINVAL);
    check_int(aio_join(task), 0);
}

struct identity {
    aio_task *task;
    bool same;
};

static int recognise_oneself(void *arg)
{
    struct identity *identity = arg;
    identity->same = aio_task_current() == identity->task;
    int rc = aio_yield();
    identity->same = identity->same && aio_task_current() == identity->task;
    return rc;
}

static void expect_no_task(void *arg)
{
    check(aio_task_current() == NULL);
    *(bool *)arg = true;
}

TASK_TEST(the_current_task_is_the_one_that_runs_and_none_in_a_callback)
{
    struct identity all[2] = {{0}};
    aio_handle handle = AIO_HANDLE_INIT;
    bool called = false;
    aio_task *self = aio_task_current();
    for (int i = 0; i < 2; i++)
        all[i].task = aio_spawn(recognise_oneself, &all[i]);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, expect_no_task, &called), 0);
    for (int i = 0; i < 2; i++) {
        check_int(aio_join(all[i].task), 0);
        check(all[i].same);
        check(aio_task_current() == self);
    }
    check(called);
}

TASK_TEST(tasks_are_counted_until_they_end)
{
    aio_loop *loop = aio_loop_current();
    check_int(aio_task_count(loop), 1);
    aio_task *task = aio_spawn(do_nothing, NULL);
    check_int(aio_task_count(loop), task != NULL ? 2 : 1);
    check_int(aio_task_count(NULL), aio_task_count(loop));
    check_int(aio_yield(), 0);
    check_int(aio_task_count(loop), 1);
    check_int(aio_join(task), 0);
}

/* ---- many ----------------------------------------------------------------------------------- */

static int yield_some(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++)
        rc = aio_yield();
    ++*(int *)arg;
    return rc;
}

static int go_many(void *arg)
{
    int many = (int)test_scale_tasks(MANY(10000));
    for (int i = 0; i < many; i++)
        check_int(aio_go(yield_some, arg), 0);
    check_int(aio_task_count(NULL), many + 1);
    check_int(aio_sleep(1), 0);
    check_int(aio_task_count(NULL), 1);
    return 0;
}

TEST(ten_thousand_at_a_time)
{
    int count = 0;
    check_int(test_run(go_many, &count), 0);
    check_int(count, test_scale_tasks(MANY(10000)));
}

/* ---- reports --------------------------------------------------------------------------------- */

static void sleep_in_handler(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure;
    *(int *)arg = aio_sleep(AIO_SEC(1));
}

static int fail_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

TASK_TEST(an_exception_handler_can_not_suspend)
{
    int slept = 0;
    check_int(aio_loop_set_exception_handler(aio_loop_current(), sleep_in_handler, &slept), 0);
    check_int(aio_go(fail_at_once, NULL), 0);
    check_int(aio_yield(), 0);
    check_int(slept, -EPERM);
}

/* ---- posts of one's own ---------------------------------------------------------------------- */

static void note_post(void *arg)
{
    note(arg, 'p');
}

TASK_TEST(what_a_task_has_posted_comes_before_its_own_next_step)
{
    struct trace trace = {0};
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon_threadsafe(aio_loop_current(), &handle, note_post, &trace), 0);
    check_int(aio_yield(), 0);
    note(&trace, 'm');
    check_string(trace.text, "pm");
}
