/*
 * Timeouts, one in another: each turns a cancellation into -ETIMEDOUT if it has
 * expired and nobody else has asked, and takes back what it has asked itself.
 */
#include <errno.h>

#include "explore/explore.h"

enum { AT_EVENT = PLACES };

#define DEPTH 2 /* of timeouts */

struct limit {
    aio_timeout timeout;
    int64_t when;
    int requests; /* there were when it began, the outer timeout's, too */
};

static struct {
    aio_event never;
    struct limit limits[ACTORS][DEPTH];
    unsigned counts[ACTORS]; /* of those that are open */
} model;

static void begin(void)
{
    model.never = (aio_event)AIO_EVENT_INIT;
    for (unsigned i = 0; i < ACTORS; i++)
        model.counts[i] = 0;
}

/* The requests there are: of others, and of its timeouts that are open and have expired. */
static int count_requests(const struct actor *actor)
{
    int count = actor->requests;
    for (unsigned i = 0; i < model.counts[actor->number]; i++)
        count += aio_timeout_expired(&model.limits[actor->number][i].timeout);
    return count;
}

static struct limit *innermost(const struct actor *actor)
{
    return &model.limits[actor->number][model.counts[actor->number] - 1];
}

static int open_timeout(struct actor *actor, int64_t duration)
{
    int requests = count_requests(actor);
    model.counts[actor->number]++;
    struct limit *limit = innermost(actor);
    limit->requests = requests;
    limit->when = aio_loop_time(world.loop) + duration;
    int rc = aio_timeout_begin(&limit->timeout, duration);
    expect(rc == 0, "a timeout could not begin");
    return rc;
}

static int open_at_once(struct actor *actor)
{
    return open_timeout(actor, 0);
}

static int open_soon(struct actor *actor)
{
    return open_timeout(actor, 1);
}

static int open_later(struct actor *actor)
{
    return open_timeout(actor, 2);
}

static int postpone(struct actor *actor)
{
    struct limit *limit = innermost(actor);
    bool expired = aio_timeout_expired(&limit->timeout);
    int64_t when = aio_loop_time(world.loop) + 1;
    int rc = aio_timeout_reschedule(&limit->timeout, when);
    expect(rc == (expired ? -EINVAL : 0), "a timeout was moved that had expired, or was not");
    if (rc == 0)
        limit->when = when;
    return rc;
}

/* Ends the innermost with what came of its last operation. */
static int close_timeout(struct actor *actor)
{
    struct limit *limit = innermost(actor);
    int rc = actor->last == -ECANCELED ? -ECANCELED : 0;
    int64_t now = aio_loop_time(world.loop);
    bool expired = aio_timeout_expired(&limit->timeout);
    expect(expired ? now >= limit->when : now <= limit->when, "it expired early, or not at all");
    model.counts[actor->number]--;
    bool own = expired && rc == -ECANCELED && count_requests(actor) <= limit->requests;
    int result = aio_timeout_end(&limit->timeout, rc);
    expect(result == (own ? -ETIMEDOUT : rc), "a timeout's end gave something else");
    int left = aio_task_cancelling(actor->task);
    expect(left == count_requests(actor), "a timeout took back what it had not asked, or did not");
    /* It has heard of an expiry, for that comes while it waits. */
    actor->heard -= expired;
    return result;
}

static int wait_for_ever(struct actor *actor)
{
    wait_begin(actor, AT_EVENT);
    int rc = aio_event_wait(&model.never);
    expect(wait_end(actor, rc) && rc == -ECANCELED, "what never happens has happened");
    return rc;
}

static bool may_open(const struct actor *actor)
{
    return model.counts[actor->number] < DEPTH;
}

static bool is_open(const struct actor *actor)
{
    return model.counts[actor->number] > 0;
}

static void finish(struct actor *actor)
{
    while (is_open(actor))
        actor->last = close_timeout(actor);
}

static void check_idle(void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        expect(!is_there(&world.actors[i]) || !actor_cancelled(&world.actors[i]),
               "a task that was cancelled waits for ever");
        expect(model.counts[i] == 0 || world.actors[i].heard > 0, "a timeout does not expire");
    }
}

static const struct operation operations[] = {
    {"opens a timeout at once", may_open, open_at_once, false},
    {"opens a timeout soon", may_open, open_soon, false},
    {"opens a timeout later", may_open, open_later, false},
    {"closes the timeout", is_open, close_timeout, false},
    {"waits for ever", NULL, wait_for_ever, false},
    {"postpones the timeout", is_open, postpone, true},
};

const struct subject timeout_subject = {
    .name = "timeout",
    .depth = 4,
    .disturbances = 2,
    .passes_on = true,
    .operations = operations,
    .operation_count = LENGTH(operations),
    .begin = begin,
    .finish = finish,
    .check_idle = check_idle,
};
