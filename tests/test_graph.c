/*
 * Who awaits whom: circles, and cancellations that go along long chains.
 */
#include <errno.h>
#include <stdlib.h>

#include <aio/task.h>

#include "support/task_case.h"

/* ---- circles -------------------------------------------------------------------------------- */

/* A ring of three that await each other; which of them begins, and in which direction. */
struct ring {
    aio_task *tasks[3];
    int results[3];
};

struct member {
    struct ring *ring;
    int index;
};

static int await_the_next(void *arg)
{
    struct member *member = arg;
    struct ring *ring = member->ring;
    int rc = aio_await(ring->tasks[(member->index + 1) % 3]);
    ring->results[member->index] = rc;
    return rc;
}

static void close_ring(const int order[3], int expected_last)
{
    struct ring ring = {0};
    struct member members[3] = {{&ring, 0}, {&ring, 1}, {&ring, 2}};
    for (int i = 0; i < 3; i++)
        ring.tasks[order[i]] = aio_spawn(await_the_next, &members[order[i]]);
    if (ring.tasks[0] != NULL && ring.tasks[1] != NULL && ring.tasks[2] != NULL) {
        check_int(aio_await_done(ring.tasks[expected_last]), 0);
        check_int(ring.results[expected_last], -EDEADLK);
    }
    /* The error goes the whole way round; what misses a link fails for that. */
    for (int i = 0; i < 3; i++)
        check_int(aio_join(ring.tasks[i]), -EDEADLK);
}

TASK_TEST(the_await_that_closes_a_circle_fails_in_either_order)
{
    close_ring((const int[]){0, 1, 2}, 2);
    close_ring((const int[]){2, 1, 0}, 0);
    close_ring((const int[]){1, 2, 0}, 0);
}

static int await_done_of(void *arg)
{
    return aio_await_done(*(aio_future **)arg);
}

TASK_TEST(a_circle_of_those_that_only_wait_until_it_is_done_is_found_too)
{
    aio_task *tasks[2];
    tasks[0] = aio_spawn(await_done_of, &tasks[1]);
    tasks[1] = aio_spawn(await_done_of, &tasks[0]);
    check_int(aio_join(tasks[1]), -EDEADLK);
    check_int(aio_join(tasks[0]), 0);
}

/* ---- long chains ---------------------------------------------------------------------------- */

struct chain_link {
    aio_task **next; /* NULL: the last */
};

static int await_next_link(void *arg)
{
    struct chain_link *link = arg;
    return link->next != NULL ? aio_await(*link->next) : aio_sleep(AIO_SEC(1000));
}

static void spawn_link(aio_task **tasks, size_t i, size_t count)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    struct chain_link link = {i + 1 < count ? &tasks[i + 1] : NULL};
    options.stack_size = 16384;
    options.copy = &link;
    options.copy_size = sizeof link;
    tasks[i] = aio_spawn_with(&options, await_next_link, NULL);
}

/* Spawned first to last, each awaits one that has not begun; backwards, one that waits already. */
static void cancel_a_chain(size_t count, bool backwards)
{
    aio_task **tasks = calloc(count, sizeof(aio_task *));
    if (tasks == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        spawn_link(tasks, backwards ? count - 1 - i : i, count);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(tasks[0]), 1);
    check_int(aio_task_cancelling(tasks[count - 1]), 1);
    check_int(aio_await(tasks[0]), -ECANCELED);
    for (size_t i = 0; i < count; i++)
        check_int(aio_join(tasks[i]), -ECANCELED);
    free(tasks);
}

static int cancel_a_long_chain(void *arg)
{
    cancel_a_chain(MANY(100000), *(bool *)arg);
    return 0;
}

/* Without guards: before Linux 6.13 each is a mapping, and of these there may be 65,530. */
static void run_long_chain(bool backwards)
{
    (void)setenv("AIO_GUARD", "none", 1);
    check_int(test_run(cancel_a_long_chain, &backwards), 0);
    (void)unsetenv("AIO_GUARD");
}

TEST_WITHOUT_SWEEP(a_hundred_thousand_in_a_row_are_cancelled)
{
    run_long_chain(false);
}

TEST_WITHOUT_SWEEP(a_hundred_thousand_in_a_row_made_from_the_end_are_cancelled)
{
    run_long_chain(true);
}

TASK_TEST(five_in_a_row_are_cancelled)
{
    cancel_a_chain(5, false);
    cancel_a_chain(5, true);
}
