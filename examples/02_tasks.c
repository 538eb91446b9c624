/*
 * 02_tasks: functions that run concurrently, and their results.
 *
 *     import asyncio
 *
 *     async def cook(name, minutes, price):
 *         print(f"{name}: on the fire")
 *         await asyncio.sleep(minutes / 1000)
 *         print(f"{name}: done")
 *         return price
 *
 *     async def dinner():
 *         first = asyncio.create_task(cook("soup", 60, 5))
 *         second = asyncio.create_task(cook("rice", 20, 7))
 *         total = await first + await second
 *         print(f"{total} to pay")
 *
 *     asyncio.run(dinner())
 *
 * A task runs a function of one pointer on a stack of its own.  aio_join() awaits a task and lets
 * go of it; it accepts NULL, the task that could not be spawned, and then says -ENOMEM.
 *
 * Output:
 *   soup: on the fire
 *   rice: on the fire
 *   rice: done
 *   soup: done
 *   12 to pay
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct dish {
    const char *name;
    int minutes, price;
};

static int cook(void *arg)
{
    const struct dish *dish = arg;
    printf("%s: on the fire\n", dish->name);
    int rc = aio_sleep(AIO_MSEC(dish->minutes));
    if (rc < 0)
        return rc;
    printf("%s: done\n", dish->name);
    return dish->price;
}

static int dinner(void *arg)
{
    (void)arg;
    struct dish soup = {"soup", 60, 5}, rice = {"rice", 20, 7};
    aio_task *first = aio_spawn(cook, &soup);
    aio_task *second = aio_spawn(cook, &rice);
    int soup_price = aio_join(first);
    int rice_price = aio_join(second);
    if (soup_price < 0 || rice_price < 0)
        return soup_price < 0 ? soup_price : rice_price;
    printf("%d to pay\n", soup_price + rice_price);
    return 0;
}

int main(void)
{
    int rc = aio_run(dinner, NULL);
    if (rc < 0)
        fprintf(stderr, "dinner: %s\n", aio_strerror(rc));
    return rc < 0;
}
