/*
 * The model of a random program: cancellations, waits, orders.
 */
#include "conformance/random_subject.h"

void expect(struct world *world, bool condition, const char *violation)
{
    if (!condition && world->violation == NULL && !world->over)
        world->violation = violation;
}

void record(struct world *world, const char *who, unsigned number, const char *what, int result)
{
    if (world->over)
        return;
    int64_t time = aio_loop_time(world->loop) - world->begin;
    if (world->trace != NULL)
        fprintf(world->trace, "%lld %s%u %s: %d\n", (long long)time / 1000, who, number, what,
                result);
    uint64_t state = world->hash ^ (uint32_t)result ^ ((uint64_t)number << 32);
    for (; *what != '\0'; what++)
        state = (state ^ (unsigned char)*what) * UINT64_C(0x100000001b3);
    state += (uint64_t)time * 31;
    world->hash = random_next(&state);
}

aio_future *world_place(struct world *world, unsigned place)
{
    return place < TASKS ? world->actors[place].task : world->futures[place - TASKS];
}

bool place_done(struct world *world, unsigned place)
{
    return aio_future_done(world_place(world, place));
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static bool passes_on(const struct actor *actor)
{
    return actor->where == AWAITS || actor->where == GATHERS || actor->where == GATHERS_ALL;
}

static bool has_failed(struct world *world, unsigned place)
{
    return place_done(world, place) && aio_future_result(world_place(world, place)) < 0;
}

/* One of what it gathers has failed, which ends that, but whether this turn or the next? */
static bool may_be_over(struct actor *actor)
{
    bool failed = false;
    for (unsigned i = 0; i < actor->place_count && actor->where == GATHERS; i++)
        failed = failed || has_failed(actor->world, actor->places[i]);
    return failed;
}

/* What is cancelled in a walk that is on its way, and not in the library yet. */
struct model_walk {
    struct world *world;
    bool cancelled[PLACES];
};

static bool model_request(struct model_walk *walk, unsigned place);

/* Asks all that the task waits for: whether anything could be cancelled. */
static bool model_pass_on(struct model_walk *walk, struct actor *actor)
{
    bool any = false;
    for (unsigned i = 0; i < actor->place_count; i++)
        if (model_request(walk, actor->places[i]))
            any = true;
    actor->passed = actor->passed || any;
    return any;
}

static bool model_request(struct model_walk *walk, unsigned place)
{
    struct world *world = walk->world;
    if (place_done(world, place) || walk->cancelled[place])
        return false;
    if (place >= TASKS) {
        walk->cancelled[place] = true;
        return true;
    }
    struct actor *actor = &world->actors[place];
    if (may_be_over(actor))
        cloud(world, place);
    else if (!passes_on(actor) || !model_pass_on(walk, actor))
        actor->undelivered = true;
    actor->count++;
    return true;
}

int model_cancel(struct world *world, unsigned place)
{
    struct model_walk walk = {.world = world};
    return model_request(&walk, place);
}

void pass_on_waiting(struct actor *actor, const unsigned *places, unsigned count)
{
    struct model_walk walk = {.world = actor->world};
    if (!actor->undelivered)
        return;
    actor->undelivered = false;
    for (unsigned i = 0; i < count; i++)
        (void)model_request(&walk, places[i]);
}

int world_cancel(struct world *world, unsigned place)
{
    aio_future *future = world_place(world, place);
    if (future == NULL || world->over)
        return 0;
    int expected = model_cancel(world, place);
    int rc = aio_future_cancel(future);
    expect(world, rc == expected, "a cancel returned what it should not");
    return rc;
}

int world_set(struct world *world, unsigned place, unsigned value)
{
    if (world->over)
        return 0;
    bool done = place_done(world, place);
    int rc = aio_future_set(world_place(world, place), (int)value);
    expect(world, rc == (done ? -AIO_ESTATE : 0), "a set returned what it should not");
    return rc;
}

void model_uncancel(struct actor *actor)
{
    if (actor->count > 0 && --actor->count == 0)
        actor->undelivered = false;
}

void actor_uncancel(struct actor *actor)
{
    int rc = aio_task_uncancel(actor->task);
    model_uncancel(actor);
    expect(actor->world, actor->clouded || rc == actor->count, "uncancel counts otherwise");
    if (actor->clouded)
        actor->count = rc;
}

void cloud(struct world *world, unsigned place)
{
    if (place >= TASKS || world->actors[place].clouded)
        return;
    struct actor *actor = &world->actors[place];
    actor->clouded = true;
    for (unsigned i = 0; i < actor->place_count && passes_on(actor); i++)
        cloud(world, actor->places[i]);
}

/* ---- waiting -------------------------------------------------------------------------------- */

void begin_wait(struct actor *actor, enum where where, const unsigned *places, unsigned count)
{
    actor->where = where;
    actor->passed = false;
    actor->until = AIO_WAIT_ALL;
    actor->place_count = count;
    for (unsigned i = 0; i < count; i++)
        actor->places[i] = places[i];
    if (count == 1) {
        actor->place = places[0];
        actor->ticket = ++actor->world->tickets[actor->place];
    }
}

/* Whether a timeout of the task has expired while it waited: then it was cancelled. */
bool end_wait(struct actor *actor)
{
    bool expired = false;
    actor->where = RUNS;
    actor->place_count = 0;
    for (struct model_scope *scope = actor->scopes; scope != NULL; scope = scope->outer) {
        if (scope->seen || !aio_timeout_expired(&scope->timeout))
            continue;
        scope->seen = expired = true;
        actor->count++;
    }
    return expired;
}

/* Those who wait for the same go on in the order in which they came. */
static void served(struct world *world, unsigned place, unsigned ticket)
{
    expect(world, world->shuffled || ticket > world->served[place], "woken out of order");
    world->served[place] = ticket;
}

int actor_sleep(struct actor *actor, int64_t duration)
{
    struct world *world = actor->world;
    int64_t begin = aio_loop_time(world->loop);
    begin_wait(actor, SLEEPS, NULL, 0);
    int rc = duration > 0 ? aio_sleep(duration) : aio_yield();
    bool cancelled = end_wait(actor) || actor->undelivered;
    actor->undelivered = false;
    if (actor->clouded)
        expect(world, rc == 0 || rc == -ECANCELED, "a sleep failed");
    else if (cancelled)
        expect(world, rc == -ECANCELED, "a cancellation was lost in a sleep");
    else
        expect(world, rc == 0, "a sleep was cancelled without a request");
    int64_t slept = aio_loop_time(world->loop) - begin;
    expect(world, rc < 0 || slept == duration, "a sleep was too short or too long");
    return rc;
}

/* Whether a task goes on only when what it waits for is done: certainly, perhaps, or not so. */
static enum circle link_strength(struct actor *actor)
{
    if (actor->where == RUNS || actor->where == SLEEPS || actor->where == WAITS_ANY ||
        actor->where == USES)
        return NO_CIRCLE;
    if (actor->where == WAITS_DONE && actor->undelivered && !actor->clouded)
        return NO_CIRCLE;
    bool stays = passes_on(actor) && !may_be_over(actor);
    if (!stays && (actor->undelivered || actor->clouded || actor->scopes || passes_on(actor)))
        return MAYBE_CIRCLE;
    return CIRCLE;
}

struct search {
    struct world *world;
    const struct actor *actor;
    enum circle weakest; /* links that count */
    bool seen[TASKS];
};

static bool reaches(struct search *search, const unsigned *places, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned place = places[i];
        if (place >= TASKS || place_done(search->world, place))
            continue;
        struct actor *other = &search->world->actors[place];
        if (other == search->actor)
            return true;
        if (search->seen[place] || link_strength(other) < search->weakest)
            continue;
        search->seen[place] = true;
        if (reaches(search, other->places, other->place_count))
            return true;
    }
    return false;
}

enum circle leads_to(struct world *world, const unsigned *places, unsigned count,
                     const struct actor *actor)
{
    struct search sure = {world, actor, CIRCLE, {false}};
    struct search any = {world, actor, MAYBE_CIRCLE, {false}};
    if (reaches(&sure, places, count))
        return CIRCLE;
    return reaches(&any, places, count) ? MAYBE_CIRCLE : NO_CIRCLE;
}

static int call(enum action_kind kind, aio_future *future)
{
    switch (kind) {
    case ACT_AWAIT:
        return aio_await(future);
    case ACT_JOIN:
        return aio_join(aio_retain(future));
    case ACT_STOP:
        return aio_task_stop(aio_retain(future));
    default:
        return aio_await_done(future);
    }
}

/* What a wait gives that ended because what it was for is done. */
static bool is_outcome(enum action_kind kind, aio_future *future, int rc)
{
    int result = aio_future_result(future);
    if (kind == ACT_AWAIT_DONE)
        return rc == 0;
    return rc == result || (kind == ACT_STOP && result == -ECANCELED && rc == 0);
}

/* Before a wait for something that is not done. */
static void prepare_wait(struct actor *actor, enum where where, unsigned place)
{
    struct world *world = actor->world;
    if (where != AWAITS)
        return;
    pass_on_waiting(actor, &place, 1);
    if (actor->scopes != NULL || actor->clouded)
        cloud(world, place);
}

static void judge_wait(struct actor *actor, enum action_kind kind, bool expired, int rc)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, actor->place);
    bool cancelled = actor->undelivered, done = aio_future_done(future);
    actor->undelivered = false;
    bool outcome = done && is_outcome(kind, future, rc);
    bool either = actor->clouded || (expired && kind != ACT_STOP && actor->place < TASKS);
    if (!done && kind == ACT_STOP) {
        /* Two that stop each other: one must give up. */
        expect(world, leads_to(world, &actor->place, 1, actor) != NO_CIRCLE, "a stop gave up");
        actor->undelivered = cancelled; /* it comes with the next wait */
        return;
    }
    expect(world, done || kind == ACT_AWAIT_DONE, "a wait ended before what it was for");
    if (!cancelled && either)
        expect(world, outcome || rc == -ECANCELED, "a wait gave neither result nor cancellation");
    else if (cancelled || expired)
        expect(world, actor->clouded || rc == -ECANCELED, "a cancellation was lost in a wait");
    else
        expect(world, outcome, "a wait gave something else than the result");
    if (!cancelled && !expired && !actor->clouded)
        served(world, actor->place, actor->ticket);
}

int actor_wait(struct actor *actor, enum action_kind kind, unsigned place)
{
    struct world *world = actor->world;
    aio_future *future = world_place(world, place);
    enum where where = kind == ACT_STOP ? STOPS : kind == ACT_AWAIT_DONE ? WAITS_DONE : AWAITS;
    if (future == NULL)
        return 0;
    if (aio_future_done(future)) {
        int rc = call(kind, future);
        expect(world, is_outcome(kind, future, rc), "waiting for what is done gave something else");
        return rc;
    }
    if (where == STOPS && place != actor->number) /* it does not stop itself */
        (void)model_cancel(world, place);
    enum circle circle = leads_to(world, &place, 1, actor);
    if (circle == MAYBE_CIRCLE)
        cloud(world, actor->number);
    if (circle != CIRCLE)
        prepare_wait(actor, where, place);
    begin_wait(actor, where, &place, 1);
    int rc = call(kind, future);
    bool expired = end_wait(actor);
    if (circle == CIRCLE)
        expect(world, rc == -EDEADLK, "a circle was not seen");
    else if (circle == NO_CIRCLE || rc != -EDEADLK)
        judge_wait(actor, kind, expired, rc);
    return rc;
}

/* ---- callbacks ------------------------------------------------------------------------------ */

/* Whether a callback is called when it must be. */
static void judge_callback(struct callback *callback)
{
    struct world *world = callback->world;
    expect(world, callback->pending, "a callback was called twice, or though cancelled");
    callback->pending = false;
    if (callback->kind == ACT_ON_DONE) {
        expect(world, place_done(world, callback->place), "on_done before it was done");
        served(world, callback->place, callback->ticket);
    } else if (callback->kind == ACT_SOON) {
        expect(world, world->shuffled || callback->ticket > world->soon_served,
               "call_soon out of order");
        world->soon_served = callback->ticket;
    } else {
        bool later = callback->when > world->last_when ||
                     (callback->when == world->last_when && callback->ticket > world->last_ticket);
        expect(world, aio_loop_time(world->loop) == callback->when, "a timer was early or late");
        expect(world, world->shuffled || later, "timers out of order");
        world->last_when = callback->when;
        world->last_ticket = callback->ticket;
    }
}

static void called(void *arg)
{
    struct callback *callback = arg;
    struct world *world = callback->world;
    unsigned number = (unsigned)(callback - world->callbacks);
    const struct deed *deed = &world->program->deeds[number];
    judge_callback(callback);
    int rc = 0;
    if (deed->kind == DEED_CANCEL)
        rc = world_cancel(world, deed->place);
    else if (deed->kind == DEED_SET)
        rc = world_set(world, deed->place, deed->amount);
    const struct action as = {.kind = callback->kind};
    record(world, "c", number, action_name(&as), rc);
}

static int queue(struct callback *callback, const struct action *action)
{
    struct world *world = callback->world;
    int64_t delay = AIO_USEC(action->amount);
    switch (action->kind) {
    case ACT_SOON:
        return aio_loop_call_soon(world->loop, &callback->handle, called, callback);
    case ACT_LATER:
        return aio_loop_call_later(world->loop, &callback->handle, delay, called, callback);
    default:
        return aio_future_on_done(world_place(world, action->place), &callback->handle, called,
                                  callback);
    }
}

static unsigned take_ticket(struct world *world, const struct action *action)
{
    switch (action->kind) {
    case ACT_SOON:
        return ++world->soon_tickets;
    case ACT_LATER:
        return ++world->later_tickets;
    default:
        return ++world->tickets[action->place];
    }
}

void world_call(struct world *world, const struct action *action)
{
    struct callback *callback = &world->callbacks[action->callback];
    if (action->kind == ACT_ON_DONE && world_place(world, action->place) == NULL)
        return;
    int rc = queue(callback, action);
    expect(world, rc == (callback->pending ? -EBUSY : 0), "a callback could not be queued");
    if (rc < 0)
        return;
    callback->kind = action->kind;
    callback->place = action->place;
    callback->when = aio_loop_time(world->loop) + AIO_USEC(action->amount);
    callback->ticket = take_ticket(world, action);
    callback->pending = true;
}

void world_cancel_callback(struct world *world, unsigned number)
{
    struct callback *callback = &world->callbacks[number];
    expect(world, aio_handle_pending(&callback->handle) == callback->pending,
           "a callback's state is wrong");
    bool cancelled = aio_handle_cancel(&callback->handle);
    expect(world, cancelled == callback->pending, "a callback's cancel returned the wrong thing");
    callback->pending = false;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void check_callbacks(struct world *world)
{
    for (unsigned i = 0; i < CALLBACKS; i++) {
        const struct callback *callback = &world->callbacks[i];
        bool waits = callback->kind == ACT_ON_DONE && !place_done(world, callback->place);
        expect(world, !callback->pending || waits, "a callback was never called");
    }
}

static void check_result(struct actor *actor)
{
    struct world *world = actor->world;
    int result = aio_future_result(actor->task);
    if (!actor->begun) {
        expect(world, result == -ECANCELED, "a task that never began has a result");
        expect(world, actor->clouded || actor->undelivered, "a task never began");
    } else {
        expect(world, actor->ended, "a task is done that has not returned");
        expect(world, result == actor->expected || (actor->clouded && result == -ECANCELED),
               "a task's result is not what it returned");
    }
}

void world_check_end(struct world *world)
{
    for (unsigned i = 0; i < TASKS; i++) {
        if (world->actors[i].task == NULL)
            continue;
        expect(world, place_done(world, i), "the run ended before a task");
        check_result(&world->actors[i]);
    }
    check_callbacks(world);
}

/* A task may hang only where it waits for something that hangs, too, and in no circle. */
static void check_hanging(struct actor *actor)
{
    struct world *world = actor->world;
    bool waits = actor->where != RUNS && actor->where != SLEEPS, hangs = false, enough = false;
    expect(world, actor->begun, "a task never began, and the run is stuck");
    expect(world, waits, "the run is stuck, and a task was ready or asleep");
    if (actor->where == USES) {
        subject_check_hanging(actor);
        return;
    }
    for (unsigned i = 0; i < actor->place_count; i++) {
        bool done = place_done(world, actor->places[i]);
        hangs = hangs || !done;
        enough = enough || (actor->until == AIO_WAIT_FIRST && done) ||
                 (actor->until == AIO_WAIT_ERROR && has_failed(world, actor->places[i]) &&
                  !aio_future_cancelled(world_place(world, actor->places[i])));
    }
    expect(world, hangs && !enough && !may_be_over(actor), "a wake-up was lost");
    if (link_strength(actor) == CIRCLE)
        expect(world, leads_to(world, actor->places, actor->place_count, actor) != CIRCLE,
               "the run is stuck in a circle that was not seen");
}

void world_check_deadlock(struct world *world)
{
    bool hangs = false;
    for (unsigned i = 0; i < TASKS; i++) {
        struct actor *actor = &world->actors[i];
        if (actor->task == NULL)
            continue;
        if (place_done(world, i)) {
            check_result(actor);
            continue;
        }
        hangs = true;
        check_hanging(actor);
    }
    expect(world, hangs, "a deadlock was reported, and nothing hangs");
    check_callbacks(world);
}
