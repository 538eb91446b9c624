/*
 * The wait primitive, and what is hardly more: sleep, yield, the budget.
 */
#include "task/wait.h"

#include <errno.h>

#include "support/task_case.h"
#include "task/scheduler.h"

static aio_options virtual_clock(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.handle_sigint = false;
    return options;
}

static int64_t now(void)
{
    return aio_loop_time(aio_loop_current());
}

struct walker {
    struct trace *trace;
    int64_t duration;
    char name;
    int result;
};

static int sleep_and_note(void *arg)
{
    struct walker *walker = arg;
    walker->result = aio_sleep(walker->duration);
    note(walker->trace, walker->name);
    return walker->result;
}

/* ---- sleep ---------------------------------------------------------------------------------- */

TASK_TEST(sleep_takes_as_long_as_it_says)
{
    int64_t start = now();
    check_int(aio_sleep(AIO_SEC(3600)), 0);
    check_int(now() - start, AIO_SEC(3600));
    check_int(aio_sleep(1), 0);
    check_int(now() - start, AIO_SEC(3600) + 1);
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    for (int64_t duration = 1; duration < AIO_MSEC(3); duration = duration * 3 + 7) {
        int64_t start = now();
        check_int(aio_sleep(duration), 0);
        check(now() - start >= duration);
    }
    return 0;
}

TEST(sleep_is_never_too_short_on_the_real_clock)
{
    check_int(test_run_real(sleep_a_little, NULL), 0);
}

TASK_TEST(sleepers_wake_by_deadline_and_those_of_one_deadline_in_their_order)
{
    struct trace trace = {0};
    struct walker all[] = {{&trace, 5, 'd', 0}, {&trace, 3, 'a', 0}, {&trace, 5, 'e', 0},
                           {&trace, 3, 'b', 0}, {&trace, 4, 'c', 0}};
    aio_task *tasks[5];
    for (int i = 0; i < 5; i++)
        tasks[i] = aio_spawn(sleep_and_note, &all[i]);
    for (int i = 0; i < 5; i++)
        check_int(aio_join(tasks[i]), 0);
    check_string(trace.text, "abcde");
}

static int note_turns(void *arg)
{
    struct walker *walker = arg;
    for (int i = 0; i < 3; i++) {
        note(walker->trace, walker->name);
        int rc = aio_sleep(walker->duration);
        if (rc < 0)
            return rc;
    }
    return 0;
}

TASK_TEST(sleep_of_nothing_or_less_lets_the_others_run_for_one_turn)
{
    struct trace trace = {0};
    struct walker a = {&trace, 0, 'a', 0}, b = {&trace, -AIO_SEC(5), 'b', 0};
    int64_t start = now();
    aio_task *tasks[] = {aio_spawn(note_turns, &a), aio_spawn(note_turns, &b)};
    check_int(aio_join(tasks[0]), 0);
    check_int(aio_join(tasks[1]), 0);
    check_string(trace.text, "ababab");
    check_int(now() - start, 0);
}

TASK_TEST(yield_lets_all_that_is_ready_run_first)
{
    struct trace trace = {0};
    struct walker a = {&trace, 0, 'a', 0}, b = {&trace, 0, 'b', 0};
    aio_task *tasks[] = {aio_spawn(note_turns, &a), aio_spawn(note_turns, &b)};
    note(&trace, '1');
    check_int(aio_yield(), 0);
    note(&trace, '2');
    check_int(aio_yield(), 0);
    note(&trace, '3');
    check_int(aio_join(tasks[0]), 0);
    check_int(aio_join(tasks[1]), 0);
    check_string(trace.text, "1ab2ab3ab");
}

static void try_to_suspend(void *arg)
{
    aio__wait wait;
    check_int(aio_sleep(1), -EPERM);
    check_int(aio_sleep(0), -EPERM);
    check_int(aio_yield(), -EPERM);
    check_int(aio__checkpoint(1), -EPERM);
    check_int(aio__wait_begin(&wait, NULL, "test"), -EPERM);
    *(bool *)arg = true;
}

TEST(nothing_suspends_where_no_loop_runs)
{
    bool tried = false;
    try_to_suspend(&tried);
    check(tried);
}

TASK_TEST(nothing_suspends_in_a_callback)
{
    bool tried = false;
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, try_to_suspend, &tried), 0);
    check_int(aio_yield(), 0);
    check(tried);
}

TASK_TEST(a_cancelled_sleep_leaves_no_timer)
{
    struct trace trace = {0};
    struct walker sleeper = {&trace, AIO_SEC(10), 's', 0};
    aio_task *task = aio_spawn(sleep_and_note, &sleeper);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_loop_current()->timers.count, 0);
    check_int(aio_join(task), -ECANCELED);
    check_int(now(), 0);
}

TASK_TEST(a_sleep_cancelled_in_the_turn_in_which_it_is_due_is_cancelled)
{
    struct trace trace = {0};
    struct walker sleeper = {&trace, 10, 's', 0};
    /* This task's timer is the first of the two that are due at 10, so it wakes first. */
    aio_timeout timeout;
    check_int(aio_timeout_begin_at(&timeout, AIO_FOREVER), 0);
    aio_task *task = aio_spawn(sleep_and_note, &sleeper);
    check_int(aio_sleep(10), 0);
    check_int(aio_task_cancel(task), task != NULL ? 1 : -ENOMEM);
    check_int(aio_join(task), -ECANCELED);
    check_int(sleeper.result, -ECANCELED);
    check_int(aio_timeout_end(&timeout, 0), 0);
}

static void cancel_task(void *arg)
{
    (void)aio_task_cancel(arg);
}

TASK_TEST(a_sleep_whose_timer_is_due_but_has_not_run_can_be_cancelled)
{
    struct trace trace = {0};
    struct walker sleeper = {&trace, 10, 's', 0};
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *task = aio_spawn(sleep_and_note, &sleeper);
    /* Due at the same time, and first. */
    check_int(aio_loop_call_later(aio_loop_current(), &handle, 10, cancel_task, task), 0);
    check_int(aio_join(task), -ECANCELED);
    check_int(aio_loop_current()->timers.count, 0);
    (void)aio_handle_cancel(&handle);
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return aio_sleep(AIO_FOREVER);
}

TASK_TEST(sleep_for_ever_ends_by_cancellation_only)
{
    aio_task *task = aio_spawn(sleep_for_ever, NULL);
    check_int(aio_sleep(AIO_SEC(1000000000)), 0);
    if (task != NULL)
        check(!aio_future_done(task));
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
}

static int set_errno(void *arg)
{
    errno = EDOM;
    return aio_sleep(*(int64_t *)arg);
}

TASK_TEST(errno_is_preserved_across_a_suspension)
{
    int64_t durations[] = {0, 5};
    for (int i = 0; i < 2; i++) {
        aio_task *task = aio_spawn(set_errno, &durations[i]);
        errno = ERANGE;
        check_int(aio_yield(), 0);
        check_int(errno, ERANGE);
        check_int(aio_sleep(10), 0);
        check_int(errno, ERANGE);
        check_int(aio_join(task), 0);
        check_int(errno, ERANGE);
    }
}

/* ---- the primitive -------------------------------------------------------------------------- */

struct slot {
    aio__wait wait;
    bool waiting, refuses;
    int aborts;
};

static bool leave_slot(aio__wait *wait)
{
    struct slot *slot = aio__container(wait, struct slot, wait);
    slot->aborts++;
    if (slot->refuses || !slot->waiting)
        return false;
    slot->waiting = false;
    aio__wake(wait, -ECANCELED);
    return true;
}

static int wait_in_slot(void *arg)
{
    struct slot *slot = arg;
    int rc = aio__wait_begin(&slot->wait, leave_slot, "slot");
    if (rc < 0)
        return rc;
    slot->waiting = true;
    return aio__park(&slot->wait);
}

static void wake_slot(struct slot *slot, int result)
{
    if (slot->waiting)
        aio__wake(&slot->wait, result);
    slot->waiting = false;
}

TASK_TEST(a_wait_returns_what_its_waker_gave)
{
    struct slot slot = {0};
    aio_task *task = aio_spawn(wait_in_slot, &slot);
    check_int(aio_yield(), 0);
    wake_slot(&slot, 7);
    check(task == NULL || !aio_future_done(task));
    check_int(aio_join(task), 7);
    check_int(slot.aborts, 0);
}

TASK_TEST(a_wait_is_undone_by_cancellation_at_once)
{
    struct slot slot = {0};
    aio_task *task = aio_spawn(wait_in_slot, &slot);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check(!slot.waiting);
    check_int(aio_join(task), -ECANCELED);
    check_int(slot.aborts, 1);
}

TASK_TEST(a_wait_that_refuses_goes_on_and_is_cancelled_when_it_is_woken)
{
    struct slot slot = {.refuses = true};
    aio_task *task = aio_spawn(wait_in_slot, &slot);
    check_int(aio_yield(), 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_sleep(10), 0);
    check(task == NULL || !aio_future_done(task));
    wake_slot(&slot, 7);
    check_int(aio_join(task), -ECANCELED);
    check_int(slot.wait.result, task != NULL ? 7 : 0);
}

TASK_TEST(a_wait_woken_and_cancelled_in_one_turn_is_cancelled)
{
    struct slot slot = {0};
    aio_task *task = aio_spawn(wait_in_slot, &slot);
    check_int(aio_yield(), 0);
    wake_slot(&slot, 7);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
}

static int wait_cancelled(void *arg)
{
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(wait_in_slot(arg), -ECANCELED);
    check_int(aio_yield(), 0);
    return 1;
}

TASK_TEST(a_task_that_has_cancelled_itself_begins_a_wait_and_undoes_it)
{
    struct slot slot = {0};
    aio_task *task = aio_spawn(wait_cancelled, &slot);
    check_int(aio_join(task), 1);
    check_int(slot.aborts, task != NULL);
}

/* ---- the budget ----------------------------------------------------------------------------- */

/* How many operations of so many units went before the other task ran. */
struct worker {
    unsigned units, operations;
    int result;
    bool others_ran;
};

static int work_until_others_ran(void *arg)
{
    struct worker *worker = arg;
    while (worker->result == 0 && worker->operations < 100000) {
        worker->result = aio__checkpoint(worker->units);
        if (worker->others_ran)
            break;
        worker->operations++;
    }
    return worker->result;
}

static int let_it_be_known(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

static unsigned operations_in_a_step(unsigned units)
{
    struct worker worker = {.units = units};
    aio_task *task = aio_spawn(work_until_others_ran, &worker);
    aio_task *other = aio_spawn(let_it_be_known, &worker.others_ran);
    check_int(aio_join(task), 0);
    check_int(aio_join(other), 0);
    return worker.operations;
}

TASK_TEST(what_would_exceed_the_budget_yields_first)
{
    check_int(operations_in_a_step(1), 128);
    check_int(operations_in_a_step(6), 21);
    check_int(operations_in_a_step(128), 1);
}

TASK_TEST(an_operation_larger_than_the_whole_budget_goes_ahead_in_a_step_of_its_own)
{
    check_int(operations_in_a_step(1000), 0);
    check_int(aio__checkpoint(1000), 0);
    check_int(aio__checkpoint(1000), 0);
}

static int unbounded(void *arg)
{
    (void)arg;
    check_int(operations_in_a_step(6), 100000);
    return 0;
}

TEST(a_budget_of_nothing_is_no_bound)
{
    aio_options options = virtual_clock();
    options.budget = 0;
    check_int(aio_run_with(&options, unbounded, NULL), 0);
}

TASK_TEST(a_checkpoint_that_yields_can_be_cancelled)
{
    struct worker worker = {.units = 1};
    aio_task *task = aio_spawn(work_until_others_ran, &worker);
    check_int(aio_yield(), 0);
    check_int(worker.operations, task != NULL ? 128 : 0);
    check_int(aio_task_cancel(task), 1);
    check_int(aio_join(task), -ECANCELED);
    check_int(worker.result, -ECANCELED);
}

static int cancel_oneself_within_the_budget(void *arg)
{
    (void)arg;
    check_int(aio_task_cancel(aio_task_current()), 1);
    check_int(aio__checkpoint(1), 0);
    return 0;
}

TASK_TEST(a_checkpoint_within_the_budget_delivers_no_cancellation)
{
    aio_task *task = aio_spawn(cancel_oneself_within_the_budget, NULL);
    check_int(aio_join(task), -ECANCELED);
}

static int use_most_of_two_budgets(void *arg)
{
    bool *others_ran = arg;
    check_int(aio__checkpoint(100), 0);
    check_int(aio_yield(), 0);
    *others_ran = false;
    check_int(aio__checkpoint(100), 0);
    check(!*others_ran);
    return 0;
}

TASK_TEST(each_step_has_a_budget_of_its_own)
{
    bool others_ran = false;
    aio_task *task = aio_spawn(use_most_of_two_budgets, &others_ran);
    check_int(aio_yield(), 0);
    aio_task *other = aio_spawn(let_it_be_known, &others_ran);
    check_int(aio_join(task), 0);
    check_int(aio_join(other), 0);
}
