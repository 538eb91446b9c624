/*
 * From main() into the loop and back: running until a future is done, runners,
 * and SIGINT.
 */
#include <errno.h>
#include <signal.h>

#include <aio/debug.h>
#include <aio/run.h>

#include "base/sys.h"
#include "coro/overflow.h"
#include "run/shutdown.h"
#include "task/scheduler.h"

struct aio_runner {
    aio_loop *loop;
    aio_task *main; /* while it runs */
    bool interrupted; /* SIGINT has cancelled it */
    bool late;        /* SIGINT came when it had ended */
    aio__variables variables; /* the context that its runs share; main's while that runs */
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
    (void)aio_retain(future); /* a callback may release it */
    rc = aio__loop_run(loop, true);
    (void)aio_handle_cancel(&handle);
    if (rc == -EDEADLK && loop->debug) {
        aio__loop_report(loop, "nothing can wake the loop any more", NULL, rc);
        (void)aio_debug_dump(loop, NULL, NULL);
    }
    if (rc >= 0)
        rc = future->done ? aio_future_result(future) : -ESHUTDOWN;
    aio_release(future);
    return rc;
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
    return &aio__task_coro(task)->stack;
}

/*
 * What main has on its stack, a lock, its tasks may still wait for when it has returned, until the
 * shut-down is over.  So its stack is kept; and what runs there until the last switch does so above
 * main's frames, in a gap: some 200 bytes of it, more if it calls an exception handler.
 */
#define GAP_SIZE 1920

struct body {
    aio_function function;
    void *arg;
    char *gap; /* while it runs: so no compiler leaves it out */
};

static int run_below_gap(void *arg)
{
    struct body *body = arg;
    char gap[GAP_SIZE];
    body->gap = gap;
    int rc = body->function(body->arg);
    body->gap = NULL;
    return rc;
}

static aio_task *spawn_main(aio_loop *loop, aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    struct body body = {.function = function, .arg = arg};
    options.name = "main";
    options.loop = loop;
    options.copy = &body;
    options.copy_size = sizeof body;
    if (function == NULL) {
        errno = EINVAL;
        return NULL;
    }
    aio_task *task = aio_spawn_with(&options, run_below_gap, NULL);
    if (task != NULL)
        aio__task_of(task)->keeps_stack = true;
    return task;
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

/* What main sets, the next run's main finds. */
static int run_main_in_context(aio_runner *runner)
{
    aio__variables *variables = &aio__task_of(runner->main)->variables;
    *variables = runner->variables;
    runner->variables = (aio__variables){NULL, 0};
    int rc = run_main(runner);
    runner->variables = *variables;
    (void)aio__variable_tree_retain(variables->root);
    return rc;
}

int aio_runner_run(aio_runner *runner, aio_function function, void *arg)
{
    if (runner == NULL)
        return -ENOMEM;
    if (aio__loop_running != NULL || runner->loop->running)
        return -EBUSY;
    bool watch = runner->loop->options.report_overflow;
    int rc = watch ? aio__overflow_start(running_stack, runner->loop->options.guard_size) : 0;
    if (rc < 0)
        return rc;
    runner->interrupted = runner->late = false;
    runner->main = spawn_main(runner->loop, function, arg);
    rc = runner->main != NULL ? run_main_in_context(runner) : -errno;
    aio_release(runner->main);
    runner->main = NULL;
    if (watch)
        aio__overflow_stop();
    return rc;
}

/* ---- its end -------------------------------------------------------------------------------- */

int aio_runner_close(aio_runner *runner)
{
    if (runner == NULL)
        return 0;
    if (runner->loop->running || aio__loop_running != NULL)
        return -EBUSY;
    int abandoned = aio__shut_down(runner->loop);
    (void)aio_loop_close(runner->loop);
    aio__variables_drop(&runner->variables);
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
