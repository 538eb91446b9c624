/*
 * What makes a program one whose calls can fail: linked to a real program's main()
 * and to the library as tests need it, this follows the plan of the test that has
 * started it.
 *
 * The report is in memory that the test hands on as a descriptor, child.c.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/faults.h"
#include "support/harness.h"

struct test_report *test_report;

/* In the test's stead, for faults.c. */
bool test_check(bool held, const char *text, const char *file, int line)
{
    (void)text, (void)file, (void)line;
    return held;
}

static struct test_report *report_of(int fd)
{
    size_t size = sizeof(struct test_report);
    void *report = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    return report != MAP_FAILED ? report : NULL;
}

__attribute__((constructor)) static void follow_the_plan(void)
{
    const char *fd = getenv("AIO_TEST_REPORT");
    test_report = fd != NULL ? report_of(atoi(fd)) : NULL;
    if (test_report == NULL)
        return;
    struct test_plan plan = test_report->plan;
    plan.fault = test_report->fault;
    faults_begin();
    faults_follow(&plan);
}
