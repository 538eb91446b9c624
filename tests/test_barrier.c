/*
 * The barrier: filling, draining, a reset, an abort, cancellation.
 */
#include <errno.h>

#include <aio/sync.h>

#include "support/crowd.h"
#include "support/ledger.h"
#include "support/task_case.h"

struct party {
    aio_barrier *barrier;
    struct trace *trace;
    int rounds; /* it waits so often */
    int result; /* of its last wait */
};

/* Notes its index as a digit. */
static int wait_there(void *arg)
{
    struct party *party = arg;
    do {
        party->result = aio_barrier_wait(party->barrier);
        bool broken = party->result == -AIO_EBROKEN;
        note(party->trace, party->result >= 0 ? (char)('0' + party->result) : broken ? 'x' : '!');
    } while (--party->rounds > 0 && party->result >= 0);
    return party->result;
}

/* Four tasks at a barrier. */
struct four {
    aio_barrier barrier;
    struct trace trace;
    struct party parties[4];
    aio_task *tasks[4];
};

static void four_begin(struct four *four, int parties, int tasks)
{
    *four = (struct four){.trace = {0}};
    check_int(aio_barrier_init(&four->barrier, parties), 0);
    for (int i = 0; i < tasks; i++) {
        four->parties[i] = (struct party){&four->barrier, &four->trace, 1, 1000};
        four->tasks[i] = aio_spawn(wait_there, &four->parties[i]);
    }
    check_int(aio_yield(), 0);
}

static void four_end(struct four *four)
{
    for (int i = 0; i < 4; i++)
        (void)aio_task_stop(four->tasks[i]);
}

/* ---- filling and draining ------------------------------------------------------------------- */

TASK_TEST(a_barrier_counts_who_waits)
{
    struct four four;
    four_begin(&four, 4, 3);
    check_int(aio_barrier_parties(&four.barrier), 4);
    check_int(aio_barrier_waiting(&four.barrier), 3);
    check(!aio_barrier_broken(&four.barrier));
    check_string(four.trace.text, "");
    check_int(aio_barrier_wait(&four.barrier), 3);
    check_int(aio_barrier_waiting(&four.barrier), 0); /* it drains */
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "012");
    check_int(aio_barrier_waiting(&four.barrier), 0);
    four_end(&four);
}

TASK_TEST(the_last_one_goes_on_at_once_and_the_others_in_the_next_turn)
{
    struct four four;
    four_begin(&four, 3, 2);
    check_int(aio_barrier_wait(&four.barrier), 2);
    check_string(four.trace.text, "");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "01");
    four_end(&four);
}

TASK_TEST(a_barrier_of_one_stops_nobody)
{
    aio_barrier barrier = AIO_BARRIER_INIT(1);
    for (int i = 0; i < 3; i++)
        check_int(aio_barrier_wait(&barrier), 0);
    check_int(aio_barrier_waiting(&barrier), 0);
}

TASK_TEST(who_comes_while_it_drains_waits_for_the_next_time)
{
    struct four four;
    four_begin(&four, 2, 1);
    check_int(aio_barrier_wait(&four.barrier), 1);
    struct party party = {&four.barrier, &four.trace, 1, 1000};
    aio_task *task = aio_spawn(wait_there, &party);
    check_int(aio_barrier_wait(&four.barrier), 1); /* it was outside when `party` came in */
    check_string(four.trace.text, "0");
    check_int(aio_join(task), 0);
    check_string(four.trace.text, "00");
    four_end(&four);
}

TASK_TEST(a_barrier_is_used_again_and_again)
{
    struct four four;
    four_begin(&four, 4, 4);
    for (int i = 0; i < 4; i++) {
        check_int(aio_join(four.tasks[i]), i);
        four.parties[i].rounds = 5;
        four.tasks[i] = NULL;
    }
    for (int i = 0; i < 4; i++)
        four.tasks[i] = aio_spawn(wait_there, &four.parties[i]);
    for (int i = 0; i < 4; i++)
        check(aio_join(four.tasks[i]) >= 0);
    check_int((int64_t)four.trace.length, 24);
    for (size_t i = 0; i < 24; i += 4) {
        int sum = 0;
        for (size_t j = i; j < i + 4; j++)
            sum |= 1 << (four.trace.text[j] - '0');
        check_int(sum, 15); /* each index once */
    }
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(who_is_cancelled_leaves_the_barrier_whole)
{
    struct four four;
    four_begin(&four, 3, 2);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!");
    check_int(aio_barrier_waiting(&four.barrier), 1);
    check(!aio_barrier_broken(&four.barrier));
    four.parties[2] = four.parties[1];
    four.tasks[2] = aio_spawn(wait_there, &four.parties[2]);
    check_int(aio_yield(), 0);
    check_int(aio_barrier_wait(&four.barrier), 2);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!11"); /* so many were in before them */
    four_end(&four);
}

TASK_TEST(cancelled_while_it_drains_one_is_cancelled_and_the_others_go_on)
{
    struct four four;
    four_begin(&four, 3, 2);
    check_int(aio_barrier_wait(&four.barrier), 2);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!1");
    check_int(aio_yield(), 0);
    check_int(aio_barrier_waiting(&four.barrier), 0);
    four_end(&four);
}

TASK_TEST(all_cancelled_it_can_be_used)
{
    struct four four;
    four_begin(&four, 4, 3);
    for (int i = 0; i < 3; i++) {
        check_int(aio_task_stop(four.tasks[i]), 0);
        four.tasks[i] = NULL;
    }
    check_int(aio_barrier_waiting(&four.barrier), 0);
    check_string(four.trace.text, "!!!");
    four_end(&four);
}

/* ---- reset and abort ------------------------------------------------------------------------ */

TASK_TEST(a_reset_sends_away_who_waits)
{
    struct four four;
    four_begin(&four, 4, 3);
    check_int(aio_barrier_reset(&four.barrier), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "xxx");
    check(!aio_barrier_broken(&four.barrier));
    check_int(aio_barrier_waiting(&four.barrier), 0);
    four_end(&four);
}

TASK_TEST(after_a_reset_it_can_be_used)
{
    struct four four;
    four_begin(&four, 2, 1);
    struct party party = {&four.barrier, &four.trace, 1, 1000};
    aio_task *task = aio_spawn(wait_there, &party); /* it comes before the other one has left */
    check_int(aio_barrier_reset(&four.barrier), 0);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "x");
    check_int(aio_barrier_waiting(&four.barrier), 1);
    check_int(aio_barrier_wait(&four.barrier), 1);
    check_int(aio_join(task), 0);
    four_end(&four);
}

TASK_TEST(a_reset_with_nobody_inside_changes_nothing)
{
    aio_barrier barrier = AIO_BARRIER_INIT(2);
    check_int(aio_barrier_reset(&barrier), 0);
    check(!aio_barrier_broken(&barrier));
    check_int(aio_barrier_waiting(&barrier), 0);
}

TASK_TEST(an_aborted_barrier_is_broken_until_it_is_reset)
{
    struct four four;
    four_begin(&four, 4, 3);
    check_int(aio_barrier_abort(&four.barrier), 0);
    check(aio_barrier_broken(&four.barrier));
    check_int(aio_barrier_wait(&four.barrier), -AIO_EBROKEN);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "xxx");
    check_int(aio_barrier_wait(&four.barrier), -AIO_EBROKEN);
    check_int(aio_barrier_waiting(&four.barrier), 0);
    check_int(aio_barrier_reset(&four.barrier), 0);
    check(!aio_barrier_broken(&four.barrier));
    struct party party = {&four.barrier, &four.trace, 1, 1000};
    aio_task *task = aio_spawn(wait_there, &party);
    check_int(aio_yield(), 0);
    check_int(aio_barrier_waiting(&four.barrier), 1);
    (void)aio_task_stop(task);
    four_end(&four);
}

TASK_TEST(aborted_while_it_drains_it_is_broken_for_who_has_not_left)
{
    struct four four;
    four_begin(&four, 3, 2);
    check_int(aio_barrier_wait(&four.barrier), 2);
    check_int(aio_barrier_abort(&four.barrier), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "xx");
    check(aio_barrier_broken(&four.barrier));
    four_end(&four);
}

static int reset_it(void *arg)
{
    return aio_barrier_reset(arg);
}

TASK_TEST(a_cancelled_reset_has_changed_nothing)
{
    struct four four;
    four_begin(&four, 3, 2);
    check_int(aio_condition_acquire(&four.barrier.condition), 0); /* somebody is on his way in */
    aio_task *task = aio_spawn(reset_it, &four.barrier);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_condition_release(&four.barrier.condition), 0);
    check_int(aio_join(task), -ECANCELED);
    check_string(four.trace.text, "");
    check_int(aio_barrier_waiting(&four.barrier), 2);
    four_end(&four);
}

TASK_TEST(waiting_allocates_nothing)
{
    struct four four;
    four_begin(&four, 3, 2);
    size_t blocks = ledger_blocks();
    check_int(aio_barrier_wait(&four.barrier), 2);
    check_int(aio_yield(), 0);
    check_int((int64_t)ledger_blocks(), (int64_t)blocks);
    four_end(&four);
}

/* ---- misuse --------------------------------------------------------------------------------- */

TASK_TEST(a_barrier_is_for_one_at_least)
{
    aio_barrier barrier, zeroes;
    memset(&zeroes, 0, sizeof zeroes);
    check_int(aio_barrier_init(&barrier, 0), -EINVAL);
    check_int(aio_barrier_init(&barrier, -1), -EINVAL);
    check_int(aio_barrier_wait(&zeroes), -EINVAL);
}

static void use_in_a_callback(void *arg)
{
    aio_barrier barrier = AIO_BARRIER_INIT(1);
    check_int(aio_barrier_wait(&barrier), -EPERM);
    check_int(aio_barrier_reset(&barrier), -EPERM);
    check_int(aio_barrier_abort(&barrier), -EPERM);
    check(!aio_barrier_broken(&barrier));
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_not_use_a_barrier)
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

TASK_TEST(null_is_no_barrier)
{
    check_int(aio_barrier_init(NULL, 1), -EINVAL);
    check_int(aio_barrier_wait(NULL), -EINVAL);
    check_int(aio_barrier_reset(NULL), -EINVAL);
    check_int(aio_barrier_abort(NULL), -EINVAL);
    check_int(aio_barrier_parties(NULL), -EINVAL);
    check_int(aio_barrier_waiting(NULL), -EINVAL);
    check(!aio_barrier_broken(NULL));
}

/* ---- at random ------------------------------------------------------------------------------ */

#define PARTIES 3

struct gate {
    aio_barrier barrier;
    int passed[PARTIES]; /* so often, with that index */
    int broken;
};

static void pass(struct crowd *crowd, unsigned lot)
{
    struct gate *gate = crowd->object;
    if (lot == 0) {
        (void)!aio_barrier_reset(&gate->barrier);
        return;
    }
    if (lot < 20)
        crowd_linger(crowd);
    int index = aio_barrier_wait(&gate->barrier);
    if (index >= 0 && check(index < PARTIES))
        gate->passed[index]++;
    gate->broken += index == -AIO_EBROKEN;
}

static void open_at_last(struct crowd *crowd)
{
    struct gate *gate = crowd->object;
    if (crowd->operations == 0)
        (void)!aio_barrier_reset(&gate->barrier);
}

TEST(of_a_hundred_thousand_random_operations_no_wait_is_lost)
{
    struct gate gate = {.barrier = AIO_BARRIER_INIT(PARTIES)};
    struct crowd crowd = {
        .operate = pass, .unstick = open_at_last, .object = &gate, .operations = 100000, .seed = 8};
    check_int(test_run(crowd_run, &crowd), 0);
    check_int(crowd.ended, CROWD_SIZE);
    check(gate.passed[0] > 5000);
    check(gate.passed[PARTIES - 1] >= gate.passed[0]);
    check(gate.broken > 100);
    check(crowd.cancels > 5000);
    check_int(gate.barrier.count, 0);
    check(!aio_condition_locked(&gate.barrier.condition));
    check_int(aio_barrier_waiting(&gate.barrier), 0);
}
