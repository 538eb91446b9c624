/*
 * For each test: one run that counts the calls, then a run for each of them.
 *
 * What a run writes to its error stream is kept back, and shown only if the run
 * was a bad one.
 */
#include "support/sweep.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/harness.h"

static struct {
    unsigned long points, tests, pointless, left_out, crashes, leaks, hangs, unusable;
} total;

bool sweep_wanted(void)
{
    return harness_setting("AIO_TEST_SWEEP", 0) != 0;
}

static const char *swept_call(void)
{
    const char *name = getenv("AIO_TEST_SWEEP_CALL");
    return name != NULL && *name != '\0' ? name : "memory";
}

static int swept_error(void)
{
    return (int)harness_setting("AIO_TEST_SWEEP_ERROR", ENOMEM);
}

/* ---- one point ------------------------------------------------------------------------------- */

static FILE *held_back(void)
{
    static FILE *output;
    if (output == NULL)
        output = tmpfile();
    if (output == NULL) {
        perror("tmpfile");
        exit(2);
    }
    return output;
}

static void show(FILE *output)
{
    char text[4096];
    rewind(output);
    for (size_t size; (size = fread(text, 1, sizeof text, output)) > 0;)
        (void)fwrite(text, 1, size, stderr);
}

static bool has_hung(const struct test_report *report)
{
    return WIFSIGNALED(report->status) && WTERMSIG(report->status) == SIGALRM;
}

/* Counts what a run shows; whether it was a good one. */
static bool judge(const struct test_report *report)
{
    bool ended = WIFEXITED(report->status) && WEXITSTATUS(report->status) == 0;
    bool hung = has_hung(report);
    total.hangs += hung;
    total.crashes += (!ended || !report->finished) && !hung;
    total.leaks += report->leaks != 0;
    total.unusable += report->unusable;
    return ended && report->finished && report->leaks == 0 && !report->unusable;
}

static const char *verdict(const struct test_report *report)
{
    if (has_hung(report))
        return "it hangs";
    if (WIFSIGNALED(report->status))
        return strsignal(WTERMSIG(report->status));
    return report->unusable ? "the library does not work afterwards" : report->message;
}

/* Whether all went well with the nth call failing; and whether there was one. */
static bool try_point(const struct test_case *test, unsigned long nth, bool from_then_on,
                      bool *out_struck)
{
    FILE *output = held_back();
    (void)fflush(output);
    if (ftruncate(fileno(output), 0) != 0)
        perror("ftruncate");
    rewind(output);
    struct test_plan plan = {.fault = swept_call(),
                             .nth = nth,
                             .error = swept_error(),
                             .from_then_on = from_then_on,
                             .sweeping = true,
                             .output = fileno(output)};
    struct test_report report;
    harness_run(test, &plan, &report);
    *out_struck = report.struck;
    total.points += report.struck;
    if (judge(&report))
        return true;
    (void)fprintf(stderr, "%s, with %s number %lu failing%s: %s\n", test->name, plan.fault, nth,
                  from_then_on ? ", and all later ones" : "", verdict(&report));
    if (report.file != NULL)
        (void)fprintf(stderr, "%s:%d: first: %s\n", report.file, report.line, report.message);
    show(output);
    return false;
}

/* ---- a test ---------------------------------------------------------------------------------- */

/* Whether all went well with none failing; and how many there are. */
static bool count_calls(const struct test_case *test, unsigned long *out_calls)
{
    struct test_plan plan = {.fault = swept_call(), .sweeping = true};
    plan.output = fileno(held_back());
    struct test_report report;
    harness_run(test, &plan, &report);
    *out_calls = atomic_load(&report.calls);
    if (judge(&report))
        return true;
    (void)fprintf(stderr, "%s, with nothing failing: %s\n", test->name, verdict(&report));
    return false;
}

/* To the end of what was counted; and on from there, until a run has no such call any more: threads
 * do not make as many each time. */
static unsigned long sweep(const struct test_case *test, unsigned long calls, bool from_then_on)
{
    unsigned long limit = harness_setting("AIO_TEST_SWEEP_LIMIT", calls), bad = 0;
    unsigned long only = harness_setting("AIO_TEST_SWEEP_POINT", 0);
    bool struck = calls != 0;
    if (only != 0)
        return !try_point(test, only, from_then_on, &struck);
    if (limit < calls)
        for (unsigned long i = 0; i < limit; i++)
            bad += !try_point(test, 1 + i * calls / limit, from_then_on, &struck);
    else
        for (unsigned long nth = 1; nth <= calls || struck; nth++)
            bad += !try_point(test, nth, from_then_on, &struck);
    return bad;
}

void sweep_test(void **state)
{
    const struct test_case *test = *state;
    unsigned long calls = 0, bad = !count_calls(test, &calls);
    bad += sweep(test, calls, false);
    if (harness_setting("AIO_TEST_SWEEP", 1) == 2)
        bad += sweep(test, calls, true);
    total.tests++;
    total.pointless += calls == 0;
    if (bad == 0)
        return;
    print_error("%lu runs are bad\n", bad);
    _fail(test->file, test->line);
}

void sweep_leave_out(const struct test_case *test)
{
    total.left_out++;
    (void)printf("left out: %s: %s\n", test->name, test->unswept);
}

int sweep_summary(void)
{
    (void)printf("sweep: %lu points in %lu tests, %lu without any, %lu left out, %lu crashes, "
                 "%lu leaks, %lu hangs, %lu unusable\n",
                 total.points, total.tests, total.pointless, total.left_out, total.crashes,
                 total.leaks, total.hangs, total.unusable);
    return total.crashes + total.leaks + total.hangs + total.unusable != 0;
}
