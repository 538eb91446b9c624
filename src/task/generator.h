/*
 * The structure of generators.
 *
 * Invariant.  A generator that runs is in the chain that begins at its task's
 * `generator`, the innermost first; the task's own stack, and those of all but the
 * first, wait in aio_generator_next() for the one before.  Its scopes lie on the
 * task's stack of scopes above those that were open when it was entered.
 */
#ifndef AIO_TASK_GENERATOR_H
#define AIO_TASK_GENERATOR_H

#include <aio/generator.h>

#include "task/scheduler.h"

enum aio__generator_state {
    AIO__GENERATOR_NEW,       /* its body has not begun */
    AIO__GENERATOR_SUSPENDED, /* in a yield */
    AIO__GENERATOR_RUNNING,   /* a task is in the body */
    AIO__GENERATOR_ENDED      /* it has no stack any more */
};

struct aio_generator {
    aio__coro coro; /* valid until the body has ended */
    aio__scheduler *scheduler;
    aio__link link; /* in scheduler->generators */
    aio_function body;
    void *arg;
    size_t item_size;
    enum aio__generator_state state;
    bool closing;
    unsigned ignored;    /* yields that it has begun while it was being closed */
    unsigned references; /* the user's, and the loop's while that closes it */
    int thrown;          /* what the yield that it is in will return */
    /* While it runs, and, of the next two, until the consumer has seen them: */
    aio__task *task;      /* that it runs in */
    aio_generator *outer; /* whose body consumes it; NULL: no generator's */
    void *out_item;
    int result; /* 1 an item, 0 the end, or its failure */
};

#endif
