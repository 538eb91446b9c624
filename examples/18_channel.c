/*
 * 18_channel: items that go from hand to hand.
 *
 *     import asyncio                       # asyncio has no channels; its Queue comes near
 *
 *     async def count(numbers):
 *         try:
 *             n = 1
 *             while True:
 *                 await numbers.put(n)
 *                 n += 1
 *         except asyncio.QueueShutDown:
 *             print("count: nobody takes any more")
 *
 *     async def square(numbers, squares):
 *         try:
 *             while True:
 *                 await squares.put((await numbers.get()) ** 2)
 *         except asyncio.QueueShutDown:
 *             print("square: nobody takes any more")
 *             numbers.shutdown()
 *
 *     async def main():
 *         numbers, squares = asyncio.Queue(1), asyncio.Queue(1)
 *         async with asyncio.TaskGroup() as group:
 *             group.create_task(count(numbers))
 *             group.create_task(square(numbers, squares))
 *             while (n := await squares.get()) < 20:
 *                 print(n)
 *             print("enough")
 *             squares.shutdown()
 *
 *     asyncio.run(main())
 *
 * A channel of capacity 0 keeps nothing: who sends waits until somebody has the item, so each stage
 * is ahead of the next by one.  Either side may close it; those who wait on the other learn it.
 *
 * Output:
 *   1
 *   4
 *   9
 *   16
 *   enough
 *   square: nobody takes any more
 *   count: nobody takes any more
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct pipeline {
    aio_channel *numbers, *squares;
};

static int count(void *arg)
{
    const struct pipeline *pipeline = arg;
    int rc = 0;
    for (int n = 1; rc == 0; n++)
        rc = aio_channel_send(pipeline->numbers, &n);
    if (rc != -ESHUTDOWN)
        return rc;
    puts("count: nobody takes any more");
    return 0;
}

static int square(void *arg)
{
    const struct pipeline *pipeline = arg;
    int n, rc;
    while ((rc = aio_channel_receive(pipeline->numbers, &n)) == 0) {
        n *= n;
        rc = aio_channel_send(pipeline->squares, &n);
        if (rc < 0)
            break;
    }
    if (rc != -ESHUTDOWN)
        return rc;
    puts("square: nobody takes any more");
    return aio_channel_close(pipeline->numbers);
}

static int take(aio_group *group, void *arg)
{
    struct pipeline *pipeline = arg;
    int n = 0;
    int rc = aio_group_spawn(group, count, pipeline);
    if (rc == 0)
        rc = aio_group_spawn(group, square, pipeline);
    while (rc == 0 && (rc = aio_channel_receive(pipeline->squares, &n)) == 0 && n < 20)
        printf("%d\n", n);
    if (rc < 0)
        return rc;
    puts("enough");
    return aio_channel_close(pipeline->squares);
}

static int program(void *arg)
{
    (void)arg;
    struct pipeline pipeline = {
        aio_channel_new(sizeof(int), 0),
        aio_channel_new(sizeof(int), 0),
    };
    int rc = aio_group_run(take, &pipeline);
    aio_channel_free(pipeline.numbers);
    aio_channel_free(pipeline.squares);
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "channel: %s\n", aio_strerror(rc));
    return rc < 0;
}
