/*
 * The harness itself: tests with a flaw each, of which it must find that and no
 * other.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "support/faults.h"
#include "support/harness.h"
#include "support/ledger.h"
#include "support/test.h"

/* Keeps what a compiler would rather leave out. */
static void *volatile kept;

/* Runs a test with a flaw. */
static struct test_report run_planted(void (*body)(void), struct test_plan plan)
{
    struct test_case test = {"planted", __FILE__, __LINE__, NULL, true, body, NULL};
    struct test_report report;
    plan.planted = true;
    plan.output = open("/dev/null", O_WRONLY | O_CLOEXEC);
    harness_run(&test, &plan, &report);
    (void)close(plan.output);
    return report;
}

static void expect_leak(void (*body)(void), const char *message)
{
    struct test_report report = run_planted(body, (struct test_plan){.nth = 0});
    check(report.leaks > 0);
    check_int(report.failures, 0);
    if (!check(strstr(report.message, message) != NULL))
        check_string(report.message, message);
}

static void expect_failure(void (*body)(void), const char *message)
{
    struct test_report report = run_planted(body, (struct test_plan){.nth = 0});
    check(report.failures > 0);
    check_int(report.leaks, 0);
    if (!check(strstr(report.message, message) != NULL))
        check_string(report.message, message);
}

/* ---- what is left behind --------------------------------------------------------------------- */

static void leave_block(void)
{
    kept = aio__sys_malloc(10);
    kept = NULL;
}

TEST(block_that_is_left_is_found)
{
    expect_leak(leave_block, "block of size 10 is left, number 1, of malloc");
}

static void leave_grown_block(void)
{
    kept = aio__sys_realloc(aio__sys_calloc(2, 8), 100000);
    kept = NULL;
}

TEST(block_that_has_grown_is_one)
{
    expect_leak(leave_grown_block, "block of size 100000 is left, number 2, of realloc");
}

static void leave_block_that_did_not_grow(void)
{
    kept = aio__sys_malloc(10);
    faults_fail("realloc", 1, ENOMEM, FAULTS_ONCE);
    check(aio__sys_realloc(kept, 20) == NULL);
    kept = NULL;
}

TEST(block_that_could_not_grow_is_still_there)
{
    expect_leak(leave_block_that_did_not_grow, "block of size 10 is left");
}

static void free_twice(void)
{
    kept = aio__sys_malloc(10);
    aio__sys_free(kept);
    aio__sys_free(kept);
}

TEST(block_that_is_freed_twice_is_found)
{
    expect_leak(free_twice, "free of a block that is free already");
}

static void *map(size_t size)
{
    return aio__sys_mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void leave_a_hole_in_the_middle(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = map(10 * page);
    (void)aio__sys_munmap(at, 4 * page);
    (void)aio__sys_munmap(at + 5 * page, 5 * page);
    check_int(ledger_mapped(), page);
}

TEST(part_of_a_mapping_that_is_left_is_found)
{
    expect_leak(leave_a_hole_in_the_middle, "mapping of size");
}

static void unmap_in_parts(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = map(10 * page);
    (void)aio__sys_munmap(at + 4 * page, page);
    (void)aio__sys_munmap(at, 4 * page);
    (void)aio__sys_munmap(at + 5 * page, 5 * page);
}

TEST(mapping_may_be_unmapped_in_parts)
{
    struct test_report report = run_planted(unmap_in_parts, (struct test_plan){.nth = 0});
    check_int(report.leaks + report.failures, 0);
}

static void unmap_twice(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *at = map(page);
    (void)aio__sys_munmap(at, page);
    (void)aio__sys_munmap(at, page);
}

TEST(unmapping_of_what_is_not_mapped_is_found)
{
    expect_leak(unmap_twice, "of which 0 are mapped");
}

static void leave_descriptor_of_the_library(void)
{
    int ends[2];
    (void)aio__sys_pipe(ends);
    (void)aio__sys_close(ends[0]);
    check_int(ledger_descriptors(), 1);
}

TEST(descriptor_that_the_library_leaves_is_found)
{
    expect_leak(leave_descriptor_of_the_library, "number 2, of pipe");
}

static void leave_descriptor_of_the_test(void)
{
    (void)open("/dev/null", O_RDONLY);
}

TEST(descriptor_that_the_test_leaves_is_found)
{
    expect_leak(leave_descriptor_of_the_test, "is still open: /dev/null");
}

static void close_what_is_not_open(void)
{
    (void)aio__sys_close(1000);
}

TEST(close_of_what_is_not_open_is_found)
{
    expect_leak(close_what_is_not_open, "close of descriptor 1000, which is not open");
}

static void close_error_stream(void)
{
    (void)close(STDERR_FILENO);
}

TEST(descriptor_that_was_there_before_must_stay)
{
    expect_leak(close_error_stream, "descriptor 2, which is not the test's, was closed");
}

static void *wait_for_ever(void *arg)
{
    for (;;)
        (void)pause();
    return arg;
}

static void leave_thread(void)
{
    pthread_t thread;
    check_int(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
    (void)pthread_detach(thread);
}

TEST(thread_that_is_left_is_found)
{
    if (test_under_valgrind())
        return; /* it would complain as well */
    expect_leak(leave_thread, "threads are left: 1");
}

static void leave_child(void)
{
    if (fork() == 0)
        wait_for_ever(NULL);
}

TEST(child_that_is_left_is_found_and_killed)
{
    expect_leak(leave_child, "a child is left");
}

static void leave_disposition(void)
{
    (void)signal(SIGUSR1, SIG_IGN);
}

TEST(disposition_that_has_changed_is_found)
{
    expect_leak(leave_disposition, "the disposition of signal");
}

static void put_disposition_back(void)
{
    struct sigaction before, ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGUSR1, &ignore, &before);
    (void)sigaction(SIGUSR1, &before, NULL);
}

TEST(disposition_that_was_put_back_is_no_flaw)
{
    struct test_report report = run_planted(put_disposition_back, (struct test_plan){.nth = 0});
    check_int(report.leaks + report.failures, 0);
}

static void leave_mask(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

TEST(signal_that_stays_blocked_is_found)
{
    expect_leak(leave_mask, "is blocked now");
}

/* ---- how a test ends ------------------------------------------------------------------------- */

static void fail_twice_and_go_on(void)
{
    check_int(1 + 1, -EINVAL);
    check_string("a", NULL);
    leave_block();
    kept = NULL;
}

TEST(check_that_fails_does_not_end_the_test)
{
    struct test_report report = run_planted(fail_twice_and_go_on, (struct test_plan){.nth = 0});
    check_int(report.failures, 2);
    check_int(report.leaks, 1);
    check_string(report.message, "1 + 1 is 2, not -22 (EINVAL)");
}

static void crash(void)
{
    (void)raise(SIGSEGV);
}

TEST(test_that_crashes_has_failed)
{
    struct test_report report = run_planted(crash, (struct test_plan){.nth = 0});
    check(report.failures == 1 && !report.finished);
}

static void hang(void)
{
    (void)alarm(1);
    wait_for_ever(NULL);
}

TEST(test_that_hangs_is_ended_by_its_alarm)
{
    expect_failure(hang, "timed out");
}

static void end_process(void)
{
    _exit(0);
}

TEST(test_that_ends_its_process_has_failed)
{
    expect_failure(end_process, "the test ended its process");
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static void allocate_two(void)
{
    void *one = aio__sys_malloc(8), *other = aio__sys_malloc(8);
    check(one != NULL && other != NULL);
    aio__sys_free(one);
    aio__sys_free(other);
}

TEST(calls_are_counted_for_the_sweep)
{
    struct test_plan plan = {.fault = "memory", .sweeping = true};
    struct test_report report = run_planted(allocate_two, plan);
    check_int(report.calls, 2);
    check(report.finished && !report.unusable);
}

TEST(test_may_fail_in_the_sweep_but_must_end_well)
{
    struct test_plan plan = {.fault = "memory", .nth = 2, .error = ENOMEM, .sweeping = true};
    struct test_report report = run_planted(allocate_two, plan);
    check_int(report.failures, 1);
    check_int(report.leaks, 0);
    check(report.finished && !report.unusable);
}

static void lose_one_if_the_other_fails(void)
{
    void *one = aio__sys_malloc(8), *other = aio__sys_malloc(8);
    if (other != NULL)
        aio__sys_free(one);
    kept = one = NULL;
    aio__sys_free(other);
}

TEST(sweep_finds_what_is_lost_only_when_memory_is_short)
{
    struct test_plan plan = {.fault = "memory", .nth = 2, .error = ENOMEM, .sweeping = true};
    check_int(run_planted(lose_one_if_the_other_fails, (struct test_plan){.nth = 0}).leaks, 0);
    check_int(run_planted(lose_one_if_the_other_fails, plan).leaks, 1);
}

/* The first of three is this process's, the second its child's; then it clears its own faults. */
static void allocate_in_a_child_too(void)
{
    void *mine = aio__sys_malloc(8);
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(aio__sys_malloc(8) == NULL);
    check_int(waitpid(child, &status, 0), child);
    check_int(status, 0);
    faults_clear();
    aio__sys_free(mine);
    mine = aio__sys_malloc(8);
    check_string(mine != NULL ? "the last" : NULL, "the last");
    aio__sys_free(mine);
}

TEST(plan_concerns_children_as_well)
{
    struct test_plan plan = {.fault = "memory", .sweeping = true};
    struct test_report report = run_planted(allocate_in_a_child_too, plan);
    check_int(report.calls, 3);
    plan.nth = 2;
    plan.error = ENOMEM;
    report = run_planted(allocate_in_a_child_too, plan);
    check(report.struck);
    check_int(report.failures, 1);
    check(strstr(report.message, "status is") != NULL);
}

TEST(plan_stands_when_a_test_clears_its_own_faults)
{
    struct test_plan plan = {.fault = "memory", .nth = 3, .error = ENOMEM, .sweeping = true};
    struct test_report report = run_planted(allocate_in_a_child_too, plan);
    check(report.struck);
    check_int(report.failures, 1);
    check(strstr(report.message, "the last") != NULL);
}

TEST(plan_for_a_call_that_never_comes_does_not_strike)
{
    struct test_plan plan = {.fault = "memory", .nth = 4, .error = ENOMEM, .sweeping = true};
    struct test_report report = run_planted(allocate_in_a_child_too, plan);
    check(!report.struck);
    check_int(report.failures, 0);
}

static void scale(void)
{
    check_int(test_scale(1000), test_sweeping() ? 10 : 1000);
    check_int(test_scale(1), 1);
    check(!test_sweeping());
}

TEST(tests_are_smaller_while_they_are_swept)
{
    check_int(run_planted(scale, (struct test_plan){.nth = 0}).failures, 0);
    check_int(run_planted(scale, (struct test_plan){.sweeping = true}).failures, 1);
}
