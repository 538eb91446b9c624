/*
 * Taking down what main has left: in order, in rounds, and with an end, whatever
 * the tasks do.
 */
#include <errno.h>
#include <stdlib.h>

#include <aio/run.h>
#include <aio/sync.h>

#include "support/task_case.h"

static struct caught caught;

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

static aio_options quiet_options(aio_clock clock)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = clock;
    options.handle_sigint = false;
    return options;
}

static aio_runner *new_runner(void)
{
    aio_options options = quiet_options(AIO_CLOCK_VIRTUAL);
    return aio_runner_new(&options);
}

/* ---- those that end ------------------------------------------------------------------------- */

struct cleaner {
    struct trace *trace;
    int64_t time; /* that its clean-up takes */
    char name;
};

static int clean_up(void *arg)
{
    struct cleaner *cleaner = arg;
    int rc = aio_sleep(AIO_SEC(1000));
    note(cleaner->trace, cleaner->name);
    int cleaned = cleaner->time > 0 ? aio_sleep(cleaner->time) : 0;
    note(cleaner->trace, cleaned == 0 ? '.' : '!');
    return rc;
}

struct household {
    struct trace trace;
    struct cleaner cleaners[3];
};

static int leave_tasks(void *arg)
{
    struct household *household = arg;
    for (int i = 0; i < 3; i++)
        check_int(aio_go(clean_up, &household->cleaners[i]), 0);
    int rc = aio_sleep(1);
    note(&household->trace, 'm');
    return rc < 0 ? rc : 5;
}

TEST(what_main_leaves_is_cancelled_in_order_of_creation_and_awaited)
{
    struct household home = {.cleaners = {{&home.trace, 30, 'a'},
                                          {&home.trace, 0, 'b'},
                                          {&home.trace, 10, 'c'}}};
    check_int(test_run(leave_tasks, &home), 5);
    check_string(home.trace.text, "mab.c..");
}

TEST(the_clean_up_has_the_time_it_needs)
{
    struct household home = {.cleaners = {{&home.trace, AIO_SEC(9), 'a'},
                                          {&home.trace, AIO_SEC(4), 'b'},
                                          {&home.trace, 0, 'c'}}};
    check_int(test_run(leave_tasks, &home), 5);
    check_string(home.trace.text, "mabc...");
}

TEST(a_clean_up_that_takes_longer_than_the_grace_is_cancelled_again)
{
    struct household home = {.cleaners = {{&home.trace, AIO_SEC(11), 'a'},
                                          {&home.trace, AIO_SEC(4), 'b'},
                                          {&home.trace, 0, 'c'}}};
    check_int(test_run(leave_tasks, &home), 5);
    check_string(home.trace.text, "mabc..!");
}

static int clean_up_with_a_task(void *arg)
{
    struct cleaner *cleaner = arg;
    int rc = aio_sleep(AIO_SEC(1000));
    note(cleaner->trace, 's');
    check_int(aio_go(clean_up, cleaner), 0);
    return rc;
}

static int leave_a_spawner(void *arg)
{
    check_int(aio_go(clean_up_with_a_task, arg), 0);
    return aio_sleep(1);
}

TEST(tasks_spawned_in_a_clean_up_are_taken_down_as_well)
{
    struct trace trace = {0};
    struct cleaner cleaner = {&trace, 10, 'c'};
    check_int(test_run(leave_a_spawner, &cleaner), 0);
    check_string(trace.text, "sc.");
}

static void spawn_the_cleaner(void *arg)
{
    struct cleaner *cleaner = arg;
    note(cleaner->trace, 'b');
    check_int(aio_go(clean_up, cleaner), 0);
}

struct last_callback {
    aio_task *task;
    aio_handle handle;
    struct cleaner cleaner;
};

static int leave_a_callback(void *arg)
{
    struct last_callback *last = arg;
    last->task = aio_spawn(sleep_long, NULL);
    check_int(aio_future_on_done(last->task, &last->handle, spawn_the_cleaner, &last->cleaner), 0);
    return aio_sleep(1);
}

TEST(a_task_spawned_by_the_last_ones_callback_is_taken_down_as_well)
{
    struct trace trace = {0};
    struct last_callback last = {NULL, AIO_HANDLE_INIT, {&trace, 0, 'c'}};
    check_int(test_run(leave_a_callback, &last), 0);
    check_string(trace.text, "b");
    aio_release(last.task);
}

static int fail_at_the_end(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1000));
    (void)arg;
    return rc == -ECANCELED ? -EIO : rc;
}

static int leave_a_failure(void *arg)
{
    int *result = arg;
    catch_failures(&caught);
    check_int(aio_go(fail_at_the_end, NULL), 0);
    int rc = aio_sleep(1);
    return rc < 0 ? rc : *result;
}

TEST(a_failure_in_the_shut_down_is_reported_and_mains_result_stays)
{
    int result = 3;
    check_int(test_run(leave_a_failure, &result), 3);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
}

/* ---- those that don't end ------------------------------------------------------------------- */

/* C's commonest loop. */
static int ignore_and_sleep(void *arg)
{
    int *rounds = arg, rc = 0;
    while (rc != -EPERM) {
        rc = aio_sleep(AIO_SEC(1));
        *rounds += rc == -ECANCELED;
    }
    return rc;
}

static int ignore_and_yield(void *arg)
{
    int *rounds = arg, rc = 0;
    while (rc != -EPERM) {
        rc = aio_yield();
        *rounds += rc == -ECANCELED;
    }
    return rc;
}

static int ignore_under_a_timeout(void *arg)
{
    return aio_timeout_run(AIO_SEC(100000), ignore_and_sleep, arg);
}

struct stubborn {
    aio_function function;
    int rounds;
};

static int leave_a_stubborn_task(void *arg)
{
    struct stubborn *stubborn = arg;
    catch_failures(&caught);
    int rc = aio_go(stubborn->function, &stubborn->rounds);
    for (int turn = 0; turn < 5 && rc == 0; turn++)
        rc = aio_yield();
    return rc;
}

/* How often it was told: once in each of three rounds, then at each of its last waits. */
static void leave_stubborn(aio_function function)
{
    struct stubborn stubborn = {function, 0};
    aio_runner *runner = new_runner();
    if (aio_runner_run(runner, leave_a_stubborn_task, &stubborn) == 0) {
        check_int(aio_runner_close(runner), 1);
        check_int(stubborn.rounds, 3 + 1 + 100);
        check_int(caught.count, 1);
        check_string(caught.message, "a task ignores that it is cancelled");
        check_string(caught.name, "Task-2");
    } else {
        check_int(aio_runner_close(runner), 0);
    }
}

TEST(a_task_that_sleeps_and_ignores_its_cancellation_is_abandoned)
{
    leave_stubborn(ignore_and_sleep);
}

TEST(a_task_that_yields_and_ignores_its_cancellation_is_abandoned)
{
    leave_stubborn(ignore_and_yield);
}

TEST(a_task_abandoned_under_a_timeout_is_reported_only_for_ignoring)
{
    leave_stubborn(ignore_under_a_timeout);
}

TEST(the_grace_ends_a_round_on_the_real_clock)
{
    struct stubborn stubborn[] = {{ignore_and_sleep, 0}, {ignore_and_yield, 0}};
    aio_options options = quiet_options(AIO_CLOCK_MONOTONIC);
    options.shutdown_grace = AIO_MSEC(1);
    for (int i = 0; i < 2; i++)
        if (aio_run_with(&options, leave_a_stubborn_task, &stubborn[i]) == 0) {
            check(stubborn[i].rounds >= 100);
            check_int(caught.count, 1);
        }
}

TEST(no_grace_at_all_is_a_turn_a_round)
{
    struct stubborn stubborn = {ignore_and_sleep, 0};
    aio_options options = quiet_options(AIO_CLOCK_MONOTONIC);
    options.shutdown_grace = 0;
    check_int(aio_run_with(&options, leave_a_stubborn_task, &stubborn), 0);
}

static int stop_a_stubborn_task(void *arg)
{
    aio_task *task = aio_spawn(ignore_and_sleep, arg);
    int rc = aio_yield();
    return rc < 0 ? aio_join(task) : aio_task_stop(task);
}

static int join_a_stubborn_task(void *arg)
{
    return aio_join(aio_spawn(ignore_and_sleep, arg));
}

TEST(who_waits_for_the_end_of_a_stubborn_task_is_abandoned_with_it)
{
    static const aio_function functions[] = {stop_a_stubborn_task, join_a_stubborn_task};
    for (int i = 0; i < 2; i++) {
        struct stubborn stubborn = {functions[i], 0};
        aio_runner *runner = new_runner();
        (void)aio_runner_run(runner, leave_a_stubborn_task, &stubborn);
        int left = (int)aio_task_count(aio_runner_loop(runner));
        check_int(aio_runner_close(runner), left);
        check_int(left, 2);
    }
}

static int start_again(void *arg)
{
    int *generations = arg;
    ++*generations;
    int rc = aio_sleep(AIO_SEC(1000));
    check_int(aio_go(start_again, arg), 0);
    return rc;
}

static int leave_a_hydra(void *arg)
{
    catch_failures(&caught);
    check_int(aio_go(start_again, arg), 0);
    return aio_sleep(1);
}

TEST(tasks_that_start_others_for_ever_are_given_up)
{
    int generations = 0;
    check_int(test_run(leave_a_hydra, &generations), 0);
    check(generations > 50);
    check(generations < 1000);
    check_int(caught.count, 1);
}

static int await_forever(void *arg)
{
    aio_future *future = *(aio_future **)arg;
    int rc = -ECANCELED;
    while (rc == -ECANCELED)
        rc = aio_await_done(future);
    return rc;
}

static int leave_one_that_awaits(void *arg)
{
    aio_future **future = arg;
    catch_failures(&caught);
    *future = aio_future_new();
    int rc = *future != NULL ? aio_go(await_forever, future) : -ENOMEM;
    return rc < 0 ? rc : aio_yield();
}

TEST(what_an_abandoned_task_awaited_can_be_released)
{
    aio_future *future = NULL;
    check_int(test_run(leave_one_that_awaits, &future), 0);
    check(!aio_future_done(future));
    aio_release(future);
}

/* ---- what it reports ------------------------------------------------------------------------- */

static int fail_when_cancelled(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000)) < 0 ? -EIO : 0;
}

static int leave_one_that_fails(void *arg)
{
    aio_task **out_task = arg;
    catch_failures(&caught);
    *out_task = aio_spawn(fail_when_cancelled, NULL);
    return aio_yield();
}

TEST(one_that_fails_in_the_shut_down_is_reported)
{
    aio_task *task = NULL;
    check_int(test_run(leave_one_that_fails, &task), 0);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
    aio_release(task);
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

struct left {
    aio_task *task;
    bool asked;
};

static int leave_one_that_has_failed(void *arg)
{
    struct left *left = arg;
    catch_failures(&caught);
    left->task = aio_spawn(fail, NULL);
    int rc = aio_sleep(1);
    if (left->asked)
        check_int(aio_future_result(left->task), left->task != NULL ? -EIO : -ENOMEM);
    check_int(caught.count, 0);
    return rc;
}

TEST(one_that_failed_before_and_is_never_released_is_reported_once)
{
    struct left left = {NULL, false};
    check_int(test_run(leave_one_that_has_failed, &left), 0);
    check_int(caught.count, 1);
    check_int(caught.error, -EIO);
    check_string(caught.message, "a task failed and nobody awaited it");
    check_string(caught.name, "Task-2");
    aio_release(left.task);
    check_int(caught.count, 1);
}

TEST(one_that_failed_before_and_was_asked_is_not_reported)
{
    struct left left = {NULL, true};
    check_int(test_run(leave_one_that_has_failed, &left), 0);
    check_int(caught.count, 0);
    aio_release(left.task);
}

static int join_late(void *arg)
{
    int rc = aio_sleep(AIO_SEC(1000));
    check_int(rc, -ECANCELED);
    check_int(aio_join(arg), -EIO);
    return rc;
}

static int leave_one_to_join(void *arg)
{
    aio_task *task = aio_spawn(fail, arg);
    catch_failures(&caught);
    check_int(aio_go(join_late, task), 0);
    return aio_sleep(1);
}

TEST(one_that_failed_before_and_is_joined_in_a_clean_up_is_not_reported)
{
    check_int(test_run(leave_one_to_join, NULL), 0);
    check_int(caught.count, 0);
}

static void release_what_failed(aio_loop *loop, const aio_failure *failure, void *arg)
{
    struct left *left = arg;
    (void)loop;
    check_int(failure->error, -EIO);
    aio_release(left->task);
    left->task = NULL;
}

static int leave_one_to_the_handler(void *arg)
{
    int rc = leave_one_that_has_failed(arg);
    (void)aio_loop_set_exception_handler(aio_loop_current(), release_what_failed, arg);
    return rc;
}

TEST(handler_that_hears_of_it_may_release_it)
{
    struct left left = {NULL, false};
    check_int(test_run(leave_one_to_the_handler, &left), 0);
    check(left.task == NULL);
}

/* Its deadline comes while it stands still: there is no wait to undo any more. */
static int ignore_with_a_deadline(void *arg)
{
    aio_timeout timeout;
    (void)arg;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(35));
    if (rc < 0)
        return rc;
    for (;;)
        (void)!aio_sleep(AIO_SEC(1000));
}

static int leave_one_with_a_deadline(void *arg)
{
    (void)arg;
    catch_failures(&caught);
    int rc = aio_go(ignore_with_a_deadline, NULL);
    return rc < 0 ? rc : aio_go(sleep_long, NULL);
}

TEST(deadline_of_one_that_stands_still_is_harmless)
{
    check_int(test_run(leave_one_with_a_deadline, NULL), 0);
    check_int(caught.count, 1);
}

/* ---- what lies on main's stack -------------------------------------------------------------- */

static int scribble(void *arg)
{
    volatile char text[8000];
    (void)arg;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = 'x';
    return aio_yield();
}

/* They take the stack that was free last. */
static int start_scribblers(void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    int rc = sleep_long(arg);
    for (int i = 0; i < 3; i++)
        (void)!aio_go_with(&options, scribble, NULL);
    return rc;
}

static int acquire_when_cancelled(void *lock)
{
    int rc = aio_lock_acquire(lock);
    check_int(rc, -ECANCELED);
    check(aio_lock_locked(lock));
    return rc;
}

static int leave_two_at_its_lock(void *arg)
{
    aio_lock lock = AIO_LOCK_INIT;
    (void)arg;
    check_int(aio_lock_acquire(&lock), 0);
    if (aio_go(start_scribblers, NULL) == 0 && aio_go(acquire_when_cancelled, &lock) == 0 &&
        aio_go(acquire_when_cancelled, &lock) == 0)
        check_int(aio_yield(), 0);
    return 0;
}

/* These tools see that main's frame is gone. */
static bool frames_are_watched(void)
{
#if defined(AIO__ASAN)
    return true;
#else
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
#endif
}

TEST(a_lock_on_mains_stack_stays_as_it_is_until_the_shut_down_is_over)
{
    if (!frames_are_watched())
        check_int(test_run(leave_two_at_its_lock, NULL), 0);
}

TEST(a_runner_keeps_the_stack_of_its_last_main)
{
    aio_runner *runner = frames_are_watched() ? NULL : new_runner();
    if (runner == NULL)
        return;
    for (int i = 0; i < 3; i++)
        check_int(aio_runner_run(runner, i == 2 ? leave_two_at_its_lock : scribble, NULL), 0);
    check_int(aio_runner_close(runner), 0);
}
