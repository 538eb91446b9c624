/*
 * The one wait primitive.
 *
 * A wait lies on the waiter's stack: waiting allocates nothing and never fails
 * for memory.
 *
 *     aio__wait wait;
 *     int rc = aio__wait_begin(&wait, abort_it, "lock");
 *     if (rc < 0)
 *         return rc;                          // not in a task
 *     ... put it where its waker finds it ...
 *     rc = aio__park(&wait);                  // others run; until aio__wake(&wait, result)
 *
 * When the task is cancelled while it waits, abort(wait) is called, in the
 * canceller's context. It either undoes the wait (takes it from where wakers look,
 * and calls aio__wake(wait, -ECANCELED)) and returns true; or it returns false,
 * where the wait can't be undone or has been woken already: then the wait goes
 * on, and its park returns -ECANCELED when it is woken, with what the waker gave
 * in wait.result, for the waiter to hand on.  A NULL abort is one that always
 * returns false.
 *
 * A task that is abandoned never goes on.  Its abort is called once more, whether
 * it was woken or not, with task->doomed set: then nobody may find the wait any
 * more where wakers look.
 */
#ifndef AIO_TASK_WAIT_H
#define AIO_TASK_WAIT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct aio__await aio__await;
typedef struct aio__task aio__task;
typedef struct aio__wait aio__wait;
struct aio_future;

struct aio__wait {
    aio__task *task;
    bool (*abort)(aio__wait *wait);
    int result;       /* what the waker gave; 0 until then */
    aio__await *await; /* whose first member it is: a wait for futures (graph.h); NULL */
    /* For dumps: */
    const char *what; /* "sleep", "future" */
    int64_t since;    /* the loop's time when it began, roughly */
    /* If it is for futures, and no aio__await: what aio__wait_next() does; else NULL. */
    const void *(*next)(const aio__wait *wait, const void *cursor, struct aio_future **out_future);
};

/* Prepares a wait of the running task: 0, or -EPERM outside a task. */
int aio__wait_begin(aio__wait *wait, bool (*abort)(aio__wait *wait), const char *what);
/* The same for the wait of an aio__await. */
int aio__wait_begin_await(aio__wait *wait, bool (*abort)(aio__wait *wait), const char *what,
                          aio__await *await);

/*
 * Suspends until the wait is woken.  Returns wait->result; -ECANCELED if a cancellation came that
 * could not, or need not, undo the wait.  errno is preserved.
 */
int aio__park(aio__wait *wait);

/* Queues the waiter, once; its park returns `result`. */
void aio__wake(aio__wait *wait, int result);

/*
 * The handle to queue instead of aio__wake(), where somebody else does the queueing (a watch, a
 * future).
 */
struct aio__handle *aio__wait_handle(aio__wait *wait);

/*
 * For a call that may suspend, before it does anything: false outside a task; and, reported, where
 * the running one must not (aio_noswitch_begin()).  It then returns -EPERM.
 */
bool aio__may_suspend(const char *what);

/*
 * Before an operation that may not suspend: takes `units` (1; of a system call 6) off what the
 * running task may do in one step, and yields if that is used up.  0; -ECANCELED, and the operation
 * must not begin; -EPERM outside a task.
 */
int aio__checkpoint(unsigned units);

#endif
