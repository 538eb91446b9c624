/*
 * The dump of all tasks: their states, who awaits whom, circles.
 */
#undef NDEBUG
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <aio/debug.h>
#include <aio/gather.h>
#include <aio/group.h>
#include <aio/stream.h>
#include <aio/sync.h>

#include "base/sys.h"
#include "support/ledger.h"
#include "support/task_case.h"
#include "task/scheduler.h"
#include "task/wait.h"

/* ---- what was dumped ------------------------------------------------------------------------- */

static struct {
    int count;
    char text[4096];
} dumped;

static void keep(const char *line, void *arg)
{
    size_t length = strlen(dumped.text);
    (void)arg;
    dumped.count++;
    (void)snprintf(dumped.text + length, sizeof dumped.text - length, "%s\n", line);
}

static int dump(aio_loop *loop)
{
    memset(&dumped, 0, sizeof dumped);
    return aio_debug_dump(loop, keep, NULL);
}

/* The dump has this line, up to where it says what place that is from. */
static bool has_line(const char *line)
{
    char wanted[512];
    (void)snprintf(wanted, sizeof wanted, "\n  %s\n", line);
    if (strstr(dumped.text, wanted) != NULL)
        return true;
    (void)snprintf(wanted, sizeof wanted, "\n  %s, from %s:", line, __FILE__);
    return strstr(dumped.text, wanted) != NULL;
}

#define check_line(line) check_string(has_line(line) ? (line) : dumped.text, (line))

/* A task with a name. */
static aio_task *start(const char *name, aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = name;
    return aio_spawn_with(&options, function, arg);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

/* ---- one by one ------------------------------------------------------------------------------ */

TEST(without_a_loop_there_is_nothing_to_dump)
{
    check_int(dump(NULL), -EPERM);
    check_int(dumped.count, 0);
}

TEST(loop_without_tasks_is_a_line)
{
    aio_loop *loop = aio_loop_new();
    if (loop == NULL)
        return;
    check_int(dump(loop), 0);
    check_string(dumped.text, "tasks: 0, timers: 0, waits for descriptors and other threads: 0, "
                              "signal handlers: 0\n");
    (void)aio_loop_close(loop);
}

TASK_TEST(task_that_runs_and_one_that_has_not_begun)
{
    aio_task *task = start("new", sleep_long, NULL);
    if (task != NULL) {
        check_int(dump(NULL), 2);
        check_line("main: runs");
        check_line("new: has not begun");
    }
    (void)aio_task_stop(task);
}

TASK_TEST(task_that_waits_says_since_when)
{
    aio_task *task = start("sleeper", sleep_long, NULL);
    int rc = aio_sleep(AIO_MSEC(1250));
    if (task != NULL && rc == 0) {
        check_int(dump(aio_loop_current()), 2);
        check_line("sleeper: waits 1.250 s for sleep");
    }
    (void)aio_task_stop(task);
}

static int acquire(void *lock)
{
    int rc = aio_lock_acquire(lock);
    return rc < 0 ? rc : aio_lock_release(lock);
}

TASK_TEST(task_that_was_woken_is_ready)
{
    aio_lock lock = AIO_LOCK_INIT;
    check_int(aio_lock_acquire(&lock), 0);
    aio_task *task = start("locker", acquire, &lock);
    int rc = aio_yield();
    if (task != NULL && rc == 0) {
        (void)dump(NULL);
        check_line("locker: waits 0.000 s for lock");
        (void)aio_lock_release(&lock);
        (void)dump(NULL);
        check_line("locker: ready after lock");
    }
    (void)aio_task_stop(task);
}

TASK_TEST(task_that_is_being_cancelled_is_said_to_be)
{
    aio_task *task = start("sleeper", sleep_long, NULL);
    int rc = aio_yield();
    (void)aio_task_cancel(task);
    if (task != NULL && rc == 0) {
        (void)dump(NULL);
        check_line("sleeper: ready after sleep, cancelled");
    }
    (void)aio_task_stop(task);
}

static int dump_there(void *arg)
{
    (void)arg;
    (void)dump(NULL);
    return 0;
}

TASK_TEST(task_that_has_started_another_eagerly)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    options.name = "eager";
    if (aio_go_with(&options, dump_there, NULL) < 0)
        return;
    check_line("main: has started another, which runs");
    check_line("eager: runs");
}

TASK_TEST(task_that_ended_is_not_in_the_dump)
{
    aio_task *task = start("over", dump_there, NULL);
    int rc = aio_yield();
    if (task != NULL && rc == 0) {
        check_int(dump(NULL), 1);
        check(strstr(dumped.text, "over") == NULL);
    }
    aio_release(task);
}

/* ---- who awaits whom ------------------------------------------------------------------------- */

static int await_it(void *future)
{
    return aio_await(future);
}

TASK_TEST(task_is_below_the_one_that_awaits_it)
{
    aio_task *a = start("a", sleep_long, NULL);
    aio_task *b = start("b", await_it, a);
    aio_task *c = start("c", await_it, b);
    int rc = aio_yield();
    if (a != NULL && b != NULL && c != NULL && rc == 0) {
        check_int(dump(NULL), 4);
        check_int(dumped.count, 5);
        check_line("c: waits 0.000 s for task");
        check_line("  b: waits 0.000 s for task");
        check_line("    a: waits 0.000 s for sleep");
    }
    (void)aio_task_stop(c);
    (void)aio_task_stop(b);
    (void)aio_task_stop(a);
}

TASK_TEST(task_that_two_await_is_described_once)
{
    aio_task *a = start("a", sleep_long, NULL);
    aio_task *b = start("b", await_it, a);
    aio_task *c = start("c", await_it, a);
    int rc = aio_yield();
    if (a != NULL && b != NULL && c != NULL && rc == 0) {
        (void)dump(NULL);
        check_line("  a: waits 0.000 s for sleep");
        check_line("  a: see above");
    }
    (void)aio_task_stop(c);
    (void)aio_task_stop(b);
    (void)aio_task_stop(a);
}

TASK_TEST(future_is_named_by_where_it_was_made)
{
    char line[256];
    aio_future *future = aio_future_new();
    aio_task *task = start("waiter", await_it, future);
    int rc = aio_yield();
    if (future != NULL && task != NULL && rc == 0) {
        (void)dump(NULL);
        (void)snprintf(line, sizeof line, "waiter: waits 0.000 s for future of %s",
                       future->place);
        check_line(line);
        (void)aio_future_set(future, 0);
        (void)dump(NULL);
        check_line("waiter: ready after future");
    }
    (void)aio_task_stop(task);
    aio_release(future);
}

/* A wait for several futures, as such waits are made. */
struct several {
    aio__wait wait;
    aio_future *futures[3];
};

static bool stop_several(aio__wait *wait)
{
    aio__wake(wait, -ECANCELED);
    return true;
}

static const void *next_of_several(const aio__wait *wait, const void *cursor,
                                   aio_future **out_future)
{
    const struct several *several = aio__container(wait, const struct several, wait);
    aio_future *const *at = cursor;
    at = at != NULL ? at + 1 : several->futures;
    if (at == several->futures + 3)
        return NULL;
    *out_future = *at;
    return at;
}

static int await_several(void *arg)
{
    struct several *several = arg;
    int rc = aio__wait_begin(&several->wait, stop_several, "several");
    several->wait.next = next_of_several;
    return rc < 0 ? rc : aio__park(&several->wait);
}

static int gather_three(void *items)
{
    return aio_gather(items, 3, AIO_GATHER_ERRORS);
}

TASK_TEST(wait_for_several_is_a_tree)
{
    aio_future *future = aio_future_new();
    aio_task *a = start("a", sleep_long, NULL), *b = start("b", sleep_long, NULL);
    struct several several = {.futures = {a, future, b}};
    aio_task *all = start("all", await_several, &several);
    int rc = aio_yield();
    if (a != NULL && b != NULL && future != NULL && all != NULL && rc == 0) {
        check_int(dump(NULL), 4);
        check_int(dumped.count, 5);
        check_line("all: waits 0.000 s for several");
        check_line("  a: waits 0.000 s for sleep");
        check_line("  b: waits 0.000 s for sleep");
    }
    (void)aio_task_stop(all);
    (void)aio_task_stop(a);
    (void)aio_task_stop(b);
    aio_release(future);
}

TASK_TEST(gather_is_above_what_it_gathers)
{
    aio_wait_item items[3] = {{.future = NULL}};
    items[0].future = start("a", sleep_long, NULL);
    items[2].future = start("b", sleep_long, NULL);
    aio_task *all = start("all", gather_three, items);
    int rc = aio_yield();
    if (items[0].future != NULL && items[2].future != NULL && all != NULL && rc == 0) {
        check_int(dump(NULL), 4);
        check_int(dumped.count, 5);
        check_line("all: waits 0.000 s for gather");
        check_line("  a: waits 0.000 s for sleep");
        check_line("  b: waits 0.000 s for sleep");
    }
    (void)aio_task_stop(all);
    (void)aio_task_stop(items[0].future);
    (void)aio_task_stop(items[2].future);
}

static int run_a_group(aio_group *group, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = "child";
    int rc = aio_group_spawn_with(group, &options, sleep_long, arg);
    options.name = "other child";
    return rc < 0 ? rc : aio_group_spawn_with(group, &options, sleep_long, arg);
}

static int be_a_parent(void *arg)
{
    return aio_group_run(run_a_group, arg);
}

TASK_TEST(group_is_above_its_children)
{
    aio_task *parent = start("parent", be_a_parent, NULL);
    int rc = aio_yield();
    rc = rc == 0 ? aio_yield() : rc;
    if (parent != NULL && rc == 0 && dump(NULL) == 4) {
        check_int(dumped.count, 5);
        check_line("parent: waits 0.000 s for group");
        check_line("  child: waits 0.000 s for sleep");
        check_line("  other child: waits 0.000 s for sleep");
    }
    (void)aio_task_stop(parent);
}

TASK_TEST(circle_is_described_once_and_named)
{
    struct several one = {.futures = {NULL}}, other = {.futures = {NULL}};
    aio_task *a = start("a", await_several, &one), *b = start("b", await_several, &other);
    one.futures[0] = b;
    other.futures[0] = a;
    int rc = aio_yield();
    if (a != NULL && b != NULL && rc == 0) {
        check_int(dump(NULL), 3);
        check_int(dumped.count, 5);
        check_line("a: waits 0.000 s for several");
        check_line("  b: waits 0.000 s for several");
        check_line("    a: a circle");
    }
    (void)aio_task_stop(a);
    (void)aio_task_stop(b);
}

#define LONG 2000

static int await_previous(void *arg)
{
    aio_task **task = arg;
    return aio_await(task[-1]);
}

static void count_line(const char *line, void *arg)
{
    ++*(int *)arg;
    check(strlen(line) < 512);
}

static int dump_a_long_chain(void *arg)
{
    aio_task **tasks = arg;
    int lines = 0;
    const int count = (int)test_scale(LONG);
    tasks[0] = aio_spawn(sleep_long, NULL);
    for (int i = 1; i < count; i++)
        tasks[i] = aio_spawn(await_previous, &tasks[i]);
    int rc = aio_yield();
    size_t blocks = ledger_blocks();
    check_int(aio_debug_dump(NULL, count_line, &lines), count + 1);
    check_int(ledger_blocks(), blocks);
    check_int(lines, count + 2);
    for (int i = count - 1; i >= 0; i--)
        (void)aio_task_stop(tasks[i]);
    return rc;
}

TEST(long_chain_needs_neither_memory_nor_stack)
{
    static aio_task *tasks[LONG];
    check_int(test_run(dump_a_long_chain, tasks), 0);
}

/* ---- from where, and where to ---------------------------------------------------------------- */

static void dump_in_a_callback(void *loop)
{
    check_int(dump(loop), 1);
    check_line("main: waits 0.000 s for sleep");
    check_int(aio_loop_stop(loop), 0);
}

static int sleep_for_the_signal(void *arg)
{
    (void)arg;
    int rc = aio_loop_add_signal_handler(aio_loop_current(), SIGQUIT, dump_in_a_callback,
                                         aio_loop_current());
    if (rc < 0)
        return rc;
    (void)raise(SIGQUIT);
    return sleep_long(arg);
}

TEST(signals_handler_may_dump)
{
    int rc = test_run(sleep_for_the_signal, NULL);
    check(rc == -ESHUTDOWN || rc == -ENOMEM);
}

static ssize_t count_writes(int fd, const void *data, size_t size)
{
    check_int(fd, STDERR_FILENO);
    check_int(((const char *)data)[size - 1], '\n');
    dumped.count++;
    return (ssize_t)size;
}

TASK_TEST(dump_goes_to_the_error_stream_unless_another_output_is_set)
{
    memset(&dumped, 0, sizeof dumped);
    check_int(aio_debug_set_output(NULL, keep, NULL), -EINVAL);
    aio__sys.write = count_writes;
    check_int(aio_debug_dump(NULL, NULL, NULL), 1);
    aio__sys.write = aio__sys_real.write;
    check_int(dumped.count, 2);
    check_int(aio_debug_set_output(aio_loop_current(), keep, NULL), 0);
    check_int(aio_debug_dump(NULL, NULL, NULL), 1);
    check_line("main: runs");
}

static void yield_there(const char *line, void *arg)
{
    (void)line;
    *(int *)arg = aio_yield();
}

TASK_TEST(output_cannot_suspend)
{
    int rc = 0;
    check_int(aio_debug_dump(NULL, yield_there, &rc), 1);
    check_int(rc, -EPERM);
    check_int(aio_yield(), 0);
}

/* ---- in debug mode --------------------------------------------------------------------------- */

static struct caught caught;

static int wait_for_nothing(void *arg)
{
    aio_future *future = aio_future_new();
    (void)arg;
    catch_failures(&caught);
    (void)aio_debug_set_output(aio_loop_current(), keep, NULL);
    int rc = aio_await(future);
    aio_release(future);
    return rc;
}

static int run_deadlocked(bool debug)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.debug = debug;
    options.slow_step = AIO_FOREVER;
    options.handle_sigint = false;
    memset(&dumped, 0, sizeof dumped);
    return aio_run_with(&options, wait_for_nothing, NULL);
}

TEST(deadlock_is_dumped_in_debug_mode)
{
    if (run_deadlocked(true) != -EDEADLK)
        return;
    check(strstr(dumped.text, "\n  main: waits ") != NULL);
    check(strstr(dumped.text, " s for future of ") != NULL);
    check_int(caught.count, 1);
    check_string(caught.message, "nothing can wake the loop any more");
}

TEST(deadlock_is_only_an_error_otherwise)
{
    (void)unsetenv("AIO_DEBUG");
    int rc = run_deadlocked(false);
    check(rc == -EDEADLK || rc == -ENOMEM);
    check_int(dumped.count, 0);
}

struct left_open {
    int ends[2];
    aio_stream *streams[2];
};

static int leave_streams(void *arg)
{
    struct left_open *left = arg;
    catch_failures(&caught);
    for (int i = 0; i < 2; i++)
        left->streams[i] = aio_stream_open(left->ends[i]);
    if (left->streams[0] == NULL || left->streams[1] == NULL)
        return -ENOMEM;
    int rc = aio_stream_close(left->streams[0]);
    left->streams[0] = NULL;
    left->ends[0] = -1;
    return rc;
}

TEST(stream_that_nobody_closed_is_told_of_in_debug_mode)
{
    struct left_open left = {{-1, -1}, {NULL, NULL}};
    aio_options options = AIO_OPTIONS_INIT;
    char message[64];
    options.debug = true;
    options.slow_step = AIO_FOREVER;
    if (!check_int(pipe(left.ends), 0))
        return;
    (void)snprintf(message, sizeof message,
                   "a stream is still open when its loop closes: descriptor %d", left.ends[1]);
    if (aio_run_with(&options, leave_streams, &left) == 0) {
        check_int(caught.count, 1);
        check_string(caught.message, message);
    }
    for (int i = 0; i < 2; i++)
        if (left.streams[i] != NULL)
            (void)aio_stream_close(left.streams[i]);
        else if (left.ends[i] >= 0)
            (void)close(left.ends[i]);
}
