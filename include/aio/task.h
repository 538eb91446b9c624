/*
 * aio/task.h: functions that run concurrently, asyncio's Task.
 *
 * A task runs a function on a stack of its own.  Where that function waits, in
 * whatever depth of calls, the others run; nothing else ever interrupts it.
 *
 *     static int work(void *arg) {
 *         int rc = aio_sleep(AIO_SEC(1));      // the others run meanwhile
 *         return rc < 0 ? rc : *(int *)arg * 2;
 *     }
 *
 *     int x = 21;
 *     aio_task *task = aio_spawn(work, &x);    // asyncio.create_task(work(x))
 *     int answer = aio_join(task);             // 42
 *
 * The loop owns every task that runs; what a spawn returns is a share in it, to
 * await, to cancel and to release.
 *
 * Thread-safety: a task belongs to its loop's thread.
 */
#ifndef AIO_TASK_H
#define AIO_TASK_H

#include <aio/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A task is a future: whatever takes the one takes the other. */
typedef aio_future aio_task;
/*
 * What a task runs. Its result is the task's; a negative one is a failure, -ECANCELED a
 * cancellation.
 */
typedef int (*aio_function)(void *arg);

/* What a spawn can be told.  Begin with AIO_SPAWN_OPTIONS_INIT. */
typedef struct aio_spawn_options {
    size_t size;       /* sizeof(aio_spawn_options) */
    const char *name;  /* copied; NULL: "Task-N" */
    size_t stack_size; /* bytes; 0: the loop's default; at least 16 KiB */
    const void *copy;  /* not NULL: the function gets, instead of arg, a copy of these bytes ... */
    size_t copy_size;  /* ... so many, on its own stack */
    bool eager;        /* runs at once, up to its first wait (eager_start), where that can be */
    aio_loop *loop;    /* NULL: the one that runs here */
    const char *place; /* where in the source it comes from, not copied; NULL: who spawns it says */
} aio_spawn_options;

#define AIO_SPAWN_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(aio_spawn_options), 0, 0, 0, 0, false, 0, 0                                         \
    }

/* ---- starting -------------------------------------------------------------------------------- */

/*
 * Starts a task that runs function(arg), with its first step in the loop's next turn.  `arg` must
 * live until the task has ended, unless it is copied: aio_spawn_copy() puts a copy of `size` bytes
 * at `args` on the new stack and hands the function a pointer to it.
 *
 * Returns    the task; NULL with errno: ENOMEM no memory, or no room for another stack; EPERM no
 *            loop runs here; EINVAL no function, or options that make no sense.
 * Suspends   never (an eager task runs its first step inside).
 * Owns       gives the caller a share in the task, release with aio_join(), aio_task_stop() or
 *            aio_release().
 */
AIO_API aio_task *aio_spawn(aio_function function, void *arg) AIO_MUST_USE;
AIO_API aio_task *aio_spawn_copy(aio_function function, const void *args, size_t size) AIO_MUST_USE;
AIO_API aio_task *aio_spawn_with(const aio_spawn_options *options, aio_function function,
                                 void *arg) AIO_MUST_USE;

/* aio_spawn_copy() of arguments written in place: AIO_SPAWN(dial, struct address, .port = 80) */
#define AIO_SPAWN(function, type, ...)                                                             \
    aio_spawn_copy((function), &(type){__VA_ARGS__}, sizeof(type))

/*
 * Starts a task that nobody waits for.  It belongs to the loop; if it fails, that is reported when
 * it ends.
 *
 * Returns    0; -ENOMEM, -EPERM, -EINVAL as aio_spawn().
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_go(aio_function function, void *arg);
AIO_API int aio_go_copy(aio_function function, const void *args, size_t size);
AIO_API int aio_go_with(const aio_spawn_options *options, aio_function function, void *arg);

/*
 * The same on behalf of another place in the source: what the macros below call, so that reports
 * and dumps can say where a task was spawned; for wrappers, and other languages.  `place` is a text
 * that outlives the task, or NULL; `options` may be NULL.
 *
 * Returns    as aio_spawn(); as aio_go().
 * Suspends   never (an eager task runs its first step inside).
 * Owns       as those; borrows place as long as there is the task.
 */
AIO_API aio_task *aio_spawn_at(const char *place, const aio_spawn_options *options,
                               aio_function function, void *arg) AIO_MUST_USE;
AIO_API aio_task *aio_spawn_copy_at(const char *place, aio_function function, const void *args,
                                    size_t size) AIO_MUST_USE;
AIO_API int aio_go_at(const char *place, const aio_spawn_options *options, aio_function function,
                      void *arg);
AIO_API int aio_go_copy_at(const char *place, aio_function function, const void *args, size_t size);

/* The names without a macro, as in `(aio_spawn)(f, arg)` or `&aio_spawn`, are those functions. */
#define aio_spawn(...) aio_spawn_at(AIO_HERE, (const aio_spawn_options *)0, __VA_ARGS__)
#define aio_spawn_with(...) aio_spawn_at(AIO_HERE, __VA_ARGS__)
#define aio_spawn_copy(...) aio_spawn_copy_at(AIO_HERE, __VA_ARGS__)
#define aio_go(...) aio_go_at(AIO_HERE, (const aio_spawn_options *)0, __VA_ARGS__)
#define aio_go_with(...) aio_go_at(AIO_HERE, __VA_ARGS__)
#define aio_go_copy(...) aio_go_copy_at(AIO_HERE, __VA_ARGS__)

/* ---- waiting for one, and ending it ---------------------------------------------------------- */

/*
 * Awaits the task (aio_await(), of which see the errors) and releases it.  If the waiting task is
 * cancelled, the request is passed on, so that the task has ended when this returns.
 *
 * Returns    the task's result; -ENOMEM for NULL; -EPERM outside a task, -EDEADLK for oneself: it
 *            is released then as well.
 * Suspends   only if the task has not ended.
 * Owns       takes the caller's share in the task.
 */
AIO_API int aio_join(aio_task *task) AIO_MUST_USE;

/*
 * Cancels the task, waits until it has ended, and releases it: the line for clean-up code.  The
 * wait goes on even if the waiting task is cancelled meanwhile, for the task may be using its
 * variables.
 *
 * Returns    0 if the task ended by this cancellation; else its result, as aio_join(); -ECANCELED
 *            if the waiting task itself was cancelled; -EDEADLK at once for oneself, which is not
 *            cancelled, and for a task that waits for the waiting one, which is: then it goes on.
 * Suspends   only if the task has not ended.
 * Owns       takes the caller's share in the task.
 */
AIO_API int aio_task_stop(aio_task *task);

/*
 * Asks a task to end: the call that it waits in, or its next one that suspends, returns -ECANCELED,
 * once.  It may clean up, or ignore it.  A task that has not begun never does.
 *
 * Returns    1; 0 if it has ended; -ENOMEM for NULL.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_task_cancel(aio_task *task);

/*
 * Takes one request of aio_task_cancel() back; the last one, if it was not delivered yet, won't be.
 *
 * Returns    how many requests are left; -ENOMEM for NULL; -EINVAL if it is no task.
 * Suspends   never.
 * Owns       nothing.
 */
AIO_API int aio_task_uncancel(aio_task *task);
/* How many requests to cancel it there are that nobody took back; errors as aio_task_uncancel(). */
AIO_API int aio_task_cancelling(const aio_task *task);

/* ---- about a task ---------------------------------------------------------------------------- */

/* The task that runs; NULL outside one.  Not retained. */
AIO_API aio_task *aio_task_current(void);
/* Its name; "Task-N" where it was given none.  Valid until the next aio_task_set_name(). */
AIO_API const char *aio_task_name(const aio_task *task);
/* Gives it a name, which is copied.  Returns 0; -ENOMEM; -EINVAL for no task or no name. */
AIO_API int aio_task_set_name(aio_task *task, const char *name);
/* How many tasks of the loop have not ended; of the one that runs here, for NULL. */
AIO_API size_t aio_task_count(const aio_loop *loop);

/* ---- sleeping -------------------------------------------------------------------------------- */

/*
 * Lets the others run for so many ns, and never fewer.  Of 0 or less: for one turn.
 *
 * Returns    0; -ECANCELED; -EPERM outside a task.
 * Suspends   always.
 * Owns       nothing.
 */
AIO_API int aio_sleep(int64_t duration) AIO_MUST_USE;

/* Lets all that is ready run before going on: aio_sleep(0).  Returns and suspends as that. */
AIO_API int aio_yield(void) AIO_MUST_USE;

/* ---- timeouts -------------------------------------------------------------------------------- */

/*
 * Runs function(arg), here and now, for at most `duration` ns: then it is cancelled.
 *
 * Returns    its result; -ETIMEDOUT if it was cancelled for the time; -EPERM outside a task;
 *            -EINVAL for no function; -ENOMEM.
 * Suspends   as function does.
 * Owns       nothing.
 */
AIO_API int aio_timeout_run(int64_t duration, aio_function function, void *arg) AIO_MUST_USE;

/*
 * The same as a scope, asyncio.timeout():
 *
 *     aio_timeout timeout;
 *     int rc = aio_timeout_begin(&timeout, AIO_SEC(1));
 *     if (rc == 0)
 *         rc = aio_timeout_end(&timeout, work());
 *
 * Scopes nest strictly.  One that is left open, because the function returned between the two, is
 * closed and reported when the scope around it or the task ends; AIO_SCOPED closes it right there.
 */
typedef struct aio_timeout {
    struct aio__scope *scope; /* private; NULL while not open */
    bool expired;             /* private: see aio_timeout_expired() */
} aio_timeout;

#define AIO_TIMEOUT_INIT {0, false}

/*
 * Begins: after `duration` ns (AIO_FOREVER: never), when the loop's time is `when`, the task is
 * cancelled.  The same task must end it.
 *
 * Returns    0; -ENOMEM; -EPERM outside a task; -EINVAL for NULL.
 * Suspends   never.
 * Owns       borrows timeout until it ends.
 */
AIO_API int aio_timeout_begin(aio_timeout *timeout, int64_t duration) AIO_MUST_USE;
AIO_API int aio_timeout_begin_at(aio_timeout *timeout, int64_t when) AIO_MUST_USE;

/*
 * Ends.  `result` is what came of the work between.
 *
 * Returns    -ETIMEDOUT if that was -ECANCELED on this timeout's account alone; else `result`;
 *            -EINVAL if it is not open, or not this task's.
 * Suspends   never, but for a group that was left open inside: its children are awaited.
 * Owns       gives timeout back to the caller.
 */
AIO_API int aio_timeout_end(aio_timeout *timeout, int result);

/* Moves the deadline; AIO_FOREVER takes it away.  Returns 0; -EINVAL once expired, or not open. */
AIO_API int aio_timeout_reschedule(aio_timeout *timeout, int64_t when);
/* When it expires, in the loop's time; AIO_FOREVER for never, or not open. */
AIO_API int64_t aio_timeout_when(const aio_timeout *timeout);
/* Whether its time has come while it was open. */
AIO_API bool aio_timeout_expired(const aio_timeout *timeout);

#if defined(__GNUC__)
/* AIO_SCOPED(aio_timeout) t = AIO_TIMEOUT_INIT; is ended on every way out of its block. */
#define AIO_SCOPED(type) __attribute__((cleanup(type##_cleanup))) type
static inline void aio_timeout_cleanup(aio_timeout *timeout)
{
    if (timeout->scope != NULL)
        (void)aio_timeout_end(timeout, 0);
}
#endif

#ifdef __cplusplus
}
#endif

#endif
