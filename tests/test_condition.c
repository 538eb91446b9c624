/*
 * The condition: who is notified, who has the lock, what a cancellation leaves.
 */
#include <errno.h>

#include <aio/sync.h>

#include "support/crowd.h"
#include "support/ledger.h"
#include "support/task_case.h"

/* Waits once with the lock, and notes how it fared while it holds that. */
struct waiter {
    aio_condition *condition;
    struct trace *trace;
    char letter;
    int turns; /* it keeps the lock for so many, afterwards */
    int result;
};

static int wait_once(void *arg)
{
    struct waiter *waiter = arg;
    int rc = aio_condition_acquire(waiter->condition);
    if (rc < 0)
        return rc;
    waiter->result = aio_condition_wait(waiter->condition);
    check(aio_condition_locked(waiter->condition));
    note(waiter->trace, waiter->result == 0 ? waiter->letter : '!');
    for (int i = 0; i < waiter->turns && rc == 0; i++)
        rc = aio_yield();
    check_int(aio_condition_release(waiter->condition), 0);
    return waiter->result;
}

/* Three who wait, and the lock is free. */
struct three {
    aio_condition condition;
    struct trace trace;
    struct waiter waiters[3];
    aio_task *tasks[3];
};

static void three_begin(struct three *three)
{
    *three = (struct three){.condition = AIO_CONDITION_INIT};
    for (int i = 0; i < 3; i++) {
        three->waiters[i] =
            (struct waiter){&three->condition, &three->trace, (char)('a' + i), 0, 1};
        three->tasks[i] = aio_spawn(wait_once, &three->waiters[i]);
    }
    check_int(aio_yield(), 0);
    check(!aio_condition_locked(&three->condition));
}

static void three_end(struct three *three)
{
    for (int i = 0; i < 3; i++)
        (void)aio_task_stop(three->tasks[i]);
    check(!aio_condition_locked(&three->condition));
}

/* Notifies so many, with the lock held for that. */
static void notify(struct three *three, size_t count)
{
    check_int(aio_condition_acquire(&three->condition), 0);
    check_int(aio_condition_notify(&three->condition, count), 0);
    check_int(aio_condition_release(&three->condition), 0);
}

/* ---- notifying ------------------------------------------------------------------------------ */

TASK_TEST(a_notification_wakes_as_many_as_it_says_in_their_order)
{
    struct three three;
    three_begin(&three);
    notify(&three, 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "");
    notify(&three, 1);
    check_string(three.trace.text, "");
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "a");
    notify(&three, 5);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "abc");
    three_end(&three);
}

TASK_TEST(all_can_be_notified)
{
    struct three three;
    three_begin(&three);
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_condition_notify_all(&three.condition), 0);
    check_int(aio_condition_release(&three.condition), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "abc");
    three_end(&three);
}

TASK_TEST(notifications_that_nobody_waits_for_are_lost)
{
    struct three three = {.condition = AIO_CONDITION_INIT};
    notify(&three, 1);
    struct waiter waiter = {&three.condition, &three.trace, 'w', 0, 1};
    aio_task *task = aio_spawn(wait_once, &waiter);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "");
    notify(&three, 1);
    check_int(aio_join(task), 0);
}

TASK_TEST(two_notifications_of_one_wake_two)
{
    struct three three;
    three_begin(&three);
    notify(&three, 1);
    notify(&three, 1);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "ab");
    three_end(&three);
}

TASK_TEST(who_was_notified_goes_on_once_he_has_the_lock)
{
    struct three three;
    three_begin(&three);
    three.waiters[0].turns = 1;
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_condition_notify(&three.condition, 2), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "");
    check_int(aio_condition_release(&three.condition), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "a"); /* and keeps it for a turn */
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "a");
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "ab");
    three_end(&three);
}

TASK_TEST(the_wait_releases_the_lock_to_who_waits_for_that)
{
    struct trace trace = {0};
    aio_condition condition = AIO_CONDITION_INIT;
    struct waiter waiter = {&condition, &trace, 'w', 0, 1};
    check_int(aio_condition_acquire(&condition), 0);
    aio_task *task = aio_spawn(wait_once, &waiter);
    check_int(aio_yield(), 0);
    check_int(aio_condition_notify_all(&condition), 0); /* it waits for the lock only */
    check_int(aio_condition_release(&condition), 0);
    check_int(aio_yield(), 0);
    check_string(trace.text, "");
    check(!aio_condition_locked(&condition));
    check_int(aio_task_stop(task), 0);
    check_string(trace.text, "!");
}

static void notify_it(void *arg)
{
    check_int(aio_condition_notify(arg, 1), 0);
    check_int(aio_condition_release(arg), 0);
}

TASK_TEST(a_callback_may_notify_and_release)
{
    struct three three;
    aio_handle handle = AIO_HANDLE_INIT;
    three_begin(&three);
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, notify_it, &three.condition), 0);
    check_int(aio_yield(), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "a");
    (void)aio_handle_cancel(&handle);
    three_end(&three);
}

/* ---- a predicate ---------------------------------------------------------------------------- */

struct stock {
    aio_condition condition;
    int items, asked;
};

static int has_items(void *arg)
{
    struct stock *stock = arg;
    stock->asked++;
    check(aio_condition_locked(&stock->condition));
    return stock->items;
}

static int wait_for_items(void *arg)
{
    struct stock *stock = arg;
    int rc = aio_condition_acquire(&stock->condition);
    if (rc < 0)
        return rc;
    rc = aio_condition_wait_for(&stock->condition, has_items, stock);
    check_int(aio_condition_release(&stock->condition), 0);
    return rc;
}

static void put(struct stock *stock, int items)
{
    check_int(aio_condition_acquire(&stock->condition), 0);
    stock->items = items;
    check_int(aio_condition_notify_all(&stock->condition), 0);
    check_int(aio_condition_release(&stock->condition), 0);
}

TASK_TEST(waiting_for_a_predicate_ends_with_what_it_says)
{
    struct stock stock = {.condition = AIO_CONDITION_INIT};
    aio_task *task = aio_spawn(wait_for_items, &stock);
    check_int(aio_yield(), 0);
    check_int(stock.asked, 1);
    put(&stock, 0);
    check_int(aio_yield(), 0);
    check_int(stock.asked, 2);
    put(&stock, 7);
    check_int(aio_join(task), 7);
    check_int(stock.asked, 3);
}

TASK_TEST(a_predicate_that_holds_at_once_needs_no_wait)
{
    struct stock stock = {.condition = AIO_CONDITION_INIT, .items = 3};
    check_int(wait_for_items(&stock), 3);
    check_int(stock.asked, 1);
}

TASK_TEST(a_predicate_that_fails_ends_the_wait)
{
    struct stock stock = {.condition = AIO_CONDITION_INIT, .items = -EIO};
    check_int(wait_for_items(&stock), -EIO);
}

TASK_TEST(waiting_for_a_predicate_can_be_cancelled)
{
    struct stock stock = {.condition = AIO_CONDITION_INIT};
    aio_task *task = aio_spawn(wait_for_items, &stock);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check(!aio_condition_locked(&stock.condition));
}

/* ---- a shared lock -------------------------------------------------------------------------- */

TASK_TEST(conditions_can_share_a_lock)
{
    aio_lock lock = AIO_LOCK_INIT;
    aio_condition full, empty;
    struct trace trace = {0};
    aio_condition_init(&full, &lock);
    aio_condition_init(&empty, &lock);
    struct waiter f = {&full, &trace, 'f', 0, 1}, e = {&empty, &trace, 'e', 0, 1};
    aio_task *task_f = aio_spawn(wait_once, &f), *task_e = aio_spawn(wait_once, &e);
    check_int(aio_yield(), 0);
    check_int(aio_condition_acquire(&full), 0);
    check(aio_lock_locked(&lock));
    check(aio_condition_locked(&empty));
    check_int(aio_condition_notify_all(&empty), 0);
    check_int(aio_lock_release(&lock), 0);
    check_int(aio_join(task_e), 0);
    check_string(trace.text, "e");
    check_int(aio_task_stop(task_f), 0);
}

TASK_TEST(without_a_lock_a_condition_has_its_own)
{
    aio_condition condition;
    aio_condition_init(&condition, NULL);
    check_int(aio_condition_acquire(&condition), 0);
    check(aio_lock_locked(&condition.own));
    check_int(aio_condition_release(&condition), 0);
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_wait_returns_with_the_lock_held)
{
    struct three three;
    three_begin(&three);
    check_int(aio_task_cancel(three.tasks[0]), 1); /* wait_once() checks it */
    check_int(aio_yield(), 0);
    check_int(three.waiters[0].result, -ECANCELED);
    three_end(&three);
}

TASK_TEST(a_cancelled_wait_waits_for_the_lock)
{
    struct three three;
    three_begin(&three);
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_task_cancel(three.tasks[0]), 1);
    for (int i = 0; i < 3; i++)
        check_int(aio_yield(), 0);
    check_string(three.trace.text, "");
    check_int(aio_condition_release(&three.condition), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!");
    three_end(&three);
}

TASK_TEST(cancellations_while_it_waits_for_the_lock_become_one)
{
    struct three three;
    three_begin(&three);
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_condition_notify(&three.condition, 1), 0);
    check_int(aio_yield(), 0);
    for (int i = 0; i < 3; i++) {
        check_int(aio_task_cancel(three.tasks[0]), 1);
        check_int(aio_yield(), 0);
    }
    check_string(three.trace.text, "");
    check_int(aio_task_cancelling(three.tasks[0]), 3);
    check_int(aio_condition_release(&three.condition), 0);
    check_int(aio_yield(), 0);
    check_int(three.waiters[0].result, -ECANCELED);
    check_int(aio_join(three.tasks[0]), -ECANCELED);
    three.tasks[0] = NULL;
    three_end(&three);
}

TASK_TEST(notified_and_cancelled_it_hands_the_notification_on)
{
    struct three three;
    three_begin(&three);
    notify(&three, 1);
    check_int(aio_task_cancel(three.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!");
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!b");
    three_end(&three);
}

TASK_TEST(cancelled_while_it_waits_for_the_lock_it_hands_the_notification_on)
{
    struct three three;
    three_begin(&three);
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_condition_notify(&three.condition, 1), 0);
    check_int(aio_yield(), 0); /* it waits for the lock now */
    check_int(aio_task_cancel(three.tasks[0]), 1);
    check_int(aio_yield(), 0);
    check_int(aio_condition_release(&three.condition), 0);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!");
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!b");
    three_end(&three);
}

TASK_TEST(who_is_cancelled_does_not_count_among_the_notified)
{
    struct three three;
    three_begin(&three);
    check_int(aio_task_cancel(three.tasks[0]), 1);
    notify(&three, 1);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!b");
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!bc"); /* it could not know that it was not notified */
    three_end(&three);
}

TASK_TEST(a_timeout_in_a_wait_leaves_the_lock_held)
{
    aio_condition condition = AIO_CONDITION_INIT;
    aio_timeout timeout;
    check_int(aio_condition_acquire(&condition), 0);
    if (check_int(aio_timeout_begin(&timeout, 10), 0))
        check_int(aio_timeout_end(&timeout, aio_condition_wait(&condition)), -ETIMEDOUT);
    check(aio_condition_locked(&condition));
    check_int(aio_condition_release(&condition), 0);
}

static int cancel_oneself_and_wait(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return wait_once(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_in_the_wait)
{
    struct trace trace = {0};
    aio_condition condition = AIO_CONDITION_INIT;
    struct waiter waiter = {&condition, &trace, 'w', 0, 1};
    check_int(aio_join(aio_spawn(cancel_oneself_and_wait, &waiter)), -ECANCELED);
    check_string(trace.text, "!");
    check(!aio_condition_locked(&condition));
}

struct waking {
    aio_condition *condition;
    aio_handle *handle;
};

/* As soon as anybody has the lock. */
static void notify_all_later(void *arg)
{
    struct waking *waking = arg;
    if (aio_condition_notify_all(waking->condition) == -EPERM)
        (void)aio_loop_call_soon(aio_loop_current(), waking->handle, notify_all_later, waking);
}

TASK_TEST(waiting_allocates_nothing)
{
    struct three three;
    three_begin(&three);
    three.waiters[0].turns = 2;
    size_t blocks = ledger_blocks();
    check_int(aio_condition_acquire(&three.condition), 0);
    check_int(aio_condition_notify(&three.condition, 1), 0);
    aio_handle handle = AIO_HANDLE_INIT;
    struct waking waking = {&three.condition, &handle};
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, notify_all_later, &waking), 0);
    check_int(aio_condition_wait(&three.condition), 0);
    check_int((int64_t)ledger_blocks(), (int64_t)blocks);
    check_string(three.trace.text, "abc");
    check_int(aio_condition_release(&three.condition), 0);
    (void)aio_handle_cancel(&handle);
    three_end(&three);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static int never(void *arg)
{
    (void)arg;
    return 0;
}

TASK_TEST(without_the_lock_there_is_no_waiting_and_no_notifying)
{
    struct stock stock = {.condition = AIO_CONDITION_INIT};
    check_int(aio_condition_wait(&stock.condition), -EPERM);
    check_int(aio_condition_wait_for(&stock.condition, never, NULL), -EPERM);
    check_int(aio_condition_notify(&stock.condition, 1), -EPERM);
    check_int(aio_condition_notify_all(&stock.condition), -EPERM);
    check_int(aio_condition_release(&stock.condition), -EPERM);
}

static void wait_in_a_callback(void *arg)
{
    aio_condition condition = AIO_CONDITION_INIT;
    struct stock stock = {.condition = AIO_CONDITION_INIT, .items = 1};
    condition.own.locked = true;
    check_int(aio_condition_acquire(&condition), -EPERM);
    check_int(aio_condition_wait(&condition), -EPERM);
    check_int(aio_condition_wait_for(&stock.condition, has_items, &stock), -EPERM);
    check(aio_condition_locked(&condition));
    check_int(stock.asked, 0);
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_not_wait)
{
    bool called = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, wait_in_a_callback, &called), 0);
    check_int(aio_yield(), 0);
    check(called);
}

TEST(there_is_no_waiting_where_no_loop_runs)
{
    bool called = false;
    wait_in_a_callback(&called);
    check(called);
}

TASK_TEST(null_is_no_condition)
{
    aio_condition condition = AIO_CONDITION_INIT;
    aio_condition_init(NULL, NULL);
    check_int(aio_condition_acquire(NULL), -EINVAL);
    check_int(aio_condition_release(NULL), -EINVAL);
    check(!aio_condition_locked(NULL));
    check_int(aio_condition_wait(NULL), -EINVAL);
    check_int(aio_condition_wait_for(NULL, never, NULL), -EINVAL);
    check_int(aio_condition_wait_for(&condition, NULL, NULL), -EINVAL);
    check_int(aio_condition_notify(NULL, 1), -EINVAL);
    check_int(aio_condition_notify_all(NULL), -EINVAL);
}

/* ---- at random ------------------------------------------------------------------------------ */

/* A store with room for three. */
struct store {
    aio_lock lock;
    aio_condition not_full, not_empty;
    int items, put, taken;
    bool closed;
};

static int has_room(void *arg)
{
    const struct store *store = arg;
    return store->items < 3 || store->closed;
}

static int has_any(void *arg)
{
    const struct store *store = arg;
    return store->items > 0 || store->closed;
}

static void put_one(struct store *store)
{
    if (aio_condition_wait_for(&store->not_full, has_room, store) <= 0 || store->closed)
        return;
    store->put++;
    check(++store->items <= 3);
    check_int(aio_condition_notify(&store->not_empty, 1), 0);
}

static void take_one(struct store *store)
{
    if (aio_condition_wait_for(&store->not_empty, has_any, store) <= 0 || store->closed)
        return;
    store->taken++;
    check(--store->items >= 0);
    check_int(aio_condition_notify(&store->not_full, 1), 0);
}

static void put_or_take(struct crowd *crowd, unsigned lot)
{
    struct store *store = crowd->object;
    if (aio_lock_acquire(&store->lock) < 0)
        return;
    if (lot < 50)
        put_one(store);
    else
        take_one(store);
    if (lot % 10 == 0)
        crowd_linger(crowd);
    check_int(aio_lock_release(&store->lock), 0);
}

/* All might wait for what none of them does; then, and at last, one comes from outside. */
static void serve(struct crowd *crowd)
{
    struct store *store = crowd->object;
    store->closed = crowd->operations == 0;
    if (aio_lock_acquire(&store->lock) < 0)
        return;
    if (store->items > 1)
        take_one(store);
    else
        put_one(store);
    if (store->closed) {
        check_int(aio_condition_notify_all(&store->not_full), 0);
        check_int(aio_condition_notify_all(&store->not_empty), 0);
    }
    check_int(aio_lock_release(&store->lock), 0);
}

TEST(of_a_hundred_thousand_random_operations_none_loses_a_notification)
{
    struct store store = {.lock = AIO_LOCK_INIT};
    aio_condition_init(&store.not_full, &store.lock);
    aio_condition_init(&store.not_empty, &store.lock);
    struct crowd crowd = {.operate = put_or_take,
                          .unstick = serve,
                          .object = &store,
                          .operations = 100000,
                          .seed = 7};
    check_int(test_run(crowd_run, &crowd), 0);
    check_int(crowd.ended, CROWD_SIZE);
    check_int(store.put - store.taken, store.items);
    check(store.put > 10000);
    check(crowd.cancels > 5000);
    check(!aio_lock_locked(&store.lock));
    check_int((int64_t)store.lock.waiters.count, 0);
    check_int((int64_t)(store.not_full.waiters.count + store.not_empty.waiters.count), 0);
}
