/*
 * 13_condition: waiting until something that others change is so.
 *
 *     import asyncio
 *
 *     condition = asyncio.Condition()
 *     plates = 0
 *
 *     async def cook():
 *         global plates
 *         for i in range(3):
 *             await asyncio.sleep(0.01)
 *             async with condition:
 *                 plates += 1
 *                 print("cooked")
 *                 condition.notify()
 *
 *     async def guest(name):
 *         global plates
 *         async with condition:
 *             await condition.wait_for(lambda: plates > 0)
 *             plates -= 1
 *             print(f"{name} eats")
 *
 *     async def main():
 *         async with asyncio.TaskGroup() as group:
 *             for name in "Ann", "Bob", "Cid":
 *                 group.create_task(guest(name))
 *             group.create_task(cook())
 *
 *     asyncio.run(main())
 *
 * Where one thing has happened or not, an aio_event is enough; where so many may use something at
 * once, an aio_semaphore.
 *
 * Output:
 *   cooked
 *   Ann eats
 *   cooked
 *   Bob eats
 *   cooked
 *   Cid eats
 */
#include <stdio.h>

#include <aio/asyncio.h>

static aio_condition condition = AIO_CONDITION_INIT;
static int plates;

static int any_plates(void *arg)
{
    (void)arg;
    return plates > 0;
}

static int cook(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int rc = aio_sleep(AIO_MSEC(10));
        if (rc == 0)
            rc = aio_condition_acquire(&condition);
        if (rc < 0)
            return rc;
        plates++;
        puts("cooked");
        (void)aio_condition_notify(&condition, 1);
        (void)aio_condition_release(&condition);
    }
    return 0;
}

static int guest(void *arg)
{
    int rc = aio_condition_acquire(&condition);
    if (rc < 0)
        return rc;
    rc = aio_condition_wait_for(&condition, any_plates, NULL);
    if (rc > 0) {
        plates--;
        printf("%s eats\n", (const char *)arg);
    }
    (void)aio_condition_release(&condition);
    return rc;
}

static int program(void *arg)
{
    char names[][4] = {"Ann", "Bob", "Cid"};
    aio_group group;
    (void)arg;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = aio_group_spawn(&group, guest, names[i]);
    if (rc == 0)
        rc = aio_group_spawn(&group, cook, NULL);
    return aio_group_end(&group, rc);
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "condition: %s\n", aio_strerror(rc));
    return rc < 0;
}
