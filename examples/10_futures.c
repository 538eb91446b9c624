/*
 * 10_futures: a result that somebody else will set.
 *
 *     import asyncio
 *
 *     async def guest(name, door):
 *         print(f"{name} waits")
 *         number = await door
 *         print(f"{name}: table {number}")
 *
 *     async def evening():
 *         door = asyncio.get_running_loop().create_future()
 *         guests = [asyncio.create_task(guest(n, door)) for n in ("Ada", "Grace")]
 *         await asyncio.sleep(0.03)
 *         print("the door opens")
 *         door.set_result(7)
 *         for task in guests:
 *             await task
 *
 *     asyncio.run(evening())
 *
 * Any number of tasks await a future; when it is set, they go on in the order in which they came.
 *
 * Output:
 *   Ada waits
 *   Grace waits
 *   the door opens
 *   Ada: table 7
 *   Grace: table 7
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct guest {
    const char *name;
    aio_future *door;
};

static int dine(void *arg)
{
    const struct guest *guest = arg;
    printf("%s waits\n", guest->name);
    int number = aio_await(guest->door);
    if (number < 0)
        return number;
    printf("%s: table %d\n", guest->name, number);
    return 0;
}

/* Opens the door after a while; nobody comes in if that fails. */
static int open_door(aio_future *door)
{
    int rc = aio_sleep(AIO_MSEC(30));
    if (rc < 0) {
        (void)aio_future_cancel(door);
        return rc;
    }
    puts("the door opens");
    return aio_future_set(door, 7);
}

static int evening(void *arg)
{
    (void)arg;
    aio_future *door = aio_future_new();
    if (door == NULL)
        return -errno;
    aio_task *ada = aio_spawn(dine, &(struct guest){"Ada", door});
    aio_task *grace = aio_spawn(dine, &(struct guest){"Grace", door});
    int rc = open_door(door);
    int first = aio_join(ada);
    int second = aio_join(grace);
    aio_release(door);
    if (rc == 0)
        rc = first < 0 ? first : second;
    return rc;
}

int main(void)
{
    int rc = aio_run(evening, NULL);
    if (rc < 0)
        fprintf(stderr, "evening: %s\n", aio_strerror(rc));
    return rc < 0;
}
