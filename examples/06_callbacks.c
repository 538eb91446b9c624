/*
 * 06_callbacks: functions that the loop calls, soon or later.
 *
 *     async def main():
 *         loop = asyncio.get_running_loop()
 *         loop.call_later(0.04, print, "later: 40 ms")
 *         loop.call_later(0.02, print, "later: 20 ms")
 *         alarm = loop.call_later(0.03, print, "never")
 *         loop.call_soon(print, "soon: first")
 *         loop.call_soon(print, "soon: second")
 *         print("nothing was called yet")
 *         await asyncio.sleep(0)
 *         alarm.cancel()
 *         await asyncio.sleep(0.08)
 *
 * A handle is storage of the caller's for one callback, which so needs no memory.  Callbacks run
 * between the steps of tasks: those that are ready in the order in which they were queued, timers
 * when they are due.  They must not wait.
 *
 * Output:
 *   nothing was called yet
 *   soon: first
 *   soon: second
 *   later: 20 ms
 *   later: 40 ms
 */
#include <stdio.h>

#include <aio/asyncio.h>

static void say(void *arg)
{
    puts(arg);
}

static int program(void *arg)
{
    (void)arg;
    aio_loop *loop = aio_loop_current();
    aio_handle handles[4] = {AIO_HANDLE_INIT};
    aio_handle alarm = AIO_HANDLE_INIT;
    int rc = aio_loop_call_later(loop, &handles[0], AIO_MSEC(40), say, "later: 40 ms");
    if (rc == 0)
        rc = aio_loop_call_later(loop, &handles[1], AIO_MSEC(20), say, "later: 20 ms");
    if (rc == 0)
        rc = aio_loop_call_later(loop, &alarm, AIO_MSEC(30), say, "never");
    if (rc == 0)
        rc = aio_loop_call_soon(loop, &handles[2], say, "soon: first");
    if (rc == 0)
        rc = aio_loop_call_soon(loop, &handles[3], say, "soon: second");
    puts("nothing was called yet");
    if (rc == 0)
        rc = aio_yield();
    (void)aio_handle_cancel(&alarm);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(80));

    /* The handles lie on this stack: none may be left queued. */
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        (void)aio_handle_cancel(&handles[i]);
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "callbacks: %s\n", aio_strerror(rc));
    return rc < 0;
}
