/*
 * Who awaits whom: circles, and cancellations that go along chains, trees and webs.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <aio/gather.h>

#include "support/task_case.h"

static int sleep_long(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1000));
}

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

static int gather_it(void *arg)
{
    aio_future *future = aio_future_new();
    aio_wait_item items[] = {AIO_WAIT_ITEM(future), AIO_WAIT_ITEM(*(aio_future **)arg)};
    int rc = aio_gather(items, 2, 0);
    aio_release(future);
    return rc;
}

static int await_it(void *arg)
{
    return aio_await(*(aio_future **)arg);
}

static int shield_it(void *arg)
{
    return aio_shield(*(aio_future **)arg);
}

/* Two that wait for each other, the first one first. */
static void close_circle(aio_function first, aio_function second)
{
    aio_task *tasks[2];
    tasks[0] = aio_spawn(first, &tasks[1]);
    tasks[1] = aio_spawn(second, &tasks[0]);
    bool made = tasks[0] != NULL && tasks[1] != NULL;
    int rc = aio_join(tasks[1]);
    check(rc == -EDEADLK || rc == -ENOMEM || !made);
    (void)aio_task_stop(tasks[0]);
}

TASK_TEST(circles_are_found_through_whatever_waits)
{
    aio_function calls[] = {await_it, await_done_of, gather_it, shield_it};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            close_circle(calls[i], calls[j]);
}

TASK_TEST(a_task_can_not_gather_itself)
{
    aio_task *self = aio_task_current();
    check_int(gather_it(&self), -EDEADLK);
    check_int(aio_yield(), 0);
}

static int wait_for_either(void *arg)
{
    aio_future **either = arg;
    aio_wait_item items[] = {AIO_WAIT_ITEM(either[0]), AIO_WAIT_ITEM(either[1])};
    int rc = aio_wait(items, 2, AIO_WAIT_FIRST, AIO_FOREVER);
    return rc < 0 ? rc : items[0].done;
}

TASK_TEST(who_waits_for_either_of_two_may_be_awaited_by_one)
{
    aio_future *either[] = {aio_future_new(), NULL};
    aio_task *task = either[0] != NULL ? aio_spawn(wait_for_either, either) : NULL;
    if (task != NULL) {
        either[1] = aio_spawn(await_it, &task);
        check_int(aio_yield(), 0);
        check_int(aio_future_set(either[0], 1), 0);
        check_int(aio_await(task), either[1] != NULL);
    }
    (void)aio_task_stop(either[1]);
    aio_release(task);
    aio_release(either[0]);
}

static int cancel_and_await(void *arg)
{
    aio_task **first = arg;
    int rc = aio_yield();
    if (rc == 0)
        (void)aio_task_cancel(*first);
    return rc < 0 ? rc : aio_await(*first);
}

/* The first is on its way out of its wait for the second, which waits for that. */
TASK_TEST(who_was_cancelled_and_has_not_gone_on_closes_no_circle)
{
    aio_task *tasks[2];
    tasks[0] = aio_spawn(await_done_of, &tasks[1]);
    tasks[1] = aio_spawn(cancel_and_await, &tasks[0]);
    int rc = aio_join(tasks[1]);
    check(rc == -ECANCELED || rc == -ENOMEM);
    (void)aio_task_stop(tasks[0]);
}

struct trio {
    aio_future *future;
    aio_task *gatherer, *other;
};

static int gather_both(void *arg)
{
    struct trio *trio = arg;
    aio_wait_item items[] = {AIO_WAIT_ITEM(trio->future), AIO_WAIT_ITEM(trio->other)};
    return aio_gather(items, 2, 0);
}

static int await_the_gatherer_late(void *arg)
{
    struct trio *trio = arg;
    int rc = aio_await_done(trio->future);
    return rc < 0 ? rc : aio_await(trio->gatherer);
}

/* The failure ends the gathering; so who gathered waits for nothing any more, and is waited for. */
TASK_TEST(who_was_woken_from_gathering_closes_no_circle)
{
    struct trio trio = {.future = aio_future_new()};
    trio.gatherer = aio_spawn(gather_both, &trio);
    trio.other = aio_spawn(await_the_gatherer_late, &trio);
    check_int(aio_yield(), 0);
    (void)aio_future_set(trio.future, -EIO);
    int rc = aio_await(trio.other);
    check(rc == -EIO || rc == -ENOMEM);
    (void)aio_task_stop(trio.other);
    (void)aio_task_stop(trio.gatherer);
    aio_release(trio.future);
}

/* ---- long chains ---------------------------------------------------------------------------- */

struct chain_link {
    aio_task **next; /* NULL: the last */
    bool gathers;    /* what comes next, instead of awaiting it */
};

static int await_next_link(void *arg)
{
    struct chain_link *link = arg;
    if (link->next == NULL)
        return aio_sleep(AIO_SEC(1000));
    aio_wait_item item = AIO_WAIT_ITEM(*link->next);
    return link->gathers ? aio_gather(&item, 1, 0) : aio_await(*link->next);
}

static void spawn_link(aio_task **tasks, size_t i, size_t count, bool gathers)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    struct chain_link link = {i + 1 < count ? &tasks[i + 1] : NULL, gathers};
    options.stack_size = 16384;
    options.copy = &link;
    options.copy_size = sizeof link;
    tasks[i] = aio_spawn_with(&options, await_next_link, NULL);
}

/* Spawned first to last, each awaits one that has not begun; backwards, one that waits already. */
static void cancel_a_chain(size_t count, bool backwards, bool gathers)
{
    aio_task **tasks = calloc(count, sizeof(aio_task *));
    if (tasks == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        spawn_link(tasks, backwards ? count - 1 - i : i, count, gathers);
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
    const bool *how = arg;
    cancel_a_chain(test_scale_tasks(MANY(100000)), how[0], how[1]);
    return 0;
}

/* Without guards: before Linux 6.13 each is a mapping, and of these there may be 65,530. */
static void run_long_chain(bool backwards, bool gathers)
{
    bool how[] = {backwards, gathers};
    (void)setenv("AIO_GUARD", "none", 1);
    check_int(test_run(cancel_a_long_chain, how), 0);
    (void)unsetenv("AIO_GUARD");
}

TEST(a_hundred_thousand_in_a_row_are_cancelled)
{
    run_long_chain(false, false);
}

TEST(a_hundred_thousand_in_a_row_made_from_the_end_are_cancelled)
{
    run_long_chain(true, false);
}

TEST(a_hundred_thousand_in_a_row_that_gather_each_other_are_cancelled)
{
    run_long_chain(false, true);
    run_long_chain(true, true);
}

TASK_TEST(five_in_a_row_are_cancelled)
{
    for (int i = 0; i < 4; i++)
        cancel_a_chain(5, (i & 1) != 0, (i & 2) != 0);
}

static int gather_the_future(void *arg)
{
    aio_wait_item item = AIO_WAIT_ITEM(arg);
    return aio_gather(&item, 1, 0);
}

/* Nothing is left to cancel: so it is the gatherer, who has not gone on, that is cancelled. */
TASK_TEST(a_request_that_comes_to_a_gatherer_whose_futures_are_done_cancels_him)
{
    aio_future *future = aio_future_new();
    aio_task *middle = future != NULL ? aio_spawn(gather_the_future, future) : NULL;
    aio_task *outer = middle != NULL ? aio_spawn(await_it, &middle) : NULL;
    check_int(aio_yield(), 0);
    if (outer != NULL) {
        check_int(aio_future_set(future, 1), 0);
        check_int(aio_task_cancel(outer), 1);
        check_int(aio_await(outer), -ECANCELED);
        check(aio_future_cancelled(middle));
    }
    (void)aio_task_stop(outer);
    (void)aio_task_stop(middle);
    aio_release(future);
}

/* One has failed, and the gatherer was woken: the others go on, whoever is cancelled then. */
TASK_TEST(a_request_that_comes_when_the_gathering_is_over_does_not_go_on_to_the_others)
{
    struct trio trio = {.future = aio_future_new()};
    trio.other = aio_spawn(sleep_long, NULL);
    if (trio.other != NULL && trio.future != NULL)
        trio.gatherer = aio_spawn(gather_both, &trio);
    check_int(aio_yield(), 0);
    (void)aio_future_set(trio.future, -EIO);
    check_int(aio_yield(), 0);
    if (trio.gatherer != NULL) {
        check_int(aio_task_cancel(trio.gatherer), 1);
        check_int(aio_task_cancelling(trio.other), 0);
        check_int(aio_await(trio.gatherer), -ECANCELED);
        check(!aio_future_done(trio.other));
    }
    (void)aio_future_result(trio.future);
    (void)aio_task_stop(trio.gatherer);
    (void)aio_task_stop(trio.other);
    aio_release(trio.future);
}

/* ---- trees and webs ------------------------------------------------------------------------- */

#define WEB 90

/* Each gathers the two before it, as Fibonacci's numbers do: 10^18 ways lead to the first ones. */
struct web {
    aio_task *tasks[WEB];
    aio_future *end;
};

struct knot {
    struct web *web;
    size_t number;
};

static int gather_two(void *arg)
{
    struct knot *knot = arg;
    struct web *web = knot->web;
    size_t i = knot->number;
    aio_wait_item items[] = {AIO_WAIT_ITEM(i < 2 ? web->end : web->tasks[i - 1]),
                             AIO_WAIT_ITEM(i < 2 ? web->end : web->tasks[i - 2])};
    return aio_gather(items, 2, 0);
}

/* They all wait; false if one could not be made. */
static bool web_begin(struct web *web)
{
    *web = (struct web){.end = aio_future_new()};
    bool made = web->end != NULL;
    for (size_t i = 0; i < WEB; i++) {
        struct knot knot = {web, i};
        web->tasks[i] = aio_spawn_copy(gather_two, &knot, sizeof knot);
        made = made && web->tasks[i] != NULL;
    }
    check_int(aio_yield(), 0);
    return made;
}

static void web_end(struct web *web)
{
    for (size_t i = 0; i < WEB; i++)
        (void)aio_task_stop(web->tasks[i]);
    aio_release(web->end);
}

TASK_TEST(each_in_a_web_is_entered_once_and_asked_once_for_each_way)
{
    struct web web;
    if (web_begin(&web)) {
        check_int(aio_task_cancel(web.tasks[WEB - 1]), 1);
        int before = 0, count = 1;
        for (size_t i = WEB; i-- > 0 && count < 1000000;) {
            check_int(aio_task_cancelling(web.tasks[i]), count);
            int sum = i == WEB - 1 ? 1 : before + count;
            before = count;
            count = sum;
        }
        check_int(aio_task_cancelling(web.tasks[0]), INT_MAX);
        check_int(aio_await(web.tasks[WEB - 1]), -ECANCELED);
    }
    web_end(&web);
}
