/*
 * Faults: calls of the library to the system that fail, or do less than asked.
 *
 *     faults_fail("accept4", 2, EMFILE, FAULTS_ONCE);
 *     faults_fail("memory", 7, ENOMEM, FAULTS_FROM_THEN_ON);
 *     faults_short(3);
 *
 * A call is named as in base/sys.h.  Classes: "memory" is malloc, calloc, realloc
 * and mmap; "descriptor" is whatever makes one; "any".
 *
 * A test may also put a function of its own in the table, aio__sys.recv = mine;
 * that may hand on to aio__sys_real.recv (or, of memory, to what was in the table
 * before, or the ledger would not know of it).  After the test all is as before.
 */
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_plan;

enum faults_how { FAULTS_ONCE, FAULTS_FROM_THEN_ON, FAULTS_EVERY };

/*
 * From now on the nth call (1: the next one) fails with `error`; or all from the nth on; or every
 * nth.  False, and the test has failed, if there is no such call or class.
 */
bool faults_fail(const char *name, unsigned long nth, int error, enum faults_how how);
/* How many such calls there were in this test. */
unsigned long faults_count(const char *name);

/* From now on recv, send, read and write of byte streams move at most so many bytes; 0: any. */
void faults_short(size_t bytes);
/* Transfers are short, interrupted or not possible just now, each as a seed's generator says. */
void faults_chaos(uint64_t seed);
/* Nothing fails any more.  The counts stay. */
void faults_clear(void);

/* The harness's: before and after each test.  What a plan wants counted or to fail is so until the
 * end, in forked children too, whatever the test asks for besides. */
void faults_begin(void);
void faults_follow(const struct test_plan *plan);
void faults_end(void);

#endif
