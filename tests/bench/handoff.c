/*
 * handoff: what it costs when one of two tasks goes on because of what the other
 * did: a lock that goes to and fro, items through a queue.  Beside them a yield,
 * which is such a turn and nothing else.
 *
 *     handoff [rounds]
 *
 * Prints a row for each: the median, the least and the most of the rounds, in ns a
 * hand-over.  The rounds are interleaved, since machines drift.
 *
 *     lock           two tasks release it and acquire it again: each waits for the other
 *     queue of 1     each item waits for the one before to be taken
 *     queue of 64    a batch is put, then taken
 *     queue, nowait  put and got by one task, without any waiting
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <aio/asyncio.h>

#define HANDOVERS 1000000
#define MOST_ROUNDS 99

static int64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *name, double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
    printf("%-24s %8.1f %8.1f %8.1f\n", name, samples[count / 2], samples[0], samples[count - 1]);
}

/* ---- what is measured ------------------------------------------------------------------------ */

static long left;
static aio_lock lock;
static aio_queue queue;

static int yielder(void *arg)
{
    int rc = 0;
    (void)arg;
    while (left-- > 0 && rc == 0)
        rc = aio_yield();
    return rc;
}

static int locker(void *arg)
{
    int rc = aio_lock_acquire(&lock);
    (void)arg;
    if (rc == 0)
        rc = aio_yield(); /* so that the other one waits */
    while (left-- > 0 && rc == 0) {
        rc = aio_lock_release(&lock);
        if (rc == 0)
            rc = aio_lock_acquire(&lock);
    }
    if (rc == 0)
        rc = aio_lock_release(&lock);
    return rc;
}

static int putter(void *arg)
{
    int rc = 0;
    (void)arg;
    for (long i = 0; i < HANDOVERS && rc == 0; i++)
        rc = aio_queue_put(&queue, &i);
    return rc;
}

static int getter(void *arg)
{
    long item;
    int rc = 0;
    (void)arg;
    for (long i = 0; i < HANDOVERS && rc == 0; i++)
        rc = aio_queue_get(&queue, &item);
    return rc;
}

static int put_and_get(void *arg)
{
    int rc = 0;
    (void)arg;
    for (long i = 0, item; i < HANDOVERS && rc == 0; i++) {
        rc = aio_queue_put_nowait(&queue, &i);
        if (rc == 0)
            rc = aio_queue_get_nowait(&queue, &item);
    }
    return rc;
}

static const struct measurement {
    const char *name;
    aio_function one, other; /* NULL: one alone */
    size_t maxsize;
} MEASUREMENTS[] = {
    {"aio_yield", yielder, yielder, 1},      {"lock", locker, locker, 1},
    {"queue of 1", putter, getter, 1},       {"queue of 64", putter, getter, 64},
    {"queue, nowait", put_and_get, NULL, 1},
};
#define COUNT (sizeof MEASUREMENTS / sizeof *MEASUREMENTS)

static int run_both(void *arg)
{
    const struct measurement *measurement = arg;
    int rc = aio_queue_init(&queue, sizeof(long), measurement->maxsize);
    if (rc < 0)
        return rc;
    left = HANDOVERS;
    lock = (aio_lock)AIO_LOCK_INIT;
    aio_task *one = aio_spawn(measurement->one, NULL);
    aio_task *other = measurement->other != NULL ? aio_spawn(measurement->other, NULL) : NULL;
    rc = aio_join(one);
    int ended = measurement->other != NULL ? aio_join(other) : 0;
    aio_queue_fini(&queue);
    return rc < 0 ? rc : ended;
}

int main(int argc, char **argv)
{
    static double samples[COUNT][MOST_ROUNDS];
    int rounds = argc > 1 ? atoi(argv[1]) : 7;
    if (rounds < 1 || rounds > MOST_ROUNDS)
        return 2;
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < COUNT; i++) {
            struct measurement measurement = MEASUREMENTS[i];
            int64_t start = now();
            int rc = aio_run(run_both, &measurement);
            samples[i][round] = (double)(now() - start) / HANDOVERS;
            if (rc < 0) {
                fprintf(stderr, "handoff: %s: %s\n", measurement.name, aio_strerror(rc));
                return 1;
            }
        }
    printf("%-24s %8s %8s %8s  (ns, %d rounds)\n", "", "median", "least", "most", rounds);
    for (size_t i = 0; i < COUNT; i++)
        print_row(MEASUREMENTS[i].name, samples[i], rounds);
    return 0;
}
