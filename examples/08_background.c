/*
 * 08_background: tasks that nobody waits for.
 *
 *     import asyncio
 *
 *     async def watch():
 *         print("watching")
 *         try:
 *             while True:
 *                 await asyncio.sleep(60)
 *         finally:
 *             print("the watch ends")
 *
 *     async def main():
 *         background = asyncio.create_task(watch())   # to be kept, or it may vanish
 *         await asyncio.sleep(0.03)
 *         print("main is done")
 *
 *     asyncio.run(main())
 *
 * aio_go() gives the task to the loop, which keeps it, reports it if it fails, and cancels it when
 * main is done.
 *
 * Output:
 *   watching
 *   main is done
 *   the watch ends
 */
#include <stdio.h>

#include <aio/asyncio.h>

static int watch(void *arg)
{
    (void)arg;
    puts("watching");
    int rc = 0;
    while (rc == 0)
        rc = aio_sleep(AIO_SEC(60));
    puts("the watch ends");
    return rc;
}

static int program(void *arg)
{
    (void)arg;
    int rc = aio_go(watch, NULL);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(30));
    if (rc == 0)
        puts("main is done");
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "background: %s\n", aio_strerror(rc));
    return rc < 0;
}
