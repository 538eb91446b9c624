/*
 * Groups: begun, cancelled, ended; and what a child's end means for the others.
 *
 * What the parent waits for is kept as asyncio's TaskGroup keeps it, and its
 * requests to cancel are counted and taken back in the same places.
 */
#include "task/group.h"

#include <errno.h>
#include <string.h>

/* ---- members -------------------------------------------------------------------------------- */

static void member_free(aio__member *member)
{
    aio__task *task = member->task;
    aio__scheduler *scheduler = member->group->scope.task->future.scheduler;
    task->member = NULL;
    aio__pool_put(scheduler->member_pool, member);
    aio_release(&task->future);
}

static void free_members(aio__list *members)
{
    aio__link *link;
    while ((link = aio__list_pop_front(members)) != NULL)
        member_free(aio__container(link, aio__member, link));
}

/* ---- aborting ------------------------------------------------------------------------------- */

void aio__group_abort(aio__group *group)
{
    group->aborting = true;
    aio__group_refuse_places(group);
    aio__list_foreach(link, &group->children)
        (void)aio__future_request_cancel(&aio__container(link, aio__member, link)->task->future);
}

static void cancel_parent(aio__group *group)
{
    group->parent_cancel_requested = true;
    aio__task_request(group->scope.task, &group->request);
}

void aio__group_leave(aio__group *group)
{
    group->running--;
    if (!group->aborting)
        aio__group_give_places(group);
    if (group->running == 0 && group->ending != NULL) {
        aio__wait *wait = group->ending;
        group->ending = NULL;
        aio__wake(wait, 0);
    }
}

/* asyncio's TaskGroup._on_task_done. */
void aio__member_done(aio__handle *handle)
{
    aio__member *member = aio__container(handle, aio__member, done);
    aio__group *group = member->group;
    int result = member->task->future.result;
    bool failed = result < 0 && result != -ECANCELED && member->starting == NULL;
    aio__link_remove(&member->link);
    if (member->starting != NULL)
        aio__starting_failed(member);
    if (failed)
        aio__list_push_back(&group->failed, &member->link);
    else
        member_free(member);
    aio__group_leave(group);
    if (failed && !group->aborting) {
        aio__group_abort(group);
        cancel_parent(group);
    }
}

/* ---- ending --------------------------------------------------------------------------------- */

struct ending {
    aio__wait wait;
    aio__group *group;
};

static bool stop_ending(aio__wait *wait)
{
    aio__group *group = aio__container(wait, struct ending, wait)->group;
    bool waiting = group->ending == wait;
    group->ending = NULL;
    if (waiting)
        aio__wake(wait, -ECANCELED);
    return waiting;
}

/* For dumps: the children. */
static const void *next_child(const aio__wait *wait, const void *cursor, aio_future **out_future)
{
    const aio__link *head = &aio__container(wait, struct ending, wait)->group->children.head;
    const aio__link *at = cursor != NULL ? cursor : head;
    if (at->next == head)
        return NULL;
    *out_future = &aio__container(at->next, aio__member, link)->task->future;
    return at->next;
}

static int wait_for_last(aio__group *group)
{
    struct ending ending = {.group = group};
    int rc = aio__wait_begin(&ending.wait, stop_ending, "group");
    if (rc < 0)
        return rc;
    ending.wait.next = next_child;
    group->ending = &ending.wait;
    return aio__park(&ending.wait);
}

/* How the parent fared while it waited. */
struct outcome {
    bool interrupted; /* it was cancelled, by whomever */
    bool propagate;   /* ... and that is what ended the group */
};

/* Waits until no child is left.  The parent may be cancelled any number of times meanwhile. */
static void wait_for_all(aio__group *group, struct outcome *outcome)
{
    group->exiting = true;
    while (group->running > 0) {
        if (wait_for_last(group) != -ECANCELED)
            continue;
        outcome->interrupted = true;
        if (group->aborting)
            continue;
        outcome->propagate = true;
        aio__group_abort(group);
    }
}

/* Takes the group's request to cancel its parent back; how many are left. */
static int take_request_back(aio__group *group)
{
    aio__task *parent = group->scope.task;
    if (!group->parent_cancel_requested)
        return parent->cancels;
    return aio__task_take_back(parent, &group->request);
}

static void shut(aio__group *group)
{
    aio__scheduler *scheduler = group->scope.task->future.scheduler;
    free_members(&group->failed);
    aio__scope_shut(&group->scope);
    aio__pool_put(scheduler->group_pool, group);
}

/* ---- errors --------------------------------------------------------------------------------- */

static void put_error(aio__group *group, size_t place, const aio__task *task, int error)
{
    if (place >= group->capacity)
        return;
    aio_group_error *out = &group->errors[place];
    const char *name = task->name != NULL ? task->name : aio__task_number_name(task);
    size_t length = strlen(name);
    if (length >= sizeof out->task)
        length = sizeof out->task - 1;
    memcpy(out->task, name, length);
    out->task[length] = '\0';
    out->error = error;
}

/* Hands all errors over, the body's as the last; the first, or 0. */
static int take_errors(aio__group *group, int body_error)
{
    int first = 0;
    size_t count = 0;
    aio__list_foreach(link, &group->failed)
    {
        aio__task *task = aio__container(link, aio__member, link)->task;
        int error = aio_future_result(&task->future);
        put_error(group, count++, task, error);
        first = first != 0 ? first : error;
    }
    if (body_error != 0) {
        put_error(group, count++, group->scope.task, body_error);
        first = first != 0 ? first : body_error;
    }
    if (group->count != NULL)
        *group->count = count;
    return first;
}

/* The end of asyncio's TaskGroup.__aexit__: what comes of it all. */
static int conclude(aio__group *group, const struct outcome *outcome, int result)
{
    aio__task *parent = group->scope.task;
    bool propagate = outcome->propagate;
    int left = take_request_back(group);
    if (group->cancelled)
        propagate = outcome->interrupted && left > group->cancelling;
    bool body_failed = result < 0 && result != -ECANCELED;
    int error = take_errors(group, body_failed ? result : 0);
    if (error == 0)
        return propagate ? -ECANCELED : result == -ECANCELED ? 0 : result;
    /* Who cancelled the parent besides shall not be forgotten over the errors. */
    if (parent->cancels > 0) {
        (void)aio__task_uncancel(parent);
        (void)aio__future_request_cancel(&parent->future);
    }
    return error;
}

/* ---- the scope ------------------------------------------------------------------------------ */

static aio__group *group_of(aio__scope *scope)
{
    return aio__container(scope, aio__group, scope);
}

/* Whether a request to cancel the parent, and not the group's alone, has not reached it yet. */
static bool has_pending_request(const aio__group *group)
{
    const aio__task *parent = group->scope.task;
    const aio__own_request *own = &group->request;
    bool own_only = group->parent_cancel_requested && own->alone && own->number == parent->asked;
    return parent->must_cancel && !own_only;
}

/* Of errors nobody hears, so that each is reported with its task's last release. */
static void close_left_open(aio__scope *scope)
{
    aio__group *group = group_of(scope);
    struct outcome outcome = {false, false};
    aio__task *parent = scope->task;
    unsigned noswitch = parent->noswitch;
    bool pending = has_pending_request(group);
    if (!group->aborting)
        aio__group_abort(group);
    parent->noswitch = 0; /* the children must end: they use what is in this frame */
    wait_for_all(group, &outcome);
    parent->noswitch = noswitch;
    int left = take_request_back(group);
    if ((outcome.interrupted && left > group->cancelling) || (pending && left > 0))
        parent->must_cancel = true;
    shut(group);
}

static void drop(aio__scope *scope)
{
    aio__group *group = group_of(scope);
    aio__group_refuse_places(group);
    aio__list_foreach(link, &group->children)
    {
        aio__member *member = aio__container(link, aio__member, link);
        if (aio__link_linked(&member->done.link))
            aio__link_remove(&member->done.link);
    }
    free_members(&group->children);
    shut(group);
}

static const aio__scope_kind GROUP = {"a group was begun and never ended", close_left_open, drop};

static aio__group *own_group(const aio_group *group)
{
    aio__scope *scope = group != NULL ? aio__scope_own(group->scope, group) : NULL;
    return scope != NULL ? group_of(scope) : NULL;
}

aio__group *aio__group_find(const aio_group *group)
{
    if (group == NULL || group->scope == NULL)
        return NULL;
    /* Its own task may have had it closed with the scope around it. */
    return group->parent == aio__task_running() ? own_group(group) : group_of(group->scope);
}

/* ---- a group -------------------------------------------------------------------------------- */

int aio_group_begin(aio_group *group)
{
    if (group == NULL)
        return -EINVAL;
    *group = (aio_group)AIO_GROUP_INIT;
    aio__task *task = aio__scope_task();
    if (task == NULL)
        return -EPERM;
    aio__group *record = aio__scope_record(&task->future.scheduler->group_pool, sizeof *record);
    if (record == NULL)
        return -ENOMEM;
    *record = (aio__group){.cancelling = task->cancels};
    aio__list_init(&record->children);
    aio__list_init(&record->failed);
    aio__list_init(&record->places);
    aio__scope_open(&record->scope, &GROUP, task, group);
    *group = (aio_group){&record->scope, task, false};
    return 0;
}

int aio_group_end(aio_group *group, int result)
{
    if (!aio__may_suspend("group"))
        return -EPERM;
    aio__group *record = own_group(group);
    if (record == NULL || !aio__scope_closable(&record->scope))
        return -EINVAL;
    aio__scopes_close(record->scope.task, &record->scope);
    struct outcome outcome = {result == -ECANCELED, result == -ECANCELED};
    if (result < 0 && !record->aborting)
        aio__group_abort(record);
    wait_for_all(record, &outcome);
    result = conclude(record, &outcome, result);
    shut(record);
    *group = (aio_group){.ended = true};
    return result;
}

int aio_group_run(aio_group_body body, void *arg)
{
    aio_group group;
    if (body == NULL)
        return -EINVAL;
    int rc = aio_group_begin(&group);
    return rc < 0 ? rc : aio_group_end(&group, body(&group, arg));
}

int aio_group_cancel(aio_group *group)
{
    aio__group *record = aio__group_find(group);
    if (record == NULL)
        return group != NULL && group->ended ? 0 : -EINVAL;
    record->cancelled = true;
    if (!record->aborting)
        aio__group_abort(record);
    if (!record->exiting && !record->parent_cancel_requested)
        cancel_parent(record);
    return 0;
}

int aio_group_errors(aio_group *group, aio_group_error *errors, size_t capacity, size_t *out_count)
{
    aio__group *record = own_group(group);
    if (record == NULL || (errors == NULL && capacity > 0))
        return -EINVAL;
    record->errors = errors;
    record->capacity = capacity;
    record->count = out_count;
    return 0;
}

void aio_group_cleanup(aio_group *group)
{
    aio__group *record = own_group(group);
    if (record == NULL)
        return;
    aio__scopes_close(record->scope.task, &record->scope);
    record->cancelled = true;
    close_left_open(&record->scope);
    *group = (aio_group){.ended = true};
}
