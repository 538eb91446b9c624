/*
 * For tests of waits for several futures: some of these, tasks that do something
 * with them, and a loop that closes around such tasks.
 */
#ifndef TESTS_SUPPORT_GATHER_CASE_H
#define TESTS_SUPPORT_GATHER_CASE_H

#include <aio/gather.h>

#include "support/task_case.h"

#define FUTURES 3

/* Pending futures, and an item for each. */
struct futures {
    aio_future *all[FUTURES];
    aio_wait_item items[FUTURES];
    struct trace *trace;
    int rc;     /* what a wait for them returned */
    int64_t at; /* when */
};

static inline void futures_end(struct futures *futures)
{
    for (int i = 0; i < FUTURES; i++)
        aio_release(futures->all[i]);
}

/* False, and nothing is there, without memory. */
static inline bool futures_begin(struct futures *futures, aio_loop *loop)
{
    *futures = (struct futures){.rc = 1};
    bool made = loop != NULL;
    for (int i = 0; i < FUTURES && made; i++) {
        futures->all[i] = aio_future_new_on(loop);
        futures->items[i] = (aio_wait_item)AIO_WAIT_ITEM(futures->all[i]);
        made = futures->all[i] != NULL;
    }
    if (!made)
        futures_end(futures);
    return made;
}

static inline int after_so_many_us(void *arg)
{
    int us = *(int *)arg;
    int rc = aio_sleep(AIO_USEC(us));
    return rc < 0 ? rc : us;
}

static inline int fail_after_so_many_us(void *arg)
{
    int us = *(int *)arg;
    int rc = aio_sleep(AIO_USEC(us));
    return rc < 0 ? rc : AIO_USER_ERROR(us);
}

/* Takes a cancellation for a reason to return 42. */
static inline int ignore_a_cancellation(void *arg)
{
    (void)arg;
    int rc = aio_sleep(AIO_SEC(1000));
    return rc == -ECANCELED ? 42 : rc;
}

static inline int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

/* How many turns go by until a future is done, at most 9. */
static inline int turns_until_done(aio_future *future)
{
    int turns = 0;
    while (!aio_future_done(future) && turns < 9) {
        turns++;
        if (aio_yield() < 0)
            return -1;
    }
    return turns;
}

/*
 * Tasks that wait for futures by `wait`, the first alone, the second cancelled, the third woken,
 * are abandoned with their loop, when these or the turn after has seen to that.  Nothing may then
 * be left of them in the futures, which are done with after.
 */
static inline void abandon_waiters(int (*wait)(void *futures), int turns)
{
    struct futures futures[3];
    struct caught caught;
    aio_task *tasks[3] = {0};
    aio_loop *loop = aio_loop_new();
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    int made = 0;
    options.loop = loop;
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    for (; made < 3 && futures_begin(&futures[made], loop); made++)
        tasks[made] = aio_spawn_with(&options, wait, &futures[made]);
    (void)aio_loop_step(loop, 0);
    (void)aio_task_cancel(tasks[1]);
    for (int i = 0; i < FUTURES && made == 3; i++)
        (void)aio_future_set(futures[2].all[i], i);
    for (int i = 0; i < turns; i++)
        (void)aio_loop_step(loop, 0);
    (void)aio_loop_close(loop);
    for (int i = 0; i < made; i++) {
        (void)aio_future_set(futures[i].all[0], 1);
        (void)aio_future_cancel(futures[i].all[1]);
        check(tasks[i] == NULL || aio_future_done(tasks[i]));
        (void)aio_future_result(tasks[i]); /* not to be reported */
        aio_release(tasks[i]);
        futures_end(&futures[i]);
    }
}

#endif
