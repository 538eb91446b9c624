/*
 * 15_queue: work for whoever has time.
 *
 *     import asyncio
 *
 *     async def worker(name, queue):
 *         while True:
 *             try:
 *                 milliseconds = await queue.get()
 *             except asyncio.QueueShutDown:
 *                 return
 *             await asyncio.sleep(milliseconds / 1000)
 *             print(f"{name}: slept {milliseconds} ms")
 *             queue.task_done()
 *
 *     async def main():
 *         queue = asyncio.Queue(2)
 *         tasks = [asyncio.create_task(worker(name, queue)) for name in ("Ann", "Bob")]
 *         for milliseconds in 10, 40, 130, 20, 30:
 *             await queue.put(milliseconds)
 *         print("all handed out")
 *         await queue.join()
 *         print("all done")
 *         queue.shutdown()
 *         await asyncio.gather(*tasks)
 *
 *     asyncio.run(main())
 *
 * A put waits while two jobs wait for a worker: whoever is fast need not hold in memory what the
 * slow have not begun.  A shutdown sends the workers home, once the queue is empty.
 *
 * Output:
 *   Ann: slept 10 ms
 *   all handed out
 *   Bob: slept 40 ms
 *   Bob: slept 20 ms
 *   Bob: slept 30 ms
 *   Ann: slept 130 ms
 *   all done
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct worker {
    const char *name;
    aio_queue *queue;
};

static int work(void *arg)
{
    struct worker *worker = arg;
    int milliseconds, rc;
    while ((rc = aio_queue_get(worker->queue, &milliseconds)) == 0) {
        rc = aio_sleep(AIO_MSEC(milliseconds));
        if (rc < 0)
            return rc;
        printf("%s: slept %d ms\n", worker->name, milliseconds);
        (void)aio_queue_task_done(worker->queue);
    }
    return rc == -ESHUTDOWN ? 0 : rc;
}

static int hand_out(aio_queue *queue)
{
    static const int jobs[] = {10, 40, 130, 20, 30};
    for (int i = 0; i < 5; i++) {
        int rc = aio_queue_put(queue, &jobs[i]);
        if (rc < 0)
            return rc;
    }
    puts("all handed out");
    int rc = aio_queue_join(queue);
    if (rc == 0)
        puts("all done");
    return rc;
}

static int program(void *arg)
{
    aio_queue queue;
    struct worker ann = {"Ann", &queue}, bob = {"Bob", &queue};
    (void)arg;
    int rc = aio_queue_init(&queue, sizeof(int), 2);
    if (rc < 0)
        return rc;
    aio_task *tasks[] = {aio_spawn(work, &ann), aio_spawn(work, &bob)};
    rc = hand_out(&queue);
    (void)aio_queue_shutdown(&queue, false);
    for (int i = 0; i < 2; i++) {
        int ended = rc < 0 ? aio_task_stop(tasks[i]) : aio_join(tasks[i]);
        rc = rc < 0 ? rc : ended;
    }
    aio_queue_fini(&queue);
    return rc;
}

int main(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    int rc = aio_run_with(&options, program, NULL);
    if (rc < 0)
        fprintf(stderr, "queue: %s\n", aio_strerror(rc));
    return rc < 0;
}
