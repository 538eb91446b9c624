/*
 * 01_hello: a program that waits for a moment.
 *
 *     import asyncio
 *
 *     async def hello():
 *         print("hello")
 *         await asyncio.sleep(0.05)
 *         print("world")
 *
 *     asyncio.run(hello())
 *
 * There is no await: aio_sleep() is a plain call, which suspends the task that makes it.
 *
 * Output:
 *   hello
 *   world
 */
#include <stdio.h>

#include <aio/asyncio.h>

static int hello(void *arg)
{
    (void)arg;
    puts("hello");
    int rc = aio_sleep(AIO_MSEC(50));
    if (rc < 0)
        return rc;
    puts("world");
    return 0;
}

int main(void)
{
    int rc = aio_run(hello, NULL);
    if (rc < 0)
        fprintf(stderr, "hello: %s\n", aio_strerror(rc));
    return rc < 0;
}
