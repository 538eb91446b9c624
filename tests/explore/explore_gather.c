/*
 * Waiting for tasks: gather, wait, wait_for, shield and the two awaits.  The first
 * actor waits for the others, which end, fail, or wait for ever.
 *
 * Whether the one who waits hears of a cancellation depends on those to whom it is
 * passed on: it comes back as their end.  So what is checked is that each result is
 * true of them, that it comes once it is, and that the waiter's cancellation is
 * used up.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_EVENT = PLACES, AT_GATHER, AT_GATHER_ALL, AT_WAIT_FIRST, AT_WAIT_ALL, AT_CHILD };

#define CHILDREN (ACTORS - 1)
#define TIME_LIMIT 1

static struct {
    aio_event never;
} model;

static void begin(void)
{
    model.never = (aio_event)AIO_EVENT_INIT;
}

static struct actor *child(unsigned i)
{
    return &world.actors[1 + i];
}

static bool is_done(unsigned i)
{
    return aio_future_done(child(i)->task);
}

static bool has_failed(unsigned i)
{
    return is_done(i) && aio_future_result(child(i)->task) < 0;
}

static unsigned count_done(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CHILDREN; i++)
        count += is_done(i);
    return count;
}

/* ---- who waits for all or some --------------------------------------------------------------- */

/* The call is over.  However it was, no request is left that it has not heard of. */
static bool over(struct actor *actor, int rc)
{
    bool suspended = wait_over(actor, rc);
    if (suspended)
        actor->heard = aio_task_cancelling(actor->task);
    return suspended;
}

static void check_items(const aio_wait_item *items)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        expect(!items[i].done || (is_done(i) &&
                                  items[i].result == aio_future_result(child(i)->task)),
               "an item says something else than its task");
}

/* When it failed: what was done before is taken in the items' order. */
static unsigned time_of_failure(unsigned i, const bool *was_done)
{
    return was_done[i] ? 0 : child(i)->end;
}

/* The failure that is to be told, or 0: the first. */
static int first_failure(const bool *was_done)
{
    unsigned first = CHILDREN;
    for (unsigned i = CHILDREN; i-- > 0;)
        if (has_failed(i) && (first == CHILDREN || time_of_failure(i, was_done) <=
                                                       time_of_failure(first, was_done)))
            first = i;
    return first < CHILDREN ? aio_future_result(child(first)->task) : 0;
}

static void check_gather(int rc, unsigned flags, bool cancelled, const bool *was_done)
{
    bool all = flags != 0;
    if (rc == 0)
        expect(!cancelled && count_done() == CHILDREN && (all || first_failure(was_done) == 0),
               "a gather says that all is well");
    else if (rc == -ECANCELED && cancelled)
        expect(!all || count_done() == CHILDREN, "a cancelled gather leaves tasks behind");
    else
        expect(!all && rc == first_failure(was_done), "a gather failed otherwise than its tasks");
}

static int gather(struct actor *actor, unsigned flags)
{
    aio_wait_item items[] = {AIO_WAIT_ITEM(child(0)->task), AIO_WAIT_ITEM(child(1)->task)};
    const bool was_done[] = {is_done(0), is_done(1)};
    bool now = count_done() == CHILDREN || (flags == 0 && (has_failed(0) || has_failed(1)));
    wait_begin(actor, flags == 0 ? AT_GATHER : AT_GATHER_ALL);
    int rc = aio_gather(items, CHILDREN, flags);
    bool cancelled = actor_cancelled(actor), suspended = over(actor, rc);
    expect(suspended == !now, "a gather has waited and need not, or not and should");
    check_gather(rc, flags, suspended && cancelled, was_done);
    check_items(items);
    return rc;
}

static int gather_results(struct actor *actor)
{
    return gather(actor, 0);
}

static int gather_all(struct actor *actor)
{
    return gather(actor, AIO_GATHER_ERRORS);
}

static int wait(struct actor *actor, aio_wait_until until, int64_t duration)
{
    aio_wait_item items[] = {AIO_WAIT_ITEM(child(0)->task), AIO_WAIT_ITEM(child(1)->task)};
    int64_t before = aio_loop_time(world.loop);
    unsigned wanted = until == AIO_WAIT_FIRST ? 1 : CHILDREN;
    wait_begin(actor, until == AIO_WAIT_FIRST ? AT_WAIT_FIRST : AT_WAIT_ALL);
    int rc = aio_wait(items, CHILDREN, until, duration);
    expect(wait_end(actor, rc), "a wait has not suspended");
    check_items(items);
    if (rc == -ECANCELED)
        return rc;
    expect(rc == (int)count_done(), "a wait counts others than are done");
    expect((unsigned)rc >= wanted ||
               (duration != AIO_FOREVER && aio_loop_time(world.loop) >= before + duration),
           "a wait ends before it should");
    return rc;
}

static int wait_for_first(struct actor *actor)
{
    return wait(actor, AIO_WAIT_FIRST, AIO_FOREVER);
}

static int wait_for_all(struct actor *actor)
{
    return wait(actor, AIO_WAIT_ALL, TIME_LIMIT);
}

/* ---- who waits for one ----------------------------------------------------------------------- */

static int await(struct actor *actor)
{
    bool done = is_done(0);
    wait_begin(actor, AT_CHILD);
    int rc = aio_await(child(0)->task);
    expect(over(actor, rc) == !done, "an await has waited and need not, or not and should");
    expect(is_done(0), "an await ends before the task");
    expect(rc == -ECANCELED || rc == aio_future_result(child(0)->task),
           "it awaited another result");
    return rc;
}

static int await_done(struct actor *actor)
{
    wait_begin(actor, AT_CHILD);
    int rc = aio_await_done(child(0)->task);
    (void)wait_end(actor, rc);
    expect(rc == -ECANCELED || (rc == 0 && is_done(0)), "an await ends before the task");
    return rc;
}

static int shield(struct actor *actor)
{
    wait_begin(actor, AT_CHILD);
    int rc = aio_shield(child(0)->task);
    bool cancelled = actor_cancelled(actor), suspended = over(actor, rc);
    if (suspended && cancelled)
        expect(rc == -ECANCELED, "a cancellation was not delivered");
    else
        expect(is_done(0) && rc == aio_future_result(child(0)->task), "it awaited another result");
    return rc;
}

static int limit(struct actor *actor, int64_t duration)
{
    int64_t before = aio_loop_time(world.loop);
    bool was_done = is_done(0);
    wait_begin(actor, AT_CHILD);
    int rc = aio_wait_for(child(0)->task, duration);
    bool cancelled = actor_cancelled(actor), suspended = over(actor, rc);
    int result = aio_future_result(child(0)->task);
    expect(suspended == !was_done, "a wait_for has waited and need not, or not and should");
    expect(is_done(0) || (rc == -ECANCELED && cancelled && duration == 0),
           "a wait_for ends before the task");
    if (rc == -ETIMEDOUT)
        expect(result == -ECANCELED && aio_loop_time(world.loop) >= before + duration,
               "a wait_for ends before its time");
    else
        expect(rc == result || (rc == -ECANCELED && suspended && cancelled),
               "it awaited another result");
    return rc;
}

static int limit_soon(struct actor *actor)
{
    return limit(actor, TIME_LIMIT);
}

static int limit_at_once(struct actor *actor)
{
    return limit(actor, 0);
}

/* ---- the others ------------------------------------------------------------------------------ */

static int wait_for_ever(struct actor *actor)
{
    wait_begin(actor, AT_EVENT);
    int rc = aio_event_wait(&model.never);
    expect(wait_end(actor, rc) && rc == -ECANCELED, "what never happens has happened");
    return rc;
}

static int fail(struct actor *actor)
{
    actor->result = AIO_USER_ERROR(actor->number);
    return actor->result;
}

static bool waits_for_others(const struct actor *actor)
{
    return actor->number == 0;
}

static bool is_child(const struct actor *actor)
{
    return actor->number != 0;
}

static void check_idle(void)
{
    int place = world.actors[0].place;
    unsigned done = count_done();
    bool failed = has_failed(0) || has_failed(1);
    for (unsigned i = 0; i < CHILDREN; i++)
        expect(!actor_cancelled(child(i)) || is_done(i), "a cancelled task waits for ever");
    expect(place != AT_GATHER || (done < CHILDREN && !failed), "a gather waits for nothing");
    expect(place != AT_GATHER_ALL || done < CHILDREN, "a gather of all waits for nothing");
    expect(place != AT_WAIT_FIRST || done == 0, "a wait for the first does not see it");
    expect(place != AT_WAIT_ALL, "a wait does not see that its time is over");
    expect(place != AT_CHILD || !is_done(0), "an await does not see that the task is done");
}

static const struct operation gathers[] = {
    {"gathers", waits_for_others, gather_results, false},
    {"gathers all", waits_for_others, gather_all, false},
    {"waits for the first", waits_for_others, wait_for_first, false},
    {"waits for all for some time", waits_for_others, wait_for_all, false},
    {"waits for ever", is_child, wait_for_ever, false},
    {"fails", is_child, fail, false},
};

static const struct operation awaits[] = {
    {"awaits", waits_for_others, await, false},
    {"awaits the end", waits_for_others, await_done, false},
    {"awaits shielded", waits_for_others, shield, false},
    {"awaits for some time", waits_for_others, limit_soon, false},
    {"awaits for no time", waits_for_others, limit_at_once, true},
    {"waits for ever", is_child, wait_for_ever, false},
    {"fails", is_child, fail, false},
};

const struct subject gather_subject = {
    .name = "gather",
    .depth = 4,
    .disturbances = 2,
    .passes_on = true,
    .operations = gathers,
    .operation_count = LENGTH(gathers),
    .begin = begin,
    .check_idle = check_idle,
};

const struct subject await_subject = {
    .name = "await",
    .depth = 4,
    .disturbances = 2,
    .passes_on = true,
    .operations = awaits,
    .operation_count = LENGTH(awaits),
    .begin = begin,
    .check_idle = check_idle,
};
