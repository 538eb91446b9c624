/*
 * 04_timeout: so long, and no longer.
 *
 *     import asyncio
 *
 *     async def fetch(ms):
 *         await asyncio.sleep(ms / 1000)
 *         return 42
 *
 *     async def fetch_parts(timeout):
 *         loop = asyncio.get_running_loop()
 *         for ms in 40, 40, 90:
 *             await fetch(ms)
 *             print("a part has come")
 *             timeout.reschedule(loop.time() + 0.05)
 *
 *     async def main():
 *         try:
 *             async with asyncio.timeout(0.03):
 *                 print("the slow one:", await fetch(500))
 *         except TimeoutError:
 *             print("the slow one: too late")
 *         async with asyncio.timeout(0.5):
 *             print("two quick ones:", await fetch(10) + await fetch(10))
 *         try:
 *             async with asyncio.timeout(0.05) as timeout:
 *                 await fetch_parts(timeout)
 *         except TimeoutError:
 *             print("expired:", timeout.expired())
 *
 *     asyncio.run(main())
 *
 * aio_timeout_run() is the call; a timeout that is begun and ended is the scope, for several calls,
 * and for a deadline that moves.  What takes too long gets -ECANCELED, and the end of the scope
 * makes -ETIMEDOUT of it: but only if it was this timeout that cancelled.
 *
 * The virtual clock stands while anything is ready, and then jumps to the next deadline: nobody
 * waits in fact, and a busy machine changes nothing, as one likes it in tests.
 *
 * Output:
 *   the slow one: too late
 *   two quick ones: 84
 *   a part has come
 *   a part has come
 *   expired: True
 */
#include <stdio.h>

#include <aio/asyncio.h>

static int fetch(void *arg)
{
    int rc = aio_sleep(AIO_MSEC(*(int *)arg));
    return rc < 0 ? rc : 42;
}

static int fetch_two(void)
{
    int quick = 10;
    int first = fetch(&quick);
    if (first < 0)
        return first;
    int second = fetch(&quick);
    return second < 0 ? second : first + second;
}

static int fetch_parts(aio_timeout *timeout)
{
    int parts[] = {40, 40, 90};
    for (int i = 0; i < 3; i++) {
        int rc = fetch(&parts[i]);
        if (rc < 0)
            return rc;
        puts("a part has come");
        int64_t when = aio_loop_time(aio_loop_current()) + AIO_MSEC(50);
        (void)aio_timeout_reschedule(timeout, when); /* fails only if it has expired by now */
    }
    return 0;
}

static int fetch_slowly(void)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_MSEC(50));
    if (rc < 0)
        return rc;
    rc = aio_timeout_end(&timeout, fetch_parts(&timeout));
    if (rc != -ETIMEDOUT)
        return rc;
    printf("expired: %s\n", aio_timeout_expired(&timeout) ? "True" : "False");
    return 0;
}

static int program(void *arg)
{
    (void)arg;
    int slow = 500;
    int rc = aio_timeout_run(AIO_MSEC(30), fetch, &slow);
    if (rc >= 0)
        printf("the slow one: %d\n", rc);
    else if (rc == -ETIMEDOUT)
        puts("the slow one: too late");
    else
        return rc;

    aio_timeout timeout;
    rc = aio_timeout_begin(&timeout, AIO_MSEC(500));
    if (rc < 0)
        return rc;
    rc = aio_timeout_end(&timeout, fetch_two());
    if (rc < 0)
        return rc;
    printf("two quick ones: %d\n", rc);
    return fetch_slowly();
}

int main(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    int rc = aio_run_with(&options, program, NULL);
    if (rc < 0)
        fprintf(stderr, "timeout: %s\n", aio_strerror(rc));
    return rc < 0;
}
