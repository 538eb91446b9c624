/*
 * One run: the actors and what they choose, the turns, and what is checked of any
 * subject: cancellations, timeouts, the order of those who wait, the end.
 *
 * An actor's call has suspended exactly if the turn is another one when it comes
 * back: whoever is woken goes on in a later turn.  A cancellation is known by the
 * task's own count of requests, which is compared with the requests there were.
 */
#include "explore/explore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* More turns than any run needs. */
#define MAX_TURNS 400
#define MAX_OPERATIONS 32

struct world world;

static unsigned failures; /* that were reported */

void expect(bool condition, const char *violation)
{
    if (!condition && world.violation == NULL)
        world.violation = violation;
    world.over |= !condition;
}

/* ---- about actors ---------------------------------------------------------------------------- */

bool is_there(const struct actor *actor)
{
    return actor->task != NULL && !aio_future_done(actor->task);
}

bool actor_cancelled(const struct actor *actor)
{
    return !actor->ended && aio_task_cancelling(actor->task) > actor->heard;
}

bool actor_waits(const struct actor *actor, int place)
{
    return actor->place == place && !actor_cancelled(actor);
}

unsigned count_waiting(int place)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ACTORS; i++)
        count += actor_waits(&world.actors[i], place);
    return count;
}

static bool came_before(const struct actor *other, const struct actor *actor, int place)
{
    return other != actor && actor_waits(other, place) && other->ticket < actor->ticket;
}

bool is_first(const struct actor *actor, int place)
{
    for (unsigned i = 0; i < ACTORS; i++)
        if (came_before(&world.actors[i], actor, place))
            return false;
    return true;
}

bool is_first_granted(const struct actor *actor, int place)
{
    for (unsigned i = 0; i < ACTORS; i++)
        if (came_before(&world.actors[i], actor, place) && world.actors[i].granted)
            return false;
    return true;
}

bool is_anybody_at(int place)
{
    for (unsigned i = 0; i < ACTORS; i++)
        if (world.actors[i].place == place)
            return true;
    return false;
}

struct actor *neighbour(const struct actor *actor, unsigned distance)
{
    return &world.actors[(actor->number + distance) % ACTORS];
}

/* ---- waiting and cancelling ------------------------------------------------------------------ */

void wait_begin(struct actor *actor, int place)
{
    actor->place = place;
    actor->ticket = world.tickets++;
    actor->since = world.turn;
    actor->granted = false;
}

bool wait_over(struct actor *actor, int rc)
{
    bool suspended = world.turn != actor->since;
    actor->place = NOWHERE;
    if (suspended && rc == -ECANCELED)
        actor->heard = aio_task_cancelling(actor->task);
    return suspended;
}

bool wait_end(struct actor *actor, int rc)
{
    bool cancelled = actor_cancelled(actor), suspended = wait_over(actor, rc);
    expect(world.over || suspended || rc != -ECANCELED, "a call that did not wait was cancelled");
    expect(world.over || cancelled || rc != -ECANCELED, "a wait was cancelled by nobody");
    expect(world.over || !suspended || !cancelled || rc == -ECANCELED,
           "a cancellation was not delivered");
    return suspended;
}

int cancel(struct actor *target)
{
    bool done = aio_future_done(target->task);
    int rc = aio_task_cancel(target->task);
    expect(rc == !done, "a cancel said that the task had ended, or had not");
    target->requests += rc == 1;
    return rc;
}

int within(struct actor *actor, int64_t duration, int (*call)(struct actor *actor))
{
    aio_timeout timeout;
    int64_t when = aio_loop_time(world.loop) + duration;
    int requests = actor->requests;
    int rc = aio_timeout_begin(&timeout, duration);
    expect(rc == 0, "a timeout could not begin");
    rc = call(actor);
    bool expired = aio_timeout_expired(&timeout);
    int64_t now = aio_loop_time(world.loop);
    expect(expired ? now >= when : now <= when, "a timeout expired early, or not at all");
    bool own = rc == -ECANCELED && expired && actor->requests == requests;
    int result = aio_timeout_end(&timeout, rc);
    expect(result == (own ? -ETIMEDOUT : rc), "a timeout's end gave something else");
    int left = aio_task_cancelling(actor->task);
    if (actor->heard > left)
        actor->heard = left;
    return result;
}

/* ---- what any actor may do ------------------------------------------------------------------- */

static int sleep_for(struct actor *actor, int64_t duration)
{
    wait_begin(actor, duration > 0 ? AT_SLEEP : AT_YIELD);
    int rc = aio_sleep(duration);
    expect(wait_end(actor, rc), "a sleep did not suspend");
    return rc;
}

static int do_yield(struct actor *actor)
{
    return sleep_for(actor, 0);
}

static int do_sleep(struct actor *actor)
{
    return sleep_for(actor, 1);
}

static int cancel_next(struct actor *actor)
{
    return cancel(neighbour(actor, 1));
}

static int cancel_previous(struct actor *actor)
{
    return cancel(neighbour(actor, ACTORS - 1));
}

static int cancel_self(struct actor *actor)
{
    return cancel(actor);
}

static bool next_is_there(const struct actor *actor)
{
    return is_there(neighbour(actor, 1));
}

static bool previous_is_there(const struct actor *actor)
{
    return is_there(neighbour(actor, ACTORS - 1));
}

static const struct operation common[] = {
    {"yields", NULL, do_yield, false},
    {"sleeps", NULL, do_sleep, true},
    {"cancels the next", next_is_there, cancel_next, true},
    {"cancels the previous", previous_is_there, cancel_previous, true},
    {"cancels itself", NULL, cancel_self, true},
};

/* ---- an actor's life ------------------------------------------------------------------------- */

static bool is_possible(const struct operation *operation, const struct actor *actor)
{
    return (!operation->disturbs || world.disturbances > 0) &&
           (operation->possible == NULL || operation->possible(actor));
}

/* Its next operation; NULL for none: it ends. */
static const struct operation *choose_operation(const struct actor *actor)
{
    const struct operation *possible[MAX_OPERATIONS];
    unsigned count = 0;
    if (world.over || world.operations == 0)
        return NULL;
    for (size_t i = 0; i < world.subject->operation_count; i++)
        if (is_possible(&world.subject->operations[i], actor))
            possible[count++] = &world.subject->operations[i];
    for (size_t i = 0; i < LENGTH(common); i++)
        if (is_possible(&common[i], actor))
            possible[count++] = &common[i];
    unsigned chosen = choose(count + 1);
    if (chosen == 0)
        return NULL;
    const struct operation *operation = possible[chosen - 1];
    world.operations--;
    world.disturbances -= operation->disturbs;
    return operation;
}

static void trace_result(const struct actor *actor, const char *what, int rc)
{
    if (!world.traced)
        return;
    printf("turn %u: task %u %s: ", world.turn, actor->number, what);
    if (rc < 0)
        printf("%s\n", aio_errname(rc));
    else
        printf("%d\n", rc);
}

int actor_live(void *arg)
{
    struct actor *actor = arg;
    const struct operation *operation;
    actor->begun = true;
    expect(!actor_cancelled(actor), "a task began that was cancelled before");
    while (actor->result == 0 && (operation = choose_operation(actor)) != NULL) {
        if (world.traced)
            printf("turn %u: task %u %s ...\n", world.turn, actor->number, operation->name);
        actor->last = operation->perform(actor);
        trace_result(actor, operation->name, actor->last);
        expect(world.over || world.subject->passes_on ||
                   aio_task_cancelling(actor->task) == actor->requests,
               "a task counts its requests otherwise");
    }
    if (world.subject->finish != NULL)
        world.subject->finish(actor);
    trace_result(actor, "ends", actor->result);
    if (world.turn > 0)
        actor->end = ACTORS + world.ends++;
    return actor->result;
}

/* A share in a task that runs function(arg) on the world's loop. */
static aio_task *start(aio_function function, void *arg)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = world.loop;
    aio_task *task = aio_spawn_with(&options, function, arg);
    if (task == NULL)
        perror("explore"), exit(2);
    return task;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Before a turn, somebody may be cancelled. */
static void disturb(void)
{
    struct actor *there[ACTORS];
    unsigned count = 0;
    if (world.over || world.disturbances == 0)
        return;
    for (unsigned i = 0; i < ACTORS; i++)
        if (is_there(&world.actors[i]))
            there[count++] = &world.actors[i];
    unsigned chosen = choose(count + 1);
    if (chosen == 0)
        return;
    world.disturbances--;
    struct actor *target = there[chosen - 1];
    trace_result(target, "is cancelled before the turn", cancel(target));
}

/* Nothing is ready, nor will be: who is left is right to wait, and is sent home. */
static void check_idle(void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        struct actor *actor = &world.actors[i];
        if (!is_there(actor))
            continue;
        expect(world.subject->passes_on || !actor_cancelled(actor),
               "a task that was cancelled waits for ever");
        expect(actor->place >= PLACES, "a task waits for ever for time to pass");
    }
    if (!world.over && world.subject->check_idle != NULL)
        world.subject->check_idle();
    for (unsigned i = 0; i < ACTORS; i++)
        if (is_there(&world.actors[i]))
            trace_result(&world.actors[i], "waits for ever, is cancelled",
                         cancel(&world.actors[i]));
}

static void check_ended(struct actor *actor)
{
    int result = aio_future_result(actor->task);
    bool cancelled = aio_task_cancelling(actor->task) > actor->heard;
    expect(actor->place == NOWHERE, "a task has ended in a wait");
    expect(actor->begun || cancelled, "a task has never begun");
    expect(result == (cancelled && actor->result == 0 ? -ECANCELED : actor->result),
           "a task has another result than it returned");
}

/* True when all have ended. */
static bool see_who_ended(void)
{
    bool all = true;
    for (unsigned i = 0; i < ACTORS; i++) {
        struct actor *actor = &world.actors[i];
        if (!actor->ended && actor->task != NULL && aio_future_done(actor->task)) {
            check_ended(actor);
            actor->ended = true;
        }
        all &= !is_there(actor);
    }
    return all;
}

static void run_turn(void)
{
    expect(aio_loop_step(world.loop, AIO_FOREVER) >= 0, "a turn failed");
    world.turn++;
}

static void run_actors(void)
{
    while (!see_who_ended() && world.turn < MAX_TURNS) {
        if (aio_loop_next_deadline(world.loop) == AIO_FOREVER)
            check_idle();
        else
            disturb();
        run_turn();
        if (!world.over && world.subject->check != NULL)
            world.subject->check();
    }
    expect(world.turn < MAX_TURNS, "it comes to no end");
}

static int run_audit(void *arg)
{
    (void)arg;
    world.subject->audit();
    return 0;
}

/* What is left when all is over. */
static void check_end(void)
{
    if (!world.over && world.subject->audit != NULL) {
        aio_task *task = start(run_audit, NULL);
        run_turn();
        expect(aio_future_done(task), "a call waits though it need not");
        aio_release(task);
    }
    if (world.subject->end != NULL)
        world.subject->end();
    expect(world.over || aio_task_count(world.loop) == 0, "a task is left");
    expect(world.over || aio_loop_next_deadline(world.loop) == AIO_FOREVER,
           "a timer or a callback is left");
    expect(world.over || failures == 0 || world.subject->passes_on, "a failure was reported");
    expect(!choices_differ(), "the same choices have led elsewhere");
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void count_failure(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
    failures++;
}

static aio_loop *make_loop(void)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.budget = 0;
    aio_loop *loop = aio_loop_new_with(&options);
    if (loop == NULL)
        perror("explore"), exit(2);
    (void)aio_loop_set_exception_handler(loop, count_failure, NULL);
    return loop;
}

const char *world_close(void)
{
    failures = 0;
    int rc = aio_loop_close(world.loop);
    world.loop = NULL;
    return rc < 0 || failures > 0 ? "the loop did not close in peace" : NULL;
}

const char *world_run(const struct subject *subject, unsigned operations, unsigned disturbances,
                      bool traced)
{
    aio_loop *loop = world.loop != NULL ? world.loop : make_loop();
    world = (struct world){.subject = subject, .loop = loop, .operations = operations,
                           .disturbances = disturbances, .traced = traced};
    failures = 0;
    if (subject->begin != NULL)
        subject->begin();
    for (unsigned i = 0; i < ACTORS; i++)
        world.actors[i] = (struct actor){.number = i, .end = i};
    for (unsigned i = 0; i < (subject->alone ? 1 : ACTORS); i++)
        world.actors[i].task = start(actor_live, &world.actors[i]);
    run_actors();
    check_end();
    for (unsigned i = 0; i < ACTORS; i++)
        aio_release(world.actors[i].task);
    /* Whatever is left of a run that went wrong goes with its loop. */
    if (world.violation != NULL || subject->draws_lots)
        (void)world_close();
    return world.violation;
}
