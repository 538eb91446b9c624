/*
 * The registry of tests, the checks, and main().
 *
 * The text of a failure is made in one buffer and written with one write(): the
 * stack that a check runs on may be a task's, and stdio wants 10 KiB of it.
 */
#include "support/test.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <aio/base.h>

#include "support/harness.h"
#include "support/sweep.h"

static struct test_case *first_test;
static size_t test_count;
static pthread_mutex_t reporting = PTHREAD_MUTEX_INITIALIZER;

struct test_report *test_report;
const struct test_case *test_current;
bool test_quiet;

/* Constructors may run in any order: the tests stand as in the file. */
void test_register(struct test_case *test)
{
    struct test_case **place = &first_test;
    while (*place != NULL && (*place)->line < test->line)
        place = &(*place)->next;
    test->next = *place;
    *place = test;
    test_count++;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void print_line(const char *file, int line, const char *message)
{
    static char text[sizeof test_report->message + 200];
    int size = snprintf(text, sizeof text, "%s:%d: %s\n", file, line, message);
    if (size >= (int)sizeof text)
        size = (int)sizeof text - 1;
    ssize_t written = write(STDERR_FILENO, text, (size_t)size);
    (void)written;
}

static void record(int *count, const char *file, int line, const char *format, va_list arguments)
{
    static char message[sizeof test_report->message];
    (void)pthread_mutex_lock(&reporting);
    (void)vsnprintf(message, sizeof message, format, arguments);
    if (!test_quiet || count == &test_report->leaks)
        print_line(file, line, message);
    if (test_report->file == NULL) {
        test_report->file = file;
        test_report->line = line;
        memcpy(test_report->message, message, sizeof message);
    }
    ++*count;
    (void)pthread_mutex_unlock(&reporting);
}

void test_leak(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    record(&test_report->leaks, test_current->file, test_current->line, format, arguments);
    va_end(arguments);
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    record(&test_report->failures, file, line, format, arguments);
    va_end(arguments);
}

bool test_check(bool held, const char *text, const char *file, int line)
{
    if (!held)
        test_fail(file, line, "failed: %s", text);
    return held;
}

/* " (ECANCELED)" after a result that is an error; nothing after others. */
static const char *explained(int64_t value, char *text, size_t size)
{
    bool is_error = (value < 0 && value >= -8191) || (value <= -65536 && value >= INT32_MIN);
    (void)snprintf(text, size, is_error ? " (%s)" : "%s", is_error ? aio_errname((int)value) : "");
    return text;
}

bool test_check_int(int64_t actual, int64_t expected, const char *text, const char *file, int line)
{
    char is[64], wanted[64];
    if (actual != expected)
        test_fail(file, line, "%s is %lld%s, not %lld%s", text, (long long)actual,
                  explained(actual, is, sizeof is), (long long)expected,
                  explained(expected, wanted, sizeof wanted));
    return actual == expected;
}

bool test_check_string(const char *actual, const char *expected, const char *text,
                       const char *file, int line)
{
    bool equal = actual == expected ||
                 (actual != NULL && expected != NULL && strcmp(actual, expected) == 0);
    if (!equal)
        test_fail(file, line, "%s is \"%s\", not \"%s\"", text, actual != NULL ? actual : "(null)",
                  expected != NULL ? expected : "(null)");
    return equal;
}

/* ---- main ------------------------------------------------------------------------------------ */

/* A test, as cmocka sees it. */
static void plain_test(void **state)
{
    const struct test_case *test = *state;
    struct test_plan plan = {.output = -1};
    struct test_report report;
    harness_run(test, &plan, &report);
    if (report.failures + report.leaks == 0)
        return;
    print_error("%s\n", report.message);
    _fail(report.file, report.line);
}

static bool selected(const struct test_case *test, int count, char **parts)
{
    for (int i = 0; i < count; i++)
        if (strstr(test->name, parts[i]) != NULL)
            return true;
    return count == 0;
}

static int list(void)
{
    for (const struct test_case *test = first_test; test != NULL; test = test->next)
        puts(test->name);
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The selected tests, as cmocka wants them; how many. */
static size_t select_tests(struct CMUnitTest *tests, int argc, char **argv)
{
    size_t count = 0;
    void (*run)(void **) = sweep_wanted() ? sweep_test : plain_test;
    for (struct test_case *test = first_test; test != NULL; test = test->next)
        if (!selected(test, argc - 1, argv + 1))
            continue;
        else if (run == sweep_test && test->unswept != NULL)
            sweep_leave_out(test);
        else
            tests[count++] = (struct CMUnitTest){test->name, run, NULL, NULL, test};
    return count;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--list") == 0)
        return list();
    harness_init();
    struct CMUnitTest all[test_count + 1];
    size_t count = select_tests(all, argc, argv);
    if (count == 0 && sweep_wanted())
        return sweep_summary();
    if (count == 0) {
        (void)fprintf(stderr, "%s: no such test\n", base_name(argv[0]));
        return 2;
    }
    struct CMUnitTest tests[count];
    memcpy(tests, all, sizeof tests);
    int failed = cmocka_run_group_tests_name(base_name(argv[0]), tests, NULL, NULL);
    if (sweep_wanted() && sweep_summary() != 0)
        failed = 1;
    return failed != 0;
}
