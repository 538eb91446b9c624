/*
 * Generators that end: closed, thrown at, left to the loop, or run through by AIO_FOREACH.
 */
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aio/group.h>
#include <aio/sync.h>

#include "support/generator_case.h"
#include "task/scheduler.h"

static struct caught caught;

/* ---- closing -------------------------------------------------------------------------------- */

TASK_TEST(closing_early_lets_the_body_clean_up_and_wait_for_that)
{
    struct script script = {.last_wait = 1};
    aio_generator *generator = new_cleaner(&script);
    int item;
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_string(script.trace.text, "b");
    int64_t start = aio_loop_time(aio_loop_current());
    check_int(aio_generator_close(generator), 0);
    check_string(script.trace.text, "bcz");
    check_int(script.last_wait, 0);
    check_int(aio_loop_time(aio_loop_current()) - start, 100);
}

TASK_TEST(what_fails_in_the_clean_up_is_what_the_close_returns)
{
    struct script script = {.result = AIO_USER_ERROR(3)};
    aio_generator *generator = new_cleaner(&script);
    int item;
    if (aio_generator_next(generator, &item) == 1)
        check_int(aio_generator_close(generator), AIO_USER_ERROR(3));
    else
        check_int(aio_generator_close(generator), 0);
}

static int yield_once_more(void *arg)
{
    struct script *script = arg;
    int rc = aio_generator_yield(&script->result);
    check_int(rc, -AIO_ECLOSED);
    check_int(aio_generator_yield(&script->result), -AIO_ECLOSED);
    note(&script->trace, 'e');
    return rc;
}

TASK_TEST(a_body_that_yields_while_it_is_closed_fails_but_ends)
{
    struct script script = {.result = 0};
    aio_generator *generator = aio_generator_new(yield_once_more, &script, sizeof(int));
    int item;
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_close(generator), -EINVAL);
    check_string(script.trace.text, "e");
}

static int yield_for_ever(void *arg)
{
    aio_timeout timeout;
    while (aio_generator_yield(arg) != -AIO_ECLOSED)
        continue;
    (void)!aio_timeout_begin(&timeout, AIO_SEC(1));
    for (int rc = 0; rc != 1;)
        rc = aio_generator_yield(arg);
    return 0;
}

TASK_TEST(a_body_that_never_stops_yielding_is_closed_all_the_same)
{
    catch_failures(&caught);
    int item = 0;
    aio_generator *generator = aio_generator_new(yield_for_ever, &item, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_close(generator), -EINVAL);
    check(caught.count <= 1); /* its timeout, if that could begin */
    check_int(aio_loop_current()->timers.count, 0);
}

static int close_it(void *arg)
{
    return aio_generator_close(arg);
}

TASK_TEST(a_close_that_waits_can_be_cancelled_as_any_call)
{
    struct script script = {.last_wait = 1};
    aio_generator *generator = new_cleaner(&script);
    int item;
    aio_task *task = NULL;
    if (aio_generator_next(generator, &item) == 1)
        task = aio_spawn(close_it, generator);
    if (task == NULL) {
        check_int(aio_generator_close(generator), 0);
        return;
    }
    check_int(aio_yield(), 0);
    check_int(aio_generator_next(generator, &item), -EBUSY);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), 0);
    check_int(script.last_wait, -ECANCELED);
    check_string(script.trace.text, "bcz");
}

static int sleep_on(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1));
}

static int leave_a_group_open(void *arg)
{
    aio_group group;
    int rc = aio_group_begin(&group);
    if (rc == 0)
        rc = aio_group_spawn(&group, sleep_on, arg);
    return rc < 0 ? rc : AIO_USER_ERROR(1);
}

TASK_TEST(a_group_that_a_body_leaves_open_ends_with_it)
{
    catch_failures(&caught);
    int item;
    int before = (int)aio_task_count(NULL);
    aio_generator *generator = aio_generator_new(leave_a_group_open, NULL, sizeof item);
    if (aio_generator_next(generator, &item) == AIO_USER_ERROR(1)) {
        check_int(caught.count, 1);
        check_string(caught.message, "a group was begun and never ended");
    }
    check_int(aio_task_count(NULL), before);
    check_int(aio_generator_close(generator), 0);
}

/* ---- throwing ------------------------------------------------------------------------------- */

static int yield_what_was_thrown(void *arg)
{
    int item = 0;
    (void)arg;
    for (int i = 0; i < 3; i++)
        item = aio_generator_yield(&item);
    return item;
}

TASK_TEST(what_is_thrown_is_what_the_yield_returns)
{
    int item = 0;
    aio_generator *generator = aio_generator_new(yield_what_was_thrown, NULL, sizeof item);
    if (generator == NULL)
        return;
    check_int(aio_generator_next(generator, &item), 1);
    check_int(aio_generator_throw(generator, -EIO, &item), 1);
    check_int(item, -EIO);
    check_int(aio_generator_next(generator, &item), 1);
    check_int(item, 0);
    check_int(aio_generator_throw(generator, 0, &item), -EINVAL);
    check_int(aio_generator_throw(generator, -ENOENT, &item), -ENOENT);
    check_int(aio_generator_throw(generator, -ENOENT, &item), 0);
    check_int(aio_generator_close(generator), 0);
}

TASK_TEST(a_body_that_has_not_begun_never_does_when_something_is_thrown)
{
    struct script script = {.result = 0};
    aio_generator *generator = new_cleaner(&script);
    int item;
    if (generator == NULL)
        return;
    check_int(aio_generator_throw(generator, -EIO, &item), -EIO);
    check_int(aio_generator_next(generator, &item), 0);
    check_int(aio_generator_close(generator), 0);
    check_string(script.trace.text, "");
}

/* ---- AIO_FOREACH ---------------------------------------------------------------------------- */

TASK_TEST(foreach_runs_its_block_for_each_item)
{
    int count = 4, sum = 0, rc = 1;
    AIO_FOREACH (int, item, new_counter(&count), rc)
        sum += item;
    check_int(rc, rc == 0 ? 0 : -ENOMEM);
    check_int(sum, rc == 0 ? 10 : 0);
}

TASK_TEST(foreach_closes_the_generator_after_a_break)
{
    struct script script = {.result = AIO_USER_ERROR(5)};
    int rc = 1;
    AIO_FOREACH (int, item, new_cleaner(&script), rc) {
        if (item == 2)
            break;
    }
    if (rc != -ENOMEM) {
        check_int(rc, AIO_USER_ERROR(5));
        check_string(script.trace.text, "bcz");
    }
}

static int return_from_a_loop(struct script *script)
{
    int rc = 1;
    AIO_FOREACH (int, item, new_cleaner(script), rc) {
        if (item == 2)
            return item;
    }
    return rc;
}

TASK_TEST(foreach_closes_the_generator_after_a_return)
{
    struct script script = {.result = 0};
    if (return_from_a_loop(&script) == 2)
        check_string(script.trace.text, "bcz");
}

TASK_TEST(foreach_tells_how_the_generator_failed)
{
    int value = 9, items = 0, rc = 1;
    AIO_FOREACH (int, item, aio_generator_new(fail_after_one, &value, sizeof(int)), rc)
        items += item;
    if (rc != -ENOMEM) {
        check_int(rc, AIO_USER_ERROR(7));
        check_int(items, 9);
    }
}

TASK_TEST(foreach_refuses_items_of_another_size)
{
    int count = 3, rc = 1;
    AIO_FOREACH (char, item, new_counter(&count), rc)
        check(item == 0 && false);
    check(rc == -EINVAL || rc == -ENOMEM);
}

TASK_TEST(foreach_over_no_generator_is_no_memory)
{
    int rc = 1;
    AIO_FOREACH (int, item, NULL, rc)
        check(item == 0 && false);
    check_int(rc, -ENOMEM);
}

TASK_TEST(foreach_loops_nest)
{
    int three = 3, two = 2, sum = 0, outer = 1, inner = 0;
    AIO_FOREACH (int, i, new_counter(&three), outer) {
        AIO_FOREACH (int, j, new_counter(&two), inner)
            sum += i * j;
        if (inner < 0)
            break;
    }
    if (outer == 0 && inner == 0)
        check_int(sum, 18);
}

/* ---- the end of a task, and of the loop ----------------------------------------------------- */

static struct script left;

static int leave_one_open(void *arg)
{
    int item;
    aio_generator *generator = new_cleaner(arg);
    catch_failures(&caught);
    int rc = aio_generator_next(generator, &item);
    return rc < 0 ? rc : 0;
}

TEST(a_generator_that_nobody_closed_is_closed_at_the_loops_end)
{
    left = (struct script){.last_wait = 1};
    if (test_run(leave_one_open, &left) == 0) {
        check_string(left.trace.text, "bcz");
        check_int(left.last_wait, 0);
        check_int(caught.count, 0);
    }
}

TEST(the_failure_of_one_that_the_loop_closes_is_reported)
{
    left = (struct script){.result = AIO_USER_ERROR(4)};
    if (test_run(leave_one_open, &left) == 0 && left.trace.length == 3) {
        check_int(caught.count, 1);
        check_int(caught.error, AIO_USER_ERROR(4));
        check_string(caught.message, "a generator failed when the loop closed it");
    }
}

static int leave_one_not_begun(void *arg)
{
    catch_failures(&caught);
    return new_cleaner(arg) != NULL ? 0 : -errno;
}

TEST(one_that_has_not_begun_goes_with_the_loop_and_is_no_news)
{
    left = (struct script){.result = 0};
    if (test_run(leave_one_not_begun, &left) == 0) {
        check_string(left.trace.text, "");
        check_int(caught.count, 0);
    }
}

static int note_which(void *arg)
{
    struct script *script = arg;
    int rc = aio_generator_yield(&script->result);
    note(&left.trace, (char)('1' + script->result));
    rc = aio_sleep(10);
    note(&left.trace, (char)('a' + script->result));
    return rc;
}

static struct script numbered[3];

static int leave_three_open(void *arg)
{
    int item, rc = 0;
    (void)arg;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        numbered[i].result = i;
        rc = aio_generator_next(aio_generator_new(note_which, &numbered[i], sizeof item), &item);
    }
    return rc < 0 ? rc : 0;
}

TEST(those_left_over_are_closed_in_order_of_creation_and_together)
{
    left = (struct script){.result = 0};
    if (test_run(leave_three_open, NULL) == 0 && left.trace.length == 6)
        check_string(left.trace.text, "123abc");
}

/* Its clean-up closes another that nobody else would. */
static int close_another(void *arg)
{
    struct script *script = arg;
    int item;
    int rc = aio_generator_next(script->other, &item);
    if (rc > 0)
        rc = aio_generator_yield(&item);
    note(&script->trace, 'x');
    int closed = aio_generator_close(script->other);
    check(closed == 0 || closed == -EBUSY);
    return rc;
}

static int leave_a_chain_open(void *arg)
{
    static struct script outer;
    int item;
    outer = (struct script){.other = new_cleaner(arg)};
    aio_generator *generator = aio_generator_new(close_another, &outer, sizeof item);
    int rc = aio_generator_next(generator, &item);
    return rc < 0 ? rc : 0;
}

TEST(one_that_closes_another_at_the_loops_end_does_not_disturb_that)
{
    left = (struct script){.result = 0};
    if (test_run(leave_a_chain_open, &left) == 0 && left.trace.length > 1)
        check_string(left.trace.text, "bcz");
}

static int sleep_for_ever(void *arg)
{
    struct script *script = arg;
    while (script->result == 0) {
        script->last_wait = aio_sleep(AIO_SEC(1));
        note(&script->trace, 's');
    }
    return 0;
}

static int ask_a_stubborn_one(void *arg)
{
    int item;
    return aio_generator_next(aio_generator_new(sleep_for_ever, arg, sizeof item), &item);
}

static int leave_a_stubborn_one(void *arg)
{
    catch_failures(&caught);
    int rc = aio_go(ask_a_stubborn_one, arg);
    return rc < 0 ? rc : aio_yield();
}

TEST(a_task_in_a_body_that_ignores_its_end_is_abandoned_with_it)
{
    left = (struct script){.result = 0};
    if (test_run(leave_a_stubborn_one, &left) == 0 && caught.count > 0)
        check_string(caught.message, "a task ignores that it is cancelled");
}

static int hang_in_clean_up(void *arg)
{
    aio_event never = AIO_EVENT_INIT;
    int rc = 0;
    rc = aio_generator_yield(&rc);
    note(&((struct script *)arg)->trace, 'c');
    rc = aio_event_wait(&never);
    note(&((struct script *)arg)->trace, rc == -ECANCELED ? 'x' : '?');
    return rc;
}

static int leave_one_that_hangs(void *arg)
{
    int item;
    catch_failures(&caught);
    int rc = aio_generator_next(aio_generator_new(hang_in_clean_up, arg, sizeof item), &item);
    return rc < 0 ? rc : 0;
}

TEST(a_clean_up_that_never_ends_is_cancelled_at_the_loops_end)
{
    left = (struct script){.result = 0};
    if (test_run(leave_one_that_hangs, &left) == 0 && left.trace.length > 0) {
        check_string(left.trace.text, "cx");
        check_int(caught.count, 1);
        check_int(caught.error, -ECANCELED);
    }
}

TEST(a_loop_that_is_closed_without_a_runner_frees_and_reports_them)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    aio_loop *loop = aio_loop_new_with(&options);
    if (loop == NULL)
        return;
    left = (struct script){.result = 0};
    aio_spawn_options spawn = AIO_SPAWN_OPTIONS_INIT;
    spawn.loop = loop;
    aio_task *task = aio_spawn_with(&spawn, leave_one_open, &left);
    int rc = aio_loop_run_until_complete(loop, task);
    memset(&caught, 0, sizeof caught);
    aio_release(task);
    check_int(aio_loop_close(loop), 0);
    if (rc == 0) {
        check_string(left.trace.text, "b");
        check_int(caught.count, 1);
        check_string(caught.message, "the loop closed before a generator had ended");
    }
}

/* ---- a body that overflows its stack -------------------------------------------------------- */

static int recurse(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return depth == INT_MAX ? 0 : recurse(depth + 1) + frame[0];
}

static int overflow(void *arg)
{
    (void)arg;
    return recurse(0);
}

static int ask_one_that_overflows(void *arg)
{
    aio_generator_options options = AIO_GENERATOR_OPTIONS_INIT;
    options.stack_size = 65536;
    int item;
    return aio_generator_next(aio_generator_new_with(&options, overflow, arg, sizeof item), &item);
}

/* In a child: no core file, no handlers of checking tools, and the errors to the parent. */
static _Noreturn void crash(int errors)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    (void)dup2(errors, STDERR_FILENO);
    (void)aio_run(ask_one_that_overflows, NULL);
    _exit(0);
}

TEST(an_overflow_in_a_body_is_told_with_the_tasks_name_and_its_own_stacks_size)
{
    char text[512] = "";
    size_t length = 0;
    ssize_t got;
    int ends[2], status = 0;
    if (test_under_valgrind() || !check_int(pipe(ends), 0))
        return;
    pid_t child = fork();
    if (child == 0)
        crash(ends[1]);
    (void)close(ends[1]);
    while ((got = read(ends[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    (void)close(ends[0]);
    check(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    check(strstr(text, "stack overflow in task \"main\" (stack of 65536 bytes)\n") != NULL);
}
