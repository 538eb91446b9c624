/*
 * The event: who is woken by a set, and by which.
 */
#include <errno.h>

#include <aio/sync.h>

#include "support/crowd.h"
#include "support/ledger.h"
#include "support/task_case.h"

struct waiter {
    aio_event *event;
    struct trace *trace;
    char letter;
    int result;
};

static int wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result = aio_event_wait(waiter->event);
    note(waiter->trace, waiter->result == 0 ? waiter->letter : '!');
    return waiter->result;
}

/* Three who wait for an event. */
struct three {
    aio_event event;
    struct trace trace;
    struct waiter waiters[3];
    aio_task *tasks[3];
};

static void three_begin(struct three *three)
{
    *three = (struct three){.event = AIO_EVENT_INIT};
    for (int i = 0; i < 3; i++) {
        three->waiters[i] = (struct waiter){&three->event, &three->trace, (char)('a' + i), 1};
        three->tasks[i] = aio_spawn(wait_for_it, &three->waiters[i]);
    }
    check_int(aio_yield(), 0);
}

static void three_end(struct three *three)
{
    for (int i = 0; i < 3; i++)
        (void)aio_task_stop(three->tasks[i]);
}

/* ---- waiting -------------------------------------------------------------------------------- */

TASK_TEST(an_event_is_not_set_at_first)
{
    aio_event event = AIO_EVENT_INIT, zeroes;
    memset(&zeroes, 0, sizeof zeroes);
    check(!aio_event_is_set(&event));
    check(!aio_event_is_set(&zeroes));
    aio_event_set(&zeroes);
    check(aio_event_is_set(&zeroes));
    aio_event_set(&zeroes);
    aio_event_clear(&zeroes);
    check(!aio_event_is_set(&zeroes));
}

TASK_TEST(a_set_wakes_all_who_wait_in_their_order)
{
    struct three three;
    three_begin(&three);
    check_string(three.trace.text, "");
    aio_event_set(&three.event);
    check_string(three.trace.text, ""); /* nobody runs inside it */
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "abc");
    three_end(&three);
}

TASK_TEST(of_a_set_event_nobody_waits)
{
    struct trace trace = {0};
    aio_event event = AIO_EVENT_INIT;
    struct waiter other = {&event, &trace, 'o', 1};
    aio_event_set(&event);
    aio_task *task = aio_spawn(wait_for_it, &other);
    check_int(aio_event_wait(&event), 0);
    check_string(trace.text, "");
    check_int(aio_join(task), 0);
}

TASK_TEST(whom_a_set_woke_goes_on_though_it_is_cleared)
{
    struct three three;
    three_begin(&three);
    aio_event_set(&three.event);
    aio_event_clear(&three.event);
    struct waiter late = {&three.event, &three.trace, 'l', 1};
    aio_task *task = aio_spawn(wait_for_it, &late);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "abc");
    check_int(late.result, 1);
    aio_event_set(&three.event);
    check_int(aio_join(task), 0);
    check_string(three.trace.text, "abcl");
    three_end(&three);
}

TASK_TEST(two_sets_in_one_turn_wake_once)
{
    struct three three;
    three_begin(&three);
    aio_event_set(&three.event);
    aio_event_clear(&three.event);
    aio_event_set(&three.event);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "abc");
    three_end(&three);
}

static void set_it(void *arg)
{
    aio_event_set(arg);
}

TASK_TEST(a_callback_may_set_it)
{
    aio_event event = AIO_EVENT_INIT;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_later(aio_loop_current(), &handle, 10, set_it, &event), 0);
    check_int(aio_event_wait(&event), 0);
    check_int(aio_loop_time(aio_loop_current()), 10);
    (void)aio_handle_cancel(&handle);
}

/* ---- cancellation --------------------------------------------------------------------------- */

TASK_TEST(a_cancelled_wait_is_forgotten)
{
    struct three three;
    three_begin(&three);
    check_int(aio_task_cancel(three.tasks[1]), 1);
    aio_event_set(&three.event);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "!ac");
    check_int(aio_join(three.tasks[1]), -ECANCELED);
    three.tasks[1] = NULL;
    three_end(&three);
}

TASK_TEST(cancelled_after_the_set_it_is_cancelled)
{
    struct three three;
    three_begin(&three);
    aio_event_set(&three.event);
    check_int(aio_task_cancel(three.tasks[1]), 1);
    check_int(aio_yield(), 0);
    check_string(three.trace.text, "a!c");
    three_end(&three);
}

static int cancel_oneself_and_wait(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    return wait_for_it(arg);
}

TASK_TEST(a_cancellation_that_is_due_comes_where_the_event_is_not_set)
{
    struct trace trace = {0};
    aio_event event = AIO_EVENT_INIT;
    struct waiter waiter = {&event, &trace, 'w', 1};
    check_int(aio_join(aio_spawn(cancel_oneself_and_wait, &waiter)), -ECANCELED);
    check_string(trace.text, "!");
    aio_event_set(&event);
    check_int(aio_join(aio_spawn(cancel_oneself_and_wait, &waiter)), -ECANCELED);
    check_string(trace.text, "!w"); /* it did not wait */
}

TASK_TEST(waiting_allocates_nothing)
{
    aio_event event = AIO_EVENT_INIT;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_later(aio_loop_current(), &handle, 10, set_it, &event), 0);
    size_t blocks = ledger_blocks();
    check_int(aio_event_wait(&event), 0);
    check_int((int64_t)ledger_blocks(), (int64_t)blocks);
    (void)aio_handle_cancel(&handle);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static void wait_in_a_callback(void *arg)
{
    aio_event event = AIO_EVENT_INIT;
    check_int(aio_event_wait(&event), -EPERM);
    aio_event_set(&event);
    check_int(aio_event_wait(&event), -EPERM);
    *(bool *)arg = true;
}

TASK_TEST(a_callback_can_not_wait_even_for_a_set_event)
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

TASK_TEST(null_is_no_event)
{
    check_int(aio_event_wait(NULL), -EINVAL);
    aio_event_set(NULL);
    aio_event_clear(NULL);
    check(!aio_event_is_set(NULL));
}

/* ---- at random ------------------------------------------------------------------------------ */

struct bell {
    aio_event event;
    int sets; /* so often it was not set, and was */
    int woken;
};

static void ring(struct bell *bell)
{
    bell->sets += !aio_event_is_set(&bell->event);
    aio_event_set(&bell->event);
}

static void ring_or_listen(struct crowd *crowd, unsigned lot)
{
    struct bell *bell = crowd->object;
    int sets = bell->sets;
    if (lot < 5)
        ring(bell);
    else if (lot < 30)
        aio_event_clear(&bell->event);
    else if (aio_event_is_set(&bell->event))
        crowd_linger(crowd);
    else if (aio_event_wait(&bell->event) == 0 && check(bell->sets > sets))
        bell->woken++;
}

static void ring_at_last(struct crowd *crowd)
{
    if (crowd->operations == 0)
        ring(crowd->object);
    else if (crowd_draw(crowd, 4) == 0)
        ring(crowd->object);
}

TEST(of_a_hundred_thousand_random_operations_none_wakes_too_early_or_is_lost)
{
    struct bell bell = {.event = AIO_EVENT_INIT};
    struct crowd crowd = {.operate = ring_or_listen,
                          .unstick = ring_at_last,
                          .object = &bell,
                          .operations = 100000,
                          .seed = 5};
    check_int(test_run(crowd_run, &crowd), 0);
    check_int(crowd.ended, CROWD_SIZE);
    check(bell.woken > 5000);
    check(crowd.cancels > 5000);
    check_int((int64_t)bell.event.waiters.count, 0);
}
