/*
 * One test: in a child of its own, under an alarm, between two looks at what the
 * process holds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/faults.h"
#include "support/harness.h"
#include "support/ledger.h"
#include "support/world.h"

#define SECONDS 20
#define SWEEP_SECONDS 10 /* there are thousands of runs, and some may hang */

/* The checking tools' own calls, where they are linked in. */
__attribute__((weak)) void __gcov_dump(void);
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);
__attribute__((weak)) void __tsan_init(void);

static struct sigaction at_start[NSIG];
static bool sweeping; /* the test that runs */

unsigned long harness_setting(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoul(text, NULL, 10) : otherwise;
}

bool test_sweeping(void)
{
    return sweeping;
}

bool test_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

size_t test_scale(size_t count)
{
    return sweeping ? (count + 99) / 100 : count;
}

size_t test_scale_tasks(size_t count)
{
    return test_under_valgrind() ? (count + 99) / 100 : test_scale(count);
}

static bool forking(void)
{
    return harness_setting("AIO_TEST_FORK", 1) != 0;
}

/* What started us may ignore or block some signals (a shell does, in the background): the tests
 * expect the usual. */
void harness_init(void)
{
    static const int usual[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        (void)signal(usual[i], SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, NULL, &at_start[i]);
}

/* Takes cmocka's handlers out: they would go on with the next test, in the child. */
static void restore_signals(void)
{
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &at_start[i], NULL);
}

static unsigned seconds(const struct test_plan *plan)
{
    unsigned limit = plan->sweeping ? SWEEP_SECONDS : SECONDS;
    return limit * (unsigned)harness_setting("AIO_TEST_TIMEOUT", 1);
}

/* ---- the alarm ------------------------------------------------------------------------------- */

static volatile sig_atomic_t patience; /* ticks that are left to a test of the sweep */

#define TICK 100000 /* us */

/* Asks it to end, at each tick; then it has hung. */
static void interrupt(int signal_number)
{
    if (--patience <= 0)
        (void)signal(signal_number, SIG_DFL);
    else
        test_interrupt();
}

static void set_alarm(const struct test_plan *plan)
{
    unsigned limit = seconds(plan);
    struct itimerval when = {{0, 0}, {(time_t)limit, 0}};
    if (plan->sweeping) {
        (void)signal(SIGALRM, interrupt);
        when = (struct itimerval){{0, TICK}, {(time_t)(limit / 10), 0}};
        patience = (sig_atomic_t)((limit - limit / 10) * 1000000 / TICK);
    }
    (void)setitimer(ITIMER_REAL, &when, NULL);
}

/* ---- the test -------------------------------------------------------------------------------- */

static void *do_nothing(void *arg)
{
    return arg;
}

/* ThreadSanitizer has a thread of its own, which starts with the first other one of a process. */
static void start_tool_threads(void)
{
    pthread_t thread;
    if (__tsan_init != NULL && pthread_create(&thread, NULL, do_nothing, NULL) == 0)
        (void)pthread_join(thread, NULL);
}

/* valgrind maps the thread's stack as it is used, but not for a handler with SA_ONSTACK. */
__attribute__((noinline)) static void touch_the_stack(void)
{
    volatile char room[65536];
    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 0;
}

static void prepare(const struct test_case *test, const struct test_plan *plan)
{
    if (plan->output >= 0)
        (void)dup2(plan->output, STDERR_FILENO);
    ledger_begin();
    faults_begin();
    if (plan->fault != NULL)
        faults_follow(plan);
    if (plan->nth != 0)
        return;
    if (!test->exact && harness_setting("AIO_TEST_CHAOS", 0) != 0)
        faults_chaos(harness_setting("AIO_TEST_CHAOS", 0));
}

static void run(const struct test_case *test, const struct test_plan *plan)
{
    struct world before;
    sweeping = plan->sweeping;
    start_tool_threads();
    touch_the_stack();
    prepare(test, plan);
    world_look(&before);
    test->body();
    faults_end();
    ledger_end();
    world_compare(&before);
    world_forget(&before);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        test_leak("LeakSanitizer found leaks");
    test_report->unusable = plan->sweeping && !test_hello_works();
    test_report->finished = true;
}

_Noreturn static void be_the_child(const struct test_case *test, const struct test_plan *plan)
{
    (void)setpgid(0, 0);
    restore_signals();
    set_alarm(plan);
    run(test, plan);
    (void)fflush(NULL);
    if (__gcov_dump != NULL)
        __gcov_dump();
    _exit(0);
}

static void run_in_child(const struct test_case *test, const struct test_plan *plan)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        be_the_child(test, plan);
    if (child < 0 || waitpid(child, &test_report->status, 0) != child) {
        test_fail(test->file, test->line, "no process for the test");
        return;
    }
    /* What it may have left running; the group is empty as a rule. */
    (void)kill(-child, SIGKILL);
}

static void run_here(const struct test_case *test, const struct test_plan *plan)
{
    set_alarm(plan);
    run(test, plan);
    (void)alarm(0);
}

/* An end that the test itself could not report. */
static void judge(const struct test_case *test, const struct test_plan *plan,
                  const struct test_report *report)
{
    if (WIFSIGNALED(report->status) && WTERMSIG(report->status) == SIGALRM)
        test_fail(test->file, test->line, "timed out after %u s", seconds(plan));
    else if (WIFSIGNALED(report->status))
        test_fail(test->file, test->line, "killed by signal %d (%s)", WTERMSIG(report->status),
                  strsignal(WTERMSIG(report->status)));
    else if (WEXITSTATUS(report->status) != 0)
        test_fail(test->file, test->line, "ended with status %d", WEXITSTATUS(report->status));
    else if (!report->finished)
        test_fail(test->file, test->line, "the test ended its process");
}

/* A file to map, that has no name any more; -1 if there is none. */
static int open_memory(size_t size)
{
    char name[] = "/tmp/aio-test-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        return -1;
    (void)unlink(name);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (ftruncate(fd, (off_t)size) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static struct test_report *report_new(const struct test_plan *plan)
{
    int fd = plan->sweeping ? open_memory(sizeof(struct test_report)) : -1;
    struct test_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE,
                                      fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (report == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    report->plan = *plan;
    report->fd = fd;
    if (plan->fault != NULL)
        (void)snprintf(report->fault, sizeof report->fault, "%s", plan->fault);
    return report;
}

static void report_free(struct test_report *report)
{
    if (report->fd >= 0)
        (void)close(report->fd);
    (void)munmap(report, sizeof *report);
}

void test_hand_on_plan(void)
{
    char fd[16];
    if (test_report->fd < 0)
        return;
    (void)snprintf(fd, sizeof fd, "%d", test_report->fd);
    (void)setenv("AIO_TEST_REPORT", fd, 1);
    (void)fcntl(test_report->fd, F_SETFD, 0);
}

void harness_run(const struct test_case *test, const struct test_plan *plan,
                 struct test_report *out_report)
{
    const struct test_case *outer_test = test_current;
    struct test_report *outer_report = test_report;
    bool outer_quiet = test_quiet;
    test_current = test;
    test_report = report_new(plan);
    test_quiet = plan->sweeping || plan->planted;
    if (forking() || test_quiet)
        run_in_child(test, plan);
    else
        run_here(test, plan);
    judge(test, plan, test_report);
    *out_report = *test_report;
    report_free(test_report);
    test_current = outer_test;
    test_report = outer_report;
    test_quiet = outer_quiet;
}
