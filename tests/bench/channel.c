/*
 * channel: what it costs to hand an item from one task to another, with a capacity
 * of 0, of 1 and of 64; the same by a select on either side; and, to compare with,
 * two tasks that yield to each other.
 *
 *     channel [rounds]
 *
 * Prints a row for each: the median, the least and the most of the rounds, in ns
 * for one item (of a yield: for one yield of each task).  The rounds are
 * interleaved, since machines drift.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <aio/asyncio.h>

#define ITEMS 1000000
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

struct measurement {
    const char *name;
    size_t capacity;
    aio_function sender, receiver;
    aio_channel *channel;
    double ns;
};

/* ---- the tasks ------------------------------------------------------------------------------- */

static int send_items(void *arg)
{
    struct measurement *measurement = arg;
    int rc = 0;
    for (long i = 0; i < ITEMS && rc == 0; i++)
        rc = aio_channel_send(measurement->channel, &i);
    return rc;
}

static int receive_items(void *arg)
{
    struct measurement *measurement = arg;
    long item;
    int rc = 0;
    for (long i = 0; i < ITEMS && rc == 0; i++)
        rc = aio_channel_receive(measurement->channel, &item);
    return rc;
}

static int select_to_send(void *arg)
{
    struct measurement *measurement = arg;
    int rc = 0;
    for (long i = 0; i < ITEMS && rc >= 0; i++) {
        aio_select_case cases[] = {AIO_SELECT_SEND(measurement->channel, &i), AIO_SELECT_NOTHING};
        rc = aio_select(cases, 2, AIO_FOREVER);
    }
    return rc;
}

static int select_to_receive(void *arg)
{
    struct measurement *measurement = arg;
    long item;
    int rc = 0;
    for (long i = 0; i < ITEMS && rc >= 0; i++) {
        aio_select_case cases[] = {AIO_SELECT_RECEIVE(measurement->channel, &item),
                                   AIO_SELECT_NOTHING};
        rc = aio_select(cases, 2, AIO_FOREVER);
    }
    return rc;
}

static int yield_often(void *arg)
{
    int rc = 0;
    (void)arg;
    for (long i = 0; i < ITEMS && rc == 0; i++)
        rc = aio_yield();
    return rc;
}

static int measure(void *arg)
{
    struct measurement *measurement = arg;
    measurement->channel = aio_channel_new(sizeof(long), measurement->capacity);
    int64_t start = now();
    aio_task *receiver = aio_spawn(measurement->receiver, measurement);
    aio_task *sender = aio_spawn(measurement->sender, measurement);
    int sent = aio_join(sender);
    (void)aio_channel_close(measurement->channel);
    int received = aio_join(receiver);
    measurement->ns = (double)(now() - start) / ITEMS;
    aio_channel_free(measurement->channel);
    return sent < 0 ? sent : received;
}

int main(int argc, char **argv)
{
    static struct measurement measurements[] = {
        {"capacity 0", 0, send_items, receive_items, NULL, 0},
        {"capacity 1", 1, send_items, receive_items, NULL, 0},
        {"capacity 64", 64, send_items, receive_items, NULL, 0},
        {"select, capacity 0", 0, select_to_send, select_to_receive, NULL, 0},
        {"select, capacity 64", 64, select_to_send, select_to_receive, NULL, 0},
        {"two yields", 0, yield_often, yield_often, NULL, 0},
    };
    enum { COUNT = sizeof measurements / sizeof *measurements };
    static double samples[COUNT][MOST_ROUNDS];
    int rounds = argc > 1 ? atoi(argv[1]) : 7;
    if (rounds < 1 || rounds > MOST_ROUNDS)
        return 2;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < COUNT; i++) {
            int rc = aio_run(measure, &measurements[i]);
            if (rc < 0) {
                fprintf(stderr, "channel: %s\n", aio_strerror(rc));
                return 1;
            }
            samples[i][round] = measurements[i].ns;
        }
    }
    printf("%-24s %8s %8s %8s  (ns, %d rounds)\n", "", "median", "least", "most", rounds);
    for (int i = 0; i < COUNT; i++)
        print_row(measurements[i].name, samples[i], rounds);
    return 0;
}
