/*
 * Shielding: asyncio's shield().
 */
#include <errno.h>

#include <aio/gather.h>

#include "task/relay.h"
#include "task/scheduler.h"
#include "task/wait.h"

int aio_shield(aio_future *future)
{
    if (future == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("shield"))
        return -EPERM;
    if (future->done)
        return aio_future_result(future);
    int result = 0;
    int rc = aio__relay_wait(future, AIO__RELAY_SHIELD, "shield", &result);
    return rc < 0 ? rc : result;
}
