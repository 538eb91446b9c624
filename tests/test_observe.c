/*
 * Debug mode: slow steps, the wrong thread, what is left at the end, and misuse
 * that stops.  The clock is the test's own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <aio/debug.h>

#include "base/sys.h"
#include "loop/loop.h"
#include "support/task_case.h"

static struct caught caught;

/* ---- turning it on --------------------------------------------------------------------------- */

static bool is_on(const aio_options *options)
{
    aio_loop *loop = aio_loop_new_with(options);
    bool on = aio_loop_debug(loop);
    check_int(aio_loop_close(loop), 0);
    return on;
}

TEST(debug_mode_is_an_option_or_comes_from_the_environment)
{
    aio_options options = AIO_OPTIONS_INIT;
    (void)unsetenv("AIO_DEBUG");
    check(!is_on(&options));
    (void)setenv("AIO_DEBUG", "0", 1);
    check(!is_on(&options));
    (void)setenv("AIO_DEBUG", "", 1);
    check(!is_on(NULL));
    (void)setenv("AIO_DEBUG", "1", 1);
    aio_loop *loop = aio_loop_new();
    check(loop == NULL || aio_loop_debug(loop));
    check_int(aio_loop_close(loop), 0);
    (void)unsetenv("AIO_DEBUG");
    options.debug = true;
    loop = aio_loop_new_with(&options);
    check(loop == NULL || aio_loop_debug(loop));
    check_int(aio_loop_close(loop), 0);
}

TEST(debug_mode_can_be_turned_on_and_off)
{
    aio_loop *loop = aio_loop_new();
    check(!aio_loop_debug(NULL));
    check_int(aio_loop_set_debug(NULL, true), -EINVAL);
    if (loop == NULL)
        return;
    check_int(aio_loop_set_debug(loop, true), 0);
    check(aio_loop_debug(loop));
    check_int(aio_loop_set_debug(loop, false), 0);
    check(!aio_loop_debug(loop));
    check_int(aio_loop_close(loop), 0);
}

TEST(negative_time_for_a_step_makes_no_sense)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.slow_step = -1;
    errno = 0;
    check(aio_loop_new_with(&options) == NULL);
    check_int(errno, EINVAL);
}

/* ---- slow steps ------------------------------------------------------------------------------ */

static int64_t the_time;

static int tell_the_time(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = (time_t)(the_time / AIO_SEC(1)),
                             .tv_nsec = (long)(the_time % AIO_SEC(1))};
    return 0;
}

/* A run in debug mode, its failures caught, in which time only passes where somebody says so. */
static int run_observed_on(aio_clock clock, aio_function function, void *arg)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.debug = true;
    options.clock = clock;
    options.handle_sigint = false;
    the_time = AIO_SEC(1000);
    memset(&caught, 0, sizeof caught);
    aio__sys.clock_gettime = tell_the_time;
    int rc = aio_run_with(&options, function, arg);
    aio__sys.clock_gettime = aio__sys_real.clock_gettime;
    return rc;
}

static int run_observed(aio_function function, void *arg)
{
    return run_observed_on(AIO_CLOCK_VIRTUAL, function, arg);
}

/* A task: its first step takes that long, its second nothing. */
static int take(void *duration)
{
    the_time += *(int64_t *)duration;
    return aio_yield();
}

/* Its last step does. */
static int take_at_the_end(void *duration)
{
    int rc = aio_yield();
    the_time += *(int64_t *)duration;
    return rc;
}

static int run_three(aio_function function, int64_t duration)
{
    static aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    int64_t none = 0;
    catch_failures(&caught);
    int rc = aio_go(take, &none);
    options.name = "slow";
    if (rc == 0)
        rc = aio_go_with(&options, function, &duration);
    if (rc == 0)
        rc = aio_go(take, &none);
    for (int turn = 0; turn < 4 && rc == 0; turn++)
        rc = aio_yield();
    return rc;
}

static int be_slow(void *arg)
{
    (void)arg;
    return run_three(take, AIO_MSEC(1250));
}

static int be_slow_at_the_end(void *arg)
{
    (void)arg;
    return run_three(take_at_the_end, AIO_MSEC(100));
}

static int be_fast(void *arg)
{
    (void)arg;
    return run_three(take, AIO_MSEC(100) - 1);
}

TEST(step_that_takes_too_long_is_told_with_its_task)
{
    if (run_observed(be_slow, NULL) < 0)
        return;
    check_int(caught.count, 1);
    check_int(caught.error, 0);
    check_string(caught.message, "a step took 1.250 s");
    check_string(caught.name, "slow");
}

TEST(last_step_of_a_task_is_told_as_well)
{
    if (run_observed(be_slow_at_the_end, NULL) < 0)
        return;
    check_int(caught.count, 1);
    check_string(caught.message, "a step took 0.100 s");
    check_string(caught.name, "slow");
}

TEST(step_below_the_limit_is_not_told)
{
    check_int(run_observed(be_fast, NULL) < 0, false);
    check_int(caught.count, 0);
}

static int sleep_long(void *arg)
{
    (void)arg;
    catch_failures(&caught);
    return aio_sleep(AIO_SEC(1000));
}

/* Polls that take as long as they may. */
#if defined(__linux__)
static int wait_in_epoll(int epoll, struct epoll_event *events, int count, int timeout)
{
    the_time += AIO_MSEC(timeout);
    return aio__sys_real.epoll_wait(epoll, events, count, 0);
}

static int wait_precisely(int epoll, void *events, int count, int64_t seconds, int64_t nanoseconds)
{
    the_time += AIO_SEC(seconds) + nanoseconds;
    return aio__sys_real.epoll_pwait2(epoll, events, count, 0, 0);
}

static void replace_selector(void)
{
    aio__sys.epoll_wait = wait_in_epoll;
    aio__sys.epoll_pwait2 = wait_precisely;
}
#else
static void replace_selector(void)
{
}
#endif

static int wait_in_poll(struct pollfd *set, nfds_t count, int timeout)
{
    the_time += AIO_MSEC(timeout);
    return aio__sys_real.poll(set, count, 0);
}

TEST_EXACT(waiting_for_the_world_is_no_step)
{
    replace_selector();
    aio__sys.poll = wait_in_poll;
    check_int(run_observed_on(AIO_CLOCK_MONOTONIC, sleep_long, NULL), 0);
    check(the_time >= AIO_SEC(2000));
    check_int(caught.count, 0);
}

static void take_in_a_callback(void *duration)
{
    the_time += *(int64_t *)duration;
}

static int call_back_slowly(void *arg)
{
    aio_handle handle = AIO_HANDLE_INIT;
    int64_t duration = AIO_MSEC(300);
    (void)arg;
    catch_failures(&caught);
    int rc = aio_loop_call_soon(aio_loop_current(), &handle, take_in_a_callback, &duration);
    return rc < 0 ? rc : aio_yield();
}

TEST(callback_that_takes_too_long_is_told_with_its_code)
{
    if (run_observed(call_back_slowly, NULL) < 0)
        return;
    check_int(caught.count, 1);
    check(strncmp(caught.message, "a callback (", 12) == 0);
    check(strstr(caught.message, "0x") != NULL);
    check(strstr(caught.message, ") took 0.300 s") != NULL);
    check_string(caught.name, "");
}

static int start_eagerly(void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    int64_t duration = AIO_MSEC(200);
    (void)arg;
    catch_failures(&caught);
    options.eager = true;
    aio_task *task = aio_spawn_with(&options, take, &duration);
    int rc = aio_yield();
    return rc < 0 || task == NULL ? aio_task_stop(task) : aio_join(task);
}

TEST(eager_first_step_is_a_part_of_its_spawners)
{
    if (run_observed(start_eagerly, NULL) < 0)
        return;
    check_int(caught.count, 1);
    check_string(caught.name, "main");
}

/* ---- the wrong thread ------------------------------------------------------------------------ */

static ssize_t write_nothing(int fd, const void *data, size_t size)
{
    (void)fd;
    caught.count += strstr(data, "a call from another thread than the loop's: ") != NULL;
    return (ssize_t)size;
}

static int finish(void *arg)
{
    (void)arg;
    return 0;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

/* What belongs to the loop's thread. */
struct visit {
    aio_loop *loop;
    aio_future *future;
    bool visited;
};

static void *visit(void *arg)
{
    struct visit *visit = arg;
    aio_handle handle = AIO_HANDLE_INIT;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = visit->loop;
    check_int(aio_loop_call_soon(visit->loop, &handle, do_nothing, NULL), -EPERM);
    check_int(aio_loop_call_later(visit->loop, &handle, 1, do_nothing, NULL), -EPERM);
    check_int(aio_loop_call_at(visit->loop, &handle, 1, do_nothing, NULL), -EPERM);
    check_int(aio_loop_stop(visit->loop), -EPERM);
    check_int(aio_future_set(visit->future, 1), -EPERM);
    check_int(aio_future_set_value(visit->future, NULL, NULL), -EPERM);
    check_int(aio_future_cancel(visit->future), -EPERM);
    check_int(aio_future_on_done(visit->future, &handle, do_nothing, NULL), -EPERM);
    errno = 0;
    check(aio_spawn_with(&options, finish, NULL) == NULL);
    check_int(errno, EPERM);
    check_int(aio_go_with(&options, finish, NULL), -EPERM);
    visit->visited = true;
    return NULL;
}

static int be_visited(void *arg)
{
    struct visit here = {.loop = aio_loop_current(), .future = aio_future_new()};
    pthread_t thread;
    (void)arg;
    if (here.future == NULL)
        return -ENOMEM;
    aio__sys.write = write_nothing;
    if (check_int(pthread_create(&thread, NULL, visit, &here), 0))
        (void)pthread_join(thread, NULL);
    aio__sys.write = aio__sys_real.write;
    check(here.visited);
    check(!aio_future_done(here.future));
    aio_release(here.future);
    return 0;
}

TEST(calls_from_another_thread_are_refused_and_reported)
{
    if (run_observed(be_visited, NULL) == 0)
        check_int(caught.count, 10);
}

static void *post(void *arg)
{
    struct visit *visit = arg;
    static aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon_threadsafe(visit->loop, &handle, do_nothing, NULL), 0);
    visit->visited = true;
    return NULL;
}

static int be_posted(void *arg)
{
    struct visit here = {.loop = aio_loop_current()};
    pthread_t thread;
    (void)arg;
    catch_failures(&caught);
    if (check_int(pthread_create(&thread, NULL, post, &here), 0))
        (void)pthread_join(thread, NULL);
    check(here.visited);
    return aio_yield();
}

TEST(posts_from_another_thread_are_welcome)
{
    check_int(run_observed(be_posted, NULL), 0);
    check_int(caught.count, 0);
}

/* ---- what is left at the end ----------------------------------------------------------------- */

static int leave_callbacks(void *arg)
{
    aio_handle *handles = arg;
    aio_loop *loop = aio_loop_current();
    catch_failures(&caught);
    int rc = aio_loop_call_later(loop, &handles[0], AIO_SEC(5), do_nothing, NULL);
    return rc < 0 ? rc : aio_loop_call_later(loop, &handles[1], AIO_SEC(7), do_nothing, NULL);
}

TEST(callbacks_that_never_ran_are_counted_when_the_loop_closes)
{
    aio_handle handles[2] = {AIO_HANDLE_INIT, AIO_HANDLE_INIT};
    if (run_observed(leave_callbacks, handles) < 0)
        return;
    check_int(caught.count, 1);
    check(strncmp(caught.message, "callbacks that never ran: 2, the first is ", 42) == 0);
}

static int leave_futures(void *arg)
{
    aio_future **futures = arg;
    catch_failures(&caught);
    futures[0] = aio_future_new();
    futures[1] = aio_spawn(finish, NULL);
    return aio_yield();
}

TEST(futures_and_tasks_that_nobody_released_are_told_of)
{
    aio_future *futures[2] = {NULL, NULL};
    int rc = run_observed(leave_futures, futures);
    if (rc == 0 && futures[0] != NULL && futures[1] != NULL) {
        check_int(caught.count, 2);
        check_string(caught.message, "a task has ended and is still held when its loop closes");
        check_string(caught.name, "Task-2");
    }
    aio_release(futures[0]);
    aio_release(futures[1]);
}

#define MANY_FUTURES 40

static int leave_many_futures(void *arg)
{
    aio_future **futures = arg;
    catch_failures(&caught);
    for (int i = 0; i < MANY_FUTURES; i++)
        futures[i] = aio_future_new();
    return futures[MANY_FUTURES - 1] != NULL ? 0 : -ENOMEM;
}

TEST(many_that_nobody_released_are_counted)
{
    aio_future *futures[MANY_FUTURES] = {NULL};
    if (run_observed(leave_many_futures, futures) == 0) {
        check_int(caught.count, 11);
        check_string(caught.message,
                     "futures and tasks still held when their loop closes, in all: 40");
    }
    for (int i = 0; i < MANY_FUTURES; i++)
        aio_release(futures[i]);
}

static int leave_nothing(void *arg)
{
    aio_future *future = aio_future_new();
    aio_task *task = aio_spawn(finish, arg);
    catch_failures(&caught);
    aio_release(future);
    return aio_join(task);
}

TEST(what_is_released_is_not_told_of)
{
    (void)run_observed(leave_nothing, NULL);
    check_int(caught.count, 0);
}

/* ---- misuse that stops ----------------------------------------------------------------------- */

static int release_twice(void *arg)
{
    aio_future *future = aio_future_new();
    (void)arg;
    (void)aio_retain(future);
    aio_release(future);
    aio_release(future);
    aio_release(future);
    return 0;
}

static int release_what_runs(void *arg)
{
    aio_task *task = aio_spawn(finish, arg);
    aio_release(task);
    aio_release(task);
    return 0;
}

static void *release_elsewhere(void *future)
{
    aio_release(future);
    return NULL;
}

static int release_on_a_thread(void *arg)
{
    pthread_t thread;
    (void)arg;
    if (pthread_create(&thread, NULL, release_elsewhere, aio_future_new()) == 0)
        (void)pthread_join(thread, NULL);
    return 0;
}

/* Runs it in a child, whose first words go to the parent: how the child ended. */
static int run_in_a_child(aio_function function, char *out_line, size_t size)
{
    int ends[2], status = 0;
    if (!check_int(pipe(ends), 0))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)run_observed(function, NULL);
        _exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], out_line + length, size - 1 - length)) > 0;)
        length += (size_t)n;
    out_line[length] = '\0';
    (void)close(ends[0]);
    check_int(waitpid(child, &status, 0), child);
    return status;
}

TEST(share_that_is_given_back_once_too_often_stops_the_program)
{
    static const aio_function functions[] = {release_twice, release_what_runs, release_on_a_thread};
    if (test_under_valgrind())
        return;
    for (int i = 0; i < 3; i++) {
        char line[4096];
        int status = run_in_a_child(functions[i], line, sizeof line);
        check(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
        check(strstr(line, i == 2 ? "another thread" : "who has no share in it") != NULL ||
              strstr(line, "Sanitizer") != NULL);
    }
}
