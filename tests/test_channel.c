/*
 * The channel: meeting, buffering, whose turn it is, the close, and what a
 * cancellation leaves.
 */
#include <errno.h>
#include <stdlib.h>

#include <aio/channel.h>

#include "support/faults.h"
#include "support/ledger.h"
#include "support/task_case.h"

/* A task that sends a letter, or receives one and puts it on the trace; '!' where it failed. */
struct party {
    aio_channel *channel;
    struct trace *trace;
    char letter;
    int result;
};

static int send_letter(void *arg)
{
    struct party *party = arg;
    party->result = aio_channel_send(party->channel, &party->letter);
    note(party->trace, party->result == 0 ? '.' : '!');
    return party->result;
}

static int receive_letter(void *arg)
{
    struct party *party = arg;
    party->letter = '?';
    party->result = aio_channel_receive(party->channel, &party->letter);
    note(party->trace, party->result == 0 ? party->letter : '!');
    return party->result;
}

/* A channel of letters, and four of the same kind that wait in it. */
struct four {
    aio_channel *channel;
    struct trace trace;
    struct party parties[4];
    aio_task *tasks[4];
};

static bool four_begin(struct four *four, size_t capacity, aio_function function)
{
    *four = (struct four){.channel = aio_channel_new(1, capacity)};
    for (int i = 0; i < 4; i++) {
        four->parties[i] = (struct party){four->channel, &four->trace, (char)('a' + i), 1};
        four->tasks[i] = aio_spawn(function, &four->parties[i]);
    }
    return check_int(aio_yield(), 0);
}

static void four_end(struct four *four)
{
    for (int i = 0; i < 4; i++)
        (void)aio_task_stop(four->tasks[i]);
    aio_channel_free(four->channel);
}

/* What can be received without waiting; '!' if nothing can. */
static char take(aio_channel *channel)
{
    char letter = '!';
    (void)aio_channel_try_receive(channel, &letter);
    return letter;
}

static int give(aio_channel *channel, char letter)
{
    return aio_channel_try_send(channel, &letter);
}

/* ---- meeting --------------------------------------------------------------------------------- */

TASK_TEST(a_receiver_that_waits_gets_what_is_sent)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    char letter = 'x';
    check_int(aio_channel_send(four.channel, &letter), 0);
    check_string(four.trace.text, "");
    letter = 'y'; /* it has a copy already */
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "x");
    four_end(&four);
}

TASK_TEST(a_sender_that_waits_is_rid_of_what_is_received)
{
    struct four four;
    four_begin(&four, 0, send_letter);
    check_string(four.trace.text, "");
    char letter = '?';
    check_int(aio_channel_receive(four.channel, &letter), 0);
    check_int(letter, 'a');
    check_string(four.trace.text, "");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, ".");
    four_end(&four);
}

TASK_TEST(receivers_are_served_in_the_order_in_which_they_came)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    for (int i = 0; i < 4; i++)
        check_int(give(four.channel, (char)('1' + i)), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "1234");
    for (int i = 0; i < 4; i++)
        check_int(four.parties[i].letter, '1' + i);
    four_end(&four);
}

TASK_TEST(senders_are_served_in_the_order_in_which_they_came)
{
    struct four four;
    four_begin(&four, 0, send_letter);
    for (int i = 0; i < 4; i++)
        check_int(take(four.channel), 'a' + i);
    check_int(take(four.channel), '!');
    four_end(&four);
}

TASK_TEST(nobody_takes_what_a_woken_receiver_was_given)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    check_int(give(four.channel, 'x'), 0);
    check_int(take(four.channel), '!'); /* it is on its way, and his */
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "x");
    four_end(&four);
}

static int send_numbers(void *arg)
{
    aio_channel *channel = arg;
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = aio_channel_send(channel, &i);
    (void)aio_channel_close(channel);
    return rc;
}

/* Whatever the capacity, and whichever side is the faster. */
static void receive_numbers(size_t capacity, bool slowly)
{
    aio_channel *channel = aio_channel_new(sizeof(int), capacity);
    aio_task *sender = aio_spawn(send_numbers, channel);
    int number = -1, expected = 0, rc = sender != NULL ? 0 : -ENOMEM;
    while (rc == 0) {
        rc = slowly ? aio_sleep(1) : 0;
        if (rc == 0)
            rc = aio_channel_receive(channel, &number);
        if (rc == 0)
            check_int(number, expected++);
    }
    check_int(rc, -ESHUTDOWN);
    check_int(expected, 100);
    check_int(number, 99);
    check_int(aio_join(sender), 0);
    aio_channel_free(channel);
}

TASK_TEST(what_one_task_sends_comes_in_its_order)
{
    static const size_t capacities[] = {0, 1, 2, 7, 100};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        receive_numbers(capacities[i], false);
        receive_numbers(capacities[i], true);
    }
}

/* ---- the buffer ------------------------------------------------------------------------------ */

TASK_TEST(as_many_as_there_is_room_for_are_sent_without_waiting)
{
    aio_channel *channel = aio_channel_new(1, 3);
    for (int i = 0; i < 3; i++) {
        check_int((int64_t)aio_channel_count(channel), i);
        check_int(give(channel, (char)('a' + i)), 0);
    }
    check_int(give(channel, 'd'), -EAGAIN);
    check_int((int64_t)aio_channel_count(channel), 3);
    for (int i = 0; i < 3; i++)
        check_int(take(channel), 'a' + i);
    check_int(take(channel), '!');
    aio_channel_free(channel);
}

TASK_TEST(a_receive_makes_room_for_the_first_sender_that_waits_and_nobody_overtakes_him)
{
    struct four four;
    four_begin(&four, 1, send_letter);
    check_string(four.trace.text, ".");
    check_int(take(four.channel), 'a');
    check_int((int64_t)aio_channel_count(four.channel), 1);
    check_int(give(four.channel, 'x'), -EAGAIN); /* b's is in there */
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "..");
    check_int(take(four.channel), 'b');
    check_int(take(four.channel), 'c');
    check_int(take(four.channel), 'd');
    check_int(take(four.channel), '!');
    four_end(&four);
}

TASK_TEST(the_ring_goes_round)
{
    aio_channel *channel = aio_channel_new(1, 3);
    for (int i = 0; i < 20; i++) {
        check_int(give(channel, (char)('a' + i)), 0);
        if (i >= 2)
            check_int(take(channel), 'a' + i - 2);
    }
    check_int((int64_t)aio_channel_count(channel), 2);
    aio_channel_free(channel);
}

TASK_TEST(items_of_no_bytes_are_counted)
{
    aio_channel *channel = aio_channel_new(0, 2);
    check_int(aio_channel_send(channel, NULL), 0);
    check_int(aio_channel_send(channel, NULL), 0);
    check_int(aio_channel_try_send(channel, NULL), -EAGAIN);
    check_int(aio_channel_receive(channel, NULL), 0);
    check_int(aio_channel_receive(channel, NULL), 0);
    check_int(aio_channel_try_receive(channel, NULL), -EAGAIN);
    aio_channel_free(channel);
}

struct large {
    char bytes[300];
};

static int send_large(void *arg)
{
    struct large large;
    memset(large.bytes, 'l', sizeof large.bytes);
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        large.bytes[299] = (char)i;
        rc = aio_channel_send(arg, &large);
    }
    return rc;
}

TASK_TEST(large_items_come_whole)
{
    struct large large = {{0}};
    aio_channel *channel = aio_channel_new(sizeof large, 2);
    aio_task *sender = aio_spawn(send_large, channel);
    for (int i = 0; i < 4 && sender != NULL; i++) {
        check_int(aio_channel_receive(channel, &large), 0);
        check_int(large.bytes[0], 'l');
        check_int(large.bytes[298], 'l');
        check_int(large.bytes[299], i);
    }
    check_int(aio_join(sender), 0);
    aio_channel_free(channel);
}

/* ---- the close ------------------------------------------------------------------------------- */

TASK_TEST(a_close_turns_away_the_receivers_that_wait)
{
    struct four four;
    four_begin(&four, 2, receive_letter);
    check(!aio_channel_closed(four.channel));
    check_int(aio_channel_close(four.channel), 0);
    check(aio_channel_closed(four.channel));
    check_string(four.trace.text, "");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!!!");
    for (int i = 0; i < 4; i++) {
        check_int(four.parties[i].result, -ESHUTDOWN);
        check_int(four.parties[i].letter, '?');
    }
    four_end(&four);
}

TASK_TEST(after_a_close_what_is_buffered_can_be_received_and_nothing_else)
{
    struct four four;
    four_begin(&four, 2, send_letter);
    check_string(four.trace.text, "..");
    check_int(aio_channel_close(four.channel), 0);
    check_int(aio_yield(), 0);
    check_int(aio_channel_close(four.channel), 0); /* once more changes nothing */
    check_string(four.trace.text, "..!!");
    check_int(four.parties[2].result, -ESHUTDOWN);
    char letter = '?';
    check_int(aio_channel_receive(four.channel, &letter), 0);
    check_int(letter, 'a');
    check_int(give(four.channel, 'x'), -ESHUTDOWN); /* though there is room */
    check_int(take(four.channel), 'b');
    check_int(aio_channel_receive(four.channel, &letter), -ESHUTDOWN);
    check_int(aio_channel_try_receive(four.channel, &letter), -ESHUTDOWN);
    check_int(aio_channel_send(four.channel, &letter), -ESHUTDOWN);
    check_int(letter, 'a');
    four_end(&four);
}

static int close_it(void *channel)
{
    return aio_channel_close(channel);
}

TASK_TEST(who_waits_is_told_of_a_close_by_either_side)
{
    char letter = 'm';
    aio_channel *channel = aio_channel_new(1, 0);
    check_int(aio_go(close_it, channel), 0);
    check_int(aio_channel_send(channel, &letter), -ESHUTDOWN);
    aio_channel_free(channel);
    channel = aio_channel_new(1, 0);
    check_int(aio_go(close_it, channel), 0);
    check_int(aio_channel_receive(channel, &letter), -ESHUTDOWN);
    check_int(letter, 'm');
    aio_channel_free(channel);
}

TASK_TEST(who_waits_in_a_channel_that_is_freed_is_told_and_does_not_touch_it)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    aio_channel_free(four.channel);
    four.channel = NULL;
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!!!");
    check_int(four.parties[0].result, -ECANCELED);
    check_int(four.parties[1].result, -ESHUTDOWN);
    four_end(&four);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_receiver_has_taken_nothing_and_the_next_is_served)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_task_cancel(four.tasks[2]), 1);
    check_int(give(four.channel, 'x'), 0); /* before they have gone on */
    check_int(give(four.channel, 'y'), 0);
    check_int(give(four.channel, 'z'), -EAGAIN);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!xy");
    check_int(four.parties[0].letter, '?');
    check_int(four.parties[0].result, -ECANCELED);
    check_int(four.parties[1].letter, 'x');
    check_int(four.parties[3].letter, 'y');
    four_end(&four);
}

TASK_TEST(what_a_cancelled_sender_had_is_not_sent)
{
    struct four four;
    four_begin(&four, 1, send_letter);
    check_int(aio_task_cancel(four.tasks[1]), 1);
    check_int(aio_task_cancel(four.tasks[1]), 1); /* twice, before it has gone on */
    check_int(take(four.channel), 'a');
    check_int(take(four.channel), 'c');
    check_int(take(four.channel), 'd');
    check_int(take(four.channel), '!');
    check_int(aio_join(four.tasks[1]), -ECANCELED);
    four.tasks[1] = NULL;
    check_int(four.parties[1].result, -ECANCELED);
    four_end(&four);
}

/* One step of a channel, then another wait. */
static int receive_and_sleep(void *arg)
{
    struct party *party = arg;
    int rc = receive_letter(arg);
    if (rc == 0) {
        check_int(aio_sleep(AIO_SEC(1)), -ECANCELED);
        note(party->trace, 's');
    }
    return rc;
}

static int send_and_sleep(void *arg)
{
    struct party *party = arg;
    int rc = send_letter(arg);
    if (rc == 0) {
        check_int(aio_sleep(AIO_SEC(1)), -ECANCELED);
        note(party->trace, 's');
    }
    return rc;
}

TASK_TEST(a_receiver_that_is_cancelled_once_he_has_his_item_keeps_it_and_is_cancelled_later)
{
    struct four four;
    four_begin(&four, 0, receive_and_sleep);
    check_int(give(four.channel, 'x'), 0);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(give(four.channel, 'y'), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "xy");
    check_int(four.parties[0].result, 0);
    check_int(four.parties[0].letter, 'x');
    check_int(four.parties[1].letter, 'y');
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "xys");
    check_int(aio_join(four.tasks[0]), 0);
    four.tasks[0] = NULL;
    check_int(aio_future_done(four.tasks[1]), false);
    four_end(&four);
}

TASK_TEST(a_sender_that_is_cancelled_once_he_is_rid_of_his_item_has_sent_it_and_is_cancelled_later)
{
    struct four four;
    four_begin(&four, 0, send_and_sleep);
    check_int(take(four.channel), 'a');
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(take(four.channel), 'b');
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "..");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "..s");
    check_int(aio_join(four.tasks[0]), 0);
    four.tasks[0] = NULL;
    four_end(&four);
}

TASK_TEST(a_task_that_does_not_wait_again_ends_cancelled_with_its_item)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    check_int(give(four.channel, 'x'), 0);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_join(four.tasks[0]), -ECANCELED);
    four.tasks[0] = NULL;
    check_int(four.parties[0].result, 0);
    check_int(four.parties[0].letter, 'x');
    four_end(&four);
}

TASK_TEST(a_cancellation_that_is_taken_back_leaves_nothing_behind_the_item)
{
    struct four four;
    four_begin(&four, 0, receive_letter);
    check_int(give(four.channel, 'x'), 0);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_task_uncancel(four.tasks[0]), 0);
    check_int(aio_join(four.tasks[0]), 0);
    four.tasks[0] = NULL;
    check_string(four.trace.text, "x");
    four_end(&four);
}

static int give_when_due(void *arg)
{
    struct party *party = arg;
    int rc = aio_sleep(AIO_SEC(1));
    return rc < 0 ? rc : give(party->channel, 'x');
}

static int receive_within_a_second(aio_channel *channel, char *letter)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(1));
    if (rc < 0)
        return rc;
    rc = aio_channel_receive(channel, letter);
    return aio_timeout_end(&timeout, rc);
}

/* The giver's timer is the first, but he goes on a turn after both. */
TASK_TEST(an_item_that_comes_after_the_timeout_is_not_received)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 0);
    struct party party = {.channel = channel};
    aio_task *giver = aio_spawn(give_when_due, &party);
    check_int(aio_yield(), 0);
    check_int(receive_within_a_second(channel, &letter), -ETIMEDOUT);
    check_int(letter, '?');
    check_int(aio_join(giver), -EAGAIN);
    aio_channel_free(channel);
}

static void give_x(void *channel)
{
    check_int(give(channel, 'x'), 0);
}

TASK_TEST(an_item_that_came_just_before_the_timeout_is_received_and_nothing_is_left_of_that)
{
    char letter = '?';
    aio_handle handle = AIO_HANDLE_INIT;
    aio_channel *channel = aio_channel_new(1, 0);
    check_int(aio_loop_call_later(aio_loop_current(), &handle, AIO_SEC(1), give_x, channel), 0);
    check_int(receive_within_a_second(channel, &letter), 0);
    check_int(letter, 'x');
    check_int(aio_task_cancelling(aio_task_current()), 0);
    check_int(aio_yield(), 0);
    (void)aio_handle_cancel(&handle);
    aio_channel_free(channel);
}

TASK_TEST(a_close_leaves_nothing_to_lose_so_a_cancellation_comes_at_once)
{
    struct four four;
    four_begin(&four, 0, receive_and_sleep);
    check_int(aio_channel_close(four.channel), 0);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_int(four.parties[0].result, -ECANCELED);
    check_int(four.parties[1].result, -ESHUTDOWN);
    four_end(&four);
}

static int cancel_oneself_and_receive(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return receive_letter(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_a_receive_waits)
{
    struct trace trace = {0};
    aio_channel *channel = aio_channel_new(1, 1);
    struct party party = {channel, &trace, '?', 1};
    check_int(give(channel, 'x'), 0);
    check_int(aio_join(aio_spawn(cancel_oneself_and_receive, &party)), -ECANCELED);
    check_int(aio_join(aio_spawn(cancel_oneself_and_receive, &party)), -ECANCELED);
    check_string(trace.text, "x!");
    check_int(give(channel, 'y'), 0); /* nobody waits */
    check_int((int64_t)aio_channel_count(channel), 1);
    aio_channel_free(channel);
}

TEST(a_task_that_is_abandoned_in_a_channel_is_not_found_there)
{
    struct trace trace = {0};
    aio_channel *channel = aio_channel_new(1, 0);
    aio_loop *loop = aio_loop_new();
    struct party waiting = {channel, &trace, '?', 1}, woken = waiting;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    aio_task *first = aio_spawn_with(&options, receive_letter, &woken),
             *second = aio_spawn_with(&options, receive_letter, &waiting);
    if (loop != NULL && first != NULL && second != NULL) {
        struct caught caught = {0};
        check_int(aio_loop_set_exception_handler(loop, catch_failure, &caught), 0);
        check(aio_loop_step(loop, 0) >= 0);
        check_int(give(channel, 'x'), 0); /* the first one has it, but will never go on */
        aio_loop_close(loop);
        check_int(caught.count, 2);
        check_int(give(channel, 'y'), -EAGAIN);
        check_string(trace.text, "");
        loop = NULL;
    }
    aio_loop_close(loop);
    aio_release(first);
    aio_release(second);
    aio_channel_free(channel);
}

/* ---- what it takes --------------------------------------------------------------------------- */

TASK_TEST(waiting_allocates_nothing)
{
    struct four four;
    four_begin(&four, 1, send_letter);
    unsigned long before = faults_count("memory");
    check_int(take(four.channel), 'a');
    char letter;
    check_int(aio_channel_receive(four.channel, &letter), 0);
    check_int(aio_yield(), 0);
    check_int(faults_count("memory"), before);
    four_end(&four);
}

struct busy {
    aio_channel *channel;
    int received;
};

static int receive_for_ever(void *arg)
{
    struct busy *busy = arg;
    int rc = 0, number;
    while (rc == 0) {
        rc = aio_channel_receive(busy->channel, &number);
        busy->received += rc == 0;
        (void)aio_channel_try_send(busy->channel, &number);
    }
    return rc;
}

/* Each receive finds something, but what a task may do in one step has an end. */
TASK_TEST(a_task_that_never_waits_lets_the_others_run_and_can_be_cancelled)
{
    int number = 0;
    struct busy busy = {aio_channel_new(sizeof number, 1), 0};
    check_int(aio_channel_try_send(busy.channel, &number), 0);
    aio_task *task = aio_spawn(receive_for_ever, &busy);
    check_int(aio_yield(), 0);
    check(busy.received > 10 && busy.received < 1000);
    check_int(aio_task_stop(task), 0);
    aio_channel_free(busy.channel);
}

TEST(without_memory_there_is_no_channel)
{
    check(faults_fail("memory", 1, ENOMEM, FAULTS_ONCE));
    errno = 0;
    check(aio_channel_new(4, 4) == NULL);
    check_int(errno, ENOMEM);
    faults_clear();
}

TEST(a_channel_larger_than_memory_is_refused)
{
    errno = 0;
    check(aio_channel_new(SIZE_MAX / 2, 3) == NULL);
    check_int(errno, ENOMEM);
    errno = 0;
    check(aio_channel_new(2, SIZE_MAX / 2) == NULL);
    check_int(errno, ENOMEM);
}

/* ---- where, and with what -------------------------------------------------------------------- */

static void use_in_a_callback(void *arg)
{
    aio_channel *channel = aio_channel_new(1, 1);
    char letter = 'x';
    check_int(aio_channel_send(channel, &letter), -EPERM);
    check_int(aio_channel_receive(channel, &letter), -EPERM);
    check_int((int64_t)aio_channel_count(channel), 0);
    check_int(aio_channel_try_send(channel, &letter), 0);
    check_int(aio_channel_receive(channel, &letter), -EPERM);
    check_int(take(channel), 'x');
    check_int(aio_channel_close(channel), 0);
    aio_channel_free(channel);
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_only_try)
{
    bool called = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, use_in_a_callback, &called), 0);
    check_int(aio_yield(), 0);
    check(called);
}

TEST(where_no_loop_runs_one_can_only_try)
{
    bool called = false;
    use_in_a_callback(&called);
    check(called);
}

TASK_TEST(null_is_no_channel)
{
    char letter = 'x';
    check_int(aio_channel_send(NULL, &letter), -ENOMEM);
    check_int(aio_channel_receive(NULL, &letter), -ENOMEM);
    check_int(aio_channel_try_send(NULL, &letter), -ENOMEM);
    check_int(aio_channel_try_receive(NULL, &letter), -ENOMEM);
    check_int(aio_channel_close(NULL), -ENOMEM);
    check(!aio_channel_closed(NULL));
    check_int((int64_t)aio_channel_count(NULL), 0);
    aio_channel_free(NULL);
}

TASK_TEST(null_is_no_item_of_a_byte)
{
    aio_channel *channel = aio_channel_new(1, 1);
    check_int(aio_channel_send(channel, NULL), -EINVAL);
    check_int(aio_channel_receive(channel, NULL), -EINVAL);
    check_int(aio_channel_try_send(channel, NULL), -EINVAL);
    check_int(aio_channel_try_receive(channel, NULL), -EINVAL);
    check_int((int64_t)aio_channel_count(channel), 0);
    aio_channel_free(channel);
}
