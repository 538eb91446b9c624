/*
 * yield: what a yield costs among 2, 100 and 10,000 tasks, beside a bare switch of
 * the C library (swapcontext, which makes a system call) in the same run.
 *
 *     yield [rounds]
 *
 * Prints a row for each: the median, the least and the most of the rounds, in ns.
 * The rounds are interleaved, since machines drift.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

#include <aio/asyncio.h>

#define YIELDS 2000000
#define SWITCHES 400000
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

/* ---- ours ------------------------------------------------------------------------------------ */

static long left;

static int yielder(void *arg)
{
    (void)arg;
    while (left-- > 0) {
        int rc = aio_yield();
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ring(int tasks)
{
    int rc = 0;
    aio_task **task = calloc((size_t)tasks, sizeof *task);
    if (task == NULL)
        return -ENOMEM;
    for (int i = 0; i < tasks; i++)
        task[i] = aio_spawn(yielder, NULL);
    for (int i = 0; i < tasks; i++) {
        int ended = aio_join(task[i]);
        rc = ended < 0 ? ended : rc;
    }
    free(task);
    return rc;
}

struct measurement {
    int tasks;
    double ns;
};

/* The first ring faults the stacks in; the second is measured. */
static int measure_ring(void *arg)
{
    struct measurement *measurement = arg;
    left = measurement->tasks * 2;
    int rc = ring(measurement->tasks);
    if (rc < 0)
        return rc;
    left = YIELDS;
    int64_t start = now();
    rc = ring(measurement->tasks);
    measurement->ns = (double)(now() - start) / YIELDS;
    return rc;
}

/* ---- the C library's ------------------------------------------------------------------------- */

static ucontext_t here, there;

static void bounce(void)
{
    for (;;)
        (void)swapcontext(&there, &here);
}

static double measure_swapcontext(void)
{
    static char stack[65536];
    (void)getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    makecontext(&there, bounce, 0);
    int64_t start = now();
    for (int i = 0; i < SWITCHES / 2; i++)
        (void)swapcontext(&here, &there);
    return (double)(now() - start) / SWITCHES;
}

int main(int argc, char **argv)
{
    static const int tasks[] = {2, 100, 10000};
    static double samples[4][MOST_ROUNDS];
    int rounds = argc > 1 ? atoi(argv[1]) : 7;
    if (rounds < 1 || rounds > MOST_ROUNDS)
        return 2;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 3; i++) {
            struct measurement measurement = {tasks[i], 0};
            int rc = aio_run(measure_ring, &measurement);
            if (rc < 0) {
                fprintf(stderr, "yield: %s\n", aio_strerror(rc));
                return 1;
            }
            samples[i][round] = measurement.ns;
        }
        samples[3][round] = measure_swapcontext();
    }
    printf("%-24s %8s %8s %8s  (ns, %d rounds)\n", "", "median", "least", "most", rounds);
    print_row("aio_yield, 2 tasks", samples[0], rounds);
    print_row("aio_yield, 100 tasks", samples[1], rounds);
    print_row("aio_yield, 10,000 tasks", samples[2], rounds);
    print_row("swapcontext", samples[3], rounds);
    return 0;
}
