/*
 * Runs the scripts of a random program on the library, and takes the world down.
 */
#include "conformance/random_subject.h"

#define ERROR_NUMBERS 16

/* ---- actions -------------------------------------------------------------------------------- */

/* `parent`: NULL for the first. */
static int spawn(struct world *world, const struct actor *parent, const struct action *action)
{
    struct actor *child = &world->actors[action->place];
    if (child->task != NULL)
        return 0;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = action->kind == ACT_EAGER;
    if (parent != NULL)
        context_inherit(parent, child);
    aio_task *task = aio_spawn_with(&options, task_body, child);
    expect(world, task != NULL, "a task could not be spawned");
    child->task = task; /* an eager one has put itself there meanwhile */
    return 0;
}

/* What a timeout makes of its body's result; its own request it takes back, delivered or not. */
static int model_timeout_end(struct actor *actor, const struct model_scope *scope, int rc)
{
    if (!scope->seen)
        return rc;
    model_uncancel(actor);
    if (actor->count > scope->count_before)
        return rc;
    actor->undelivered = false;
    return rc == -ECANCELED ? -ETIMEDOUT : rc;
}

static int run_timeout(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct model_scope scope = {.outer = actor->scopes, .count_before = actor->count};
    scope.when = aio_loop_time(world->loop) + AIO_USEC(action->amount);
    int rc = aio_timeout_begin(&scope.timeout, AIO_USEC(action->amount));
    expect(world, rc == 0, "a timeout could not begin");
    actor->scopes = &scope;
    rc = run_body(actor, action);
    actor->scopes = scope.outer;
    int64_t now = aio_loop_time(world->loop);
    bool expired = aio_timeout_expired(&scope.timeout);
    expect(world, expired == scope.seen, "a timeout expired while its task ran");
    expect(world, !expired || now >= scope.when, "a timeout expired early");
    expect(world, expired || now <= scope.when, "a timeout did not expire");
    int expected = model_timeout_end(actor, &scope, rc);
    int result = aio_timeout_end(&scope.timeout, rc);
    bool converted = expired && rc == -ECANCELED && result == -ETIMEDOUT;
    expect(world, result == expected || (actor->clouded && (result == rc || converted)),
           "a timeout's end gave something else");
    return result;
}

static int leave(struct actor *actor, int rc)
{
    actor->returning = true;
    return rc;
}

static int perform_in_world(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    switch (action->kind) {
    case ACT_SPAWN:
    case ACT_EAGER:
        return spawn(world, actor, action);
    case ACT_CANCEL:
        return world_cancel(world, action->place);
    case ACT_CANCEL_SELF:
        return world_cancel(world, actor->number);
    case ACT_UNCANCEL:
        actor_uncancel(actor);
        return 0;
    case ACT_SET:
        return world_set(world, action->place, action->amount);
    case ACT_CANCEL_CALLBACK:
        world_cancel_callback(world, action->callback);
        return 0;
    default:
        world_call(world, action);
        return 0;
    }
}

static int perform(struct actor *actor, const struct action *action)
{
    switch (action->kind) {
    case ACT_SLEEP:
        return actor_sleep(actor, AIO_USEC(action->amount));
    case ACT_YIELD:
        return actor_sleep(actor, 0);
    case ACT_AWAIT:
    case ACT_AWAIT_DONE:
    case ACT_JOIN:
    case ACT_STOP:
        return actor_wait(actor, action->kind, action->place);
    case ACT_SHIELD:
        return actor_shield(actor, action);
    case ACT_WAIT_FOR:
        return actor_wait_for(actor, action);
    case ACT_GATHER:
    case ACT_GATHER_ALL:
        return actor_gather(actor, action);
    case ACT_WAIT:
        return actor_wait_many(actor, action);
    case ACT_ITERATE:
        return actor_iterate(actor, action);
    case ACT_TIMEOUT:
        return run_timeout(actor, action);
    case ACT_RETURN:
        return leave(actor, (int)action->amount);
    case ACT_FAIL:
        return leave(actor, AIO_USER_ERROR(action->amount % ERROR_NUMBERS));
    case ACT_USE:
        return subject_perform(actor, action);
    default:
        return perform_in_world(actor, action);
    }
}

static int run_block(struct actor *actor, const struct action *actions, unsigned count)
{
    struct world *world = actor->world;
    for (unsigned i = 0; i < count; i += 1 + actions[i].length) {
        if (world->over)
            return -ECANCELED;
        expect(world, actor->clouded || aio_task_cancelling(actor->task) == actor->count,
               "a task counts its requests otherwise");
        int rc = perform(actor, &actions[i]);
        record(world, "t", actor->number, action_name(&actions[i]), rc);
        if (actor->returning || (rc < 0 && !actions[i].swallow))
            return rc;
    }
    return 0;
}

int run_body(struct actor *actor, const struct action *action)
{
    return run_block(actor, action + 1, action->length);
}

static void destroy_value(void *arg)
{
    struct world *world = arg;
    world->values--;
}

/* A value that is destroyed with its owner: so it is seen whether that ever is. */
static void give_value(struct world *world, aio_future *owner)
{
    if (aio_future_set_value(owner, world, destroy_value) == 0)
        world->values++;
}

int task_body(void *arg)
{
    struct actor *actor = arg;
    struct world *world = actor->world;
    actor->begun = true;
    actor->task = aio_task_current();
    give_value(world, actor->task);
    expect(world, actor->clouded || !actor->undelivered, "a task began that was cancelled before");
    int rc = run_block(actor, world->program->scripts[actor->number],
                       world->program->lengths[actor->number]);
    actor->ended = true;
    actor->expected = actor->undelivered && rc >= 0 ? -ECANCELED : rc;
    record(world, "t", actor->number, "end", rc);
    return rc;
}

/* ---- a run ---------------------------------------------------------------------------------- */

/* Waits for all tasks there are; late enough for every timer to have been due. */
static int drive(void *arg)
{
    struct world *world = arg;
    const struct action first = {.kind = ACT_SPAWN, .place = 0};
    world->driver = aio_retain(aio_task_current());
    for (unsigned i = 0; i < FUTURES; i++)
        world->futures[i] = aio_future_new();
    (void)spawn(world, NULL, &first);
    for (unsigned i = 0; i < TASKS; i++) {
        aio_task *task = world->actors[i].task;
        if (task == NULL || aio_future_done(task))
            continue;
        if (aio_await_done(task) < 0 || world->over)
            return -ECANCELED;
        i = (unsigned)-1; /* it may have spawned one of a smaller number */
    }
    subjects_finish(world);
    int rc = aio_sleep(AIO_MSEC(1));
    expect(world, aio_task_count(NULL) == 1, "a task is left");
    return rc;
}

/* Ends what a run that got stuck has left. */
static int rescue(void *arg)
{
    struct world *world = arg;
    int rc = 0;
    for (unsigned i = 0; i < TASKS; i++)
        (void)aio_task_cancel(world->actors[i].task);
    for (unsigned i = 0; i < TASKS; i++)
        if (world->actors[i].task != NULL && rc == 0)
            rc = aio_await_done(world->actors[i].task);
    subjects_finish(world);
    return rc == 0 ? aio_await_done(world->driver) : rc;
}

static void ignore_failure(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
}

static void world_init(struct world *world, const struct random_program *program, bool shuffled)
{
    *world = (struct world){.program = program, .shuffled = shuffled, .last_when = -1};
    for (unsigned i = 0; i < TASKS; i++)
        world->actors[i] = (struct actor){.world = world, .number = i};
    for (unsigned i = 0; i < CALLBACKS; i++)
        world->callbacks[i].world = world;
}

static void world_fini(struct world *world)
{
    for (unsigned i = 0; i < CALLBACKS; i++)
        (void)aio_handle_cancel(&world->callbacks[i].handle);
    for (unsigned i = 0; i < TASKS; i++) {
        (void)aio_future_result(world->actors[i].task);
        aio_release(world->actors[i].task);
    }
    for (unsigned i = 0; i < FUTURES; i++) {
        give_value(world, world->futures[i]);
        aio_release(world->futures[i]);
    }
    aio_release(world->driver);
    if (world->values != 0 && world->violation == NULL)
        world->violation = "a task or future was not freed";
    const char *violation = subjects_end(world);
    if (world->violation == NULL && !world->circle)
        world->violation = violation;
}

static void check_run(struct world *world, int rc)
{
    world->circle = rc == -EDEADLK && subjects_circle(world);
    if (rc == -EDEADLK)
        world_check_deadlock(world);
    else
        world_check_end(world);
    expect(world, rc == 0 || rc == -EDEADLK, "the run failed");
}

static aio_runner *make_runner(uint64_t shuffle_seed)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.budget = 0;
    options.handle_sigint = false;
    options.shuffle_seed = shuffle_seed;
    aio_runner *runner = aio_runner_new(&options);
    aio_loop_set_exception_handler(aio_runner_loop(runner), ignore_failure, NULL);
    return runner;
}

/* Ends a run: 0; how many tasks would not end, and then the runner is not kept. */
static int end_run(struct world *world, aio_runner *runner, aio_runner **kept)
{
    world->over = true;
    if (kept == NULL)
        return aio_runner_close(runner);
    (void)aio_runner_run(runner, rescue, world);
    int left = (int)aio_task_count(world->loop);
    if (left == 0)
        return 0;
    *kept = NULL;
    (void)aio_runner_close(runner);
    return left;
}

const char *world_run(const struct random_program *program, uint64_t shuffle_seed, FILE *trace,
                      aio_runner **kept, uint64_t *out_hash)
{
    struct world world;
    world_init(&world, program, shuffle_seed != 0);
    world.trace = trace;
    aio_runner *runner = kept != NULL && *kept != NULL ? *kept : make_runner(shuffle_seed);
    if (kept != NULL)
        *kept = runner;
    if (runner == NULL)
        return "a runner could not be made";
    world.loop = aio_runner_loop(runner);
    world.begin = aio_loop_time(world.loop);
    subjects_begin(&world);
    check_run(&world, aio_runner_run(runner, drive, &world));
    if (end_run(&world, runner, kept) != 0 && world.violation == NULL && !world.circle)
        world.violation = "a task outlived its run";
    world_fini(&world);
    *out_hash = world.hash;
    return world.violation;
}
