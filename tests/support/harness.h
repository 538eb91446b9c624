/*
 * What the parts of the harness share: how one test is run, and what comes of it.
 *
 * The report is in memory that the child shares with its parent, so that what
 * was found is known even if the child is killed.
 */
#ifndef TESTS_SUPPORT_HARNESS_H
#define TESTS_SUPPORT_HARNESS_H

#include <stdatomic.h>

#include "support/test.h"

/* What is to happen to a test. */
struct test_plan {
    const char *fault; /* a call or class of faults.h to fail, or to count; NULL: neither */
    unsigned long nth; /* which one fails; 0: none, they are counted */
    int error;
    bool from_then_on; /* not only that one */
    bool sweeping;     /* its own checks may fail; the library must be usable afterwards */
    bool planted;      /* it is to fail: for tests of the harness */
    int output;        /* where its error stream goes; -1: where ours does */
};

struct test_report {
    int failures;       /* checks that did not hold */
    int leaks;          /* what was left behind, or done to what was not there */
    bool finished;      /* it came to its end */
    bool unusable;      /* after the fault, hello failed */
    atomic_ulong calls; /* such as the plan's, of the test and of its children */
    atomic_bool struck; /* one of them has failed */
    const char *file;   /* the first failure */
    int line;
    char message[512];
    int status; /* of the child, as waitpid() gives it */
    struct test_plan plan;
    char fault[32]; /* the plan's, for programs that the test starts */
    int fd;         /* this memory, for them; -1 if there is no plan for them */
};

/* Runs one in a child, or here (AIO_TEST_FORK=0).  May be called by a test. */
void harness_run(const struct test_case *test, const struct test_plan *plan,
                 struct test_report *out_report);
/* The process's signal dispositions, before cmocka has set its own. */
void harness_init(void);

/* Where failures go, while a test runs; NULL: nowhere. */
extern struct test_report *test_report;
/* The test that runs. */
extern const struct test_case *test_current;
/* Checks that fail are not printed. */
extern bool test_quiet;

/* Records something that was left behind. */
__attribute__((format(printf, 1, 2))) void test_leak(const char *format, ...);

/* Runs a trivial program on the library: whether it worked. */
bool test_hello_works(void);

/* Cancels the function of the test_run() that is under way; from a signal's handler. */
void test_interrupt(void);

/* A number from the environment. */
unsigned long harness_setting(const char *name, unsigned long otherwise);

#endif
