/*
 * The sweep: each test again and again, and each time another one of its
 * allocations fails (SQLite's and curl's way); or one of its children's, also when
 * they have become one of the programs in examples/faulty (tests/programs).
 *
 * The test's own checks may fail then.  But it has to end, by itself or when it is
 * cancelled; nothing may be left behind; no checking tool may complain; and the
 * library must work afterwards.
 *
 * A test that repeats things does so less often here: test_scale().
 *
 *     AIO_TEST_SWEEP=1           the n-th allocation fails, once, for each n
 *     AIO_TEST_SWEEP=2           besides, all from the n-th on
 *     AIO_TEST_SWEEP_LIMIT=n     at most so many points a test, evenly spread
 *     AIO_TEST_SWEEP_POINT=n     only the n-th, to see what it did
 *     AIO_TEST_SWEEP_CALL=name   another call or class of faults.h than "memory" ...
 *     AIO_TEST_SWEEP_ERROR=n     ... and the number of the error it fails with
 */
#ifndef TESTS_SUPPORT_SWEEP_H
#define TESTS_SUPPORT_SWEEP_H

#include <stdbool.h>

struct test_case;

bool sweep_wanted(void);
/* A test, for cmocka. */
void sweep_test(void **state);
/* One that is not swept: says why. */
void sweep_leave_out(const struct test_case *test);
/* Prints the total of the program; 1 if anything was found. */
int sweep_summary(void);

#endif
