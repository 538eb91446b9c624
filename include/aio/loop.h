/*
 * aio/loop.h: the event loop, asyncio's `loop`.
 *
 * A loop is a queue of callbacks, a heap of timers and a selector (epoll,
 * kqueue or poll).  One turn of it asks the selector once and then runs exactly
 * what was ready: callbacks that were queued, descriptors, timers, in this
 * order.  Most programs never see a loop: aio_run() makes one.
 *
 *     static void tick(void *arg) { puts(arg); }
 *
 *     aio_loop *loop = aio_loop_new();
 *     aio_handle handle = AIO_HANDLE_INIT;
 *     aio_loop_call_later(loop, &handle, AIO_MSEC(10), tick, "tick");
 *     aio_loop_step(loop, AIO_FOREVER);
 *     aio_loop_close(loop);
 *
 * A handle is the caller's storage for one callback: it is queued by one call
 * at a time, must stay where it is until it has run or was cancelled, and may
 * be used again (from its own callback too).  The forms that end in `_new`
 * allocate it instead, and give it back by themselves.
 *
 * Thread-safety: a loop belongs to the thread that runs it.  Only
 * aio_loop_call_soon_threadsafe() may be called from other threads.
 */
#ifndef AIO_LOOP_H
#define AIO_LOOP_H

#include <aio/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aio_loop aio_loop;
typedef struct aio_handle aio_handle;
typedef void (*aio_callback)(void *arg);

/* Private: how the loop links what it is to run, and how it runs it. */
struct aio__link {
    struct aio__link *next, *previous; /* NULL while in no list */
};
enum aio__place {
    AIO__PLACE_THREAD, /* on the thread's own stack: whatever calls the user */
    AIO__PLACE_ANY,    /* on any stack: the library's own, short */
    AIO__PLACE_TASK    /* a switch to a task */
};
struct aio__handle {
    struct aio__link link;
    void (*run)(struct aio__handle *handle);
    enum aio__place place;
};
struct aio__timer {
    struct aio__handle handle;
    int64_t when;
    size_t index; /* its place in the heap, from 1; 0 while not in it */
};
/* One that waits for a direction of a descriptor. */
struct aio__watcher {
    struct aio__handle *handle; /* queued when it is ready, or nobody can wait for it any more */
    unsigned directions;        /* that it waits for; 0: it does not */
    int result;                 /* 0 while it waits; then the events (> 0), or -EBADF */
};

/* A callback that can be queued.  Zero-initialised is valid; its fields are private. */
struct aio_handle {
    struct aio__timer timer;
    aio_callback callback;
    void *arg;
    aio_loop *loop;
    struct aio_handle *next_posted; /* in the list of what other threads have posted */
    struct aio__variable_tree *variables; /* the context of whoever queued it; context.h */
    unsigned flags;
};

#define AIO_HANDLE_INIT                                                                            \
    {                                                                                              \
        {{{0, 0}, 0, AIO__PLACE_THREAD}, 0, 0}, 0, 0, 0, 0, 0, 0                                   \
    }

typedef enum aio_selector {
    AIO_SELECTOR_DEFAULT, /* AIO_SELECTOR=poll and the like in the environment, else the best */
    AIO_SELECTOR_EPOLL,
    AIO_SELECTOR_KQUEUE,
    AIO_SELECTOR_POLL
} aio_selector;

typedef enum aio_clock {
    AIO_CLOCK_MONOTONIC,
    AIO_CLOCK_VIRTUAL /* from 0; stands while anything is ready, then jumps to the next timer */
} aio_clock;

/* What a loop, a runner and aio_run_with() can be told.  Begin with AIO_OPTIONS_INIT. */
typedef struct aio_options {
    size_t size;            /* sizeof(aio_options): says which version the caller knows */
    aio_selector selector;
    aio_clock clock;
    size_t stack_size;      /* bytes of a task's stack, unless its spawn says; 16 KiB at least */
    size_t guard_size;      /* bytes of the guard below each stack */
    unsigned budget;        /* units of work a step may do before it yields; 0: no bound */
    uint64_t shuffle_seed;  /* for tests: not 0, each turn runs in an order drawn from it */
    int64_t shutdown_grace; /* how long one round of a shut-down may take */
    bool handle_sigint;     /* aio_run, runners: the first SIGINT cancels main */
    bool report_overflow;   /* a stack overflow says which task's stack it was */
    bool debug;             /* debug mode, as AIO_DEBUG=1 in the environment: aio/debug.h */
    int64_t slow_step;      /* debug mode tells of steps and callbacks that take so long */
} aio_options;

#define AIO_OPTIONS_INIT                                                                           \
    {                                                                                              \
        sizeof(aio_options), AIO_SELECTOR_DEFAULT, AIO_CLOCK_MONOTONIC, 262144, 16384, 128, 0,     \
            AIO_SEC(10), true, false, false, AIO_MSEC(100)                                         \
    }

/* ---- a loop's life --------------------------------------------------------------------------- */

/*
 * Makes a loop with the default options; with these options (NULL: the default).
 *
 * Returns    the loop; NULL with errno: ENOMEM; EMFILE, ENFILE out of descriptors; ENOTSUP a
 *            selector that this system lacks; EINVAL options that make no sense.
 * Suspends   never.
 * Owns       gives the caller the loop, release with aio_loop_close().
 */
AIO_API aio_loop *aio_loop_new(void) AIO_MUST_USE;
AIO_API aio_loop *aio_loop_new_with(const aio_options *options) AIO_MUST_USE;

/*
 * Closes a loop that does not run.  What is still queued does not run any more; tasks that are
 * left are abandoned, with a line on the error stream (a runner cancels them first); signal
 * dispositions are put back.
 *
 * Returns    0, also for NULL; -EBUSY while it runs, and nothing has happened then.
 * Suspends   never.
 * Owns       takes the loop.
 */
AIO_API int aio_loop_close(aio_loop *loop);

/* The loop that runs on this thread; NULL where none does (asyncio.get_running_loop). */
AIO_API aio_loop *aio_loop_current(void);

/*
 * Runs the loop until aio_loop_stop().
 *
 * Returns    0 when it was stopped; -EBUSY if this loop, or another on this thread, runs already;
 *            -EINVAL for NULL; what the selector failed with, otherwise.
 * Suspends   never: it is what others are suspended in.  Not for tasks.
 * Owns       nothing.
 */
AIO_API int aio_loop_run_forever(aio_loop *loop);

/*
 * Runs one turn, for a program with a main loop of its own.  The selector waits for at most
 * `timeout` ns: 0 for not at all, AIO_FOREVER for as long as it takes.
 *
 * Returns    how many callbacks and task steps ran, the library's own among them; -EBUSY, -EINVAL
 *            as aio_loop_run_forever().
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_loop_step(aio_loop *loop, int64_t timeout);

/*
 * Lets the loop end after the turn that it is in; before a run: after that run's first turn.
 * What that turn has queued waits for the next run.
 *
 * Returns    0; -EINVAL for NULL.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_loop_stop(aio_loop *loop);

/*
 * The loop's time in ns: CLOCK_MONOTONIC's, which stands while the machine sleeps, or the virtual
 * one.
 */
AIO_API int64_t aio_loop_time(aio_loop *loop);
/*
 * When the next timer is due, in the loop's time; now, if anything is ready; AIO_FOREVER if
 * nothing is.
 */
AIO_API int64_t aio_loop_next_deadline(const aio_loop *loop);
/* A descriptor that is readable when aio_loop_step() has events to see; -ENOTSUP with poll. */
AIO_API int aio_loop_descriptor(const aio_loop *loop);
/* Whether it is running (on whatever thread). */
AIO_API bool aio_loop_is_running(const aio_loop *loop);
/* "epoll", "kqueue" or "poll". */
AIO_API const char *aio_loop_selector_name(const aio_loop *loop);

/*
 * Says that something which the loop cannot see, a thread of the program's own for instance, will
 * call it: until as many aio_loop_unhold(), a run in which nothing else can wake is not taken for
 * a deadlock.
 *
 * Returns    0; -EINVAL for NULL, or an unhold too many.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_loop_hold(aio_loop *loop);
AIO_API int aio_loop_unhold(aio_loop *loop);

/* ---- callbacks and timers -------------------------------------------------------------------- */

/*
 * Queues callback(arg) for the loop's next turn, behind all that is queued.  It runs on the
 * thread's own stack, so it must not suspend (there, a suspending call returns -EPERM).
 *
 * Returns    0; -EBUSY if the handle is queued already; -EINVAL for NULL.
 * Suspends   never; the callback never runs inside this call.
 * Owns       borrows handle until it has run or was cancelled.
 */
AIO_API int aio_loop_call_soon(aio_loop *loop, aio_handle *handle, aio_callback callback,
                               void *arg);

/*
 * The same after `delay` ns, or when the loop's time is `when`: never early; equal times in the
 * order of these calls.  What is due already runs in the next turn, behind the callbacks.
 *
 * Returns    0; -EBUSY, -EINVAL as aio_loop_call_soon(); -ENOMEM.
 * Suspends   never.
 * Owns       borrows handle until it has run or was cancelled.
 */
AIO_API int aio_loop_call_later(aio_loop *loop, aio_handle *handle, int64_t delay,
                                aio_callback callback, void *arg);
AIO_API int aio_loop_call_at(aio_loop *loop, aio_handle *handle, int64_t when,
                             aio_callback callback, void *arg);

/*
 * The same with a handle that the library allocates.
 *
 * Returns    the handle, for aio_handle_cancel(); NULL with errno ENOMEM or EINVAL.
 * Suspends   never.
 * Owns       the loop keeps the handle: it is gone when its callback starts, or was cancelled.
 */
AIO_API aio_handle *aio_loop_call_soon_new(aio_loop *loop, aio_callback callback, void *arg);
AIO_API aio_handle *aio_loop_call_later_new(aio_loop *loop, int64_t delay, aio_callback callback,
                                            void *arg);
AIO_API aio_handle *aio_loop_call_at_new(aio_loop *loop, int64_t when, aio_callback callback,
                                         void *arg);

/*
 * Queues a callback from any thread, and wakes the loop.  Lock-free; what one thread posts runs
 * in the order it was posted.  The handle can't be cancelled from another thread.  The loop must
 * not be closed before this has returned: if the callback ends the run, join the thread, then
 * close.
 *
 * Returns    0; -EBUSY if the handle is queued already; -EINVAL for NULL.
 * Suspends   never.
 * Owns       borrows handle until it has run.
 */
AIO_API int aio_loop_call_soon_threadsafe(aio_loop *loop, aio_handle *handle, aio_callback callback,
                                          void *arg);

/*
 * Takes a handle back before it has run: its callback won't be called.  Also one of
 * aio_future_on_done().
 *
 * Returns    true if it was waiting; false if it has run, was never queued, is NULL, or was posted
 *            by aio_loop_call_soon_threadsafe() and not seen by the loop yet.
 * Suspends   never.
 * Owns       gives the handle back to the caller.
 */
AIO_API bool aio_handle_cancel(aio_handle *handle);
/* Whether it is queued: neither run nor cancelled. */
AIO_API bool aio_handle_pending(const aio_handle *handle);
/* The time it was queued for by call_later or call_at. */
AIO_API int64_t aio_handle_when(const aio_handle *handle);

/* ---- descriptors ----------------------------------------------------------------------------- */

/*
 * Calls callback(arg) whenever the descriptor can be read (written) without blocking, or has
 * failed, until it is removed; a second call replaces the callback.  Remove before you close the
 * descriptor.  A regular file is always ready.
 *
 * Returns    0; -EBUSY if a task or a stream waits on this direction of it; -EBADF; -ENOMEM;
 *            -ENOSPC the user's limit of watches.
 * Suspends   never.
 * Owns       borrows fd until removed.
 */
AIO_API int aio_loop_add_reader(aio_loop *loop, int fd, aio_callback callback, void *arg);
AIO_API int aio_loop_add_writer(aio_loop *loop, int fd, aio_callback callback, void *arg);
/*
 * Removes it: its callback won't run again, even if it was ready.
 *
 * Returns    1; 0 if there was none.
 * Suspends   never.
 * Owns       gives fd back to the caller.
 */
AIO_API int aio_loop_remove_reader(aio_loop *loop, int fd);
AIO_API int aio_loop_remove_writer(aio_loop *loop, int fd);

/* ---- signals --------------------------------------------------------------------------------- */

/*
 * Calls callback(arg) in the loop when the process gets the signal; several that come before the
 * loop has looked are one call.  A second call replaces the callback.
 *
 * Returns    0; -EINVAL no such signal, or one that can't be caught; -EBUSY another loop handles
 *            it; -ENOMEM.
 * Suspends   never.
 * Owns       nothing; the disposition that was there comes back when the handler is removed or the
 *            loop is closed.
 */
AIO_API int aio_loop_add_signal_handler(aio_loop *loop, int signal, aio_callback callback,
                                        void *arg);
/* Returns 1 if there was one to remove; else 0. */
AIO_API int aio_loop_remove_signal_handler(aio_loop *loop, int signal);

/* ---- what went wrong where nobody asked ------------------------------------------------------ */

/* A failure that had no caller to return to. */
typedef struct aio_failure {
    const char *message; /* "a task failed and nobody awaited it" */
    const char *name;    /* of the task concerned, or NULL */
    int error;           /* the negative result; 0 where it is only a warning */
    const char *place;   /* where in the source that was made: "server.c:42"; or NULL */
} aio_failure;

typedef void (*aio_exception_handler)(aio_loop *loop, const aio_failure *failure, void *arg);

/*
 * Who is told of failures that nobody awaited.  NULL: the default, which is
 * aio_loop_default_exception_handler().
 *
 * Returns    0; -EINVAL for a NULL loop.
 * Suspends   never; nor can the handler, on whichever stack it is called: there such calls return
 *            -EPERM.  That may be a task's: it has little room.
 * Owns       nothing; `failure` is the handler's only for the call.
 */
AIO_API int aio_loop_set_exception_handler(aio_loop *loop, aio_exception_handler handler,
                                           void *arg);

/*
 * Tells the loop's exception handler.  What is told while it runs, by it or by what it calls, goes
 * to the default one.
 *
 * Returns    0; -EINVAL for a NULL loop, or no failure.
 * Suspends   never.
 * Owns       borrows failure for the call.
 */
AIO_API int aio_loop_call_exception_handler(aio_loop *loop, const aio_failure *failure);

/* The default one: a line on the error stream; for handlers that do more than that (arg: any). */
AIO_API void aio_loop_default_exception_handler(aio_loop *loop, const aio_failure *failure,
                                                void *arg);

#ifdef __cplusplus
}
#endif

#endif
