/*
 * A queue's work: task_done and join; and its end: shutdown, and what becomes of
 * those who wait in a queue that is no more.
 */
#include <errno.h>

#include <aio/queue.h>

#include "support/ledger.h"
#include "support/task_case.h"

static int one = 1;

/* One who waits in a queue, and how he came out. */
struct guest {
    aio_queue *queue;
    int result;
};

static int put(void *arg)
{
    struct guest *guest = arg;
    return guest->result = aio_queue_put(guest->queue, &one);
}

static int get(void *arg)
{
    struct guest *guest = arg;
    int item;
    return guest->result = aio_queue_get(guest->queue, &item);
}

static int join(void *arg)
{
    struct guest *guest = arg;
    return guest->result = aio_queue_join(guest->queue);
}

/* Two guests who wait in a queue of at most two, with so many items in it. */
struct two {
    aio_queue queue;
    struct guest guests[2];
    aio_task *tasks[2];
};

static void two_begin(struct two *two, int items, aio_function function)
{
    *two = (struct two){.guests = {{&two->queue, 1}, {&two->queue, 1}}};
    check_int(aio_queue_init(&two->queue, sizeof one, 2), 0);
    for (int i = 0; i < items; i++)
        check_int(aio_queue_put(&two->queue, &one), 0);
    for (int i = 0; i < 2; i++)
        two->tasks[i] = aio_spawn(function, &two->guests[i]);
    check_int(aio_yield(), 0);
    check_int(two->guests[0].result, 1);
}

/* After a turn these are the results; 1: still waits. */
static void two_come_out(struct two *two, int first, int second)
{
    check_int(two->guests[0].result, 1);
    check_int(aio_yield(), 0);
    check_int(two->guests[0].result, first);
    check_int(two->guests[1].result, second);
}

static void two_end(struct two *two)
{
    for (int i = 0; i < 2; i++)
        (void)aio_task_stop(two->tasks[i]);
    aio_queue_fini(&two->queue);
}

static void get_now(aio_queue *queue, int expected)
{
    int item;
    check_int(aio_queue_get_nowait(queue, &item), expected);
}

/* ---- the work ------------------------------------------------------------------------------- */

TASK_TEST(there_is_nothing_to_join_in_a_new_queue)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof one, 0), 0);
    check_int(aio_queue_join(&queue), 0);
    check_int(aio_queue_join(&queue), 0);
    check_int(aio_queue_task_done(&queue), -EINVAL);
    aio_queue_fini(&queue);
}

TASK_TEST(no_more_work_is_done_than_was_put_in)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof one, 0), 0);
    check_int(aio_queue_put(&queue, &one), 0);
    check_int(aio_queue_put(&queue, &one), 0);
    check_int(aio_queue_task_done(&queue), 0); /* nobody asks whether it was taken */
    check_int(aio_queue_task_done(&queue), 0);
    check_int(aio_queue_task_done(&queue), -EINVAL);
    check_int(aio_queue_join(&queue), 0);
    aio_queue_fini(&queue);
}

TASK_TEST(join_waits_until_all_work_is_done)
{
    struct two two;
    two_begin(&two, 2, join);
    get_now(&two.queue, 0);
    get_now(&two.queue, 0);
    check_int(aio_queue_task_done(&two.queue), 0);
    two_come_out(&two, 1, 1);
    check_int(aio_queue_task_done(&two.queue), 0);
    two_come_out(&two, 0, 0);
    two_end(&two);
}

TASK_TEST(who_joins_goes_on_even_if_new_work_came_meanwhile)
{
    struct two two;
    two_begin(&two, 1, join);
    check_int(aio_queue_task_done(&two.queue), 0);
    check_int(aio_queue_put(&two.queue, &one), 0);
    struct guest late = {&two.queue, 1};
    aio_task *task = aio_spawn(join, &late);
    two_come_out(&two, 0, 0);
    check_int(late.result, 1);
    check_int(aio_queue_task_done(&two.queue), 0);
    check_int(aio_join(task), 0);
    two_end(&two);
}

TASK_TEST(who_is_cancelled_at_a_join_leaves_the_others_alone)
{
    struct two two;
    two_begin(&two, 1, join);
    check_int(aio_task_cancel(two.tasks[0]), 1);
    two_come_out(&two, -ECANCELED, 1);
    check_int(aio_queue_task_done(&two.queue), 0);
    check_int(aio_yield(), 0);
    check_int(two.guests[1].result, 0);
    two_end(&two);
}

static int work(void *arg)
{
    aio_queue *queue = arg;
    int item, rc;
    while ((rc = aio_queue_get(queue, &item)) == 0) {
        rc = aio_sleep(AIO_MSEC(item));
        check_int(aio_queue_task_done(queue), 0);
    }
    return rc;
}

TASK_TEST(workers_share_what_is_in_a_queue)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof(int), 0), 0);
    for (int i = 10; i <= 30; i += 5)
        check_int(aio_queue_put(&queue, &i), 0);
    aio_task *a = aio_spawn(work, &queue), *b = aio_spawn(work, &queue);
    int64_t start = aio_loop_time(aio_loop_current());
    check_int(aio_queue_join(&queue), 0);
    /* 10 + 20 for the one, with 30 behind, 15 + 25 for the other. */
    check_int(aio_loop_time(aio_loop_current()) - start, AIO_MSEC(60));
    check_int(aio_queue_shutdown(&queue, false), 0);
    check_int(aio_join(a), -ESHUTDOWN);
    check_int(aio_join(b), -ESHUTDOWN);
    aio_queue_fini(&queue);
}

/* ---- shutting down -------------------------------------------------------------------------- */

TASK_TEST(a_shutdown_sends_all_getters_away)
{
    struct two two;
    two_begin(&two, 0, get);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, -ESHUTDOWN, -ESHUTDOWN);
    check_int(aio_queue_put(&two.queue, &one), -ESHUTDOWN);
    check_int(aio_queue_put_nowait(&two.queue, &one), -ESHUTDOWN);
    check_int(aio_queue_join(&two.queue), 0);
    two_end(&two);
}

TASK_TEST(a_shutdown_sends_all_putters_away_and_leaves_what_is_in)
{
    struct two two;
    int item = 0;
    two_begin(&two, 2, put);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, -ESHUTDOWN, -ESHUTDOWN);
    check_int(aio_queue_size(&two.queue), 2);
    check_int(aio_queue_put_nowait(&two.queue, &one), -ESHUTDOWN); /* and not that it is full */
    check_int(aio_queue_get(&two.queue, &item), 0);
    check_int(item, 1);
    get_now(&two.queue, 0);
    check_int(aio_queue_get(&two.queue, &item), -ESHUTDOWN);
    get_now(&two.queue, -ESHUTDOWN);
    check_int(aio_queue_task_done(&two.queue), 0);
    check_int(aio_queue_task_done(&two.queue), 0);
    check_int(aio_queue_task_done(&two.queue), -EINVAL);
    two_end(&two);
}

TASK_TEST(a_putter_with_room_puts_nothing_in_once_the_queue_is_shut_down)
{
    struct two two;
    two_begin(&two, 2, put);
    get_now(&two.queue, 0);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, -ESHUTDOWN, -ESHUTDOWN);
    check_int(aio_queue_size(&two.queue), 1);
    two_end(&two);
}

TASK_TEST(a_getter_that_was_woken_gets_its_item_from_a_queue_shut_down_meanwhile)
{
    struct two two;
    two_begin(&two, 0, get);
    check_int(aio_queue_put(&two.queue, &one), 0);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, 0, -ESHUTDOWN);
    two_end(&two);
}

TASK_TEST(after_a_shutdown_join_still_waits_for_what_is_in)
{
    struct two two;
    two_begin(&two, 1, join);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, 1, 1);
    get_now(&two.queue, 0);
    check_int(aio_queue_task_done(&two.queue), 0);
    two_come_out(&two, 0, 0);
    two_end(&two);
}

TASK_TEST(an_immediate_shutdown_forgets_what_is_in_and_counts_it_as_done)
{
    struct two two;
    two_begin(&two, 2, join);
    check_int(aio_queue_shutdown(&two.queue, true), 0);
    check(aio_queue_empty(&two.queue));
    two_come_out(&two, 0, 0);
    get_now(&two.queue, -ESHUTDOWN);
    check_int(aio_queue_task_done(&two.queue), -EINVAL);
    two_end(&two);
}

TASK_TEST(after_an_immediate_shutdown_join_waits_for_what_was_taken)
{
    struct two two;
    two_begin(&two, 2, join);
    get_now(&two.queue, 0);
    check_int(aio_queue_shutdown(&two.queue, true), 0);
    two_come_out(&two, 1, 1);
    check_int(aio_queue_task_done(&two.queue), 0);
    two_come_out(&two, 0, 0);
    two_end(&two);
}

TASK_TEST(work_done_before_its_item_was_taken_is_not_counted_twice)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof one, 0), 0);
    check_int(aio_queue_put(&queue, &one), 0);
    check_int(aio_queue_put(&queue, &one), 0);
    check_int(aio_queue_task_done(&queue), 0);
    check_int(aio_queue_shutdown(&queue, true), 0);
    check_int(aio_queue_join(&queue), 0);
    check_int(aio_queue_task_done(&queue), -EINVAL);
    aio_queue_fini(&queue);
}

TASK_TEST(an_immediate_shutdown_sends_putters_away)
{
    struct two two;
    two_begin(&two, 2, put);
    check_int(aio_queue_shutdown(&two.queue, true), 0);
    two_come_out(&two, -ESHUTDOWN, -ESHUTDOWN);
    check(aio_queue_empty(&two.queue));
    two_end(&two);
}

TASK_TEST(a_queue_is_shut_down_in_two_steps_too)
{
    struct two two;
    two_begin(&two, 2, join);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    check_int(aio_queue_shutdown(&two.queue, true), 0);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    two_come_out(&two, 0, 0);
    two_end(&two);
}

TASK_TEST(a_shutdown_leaves_the_cancelled_cancelled)
{
    struct two two;
    two_begin(&two, 0, get);
    check_int(aio_task_cancel(two.tasks[0]), 1);
    check_int(aio_queue_shutdown(&two.queue, false), 0);
    check_int(aio_task_cancel(two.tasks[1]), 1);
    two_come_out(&two, -ECANCELED, -ECANCELED);
    two_end(&two);
}

/* ---- the end of a queue --------------------------------------------------------------------- */

/* From now on the queue's memory is not to be touched: it is full of something else. */
static void end_queue(struct two *two)
{
    aio_queue_fini(&two->queue);
    memset(&two->queue, 0xa5, sizeof two->queue);
}

static void after_the_end(struct two *two)
{
    static const unsigned char untouched = 0xa5;
    const unsigned char *bytes = (const unsigned char *)&two->queue;
    for (size_t i = 0; i < sizeof two->queue; i++)
        check_int(bytes[i], untouched);
    memset(&two->queue, 0, sizeof two->queue);
    two_end(two);
}

TASK_TEST(who_waits_in_a_queue_that_ends_is_sent_away)
{
    static const struct {
        int items;
        aio_function function;
    } cases[] = {{0, get}, {2, put}, {1, join}};
    for (int i = 0; i < 3; i++) {
        struct two two;
        two_begin(&two, cases[i].items, cases[i].function);
        end_queue(&two);
        two_come_out(&two, -ESHUTDOWN, -ESHUTDOWN);
        after_the_end(&two);
    }
}

TASK_TEST(who_was_woken_or_cancelled_before_the_queue_ended_does_not_come_back_to_it)
{
    struct two two;
    two_begin(&two, 0, get);
    check_int(aio_queue_put(&two.queue, &one), 0);
    check_int(aio_task_cancel(two.tasks[1]), 1);
    end_queue(&two);
    two_come_out(&two, -ESHUTDOWN, -ECANCELED);
    after_the_end(&two);
}

TASK_TEST(who_was_woken_and_then_cancelled_before_the_queue_ended_does_not_come_back_to_it)
{
    struct two two;
    two_begin(&two, 0, get);
    check_int(aio_queue_put(&two.queue, &one), 0);
    check_int(aio_task_cancel(two.tasks[0]), 1);
    end_queue(&two);
    two_come_out(&two, -ECANCELED, -ESHUTDOWN);
    after_the_end(&two);
}

TASK_TEST(who_is_cancelled_when_the_queue_has_ended_does_not_come_back_to_it)
{
    struct two two;
    two_begin(&two, 2, put);
    end_queue(&two);
    check_int(aio_task_cancel(two.tasks[0]), 1);
    two_come_out(&two, -ECANCELED, -ESHUTDOWN);
    after_the_end(&two);
}

TASK_TEST(the_end_gives_all_memory_back)
{
    aio_queue queue;
    size_t blocks = ledger_blocks();
    check_int(aio_queue_init(&queue, sizeof one, 0), 0);
    for (int i = 0; i < 1000; i++)
        check_int(aio_queue_put(&queue, &i), 0);
    aio_queue_fini(&queue);
    check_int(ledger_blocks(), blocks);
    aio_queue_fini(&queue);
}

/* Tasks that are left when the loop is closed are abandoned: they leave the queue's lines. */
static int wait_for_ever(void *arg)
{
    int item;
    int rc = aio_queue_get(arg, &item);
    while (rc != 0)
        rc = aio_queue_get(arg, &item);
    return rc;
}

static void stop_the_loop(void *loop)
{
    check_int(aio_loop_stop(loop), 0);
}

/* Two wait in the queue; the one of them was woken. */
TEST(tasks_that_are_abandoned_leave_the_queue)
{
    struct caught caught = {0};
    aio_queue queue;
    aio_loop *loop = aio_loop_new();
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    aio_handle handle = AIO_HANDLE_INIT;
    options.loop = loop;
    check_int(aio_queue_init(&queue, sizeof(int), 0), 0);
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    aio_task *a = aio_spawn_with(&options, wait_for_ever, &queue);
    aio_task *b = aio_spawn_with(&options, wait_for_ever, &queue);
    if (loop != NULL && check_int(aio_loop_call_soon(loop, &handle, stop_the_loop, loop), 0))
        check_int(aio_loop_run_forever(loop), 0);
    (void)!aio_queue_put_nowait(&queue, &one);
    check_int(aio_loop_close(loop), 0);
    check_int(queue.getters.count, 0);
    check(queue.leaving.next == &queue.leaving);
    check_int(aio_queue_shutdown(&queue, false), 0);
    aio_release(a);
    aio_release(b);
    aio_queue_fini(&queue);
}
