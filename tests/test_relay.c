/*
 * A wait for one future that takes a turn more: in its place in the order, and
 * taken out again.
 */
#include "task/relay.h"

#include <errno.h>

#include "support/gather_case.h"

static int relay(void *arg)
{
    struct futures *futures = arg;
    int result = 0;
    futures->rc = aio__relay_wait(futures->all[0], AIO__RELAY_SHIELD, "test", &result);
    if (futures->trace != NULL)
        note(futures->trace, 'r');
    return futures->rc < 0 ? futures->rc : result;
}

static int cancel_and_relay(void *arg)
{
    struct futures *futures = arg;
    int result = 0;
    futures->rc = aio__relay_wait(futures->all[0], AIO__RELAY_CANCEL, "test", &result);
    return futures->rc < 0 ? futures->rc : result;
}

static int await_and_note(void *arg)
{
    struct futures *futures = arg;
    int rc = aio_await(futures->all[0]);
    note(futures->trace, 'a');
    return rc;
}

TASK_TEST(the_waiter_goes_on_a_turn_after_those_who_await)
{
    struct futures futures;
    struct trace trace = {0};
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    futures.trace = &trace;
    aio_task *relayed = aio_spawn(relay, &futures), *awaiting = aio_spawn(await_and_note, &futures);
    check_int(aio_yield(), 0);
    check_int(aio_future_set(futures.all[0], 4), 0);
    check_int(aio_join(relayed), relayed != NULL ? 4 : -ENOMEM);
    check_int(aio_join(awaiting), awaiting != NULL ? 4 : -ENOMEM);
    if (relayed != NULL && awaiting != NULL)
        check_string(trace.text, "ar");
    futures_end(&futures);
}

TASK_TEST(cancelled_at_once_the_future_is_waited_for)
{
    struct futures futures;
    if (!futures_begin(&futures, aio_loop_current()))
        return;
    aio_task *task = aio_spawn(cancel_and_relay, &futures);
    check_int(aio_await_done(task), task != NULL ? 0 : -ENOMEM);
    check(task == NULL || (futures.rc == 0 && aio_future_cancelled(futures.all[0])));
    aio_release(task);
    futures_end(&futures);
}

TASK_TEST(a_relay_of_oneself_is_a_circle)
{
    int result = 0;
    aio_task *self = aio_task_current();
    check_int(aio__relay_wait(self, AIO__RELAY_SHIELD, "test", &result), -EDEADLK);
    check_int(aio__relay_wait(self, AIO__RELAY_CANCEL, "test", &result), -EDEADLK);
    check_int(aio_task_cancelling(self), 0);
}

TEST(a_relay_can_be_abandoned)
{
    for (int turns = 0; turns < 3; turns++) {
        abandon_waiters(relay, turns);
        abandon_waiters(cancel_and_relay, turns);
    }
}
