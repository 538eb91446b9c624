/*
 * The queue: what is put in comes out, once, in its order; nobody waits for an item
 * that is there, nor for room that there is, nor in a queue that is shut down.
 *
 * An item goes in or out as the very last thing that a call does before it returns,
 * so the model does the same then.
 */
#include <errno.h>
#include <string.h>

#include "explore/explore.h"

enum { AT_PUT = PLACES, AT_GET, AT_JOIN };

#define MAX_ITEMS 64

static struct {
    aio_queue queue;
    int items[MAX_ITEMS];
    unsigned count, maxsize, unfinished;
    int next; /* item */
    bool shut;
} model;

static void begin(void)
{
    model.maxsize = 1 + choose(2);
    model.count = model.unfinished = 0;
    model.next = 1;
    model.shut = false;
    expect(aio_queue_init(&model.queue, sizeof(int), model.maxsize) == 0, "no queue could be made");
}

static void end(void)
{
    aio_queue_fini(&model.queue);
}

/* ---- the model ------------------------------------------------------------------------------- */

static bool is_full(void)
{
    return model.count == model.maxsize;
}

static void note_put(int rc, int item)
{
    expect(rc != -ESHUTDOWN || model.shut, "a put says that the queue is shut down");
    if (rc != 0)
        return;
    expect(!model.shut, "something was put into a queue that is shut down");
    expect(!is_full(), "there is more in it than may be");
    model.items[model.count] = item;
    model.count += model.count < MAX_ITEMS - 1;
    model.unfinished++;
}

static void note_get(int rc, int item)
{
    expect(rc != -ESHUTDOWN || (model.shut && model.count == 0),
           "a get says that the queue is shut down");
    if (rc != 0)
        return;
    expect(model.count > 0, "an item was taken that there is not");
    expect(item == model.items[0], "another item came out than the first");
    model.count -= model.count > 0;
    memmove(model.items, model.items + 1, model.count * sizeof *model.items);
}

static void note_finished(unsigned count)
{
    model.unfinished -= count;
    for (unsigned i = 0; model.unfinished == 0 && i < ACTORS; i++)
        if (actor_waits(&world.actors[i], AT_JOIN))
            world.actors[i].granted = true;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int put(struct actor *actor)
{
    bool blocked = is_full() && !model.shut;
    int item = model.next++;
    wait_begin(actor, AT_PUT);
    int rc = aio_queue_put(&model.queue, &item);
    bool suspended = wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED || rc == -ESHUTDOWN, "a put failed");
    expect(suspended == blocked, "a put has waited and need not, or not and should");
    note_put(rc, item);
    return rc;
}

static int get(struct actor *actor)
{
    bool blocked = model.count == 0 && !model.shut;
    int item = 0;
    wait_begin(actor, AT_GET);
    int rc = aio_queue_get(&model.queue, &item);
    bool suspended = wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED || rc == -ESHUTDOWN, "a get failed");
    expect(suspended == blocked, "a get has waited and need not, or not and should");
    note_get(rc, item);
    return rc;
}

static int put_at_once(struct actor *actor)
{
    return within(actor, 0, put);
}

static int get_at_once(struct actor *actor)
{
    return within(actor, 0, get);
}

static int try_put(struct actor *actor)
{
    (void)actor;
    int item = model.next++;
    int rc = aio_queue_put_nowait(&model.queue, &item);
    expect(model.shut || (rc == -EAGAIN) == is_full(), "it says that it is full, or is not");
    note_put(rc, item);
    return rc;
}

static int try_get(struct actor *actor)
{
    (void)actor;
    int item = 0;
    int rc = aio_queue_get_nowait(&model.queue, &item);
    expect(model.shut || (rc == -EAGAIN) == (model.count == 0), "it says that it is empty, or not");
    note_get(rc, item);
    return rc;
}

static int join(struct actor *actor)
{
    bool blocked = model.unfinished > 0;
    wait_begin(actor, AT_JOIN);
    int rc = aio_queue_join(&model.queue);
    bool suspended = wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED, "a join failed");
    expect(suspended == blocked, "a join has waited and need not, or not and should");
    expect(rc != 0 || !suspended || actor->granted, "a join goes on although work is left");
    return rc;
}

static int say_done(struct actor *actor)
{
    (void)actor;
    int rc = aio_queue_task_done(&model.queue);
    expect(rc == (model.unfinished > 0 ? 0 : -EINVAL), "work was done too often, or not at all");
    if (rc == 0)
        note_finished(1);
    return rc;
}

static int shut_down(struct actor *actor)
{
    (void)actor;
    model.shut = true;
    return aio_queue_shutdown(&model.queue, false);
}

static int shut_down_at_once(struct actor *actor)
{
    int rc = aio_queue_shutdown(&model.queue, true);
    (void)actor;
    model.shut = true;
    note_finished(model.count < model.unfinished ? model.count : model.unfinished);
    model.count = 0;
    return rc;
}

static bool is_open(const struct actor *actor)
{
    (void)actor;
    return !model.shut;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check(void)
{
    expect(aio_queue_size(&model.queue) == model.count, "items were lost, or made");
    expect(aio_queue_full(&model.queue) == is_full(), "it is full, or is not");
}

static void check_idle(void)
{
    expect(model.count == 0 || count_waiting(AT_GET) == 0, "a task waits for an item there is");
    expect(is_full() || count_waiting(AT_PUT) == 0, "a task waits for room there is");
    expect(!model.shut || count_waiting(AT_GET) + count_waiting(AT_PUT) == 0,
           "a task waits in a queue that is shut down");
    for (unsigned i = 0; i < ACTORS; i++)
        expect(!actor_waits(&world.actors[i], AT_JOIN) ||
                   (model.unfinished > 0 && !world.actors[i].granted),
               "a task waits for work that is done");
}

static void audit(void)
{
    while (model.count > 0 && !world.over) {
        int item = 0;
        int rc = aio_queue_get(&model.queue, &item);
        expect(rc == 0, "an item can't be taken any more");
        note_get(rc, item);
    }
}

static const struct operation operations[] = {
    {"puts", NULL, put, false},
    {"gets", NULL, get, false},
    {"tries to put", NULL, try_put, false},
    {"tries to get", NULL, try_get, false},
    {"puts at once", NULL, put_at_once, true},
    {"gets at once", NULL, get_at_once, true},
};

static const struct operation ends[] = {
    {"puts", NULL, put, false},
    {"gets", NULL, get, false},
    {"joins", NULL, join, false},
    {"has done", NULL, say_done, false},
    {"shuts it down", is_open, shut_down, true},
    {"shuts it down at once", is_open, shut_down_at_once, true},
};

const struct subject queue_subject = {
    .name = "queue",
    .depth = 4,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
    .end = end,
};

const struct subject queue_end_subject = {
    .name = "queue_end",
    .depth = 4,
    .disturbances = 2,
    .operations = ends,
    .operation_count = LENGTH(ends),
    .begin = begin,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
    .end = end,
};
