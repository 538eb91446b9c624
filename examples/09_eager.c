/*
 * 09_eager: tasks that begin at once.
 *
 *     import asyncio
 *
 *     async def look_up(cache, key):
 *         if key in cache:
 *             return cache[key]
 *         print(f"{key} must be fetched")
 *         await asyncio.sleep(0.02)
 *         cache[key] = key * key
 *         return cache[key]
 *
 *     async def main():
 *         cache = {}
 *         for key in (6, 6):
 *             task = asyncio.create_task(look_up(cache, key), eager_start=True)
 *             print("done" if task.done() else "under way")
 *             print(await task)
 *
 *     asyncio.run(main())
 *
 * An eager task runs up to its first wait before the spawn returns; one that never waits is done
 * by then, and the loop has nothing to do with it.
 *
 * Output:
 *   6 must be fetched
 *   under way
 *   36
 *   done
 *   36
 */
#include <stdio.h>

#include <aio/asyncio.h>

struct look_up {
    int *cache;
    int key;
};

static int look_up(void *arg)
{
    const struct look_up *wanted = arg;
    int *entry = &wanted->cache[wanted->key];
    if (*entry != 0)
        return *entry;
    printf("%d must be fetched\n", wanted->key);
    int rc = aio_sleep(AIO_MSEC(20));
    if (rc < 0)
        return rc;
    return *entry = wanted->key * wanted->key;
}

static int show(int *cache, int key)
{
    struct look_up wanted = {cache, key};
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    aio_task *task = aio_spawn_with(&options, look_up, &wanted);
    puts(aio_future_done(task) ? "done" : "under way");
    int value = aio_join(task);
    if (value >= 0)
        printf("%d\n", value);
    return value;
}

static int program(void *arg)
{
    (void)arg;
    int cache[10] = {0};
    int rc = show(cache, 6);
    return rc < 0 ? rc : show(cache, 6);
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "eager: %s\n", aio_strerror(rc));
    return rc < 0;
}
