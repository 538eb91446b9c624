/*
 * Ops on context variables, whose values are small numbers, 0 where they are not set.
 */
#include <stdint.h>

#include "conformance/ops.h"

int declare_var(struct step *step)
{
    aio_context_var *var = arena_take(&step->scenario->arena, sizeof *var);
    *var = (aio_context_var)AIO_CONTEXT_VAR_INIT(NULL, NULL);
    scenario_name(step->scenario, step->words[0], var, NULL);
    return 0;
}

int op_cset(struct step *step)
{
    void *value = (void *)(intptr_t)step_number(step, 1);
    return aio_context_var_set(step->object, value, NULL);
}

int op_cget(struct step *step)
{
    return (int)(intptr_t)aio_context_var_get(step->object);
}
