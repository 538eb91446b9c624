/*
 * Groups: a group's end comes when its children's have, with the first error; if one
 * fails, the others and the body are cancelled; what the group has asked of its
 * parent it takes back, what others have asked it does not.
 *
 * The first actor is the parent, the others are its children, once they are started.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_EVENT = PLACES, AT_END };

static struct {
    aio_event never;
    aio_group group;
    bool open, cancelled;   /* cancelled: by aio_group_cancel() */
    int asked;              /* how many requests the parent had with the group's; 0: with none */
    bool reckoned[ACTORS];  /* its error was an earlier group's */
} model;

static void begin(void)
{
    model.never = (aio_event)AIO_EVENT_INIT;
    model.group = (aio_group)AIO_GROUP_INIT;
    model.open = model.cancelled = false;
    for (unsigned i = 0; i < ACTORS; i++)
        model.reckoned[i] = false;
}

static bool may_begin(const struct actor *actor)
{
    return actor->number == 0 && !model.open;
}

static bool is_open(const struct actor *actor)
{
    return actor->number == 0 && model.open;
}

static bool may_start(const struct actor *actor)
{
    return is_open(actor) && world.actors[ACTORS - 1].task == NULL;
}

static bool was_cancelled(const struct actor *actor)
{
    return is_open(actor) && actor->last == -ECANCELED;
}

static bool is_child(const struct actor *actor)
{
    return actor->number != 0;
}

static bool may_cancel_group(const struct actor *actor)
{
    (void)actor;
    return model.open && !model.cancelled;
}

/* ---- the model ------------------------------------------------------------------------------- */

/* The error of the child that was the first to fail; 0. */
static int first_error(void)
{
    const struct actor *first = NULL;
    for (unsigned i = 1; i < ACTORS; i++) {
        const struct actor *child = &world.actors[i];
        if (child->task == NULL || is_there(child) || child->result == 0 || model.reckoned[i])
            continue;
        if (first == NULL || child->end < first->end)
            first = child;
    }
    return first != NULL ? first->result : 0;
}

static bool is_any_child_there(void)
{
    for (unsigned i = 1; i < ACTORS; i++)
        if (is_there(&world.actors[i]))
            return true;
    return false;
}

/* What the parent knows of its requests afterwards; an error makes it hear of them again. */
static void note_requests(struct actor *actor, bool suspended, bool failed)
{
    int left = aio_task_cancelling(actor->task);
    expect(left == actor->requests, "a group has taken back what it did not ask, or has not");
    if (failed)
        actor->heard = left > 0 ? left - 1 : 0;
    else if (suspended)
        actor->heard = left;
    else if (model.asked > 0 && actor->heard >= model.asked)
        actor->heard--;
}

/* ---- operations of the parent ---------------------------------------------------------------- */

static int open_group(struct actor *actor)
{
    (void)actor;
    int rc = aio_group_begin(&model.group);
    expect(rc == 0, "a group could not begin");
    model.open = true;
    model.cancelled = false;
    model.asked = 0;
    return rc;
}

static int start(struct actor *actor)
{
    struct actor *child = neighbour(actor, 1);
    if (child->task != NULL)
        child = neighbour(actor, 2);
    child->task = aio_group_task(&model.group, actor_live, child);
    expect(child->task != NULL ||
               (errno == ESHUTDOWN && (model.cancelled || first_error() != 0)),
           "a child could not be started");
    return child->task != NULL ? 0 : -errno;
}

/* `asked`: somebody else than the group has asked it to end, and it was there to hear that. */
static void check_end(const struct actor *actor, int rc, int result, bool asked)
{
    int error = first_error();
    if (error == 0 && result != -ECANCELED)
        error = result;
    if (error != 0)
        expect(rc == error, "another error than the first came out");
    else if (asked && !model.cancelled)
        expect(rc == -ECANCELED, "a cancellation was not delivered");
    else if (!model.cancelled)
        expect(rc == result, "a group has another result than its body");
    else
        expect(rc == 0 || (rc == -ECANCELED && actor->requests > 0), "a group ends otherwise");
}

static int end_with(struct actor *actor, int result)
{
    int requests = actor->requests;
    bool pending = actor->requests > 0 && actor_cancelled(actor);
    wait_begin(actor, AT_END);
    int rc = aio_group_end(&model.group, result);
    bool suspended = world.turn != actor->since;
    actor->place = NOWHERE;
    model.open = false;
    expect(!is_any_child_there(), "a group ends before its children");
    check_end(actor, rc, result, suspended && (pending || actor->requests > requests));
    note_requests(actor, suspended, first_error() != 0 || (result < 0 && result != -ECANCELED));
    for (unsigned i = 1; i < ACTORS; i++)
        model.reckoned[i] = world.actors[i].task != NULL;
    return rc;
}

static int end(struct actor *actor)
{
    return end_with(actor, 0);
}

static int end_failed(struct actor *actor)
{
    return end_with(actor, AIO_USER_ERROR(0));
}

static int end_cancelled(struct actor *actor)
{
    return end_with(actor, -ECANCELED);
}

static void finish(struct actor *actor)
{
    if (is_open(actor))
        (void)end(actor);
}

/* ---- operations of others -------------------------------------------------------------------- */

static int cancel_group(struct actor *actor)
{
    const aio_task *parent = world.actors[0].task;
    int before = aio_task_cancelling(parent);
    int rc = aio_group_cancel(&model.group);
    int after = aio_task_cancelling(parent);
    (void)actor;
    expect(rc == 0, "a group could not be cancelled");
    model.asked = after > before ? after : 0;
    model.cancelled = true;
    return rc;
}

static int wait_for_ever(struct actor *actor)
{
    wait_begin(actor, AT_EVENT);
    int rc = aio_event_wait(&model.never);
    expect(wait_end(actor, rc) && rc == -ECANCELED, "what never happens has happened");
    return rc;
}

static int fail(struct actor *actor)
{
    actor->result = AIO_USER_ERROR(actor->number);
    return actor->result;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_idle(void)
{
    bool aborted = model.cancelled || first_error() != 0;
    for (unsigned i = 0; i < ACTORS; i++) {
        const struct actor *actor = &world.actors[i];
        if (!is_there(actor))
            continue;
        expect(actor->place == AT_END || !actor_cancelled(actor),
               "a task that was cancelled waits for ever");
        expect(i == 0 || !model.open || !aborted || aio_task_cancelling(actor->task) > 0,
               "a child was not cancelled with its group");
    }
    expect(world.actors[0].place != AT_END || is_any_child_there(), "an end waits for nobody");
}

static const struct operation operations[] = {
    {"opens a group", may_begin, open_group, false},
    {"starts a child", may_start, start, false},
    {"ends the group", is_open, end, false},
    {"ends the group with an error", is_open, end_failed, false},
    {"ends the group as it was cancelled", was_cancelled, end_cancelled, false},
    {"waits for ever", is_child, wait_for_ever, false},
    {"fails", is_child, fail, false},
    {"cancels the group", may_cancel_group, cancel_group, true},
};

const struct subject group_subject = {
    .name = "group",
    .depth = 7,
    .disturbances = 2,
    .passes_on = true,
    .alone = true,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .finish = finish,
    .check_idle = check_idle,
};
