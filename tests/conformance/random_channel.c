/*
 * Channels and selects in random programs: each item that was sent is received once, one that was
 * refused never, and what one task has sent another receives in this order.
 */
#include <string.h>

#include "conformance/random_subject.h"

#define MAX_ITEMS (TASKS * MAX_ACTIONS + 1)

struct item {
    unsigned sender, number;
};

static struct {
    aio_channel *channel;
    unsigned capacity;
    unsigned latest[TASKS][TASKS]; /* the last number that the one has received from the other */
    bool closed;
} channels[OBJECTS];

/* Of each number, what has become of the item. */
static enum { NOTHING, OFFERED, SENT, RECEIVED, REFUSED } items[MAX_ITEMS];
static unsigned numbers;

/* What an actor waits for: for each channel, whether it would send, or receive. */
static struct {
    bool sends[OBJECTS], receives[OBJECTS], limited;
    aio_future *futures[MAX_TARGETS];
} wants[TASKS];

static void begin(struct world *world)
{
    uint64_t state = world->program->seed;
    memset(channels, 0, sizeof channels);
    memset(items, 0, sizeof items);
    memset(wants, 0, sizeof wants);
    numbers = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        channels[i].capacity = (unsigned)(random_next(&state) % 3);
        channels[i].channel = aio_channel_new(sizeof(struct item), channels[i].capacity);
        expect(world, channels[i].channel != NULL, "a channel could not be made");
    }
}

/* ---- the model ------------------------------------------------------------------------------ */

static struct item offer(const struct actor *actor)
{
    items[++numbers] = OFFERED;
    return (struct item){actor->number, numbers};
}

static void note_sent(struct world *world, struct item item, int rc)
{
    if (rc == 0) {
        expect(world, items[item.number] != REFUSED, "an item was sent twice");
        if (items[item.number] == OFFERED)
            items[item.number] = SENT;
        return;
    }
    expect(world, items[item.number] == OFFERED, "an item was received that was not sent");
    items[item.number] = REFUSED;
}

static void note_received(struct actor *actor, unsigned channel, struct item item)
{
    struct world *world = actor->world;
    bool known = item.number > 0 && item.number <= numbers && item.sender < TASKS;
    expect(world, known, "an item came from nowhere");
    if (!known)
        return;
    unsigned *latest = &channels[channel].latest[actor->number][item.sender];
    expect(world, items[item.number] != RECEIVED, "an item came twice");
    expect(world, items[item.number] != REFUSED, "an item came that was taken back");
    expect(world, item.number > *latest, "items came out of order");
    *latest = item.number;
    items[item.number] = RECEIVED;
}

/* ---- operations ----------------------------------------------------------------------------- */

static void check_result(struct world *world, unsigned channel, int rc)
{
    bool shut = rc == -ESHUTDOWN && channels[channel].closed;
    expect(world, rc == 0 || rc == -ECANCELED || shut, "a channel failed");
}

static int send(struct actor *actor, const struct action *action)
{
    aio_channel *channel = channels[action->object].channel;
    struct item item = offer(actor);
    if (action->mode == 0) {
        int rc = aio_channel_try_send(channel, &item);
        note_sent(actor->world, item, rc);
        return rc;
    }
    wants[actor->number].sends[action->object] = true;
    use_begin(actor, action);
    int rc = use_end(actor, aio_channel_send(channel, &item), false);
    memset(&wants[actor->number], 0, sizeof wants[0]);
    check_result(actor->world, action->object, rc);
    note_sent(actor->world, item, rc);
    return rc;
}

static int receive(struct actor *actor, const struct action *action)
{
    aio_channel *channel = channels[action->object].channel;
    struct item item = {0, 0};
    int rc;
    if (action->mode == 0) {
        rc = aio_channel_try_receive(channel, &item);
    } else {
        wants[actor->number].receives[action->object] = true;
        use_begin(actor, action);
        rc = use_end(actor, aio_channel_receive(channel, &item), false);
        memset(&wants[actor->number], 0, sizeof wants[0]);
        check_result(actor->world, action->object, rc);
    }
    if (rc == 0)
        note_received(actor, action->object, item);
    return rc;
}

static int close_channel(struct actor *actor, const struct action *action)
{
    int rc = aio_channel_close(channels[action->object].channel);
    channels[action->object].closed = true;
    expect(actor->world, rc == 0, "a channel could not be closed");
    return rc;
}

/* ---- select --------------------------------------------------------------------------------- */

struct selection {
    aio_select_case cases[MAX_TARGETS];
    struct item item, received[MAX_TARGETS];
    bool offers;
};

static unsigned channel_of(const struct action *action, unsigned i)
{
    return (action->places[i] >> 1) % OBJECTS;
}

static void prepare(struct actor *actor, const struct action *action, struct selection *selection)
{
    memset(selection, 0, sizeof *selection);
    wants[actor->number].limited = action->limited;
    for (unsigned i = 0; i < action->place_count; i++) {
        unsigned place = action->places[i], channel = channel_of(action, i);
        aio_channel *object = channels[channel].channel;
        aio_select_case one = AIO_SELECT_NOTHING;
        if (place % 2 == 0) {
            one = (aio_select_case)AIO_SELECT_RECEIVE(object, &selection->received[i]);
            wants[actor->number].receives[channel] = true;
        } else if (place % 3 > 0) {
            if (!selection->offers)
                selection->item = offer(actor);
            selection->offers = true;
            one = (aio_select_case)AIO_SELECT_SEND(object, &selection->item);
            wants[actor->number].sends[channel] = true;
        } else {
            one = (aio_select_case)AIO_SELECT_FUTURE(world_place(actor->world, place));
            wants[actor->number].futures[i] = one.future;
        }
        selection->cases[i] = one;
    }
}

/* The case that happened; whether the item of this select was sent by it. */
static bool judge_case(struct actor *actor, const struct action *action,
                       const struct selection *selection, unsigned i)
{
    struct world *world = actor->world;
    const aio_select_case *one = &selection->cases[i];
    if (one->future != NULL) {
        bool own = one->future == actor->task && one->result == -EDEADLK;
        bool done = aio_future_done(one->future);
        expect(world, own || (done && one->result == aio_future_result(one->future)),
               "a select has another result than the future");
        return false;
    }
    check_result(world, channel_of(action, i), one->result);
    expect(world, one->result != -ECANCELED, "a case was cancelled");
    if (one->result == 0 && action->places[i] % 2 == 0)
        note_received(actor, channel_of(action, i), selection->received[i]);
    return one->result == 0 && action->places[i] % 2 != 0;
}

static int choose(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct selection selection;
    int64_t limit = action->limited ? AIO_USEC(action->amount) : AIO_FOREVER;
    int64_t begin = aio_loop_time(world->loop);
    bool sent = false;
    prepare(actor, action, &selection);
    use_begin(actor, action);
    int rc = use_end(actor, aio_select(selection.cases, action->place_count, limit), false);
    memset(&wants[actor->number], 0, sizeof wants[0]);
    if (rc >= 0 && rc < (int)action->place_count)
        sent = judge_case(actor, action, &selection, (unsigned)rc);
    else if (rc == -ETIMEDOUT)
        expect(world, action->limited && aio_loop_time(world->loop) >= begin + limit,
               "a select's time was over too early");
    else
        expect(world, rc == -ECANCELED, "a select failed");
    if (selection.offers)
        note_sent(world, selection.item, sent ? 0 : -ECANCELED);
    return rc;
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool meets(unsigned channel, unsigned sender, unsigned receiver)
{
    return sender != receiver && wants[sender].sends[channel] && wants[receiver].receives[channel];
}

static bool may_hang(const struct actor *actor)
{
    unsigned own = actor->number;
    for (unsigned c = 0; c < OBJECTS; c++) {
        size_t count = aio_channel_count(channels[c].channel);
        bool sends = wants[own].sends[c], receives = wants[own].receives[c];
        if ((sends || receives) && channels[c].closed)
            return false;
        if ((sends && count < channels[c].capacity) || (receives && count > 0))
            return false;
        for (unsigned other = 0; other < TASKS; other++)
            if (meets(c, own, other) || meets(c, other, own))
                return false;
    }
    for (unsigned i = 0; i < MAX_TARGETS; i++)
        if (wants[own].futures[i] != NULL && aio_future_done(wants[own].futures[i]))
            return false;
    return !wants[own].limited;
}

static const char *end(struct world *world)
{
    struct item item = {0, 0};
    const char *violation = NULL;
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (aio_channel_count(channels[i].channel) > channels[i].capacity)
            violation = "there is more in a channel than may be";
        while (aio_channel_try_receive(channels[i].channel, &item) == 0) {
            if (items[item.number] != SENT)
                violation = "an item is left that was received, or not sent";
            items[item.number] = RECEIVED;
        }
        aio_channel_free(channels[i].channel);
    }
    for (unsigned i = 1; i <= numbers; i++)
        if (items[i] != RECEIVED && items[i] != REFUSED)
            violation = "an item is lost";
    return violation;
}

static const struct operation OPERATIONS[] = {
    {"send", 7, false, false, send},
    {"receive", 7, false, false, receive},
    {"select", 6, false, false, choose},
    {"close", 1, false, false, close_channel},
};
const struct subject channel_subject = {
    "channel", SUBJECT_OPERATIONS(OPERATIONS), true, begin, may_hang, NULL, NULL, end,
};
