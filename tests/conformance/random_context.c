/*
 * Context variables in random programs: a task sees what it has set, and what whoever started it
 * had set by then, and nothing else; each value is destroyed once.
 */
#include <string.h>

#include "conformance/random_subject.h"

#define MAX_VALUES (TASKS * MAX_ACTIONS + 1)

static void destroy(void *value);

static aio_context_var variables[OBJECTS] = {
    AIO_CONTEXT_VAR_INIT(NULL, destroy),
    AIO_CONTEXT_VAR_INIT(NULL, destroy),
};
static unsigned values[TASKS][OBJECTS]; /* what each task has: the number of a value, or 0 */
static unsigned destroyed[MAX_VALUES];  /* of each, how often */
static unsigned count;

static void destroy(void *value)
{
    ++*(unsigned *)value;
}

static void begin(struct world *world)
{
    (void)world;
    memset(values, 0, sizeof values);
    memset(destroyed, 0, sizeof destroyed);
    count = 0;
}

void context_inherit(const struct actor *parent, const struct actor *child)
{
    memcpy(values[child->number], values[parent->number], sizeof values[0]);
}

static int look(struct actor *actor, const struct action *action)
{
    (void)action;
    for (unsigned i = 0; i < OBJECTS; i++) {
        unsigned value = values[actor->number][i];
        void *expected = value > 0 ? &destroyed[value] : NULL;
        expect(actor->world, aio_context_var_get(&variables[i]) == expected,
               "a variable has somebody else's value");
        expect(actor->world, value == 0 || destroyed[value] == 0, "a value was destroyed early");
    }
    return 0;
}

/* With a token, for the length of a block. */
static int set(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    aio_context_var *variable = &variables[action->object];
    unsigned *value = &values[actor->number][action->object], old = *value;
    aio_context_token token = AIO_CONTEXT_TOKEN_INIT;
    bool resets = action->length > 0;
    int rc = aio_context_var_set(variable, &destroyed[++count], resets ? &token : NULL);
    expect(world, rc == 0, "a variable could not be set");
    *value = count;
    if (!resets)
        return look(actor, action);
    rc = run_body(actor, action);
    (void)look(actor, action);
    if (action->mode == 0) {
        aio_context_token_release(&token);
        return rc;
    }
    int reset = aio_context_var_reset(variable, &token);
    expect(world, reset == 0, "a variable could not be reset");
    *value = old;
    (void)look(actor, action);
    return rc;
}

static bool may_hang(const struct actor *actor)
{
    (void)actor;
    return false;
}

static const char *end(struct world *world)
{
    (void)world;
    for (unsigned i = 1; i <= count; i++)
        if (destroyed[i] != 1)
            return "a variable's value was not destroyed once";
    return NULL;
}

static const struct operation OPERATIONS[] = {
    {"context_set", 3, true, false, set},
    {"context_get", 3, false, false, look},
};
const struct subject context_subject = {
    "context", SUBJECT_OPERATIONS(OPERATIONS), false, begin, may_hang, NULL, NULL, end,
};
