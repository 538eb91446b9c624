/*
 * The block `timeout`, and `reschedule` in it.
 */
#include "conformance/ops.h"

int op_timeout(struct step *step)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_USEC(step_number(step, 0)));
    if (rc < 0)
        return rc;
    struct scope scope = {.timeout = &timeout};
    return aio_timeout_end(&timeout, step_block(step, &scope));
}

int op_reschedule(struct step *step)
{
    int64_t now = aio_loop_time(step->scenario->loop);
    int rc = aio_timeout_reschedule(step->scope->timeout, now + AIO_USEC(step_number(step, 0)));
    return rc == -EINVAL ? FAILURE_RUNTIME : rc;
}
