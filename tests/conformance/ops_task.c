/*
 * Ops on tasks: starting, awaiting, cancelling them; sleeping; failing.
 */
#include "conformance/ops.h"

int op_log(struct step *step)
{
    (void)step;
    return 0;
}

int op_sleep(struct step *step)
{
    return aio_sleep(AIO_USEC(step_number(step, 0)));
}

int op_spawn(struct step *step)
{
    return scenario_spawn(step->scenario, step->words[0], step->words[1], false);
}

int op_eager(struct step *step)
{
    return scenario_spawn(step->scenario, step->words[0], step->words[1], true);
}

int op_await(struct step *step)
{
    int rc = aio_await(step->object);
    return rc == -EDEADLK ? FAILURE_RUNTIME : rc;
}

int op_cancel(struct step *step)
{
    return aio_future_cancel(step->object);
}

int op_cancelself(struct step *step)
{
    (void)step;
    return aio_task_cancel(aio_task_current());
}

int op_uncancel(struct step *step)
{
    (void)step;
    return aio_task_uncancel(aio_task_current());
}

int op_cancelling(struct step *step)
{
    return aio_task_cancelling(step->object);
}

int op_done(struct step *step)
{
    return aio_future_done(step->object);
}

int op_fail(struct step *step)
{
    return AIO_USER_ERROR(step_number(step, 0));
}
