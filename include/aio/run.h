/*
 * aio/run.h: from main() into the loop and back, asyncio.run().
 *
 *     static int hello(void *arg) {
 *         puts("hello");
 *         int rc = aio_sleep(AIO_SEC(1));
 *         puts("world");
 *         return rc;
 *     }
 *
 *     int main(void) { return aio_run(hello, NULL) < 0; }
 *
 * When the function has returned, what is left is taken down: tasks are
 * cancelled in order of their creation and awaited, again in rounds until none
 * is left; then memory and descriptors go back.  A task that ignores three
 * rounds gets -ECANCELED from every wait at once, is reported, and in the end
 * abandoned.  The function's stack stays as it is meanwhile, for what they wait
 * for, a lock, may lie there; a runner keeps that of the last that has returned.
 *
 * SIGINT (Ctrl-C), if its disposition is the default one, cancels the function's
 * task, on the main thread; a second one kills the process.
 *
 * Thread-safety: one loop a thread, any number of threads.
 */
#ifndef AIO_RUN_H
#define AIO_RUN_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes a loop, runs function(arg) as its first task, "main", and takes everything down when that
 * has ended.  aio_run() reports a stack overflow with the name of the task; with options of one's
 * own (aio/loop.h), that is theirs to say (NULL: as aio_run()).
 *
 * Returns    the function's result; -EINTR if it ended with -ECANCELED because of SIGINT, or
 *            succeeded before it could hear of one that had come; -EBUSY if a loop runs on this
 *            thread; -EDEADLK if nothing could ever have woken it; -ENOMEM,
 *            -EMFILE ... if no loop could be made.
 * Suspends   never: not for tasks.
 * Owns       borrows arg for the call.
 */
AIO_API int aio_run(aio_function function, void *arg);
AIO_API int aio_run_with(const aio_options *options, aio_function function, void *arg);

/* ---- several runs on one loop ---------------------------------------------------------------- */

typedef struct aio_runner aio_runner;

/*
 * Makes a runner and its loop; options as aio_run_with().
 *
 * Returns    the runner; NULL with errno as aio_loop_new_with().
 * Suspends   never.
 * Owns       gives the caller the runner, release with aio_runner_close().
 */
AIO_API aio_runner *aio_runner_new(const aio_options *options) AIO_MUST_USE;

/*
 * Runs function(arg) as a task, until that has ended; other tasks stay for the next run.
 *
 * Returns    as aio_run(); after -EDEADLK everything is as it was, that task included, and a later
 *            run may wake it; -ESHUTDOWN if aio_loop_stop() came first; -ENOMEM for NULL.
 * Suspends   never: not for tasks.
 * Owns       borrows arg until that task has ended.
 */
AIO_API int aio_runner_run(aio_runner *runner, aio_function function, void *arg);

/* Its loop; NULL for NULL. */
AIO_API aio_loop *aio_runner_loop(const aio_runner *runner);

/*
 * Takes down what is left, as aio_run() does, and closes the loop.
 *
 * Returns    0, also for NULL; -EBUSY while it runs; how many tasks had to be abandoned.
 * Suspends   never: not for tasks.
 * Owns       takes the runner.
 */
AIO_API int aio_runner_close(aio_runner *runner);

/* ---- a loop of one's own --------------------------------------------------------------------- */

/*
 * Runs the loop until the future, or task, is done.
 *
 * Returns    its result; -EDEADLK if nothing can ever wake the loop (aio_loop_hold() says that
 *            something will); -ESHUTDOWN if aio_loop_stop() came first; -EBUSY, and others, as
 *            aio_loop_run_forever(); -EINVAL if the future is another loop's; -ENOMEM for NULL.
 * Suspends   never: not for tasks.
 * Owns       nothing.
 */
AIO_API int aio_loop_run_until_complete(aio_loop *loop, aio_future *future);

#ifdef __cplusplus
}
#endif

#endif
