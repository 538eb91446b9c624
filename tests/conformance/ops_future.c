/*
 * Ops on futures.
 */
#include "conformance/ops.h"

static void destroy(void *future)
{
    (void)aio_future_result(future); /* asked for, so that nothing is reported */
    aio_release(future);
}

int declare_future(struct step *step)
{
    aio_future *future = aio_future_new();
    if (future == NULL)
        return -errno;
    scenario_name(step->scenario, step->words[0], future, destroy);
    return 0;
}

static int set(struct step *step, int result)
{
    int rc = aio_future_set(step->object, result);
    return rc == -EINVAL ? FAILURE_RUNTIME : rc;
}

int op_set(struct step *step)
{
    return set(step, (int)step_number(step, 1));
}

int op_setfail(struct step *step)
{
    return set(step, AIO_USER_ERROR(step_number(step, 1)));
}
