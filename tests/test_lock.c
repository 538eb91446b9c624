/*
 * The lock: its queue, what a cancellation leaves, misuse.
 */
#include <errno.h>

#include <aio/sync.h>

#include "support/crowd.h"
#include "support/ledger.h"
#include "support/task_case.h"

/* Takes the lock, notes its letter, and gives the lock back after so many turns. */
struct taker {
    aio_lock *lock;
    struct trace *trace;
    char letter;
    int turns;
    int result;
};

static int take(void *arg)
{
    struct taker *taker = arg;
    taker->result = aio_lock_acquire(taker->lock);
    note(taker->trace, taker->result == 0 ? taker->letter : '!');
    if (taker->result < 0)
        return taker->result;
    int rc = 0;
    for (int i = 0; i < taker->turns && rc == 0; i++)
        rc = aio_yield();
    check_int(aio_lock_release(taker->lock), 0);
    return rc;
}

/* Takes it and keeps it. */
static int keep(void *arg)
{
    struct taker *taker = arg;
    taker->result = aio_lock_acquire(taker->lock);
    note(taker->trace, taker->result == 0 ? taker->letter : '!');
    return taker->result;
}

/* A held lock, and three who wait for it. */
struct queue {
    aio_lock lock;
    struct trace trace;
    struct taker a, b, c;
    aio_task *task_a, *task_b, *task_c;
};

static void queue_begin(struct queue *queue, aio_function function)
{
    *queue = (struct queue){.lock = AIO_LOCK_INIT};
    queue->a = (struct taker){&queue->lock, &queue->trace, 'a', 0, 1};
    queue->b = (struct taker){&queue->lock, &queue->trace, 'b', 0, 1};
    queue->c = (struct taker){&queue->lock, &queue->trace, 'c', 0, 1};
    check_int(aio_lock_acquire(&queue->lock), 0);
    queue->task_a = aio_spawn(function, &queue->a);
    queue->task_b = aio_spawn(function, &queue->b);
    queue->task_c = aio_spawn(function, &queue->c);
    check_int(aio_yield(), 0);
}

static void queue_end(struct queue *queue)
{
    (void)aio_task_stop(queue->task_a);
    (void)aio_task_stop(queue->task_b);
    (void)aio_task_stop(queue->task_c);
}

/* ---- the queue ------------------------------------------------------------------------------ */

TASK_TEST(a_free_lock_is_taken_without_suspending)
{
    struct trace trace = {0};
    aio_lock lock = AIO_LOCK_INIT;
    struct taker other = {&lock, &trace, 'o', 0, 1};
    check(!aio_lock_locked(&lock));
    aio_task *task = aio_spawn(take, &other);
    check_int(aio_lock_acquire(&lock), 0);
    check(aio_lock_locked(&lock));
    check_int(aio_lock_release(&lock), 0);
    check(!aio_lock_locked(&lock));
    check_string(trace.text, "");
    check_int(aio_join(task), 0);
    check_string(trace.text, "o");
}

TASK_TEST(a_lock_of_zeroes_is_free)
{
    aio_lock lock;
    memset(&lock, 0, sizeof lock);
    check_int(aio_lock_acquire(&lock), 0);
    check_int(aio_lock_release(&lock), 0);
}

TASK_TEST(waiters_get_the_lock_in_the_order_in_which_they_came)
{
    struct queue queue;
    queue_begin(&queue, take);
    queue.b.turns = 2;
    check_string(queue.trace.text, "");
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_lock_acquire(&queue.lock), 0);
    note(&queue.trace, 'm');
    check_string(queue.trace.text, "abcm");
    check_int(aio_lock_release(&queue.lock), 0);
    queue_end(&queue);
}

TASK_TEST(each_release_lets_one_go_on_in_the_turn_after)
{
    struct queue queue;
    queue_begin(&queue, keep);
    for (int i = 0; i < 3; i++) {
        check_int((int64_t)queue.trace.length, i);
        check_int(aio_lock_release(&queue.lock), 0);
        check_int((int64_t)queue.trace.length, i);
        check_int(aio_yield(), 0);
        check(aio_lock_locked(&queue.lock));
    }
    check_string(queue.trace.text, "abc");
    queue_end(&queue);
}

TASK_TEST(nobody_overtakes_who_was_woken)
{
    struct queue queue;
    queue_begin(&queue, take);
    check_int(aio_lock_release(&queue.lock), 0);
    check(!aio_lock_locked(&queue.lock)); /* and yet: */
    check_int(aio_lock_acquire(&queue.lock), 0);
    note(&queue.trace, 'm');
    check_string(queue.trace.text, "abcm");
    queue_end(&queue);
}

static void release_it(void *arg)
{
    check_int(aio_lock_release(arg), 0);
}

TASK_TEST(any_task_and_any_callback_may_release_it)
{
    struct queue queue;
    aio_handle handle = AIO_HANDLE_INIT;
    queue_begin(&queue, keep);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, release_it, &queue.lock), 0);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "a");
    check_int(aio_lock_release(&queue.lock), 0); /* it is a's */
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "ab");
    (void)aio_handle_cancel(&handle);
    queue_end(&queue);
}

TASK_TEST(who_acquires_what_he_holds_waits_for_himself)
{
    aio_lock lock = AIO_LOCK_INIT;
    check_int(aio_lock_acquire(&lock), 0);
    aio_timeout timeout;
    if (check_int(aio_timeout_begin(&timeout, 10), 0))
        check_int(aio_timeout_end(&timeout, aio_lock_acquire(&lock)), -ETIMEDOUT);
    check_int(aio_lock_release(&lock), 0);
    check_int(aio_lock_acquire(&lock), 0);
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_waiter_leaves_the_queue)
{
    struct queue queue;
    queue_begin(&queue, take);
    check_int(aio_task_cancel(queue.task_b), 1);
    check_int(aio_yield(), 0);
    check_int(queue.b.result, -ECANCELED);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_lock_acquire(&queue.lock), 0);
    check_string(queue.trace.text, "!ac");
    queue_end(&queue);
}

/* The first one, cancelled, has not gone on; he looks after the next when he does. */
TASK_TEST(a_release_that_finds_the_first_cancelled_wakes_the_next_a_turn_later)
{
    struct queue queue;
    queue_begin(&queue, keep);
    check_int(aio_task_cancel(queue.task_a), 1);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "!");
    check(!aio_lock_locked(&queue.lock));
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "!b");
    check(aio_lock_locked(&queue.lock));
    queue_end(&queue);
}

TASK_TEST(a_woken_waiter_that_is_cancelled_hands_on_to_the_next)
{
    struct queue queue;
    queue_begin(&queue, keep);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_task_cancel(queue.task_a), 1);
    check_int(aio_yield(), 0);
    check_int(queue.a.result, -ECANCELED);
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "!b");
    check(aio_lock_locked(&queue.lock));
    queue_end(&queue);
}

TASK_TEST(cancelled_and_woken_one_after_the_other_all_hand_on)
{
    struct queue queue;
    queue_begin(&queue, keep);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_task_cancel(queue.task_a), 1);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(queue.task_b), 1);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(queue.task_c), 1);
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "!!!");
    check(!aio_lock_locked(&queue.lock));
    check_int(aio_lock_acquire(&queue.lock), 0);
    queue_end(&queue);
}

struct race {
    aio_lock *lock;
    aio_task *task;
};

static void cancel_and_release(void *arg)
{
    struct race *race = arg;
    check_int(aio_task_cancel(race->task), 1);
    check_int(aio_lock_release(race->lock), 0);
}

TASK_TEST(of_a_cancellation_and_a_release_in_one_turn_one_lock_comes)
{
    struct queue queue;
    aio_handle handle = AIO_HANDLE_INIT;
    queue_begin(&queue, keep);
    struct race race = {&queue.lock, queue.task_a};
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, cancel_and_release, &race), 0);
    check_int(aio_await(queue.task_a), -ECANCELED);
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "!b");
    (void)aio_handle_cancel(&handle);
    queue_end(&queue);
}

TASK_TEST(a_free_lock_whose_waiters_are_all_cancelled_is_taken_at_once)
{
    struct queue queue;
    queue_begin(&queue, keep);
    check_int(aio_task_cancel(queue.task_a), 1);
    check_int(aio_task_cancel(queue.task_b), 1);
    check_int(aio_task_cancel(queue.task_c), 1);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_lock_acquire(&queue.lock), 0);
    note(&queue.trace, 'm');
    check_int(aio_yield(), 0);
    check_string(queue.trace.text, "m!!!");
    check(aio_lock_locked(&queue.lock));
    queue_end(&queue);
}

static int cancel_oneself_and_take(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return keep(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_the_acquire_waits)
{
    struct trace trace = {0};
    aio_lock lock = AIO_LOCK_INIT;
    struct taker taker = {&lock, &trace, 't', 0, 1};
    check_int(aio_join(aio_spawn(cancel_oneself_and_take, &taker)), -ECANCELED);
    check_string(trace.text, "t"); /* it did not wait */
    check(aio_lock_locked(&lock));
    check_int(aio_join(aio_spawn(cancel_oneself_and_take, &taker)), -ECANCELED);
    check_string(trace.text, "t!");
    check_int(aio_lock_release(&lock), 0);
    check_int(aio_lock_acquire(&lock), 0);
}

/* ---- the budget, memory --------------------------------------------------------------------- */

static int set_it(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

TASK_TEST(who_only_takes_and_releases_lets_the_others_run_now_and_then)
{
    aio_lock lock = AIO_LOCK_INIT;
    bool ran = false;
    aio_task *task = aio_spawn(set_it, &ran);
    int times = 0;
    while (!ran && times < 1000 && aio_lock_acquire(&lock) == 0) {
        times++;
        check_int(aio_lock_release(&lock), 0);
    }
    check_int(times, 129);
    check_int(aio_join(task), 0);
}

TASK_TEST(waiting_allocates_nothing)
{
    struct queue queue;
    queue_begin(&queue, take);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_yield(), 0);
    size_t blocks = ledger_blocks(), mapped = ledger_mapped();
    check_int(aio_lock_acquire(&queue.lock), 0);
    check_int((int64_t)ledger_blocks(), (int64_t)blocks);
    check_int((int64_t)ledger_mapped(), (int64_t)mapped);
    queue_end(&queue);
}

/* ---- misuse --------------------------------------------------------------------------------- */

TEST(a_lock_that_nobody_holds_is_not_released)
{
    aio_lock lock = AIO_LOCK_INIT;
    check_int(aio_lock_release(&lock), -EPERM);
    check(!aio_lock_locked(&lock));
}

TASK_TEST(a_lock_is_released_once)
{
    aio_lock lock = AIO_LOCK_INIT;
    check_int(aio_lock_acquire(&lock), 0);
    check_int(aio_lock_release(&lock), 0);
    check_int(aio_lock_release(&lock), -EPERM);
}

TASK_TEST(a_lock_that_waits_for_who_was_woken_is_not_released)
{
    struct queue queue;
    queue_begin(&queue, keep);
    check_int(aio_lock_release(&queue.lock), 0);
    check_int(aio_lock_release(&queue.lock), -EPERM);
    queue_end(&queue);
}

static void acquire_in_a_callback(void *arg)
{
    aio_lock lock = AIO_LOCK_INIT;
    check_int(aio_lock_acquire(&lock), -EPERM);
    check(!aio_lock_locked(&lock));
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_not_acquire_even_a_free_lock)
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

TASK_TEST(null_is_no_lock)
{
    check_int(aio_lock_acquire(NULL), -EINVAL);
    check_int(aio_lock_release(NULL), -EINVAL);
    check(!aio_lock_locked(NULL));
}

/* ---- at random ------------------------------------------------------------------------------ */

struct hall {
    aio_lock lock;
    int inside, taken;
};

/* A cancellation only ever says that this one does not hold the lock. */
static void go_in(struct crowd *crowd, unsigned lot)
{
    struct hall *hall = crowd->object;
    if (lot < 10)
        crowd_linger(crowd);
    if (aio_lock_acquire(&hall->lock) < 0)
        return;
    hall->taken++;
    check_int(++hall->inside, 1);
    crowd_linger(crowd);
    hall->inside--;
    check_int(aio_lock_release(&hall->lock), 0);
}

TEST(of_a_hundred_thousand_random_operations_no_two_are_inside)
{
    struct hall hall = {.lock = AIO_LOCK_INIT};
    struct crowd crowd = {.operate = go_in, .object = &hall, .operations = 100000, .seed = 4};
    check_int(test_run(crowd_run, &crowd), 0);
    check(hall.taken > 30000);
    check(crowd.cancels > 5000);
    check(!aio_lock_locked(&hall.lock));
    check_int((int64_t)hall.lock.waiters.count, 0);
}
