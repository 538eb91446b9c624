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
    aio__task *child;    /* a share, until the waiter has gone on */
    bool waiting;        /* parked, and neither woken nor cancelled */
    bool failed;         /* the child, before it was ready */
    int result;
    void *value;
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
        starting->failed = true;
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

/* The waiter goes on, or never will: it has nothing to do with the child any more. */
static void let_go(aio__starting *starting)
{
    if (starting->member != NULL)
        part(starting);
    if (starting->child != NULL)
        aio_release(&starting->child->future);
    starting->child = NULL;
}

/* The child is cancelled by the waiter itself when it goes on: a chain of those who wait for each
 * other's children may be longer than a stack is deep. */
static bool stop_starting(aio__wait *wait)
{
    aio__starting *starting = aio__container(wait, aio__starting, wait);
    bool waiting = starting->waiting;
    starting->waiting = false;
    if (wait->task->doomed)
        let_go(starting);
    if (waiting)
        aio__wake(wait, -ECANCELED);
    return waiting;
}

static int wait_until_ready(aio__starting *starting)
{
    starting->waiting = true;
    int rc = aio__park(&starting->wait);
    /* Ready or not: the caller does not learn that it is. */
    if (rc < 0 && starting->child != NULL)
        (void)aio__future_request_cancel(&starting->child->future);
    if (rc == 0 && starting->failed) /* else nobody has heard of it, which its release reports */
        (void)aio_future_result(&starting->child->future);
    let_go(starting);
    return rc == 0 ? starting->result : rc;
}

int aio_group_start_at(const char *place, aio_group *group, const aio_spawn_options *options,
                       aio_function function, void *arg, void **out_value)
{
    aio__group *record;
    aio__starting starting = {.member = NULL};
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
    starting.child = aio__task_of(aio_retain(&starting.member->task->future));
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
