/*
 * 03_cancel: asking a task to end.
 *
 *     import asyncio
 *
 *     async def worker():
 *         print("working")
 *         try:
 *             await asyncio.sleep(60)
 *         finally:
 *             print("tidying up")
 *
 *     async def boss():
 *         task = asyncio.create_task(worker())
 *         await asyncio.sleep(0.03)
 *         task.cancel()
 *         try:
 *             await task
 *         except asyncio.CancelledError:
 *             print("the worker was cancelled")
 *         task = asyncio.create_task(worker())
 *         await asyncio.sleep(0.03)
 *         task.cancel()
 *         await asyncio.wait([task])
 *         print("and stopped in one line")        # in C
 *
 *     asyncio.run(boss())
 *
 * The call in which the task waits returns -ECANCELED, once; the task cleans up and returns that.
 * Where nobody cares how the task fared, aio_task_stop() cancels, waits and releases.
 *
 * Output:
 *   working
 *   tidying up
 *   the worker was cancelled
 *   working
 *   tidying up
 *   and stopped in one line
 */
#include <stdio.h>

#include <aio/asyncio.h>

static int worker(void *arg)
{
    (void)arg;
    puts("working");
    int rc = aio_sleep(AIO_SEC(60));
    puts("tidying up");
    return rc;
}

static int boss(void *arg)
{
    (void)arg;
    aio_task *task = aio_spawn(worker, NULL);
    int rc = aio_sleep(AIO_MSEC(30));
    (void)aio_task_cancel(task);
    int result = aio_join(task);
    if (rc < 0 || result != -ECANCELED)
        return rc < 0 ? rc : result;
    puts("the worker was cancelled");

    task = aio_spawn(worker, NULL);
    rc = aio_sleep(AIO_MSEC(30));
    result = aio_task_stop(task);
    if (rc < 0 || result < 0)
        return rc < 0 ? rc : result;
    puts("and stopped in one line");
    return 0;
}

int main(void)
{
    int rc = aio_run(boss, NULL);
    if (rc < 0)
        fprintf(stderr, "boss: %s\n", aio_strerror(rc));
    return rc < 0;
}
