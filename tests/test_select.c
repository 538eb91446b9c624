/*
 * The select: which case happens, what the others are left as, time, misuse.
 * Descriptors and cancellation have files of their own.
 */
#include <errno.h>

#include "support/faults.h"
#include "support/select_case.h"

/* ---- what can happen at once ----------------------------------------------------------------- */

TASK_TEST(a_receive_that_need_not_wait_happens_at_once)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_NOTHING, AIO_SELECT_RECEIVE(channel, &letter)};
    check_int(give(channel, 'x'), 0);
    check_int(aio_select(cases, 2, AIO_FOREVER), 1);
    check_int(cases[1].result, 0);
    check_int(letter, 'x');
    aio_channel_free(channel);
}

TASK_TEST(a_send_that_need_not_wait_happens_at_once)
{
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_SEND(channel, "x")};
    check_int(aio_select(cases, 1, AIO_FOREVER), 0);
    check_int(cases[0].result, 0);
    check_int(take(channel), 'x');
    aio_channel_free(channel);
}

TASK_TEST(a_future_that_is_done_happens_at_once_with_its_result)
{
    aio_future *future = aio_future_new();
    aio_select_case cases[] = {AIO_SELECT_FUTURE(future)};
    check_int(aio_future_set(future, -EIO), 0); /* and is asked for: no report */
    check_int(aio_select(cases, 1, AIO_FOREVER), 0);
    check_int(cases[0].result, -EIO);
    aio_release(future);
}

TASK_TEST(of_several_that_could_happen_one_does)
{
    char first = '?', second = '?';
    aio_channel *one = aio_channel_new(1, 1), *other = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(one, &first), AIO_SELECT_RECEIVE(other, &second)};
    check_int(give(one, 'x'), 0);
    check_int(give(other, 'x'), 0);
    int which = aio_select(cases, 2, AIO_FOREVER);
    check(which == 0 || which == 1);
    check_int(first, which == 0 ? 'x' : '?');
    check_int(second, which == 1 ? 'x' : '?');
    check_int((int64_t)(aio_channel_count(one) + aio_channel_count(other)), 1);
    aio_channel_free(one);
    aio_channel_free(other);
}

/* How often each case of four happens, where the second never can. */
static void count_draws(aio_channel **channels, int *counts, int *first_draws)
{
    char letter = '?';
    aio_select_case cases[] = {
        AIO_SELECT_RECEIVE(channels[0], &letter),
        AIO_SELECT_RECEIVE(channels[1], &letter),
        AIO_SELECT_RECEIVE(channels[2], &letter),
        AIO_SELECT_RECEIVE(channels[3], &letter),
    };
    for (int i = 0; i < 3000; i++) {
        for (int c = 0; c < 4; c++)
            (void)(c == 1 || give(channels[c], 'x'));
        int which = aio_select(cases, 4, 0);
        if (check(which >= 0 && which < 4))
            counts[which]++;
        if (i < 30)
            first_draws[i] = which;
    }
}

static int draw_often(void *arg)
{
    aio_channel *channels[4];
    int counts[4] = {0};
    for (int c = 0; c < 4; c++)
        channels[c] = aio_channel_new(1, 1);
    if (channels[0] != NULL && channels[1] != NULL && channels[2] != NULL && channels[3] != NULL) {
        count_draws(channels, counts, arg);
        for (int c = 0; c < 4; c++)
            check(c == 1 ? counts[c] == 0 : counts[c] > 850 && counts[c] < 1150);
    }
    for (int c = 0; c < 4; c++)
        aio_channel_free(channels[c]);
    return 0;
}

static int run_seeded(uint64_t seed, int *draws)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.shuffle_seed = seed;
    options.handle_sigint = false;
    return aio_run_with(&options, draw_often, draws);
}

TEST(each_that_is_ready_is_as_likely_and_a_run_draws_the_same_lots_each_time)
{
    int draws[4][30] = {{0}};
    check_int(run_seeded(0, draws[0]), 0);
    check_int(run_seeded(0, draws[1]), 0);
    check_int(run_seeded(7, draws[2]), 0);
    check_int(run_seeded(7, draws[3]), 0);
    check_int(memcmp(draws[0], draws[1], sizeof draws[0]), 0);
    check_int(memcmp(draws[2], draws[3], sizeof draws[2]), 0);
    check(memcmp(draws[0], draws[2], sizeof draws[0]) != 0);
}

/* ---- waiting --------------------------------------------------------------------------------- */

TASK_TEST(a_select_that_waits_receives_what_is_sent)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(give(stage.in, 'x'), 0);
    check_int(stage.which, -1000);
    check_nobody_waits(&stage); /* before it has gone on */
    check_int(aio_yield(), 0);
    check_outcome(&stage, 0, 0);
    check_int(stage.letter, 'x');
    stage_end(&stage);
}

TASK_TEST(a_select_that_waits_sends_to_who_receives)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(take(stage.out), 's');
    check_nobody_waits(&stage);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 1, 0);
    check_int(stage.letter, '?');
    stage_end(&stage);
}

TASK_TEST(a_select_that_waits_hears_of_a_future)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(aio_future_set(stage.future, 42), 0);
    check_int(aio_yield(), 0);
    check_nobody_waits(&stage);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 2, 42);
    stage_end(&stage);
}

TASK_TEST(what_comes_first_is_it_and_the_rest_is_left_alone)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(aio_future_set(stage.future, 42), 0);
    check_int(take(stage.out), 's'); /* it had not heard of the future */
    check_int(aio_yield(), 0);
    check_outcome(&stage, 1, 0);
    check_int(stage.letter, '?');
    check_nobody_waits(&stage);
    stage_end(&stage);
}

struct letters {
    aio_channel *channel;
    char letter;
};

static int receive_letter(void *arg)
{
    struct letters *letters = arg;
    return aio_channel_receive(letters->channel, &letters->letter);
}

TASK_TEST(a_select_has_its_turn_among_who_waits_in_a_channel)
{
    struct stage stage;
    struct letters before = {aio_channel_new(1, 0), '?'}, after = before;
    aio_channel *out = aio_channel_new(1, 0);
    aio_task *first = aio_spawn(receive_letter, &before);
    check_int(aio_yield(), 0);
    stage = (struct stage){.in = before.channel, .out = out, .duration = AIO_FOREVER};
    stage_spawn(&stage);
    aio_task *last = aio_spawn(receive_letter, &after);
    check_int(aio_yield(), 0);
    check_int(give(stage.in, '1'), 0);
    check_int(give(stage.in, '2'), 0);
    check_int(give(stage.in, '3'), 0);
    check_int(give(stage.in, '4'), -EAGAIN);
    check_int(aio_yield(), 0);
    check_int(before.letter, '1');
    check_int(stage.letter, '2');
    check_int(after.letter, '3');
    (void)aio_task_stop(first);
    (void)aio_task_stop(last);
    stage_end(&stage);
}

TASK_TEST(selects_meet_each_other)
{
    struct stage stage, other;
    stage_begin(&stage);
    other = (struct stage){.in = stage.out, .out = stage.in, .duration = AIO_FOREVER};
    stage_spawn(&other);
    /* The one that came did either, and the one that waited the other side of it. */
    check(other.which == 0 || other.which == 1);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 1 - other.which, 0);
    check_int(other.which == 0 ? other.letter : stage.letter, 's');
    check_int(other.which == 0 ? stage.letter : other.letter, '?');
    check_nobody_waits(&stage);
    (void)aio_task_stop(other.task);
    stage_end(&stage);
}

TASK_TEST(a_select_does_not_meet_itself_but_the_next_of_its_kind)
{
    struct stage stage, other;
    aio_channel *channel = aio_channel_new(1, 0);
    stage = (struct stage){.in = channel, .out = channel, .duration = AIO_SEC(1)};
    stage_spawn(&stage);
    check_int(aio_join(stage.task), -ETIMEDOUT);
    check_int(stage.letter, '?');
    stage.duration = AIO_FOREVER;
    stage_spawn(&stage);
    other = stage;
    stage_spawn(&other);
    check_int(aio_yield(), 0);
    check_int(stage.which + other.which, 1);
    check_int(stage.which == 0 ? stage.letter : other.letter, 's');
    check_int(give(channel, 'z'), -EAGAIN);
    check_int(take(channel), '!');
    (void)aio_task_stop(stage.task);
    (void)aio_task_stop(other.task);
    aio_channel_free(channel);
}

static int receive_by_either(void *arg)
{
    aio_channel *channel = arg;
    char letters[2] = {'?', '?'};
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, &letters[0]),
                               AIO_SELECT_RECEIVE(channel, &letters[1])};
    int which = aio_select(cases, 2, AIO_FOREVER);
    check_int(which, 0); /* the first of the two that wait */
    check_int(letters[0], 'x');
    check_int(letters[1], '?');
    return which;
}

TASK_TEST(a_channel_may_be_in_a_select_more_than_once)
{
    aio_channel *channel = aio_channel_new(1, 0);
    aio_task *task = aio_spawn(receive_by_either, channel);
    check_int(aio_yield(), 0);
    check_int(give(channel, 'x'), task != NULL ? 0 : -EAGAIN);
    check_int(give(channel, 'y'), -EAGAIN);
    check_int(aio_join(task), 0);
    aio_channel_free(channel);
}

/* ---- closed channels ------------------------------------------------------------------------- */

TASK_TEST(a_closed_channel_makes_its_case_happen)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 2);
    check_int(give(channel, 'x'), 0);
    check_int(aio_channel_close(channel), 0);
    aio_select_case sending[] = {AIO_SELECT_SEND(channel, "s")};
    check_int(aio_select(sending, 1, AIO_FOREVER), 0);
    check_int(sending[0].result, -ESHUTDOWN);
    aio_select_case receiving[] = {AIO_SELECT_RECEIVE(channel, &letter)};
    check_int(aio_select(receiving, 1, AIO_FOREVER), 0);
    check_int(receiving[0].result, 0);
    check_int(letter, 'x');
    check_int(aio_select(receiving, 1, AIO_FOREVER), 0);
    check_int(receiving[0].result, -ESHUTDOWN);
    aio_channel_free(channel);
}

TASK_TEST(a_close_wakes_a_select_that_waits)
{
    struct stage stage;
    stage_begin(&stage);
    check_int(aio_channel_close(stage.out), 0);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 1, -ESHUTDOWN);
    check_int(give(stage.in, 'z'), -EAGAIN);
    stage_end(&stage);
}

TASK_TEST(a_close_of_a_channel_that_a_select_would_send_to_and_receive_from_wakes_it_once)
{
    aio_channel *channel = aio_channel_new(1, 0);
    struct stage stage = {.in = channel, .out = channel, .duration = AIO_FOREVER};
    stage_spawn(&stage);
    aio_channel_free(channel);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 0, -ESHUTDOWN);
    check_int(aio_join(stage.task), 0);
}

/* ---- futures --------------------------------------------------------------------------------- */

static int let_go(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_SEC(1));
}

TASK_TEST(a_select_hears_of_a_task_that_ends)
{
    aio_task *task = aio_spawn(let_go, NULL);
    aio_select_case cases[] = {AIO_SELECT_FUTURE(task), AIO_SELECT_FUTURE(task)};
    if (task != NULL) {
        check_int(aio_select(cases, 2, AIO_MSEC(10)), -ETIMEDOUT);
        check_int(aio_select(cases, 2, AIO_FOREVER), 0);
        check_int(cases[0].result, 0);
    }
    check_int(aio_join(task), 0);
}

TASK_TEST(a_cancelled_future_is_a_case_that_has_happened)
{
    struct stage stage;
    stage_begin(&stage);
    (void)aio_future_cancel(stage.future);
    check_int(aio_join(stage.task), 2);
    stage.task = NULL;
    check_outcome(&stage, 2, -ECANCELED);
    stage_end(&stage);
}

TASK_TEST(a_failure_that_a_select_has_returned_is_not_reported)
{
    struct caught caught;
    struct stage stage;
    catch_failures(&caught);
    stage_begin(&stage);
    check_int(aio_future_set(stage.future, -EIO), 0);
    check_int(aio_join(stage.task), 2);
    stage.task = NULL;
    check_outcome(&stage, 2, -EIO);
    stage_end(&stage);
    check_int(caught.count, 0);
    check_int(aio_loop_set_exception_handler(aio_loop_current(), NULL, NULL), 0);
}

TASK_TEST(a_future_lives_as_long_as_a_select_waits_for_it)
{
    struct stage stage;
    stage_begin(&stage);
    aio_future *future = stage.future;
    aio_release(future); /* the select's share is left */
    check_int(aio_yield(), 0);
    check_int(aio_future_set(future, 7), 0);
    check_int(aio_join(stage.task), 2);
    stage.task = NULL;
    stage.future = NULL;
    check_outcome(&stage, 2, 7);
    stage_end(&stage);
}

TASK_TEST(nobody_can_select_his_own_end)
{
    aio_select_case cases[] = {AIO_SELECT_FUTURE(aio_task_current())};
    check_int(aio_select(cases, 1, AIO_FOREVER), 0);
    check_int(cases[0].result, -EDEADLK);
}

TASK_TEST(a_future_of_another_loop_is_refused_unless_it_is_done)
{
    aio_loop *loop = aio_loop_new();
    aio_future *future = aio_future_new_on(loop);
    if (future != NULL) {
        aio_select_case cases[] = {AIO_SELECT_FUTURE(future)};
        check_int(aio_select(cases, 1, AIO_FOREVER), 0);
        check_int(cases[0].result, -EINVAL);
        check_int(aio_future_set(future, 3), 0);
        check_int(aio_select(cases, 1, AIO_FOREVER), 0);
        check_int(cases[0].result, 3);
    }
    aio_release(future);
    aio_loop_close(loop);
}

/* ---- time ------------------------------------------------------------------------------------ */

TASK_TEST(a_select_ends_when_its_time_is_over)
{
    struct stage stage;
    int64_t start = aio_loop_time(aio_loop_current());
    stage_begin(&stage);
    (void)aio_task_stop(stage.task);
    stage.duration = AIO_SEC(3);
    stage_spawn(&stage);
    check_int(aio_join(stage.task), -ETIMEDOUT);
    stage.task = NULL;
    check_int(aio_loop_time(aio_loop_current()) - start, AIO_SEC(3));
    check_nobody_waits(&stage);
    stage_end(&stage);
}

TASK_TEST(a_select_until_a_time_ends_then)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, &letter)};
    int64_t now = aio_loop_time(aio_loop_current());
    check_int(aio_select_at(cases, 1, now), -ETIMEDOUT);
    check_int(aio_select_at(cases, 1, now - 1), -ETIMEDOUT);
    check_int(aio_loop_time(aio_loop_current()) - now, 0);
    check_int(aio_select_at(cases, 1, now + AIO_SEC(2)), -ETIMEDOUT);
    check_int(aio_loop_time(aio_loop_current()) - now, AIO_SEC(2));
    check_int(give(channel, 'x'), 0);
    check_int(aio_select_at(cases, 1, now), 0); /* it need not wait */
    check_int(letter, 'x');
    aio_channel_free(channel);
}

TASK_TEST(a_select_for_no_time_only_looks)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, &letter)};
    check_int(aio_select(cases, 1, 0), -ETIMEDOUT);
    check_int(aio_select(cases, 1, -5), -ETIMEDOUT);
    check_int(aio_select_try(cases, 1), -EAGAIN);
    check_int(give(channel, 'x'), 0);
    check_int(aio_select(cases, 1, 0), 0);
    check_int(letter, 'x');
    aio_channel_free(channel);
}

TASK_TEST(a_deadline_that_was_not_needed_is_taken_back)
{
    struct stage stage;
    stage_begin(&stage);
    (void)aio_task_stop(stage.task);
    stage.duration = AIO_SEC(3);
    stage_spawn(&stage);
    check_int(give(stage.in, 'x'), stage.task != NULL ? 0 : -EAGAIN);
    check_int(aio_yield(), 0);
    check_outcome(&stage, 0, 0);
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    stage_end(&stage);
}

TASK_TEST(with_no_case_left_only_the_time_ends_the_wait)
{
    char letter = '?';
    aio_select_case cases[] = {
        AIO_SELECT_NOTHING,
        AIO_SELECT_RECEIVE(NULL, &letter),
        AIO_SELECT_SEND(NULL, "s"),
        AIO_SELECT_FUTURE(NULL),
        AIO_SELECT_READABLE(-1),
        AIO_SELECT_WRITABLE(-1),
    };
    int64_t start = aio_loop_time(aio_loop_current());
    check_int(aio_select_try(cases, 6), -EAGAIN);
    check_int(aio_select(cases, 6, AIO_SEC(1)), -ETIMEDOUT);
    check_int(aio_select(NULL, 0, AIO_SEC(1)), -ETIMEDOUT);
    check_int(aio_loop_time(aio_loop_current()) - start, AIO_SEC(2));
}

TASK_TEST(a_case_can_be_left_out_for_a_while)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, &letter)};
    check_int(give(channel, 'x'), 0);
    cases[0].channel = NULL;
    check_int(aio_select(cases, 1, AIO_SEC(1)), -ETIMEDOUT);
    cases[0].channel = channel;
    check_int(aio_select(cases, 1, AIO_SEC(1)), 0);
    check_int(letter, 'x');
    aio_channel_free(channel);
}

/* ---- where, and with what -------------------------------------------------------------------- */

static void use_in_a_callback(void *arg)
{
    char letter = '?';
    aio_channel *channel = aio_channel_new(1, 1);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, &letter), AIO_SELECT_NOTHING};
    int none = aio_loop_current() != NULL ? -EAGAIN : -EPERM;
    check_int(aio_select_try(cases, 2), none);
    check_int(give(channel, 'x'), 0);
    check_int(aio_select(cases, 2, 0), -EPERM);
    check_int(aio_select_at(cases, 2, AIO_FOREVER), -EPERM);
    check_int(aio_select_try(cases, 2), none == -EAGAIN ? 0 : -EPERM);
    check_int(letter, none == -EAGAIN ? 'x' : '?');
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

TEST(there_is_no_selecting_where_no_loop_runs)
{
    bool called = false;
    use_in_a_callback(&called);
    check(called);
}

TASK_TEST(cases_that_are_none_are_refused)
{
    aio_select_case one = AIO_SELECT_NOTHING;
    check_int(aio_select(NULL, 1, AIO_SEC(1)), -EINVAL);
    check_int(aio_select_at(NULL, 1, AIO_SEC(1)), -EINVAL);
    check_int(aio_select_try(NULL, 1), -EINVAL);
    check_int(aio_select(&one, SIZE_MAX, AIO_SEC(1)), -EINVAL);
}

TASK_TEST(a_case_without_room_for_its_item_happens_with_an_error)
{
    aio_channel *channel = aio_channel_new(1, 0);
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, NULL)};
    check_int(aio_select(cases, 1, AIO_FOREVER), channel != NULL ? 0 : -ECANCELED);
    check_int(cases[0].result, -EINVAL);
    aio_channel_free(channel);
}

TASK_TEST(waiting_allocates_nothing)
{
    struct stage stage;
    stage_begin(&stage);
    (void)aio_task_stop(stage.task);
    stage.duration = AIO_SEC(1);
    stage.task = aio_spawn(select_once, &stage);
    unsigned long before = faults_count("memory");
    check_int(aio_join(stage.task), -ETIMEDOUT);
    check_int(faults_count("memory"), before);
    stage.task = NULL;
    stage_end(&stage);
}

static int select_for_ever(void *arg)
{
    int *count = arg, which = 0;
    aio_channel *channel = aio_channel_new(0, 1);
    aio_select_case cases[] = {AIO_SELECT_SEND(channel, NULL), AIO_SELECT_RECEIVE(channel, NULL)};
    while (which >= 0) {
        which = aio_select(cases, 2, AIO_SEC(1));
        ++*count;
    }
    aio_channel_free(channel);
    return which;
}

TASK_TEST(a_task_whose_selects_never_wait_lets_the_others_run_and_can_be_cancelled)
{
    int count = 0;
    aio_task *task = aio_spawn(select_for_ever, &count);
    check_int(aio_yield(), 0);
    check(count < 1000);
    check_int(aio_task_stop(task), 0);
}
