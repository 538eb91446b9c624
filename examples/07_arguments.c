/*
 * 07_arguments: arguments that a task takes with it.
 *
 *     import asyncio
 *
 *     async def count(name, steps, pause):
 *         for i in range(1, steps + 1):
 *             await asyncio.sleep(pause)
 *             print(f"{name} {i}")
 *         return steps
 *
 *     def start(name, steps):
 *         return asyncio.create_task(count(name, steps, 0.02))
 *
 *     async def main():
 *         tick, tock = start("tick", 3), start("tock", 2)
 *         print("counted", await tick + await tock)
 *
 *     asyncio.run(main())
 *
 * aio_spawn() borrows what its argument points to, until the task has ended.  AIO_SPAWN() copies
 * the arguments to the new task's stack, so that who starts it may return at once.
 *
 * Output:
 *   tick 1
 *   tock 1
 *   tick 2
 *   tock 2
 *   tick 3
 *   counted 5
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct counter {
    const char *name;
    int steps;
    int64_t pause;
};

static int count(void *arg)
{
    const struct counter *counter = arg;
    for (int i = 1; i <= counter->steps; i++) {
        int rc = aio_sleep(counter->pause);
        if (rc < 0)
            return rc;
        printf("%s %d\n", counter->name, i);
    }
    return counter->steps;
}

static aio_task *start(const char *name, int steps)
{
    return AIO_SPAWN(count, struct counter, .name = name, .steps = steps, .pause = AIO_MSEC(20));
}

static int program(void *arg)
{
    (void)arg;
    aio_task *tick = start("tick", 3);
    aio_task *tock = start("tock", 2);
    int ticks = aio_join(tick), tocks = aio_join(tock);
    if (ticks < 0 || tocks < 0)
        return ticks < 0 ? ticks : tocks;
    printf("counted %d\n", ticks + tocks);
    return 0;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "arguments: %s\n", aio_strerror(rc));
    return rc < 0;
}
