/*
 * A wait for one future that leaves it alone, and takes one turn more than an
 * await: what asyncio does with a future of its own, between that and the waiter.
 */
#ifndef AIO_TASK_RELAY_H
#define AIO_TASK_RELAY_H

#include <aio/future.h>

enum aio__relay {
    AIO__RELAY_SHIELD, /* if the waiter is cancelled, a failure that comes later is reported */
    AIO__RELAY_CANCEL  /* it is cancelled, before the wait */
};

/*
 * Waits for a future that is not done: 0, and its result in *out_result; -ECANCELED if the waiting
 * task was cancelled; -EPERM, -EDEADLK, -EINVAL as aio_await_done().
 */
int aio__relay_wait(aio_future *future, enum aio__relay kind, const char *what, int *out_result);

#endif
