/*
 * What a test file includes.  main() is in here too: it hands every test of the
 * program to cmocka, and cmocka's closing lines are the result.
 *
 *     TEST(sleep_of_nothing_lets_the_others_run)
 *     {
 *         check_int(test_run(nap, NULL), 0);
 *     }
 *
 * Each test runs in a forked child, under an alarm of 20 s.  When it has returned,
 * nothing that the library made may be left (ledger.h), and the process must be
 * as it was: descriptors, threads, children, signal dispositions (world.h).
 *
 * A check that fails is recorded and the test goes on, to clean up as a program
 * would; nothing ever jumps out of a task.
 *
 * The program takes parts of names, to run only those tests, and --list.  In the
 * environment:
 *
 *     AIO_TEST_TIMEOUT=n         so many times the 20 s (valgrind, an emulator)
 *     AIO_TEST_FORK=0            all in one process
 *     AIO_TEST_CHAOS=seed        short transfers and interrupted calls: faults.h; not
 *                                in a TEST_EXACT
 *     AIO_TEST_SWEEP=1           makes each allocation of each test fail: sweep.h
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_case {
    const char *name, *file;
    int line;
    const char *unswept; /* why the sweep leaves it out; NULL: it does not */
    bool exact;
    void (*body)(void);
    struct test_case *next;
};

/* Defines a test and registers it. */
#define TEST(name) TEST_DEFINE(name, NULL, false)
/* One that the sweep leaves out, and says why: "its program has no table of calls". */
#define TEST_WITHOUT_SWEEP(name, why) TEST_DEFINE(name, why, false)
/* One that chaos leaves alone: it says what each single call moves, or when. */
#define TEST_EXACT(name) TEST_DEFINE(name, NULL, true)

#define TEST_DEFINE(name, unswept, exact)                                                          \
    static void body_of_##name(void);                                                              \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        static struct test_case test = {#name, __FILE__, __LINE__, unswept, exact,                 \
                                        body_of_##name, NULL};                                     \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void body_of_##name(void)

void test_register(struct test_case *test);

/* Each tells whether it held, and may be used on any stack and thread. */
#define check(condition) test_check((condition) ? true : false, #condition, __FILE__, __LINE__)
#define check_int(actual, expected)                                                                \
    test_check_int((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
#define check_string(actual, expected)                                                             \
    test_check_string((actual), (expected), #actual, __FILE__, __LINE__)

bool test_check(bool held, const char *text, const char *file, int line);
bool test_check_int(int64_t actual, int64_t expected, const char *text, const char *file, int line);
bool test_check_string(const char *actual, const char *expected, const char *text,
                       const char *file, int line);

/* Records a failure. */
__attribute__((format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                     const char *format, ...);

/* aio_run_with() on the virtual clock, on the real one; SIGINT is left alone. */
int test_run(int (*function)(void *), void *arg);
int test_run_real(int (*function)(void *), void *arg);

/* Whether this run is one of the sweep's, of which there are many. */
bool test_sweeping(void);
/* Whether valgrind looks on, which is slow, and complains of what is done wrong on purpose. */
bool test_under_valgrind(void);
/* A hundredth of a count in the sweep, else all of it. */
size_t test_scale(size_t count);
/* The same for tasks that are there at a time; a hundredth under valgrind, too. */
size_t test_scale_tasks(size_t count);
/* In a child, before it becomes a program whose calls can fail as well: tests/programs. */
void test_hand_on_plan(void);

#endif
