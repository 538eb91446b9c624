/*
 * The event: whoever waits when it is set goes on, in the order in which they came,
 * even if it is cleared meanwhile.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_EVENT = PLACES };

static struct {
    aio_event event;
    bool set;
} model;

static void begin(void)
{
    model.event = (aio_event)AIO_EVENT_INIT;
    model.set = false;
}

static int wait(struct actor *actor)
{
    bool set = model.set;
    wait_begin(actor, AT_EVENT);
    int rc = aio_event_wait(&model.event);
    bool suspended = wait_end(actor, rc);
    expect(rc == 0 || rc == -ECANCELED, "a wait failed");
    expect(suspended == !set, "it waited for what had happened, or not for what had not");
    if (rc == 0 && suspended) {
        expect(actor->granted, "it goes on although nothing has happened");
        expect(is_first_granted(actor, AT_EVENT), "it has overtaken one who was to go on");
    }
    return rc;
}

static int wait_at_once(struct actor *actor)
{
    return within(actor, 0, wait);
}

static int wait_soon(struct actor *actor)
{
    return within(actor, 1, wait);
}

static int set(struct actor *actor)
{
    (void)actor;
    aio_event_set(&model.event);
    model.set = true;
    for (unsigned i = 0; i < ACTORS; i++)
        if (actor_waits(&world.actors[i], AT_EVENT))
            world.actors[i].granted = true;
    return 0;
}

static int clear(struct actor *actor)
{
    (void)actor;
    aio_event_clear(&model.event);
    model.set = false;
    return 0;
}

static bool is_set(const struct actor *actor)
{
    (void)actor;
    return model.set;
}

static bool is_not_set(const struct actor *actor)
{
    (void)actor;
    return !model.set;
}

static void check(void)
{
    expect(aio_event_is_set(&model.event) == model.set, "it is set, or is not");
}

static void check_idle(void)
{
    for (unsigned i = 0; i < ACTORS; i++)
        expect(!actor_waits(&world.actors[i], AT_EVENT) || (!model.set && !world.actors[i].granted),
               "a task waits for what has happened");
}

static const struct operation operations[] = {
    {"waits", NULL, wait, false},
    {"sets it", is_not_set, set, false},
    {"clears it", is_set, clear, false},
    {"waits at once", NULL, wait_at_once, true},
    {"waits soon", NULL, wait_soon, true},
};

const struct subject event_subject = {
    .name = "event",
    .depth = 5,
    .disturbances = 2,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .check = check,
    .check_idle = check_idle,
};
