/*
 * What must hold of waits for several, and of those for one that go by a relay or
 * have a limit.
 */
#include "conformance/random_world.h"

/* The places of an action that are there already; the number of them. */
static unsigned take_places(struct world *world, const struct action *action, unsigned *places)
{
    unsigned count = 0;
    for (unsigned i = 0; i < action->place_count; i++)
        if (world_place(world, action->places[i]) != NULL)
            places[count++] = action->places[i];
    return count;
}

static void take_items(struct world *world, const unsigned *places, unsigned count,
                       aio_wait_item *items)
{
    for (unsigned i = 0; i < count; i++)
        items[i] = (aio_wait_item)AIO_WAIT_ITEM(world_place(world, places[i]));
}

/* What the items say is so; how many are done. */
static unsigned judge_items(struct world *world, const aio_wait_item *items, unsigned count)
{
    unsigned done = 0;
    for (unsigned i = 0; i < count; i++) {
        bool is_done = aio_future_done(items[i].future);
        done += is_done;
        expect(world, items[i].done == is_done, "an item does not know whether it is done");
        expect(world, !is_done || items[i].result == aio_future_result(items[i].future),
               "an item has another result than its future");
    }
    return done;
}

static bool any_result_is(const aio_wait_item *items, unsigned count, int result)
{
    for (unsigned i = 0; i < count; i++)
        if (items[i].done && items[i].result == result)
            return true;
    return false;
}

/* The request that a wait had got, and that is delivered with its end, if it was. */
static bool take_cancellation(struct actor *actor, bool expired)
{
    bool cancelled = actor->undelivered || expired;
    actor->undelivered = false;
    return cancelled;
}

/* A wait that leaves alone what it is for was cancelled, or gave something that may be. */
static void judge_loose(struct actor *actor, bool cancelled, bool outcome, int rc)
{
    struct world *world = actor->world;
    if (actor->clouded)
        expect(world, outcome || rc == -ECANCELED, "neither an outcome nor a cancellation");
    else if (cancelled)
        expect(world, rc == -ECANCELED, "a cancellation was lost in a wait for several");
    else
        expect(world, outcome, "a wait gave what it should not");
}

/* ---- one ------------------------------------------------------------------------------------ */

/* Whether it is done, and this is what became of it; cancelled for its time, that is a timeout. */
static bool is_outcome(aio_future *future, int rc, bool timed)
{
    if (!aio_future_done(future))
        return false;
    int result = aio_future_result(future);
    return rc == result || (timed && result == -ECANCELED && rc == -ETIMEDOUT);
}

/* With a relay: a shield, or a wait_for without any time. */
static int wait_by_relay(struct actor *actor, unsigned place, bool cancels)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, place);
    enum circle circle = leads_to(world, &place, 1, actor);
    if (circle == MAYBE_CIRCLE)
        cloud(world, actor->number);
    if (circle == MAYBE_CIRCLE && cancels)
        cloud(world, place);
    if (circle != CIRCLE && cancels)
        (void)model_cancel(world, place);
    begin_wait(actor, WAITS_DONE, &place, 1);
    int rc = cancels ? aio_wait_for(future, 0) : aio_shield(future);
    bool expired = end_wait(actor);
    if (circle == CIRCLE)
        expect(world, rc == -EDEADLK, "a circle was not seen by a relay");
    if (circle == CIRCLE || (circle == MAYBE_CIRCLE && rc == -EDEADLK))
        return rc;
    bool cancelled = take_cancellation(actor, expired);
    judge_loose(actor, cancelled, is_outcome(future, rc, cancels), rc);
    return rc;
}

static int wait_limited(struct actor *actor, unsigned place, int64_t limit)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, place);
    int64_t end = aio_loop_time(world->loop) + limit;
    enum circle circle = leads_to(world, &place, 1, actor);
    if (circle == MAYBE_CIRCLE)
        cloud(world, actor->number);
    if (circle != CIRCLE) {
        pass_on_waiting(actor, &place, 1);
        cloud(world, place); /* when the time is over, it is cancelled */
    }
    begin_wait(actor, AWAITS, &place, 1);
    actor->limited = true;
    int rc = aio_wait_for(future, limit);
    actor->limited = false;
    bool expired = end_wait(actor), late = aio_loop_time(world->loop) >= end;
    if (circle == CIRCLE)
        expect(world, rc == -EDEADLK, "a circle was not seen by a wait with a limit");
    if (circle == CIRCLE || (circle == MAYBE_CIRCLE && rc == -EDEADLK))
        return rc;
    expect(world, aio_future_done(future), "a wait with a limit ended before what it was for");
    bool undelivered = actor->undelivered, outcome = is_outcome(future, rc, late);
    actor->undelivered = false;
    bool either = late || expired || actor->clouded || actor->passed;
    if (undelivered && !actor->clouded)
        expect(world, rc == -ECANCELED, "a cancellation was lost in a wait with a limit");
    else
        expect(world, outcome || (either && (rc == -ECANCELED || (late && rc == -ETIMEDOUT))),
               "a wait with a limit gave what it should not");
    return rc;
}

int actor_wait_for(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, action->place);
    if (future == NULL)
        return 0;
    if (aio_future_done(future)) {
        int rc = aio_wait_for(future, AIO_USEC(action->amount));
        expect(world, rc == aio_future_result(future), "what was done had another result");
        return rc;
    }
    if (action->amount == 0)
        return wait_by_relay(actor, action->place, true);
    return wait_limited(actor, action->place, AIO_USEC(action->amount));
}

int actor_shield(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, action->place);
    if (future == NULL)
        return 0;
    if (!aio_future_done(future))
        return wait_by_relay(actor, action->place, false);
    int rc = aio_shield(future);
    expect(world, rc == aio_future_result(future), "what was done and shielded had another result");
    return rc;
}

/* ---- gather --------------------------------------------------------------------------------- */

struct gathering {
    aio_wait_item items[MAX_TARGETS];
    unsigned places[MAX_TARGETS], count;
    bool all;   /* failures are results */
    bool waits; /* there is something to wait for */
};

static void look(struct world *world, struct gathering *gathering)
{
    bool failed = false, pending = false;
    for (unsigned i = 0; i < gathering->count; i++) {
        aio_future *future = world_place(world, gathering->places[i]);
        pending = pending || !aio_future_done(future);
        failed = failed || (aio_future_done(future) && aio_future_result(future) < 0);
    }
    gathering->waits = pending && (gathering->all || !failed);
}

static void judge_gathering(struct actor *actor, const struct gathering *gathering, bool expired,
                            int rc)
{
    struct world *world = actor->world;
    bool undelivered = actor->undelivered;
    unsigned done = judge_items(world, gathering->items, gathering->count), failed = 0;
    for (unsigned i = 0; i < gathering->count; i++)
        failed += gathering->items[i].done && gathering->items[i].result < 0;
    bool outcome = !gathering->all && any_result_is(gathering->items, gathering->count, rc);
    if (gathering->waits)
        actor->undelivered = false;
    if (rc >= 0) {
        bool lost = gathering->waits && (undelivered || actor->passed || expired);
        expect(world, rc == 0 && done == gathering->count, "a gathering ended too early");
        expect(world, gathering->all || failed == 0, "a failure was lost in a gathering");
        expect(world, !lost || actor->clouded, "a cancellation was lost in a gathering");
    } else if (undelivered && gathering->waits && !actor->clouded) {
        expect(world, rc == -ECANCELED, "a gathering was cancelled, and gave something else");
    } else {
        bool either = expired || actor->passed || actor->clouded;
        expect(world, outcome || (either && rc == -ECANCELED),
               "a gathering failed with nobody's failure");
        expect(world, outcome || done == gathering->count || undelivered || actor->clouded ||
                          expired,
               "a cancelled gathering ended before what it had cancelled");
    }
}

int actor_gather(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct gathering gathering = {.all = action->kind == ACT_GATHER_ALL};
    gathering.count = take_places(world, action, gathering.places);
    take_items(world, gathering.places, gathering.count, gathering.items);
    look(world, &gathering);
    enum circle circle = NO_CIRCLE;
    actor->passed = false;
    if (gathering.waits)
        circle = leads_to(world, gathering.places, gathering.count, actor);
    if (circle == MAYBE_CIRCLE)
        cloud(world, actor->number);
    bool passed = gathering.waits && actor->undelivered;
    if (gathering.waits && circle != CIRCLE) {
        pass_on_waiting(actor, gathering.places, gathering.count);
        for (unsigned i = 0; i < gathering.count && (actor->scopes != NULL || actor->clouded); i++)
            cloud(world, gathering.places[i]);
    }
    if (gathering.waits)
        begin_wait(actor, gathering.all ? GATHERS_ALL : GATHERS, gathering.places, gathering.count);
    actor->passed = passed && circle != CIRCLE;
    int rc = aio_gather(gathering.items, gathering.count, gathering.all ? AIO_GATHER_ERRORS : 0);
    bool expired = gathering.waits && end_wait(actor);
    if (circle == CIRCLE)
        expect(world, rc == -EDEADLK, "a circle was not seen by a gathering");
    if (circle == NO_CIRCLE || (circle == MAYBE_CIRCLE && rc != -EDEADLK))
        judge_gathering(actor, &gathering, expired, rc);
    return rc;
}

/* ---- wait, as_completed --------------------------------------------------------------------- */

static bool is_enough(const aio_wait_item *items, unsigned count, unsigned mode, unsigned done)
{
    bool error = false;
    for (unsigned i = 0; i < count; i++)
        error = error || (items[i].done && items[i].result < 0 && items[i].result != -ECANCELED);
    return done == count || (mode == AIO_WAIT_FIRST && done > 0) ||
           (mode == AIO_WAIT_ERROR && error);
}

int actor_wait_many(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    aio_wait_item items[MAX_TARGETS];
    unsigned places[MAX_TARGETS], count = take_places(world, action, places);
    int64_t limit = action->limited ? AIO_USEC(action->amount) : AIO_FOREVER;
    int64_t begin = aio_loop_time(world->loop);
    if (count == 0)
        return 0;
    take_items(world, places, count, items);
    begin_wait(actor, WAITS_ANY, places, count);
    actor->until = action->mode;
    int rc = aio_wait(items, count, (aio_wait_until)action->mode, limit);
    bool cancelled = take_cancellation(actor, end_wait(actor));
    int64_t waited = aio_loop_time(world->loop) - begin;
    unsigned done = judge_items(world, items, count);
    bool over = action->limited && waited >= limit;
    bool outcome = rc == (int)done && (over || is_enough(items, count, action->mode, done));
    judge_loose(actor, cancelled, outcome, rc);
    expect(world, !action->limited || waited <= limit, "a wait took longer than its limit");
    return rc < 0 ? rc : 0;
}

/* The next of an iteration that ends at `end`; `left`: so many have not come. */
static int take_next(struct actor *actor, aio_as_completed *next, int64_t end, unsigned left)
{
    struct world *world = actor->world;
    aio_wait_item *item = NULL;
    bool before = actor->undelivered; /* from then on it is delivered, if it has to wait */
    int rc = aio_as_completed_next(next, &item);
    bool expired = end_wait(actor);
    bool came = rc == 1 && item->done && item->result == aio_future_result(item->future);
    bool late = rc == -ETIMEDOUT && aio_loop_time(world->loop) >= end;
    bool outcome = left > 0 ? came || late : rc == 0;
    if (before && !expired && outcome)
        return rc;
    judge_loose(actor, take_cancellation(actor, expired), outcome, rc);
    return rc;
}

int actor_iterate(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    aio_wait_item items[MAX_TARGETS];
    aio_as_completed next;
    unsigned places[MAX_TARGETS], count = take_places(world, action, places);
    int64_t limit = action->limited ? AIO_USEC(action->amount) : AIO_FOREVER;
    int64_t end = action->limited ? aio_loop_time(world->loop) + limit : AIO_FOREVER;
    take_items(world, places, count, items);
    int rc = aio_as_completed_begin(&next, items, count, limit), got = 1;
    expect(world, rc == 0, "an iteration could not begin");
    for (unsigned left = count; rc == 0 && got != 0; left--) {
        begin_wait(actor, WAITS_ANY, places, count);
        got = take_next(actor, &next, end, left);
        rc = got < 0 ? got : 0;
    }
    aio_as_completed_end(&next);
    return rc;
}
