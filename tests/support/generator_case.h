/*
 * What tests of generators have in common: bodies that count, and that clean up.
 */
#ifndef TESTS_SUPPORT_GENERATOR_CASE_H
#define TESTS_SUPPORT_GENERATOR_CASE_H

#include <errno.h>

#include <aio/generator.h>

#include "support/task_case.h"

/* Bodies return what their yield did, so that a close ends them without a failure. */
static inline int count_up(void *arg)
{
    int rc = 0;
    for (int i = 1; i <= *(int *)arg && rc == 0; i++)
        rc = aio_generator_yield(&i);
    return rc;
}

/* What a body noted, and how it shall end. */
struct script {
    struct trace trace;
    int last_wait, result;
    aio_generator *other;
    aio_task *task;
};

/* Yields 1, 2, 3; notes what came, and waits a while for its clean-up. */
static inline int clean_up_at_the_end(void *arg)
{
    struct script *script = arg;
    int rc = 0;
    note(&script->trace, 'b');
    for (int i = 1; i <= 3 && rc == 0; i++)
        rc = aio_generator_yield(&i);
    note(&script->trace, rc == -AIO_ECLOSED ? 'c' : 'e');
    script->last_wait = aio_sleep(100);
    note(&script->trace, 'z');
    return script->result != 0 ? script->result : rc;
}

static inline aio_generator *new_counter(int *count)
{
    return aio_generator_new(count_up, count, sizeof(int));
}

static inline aio_generator *new_cleaner(struct script *script)
{
    return aio_generator_new(clean_up_at_the_end, script, sizeof(int));
}

static inline int fail_after_one(void *arg)
{
    int rc = aio_generator_yield(arg);
    return rc < 0 ? rc : AIO_USER_ERROR(7);
}

#endif
