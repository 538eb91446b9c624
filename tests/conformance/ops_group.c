/*
 * The block `group`, and `gspawn` in it.
 */
#include "conformance/ops.h"

int op_group(struct step *step)
{
    aio_group group;
    int rc = aio_group_begin(&group);
    if (rc < 0)
        return rc;
    struct scope scope = {.group = &group};
    rc = aio_group_end(&group, step_block(step, &scope));
    return rc < 0 && rc != -ECANCELED ? failure_of_group(rc) : rc;
}

int op_gspawn(struct step *step)
{
    int rc = scenario_spawn_in(step->scenario, step->scope->group, step->words[0], step->words[1]);
    return rc == -ESHUTDOWN ? FAILURE_RUNTIME : rc;
}
