/*
 * From main() into the loop and back: runners, and the taking down of what is
 * left.
 *
 * A shut-down goes in rounds: each cancels every task that is left, in order of
 * creation, and runs the loop until all have ended, nothing can wake any more, or
 * the round's time is over.  Who has ignored three rounds is doomed: it gets
 * -ECANCELED from its next waits at once; after one more round it is abandoned.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include <aio/run.h>

#include "base/sys.h"
#include "base/util.h"
#include "coro/overflow.h"
#include "task/scheduler.h"

#define ROUNDS 3
/* So many waits a doomed task has for its clean-up; then it is not woken any more. */
#define LAST_WAITS 100
/* Tasks that are started meanwhile are taken down as well, but not for ever. */
#define ROUNDS_IN_ALL 100
/* The virtual clock stands while anything is ready: then so many turns are a round's time. */
#define TURNS 100000

struct aio_runner {
    aio_loop *loop;
    aio_task *main; /* while it runs */
    bool interrupted; /* SIGINT has cancelled it */
    bool late;        /* SIGINT came when it had ended */
};

/* ---- run until complete --------------------------------------------------------------------- */

static void stop_loop(void *loop)
{
    (void)aio_loop_stop(loop);
}

int aio_loop_run_until_complete(aio_loop *loop, aio_future *future)
{
    aio_handle handle = AIO_HANDLE_INIT;
    if (loop == NULL || future == NULL)
        return -ENOMEM;
    if (loop->running || aio__loop_running != NULL)
        return -EBUSY;
    if (future->scheduler->loop != loop)
        return -EINVAL;
    int rc = aio_future_on_done(future, &handle, stop_loop, loop);
    if (rc < 0)
        return rc;
    rc = aio__loop_run(loop, true);
    (void)aio_handle_cancel(&handle);
    if (rc < 0)
        return rc;
    return future->done ? aio_future_result(future) : -ESHUTDOWN;
}

/* ---- a runner ------------------------------------------------------------------------------- */

aio_runner *aio_runner_new(const aio_options *options)
{
    aio_runner *runner = aio__sys_calloc(1, sizeof *runner);
    if (runner == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    runner->loop = aio_loop_new_with(options);
    if (runner->loop != NULL)
        return runner;
    int error = errno;
    aio__sys_free(runner);
    errno = error;
    return NULL;
}

aio_loop *aio_runner_loop(const aio_runner *runner)
{
    return runner != NULL ? runner->loop : NULL;
}

static void interrupt(void *arg)
{
    aio_runner *runner = arg;
    if (aio_task_cancel(runner->main) == 1)
        runner->interrupted = true;
    else
        runner->late = true;
}

/* Takes SIGINT, on the main thread, if nobody else has; true if it did. */
static bool take_sigint(aio_runner *runner)
{
    struct sigaction action;
    if (!runner->loop->options.handle_sigint || !aio__is_main_thread() ||
        aio__sys_sigaction(SIGINT, NULL, &action) < 0 ||
        (action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL)
        return false;
    return aio__signal_watch_add(runner->loop, SIGINT, true, interrupt, runner) == 0;
}

/* For the report of an overflow: the running task's stack and name. */
static const aio__stack *running_stack(const char **out_name)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return NULL;
    *out_name = task->name != NULL ? task->name : aio__task_number_name(task);
    return &task->coro.stack;
}

static int run_main(aio_runner *runner)
{
    bool sigint = take_sigint(runner);
    int rc = aio_loop_run_until_complete(runner->loop, runner->main);
    if (sigint && aio__signal_watch_end(runner->loop, SIGINT))
        runner->late = true;
    /* Only if nobody but the signal had it cancelled. */
    if (rc == -ECANCELED && runner->interrupted && aio_task_uncancel(runner->main) == 0)
        rc = -EINTR;
    return runner->late && rc >= 0 ? -EINTR : rc;
}

int aio_runner_run(aio_runner *runner, aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    if (runner == NULL)
        return -ENOMEM;
    if (aio__loop_running != NULL || runner->loop->running)
        return -EBUSY;
    options.name = "main";
    options.loop = runner->loop;
    bool watch = runner->loop->options.report_overflow;
    int rc = watch ? aio__overflow_start(running_stack, runner->loop->options.guard_size) : 0;
    if (rc < 0)
        return rc;
    runner->interrupted = runner->late = false;
    runner->main = aio_spawn_with(&options, function, arg);
    rc = runner->main != NULL ? run_main(runner) : -errno;
    aio_release(runner->main);
    runner->main = NULL;
    if (watch)
        aio__overflow_stop();
    return rc;
}

/* ---- shut-down ------------------------------------------------------------------------------ */

static aio__task *first_left(aio__scheduler *scheduler)
{
    return aio__list_empty(&scheduler->tasks)
               ? NULL
               : aio__container(scheduler->tasks.head.next, aio__task, all);
}

static void doom(aio__task *task)
{
    if (task->doomed)
        return;
    task->doomed = true;
    task->last_waits = LAST_WAITS;
    aio__loop_report(task->future.scheduler->loop, "a task ignores that it is cancelled",
                     aio_task_name(&task->future), -ECANCELED);
}

/* Cancels all that are left; false if there is nobody who has not had every chance. */
static bool cancel_all(aio__scheduler *scheduler)
{
    bool any = false;
    aio__list_foreach(link, &scheduler->tasks)
    {
        aio__task *task = aio__container(link, aio__task, all);
        if (task->shutdown_rounds > ROUNDS)
            continue;
        any = true;
        if (++task->shutdown_rounds > ROUNDS)
            doom(task);
        (void)aio__future_request_cancel(&task->future);
    }
    return any;
}

/* Runs the loop until no task is left, nothing can wake one, or the time is over. */
static void run_round(aio__scheduler *scheduler)
{
    aio_loop *loop = scheduler->loop;
    int64_t end = aio__time_after(aio__loop_update_time(loop), loop->options.shutdown_grace);
    int64_t left = end - loop->now;
    int turns = loop->virtual_clock ? TURNS : INT_MAX;
    int rc;
    do {
        rc = aio__loop_run_turn(loop, left, true);
        left = end - aio__loop_update_time(loop);
    } while (rc >= 0 && scheduler->task_count != 0 && left > 0 && --turns > 0);
}

/* Takes the loop's tasks down; how many had to be abandoned. */
static int shut_down(aio_loop *loop)
{
    aio__scheduler *scheduler = aio__scheduler_of(loop);
    int abandoned = 0;
    if (scheduler == NULL)
        return 0; /* there never was one */
    scheduler->shutting_down = true;
    for (int round = 0; round < ROUNDS_IN_ALL; round++) {
        if (cancel_all(scheduler))
            run_round(scheduler);
        else if (aio_loop_step(loop, 0) <= 0) /* what was queued last may start tasks, too */
            break;
    }
    aio__list_foreach(link, &scheduler->tasks)
        doom(aio__container(link, aio__task, all));
    aio__task_undo_waits(scheduler);
    for (aio__task *task; (task = first_left(scheduler)) != NULL; abandoned++)
        aio__task_abandon(task);
    return abandoned;
}

int aio_runner_close(aio_runner *runner)
{
    if (runner == NULL)
        return 0;
    if (runner->loop->running || aio__loop_running != NULL)
        return -EBUSY;
    int abandoned = shut_down(runner->loop);
    (void)aio_loop_close(runner->loop);
    aio__sys_free(runner);
    return abandoned;
}

/* ---- aio_run -------------------------------------------------------------------------------- */

int aio_run_with(const aio_options *options, aio_function function, void *arg)
{
    aio_options standard = AIO_OPTIONS_INIT;
    standard.report_overflow = true;
    if (aio__loop_running != NULL)
        return -EBUSY;
    aio_runner *runner = aio_runner_new(options != NULL ? options : &standard);
    if (runner == NULL)
        return -errno;
    int rc = aio_runner_run(runner, function, arg);
    (void)aio_runner_close(runner);
    return rc;
}

int aio_run(aio_function function, void *arg)
{
    return aio_run_with(NULL, function, arg);
}
