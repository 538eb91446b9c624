/*
 * Children that say when they are ready: what trio calls nursery.start().
 *
 * Who waits for that lies on its own stack, and the child's member points there,
 * until the child is ready, has ended, or the waiter goes on without it.
 */
#include <errno.h>

#include "task/group.h"

struct aio__starting {
    aio__wait wait;
    aio__member *member; /* NULL once nothing comes from it any more */
    bool waiting;        /* parked, and neither woken nor cancelled */
    int result;
    void *value;
    aio__task *failed; /* the child, with a share in it, if it failed before it was ready */
};

/* The member and who waits for it part. */
static void part(aio__starting *starting)
{
    starting->member->starting = NULL;
    starting->member = NULL;
}

static void settle(aio__starting *starting, int result)
{
    part(starting);
    starting->result = result;
    if (starting->waiting)
        aio__wake(&starting->wait, 0);
    starting->waiting = false;
}

void aio__starting_failed(aio__member *member)
{
    aio__starting *starting = member->starting;
    int result = member->task->future.result;
    if (result >= 0)
        result = -AIO_ESTATE;
    else if (result != -ECANCELED)
        starting->failed = aio__task_of(aio_retain(&member->task->future));
    else if (member->group->aborting)
        result = -ESHUTDOWN;
    settle(starting, result);
}

int aio_group_started(void *value)
{
    aio__task *task = aio__task_running();
    if (task == NULL)
        return -EPERM;
    if (task->member == NULL || task->member->starting == NULL)
        return 0;
    task->member->starting->value = value;
    settle(task->member->starting, 0);
    return 0;
}

/* The child is cancelled by the waiter itself when it goes on: a chain of those who wait for each
 * other's children may be longer than a stack is deep. */
static bool stop_starting(aio__wait *wait)
{
    aio__starting *starting = aio__container(wait, aio__starting, wait);
    bool waiting = starting->waiting;
    starting->waiting = false;
    if (wait->task->doomed && starting->member != NULL)
        part(starting);
    if (wait->task->doomed && starting->failed != NULL) {
        aio_release(&starting->failed->future);
        starting->failed = NULL;
    }
    if (waiting)
        aio__wake(wait, -ECANCELED);
    return waiting;
}

static int wait_until_ready(aio__starting *starting)
{
    starting->waiting = true;
    int rc = aio__park(&starting->wait);
    if (starting->member != NULL) {
        aio__task *child = starting->member->task;
        part(starting);
        (void)aio__future_request_cancel(&child->future);
    }
    if (starting->failed != NULL) {
        if (rc == 0) /* else nobody has heard of it, which its release reports */
            (void)aio_future_result(&starting->failed->future);
        aio_release(&starting->failed->future);
    }
    return rc == 0 ? starting->result : rc;
}

int aio_group_start_at(const char *place, aio_group *group, const aio_spawn_options *options,
                       aio_function function, void *arg, void **out_value)
{
    aio__group *record;
    aio__starting starting = {.failed = NULL};
    if (!aio__may_suspend("start in a group"))
        return -EPERM;
    if (options != NULL && options->eager)
        return -EINVAL;
    int rc = aio__group_enter(group, &record);
    if (rc < 0)
        return rc;
    rc = aio__wait_begin(&starting.wait, stop_starting, "start in a group");
    if (rc < 0) {
        aio__group_leave(record);
        return rc;
    }
    starting.member = aio__group_add(place, record, options, function, arg);
    if (starting.member == NULL)
        return -errno;
    starting.member->starting = &starting;
    rc = wait_until_ready(&starting);
    if (rc == 0 && out_value != NULL)
        *out_value = starting.value;
    return rc;
}

int(aio_group_start)(aio_group *group, aio_function function, void *arg, void **out_value)
{
    return aio_group_start_at(NULL, group, NULL, function, arg, out_value);
}

int(aio_group_start_with)(aio_group *group, const aio_spawn_options *options,
                          aio_function function, void *arg, void **out_value)
{
    return aio_group_start_at(NULL, group, options, function, arg, out_value);
}
