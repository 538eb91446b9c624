/*
 * aio/debug.h: what the tasks are doing, asyncio's `python -m asyncio pstree`; and
 * debug mode, loop.set_debug().
 *
 *     static void dump(void *loop) { (void)aio_debug_dump(loop, NULL, NULL); }
 *
 *     // kill -QUIT: what waits for what, since when, spawned where
 *     aio_loop_add_signal_handler(loop, SIGQUIT, dump, loop);
 *
 * Debug mode is on with AIO_DEBUG=1 in the environment, which programs with more
 * rights than their user ignore, with options.debug, or aio_loop_set_debug().  The
 * exception handler (aio/loop.h) is then told, too, of
 *
 *     steps of tasks, and callbacks, that take options.slow_step or longer, for
 *     nobody else runs meanwhile;
 *     what is left when the loop closes: futures and tasks that nobody released,
 *     streams that nobody closed, callbacks that never ran.
 *
 * Spawns, callbacks that are queued, stops, and what is done to futures and tasks,
 * from another thread than the loop's, do nothing then, return -EPERM and leave a
 * line on the error stream.  A run that ends with -EDEADLK dumps its
 * tasks.  A caller's bug that would destroy memory, and that no result could tell
 * of, leaves a line and aborts: a share in a future that is taken or given back by
 * who has none, or by another thread.
 *
 * Reports and dumps name the place of a spawn, "server.c:42", in programs that are
 * compiled without NDEBUG, debug mode or not (AIO_HERE, aio/base.h).
 *
 * Thread-safety: as the loop, whose thread these belong to.
 */
#ifndef AIO_DEBUG_H
#define AIO_DEBUG_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- debug mode ------------------------------------------------------------------------------ */

/* Turns debug mode on, or off, from here on.  Returns 0; -EINVAL for NULL. */
AIO_API int aio_loop_set_debug(aio_loop *loop, bool debug);
/* Whether it is on. */
AIO_API bool aio_loop_debug(const aio_loop *loop);

/* ---- code that must not suspend -------------------------------------------------------------- */

/*
 * Between these two the running task must not suspend: what it works on is in pieces, which nobody
 * else may see.  A call that may suspend, even one that would not this time, does nothing there,
 * returns -EPERM and is reported, with the place of this.  They nest.  Outside a task, where
 * nothing can suspend, they do nothing.  Other tasks may be spawned, woken and cancelled.
 */
AIO_API void aio_noswitch_begin(void);
AIO_API void aio_noswitch_begin_at(const char *place);
#define aio_noswitch_begin() aio_noswitch_begin_at(AIO_HERE)

/* Ends the innermost one.  Returns 0; -EINVAL if none is open. */
AIO_API int aio_noswitch_end(void);

/* ---- dumps ----------------------------------------------------------------------------------- */

/* Takes a line, without its '\n'.  It must not call the library. */
typedef void (*aio_debug_output)(const char *line, void *arg);

/*
 * Writes down every task of the loop (NULL: of the one that runs here), each below the task that
 * awaits it: what it waits for and since when, and where it was spawned; circles are named.
 *
 *     tasks: 3, timers: 1, waits for descriptors and other threads: 0, signal handlers: 0
 *       main: waits 1.250 s for task
 *         worker: waits 0.250 s for sleep, from server.c:42
 *       Task-3: ready after yield, cancelled, from server.c:51
 *
 * It may be called in a task, in any callback (so also for a signal), while the loop does not run.
 * It allocates nothing.
 *
 * Returns    how many tasks there are; -EPERM if there is no loop, or it runs on another thread.
 * Suspends   never.
 * Owns       nothing; output(line, arg) gets the lines; if NULL, what aio_debug_set_output() has
 *            set, and if nothing, the error stream does.
 */
AIO_API int aio_debug_dump(aio_loop *loop, aio_debug_output output, void *arg);

/* Where dumps of this loop go; NULL: to the error stream.  Returns 0; -EINVAL for a NULL loop. */
AIO_API int aio_debug_set_output(aio_loop *loop, aio_debug_output output, void *arg);

#ifdef __cplusplus
}
#endif

#endif
