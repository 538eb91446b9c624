/*
 * 04_timeout: so long, and no longer.
 *
 *     async def fetch(ms):
 *         await asyncio.sleep(ms / 1000)
 *         return 42
 *
 *     async def main():
 *         try:
 *             async with asyncio.timeout(0.03):
 *                 print("the slow one:", await fetch(500))
 *         except TimeoutError:
 *             print("the slow one: too late")
 *         async with asyncio.timeout(0.5):
 *             first = await fetch(10)
 *             second = await fetch(10)
 *         print("two quick ones:", first + second)
 *
 * aio_timeout_run() is the call; a timeout that is begun and ended is the scope, for several calls.
 * What takes too long gets -ECANCELED, and the end of the scope makes -ETIMEDOUT of it: but only if
 * it was this timeout that cancelled.
 *
 * Output:
 *   the slow one: ETIMEDOUT
 *   two quick ones: 84
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

static int program(void *arg)
{
    (void)arg;
    int slow = 500;
    int rc = aio_timeout_run(AIO_MSEC(30), fetch, &slow);
    if (rc >= 0)
        printf("the slow one: %d\n", rc);
    else if (rc == -ETIMEDOUT)
        printf("the slow one: %s\n", aio_errname(rc));
    else
        return rc;

    aio_timeout timeout;
    rc = aio_timeout_begin(&timeout, AIO_MSEC(500));
    if (rc < 0)
        return rc;
    rc = aio_timeout_end(&timeout, fetch_two());
    if (rc >= 0)
        printf("two quick ones: %d\n", rc);
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "timeout: %s\n", aio_strerror(rc));
    return rc < 0;
}
