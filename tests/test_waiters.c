/*
 * The FIFO of waiters: its states, and tasks that are abandoned in it.
 */
#include "sync/waiters.h"

#include <errno.h>

#include <aio/loop.h>
#include <aio/run.h>

#include "support/task_case.h"

/* Waits in a queue, and notes how it went on. */
struct member {
    aio__waiters *waiters;
    bool (*abort)(aio__wait *wait);
    aio__waiter waiter;
    struct trace *trace;
    char letter;
};

static int wait_in_queue(void *arg)
{
    struct member *member = arg;
    int rc = aio__waiter_begin(&member->waiter, member->waiters, member->abort, "test");
    if (rc < 0)
        return rc;
    rc = aio__waiter_park(&member->waiter);
    note(member->trace, rc == 0 ? member->letter : '!');
    return rc;
}

/* Three in a queue. */
struct three {
    aio__waiters waiters;
    struct trace trace;
    struct member members[3];
    aio_task *tasks[3];
};

static bool three_begin(struct three *three, bool (*abort)(aio__wait *wait))
{
    bool there = true;
    *three = (struct three){.waiters = AIO__WAITERS_INIT};
    for (int i = 0; i < 3; i++) {
        struct member *member = &three->members[i];
        member->waiters = &three->waiters;
        member->abort = abort;
        member->trace = &three->trace;
        member->letter = (char)('a' + i);
        three->tasks[i] = aio_spawn(wait_in_queue, member);
        there = there && three->tasks[i] != NULL;
    }
    check_int(aio_yield(), 0);
    return check(there);
}

static void three_end(struct three *three)
{
    for (int i = 0; i < 3; i++)
        (void)aio_task_stop(three->tasks[i]);
    check_int((int64_t)three->waiters.count, 0);
    check(aio__waiters_first(&three->waiters) == NULL);
}

TASK_TEST(nobody_is_in_a_queue_of_zeroes)
{
    aio__waiters waiters = AIO__WAITERS_INIT;
    check(aio__waiters_first(&waiters) == NULL);
    check(!aio__waiters_wake_next(&waiters));
}

TASK_TEST(who_is_woken_as_the_next_is_out_but_counts_until_he_goes_on)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort)) {
        check(aio__waiters_first(&three.waiters) == &three.members[0].waiter);
        check(aio__waiters_wake_next(&three.waiters));
        check(aio__waiters_first(&three.waiters) == &three.members[1].waiter);
        check_int((int64_t)three.waiters.count, 3);
        check(!aio__waiter_waiting(&three.members[0].waiter));
        check_int(aio_yield(), 0);
        check_int((int64_t)three.waiters.count, 2);
        check_string(three.trace.text, "a");
    }
    three_end(&three);
}

TASK_TEST(who_was_woken_and_disowned_does_not_count_himself_out)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort)) {
        check(aio__waiters_wake_next(&three.waiters));
        aio__waiter_disown(&three.members[0].waiter);
        check(three.members[0].waiter.waiters == NULL);
        check_int(aio_yield(), 0);
        check_string(three.trace.text, "a");
        check_int((int64_t)three.waiters.count, 3);
        three.waiters.count--;
    }
    three_end(&three);
}

TASK_TEST(who_is_woken_in_his_place_stays_in_it)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort_in_place)) {
        aio__waiter_wake(&three.members[0].waiter);
        check(aio__waiters_first(&three.waiters) == &three.members[0].waiter);
        check_int(aio_yield(), 0);
        check(aio__waiters_first(&three.waiters) == &three.members[1].waiter);
    }
    three_end(&three);
}

TASK_TEST(who_is_cancelled_is_out_and_does_not_count)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort)) {
        check_int(aio_task_cancel(three.tasks[0]), 1);
        check(aio__waiters_first(&three.waiters) == &three.members[1].waiter);
        check_int((int64_t)three.waiters.count, 2);
        check(!three.members[0].waiter.woken);
    }
    three_end(&three);
    check_string(three.trace.text, "!!!");
}

TASK_TEST(who_is_cancelled_in_his_place_stays_in_it_and_does_not_count)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort_in_place)) {
        check_int(aio_task_cancel(three.tasks[0]), 1);
        check(aio__waiters_first(&three.waiters) == &three.members[0].waiter);
        check(!aio__waiter_waiting(&three.members[0].waiter));
        check_int((int64_t)three.waiters.count, 2);
        check_int(aio_yield(), 0);
        check(aio__waiters_first(&three.waiters) == &three.members[1].waiter);
    }
    three_end(&three);
}

TASK_TEST(woken_and_cancelled_he_knows_both)
{
    struct three three;
    if (three_begin(&three, aio__waiter_abort)) {
        check(aio__waiters_wake_next(&three.waiters));
        check_int(aio_task_cancel(three.tasks[0]), 1);
        check_int((int64_t)three.waiters.count, 3);
        check_int(aio_yield(), 0);
        check_string(three.trace.text, "!");
        check(three.members[0].waiter.woken);
    }
    three_end(&three);
}

/* ---- abandoned ------------------------------------------------------------------------------ */

/* The loop closes while tasks wait, were cancelled, were woken: none is in the queue after. */
static void abandon(bool (*abort)(aio__wait *wait))
{
    struct three three = {.waiters = AIO__WAITERS_INIT};
    struct caught caught;
    aio_loop *loop = aio_loop_new();
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    for (int i = 0; i < 3 && loop != NULL; i++) {
        three.members[i] = (struct member){
            .waiters = &three.waiters, .abort = abort, .trace = &three.trace, .letter = 'w'};
        three.tasks[i] = aio_spawn_with(&options, wait_in_queue, &three.members[i]);
    }
    (void)aio_loop_step(loop, 0);
    (void)aio_task_cancel(three.tasks[2]);
    if (three.tasks[0] != NULL && three.tasks[1] != NULL && aio__waiters_first(&three.waiters))
        aio__waiter_wake(aio__waiters_first(&three.waiters));
    (void)aio_loop_close(loop);
    check(aio__waiters_first(&three.waiters) == NULL);
    check_int((int64_t)three.waiters.count, 0);
    check_string(three.trace.text, "");
    for (int i = 0; i < 3; i++)
        aio_release(three.tasks[i]);
}

TEST(tasks_that_are_abandoned_are_taken_out_of_the_queue)
{
    abandon(aio__waiter_abort);
}

TEST(tasks_that_are_abandoned_are_taken_out_of_their_places)
{
    abandon(aio__waiter_abort_in_place);
}

/* The lock lies on the stack of a task that is abandoned before those that wait for it. */
static int hold(void *arg)
{
    aio_lock lock = AIO_LOCK_INIT;
    *(aio_lock **)arg = &lock;
    int rc = aio_lock_acquire(&lock);
    return rc == 0 ? aio_sleep(AIO_SEC(3600)) : rc;
}

static int acquire(void *arg)
{
    return aio_lock_acquire(*(aio_lock **)arg);
}

TEST(a_lock_on_the_stack_of_an_abandoned_task_is_left_in_time)
{
    aio_lock *lock = NULL;
    struct caught caught;
    aio_task *tasks[3] = {0};
    aio_loop *loop = aio_loop_new();
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    (void)aio_loop_set_exception_handler(loop, catch_failure, &caught);
    if (loop != NULL)
        tasks[0] = aio_spawn_with(&options, hold, &lock);
    for (int i = 1; i < 3 && tasks[0] != NULL; i++)
        tasks[i] = aio_spawn_with(&options, acquire, &lock);
    (void)aio_loop_step(loop, 0);
    (void)aio_loop_close(loop);
    for (int i = 0; i < 3; i++) {
        check(tasks[i] == NULL || aio_future_cancelled(tasks[i]));
        aio_release(tasks[i]);
    }
}
