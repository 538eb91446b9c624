/*
 * The block `foreach` over a new generator, and `yield` in that.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/ops.h"

struct start {
    struct scenario *scenario;
    const char *who;
    const struct coroutine *coroutine;
};

static int run_generator(void *arg)
{
    const struct start *start = arg;
    return scenario_body(start->scenario, start->who, &start->coroutine->body, NULL);
}

/* The two with something between, in the scenario's arena. */
static char *join(struct scenario *scenario, const char *first, const char *between,
                  const char *second)
{
    size_t size = strlen(first) + strlen(between) + strlen(second) + 1;
    char *text = arena_take(&scenario->arena, size);
    snprintf(text, size, "%s%s%s", first, between, second);
    return text;
}

int op_foreach(struct step *step)
{
    const char *name = step->words[0], *what = join(step->scenario, "item", " ", name);
    struct start start = {step->scenario, join(step->scenario, step->who, "/", name),
                          program_coroutine(step->scenario->program, name)};
    int rc, failure = 0, count = 0;
    AIO_FOREACH (int, item, aio_generator_new(run_generator, &start, sizeof(int)), rc) {
        char number[16];
        snprintf(number, sizeof number, "%d", item);
        scenario_log(step->scenario, step->who, what, number);
        count++;
        failure = step_block(step, step->scope);
        if (failure < 0)
            break;
    }
    return rc < 0 ? rc : failure < 0 ? failure : count;
}

int op_yield(struct step *step)
{
    int number = (int)step_number(step, 0);
    return aio_generator_yield(&number);
}
