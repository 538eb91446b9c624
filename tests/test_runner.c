/*
 * From main() into the loop and back: results, several runs, SIGINT.  The taking
 * down of what is left is in test_runner_shutdown.c.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aio/run.h>

#include "support/task_case.h"

static int return_it(void *arg)
{
    return *(int *)arg;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

static int await_it(void *arg)
{
    return aio_await(arg);
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

/* ---- aio_run -------------------------------------------------------------------------------- */

TEST(run_returns_what_main_does)
{
    int result = 42;
    check_int(aio_run(return_it, &result), 42);
    result = -EIO;
    check_int(aio_run(return_it, &result), -EIO);
    result = AIO_USER_ERROR(5);
    check_int(aio_run_with(NULL, return_it, &result), AIO_USER_ERROR(5));
    result = -ECANCELED;
    check_int(aio_run(return_it, &result), -ECANCELED);
}

TEST(run_refuses_what_makes_no_sense)
{
    aio_options options = AIO_OPTIONS_INIT;
    int result = 0;
    check_int(aio_run(NULL, NULL), -EINVAL);
    options.size = 3;
    check_int(aio_run_with(&options, return_it, &result), -EINVAL);
    options = (aio_options)AIO_OPTIONS_INIT;
    options.stack_size = 16383;
    check_int(aio_run_with(&options, return_it, &result), -EINVAL);
    errno = 0;
    check(aio_runner_new(&options) == NULL);
    check_int(errno, EINVAL);
}

TASK_TEST(the_first_task_is_called_main)
{
    check_string(aio_task_name(aio_task_current()), "main");
    check_int(aio_task_count(NULL), 1);
}

struct nesting {
    aio_runner *runner;
    aio_loop *loop;
};

static void nest(void *arg)
{
    struct nesting *nesting = arg;
    int result = 0;
    aio_loop *running = aio_loop_current();
    check_int(aio_run(return_it, &result), -EBUSY);
    check_int(aio_run_with(NULL, return_it, &result), -EBUSY);
    check_int(aio_runner_run(nesting->runner, return_it, &result), -EBUSY);
    check_int(aio_runner_close(nesting->runner), -EBUSY);
    aio_future *future = aio_future_new();
    if (future != NULL) {
        check_int(aio_loop_run_until_complete(running, future), -EBUSY);
        check_int(aio_loop_run_until_complete(nesting->loop, future), -EBUSY);
    }
    aio_release(future);
    check(aio_loop_current() == running);
}

static int nest_in_a_task(void *arg)
{
    aio_handle handle = AIO_HANDLE_INIT;
    nest(arg);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, nest, arg), 0);
    return aio_yield();
}

TEST(nothing_runs_inside_a_run)
{
    struct nesting nesting = {new_runner(), aio_loop_new()};
    if (nesting.runner != NULL && nesting.loop != NULL) {
        check_int(aio_runner_run(nesting.runner, nest_in_a_task, &nesting), 0);
        check_int(test_run(nest_in_a_task, &nesting), 0);
    }
    check_int(aio_runner_close(nesting.runner), 0);
    check_int(aio_loop_close(nesting.loop), 0);
}

/* ---- several runs --------------------------------------------------------------------------- */

TEST(null_is_no_runner)
{
    int result = 0;
    check_int(aio_runner_run(NULL, return_it, &result), -ENOMEM);
    check(aio_runner_loop(NULL) == NULL);
    check_int(aio_runner_close(NULL), 0);
}

TEST(a_runner_that_never_ran_is_closed)
{
    check_int(aio_runner_close(new_runner()), 0);
}

static int spawn_a_sleeper(void *arg)
{
    *(aio_task **)arg = aio_spawn(sleep_long, NULL);
    return 0;
}

TEST(tasks_stay_for_the_next_run)
{
    aio_runner *runner = new_runner();
    aio_loop *loop = aio_runner_loop(runner);
    aio_task *sleeper = NULL;
    check_int(aio_runner_run(runner, spawn_a_sleeper, &sleeper), 0);
    check_int(aio_task_count(loop), 1);
    check(!aio_future_done(sleeper));
    check_int(aio_runner_run(runner, await_it, sleeper), 0);
    check_int(aio_loop_time(loop), AIO_SEC(1000));
    aio_release(sleeper);
    check_int(aio_runner_close(runner), 0);
}

static int make_and_await(void *arg)
{
    aio_future **future = arg;
    *future = aio_future_new();
    return aio_await(*future);
}

static int set_it(void *arg)
{
    check_int(aio_future_set(arg, 9), 0);
    return aio_yield();
}

TEST(a_run_in_which_nothing_can_wake_is_a_deadlock_and_a_later_run_may_wake_it)
{
    aio_runner *runner = new_runner();
    aio_future *future = NULL;
    check_int(aio_runner_run(runner, make_and_await, &future), -EDEADLK);
    check_int(aio_task_count(aio_runner_loop(runner)), future != NULL);
    check(!aio_future_done(future));
    check_int(aio_runner_run(runner, set_it, future), 0);
    check_int(aio_task_count(aio_runner_loop(runner)), 0);
    aio_release(future);
    check_int(aio_runner_close(runner), 0);
}

static int await_and_clean_up(void *arg)
{
    aio_future *future = aio_future_new();
    int rc = aio_await(future);
    *(bool *)arg = rc == -ECANCELED && aio_sleep(AIO_SEC(1)) == 0;
    aio_release(future);
    return rc;
}

TEST(run_takes_a_deadlock_down)
{
    bool clean = false;
    check_int(test_run(await_and_clean_up, &clean), -EDEADLK);
    check(clean);
    clean = false;
    check_int(test_run_real(await_and_clean_up, &clean), -EDEADLK);
    check(clean);
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_FOREVER);
}

TEST(to_sleep_for_ever_with_nothing_else_to_come_is_a_deadlock)
{
    check_int(test_run(sleep_for_ever, NULL), -EDEADLK);
}

struct post {
    aio_loop *loop;
    aio_future *future;
    aio_handle handle;
};

static void set_posted(void *arg)
{
    struct post *post = arg;
    check_int(aio_future_set(post->future, 6), 0);
    check_int(aio_loop_unhold(post->loop), 0);
}

static void *post_it(void *arg)
{
    struct post *post = arg;
    check_int(aio_loop_call_soon_threadsafe(post->loop, &post->handle, set_posted, post), 0);
    return NULL;
}

static int await_a_post(void *arg)
{
    struct post post = {aio_loop_current(), aio_future_new(), AIO_HANDLE_INIT};
    pthread_t thread;
    (void)arg;
    check_int(aio_loop_hold(post.loop), 0);
    if (post.future == NULL || pthread_create(&thread, NULL, post_it, &post) != 0) {
        aio_release(post.future);
        return -ENOMEM;
    }
    int rc = aio_await(post.future);
    (void)pthread_join(thread, NULL);
    aio_release(post.future);
    return rc;
}

TEST(a_loop_that_is_held_waits_for_another_thread)
{
    check_int(test_run(await_a_post, NULL), 6);
    check_int(test_run_real(await_a_post, NULL), 6);
}

/* ---- run until complete --------------------------------------------------------------------- */

TEST(until_complete_takes_null_and_strangers_for_errors)
{
    aio_loop *loop = aio_loop_new(), *other = aio_loop_new();
    aio_future *future = other != NULL ? aio_future_new_on(other) : NULL;
    if (loop != NULL && future != NULL) {
        check_int(aio_loop_run_until_complete(NULL, future), -ENOMEM);
        check_int(aio_loop_run_until_complete(loop, NULL), -ENOMEM);
        check_int(aio_loop_run_until_complete(loop, future), -EINVAL);
    }
    check_int(aio_loop_close(other), 0);
    if (loop != NULL && future != NULL)
        check_int(aio_loop_run_until_complete(loop, future), -EINVAL);
    aio_release(future);
    check_int(aio_loop_close(loop), 0);
}

TEST(until_complete_of_what_is_done_runs_a_turn)
{
    aio_loop *loop = aio_loop_new();
    aio_future *future = loop != NULL ? aio_future_new_on(loop) : NULL;
    if (future != NULL) {
        check_int(aio_future_set(future, -EIO), 0);
        check_int(aio_loop_run_until_complete(loop, future), -EIO);
    }
    aio_release(future);
    check_int(aio_loop_close(loop), 0);
}

static void stop_loop(void *arg)
{
    check_int(aio_loop_stop(arg), 0);
}

static void set_and_release(void *arg)
{
    aio_future *future = arg;
    check_int(aio_future_set(future, 5), 0);
    aio_release(future);
}

TEST(until_complete_gives_the_result_of_what_was_released_meanwhile)
{
    aio_loop *loop = aio_loop_new();
    aio_future *future = loop != NULL ? aio_future_new_on(loop) : NULL;
    aio_handle handle = AIO_HANDLE_INIT;
    if (future != NULL) {
        check_int(aio_loop_call_soon(loop, &handle, set_and_release, future), 0);
        check_int(aio_loop_run_until_complete(loop, future), 5);
    }
    check_int(aio_loop_close(loop), 0);
}

TEST(until_complete_of_a_loop_that_is_stopped_can_be_resumed)
{
    aio_options options = quiet_options(AIO_CLOCK_VIRTUAL);
    aio_handle handle = AIO_HANDLE_INIT;
    aio_spawn_options spawn = AIO_SPAWN_OPTIONS_INIT;
    spawn.loop = aio_loop_new_with(&options);
    if (spawn.loop == NULL)
        return;
    aio_task *task = aio_spawn_with(&spawn, sleep_long, NULL);
    if (task != NULL && aio_loop_call_later(spawn.loop, &handle, 10, stop_loop, spawn.loop) == 0) {
        check_int(aio_loop_run_until_complete(spawn.loop, task), -ESHUTDOWN);
        check(!aio_future_done(task));
        check_int(aio_loop_run_until_complete(spawn.loop, task), 0);
    } else {
        (void)aio_task_cancel(task);
        check_int(aio_loop_run_until_complete(spawn.loop, task), -ECANCELED);
    }
    aio_release(task);
    check_int(aio_loop_close(spawn.loop), 0);
}

/* ---- SIGINT --------------------------------------------------------------------------------- */

static aio_options with_sigint(void)
{
    aio_options options = quiet_options(AIO_CLOCK_MONOTONIC);
    options.handle_sigint = true;
    return options;
}

static int run_with_sigint(aio_function function, void *arg)
{
    aio_options options = with_sigint();
    return aio_run_with(&options, function, arg);
}

static bool disposition_is_default(void)
{
    struct sigaction action;
    return sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

/* Without memory, nobody has taken it, and it would kill. */
static bool sigint_is_taken(void)
{
    return !disposition_is_default();
}

static int interrupt_and_sleep(void *arg)
{
    if (!check(sigint_is_taken()))
        return -ENOMEM;
    (void)raise(SIGINT);
    int rc = aio_sleep(AIO_SEC(1000));
    *(int *)arg = rc;
    return rc;
}

TEST(sigint_cancels_main_and_the_run_returns_eintr)
{
    int slept = 0;
    check_int(run_with_sigint(interrupt_and_sleep, &slept), -EINTR);
    check_int(slept, -ECANCELED);
    check(disposition_is_default());
}

static int interrupt_and_go_on(void *arg)
{
    int slept = 0;
    int rc = interrupt_and_sleep(&slept);
    check_int(rc, -ECANCELED);
    rc = aio_sleep(1);
    return rc < 0 ? rc : *(int *)arg;
}

TEST(main_may_take_sigint_and_go_on)
{
    int result = 7;
    check_int(run_with_sigint(interrupt_and_go_on, &result), 7);
    result = -EIO;
    check_int(run_with_sigint(interrupt_and_go_on, &result), -EIO);
}

static int interrupt_and_be_cancelled(void *arg)
{
    (void)arg;
    if (!check(sigint_is_taken()))
        return -ENOMEM;
    (void)raise(SIGINT);
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio_yield(), -ECANCELED);
    return aio_sleep(AIO_SEC(1000));
}

TEST(cancelled_by_somebody_else_as_well_main_was_cancelled)
{
    check_int(run_with_sigint(interrupt_and_be_cancelled, NULL), -ECANCELED);
}

static void *interrupt(void *arg)
{
    (void)arg;
    (void)kill(getpid(), SIGINT);
    return NULL;
}

static void start_interrupter(void *arg)
{
    check_int(pthread_create(arg, NULL, interrupt, NULL), 0);
}

/* By a callback: what comes on a task's stack, ThreadSanitizer keeps until that runs again. */
static int be_interrupted_by_a_thread(void *arg)
{
    pthread_t thread;
    aio_handle handle = AIO_HANDLE_INIT;
    (void)arg;
    if (!check(sigint_is_taken()))
        return -ENOMEM;
    int rc = aio_loop_call_soon(aio_loop_current(), &handle, start_interrupter, &thread);
    if (rc < 0)
        return rc;
    rc = aio_sleep(AIO_SEC(1000));
    (void)pthread_join(thread, NULL);
    return rc;
}

TEST(sigint_from_another_thread_wakes_the_loop)
{
    check_int(run_with_sigint(be_interrupted_by_a_thread, NULL), -EINTR);
}

TEST(each_run_of_a_runner_can_be_interrupted)
{
    aio_options options = with_sigint();
    aio_runner *runner = aio_runner_new(&options);
    int slept = 0, result = 4;
    check_int(aio_runner_run(runner, interrupt_and_sleep, &slept), -EINTR);
    check(disposition_is_default());
    check_int(aio_runner_run(runner, return_it, &result), 4);
    check_int(aio_runner_run(runner, interrupt_and_sleep, &slept), -EINTR);
    check_int(aio_runner_close(runner), 0);
}

static int interrupt_twice(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    int rc = aio_yield();
    (void)raise(SIGINT);
    return rc;
}

/* How a child ends that runs this. */
static int status_of(aio_function function)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(run_with_sigint(function, NULL) == 0 ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return status;
}

TEST(the_second_sigint_kills)
{
    int status = status_of(interrupt_twice);
    check(WIFSIGNALED(status));
    check_int(WTERMSIG(status), SIGINT);
}

static volatile sig_atomic_t handled;

static void handle_it_oneself(int signal)
{
    handled = signal;
}

static int interrupt_and_yield(void *arg)
{
    (void)arg;
    (void)raise(SIGINT);
    return aio_yield();
}

TEST(sigint_is_not_taken_where_the_program_handles_it)
{
    struct sigaction own = {.sa_handler = handle_it_oneself}, after, before;
    check_int(sigaction(SIGINT, &own, &before), 0);
    handled = 0;
    check_int(run_with_sigint(interrupt_and_yield, NULL), 0);
    check_int(handled, SIGINT);
    check_int(sigaction(SIGINT, &before, &after), 0);
    check(after.sa_handler == handle_it_oneself);
}

TEST(sigint_is_not_taken_where_it_is_ignored)
{
    check(signal(SIGINT, SIG_IGN) == SIG_DFL);
    check_int(run_with_sigint(interrupt_and_yield, NULL), 0);
    check(signal(SIGINT, SIG_DFL) == SIG_IGN);
}

static int look_at_the_disposition(void *arg)
{
    *(bool *)arg = disposition_is_default();
    return 0;
}

TEST(sigint_is_left_alone_where_that_is_asked_for)
{
    bool untouched = false;
    check_int(test_run(look_at_the_disposition, &untouched), 0);
    check(untouched);
}

static int add_a_handler_of_ones_own(void *arg)
{
    int *calls = arg;
    check_int(aio_loop_add_signal_handler(aio_loop_current(), SIGINT, stop_loop, NULL), 0);
    ++*calls;
    return aio_yield();
}

TEST(main_may_take_sigint_for_itself)
{
    int calls = 0;
    check_int(run_with_sigint(add_a_handler_of_ones_own, &calls), 0);
    check_int(calls, 1);
    check(disposition_is_default());
}

static int stop_the_loop_and_sleep(void *arg)
{
    check_int(aio_loop_stop(aio_loop_current()), 0);
    return aio_sleep(*(int64_t *)arg);
}

TEST(a_run_whose_loop_is_stopped_ends_before_main_does)
{
    int64_t second = AIO_SEC(1);
    aio_runner *runner = new_runner();
    check_int(aio_runner_run(runner, stop_the_loop_and_sleep, &second), -ESHUTDOWN);
    check_int(aio_runner_run(runner, do_nothing, NULL), 0);
    check_int(aio_runner_close(runner), 0);
}

static int raise_sigint_and_return(void *arg)
{
    (void)arg;
    if (check(sigint_is_taken()))
        (void)raise(SIGINT);
    return 7;
}

TEST(sigint_that_came_too_late_for_main_is_not_lost)
{
    check_int(aio_run(raise_sigint_and_return, NULL), -EINTR);
}
