/*
 * Who awaits whom: waits for futures, and what goes along them.
 *
 * A task that awaits has an aio__await on its stack, which says for which futures
 * it waits: one, or, gathering, any number.  Where these are tasks that await in
 * their turn, the whole is a graph.  Two things walk along it: a cancellation,
 * from a waiter to all that it awaits; and the search for circles, which makes
 * sure that there are none.
 *
 * A walk is a loop: how far it has come lies in the records that it is in, so
 * that 100,000 tasks in a row cost no stack.  It enters each task once, however
 * many ways lead there.
 */
#ifndef AIO_TASK_GRAPH_H
#define AIO_TASK_GRAPH_H

#include "task/scheduler.h"
#include "task/wait.h"

typedef struct aio__await aio__await;

struct aio__await {
    aio__wait wait;
    /* What it waits for; each may be NULL, which is one that is done. */
    aio_future *const *futures; /* where the first one's pointer lies */
    size_t count, stride;       /* the next one's lies so many bytes behind it */
    /* The task is abandoned: what was linked and retained for the wait is given back. */
    void (*undo)(aio__await *await);
    aio__timer *timer; /* of its time limit: the task's own place in the heap; NULL: none */
    bool loose;        /* it may end before what it waits for does: it closes no circle */
    bool over;         /* it was woken: it waits for nothing any more */
    bool cancelled;    /* a cancellation of the waiter was passed on, at some time */
    /* Of the walk that is on its way: */
    aio__await *outer; /* where it came from */
    size_t cursor;     /* the next to look at */
    aio__await *next;  /* in the order in which they were left, the last one first */
    int requests;      /* how many ways lead here */
    bool passed;       /* something that it is for could be cancelled */
};

/*
 * For dumps: the futures that a wait is for, one by one.  The next after where `cursor` is (NULL:
 * the first) in *out_future, which may be NULL, and where that is; NULL after the last.
 */
const void *aio__wait_next(const aio__wait *wait, const void *cursor, aio_future **out_future);

/* Prepares a wait whose futures and undo() are set: 0, or -EPERM outside a task. */
int aio__await_begin(aio__await *await, bool (*abort)(aio__wait *wait), const char *what);
/*
 * An abort that does not end the wait, but cancels what it is for; false if nothing of that could
 * be cancelled.
 */
bool aio__await_pass_on(aio__wait *wait);
/* Whether the running task may wait so: 0; -EDEADLK for oneself, or a circle; -EINVAL. */
int aio__await_check(aio__await *await);

/*
 * aio_await() of a future that is not done, with a timer that runs meanwhile, until timer->when;
 * the caller stops it.  await.c
 */
int aio__await_limited(aio_future *future, aio__timer *timer);

#endif
