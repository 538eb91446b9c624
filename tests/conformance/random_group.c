/*
 * Groups in random programs: at a group's end none of its children is left, and what it gives is
 * the body's result or a child's.
 *
 * A group cancels its children and its parent, and takes back what it can, at moments that the
 * model does not see.  So these are clouded, all their lives.
 */
#include <errno.h>
#include <string.h>

#include "conformance/random_subject.h"

/* A group that is open, on the stack of its parent. */
struct frame {
    struct frame *outer;
    aio_group group;
    size_t limit;
    bool children[TASKS];
};

static struct frame *frames[TASKS]; /* the innermost that the task has opened */
static struct frame *homes[TASKS];  /* the one that it is a child of */
static bool started[TASKS];         /* it has said so, or waits for nobody to hear it */

static void begin(struct world *world)
{
    (void)world;
    memset(frames, 0, sizeof frames);
    memset(homes, 0, sizeof homes);
    memset(started, 0, sizeof started);
}

/* Its own, or the one that it is in. */
static struct frame *frame_of(const struct actor *actor, const struct action *action)
{
    struct frame *own = frames[actor->number], *home = homes[actor->number];
    return own == NULL || (home != NULL && action->mode == 0) ? home : own;
}

static bool is_child_result(const struct world *world, const struct frame *frame, int rc)
{
    for (unsigned i = 0; i < TASKS; i++)
        if (frame->children[i] && aio_future_result(world->actors[i].task) == rc)
            return true;
    return false;
}

static int open_group(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct frame frame = {.outer = frames[actor->number]};
    cloud(world, actor->number);
    int begun = aio_group_begin(&frame.group);
    expect(world, begun == 0, "a group could not begin");
    frames[actor->number] = &frame;
    int result = run_body(actor, action);
    use_begin(actor, action);
    int rc = use_end(actor, aio_group_end(&frame.group, result), false);
    frames[actor->number] = frame.outer;
    for (unsigned i = 0; i < TASKS; i++)
        expect(world, !frame.children[i] || place_done(world, i), "a group has left a child");
    bool own = rc == result || rc == -ECANCELED || (rc == 0 && result == -ECANCELED);
    expect(world, own || is_child_result(world, &frame, rc), "a group's end gave nobody's result");
    return rc;
}

/* A child that may be started; NULL: there is no group to start it in. */
static struct actor *new_child(struct actor *actor, const struct action *action)
{
    struct actor *child = &actor->world->actors[action->place];
    struct frame *frame = frame_of(actor, action);
    if (frame == NULL || child->task != NULL)
        return NULL;
    child->clouded = true;
    homes[child->number] = frame;
    context_inherit(actor, child);
    return child;
}

static int spawn_child(struct actor *actor, const struct action *action)
{
    struct frame *frame = frame_of(actor, action);
    struct actor *child = new_child(actor, action);
    if (child == NULL)
        return 0;
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.eager = action->amount % 3 == 0;
    use_begin(actor, action);
    aio_task *task = aio_group_task_with(&frame->group, &options, task_body, child);
    int rc = use_end(actor, task != NULL ? 0 : -errno, false);
    child->task = task;
    frame->children[child->number] = task != NULL;
    expect(actor->world, rc == 0 || rc == -ECANCELED || rc == -ESHUTDOWN, "no child was started");
    return rc;
}

static int start_body(void *arg)
{
    struct actor *child = arg;
    child->task = aio_retain(aio_task_current());
    homes[child->number]->children[child->number] = true;
    return task_body(child);
}

/* Waits until the child says that it is ready, which it may never do. */
static int start_child(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct frame *frame = frame_of(actor, action);
    struct actor *child = new_child(actor, action);
    if (child == NULL)
        return 0;
    use_begin(actor, action);
    int rc = use_end(actor, aio_group_start(&frame->group, start_body, child, NULL), false);
    bool own = rc == -ECANCELED || rc == -ESHUTDOWN || (rc == 0 && started[child->number]);
    bool ended = child->task != NULL && aio_future_done(child->task);
    int result = ended ? aio_future_result(child->task) : 0;
    expect(world, own || (ended && rc == (result < 0 ? result : -AIO_ESTATE)),
           "a start gave neither the child's word nor its end");
    return rc;
}

static int say_started(struct actor *actor, const struct action *action)
{
    (void)action;
    started[actor->number] = true;
    expect(actor->world, aio_group_started(NULL) == 0, "a child could not say that it is ready");
    return 0;
}

static int cancel_group(struct actor *actor, const struct action *action)
{
    struct frame *frame = frame_of(actor, action);
    int rc = frame != NULL ? aio_group_cancel(&frame->group) : 0;
    expect(actor->world, rc == 0, "a group could not be cancelled");
    return rc;
}

static int limit_group(struct actor *actor, const struct action *action)
{
    struct frame *frame = frame_of(actor, action);
    if (frame == NULL)
        return 0;
    int rc = aio_group_set_limit(&frame->group, action->amount % 3);
    frame->limit = action->amount % 3;
    expect(actor->world, rc == 0, "a group's limit could not be set");
    return rc;
}

static const struct operation OPERATIONS[] = {
    {"group", 5, true, false, open_group},
    {"group_spawn", 6, false, true, spawn_child},
    {"group_start", 3, false, true, start_child},
    {"group_started", 2, false, false, say_started},
    {"group_cancel", 1, false, false, cancel_group},
    {"group_limit", 2, false, false, limit_group},
};

/* ---- the end -------------------------------------------------------------------------------- */

static unsigned count_left(const struct world *world, const struct frame *frame)
{
    unsigned left = 0;
    for (unsigned i = 0; i < TASKS; i++)
        left += frame->children[i] && !aio_future_done(world->actors[i].task);
    return left;
}

static bool may_hang(const struct actor *actor)
{
    const struct world *world = actor->world;
    const struct operation *operation = &OPERATIONS[actor->use->operation];
    if (operation->perform == open_group)
        return count_left(world, frames[actor->number]) > 0;
    const struct frame *frame = frame_of(actor, actor->use);
    const struct actor *child = &world->actors[actor->use->place];
    if (operation->perform == start_child && child->task != NULL)
        return !aio_future_done(child->task) && !started[child->number];
    return frame->limit > 0 && count_left(world, frame) >= frame->limit;
}

static bool needs(const struct actor *actor, const struct actor *other)
{
    for (const struct frame *frame = frames[actor->number]; frame != NULL; frame = frame->outer)
        if (frame->children[other->number])
            return true;
    return false;
}

static const char *end(struct world *world)
{
    bool open = false;
    for (unsigned i = 0; i < TASKS; i++)
        open = open || frames[i] != NULL;
    (void)world;
    return open ? "a group is still open" : NULL;
}

const struct subject group_subject = {
    "group", SUBJECT_OPERATIONS(OPERATIONS), false, begin, may_hang, needs, NULL, end,
};
