/*
 * The task layer's part of a loop: made, used by turns and threads, and gone
 * with the last of its tasks, which may be after the loop.
 */
#include "task/scheduler.h"

#include <errno.h>
#include <pthread.h>

#include "support/faults.h"
#include "support/ledger.h"
#include "support/task_case.h"

static struct caught caught;

static int count_up(void *arg)
{
    return ++*(int *)arg;
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

static aio_task *spawn_on(aio_loop *loop, aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    return loop != NULL ? aio_spawn_with(&options, function, arg) : NULL;
}

/* ---- turns ---------------------------------------------------------------------------------- */

static int note_thrice(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++) {
        note(arg, (char)('1' + i));
        rc = aio_yield();
    }
    return rc;
}

TEST(a_step_of_the_loop_is_a_step_of_each_task)
{
    struct trace trace = {0};
    aio_loop *loop = aio_loop_new();
    aio_task *tasks[] = {spawn_on(loop, note_thrice, &trace), spawn_on(loop, note_thrice, &trace)};
    if (tasks[0] != NULL && tasks[1] != NULL) {
        check_int(aio_loop_step(loop, 0), 2);
        check_string(trace.text, "11");
        check_int(aio_loop_step(loop, 0), 2);
        check_string(trace.text, "1122");
        check(aio_task_current() == NULL);
    }
    for (int i = 0; i < 3 && loop != NULL; i++)
        (void)aio_loop_step(loop, 0);
    aio_release(tasks[0]);
    aio_release(tasks[1]);
    check_int(aio_loop_close(loop), 0);
}

TEST(two_loops_take_turns_on_a_thread)
{
    struct trace traces[2] = {{0}};
    aio_loop *loops[] = {aio_loop_new(), aio_loop_new()};
    aio_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = spawn_on(loops[i], note_thrice, &traces[i]);
    for (int turn = 0; turn < 4; turn++)
        for (int i = 0; i < 2 && tasks[i] != NULL; i++)
            check_int(aio_loop_step(loops[i], 0), 1);
    for (int i = 0; i < 2; i++) {
        check_int(aio_future_result(tasks[i]), 0);
        check_string(traces[i].text, "123");
        aio_release(tasks[i]);
        check_int(aio_loop_close(loops[i]), 0);
    }
}

static int work_on_a_thread(void *arg)
{
    int *sum = arg, rc = 0;
    for (int i = 0; i < 100 && rc >= 0; i++) {
        rc = aio_join(aio_spawn(count_up, sum));
        if (rc > 0)
            rc = i % 10 == 0 ? aio_sleep(AIO_USEC(10)) : aio_yield();
    }
    return rc;
}

static void *run_a_loop(void *arg)
{
    int *sum = arg;
    if (test_run_real(work_on_a_thread, sum) < 0)
        *sum = -1;
    return NULL;
}

TEST(loops_run_on_several_threads_at_a_time)
{
    pthread_t threads[3];
    int sums[3] = {0}, started = 0;
    while (started < 3 && pthread_create(&threads[started], NULL, run_a_loop, &sums[started]) == 0)
        started++;
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
        check_int(sums[i], 100);
    }
    check_int(started, 3);
}

/* ---- shuffling ------------------------------------------------------------------------------ */

struct named {
    struct trace *trace;
    char name;
};

static int note_name(void *arg)
{
    struct named *named = arg;
    note(named->trace, named->name);
    return 0;
}

static int go_through_the_alphabet(void *arg)
{
    struct named letters[26];
    for (int i = 0; i < 26; i++) {
        letters[i] = (struct named){arg, (char)('a' + i)};
        check_int(aio_go(note_name, &letters[i]), 0);
    }
    return aio_sleep(1);
}

static void run_shuffled(uint64_t seed, struct trace *trace)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.handle_sigint = false;
    options.shuffle_seed = seed;
    *trace = (struct trace){0};
    check_int(aio_run_with(&options, go_through_the_alphabet, trace), 0);
}

TEST(a_seed_shuffles_the_tasks_of_a_turn_each_time_in_the_same_way)
{
    struct trace plain, one, same, other;
    run_shuffled(0, &plain);
    run_shuffled(1, &one);
    run_shuffled(1, &same);
    run_shuffled(2, &other);
    check_string(plain.text, "abcdefghijklmnopqrstuvwxyz");
    check_int(one.length, 26);
    check(strcmp(one.text, plain.text) != 0);
    check_string(same.text, one.text);
    check(strcmp(other.text, one.text) != 0);
}

/* ---- a loop that closes with tasks left ----------------------------------------------------- */

struct left {
    aio_future *future;
    aio_task *task;
};

static int await_the_future(void *arg)
{
    return aio_await(((struct left *)arg)->future);
}

static int await_the_task(void *arg)
{
    return aio_await_done(((struct left *)arg)->task);
}

static int be_under_a_timeout(void *arg)
{
    return aio_timeout_run(AIO_SEC(500), sleep_long, arg);
}

static int yield_for_ever(void *arg)
{
    int rc = 0;
    while (rc == 0)
        rc = aio_yield();
    ++*(int *)arg;
    return rc;
}

TEST(tasks_that_are_left_when_the_loop_closes_are_abandoned_and_reported)
{
    int ended = 0, never = 0;
    aio_loop *loop = aio_loop_new();
    if (loop == NULL)
        return;
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    caught.count = 0;
    struct left left = {aio_future_new_on(loop), spawn_on(loop, sleep_long, NULL)};
    aio_task *tasks[] = {
        spawn_on(loop, await_the_future, &left), spawn_on(loop, await_the_task, &left),
        spawn_on(loop, be_under_a_timeout, NULL), spawn_on(loop, yield_for_ever, &ended)};
    check(aio_loop_step(loop, 0) >= 0);
    aio_task *late = spawn_on(loop, count_up, &never);
    int count = (int)aio_task_count(loop);
    check_int(aio_loop_close(loop), 0);
    check_int(caught.count, count);
    check_string(caught.message, "the loop closed before a task had ended");
    for (int i = 0; i < 4; i++) {
        check(aio_future_cancelled(tasks[i]));
        aio_release(tasks[i]);
    }
    check_int(aio_future_result(late), -ECANCELED);
    check(!aio_future_done(left.future));
    check_int(ended + never, 0);
    aio_release(late);
    aio_release(left.task);
    aio_release(left.future);
}

TEST(tasks_that_nobody_holds_are_abandoned_with_their_loop)
{
    aio_loop *loop = aio_loop_new();
    struct left left = {0};
    if (loop == NULL)
        return;
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    left.future = aio_future_new_on(loop);
    aio_release(spawn_on(loop, await_the_future, &left));
    aio_release(spawn_on(loop, sleep_long, NULL));
    check(aio_loop_step(loop, 0) >= 0);
    aio_release(left.future);
    check_int(aio_loop_close(loop), 0);
}

static int fail_with_a_value(void *arg)
{
    int rc = aio_future_set_value(aio_task_current(), arg, add_one);
    return rc < 0 ? rc : -EIO;
}

TEST(a_task_may_be_kept_beyond_the_end_of_its_loop)
{
    int freed = 0;
    aio_loop *loop = aio_loop_new();
    aio_task *task = spawn_on(loop, fail_with_a_value, &freed);
    if (task != NULL)
        check_int(aio_loop_step(loop, 0), 1);
    check_int(aio_loop_close(loop), 0);
    if (task != NULL) {
        check(aio_future_done(task));
        check(aio_future_value(task) == &freed);
        check_int(aio_task_cancel(task), 0);
        check_string(aio_task_name(task), "Task-1");
        check_int(aio_task_set_name(task, "late"), 0);
        check_int(aio_future_result(task), -EIO);
    }
    check_int(freed, 0);
    aio_release(task);
    check_int(freed, task != NULL);
}

static int fill_in(void *arg)
{
    aio_task **kept = arg;
    *kept = aio_spawn(sleep_long, NULL);
    return aio_yield();
}

TEST(a_task_taken_down_may_be_released_after_the_run)
{
    aio_task *kept = NULL;
    check_int(test_run(fill_in, &kept), 0);
    check(aio_future_cancelled(kept));
    aio_release(kept);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int make_and_drop(void *arg)
{
    size_t blocks = 0, bytes = 0, mapped = 0;
    (void)arg;
    for (size_t i = 0; i < test_scale(2000); i++) {
        int count = 0;
        check_int(aio_join(aio_spawn(count_up, &count)), 1);
        aio_release(aio_future_new());
        check_int(aio_timeout_run(1, sleep_long, NULL), -ETIMEDOUT);
        if (i == 10) {
            blocks = ledger_blocks();
            bytes = ledger_bytes();
            mapped = ledger_mapped();
        }
    }
    check_int(ledger_blocks(), blocks);
    check_int(ledger_bytes(), bytes);
    check_int(ledger_mapped(), mapped);
    return 0;
}

TEST(tasks_futures_and_timeouts_that_come_and_go_take_no_more_memory)
{
    check_int(test_run(make_and_drop, NULL), 0);
}

static int await_for(void *arg)
{
    return aio_await(arg);
}

static int wait_without_memory(void *arg)
{
    int count = 0;
    aio_future *future = aio_future_new();
    aio_task *sleeper = aio_spawn(sleep_long, NULL), *waiter = aio_spawn(await_for, future);
    (void)arg;
    check(faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON));
    check_int(aio_sleep(1), 0);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 4), 0);
    check_int(aio_join(waiter), 4);
    check_int(aio_task_stop(sleeper), 0);
    aio_release(future);
    faults_clear();
    check_int(aio_join(aio_spawn(count_up, &count)), 1);
    return 0;
}

TEST(waiting_needs_no_memory)
{
    check_int(test_run(wait_without_memory, NULL), 0);
}

static int spawn_without_memory(void *arg)
{
    int count = 0;
    (void)arg;
    check_int(aio_sleep(1), 0);
    /* What is at hand in pools is used up first. */
    check(faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON));
    aio_task *tasks[4096];
    size_t spawned = 0;
    while (spawned < 4096 && (tasks[spawned] = aio_spawn(count_up, &count)) != NULL)
        spawned++;
    check(spawned < 4096);
    check_int(errno, ENOMEM);
    check_int(aio_go(count_up, &count), -ENOMEM);
    check_int(aio_task_count(NULL), spawned + 1);
    for (size_t i = 0; i < spawned; i++)
        check(aio_join(tasks[i]) > 0);
    check_int(count, spawned);
    faults_clear();
    check_int(aio_join(aio_spawn(count_up, &count)), spawned + 1);
    return 0;
}

TEST(a_spawn_without_memory_fails_and_leaves_the_others_alone)
{
    check_int(test_run(spawn_without_memory, NULL), 0);
}

static int spike(void *arg)
{
    int count = 0;
    aio__scheduler *scheduler = aio__scheduler_of(aio_loop_current());
    int many = (int)test_scale(1000);
    (void)arg;
    for (int i = 0; i < many; i++)
        check_int(aio_go(count_up, &count), 0);
    check_int(aio_yield(), 0);
    check_int(count, many);
    check(aio__stack_pool_idle(scheduler->stacks) >= (size_t)many);
    int rc = aio_sleep(AIO_MSEC(50)); /* long enough for the loop to find that it must wait */
    check(aio__stack_pool_idle(scheduler->stacks) <= 300);
    return rc;
}

TEST(the_stacks_of_a_spike_are_given_back_when_there_is_time)
{
    check_int(test_run_real(spike, NULL), 0);
}
