/*
 * 11_callbacks: functions that the loop calls, soon or later.
 *
 *     import asyncio
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
 *     asyncio.run(main())
 *
 * A handle is storage of the caller's for one callback, which so needs no memory (a timer needs a
 * place among the timers, which may be refused).  Callbacks run
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
    /* Static: callbacks that are still queued if this ends early outlive its stack. */
    static aio_handle late = AIO_HANDLE_INIT, later = AIO_HANDLE_INIT, alarm = AIO_HANDLE_INIT;
    static aio_handle first = AIO_HANDLE_INIT, second = AIO_HANDLE_INIT;
    aio_loop *loop = aio_loop_current();
    int rc;
    (void)arg;
    if ((rc = aio_loop_call_later(loop, &later, AIO_MSEC(40), say, "later: 40 ms")) < 0 ||
        (rc = aio_loop_call_later(loop, &late, AIO_MSEC(20), say, "later: 20 ms")) < 0 ||
        (rc = aio_loop_call_later(loop, &alarm, AIO_MSEC(30), say, "never")) < 0)
        return rc;
    (void)aio_loop_call_soon(loop, &first, say, "soon: first"); /* needs no memory: can't fail */
    (void)aio_loop_call_soon(loop, &second, say, "soon: second");
    puts("nothing was called yet");
    rc = aio_yield();
    if (rc < 0)
        return rc;
    (void)aio_handle_cancel(&alarm);
    return aio_sleep(AIO_MSEC(80));
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "callbacks: %s\n", aio_strerror(rc));
    return rc < 0;
}
