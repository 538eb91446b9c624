/*
 * 20_signals: ending in good order when the system asks for it.
 *
 *     import asyncio, os, signal
 *
 *     async def serve():
 *         print("serving")
 *         await asyncio.sleep(60)
 *
 *     async def main():
 *         loop = asyncio.get_running_loop()
 *         task = asyncio.create_task(serve())
 *         loop.add_signal_handler(signal.SIGTERM, task.cancel)
 *         loop.call_later(0.03, os.kill, os.getpid(), signal.SIGTERM)
 *         try:
 *             await task
 *         except asyncio.CancelledError:
 *             print("asked to end")
 *
 *     asyncio.run(main())
 *
 * The handler is called by the loop, between the steps of tasks, so it may do whatever a callback
 * may.  Here the program sends the signal to itself.
 *
 * Output:
 *   serving
 *   asked to end
 */
#include <signal.h>
#include <stdio.h>

#include <aio/asyncio.h>

static int serve(void *arg)
{
    (void)arg;
    puts("serving");
    return aio_sleep(AIO_SEC(60));
}

static void end(void *task)
{
    (void)aio_task_cancel(task);
}

static void ask_to_end(void *arg)
{
    (void)arg;
    (void)raise(SIGTERM);
}

static int program(void *arg)
{
    (void)arg;
    aio_loop *loop = aio_loop_current();
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *task = aio_spawn(serve, NULL);
    int rc = aio_loop_add_signal_handler(loop, SIGTERM, end, task);
    if (rc == 0)
        rc = aio_loop_call_later(loop, &handle, AIO_MSEC(30), ask_to_end, NULL);
    if (rc < 0)
        (void)aio_task_cancel(task);
    int result = aio_join(task);
    /* Only now: as long as it winds up, a second signal must find the handler, not end the program;
     * and no longer, for the handler's task is gone with the join. */
    (void)aio_loop_remove_signal_handler(loop, SIGTERM);
    (void)aio_handle_cancel(&handle);
    if (rc == 0 && result == -ECANCELED)
        puts("asked to end");
    return rc < 0 || result == -ECANCELED ? rc : result;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "signals: %s\n", aio_strerror(rc));
    return rc < 0;
}
