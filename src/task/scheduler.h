/*
 * What the task layer keeps per loop, and the structures of futures and tasks.
 *
 * A task's step is a handle in the loop's queue.  While the task waits for a
 * future, that very handle lies in the future's list; when the future is done,
 * the list is appended to the queue as it is: waking any number is O(1), and the
 * order of callbacks and tasks is that in which they came.
 *
 * Invariants.  A task that has not ended is in exactly one state: running
 * (loop->current, or the one that eagerly started another), queued (its
 * handle is in the loop's queue), or parked (task->wait is not NULL).  A woken
 * task keeps task->wait until it goes on.  It runs and parks on its own stack, or,
 * in a generator's body, on that of the innermost generator.  Every task that has not ended holds a
 * reference to itself and a reserved place in the timers' heap, for its sleep.
 */
#ifndef AIO_TASK_SCHEDULER_H
#define AIO_TASK_SCHEDULER_H

#include <aio/task.h>

#include "base/list.h"
#include "base/pool.h"
#include "coro/coro.h"
#include "loop/loop.h"

typedef struct aio__member aio__member;
typedef struct aio__scheduler aio__scheduler;
typedef struct aio__scope aio__scope;
typedef struct aio__task aio__task;
typedef struct aio__wait aio__wait;

/* Where a dump is, as it goes through the tasks from awaiting to awaited: run/debug.c. */
enum aio__dump_state { AIO__DUMP_NEW, AIO__DUMP_AWAITED, AIO__DUMP_OPEN, AIO__DUMP_CLOSED };
struct aio__dump_visit {
    aio__task *from;    /* where it goes back to */
    const void *cursor; /* where it is in what this one awaits: aio__wait_next() */
    enum aio__dump_state state;
};

struct aio_future {
    const char *place; /* where it was made, in the program's source; or NULL */
    aio__list waiters; /* handles of tasks and callbacks, in order; empty once done */
    aio__scheduler *scheduler;
    void *value;
    void (*destroy)(void *value);
    int result; /* valid once done */
    unsigned references;
    bool done;
    bool retrieved; /* somebody has asked for the result */
    bool is_task;   /* it is the first member of a struct aio__task */
    bool shielded;  /* who waited for it was cancelled: its failure is reported: shield.c */
    aio__link held; /* in scheduler->held: a task that failed; in debug mode, more */
};

struct aio__task {
    aio_future future;
    aio__handle handle; /* its step */
    aio__wait *wait;    /* what it is parked on; or was woken from, and has not gone on since */
    bool must_cancel;   /* a cancellation waits for its next suspension */
    bool doomed;        /* it shall not wait any more: see last_waits; or it has ended */
    bool loop_owned;    /* aio_go(): its failure is reported when it ends */
    bool keeps_stack;   /* when it ends: see the scheduler's `kept` */
    int cancels;        /* requests not taken back */
    unsigned asked;     /* all requests that ever came: whether there was one since */
    unsigned shutdown_rounds; /* how many rounds of a shut-down it has seen */
    unsigned last_waits; /* doomed: so many waits are -ECANCELED at once, then it stands still */
    unsigned budget;     /* units of work left in this step */
    unsigned noswitch;   /* how many aio_noswitch_begin() are open: it must not suspend */
    const char *noswitch_place; /* of the first of them */
    aio_function function;
    void *arg;
    aio__scope *scopes; /* the innermost open one */
    aio__member *member; /* what the group it belongs to keeps of it; NULL if it is in none */
    aio__variables variables; /* its context */
    struct aio_generator *generator; /* the innermost whose body it is in; NULL: in none */
    aio__coro *resumer; /* eager start: who gets control back at the first wait; else NULL */
    struct aio__task *resumer_task; /* the task that this was */
    aio__link all;                  /* in scheduler->tasks */
    char *name; /* NULL: it has none, and nobody has asked for it */
    uint64_t number;
    uint64_t visited; /* the last walk along who awaits whom that came by: graph.c */
    struct aio__dump_visit visit; /* a dump's: valid while it goes on */
    aio__coro coro;
};

struct aio__scheduler {
    aio__extension extension;
    aio_loop *loop;     /* NULL once that is closed */
    aio__coro thread;   /* the thread's own stack, valid while the loop runs */
    aio__stack_pool *stacks;
    aio__pool *task_pool, *future_pool;
    aio__pool *timeout_pool, *group_pool, *member_pool; /* NULL: none was needed yet */
    aio__pool *generator_pool; /* the same */
    aio__list generators; /* all there are, in order of creation */
    aio__list tasks; /* those that have not ended, in order of creation */
    size_t task_count;
    aio__list held;  /* futures of which something may have to be told when the loop closes */
    uint64_t next_number;
    uint64_t walks;     /* that there were: the numbers that tasks are marked with */
    size_t references; /* futures and tasks, and one for the loop */
    bool leaving; /* what runs stands on the stack of a task that has ended: nobody can come back */
    bool shutting_down; /* a runner takes the tasks down */
    int64_t trimmed;   /* when its stacks were last trimmed, in the loop's time */
    aio__coro last;    /* of a task that has ended and may be gone: what its last switch needs */
    aio__coro kept;    /* of the last that keeps its stack; its base is NULL: there was none */
    char name[32];     /* of aio__task_number_name() */
};

/* The loop's scheduler, made at the first call; NULL without memory. */
aio__scheduler *aio__scheduler_of(aio_loop *loop);
/* That of the loop that runs on this thread; NULL if none does (errno EPERM), or without memory. */
aio__scheduler *aio__scheduler_here(void);
void aio__scheduler_release(aio__scheduler *scheduler);

/* The task that runs on this thread; NULL outside one. */
static inline aio__task *aio__task_running(void)
{
    return aio__loop_running != NULL ? aio__loop_running->current : NULL;
}

static inline aio__task *aio__task_of(aio_future *future)
{
    return aio__container(future, aio__task, future);
}

/* Completes a future or task: result set, waiters queued. */
void aio__future_complete(aio_future *future, int result);
void aio__future_init(aio_future *future, aio__scheduler *scheduler, const char *place);
/* It failed, and nobody has asked for the result: tells the exception handler, once. */
void aio__future_report(aio_future *future);

/* Asks it to end (asyncio's Future.cancel and Task.cancel); false if it is done. */
bool aio__future_request_cancel(aio_future *future);

/* The handle's run: goes on in the task, from the thread's stack. */
void aio__task_step(aio__handle *handle);
/* Goes on with whatever is next, from a task's stack that parks; returns when that is woken. */
void aio__task_switch_away(aio__task *task);
/* "Task-N", as a task without a name is called; valid until the next call. */
const char *aio__task_number_name(const aio__task *task);
/* Takes one request to cancel back; how many are left. */
int aio__task_uncancel(aio__task *task);

/* A request that will be taken back by whoever made it. */
typedef struct aio__own_request {
    unsigned number; /* the task's `asked` */
    bool alone;      /* no other one was on its way */
} aio__own_request;

void aio__task_request(aio__task *task, aio__own_request *out_request);
/*
 * Takes it back; how many are left.  If it was too late for what the task waited for (see
 * aio/channel.h), it is on its way still, and does not arrive, unless others go with it.
 */
int aio__task_take_back(aio__task *task, const aio__own_request *request);
/* What the running task calls may suspend: 0; -EPERM, and a report, between its
 * aio_noswitch_begin() and _end(). */
int aio__noswitch_check(aio__task *task, const char *what);
/* The task, or a body in it, is about to end, and is in none any more; tells it if it was. */
void aio__noswitch_close(aio__task *task, const char *message);
/* What it waits for is told to forget it; it won't be woken any more. */
void aio__task_undo_wait(aio__task *task);
/* The same for all that are left, before the first is abandoned: a lock may lie on its stack. */
void aio__task_undo_waits(aio__scheduler *scheduler);
/* Gives back the stack that a task has kept when it ended. */
void aio__task_drop_kept(aio__scheduler *scheduler);
/* A task that won't go on any more: its stack goes, it counts as cancelled. */
void aio__task_abandon(aio__task *task);
/* The stack that a task is on. */
aio__coro *aio__task_coro(aio__task *task);
/*
 * Closes the scopes that the running task left open, up to `until` (NULL: all), and reports each.
 * Suspends where one of them is a group that has children.
 */
void aio__scopes_close(aio__task *task, const aio__scope *until);
/* Gives back the scopes that a task was abandoned in. */
void aio__scopes_drop(aio__task *task);
/* The generators whose body the task is in end where they are; it won't go on. */
void aio__generators_abandon(aio__task *task);
/*
 * Starts a task for each generator of a loop in shut-down that has begun and not ended, to close
 * it; whether there was any.
 */
bool aio__generators_close(aio__scheduler *scheduler);
/* Frees them all, and reports those that had not ended: the loop closes, and no task is left. */
void aio__generators_free(aio__scheduler *scheduler);
/* Frees a task's memory but for the future's part; at its last release. */
void aio__task_free(aio__task *task);

#endif
