/*
 * tasks: what so many sleeping tasks cost: memory, page tables included, and the
 * time to start them and to join them, the first time and again.
 *
 *     tasks [count] [stack size]          1,000,000 of the default size
 *
 * The tasks sleep on the virtual clock, guards are as the library makes them. The
 * memory is read off /proc/self/status, so on Linux only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aio/asyncio.h>

struct plan {
    size_t count, stack_size;
    aio_task **tasks;
};

static int64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* A field of /proc/self/status, in bytes; 0 where there is none. */
static double status(const char *field)
{
    char line[128];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = strtol(line + strlen(field), NULL, 10);
    (void)fclose(file);
    return (double)kilobytes * 1024;
}

static int sleeper(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(3600));
}

static int spawn_all(const struct plan *plan)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.stack_size = plan->stack_size;
    for (size_t i = 0; i < plan->count; i++) {
        plan->tasks[i] = aio_spawn_with(&options, sleeper, NULL);
        if (plan->tasks[i] == NULL) {
            fprintf(stderr, "tasks: ends at %zu: %s\n", i, aio_strerror(errno));
            return -ENOMEM;
        }
    }
    return aio_yield();
}

static int join_all(const struct plan *plan)
{
    int rc = 0;
    for (size_t i = 0; i < plan->count; i++) {
        int ended = aio_join(plan->tasks[i]);
        rc = ended < 0 ? ended : rc;
    }
    return rc;
}

static int round_of(const struct plan *plan, const char *name)
{
    double memory = status("VmRSS:") , tables = status("VmPTE:");
    int64_t start = now();
    int rc = spawn_all(plan);
    int64_t spawned = now();
    double count = (double)plan->count;
    memory = (status("VmRSS:") - memory) / count;
    tables = (status("VmPTE:") - tables) / count;
    if (rc < 0)
        return rc;
    int64_t joining = now();
    rc = join_all(plan);
    int64_t joined = now();
    printf("%-6s spawn %6.0f ns  join %6.0f ns", name, (double)(spawned - start) / count,
           (double)(joined - joining) / count);
    if (memory > 0)
        printf("  memory %.0f + %.0f B of page tables", memory, tables);
    printf("  (per task)\n");
    return rc;
}

static int measure(void *arg)
{
    const struct plan *plan = arg;
    printf("%zu sleeping tasks\n", plan->count);
    int rc = round_of(plan, "first");
    return rc < 0 ? rc : round_of(plan, "again");
}

int main(int argc, char **argv)
{
    aio_options options = AIO_OPTIONS_INIT;
    struct plan plan = {.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000};
    plan.stack_size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    options.clock = AIO_CLOCK_VIRTUAL;
    plan.tasks = calloc(plan.count, sizeof(aio_task *));
    if (plan.tasks == NULL)
        return 1;
    memset(plan.tasks, 1, plan.count * sizeof(aio_task *)); /* faulted in before it is measured */
    int rc = aio_run_with(&options, measure, &plan);
    if (rc < 0)
        fprintf(stderr, "tasks: %s\n", aio_strerror(rc));
    free(plan.tasks);
    return rc < 0;
}
