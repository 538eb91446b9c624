/*
 * Children of groups: started, each in its place.
 *
 * A child holds a place from before its task is made until the turn after its
 * end.  Without a limit there is always one; with a limit, whoever spawns waits
 * for it, in order of arrival, so that a loop that spawns is slowed down instead
 * of making tasks that could only wait.  A place that is given counts at once:
 * the group does not end before who was given it has used it or given it up.
 */
#include <errno.h>

#include "task/group.h"

/* ---- places --------------------------------------------------------------------------------- */

/* On the stack of a task that waits for a place. */
struct place {
    aio__wait wait;
    aio__link link; /* in group->places, until it is given or refused */
    bool given;     /* else the group may end before the task goes on */
};

static bool full(const aio__group *group)
{
    return group->limit != 0 && group->running >= group->limit;
}

void aio__group_give_places(aio__group *group)
{
    while (!full(group) && !aio__list_empty(&group->places)) {
        aio__link *first = aio__list_pop_front(&group->places);
        struct place *place = aio__container(first, struct place, link);
        place->given = true;
        group->running++;
        aio__wake(&place->wait, 0);
    }
}

void aio__group_refuse_places(aio__group *group)
{
    aio__link *first;
    while ((first = aio__list_pop_front(&group->places)) != NULL) {
        struct place *place = aio__container(first, struct place, link);
        aio__wake(&place->wait, -ESHUTDOWN);
    }
}

static bool stop_waiting(aio__wait *wait)
{
    struct place *place = aio__container(wait, struct place, wait);
    bool waiting = aio__link_linked(&place->link);
    if (waiting) {
        aio__link_remove(&place->link);
        aio__wake(wait, -ECANCELED);
    }
    return waiting;
}

static int wait_for_place(aio__group *group)
{
    struct place place = {.given = false};
    int rc = aio__wait_begin(&place.wait, stop_waiting, "place in a group");
    if (rc < 0)
        return rc == -EPERM ? -EAGAIN : rc;
    aio__list_push_back(&group->places, &place.link);
    rc = aio__park(&place.wait);
    if (rc == 0 && group->aborting)
        rc = -ESHUTDOWN;
    if (rc < 0 && place.given)
        aio__group_leave(group);
    return rc;
}

int aio__group_enter(const aio_group *group, aio__group **out_group)
{
    aio__group *record = aio__group_find(group);
    if (record == NULL)
        return group != NULL && group->ended ? -ESHUTDOWN : -EINVAL;
    if (record->aborting || (record->exiting && record->running == 0))
        return -ESHUTDOWN;
    if (full(record) || !aio__list_empty(&record->places)) {
        int rc = wait_for_place(record);
        if (rc < 0)
            return rc;
    } else {
        record->running++;
    }
    *out_group = record;
    return 0;
}

int aio_group_set_limit(aio_group *group, size_t limit)
{
    aio__group *record = aio__group_find(group);
    if (record == NULL)
        return -EINVAL;
    record->limit = limit;
    aio__group_give_places(record);
    return 0;
}

/* ---- spawning ------------------------------------------------------------------------------- */

/* A task of the group's loop; NULL with errno. */
static aio__task *make_task(const char *place, aio__group *group, const aio_spawn_options *options,
                            aio_function function, void *arg)
{
    aio_spawn_options on_loop = AIO_SPAWN_OPTIONS_INIT;
    aio_loop *loop = group->scope.task->future.scheduler->loop;
    if (options != NULL)
        on_loop = *options;
    if (on_loop.loop != NULL && on_loop.loop != loop) {
        errno = EINVAL;
        return NULL;
    }
    on_loop.loop = loop;
    aio_task *task = aio_spawn_at(place, &on_loop, function, arg);
    return task != NULL ? aio__task_of(task) : NULL;
}

aio__member *aio__group_add(const char *place, aio__group *group,
                            const aio_spawn_options *options, aio_function function, void *arg)
{
    aio__scheduler *scheduler = group->scope.task->future.scheduler;
    aio__member *member = aio__scope_record(&scheduler->member_pool, sizeof *member);
    if (member == NULL) {
        errno = ENOMEM;
        goto leave;
    }
    aio__task *task = make_task(place, group, options, function, arg);
    if (task == NULL)
        goto free_member;
    *member = (aio__member){.group = group, .task = task};
    /* It releases the child, which may call the user: on the thread's stack, in no task. */
    member->done = (aio__handle){.run = aio__member_done, .place = AIO__PLACE_THREAD};
    task->member = member;
    aio__list_push_back(&group->children, &member->link);
    if (task->future.done)
        aio__loop_enqueue(scheduler->loop, &member->done);
    else
        aio__list_push_back(&task->future.waiters, &member->done.link);
    /* An eager child has run before it was one, and may have had the group cancelled. */
    if (group->aborting)
        (void)aio__future_request_cancel(&task->future);
    return member;

free_member:
    aio__pool_put(scheduler->member_pool, member);
leave:
    aio__group_leave(group);
    return NULL;
}

int aio_group_spawn_at(const char *place, aio_group *group, const aio_spawn_options *options,
                       aio_function function, void *arg)
{
    aio__group *record;
    int rc = aio__group_enter(group, &record);
    if (rc < 0)
        return rc;
    return aio__group_add(place, record, options, function, arg) != NULL ? 0 : -errno;
}

int aio_group_spawn_copy_at(const char *place, aio_group *group, aio_function function,
                            const void *args, size_t size)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.copy = size != 0 ? args : NULL;
    options.copy_size = args != NULL ? size : 0;
    return aio_group_spawn_at(place, group, &options, function, NULL);
}

aio_task *aio_group_task_at(const char *place, aio_group *group, const aio_spawn_options *options,
                            aio_function function, void *arg)
{
    aio__group *record;
    int rc = aio__group_enter(group, &record);
    if (rc < 0) {
        errno = -rc;
        return NULL;
    }
    aio__member *member = aio__group_add(place, record, options, function, arg);
    return member != NULL ? aio_retain(&member->task->future) : NULL;
}

/* ---- the same without a place --------------------------------------------------------------- */

int(aio_group_spawn)(aio_group *group, aio_function function, void *arg)
{
    return aio_group_spawn_at(NULL, group, NULL, function, arg);
}

int(aio_group_spawn_with)(aio_group *group, const aio_spawn_options *options,
                          aio_function function, void *arg)
{
    return aio_group_spawn_at(NULL, group, options, function, arg);
}

int(aio_group_spawn_copy)(aio_group *group, aio_function function, const void *args, size_t size)
{
    return aio_group_spawn_copy_at(NULL, group, function, args, size);
}

aio_task *(aio_group_task)(aio_group *group, aio_function function, void *arg)
{
    return aio_group_task_at(NULL, group, NULL, function, arg);
}

aio_task *(aio_group_task_with)(aio_group *group, const aio_spawn_options *options,
                                aio_function function, void *arg)
{
    return aio_group_task_at(NULL, group, options, function, arg);
}
