/*
 * Queues: putting and getting, who waits and who is woken, what a cancellation
 * leaves.
 */
#include <errno.h>

#include <aio/queue.h>

#include "support/crowd.h"
#include "support/faults.h"
#include "support/ledger.h"
#include "support/task_case.h"

/* Puts a letter, or gets one, and notes it: in capitals who has put. */
struct hand {
    aio_queue *queue;
    struct trace *trace;
    char letter;
    int result;
};

static int put(void *arg)
{
    struct hand *hand = arg;
    hand->result = aio_queue_put(hand->queue, &hand->letter);
    note(hand->trace, hand->result == 0 ? (char)(hand->letter - 'a' + 'A') : '!');
    return hand->result;
}

static int get(void *arg)
{
    struct hand *hand = arg;
    char letter = '?';
    hand->result = aio_queue_get(hand->queue, &letter);
    note(hand->trace, hand->result == 0 ? letter : '!');
    return hand->result;
}

/* A queue of letters, and three tasks that put or get there. */
struct three {
    aio_queue queue;
    struct trace trace;
    struct hand hands[3];
    aio_task *tasks[3];
};

static void three_begin(struct three *three, size_t maxsize, aio_function function)
{
    *three = (struct three){.trace = {0}};
    check_int(aio_queue_init(&three->queue, 1, maxsize), 0);
    for (size_t i = 0; i < maxsize; i++)
        check_int(aio_queue_put_nowait(&three->queue, "x"), 0);
    if (function == get)
        for (size_t i = 0; i < maxsize; i++)
            (void)!aio_queue_get_nowait(&three->queue, &(char){0});
    for (int i = 0; i < 3; i++) {
        three->hands[i] = (struct hand){&three->queue, &three->trace, (char)('a' + i), 1};
        three->tasks[i] = aio_spawn(function, &three->hands[i]);
    }
    check_int(aio_yield(), 0);
    check_string(three->trace.text, "");
}

static void three_end(struct three *three)
{
    for (int i = 0; i < 3; i++)
        (void)aio_task_stop(three->tasks[i]);
    check_int(three->queue.getters.count + three->queue.putters.count, 0);
    aio_queue_fini(&three->queue);
}

static void put_now(struct three *three, const char *letters)
{
    for (; *letters != '\0'; letters++)
        check_int(aio_queue_put_nowait(&three->queue, letters), 0);
}

static void get_now(struct three *three, char expected)
{
    char letter = '?';
    check_int(aio_queue_get_nowait(&three->queue, &letter), 0);
    check_int(letter, expected);
}

/* A turn, after which the trace is this. */
static void turn(struct three *three, const char *expected)
{
    check_int(aio_yield(), 0);
    check_string(three->trace.text, expected);
}

/* ---- what is in it -------------------------------------------------------------------------- */

TASK_TEST(a_queue_knows_its_size_and_its_bound)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof(int), 2), 0);
    check(aio_queue_empty(&queue) && !aio_queue_full(&queue));
    check_int(aio_queue_put(&queue, &(int){1}), 0);
    check_int(aio_queue_size(&queue), 1);
    check(!aio_queue_empty(&queue) && !aio_queue_full(&queue));
    check_int(aio_queue_put_nowait(&queue, &(int){2}), 0);
    check(aio_queue_full(&queue));
    check_int(aio_queue_put_nowait(&queue, &(int){3}), -EAGAIN);
    check_int(aio_queue_size(&queue), 2);
    check_int(aio_queue_maxsize(&queue), 2);
    aio_queue_fini(&queue);
}

TASK_TEST(a_queue_without_a_bound_is_never_full)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof(int), 0), 0);
    for (int i = 0; i < 1000; i++)
        check_int(aio_queue_put(&queue, &i), 0);
    check(!aio_queue_full(&queue));
    check_int(aio_queue_maxsize(&queue), 0);
    int item = -1;
    for (int i = 0; i < 1000 && !aio_queue_empty(&queue); i++) {
        check_int(aio_queue_get(&queue, &item), 0);
        check_int(item, i);
    }
    check_int(item, 999);
    aio_queue_fini(&queue);
}

TASK_TEST(what_is_not_there_is_not_got)
{
    aio_queue queue;
    int item = 7;
    check_int(aio_queue_init(&queue, sizeof item, 0), 0);
    check_int(aio_queue_get_nowait(&queue, &item), -EAGAIN);
    check_int(item, 7);
    aio_queue_fini(&queue);
}

static int descending(const void *a, const void *b)
{
    return *(const char *)b - *(const char *)a;
}

static void check_order(aio_queue *queue, const char *expected)
{
    char text[] = "????";
    for (int i = 0; i < 4; i++)
        check_int(aio_queue_put(queue, &"caba"[i]), 0);
    for (int i = 0; i < 4; i++)
        (void)!aio_queue_get_nowait(queue, &text[i]);
    check_string(text, expected);
    aio_queue_fini(queue);
}

TASK_TEST(items_come_out_in_the_order_of_the_queues_kind)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, 1, 4), 0);
    check_order(&queue, "caba");
    check_int(aio_queue_init_lifo(&queue, 1, 4), 0);
    check_order(&queue, "abac");
    check_int(aio_queue_init_priority(&queue, 1, 4, descending), 0);
    check_order(&queue, "cbaa");
}

/* ---- waiting -------------------------------------------------------------------------------- */

TASK_TEST(getters_get_items_in_the_order_in_which_they_came)
{
    struct three three;
    three_begin(&three, 0, get);
    put_now(&three, "pq");
    check_string(three.trace.text, "");
    turn(&three, "pq");
    check_int(three.hands[0].result, 0);
    check_int(three.hands[1].result, 0);
    check_int(three.hands[2].result, 1);
    three_end(&three);
}

TASK_TEST(putters_put_in_the_order_in_which_they_came)
{
    struct three three;
    three_begin(&three, 2, put);
    get_now(&three, 'x');
    get_now(&three, 'x');
    check_string(three.trace.text, "");
    turn(&three, "AB");
    get_now(&three, 'a');
    turn(&three, "ABC");
    get_now(&three, 'b');
    get_now(&three, 'c');
    three_end(&three);
}

TASK_TEST(a_putter_and_a_getter_hand_each_other_on_through_one_place)
{
    struct trace trace = {0};
    aio_queue queue;
    check_int(aio_queue_init(&queue, 1, 1), 0);
    struct hand putter = {&queue, &trace, 'a', 1}, getter = putter;
    for (int i = 0; i < 10; i++) {
        aio_task *one = aio_spawn(put, &putter), *other = aio_spawn(get, &getter);
        check_int(aio_join(other), 0);
        check_int(aio_join(one), 0);
    }
    check_string(trace.text, "AaAaAaAaAaAaAaAaAaAa");
    aio_queue_fini(&queue);
}

TASK_TEST(a_getter_that_finds_the_queue_empty_again_waits_behind_the_others)
{
    struct three three;
    three_begin(&three, 0, get);
    put_now(&three, "x");
    get_now(&three, 'x'); /* faster than a, who was woken for it */
    turn(&three, "");
    check_int(three.hands[0].result, 1);
    put_now(&three, "pqr");
    turn(&three, "pqr"); /* b's, c's and a's */
    check_int(three.hands[0].result, 0);
    three_end(&three);
}

static int take_and_replace(void *arg)
{
    struct three *three = arg;
    get_now(three, 'x');
    put_now(three, "y");
    return 0;
}

TASK_TEST(who_goes_on_first_takes_what_there_is_whoever_was_woken_for_it)
{
    struct three three;
    three_begin(&three, 0, get);
    aio_task *faster = aio_spawn(take_and_replace, &three);
    put_now(&three, "x"); /* wakes a; y, which comes in its stead before a goes on, wakes b */
    turn(&three, "y");
    check_int(three.hands[0].result, 0);
    check_int(three.hands[1].result, 1);
    check_int(aio_yield(), 0);
    put_now(&three, "p");
    turn(&three, "yp");
    check_int(three.hands[1].result, 1); /* b waits behind c now */
    check_int(three.hands[2].result, 0);
    check_int(aio_join(faster), 0);
    three_end(&three);
}

TASK_TEST(a_put_that_does_not_wait_overtakes_those_that_do)
{
    struct three three;
    three_begin(&three, 1, put);
    get_now(&three, 'x');
    put_now(&three, "y"); /* in the place that a was woken for */
    turn(&three, "");
    get_now(&three, 'y');
    turn(&three, "B"); /* a waits behind c */
    get_now(&three, 'b');
    turn(&three, "BC");
    get_now(&three, 'c');
    turn(&three, "BCA");
    three_end(&three);
}

static int put_and_get(void *arg)
{
    aio_queue *queue = arg;
    int item = 1;
    check_int(aio_queue_put(queue, &item), 0);
    check_int(aio_queue_get(queue, &item), 0);
    return item;
}

TASK_TEST(who_need_not_wait_does_not_suspend)
{
    aio_queue queue;
    check_int(aio_queue_init(&queue, sizeof(int), 1), 0);
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = true;
    aio_task *task = aio_spawn_with(&options, put_and_get, &queue);
    check(aio_future_done(task));
    check_int(aio_join(task), 1);
    aio_queue_fini(&queue);
}

static int put_many(void *arg)
{
    int rc = 0;
    for (int i = 0; i < 500 && rc == 0; i++)
        rc = aio_queue_put(arg, &i);
    return rc;
}

static int count_turns(void *arg)
{
    int *turns = arg;
    while (aio_yield() == 0)
        ++*turns;
    return 0;
}

TASK_TEST(who_never_need_wait_lets_the_others_run_even_so)
{
    aio_queue queue;
    int turns = 0;
    check_int(aio_queue_init(&queue, sizeof(int), 0), 0);
    aio_task *other = aio_spawn(count_turns, &turns), *putter = aio_spawn(put_many, &queue);
    check_int(aio_join(putter), 0);
    check(turns >= 3);
    (void)aio_task_stop(other);
    aio_queue_fini(&queue);
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_getter_takes_no_item)
{
    struct three three;
    three_begin(&three, 0, get);
    check_int(aio_task_cancel(three.tasks[0]), 1);
    put_now(&three, "p");
    turn(&three, "!p");
    check_int(three.hands[0].result, -ECANCELED);
    check_int(three.hands[1].result, 0);
    three_end(&three);
}

TASK_TEST(a_cancelled_putter_puts_nothing)
{
    struct three three;
    three_begin(&three, 1, put);
    check_int(aio_task_cancel(three.tasks[0]), 1);
    get_now(&three, 'x');
    turn(&three, "!B");
    get_now(&three, 'b');
    turn(&three, "!BC");
    three_end(&three);
}

TASK_TEST(a_woken_getter_that_is_cancelled_hands_the_item_on)
{
    struct three three;
    three_begin(&three, 0, get);
    put_now(&three, "p");
    check_int(aio_task_cancel(three.tasks[0]), 1);
    turn(&three, "!");
    check_int(aio_queue_size(&three.queue), 1);
    turn(&three, "!p");
    check_int(three.hands[1].result, 0);
    three_end(&three);
}

TASK_TEST(a_woken_putter_that_is_cancelled_hands_the_place_on)
{
    struct three three;
    three_begin(&three, 1, put);
    get_now(&three, 'x');
    check_int(aio_task_cancel(three.tasks[0]), 1);
    turn(&three, "!");
    check(aio_queue_empty(&three.queue));
    turn(&three, "!B");
    get_now(&three, 'b');
    three_end(&three);
}

TASK_TEST(with_all_who_were_woken_cancelled_the_items_are_still_there)
{
    struct three three;
    three_begin(&three, 0, get);
    put_now(&three, "pqr");
    for (int i = 0; i < 3; i++)
        check_int(aio_task_cancel(three.tasks[i]), 1);
    turn(&three, "!!!");
    get_now(&three, 'p');
    get_now(&three, 'q');
    get_now(&three, 'r');
    three_end(&three);
}

TASK_TEST(a_cancelled_getter_hands_nothing_on_that_somebody_took_meanwhile)
{
    struct three three;
    three_begin(&three, 0, get);
    put_now(&three, "p");
    check_int(aio_task_cancel(three.tasks[0]), 1);
    get_now(&three, 'p');
    turn(&three, "!");
    turn(&three, "!");
    check_int(three.hands[1].result, 1);
    check(three.queue.getters.count == 2);
    three_end(&three);
}

TASK_TEST(of_those_who_are_cancelled_nothing_is_left_in_the_lines)
{
    struct three three;
    three_begin(&three, 0, get);
    check_int(aio_task_cancel(three.tasks[1]), 1);
    check_int(three.queue.getters.count, 2);
    put_now(&three, "pq");
    turn(&three, "!pq");
    check_int(three.queue.getters.count, 0);
    three_end(&three);
}

static int get_in_time(void *arg)
{
    char letter;
    return aio_queue_get(arg, &letter);
}

TASK_TEST(a_get_that_timed_out_leaves_the_item_to_the_next)
{
    aio_queue queue;
    char letter = '?';
    check_int(aio_queue_init(&queue, 1, 0), 0);
    check_int(aio_timeout_run(AIO_MSEC(5), get_in_time, &queue), -ETIMEDOUT);
    check_int(aio_queue_put_nowait(&queue, "p"), 0);
    check_int(aio_timeout_run(AIO_MSEC(5), get_in_time, &queue), 0);
    check_int(aio_queue_get_nowait(&queue, &letter), -EAGAIN);
    aio_queue_fini(&queue);
}

static int cancel_oneself_and_get(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return get(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_the_get_waits)
{
    struct trace trace = {0};
    aio_queue queue;
    check_int(aio_queue_init(&queue, 1, 0), 0);
    struct hand hand = {&queue, &trace, '?', 1};
    check_int(aio_queue_put(&queue, "p"), 0);
    check_int(aio_join(aio_spawn(cancel_oneself_and_get, &hand)), -ECANCELED);
    check_int(aio_join(aio_spawn(cancel_oneself_and_get, &hand)), -ECANCELED);
    check_string(trace.text, "p!");
    aio_queue_fini(&queue);
}

/* ---- memory --------------------------------------------------------------------------------- */

TASK_TEST(waiting_and_putting_into_a_bounded_queue_allocate_nothing)
{
    struct three three;
    three_begin(&three, 2, put);
    size_t blocks = ledger_blocks();
    unsigned long allocations = faults_count("memory");
    get_now(&three, 'x');
    get_now(&three, 'x');
    turn(&three, "AB");
    get_now(&three, 'a');
    turn(&three, "ABC");
    check_int(ledger_blocks(), blocks);
    check_int(faults_count("memory"), allocations);
    three_end(&three);
}

TASK_TEST(a_put_without_memory_says_so_and_puts_nothing)
{
    aio_queue queue;
    char letter = '?';
    check_int(aio_queue_init(&queue, 1, 0), 0);
    faults_fail("malloc", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_queue_put(&queue, "p"), -ENOMEM);
    check(aio_queue_empty(&queue));
    check_int(aio_queue_task_done(&queue), -EINVAL);
    check_int(aio_queue_put(&queue, "q"), 0);
    check_int(aio_queue_get(&queue, &letter), 0);
    check_int(letter, 'q');
    aio_queue_fini(&queue);
}

TASK_TEST(a_queue_that_can_not_be_made_is_none)
{
    aio_queue queue;
    faults_fail("malloc", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_queue_init(&queue, 1, 10), -ENOMEM);
    check_int(aio_queue_put(&queue, "p"), -EINVAL);
    aio_queue_fini(&queue);
    check_int(aio_queue_init(&queue, 0, 10), -EINVAL);
    check_int(aio_queue_init_lifo(&queue, 0, 10), -EINVAL);
    check_int(aio_queue_init_priority(&queue, 1, 10, NULL), -EINVAL);
    check_int(aio_queue_init_priority(&queue, 0, 10, descending), -EINVAL);
    check_int(aio_queue_init(&queue, 100, SIZE_MAX / 10), -ENOMEM);
    check_int(aio_queue_put(&queue, "p"), -EINVAL);
    aio_queue_fini(&queue);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void use_in_a_callback(void *arg)
{
    aio_queue queue;
    char letter = '?';
    if (!check_int(aio_queue_init(&queue, 1, 0), 0))
        return;
    check_int(aio_queue_put(&queue, "p"), -EPERM);
    check_int(aio_queue_put_nowait(&queue, "p"), 0);
    check_int(aio_queue_get(&queue, &letter), -EPERM);
    check_int(aio_queue_get_nowait(&queue, &letter), 0);
    check_int(letter, 'p');
    check_int(aio_queue_task_done(&queue), 0);
    check_int(aio_queue_join(&queue), -EPERM);
    check_int(aio_queue_shutdown(&queue, true), 0);
    aio_queue_fini(&queue);
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_use_what_does_not_wait)
{
    bool called = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, use_in_a_callback, &called), 0);
    check_int(aio_yield(), 0);
    check(called);
}

TEST(there_is_no_waiting_where_no_loop_runs)
{
    bool called = false;
    use_in_a_callback(&called);
    check(called);
}

static void use_none(aio_queue *none)
{
    char letter = '?';
    check_int(aio_queue_put(none, "p"), -EINVAL);
    check_int(aio_queue_put_nowait(none, "p"), -EINVAL);
    check_int(aio_queue_get(none, &letter), -EINVAL);
    check_int(aio_queue_get_nowait(none, &letter), -EINVAL);
    check_int(aio_queue_task_done(none), -EINVAL);
    check_int(aio_queue_join(none), -EINVAL);
    check_int(aio_queue_shutdown(none, false), -EINVAL);
    check_int(aio_queue_size(none), 0);
    check_int(aio_queue_maxsize(none), 0);
    check(aio_queue_empty(none) && !aio_queue_full(none));
    aio_queue_fini(none);
}

TASK_TEST(null_and_zeroes_are_no_queue)
{
    aio_queue zeroes, queue;
    memset(&zeroes, 0, sizeof zeroes);
    use_none(NULL);
    use_none(&zeroes);
    check_int(aio_queue_init(NULL, 1, 0), -EINVAL);
    check_int(aio_queue_init_lifo(NULL, 1, 0), -EINVAL);
    check_int(aio_queue_init_priority(NULL, 1, 0, descending), -EINVAL);
    check_int(aio_queue_init(&queue, 1, 0), 0);
    check_int(aio_queue_put(&queue, NULL), -EINVAL);
    check_int(aio_queue_put_nowait(&queue, NULL), -EINVAL);
    check_int(aio_queue_get(&queue, NULL), -EINVAL);
    check_int(aio_queue_get_nowait(&queue, NULL), -EINVAL);
    aio_queue_fini(&queue);
}

/* ---- at random ------------------------------------------------------------------------------ */

struct market {
    aio_queue queue;
    int next, put, got;
    bool seen[100000];
};

/* Each item is a number of its own. */
static void trade(struct crowd *crowd, unsigned lot)
{
    struct market *market = crowd->object;
    int item;
    if (lot < 10)
        crowd_linger(crowd);
    if (lot % 2 == 0) {
        item = market->next++;
        market->put += aio_queue_put(&market->queue, &item) == 0;
    } else if (aio_queue_get(&market->queue, &item) == 0) {
        check(!market->seen[item]);
        market->seen[item] = true;
        market->got++;
    }
}

/* Whoever waits for a partner when all the others do is let go. */
static void help(struct crowd *crowd)
{
    struct market *market = crowd->object;
    int item = market->next;
    if (market->queue.getters.count > 15 && aio_queue_put_nowait(&market->queue, &item) == 0) {
        market->next++;
        market->put++;
    }
    if (market->queue.putters.count > 15 && aio_queue_get_nowait(&market->queue, &item) == 0) {
        check(!market->seen[item]);
        market->seen[item] = true;
        market->got++;
    }
    if (crowd->operations == 0)
        (void)aio_queue_shutdown(&market->queue, false);
}

TEST(of_a_hundred_thousand_random_operations_none_loses_or_doubles_an_item)
{
    static struct market market;
    check_int(aio_queue_init(&market.queue, sizeof(int), 3), 0);
    struct crowd crowd = {
        .operate = trade, .unstick = help, .object = &market, .operations = 100000, .seed = 7};
    check_int(test_run(crowd_run, &crowd), 0);
    check(market.got > 10000);
    check(crowd.cancels > 5000);
    check_int(market.put - market.got, aio_queue_size(&market.queue));
    check_int(market.queue.getters.count + market.queue.putters.count, 0);
    aio_queue_fini(&market.queue);
}
