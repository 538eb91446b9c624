/*
 * 14_semaphore: so many at a time, and no more.
 *
 *     import asyncio
 *
 *     SIZES = {"a": 30, "b": 10, "c": 40, "d": 10}
 *
 *     async def fetch(page):
 *         print(f"{page}: begun, of {len(asyncio.all_tasks())} tasks")
 *         await asyncio.sleep(SIZES[page] / 1000)
 *         print(f"{page}: done")
 *
 *     async def fetch_in_turn(page, permits):
 *         async with permits:
 *             await fetch(page)
 *
 *     async def with_semaphore():
 *         permits = asyncio.Semaphore(2)
 *         async with asyncio.TaskGroup() as group:
 *             for page in SIZES:
 *                 group.create_task(fetch_in_turn(page, permits))
 *
 *     async def with_limit():                          # TaskGroup has none
 *         places = asyncio.Semaphore(2)
 *         async with asyncio.TaskGroup() as group:
 *             for page in SIZES:
 *                 await places.acquire()
 *                 task = group.create_task(fetch(page))
 *                 task.add_done_callback(lambda task: places.release())
 *
 *     async def main():
 *         await with_semaphore()
 *         print("and now with a limit")
 *         await with_limit()
 *
 *     asyncio.run(main())
 *
 * A semaphore lets so many in; whoever comes later waits, each in a task.  With a limit it is the
 * spawn that waits until there is room in the group: for a million pages there are never more than
 * two tasks, and the loop's own.
 *
 * Output:
 *   a: begun, of 5 tasks
 *   b: begun, of 5 tasks
 *   b: done
 *   c: begun, of 4 tasks
 *   a: done
 *   d: begun, of 3 tasks
 *   d: done
 *   c: done
 *   and now with a limit
 *   a: begun, of 3 tasks
 *   b: begun, of 3 tasks
 *   b: done
 *   c: begun, of 3 tasks
 *   a: done
 *   d: begun, of 3 tasks
 *   d: done
 *   c: done
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct page {
    const char *name;
    int milliseconds;
};

static struct page pages[] = {{"a", 30}, {"b", 10}, {"c", 40}, {"d", 10}};
static aio_semaphore permits = AIO_SEMAPHORE_INIT(2);

static int fetch(void *arg)
{
    const struct page *page = arg;
    printf("%s: begun, of %zu tasks\n", page->name, aio_task_count(NULL));
    int rc = aio_sleep(AIO_MSEC(page->milliseconds));
    if (rc == 0)
        printf("%s: done\n", page->name);
    return rc;
}

static int fetch_in_turn(void *arg)
{
    int rc = aio_semaphore_acquire(&permits);
    if (rc < 0)
        return rc;
    rc = fetch(arg);
    (void)aio_semaphore_release(&permits);
    return rc;
}

static int spawn_all(aio_group *group, aio_function function)
{
    int rc = 0;
    for (size_t i = 0; i < sizeof pages / sizeof *pages && rc == 0; i++)
        rc = aio_group_spawn(group, function, &pages[i]);
    return rc;
}

static int with_semaphore(aio_group *group, void *arg)
{
    (void)arg;
    return spawn_all(group, fetch_in_turn);
}

static int with_limit(aio_group *group, void *arg)
{
    (void)arg;
    int rc = aio_group_set_limit(group, 2);
    return rc < 0 ? rc : spawn_all(group, fetch);
}

static int program(void *arg)
{
    int rc = aio_group_run(with_semaphore, arg);
    if (rc < 0)
        return rc;
    puts("and now with a limit");
    return aio_group_run(with_limit, arg);
}

int main(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    int rc = aio_run_with(&options, program, NULL);
    if (rc < 0)
        fprintf(stderr, "semaphore: %s\n", aio_strerror(rc));
    return rc < 0;
}
