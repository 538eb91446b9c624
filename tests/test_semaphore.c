/*
 * The semaphore: permits, the queue, what a cancellation gives back, the bound.
 */
#include <errno.h>
#include <limits.h>

#include <aio/sync.h>

#include "support/crowd.h"
#include "support/ledger.h"
#include "support/task_case.h"

/* Takes a permit and keeps it. */
struct taker {
    aio_semaphore *semaphore;
    struct trace *trace;
    char letter;
    int result;
};

static int take(void *arg)
{
    struct taker *taker = arg;
    taker->result = aio_semaphore_acquire(taker->semaphore);
    note(taker->trace, taker->result == 0 ? taker->letter : '!');
    return taker->result;
}

/* A semaphore, and four who want a permit. */
struct four {
    aio_semaphore semaphore;
    struct trace trace;
    struct taker takers[4];
    aio_task *tasks[4];
};

static void four_begin(struct four *four, int value)
{
    *four = (struct four){.trace = {0}};
    check_int(aio_semaphore_init(&four->semaphore, value), 0);
    for (int i = 0; i < 4; i++) {
        four->takers[i] = (struct taker){&four->semaphore, &four->trace, (char)('a' + i), 1};
        four->tasks[i] = aio_spawn(take, &four->takers[i]);
    }
    check_int(aio_yield(), 0);
}

static void four_end(struct four *four)
{
    for (int i = 0; i < 4; i++)
        (void)aio_task_stop(four->tasks[i]);
}

static void release(struct four *four, int times)
{
    while (times-- > 0)
        check_int(aio_semaphore_release(&four->semaphore), 0);
}

/* ---- permits -------------------------------------------------------------------------------- */

TASK_TEST(as_many_as_there_are_permits_do_not_wait)
{
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(2);
    check(!aio_semaphore_locked(&semaphore));
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check(!aio_semaphore_locked(&semaphore));
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check(aio_semaphore_locked(&semaphore));
    check_int(aio_semaphore_release(&semaphore), 0);
    check(!aio_semaphore_locked(&semaphore));
}

TASK_TEST(a_semaphore_of_zeroes_has_no_permit_yet)
{
    aio_semaphore semaphore;
    memset(&semaphore, 0, sizeof semaphore);
    check(aio_semaphore_locked(&semaphore));
    check_int(aio_semaphore_release(&semaphore), 0);
    check_int(aio_semaphore_release(&semaphore), 0);
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check(aio_semaphore_locked(&semaphore));
}

TASK_TEST(waiters_get_permits_in_the_order_in_which_they_came)
{
    struct four four;
    four_begin(&four, 1);
    check_string(four.trace.text, "a");
    release(&four, 1);
    check_string(four.trace.text, "a");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "ab");
    release(&four, 2);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "abcd");
    check(aio_semaphore_locked(&four.semaphore));
    release(&four, 1);
    check(!aio_semaphore_locked(&four.semaphore));
    four_end(&four);
}

TASK_TEST(nobody_overtakes_who_was_woken)
{
    struct four four;
    four_begin(&four, 0);
    release(&four, 5); /* one is left for main */
    check(aio_semaphore_locked(&four.semaphore));
    check_int(aio_semaphore_acquire(&four.semaphore), 0);
    note(&four.trace, 'm');
    check_string(four.trace.text, "abcdm");
    four_end(&four);
}

static int take_and_give_back(void *arg)
{
    struct taker *taker = arg;
    int rc = take(arg);
    if (rc == 0)
        rc = aio_semaphore_release(taker->semaphore);
    return rc;
}

static int use_twice(void *arg)
{
    struct taker *taker = arg;
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = take(arg);
        if (rc == 0)
            rc = aio_sleep(AIO_MSEC(10));
        check_int(aio_semaphore_release(taker->semaphore), 0);
    }
    return rc;
}

TASK_TEST(who_gives_back_and_takes_again_comes_last)
{
    struct trace trace = {0};
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(1);
    struct taker takers[3];
    aio_task *tasks[3];
    for (int i = 0; i < 3; i++) {
        takers[i] = (struct taker){&semaphore, &trace, (char)('a' + i), 1};
        tasks[i] = aio_spawn(use_twice, &takers[i]);
    }
    for (int i = 0; i < 3; i++)
        check_int(aio_join(tasks[i]), 0);
    check_string(trace.text, "abcabc");
}

/* A waiter that comes in wakes all for whom permits have come meanwhile. */
TASK_TEST(permits_that_come_while_the_first_is_on_its_way_reach_who_came_behind)
{
    struct trace trace = {0};
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(0);
    struct taker a = {&semaphore, &trace, 'a', 1}, b = a, c = a;
    b.letter = 'b';
    c.letter = 'c';
    aio_task *task_a = aio_spawn(take, &a);
    check_int(aio_yield(), 0);
    check_int(aio_semaphore_release(&semaphore), 0); /* a's */
    check_int(aio_semaphore_release(&semaphore), 0); /* nobody's yet */
    check_int(aio_semaphore_release(&semaphore), 0);
    aio_task *task_b = aio_spawn(take, &b), *task_c = aio_spawn(take_and_give_back, &c);
    check_int(aio_yield(), 0);
    check_string(trace.text, "abc");
    check(!aio_semaphore_locked(&semaphore));
    (void)aio_task_stop(task_a);
    (void)aio_task_stop(task_b);
    (void)aio_task_stop(task_c);
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(permits_go_to_the_first_who_are_not_cancelled)
{
    struct four four;
    four_begin(&four, 0);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_task_cancel(four.tasks[2]), 1);
    release(&four, 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!b");
    check(aio_semaphore_locked(&four.semaphore));
    release(&four, 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!bd");
    four_end(&four);
}

TASK_TEST(a_woken_waiter_that_is_cancelled_gives_its_permit_to_the_next)
{
    struct four four;
    four_begin(&four, 0);
    release(&four, 1);
    check_int(aio_task_cancel(four.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!");
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!b");
    check(aio_semaphore_locked(&four.semaphore));
    four_end(&four);
}

TASK_TEST(of_two_that_were_woken_one_is_cancelled_and_the_third_goes_on)
{
    struct four four;
    four_begin(&four, 0);
    release(&four, 2);
    check_int(aio_task_cancel(four.tasks[1]), 1);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "a!c");
    four_end(&four);
}

TASK_TEST(with_all_waiters_cancelled_the_permits_stay)
{
    struct four four;
    four_begin(&four, 0);
    release(&four, 2);
    for (int i = 0; i < 4; i++)
        check_int(aio_task_cancel(four.tasks[i]), 1);
    check(aio_semaphore_locked(&four.semaphore)); /* two were woken, and have not gone on */
    check_int(aio_yield(), 0);
    check_string(four.trace.text, "!!!!");
    check_int(aio_semaphore_acquire(&four.semaphore), 0);
    check_int(aio_semaphore_acquire(&four.semaphore), 0);
    check(aio_semaphore_locked(&four.semaphore));
    four_end(&four);
}

/* Of the cancelled and not gone on, nothing is left that counts. */
TASK_TEST(a_newcomer_need_not_wait_for_who_is_cancelled)
{
    struct four four;
    four_begin(&four, 0);
    for (int i = 0; i < 4; i++)
        check_int(aio_task_cancel(four.tasks[i]), 1);
    release(&four, 1);
    check(!aio_semaphore_locked(&four.semaphore));
    check_int(aio_semaphore_acquire(&four.semaphore), 0);
    check_string(four.trace.text, "");
    four_end(&four);
}

static int cancel_oneself_and_take(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return take(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_the_acquire_waits)
{
    struct trace trace = {0};
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(1);
    struct taker taker = {&semaphore, &trace, 't', 1};
    check_int(aio_join(aio_spawn(cancel_oneself_and_take, &taker)), -ECANCELED);
    check_int(aio_join(aio_spawn(cancel_oneself_and_take, &taker)), -ECANCELED);
    check_string(trace.text, "t!");
    check_int(aio_semaphore_release(&semaphore), 0);
    check(!aio_semaphore_locked(&semaphore));
}

TASK_TEST(waiting_allocates_nothing)
{
    struct four four;
    four_begin(&four, 0);
    size_t blocks = ledger_blocks();
    release(&four, 5);
    check_int(aio_semaphore_acquire(&four.semaphore), 0);
    check_int((int64_t)ledger_blocks(), (int64_t)blocks);
    four_end(&four);
}

/* ---- the bound, misuse ---------------------------------------------------------------------- */

TASK_TEST(a_bounded_semaphore_never_has_more_than_its_permits)
{
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT_BOUNDED(1), none;
    check_int(aio_semaphore_release(&semaphore), -EINVAL);
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check_int(aio_semaphore_release(&semaphore), 0);
    check_int(aio_semaphore_release(&semaphore), -EINVAL);
    check_int(aio_semaphore_init_bounded(&none, 0), 0);
    check_int(aio_semaphore_release(&none), -EINVAL);
    check(aio_semaphore_locked(&none));
}

TASK_TEST(an_unbounded_semaphore_has_its_end_too)
{
    aio_semaphore semaphore;
    check_int(aio_semaphore_init(&semaphore, INT_MAX), 0);
    check_int(aio_semaphore_release(&semaphore), -EINVAL);
    check_int(aio_semaphore_acquire(&semaphore), 0);
    check_int(aio_semaphore_release(&semaphore), 0);
}

TEST(there_are_no_fewer_permits_than_none)
{
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(0);
    check_int(aio_semaphore_init(&semaphore, -1), -EINVAL);
    check_int(aio_semaphore_init_bounded(&semaphore, -1), -EINVAL);
    check(aio_semaphore_locked(&semaphore));
}

static void acquire_in_a_callback(void *arg)
{
    aio_semaphore semaphore = AIO_SEMAPHORE_INIT(1);
    check_int(aio_semaphore_acquire(&semaphore), -EPERM);
    check_int(aio_semaphore_release(&semaphore), 0);
    check(!aio_semaphore_locked(&semaphore));
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_not_acquire_even_where_there_are_permits)
{
    bool called = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, acquire_in_a_callback, &called), 0);
    check_int(aio_yield(), 0);
    check(called);
}

TEST(there_is_no_acquiring_where_no_loop_runs)
{
    bool called = false;
    acquire_in_a_callback(&called);
    check(called);
}

TASK_TEST(null_is_no_semaphore)
{
    check_int(aio_semaphore_init(NULL, 1), -EINVAL);
    check_int(aio_semaphore_init_bounded(NULL, 1), -EINVAL);
    check_int(aio_semaphore_acquire(NULL), -EINVAL);
    check_int(aio_semaphore_release(NULL), -EINVAL);
    check(!aio_semaphore_locked(NULL));
}

/* ---- at random ------------------------------------------------------------------------------ */

#define PERMITS 3

struct hall {
    aio_semaphore semaphore;
    int inside, taken;
};

static void go_in(struct crowd *crowd, unsigned lot)
{
    struct hall *hall = crowd->object;
    if (lot < 10)
        crowd_linger(crowd);
    if (aio_semaphore_acquire(&hall->semaphore) < 0)
        return;
    hall->taken++;
    check(++hall->inside <= PERMITS);
    crowd_linger(crowd);
    hall->inside--;
    check_int(aio_semaphore_release(&hall->semaphore), 0);
}

TEST(of_a_hundred_thousand_random_operations_none_loses_or_makes_a_permit)
{
    struct hall hall = {.semaphore = AIO_SEMAPHORE_INIT_BOUNDED(PERMITS)};
    struct crowd crowd = {.operate = go_in, .object = &hall, .operations = 100000, .seed = 6};
    check_int(test_run(crowd_run, &crowd), 0);
    check(hall.taken > 30000);
    check(crowd.cancels > 5000);
    check_int(hall.semaphore.value, PERMITS);
    check_int((int64_t)hall.semaphore.waiters.count, 0);
}
