/*
 * The interpreter: bodies, ops, tasks, and the driver around them.
 */
#include "conformance/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/ops.h"

/* ---- names ---------------------------------------------------------------------------------- */

static struct thing *find(const struct scenario *scenario, const char *name)
{
    struct thing *thing = scenario->things;
    while (thing != NULL && strcmp(thing->name, name) != 0)
        thing = thing->next;
    return thing;
}

void *scenario_find(const struct scenario *scenario, const char *name)
{
    const struct thing *thing = find(scenario, name);
    return thing != NULL ? thing->object : NULL;
}

/* The one that it replaces stays in the list, behind it, to be freed at the end. */
void scenario_name(struct scenario *scenario, const char *name, void *object,
                   void (*destroy)(void *object))
{
    struct thing *thing = arena_take(&scenario->arena, sizeof *thing);
    *thing = (struct thing){scenario->things, name, object, destroy};
    scenario->things = thing;
}

/* ---- the trace ------------------------------------------------------------------------------ */

void scenario_log(struct scenario *scenario, const char *who, const char *what, const char *result)
{
    if (!scenario->over)
        trace_line(scenario->trace, aio_loop_time(scenario->loop), who, what, result);
}

static void log_number(struct scenario *scenario, const char *who, const char *what, int number)
{
    char text[TRACE_WORD];
    const char *result = text;
    if (number < 0)
        result = failure_word(number, text, sizeof text);
    else
        snprintf(text, sizeof text, "%d", number);
    scenario_log(scenario, who, what, result);
}

/* ---- ops ------------------------------------------------------------------------------------ */

long long step_number(const struct step *step, size_t word)
{
    return word < step->word_count ? strtoll(step->words[word], NULL, 10) : 0;
}

int step_block(struct step *step, struct scope *scope)
{
    int rc = scenario_body(step->scenario, step->who, step->op->block, scope);
    return rc < 0 ? rc : 0;
}

/* The words of the op; of names, those that name something. */
static void take_words(struct step *step, int names_at)
{
    const struct op *op = step->op;
    for (size_t i = 0; i < op->word_count; i++) {
        bool is_name = names_at >= 0 && i >= (size_t)names_at;
        if (!is_name || find(step->scenario, op->words[i]) != NULL)
            step->words[step->word_count++] = op->words[i];
    }
    if (step->word_count > 0)
        step->object = scenario_find(step->scenario, step->words[0]);
}

static int run_step(struct step *step, const struct op_row *row)
{
    take_words(step, row->names_at);
    if (row->names_at >= 0 && step->word_count == (size_t)row->names_at) {
        step->text = "MISSING";
        return 0;
    }
    int rc = row->run(step);
    if (rc >= 0 && step->text == NULL && row->prints == PRINTS_OK)
        step->text = "ok";
    return rc;
}

/* One op: 0, or the failure that leaves the body. */
static int run_op(struct scenario *scenario, const char *who, const struct op *op,
                  struct scope *scope)
{
    struct step step = {.scenario = scenario, .op = op, .who = who, .scope = scope};
    int rc = run_step(&step, op_find(op->name));
    if (rc >= 0 && step.text != NULL)
        scenario_log(scenario, who, op->text, step.text);
    else
        log_number(scenario, who, op->text, rc);
    return rc < 0 && !op->swallow ? rc : 0;
}

int scenario_body(struct scenario *scenario, const char *who, const struct body *body,
                  struct scope *scope)
{
    for (const struct op *op = body->first; op != NULL; op = op->next) {
        if (scenario->over)
            return -ECANCELED;
        if (strcmp(op->name, "return") == 0)
            return atoi(op->words[0]);
        int rc = run_op(scenario, who, op, scope);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

struct task_start {
    struct scenario *scenario;
    const char *name;
    const struct coroutine *coroutine;
};

static int task_body(void *arg)
{
    const struct task_start *start = arg;
    int rc = scenario_body(start->scenario, start->name, &start->coroutine->body, NULL);
    log_number(start->scenario, start->name, "end", rc);
    return rc;
}

void scenario_add_task(struct scenario *scenario, const char *name, aio_task *task)
{
    size_t size = (scenario->task_count + 1) * sizeof(*scenario->tasks);
    scenario->tasks = grow(scenario->tasks, size);
    scenario->tasks[scenario->task_count++] = task;
    scenario_name(scenario, name, task, NULL);
}

/* In a group, or NULL. */
static int spawn(struct scenario *scenario, aio_group *group, const char *name,
                 const char *coroutine, bool eager)
{
    struct task_start start = {scenario, name, program_coroutine(scenario->program, coroutine)};
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = name;
    options.eager = eager;
    options.copy = &start;
    options.copy_size = sizeof start;
    aio_task *task = group != NULL ? aio_group_task_with(group, &options, task_body, NULL)
                                   : aio_spawn_with(&options, task_body, NULL);
    if (task == NULL)
        return -errno;
    scenario_add_task(scenario, name, task);
    return 0;
}

int scenario_spawn(struct scenario *scenario, const char *name, const char *coroutine, bool eager)
{
    return spawn(scenario, NULL, name, coroutine, eager);
}

int scenario_spawn_in(struct scenario *scenario, aio_group *group, const char *name,
                      const char *coroutine)
{
    return spawn(scenario, group, name, coroutine, false);
}

/* ---- the driver ----------------------------------------------------------------------------- */

/* What asyncio.gather(*left, return_exceptions=True) keeps: a callback each, a future for all. */
struct leftovers {
    aio_task **tasks;
    aio_handle *handles;
    size_t count, pending;
    aio_future *all_done;
};

static void one_ended(void *arg)
{
    struct leftovers *left = arg;
    if (--left->pending == 0)
        (void)aio_future_set(left->all_done, 0);
}

static void find_leftovers(struct scenario *scenario, struct leftovers *left)
{
    *left = (struct leftovers){0};
    left->tasks = arena_take(&scenario->arena, scenario->task_count * sizeof(*left->tasks));
    left->handles = arena_take(&scenario->arena, scenario->task_count * sizeof(*left->handles));
    for (size_t i = 0; i < scenario->task_count; i++)
        if (!aio_future_done(scenario->tasks[i]))
            left->tasks[left->count++] = scenario->tasks[i];
    left->pending = left->count;
}

static int await_leftovers(struct leftovers *left)
{
    if (left->count == 0)
        return 0;
    left->all_done = aio_future_new();
    if (left->all_done == NULL)
        return -errno;
    for (size_t i = 0; i < left->count; i++)
        (void)aio_future_on_done(left->tasks[i], &left->handles[i], one_ended, left);
    int rc = aio_await(left->all_done);
    for (size_t i = 0; i < left->count; i++)
        (void)aio_handle_cancel(&left->handles[i]);
    aio_release(left->all_done);
    return rc;
}

static int end_leftovers(struct scenario *scenario)
{
    struct leftovers left;
    find_leftovers(scenario, &left);
    log_number(scenario, "loop", "cancel-left", (int)left.count);
    for (size_t i = 0; i < left.count; i++)
        (void)aio_task_cancel(left.tasks[i]);
    return await_leftovers(&left);
}

static int declare(struct scenario *scenario)
{
    int rc = 0;
    for (const struct op *op = scenario->program->declarations.first; op != NULL && rc == 0;
         op = op->next) {
        struct step step = {.scenario = scenario, .op = op, .who = "loop"};
        take_words(&step, -1);
        rc = declaration_find(op->name)->declare(&step);
    }
    return rc;
}

static int drive(void *arg)
{
    struct scenario *scenario = arg;
    int rc = declare(scenario);
    if (rc == 0)
        rc = scenario_spawn(scenario, "main", "main", false);
    if (rc < 0)
        return rc;
    (void)!aio_await(scenario_find(scenario, "main"));
    return scenario->over ? 0 : end_leftovers(scenario);
}

/* ---- the run -------------------------------------------------------------------------------- */

/* A task whose failure nobody awaits is no news here. */
static void ignore_failure(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
}

static void scenario_fini(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->task_count; i++) {
        (void)aio_future_result(scenario->tasks[i]); /* asked for, so that nothing is reported */
        aio_release(scenario->tasks[i]);
    }
    for (struct thing *thing = scenario->things; thing != NULL; thing = thing->next)
        if (thing->destroy != NULL)
            thing->destroy(thing->object);
    free(scenario->tasks);
    arena_free(&scenario->arena);
}

static int run_on(struct scenario *scenario, aio_runner *runner)
{
    scenario->loop = aio_runner_loop(runner);
    aio_loop_set_exception_handler(scenario->loop, ignore_failure, NULL);
    int rc = aio_runner_run(runner, drive, scenario);
    scenario->over = true;
    if (rc != -EDEADLK)
        return rc;
    scenario->deadlock = true;
    trace_add(scenario->trace, "deadlock\n");
    return 0;
}

int scenario_run(const struct program *program, struct trace *trace)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.budget = 0;
    options.handle_sigint = false;
    aio_runner *runner = aio_runner_new(&options);
    if (runner == NULL)
        return -errno;
    struct scenario scenario = {.program = program, .trace = trace};
    int rc = run_on(&scenario, runner);
    int abandoned = aio_runner_close(runner);
    scenario_fini(&scenario);
    /* A condition's wait ends with the lock held: never, where who holds that has ended. */
    bool may_stick = scenario.deadlock || scenario.conditions;
    return rc < 0 ? rc : abandoned > 0 && !may_stick ? -EBUSY : 0;
}
