/*
 * Channels and selects: each item that is sent is received once, in its order, by
 * the first who waits; a wait that is cancelled has not happened, one that has
 * happened is not cancelled; of a select one case happens.
 *
 * Whoever waits has made offers, one for each case.  When somebody comes whose
 * offer meets one of these, that has happened for both.
 */
#include <errno.h>
#include <string.h>

#include "explore/explore.h"

enum { AT_CHANNEL = PLACES };

#define MAX_ITEMS 32
#define CHANNELS 2
#define CASES 2

struct offer {
    unsigned channel;
    bool sends;
    int item; /* to be sent; that was received, in the model */
    int copy; /* where the library reads it, or puts the one that it received */
};

struct pipe {
    aio_channel *channel;
    int items[MAX_ITEMS]; /* buffered */
    unsigned count;
    bool closed;
};

static struct {
    struct pipe pipes[CHANNELS];
    unsigned count, capacity; /* of channels; of each */
    int next;                 /* item */
    bool lots;                /* of several cases that can happen, one is drawn */
    struct {
        struct offer offers[CASES];
        unsigned count, happened; /* happened: valid if it was granted */
        bool shut;                /* what happened is that the channel was closed */
    } parties[ACTORS];
} model;

static void begin_with(unsigned count, unsigned capacity)
{
    memset(&model, 0, sizeof model);
    model.count = count;
    model.capacity = capacity;
    for (unsigned i = 0; i < count; i++) {
        model.pipes[i].channel = aio_channel_new(sizeof(int), capacity);
        expect(model.pipes[i].channel != NULL, "no channel could be made");
    }
}

static void begin(void)
{
    begin_with(1, choose(2));
}

static void begin_two(void)
{
    begin_with(2, choose(2));
}

static void begin_lots(void)
{
    begin_two();
    model.lots = true;
}

static void end(void)
{
    for (unsigned i = 0; i < model.count; i++)
        aio_channel_free(model.pipes[i].channel);
}

/* ---- the model ------------------------------------------------------------------------------- */

/* Which of his offers meets that one; CASES if he does not wait for it. */
static unsigned find_offer(const struct actor *actor, unsigned channel, bool sends)
{
    unsigned i = 0, count = model.parties[actor->number].count;
    if (!actor_waits(actor, AT_CHANNEL) || actor->granted)
        return CASES;
    for (; i < count; i++) {
        const struct offer *offer = &model.parties[actor->number].offers[i];
        if (offer->channel == channel && offer->sends == sends)
            return i;
    }
    return CASES;
}

/* The first who waits to send to, or to receive from, a channel; NULL if there is none. */
static struct actor *first_with(unsigned channel, bool sends)
{
    struct actor *first = NULL;
    for (unsigned i = 0; i < ACTORS; i++) {
        struct actor *actor = &world.actors[i];
        if (find_offer(actor, channel, sends) < CASES &&
            (first == NULL || actor->ticket < first->ticket))
            first = actor;
    }
    return first;
}

static bool can_happen(const struct offer *offer)
{
    const struct pipe *pipe = &model.pipes[offer->channel];
    if (pipe->closed || first_with(offer->channel, !offer->sends) != NULL)
        return true;
    return offer->sends ? pipe->count < model.capacity : pipe->count > 0;
}

/* What the first of the other side wanted has happened: his offer. */
static struct offer *grant(struct actor *actor, unsigned channel, bool sends)
{
    unsigned i = find_offer(actor, channel, sends);
    actor->granted = true;
    model.parties[actor->number].happened = i;
    return &model.parties[actor->number].offers[i];
}

static int happen_send(struct offer *offer)
{
    struct pipe *pipe = &model.pipes[offer->channel];
    struct actor *receiver = first_with(offer->channel, false);
    if (pipe->closed)
        return -ESHUTDOWN;
    if (receiver != NULL)
        grant(receiver, offer->channel, false)->item = offer->item;
    else if (pipe->count < MAX_ITEMS)
        pipe->items[pipe->count++] = offer->item;
    return 0;
}

static int happen_receive(struct offer *offer)
{
    struct pipe *pipe = &model.pipes[offer->channel];
    struct actor *sender = first_with(offer->channel, true);
    if (sender != NULL)
        pipe->items[pipe->count++] = grant(sender, offer->channel, true)->item;
    if (pipe->count == 0)
        return -ESHUTDOWN;
    offer->item = pipe->items[0];
    memmove(pipe->items, pipe->items + 1, --pipe->count * sizeof *pipe->items);
    return 0;
}

static int happen(struct offer *offer)
{
    return offer->sends ? happen_send(offer) : happen_receive(offer);
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct offer *make_offer(const struct actor *actor, unsigned channel, bool sends)
{
    unsigned i = model.parties[actor->number].count++;
    struct offer *offer = &model.parties[actor->number].offers[i];
    *offer = (struct offer){.channel = channel, .sends = sends};
    if (sends)
        offer->copy = offer->item = model.next++;
    return offer;
}

/* What came of a call whose case `index` is said to have happened, with that result. */
static void check_result(struct actor *actor, bool suspended, unsigned index, int result)
{
    struct offer *offer = &model.parties[actor->number].offers[index];
    if (!suspended) {
        expect(can_happen(offer), "something happened that could not");
        expect(result == happen(offer), "a call gave something else");
    } else {
        expect(actor->granted, "it goes on although nothing has happened");
        expect(model.parties[actor->number].happened == index, "another case has happened");
        expect(result == (model.parties[actor->number].shut ? -ESHUTDOWN : 0),
               "a wait gave something else");
    }
    if (result == 0 && !offer->sends)
        expect(offer->copy == offer->item, "another item came than should have");
}

/* A wait that was granted an item is not cancelled; any other is. */
static void check_cancelled(const struct actor *actor, bool cancelled, bool suspended)
{
    bool taken = actor->granted && !model.parties[actor->number].shut;
    expect(suspended && cancelled, "a wait was cancelled by nobody");
    expect(!taken, "a wait was cancelled that had happened");
}

static bool anything_can_happen(const struct actor *actor)
{
    for (unsigned i = 0; i < model.parties[actor->number].count; i++)
        if (can_happen(&model.parties[actor->number].offers[i]))
            return true;
    return false;
}

static int transfer(aio_select_case *cases, struct offer *offers, unsigned count)
{
    aio_channel *first = model.pipes[offers[0].channel].channel;
    if (count == 1)
        return offers[0].sends ? aio_channel_send(first, &offers[0].copy)
                               : aio_channel_receive(first, &offers[0].copy);
    for (unsigned i = 0; i < count; i++) {
        aio_channel *channel = model.pipes[offers[i].channel].channel;
        const aio_select_case send = AIO_SELECT_SEND(channel, &offers[i].copy);
        const aio_select_case receive = AIO_SELECT_RECEIVE(channel, &offers[i].copy);
        cases[i] = offers[i].sends ? send : receive;
    }
    return aio_select(cases, count, AIO_FOREVER);
}

/* Makes the offers happen, or waits until one has. */
static int meet(struct actor *actor)
{
    aio_select_case cases[CASES];
    struct offer *offers = model.parties[actor->number].offers;
    unsigned count = model.parties[actor->number].count;
    bool now = anything_can_happen(actor);
    model.parties[actor->number].shut = false;
    wait_begin(actor, AT_CHANNEL);
    int rc = transfer(cases, offers, count);
    bool cancelled = actor_cancelled(actor), suspended = wait_over(actor, rc);
    expect(suspended == !now, "a call has waited and need not, or not and should");
    if (rc == -ECANCELED)
        check_cancelled(actor, cancelled, suspended);
    else if (count == 1)
        check_result(actor, suspended, 0, rc);
    else if (rc >= 0 && rc < (int)count)
        check_result(actor, suspended, (unsigned)rc, cases[rc].result);
    else
        expect(false, "a select failed");
    if (suspended && cancelled && model.parties[actor->number].shut)
        expect(rc == -ECANCELED || count == 1, "a cancellation was not delivered");
    model.parties[actor->number].count = 0;
    return rc;
}

static int send(struct actor *actor)
{
    (void)make_offer(actor, 0, true);
    return meet(actor);
}

static int receive(struct actor *actor)
{
    (void)make_offer(actor, 0, false);
    return meet(actor);
}

static int receive_other(struct actor *actor)
{
    (void)make_offer(actor, 1, false);
    return meet(actor);
}

/* Whether which of the cases happens is determined. */
static bool may_select(bool sends_first, bool sends_second)
{
    const struct offer first = {.channel = 0, .sends = sends_first};
    const struct offer second = {.channel = 1, .sends = sends_second};
    return model.lots || !can_happen(&first) || !can_happen(&second);
}

static bool may_select_sends(const struct actor *actor)
{
    (void)actor;
    return may_select(true, true);
}

static bool may_select_receives(const struct actor *actor)
{
    (void)actor;
    return may_select(false, false);
}

static bool may_select_mixed(const struct actor *actor)
{
    (void)actor;
    return may_select(true, false);
}

static int send_at_once(struct actor *actor)
{
    return within(actor, 0, send);
}

static int receive_at_once(struct actor *actor)
{
    return within(actor, 0, receive);
}

static int select_both(struct actor *actor, bool sends_first, bool sends_second)
{
    (void)make_offer(actor, 0, sends_first);
    (void)make_offer(actor, 1, sends_second);
    return meet(actor);
}

static int select_sends(struct actor *actor)
{
    return select_both(actor, true, true);
}

static int select_receives(struct actor *actor)
{
    return select_both(actor, false, false);
}

static int select_mixed(struct actor *actor)
{
    return select_both(actor, true, false);
}

static int select_at_once(struct actor *actor)
{
    return within(actor, 0, select_mixed);
}

static int attempt(struct actor *actor, bool sends)
{
    struct offer *offer = make_offer(actor, 0, sends);
    aio_channel *channel = model.pipes[0].channel;
    bool possible = can_happen(offer);
    int rc = sends ? aio_channel_try_send(channel, &offer->copy)
                   : aio_channel_try_receive(channel, &offer->copy);
    expect((rc == -EAGAIN) == !possible, "an attempt says that it can, or that it can't");
    if (possible)
        check_result(actor, false, 0, rc);
    model.parties[actor->number].count = 0;
    return rc;
}

static int try_send(struct actor *actor)
{
    return attempt(actor, true);
}

static int try_receive(struct actor *actor)
{
    return attempt(actor, false);
}

static int shut(struct actor *actor)
{
    (void)actor;
    int rc = aio_channel_close(model.pipes[0].channel);
    model.pipes[0].closed = true;
    for (unsigned side = 0; side < 2; side++)
        for (struct actor *first; (first = first_with(0, side == 1)) != NULL;) {
            (void)grant(first, 0, side == 1);
            model.parties[first->number].shut = true;
        }
    return rc;
}

static bool is_open(const struct actor *actor)
{
    (void)actor;
    return !model.pipes[0].closed;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check(void)
{
    for (unsigned i = 0; i < model.count; i++) {
        const struct pipe *pipe = &model.pipes[i];
        expect(aio_channel_count(pipe->channel) == pipe->count, "items were lost, or made");
        expect(aio_channel_closed(pipe->channel) == pipe->closed, "it is closed, or is not");
    }
}

static void check_idle(void)
{
    for (unsigned i = 0; i < ACTORS; i++)
        expect(world.actors[i].place != AT_CHANNEL ||
                   (!world.actors[i].granted && !anything_can_happen(&world.actors[i])),
               "a task waits for what has happened, or could");
}

static void audit(void)
{
    for (unsigned i = 0; i < model.count; i++)
        while (model.pipes[i].count > 0 && !world.over) {
            struct offer offer = {.channel = i};
            int rc = aio_channel_receive(model.pipes[i].channel, &offer.copy);
            expect(rc == happen(&offer) && offer.copy == offer.item, "a buffered item was lost");
        }
}

static const struct operation operations[] = {
    {"sends", NULL, send, false},
    {"receives", NULL, receive, false},
    {"tries to send", NULL, try_send, false},
    {"tries to receive", NULL, try_receive, false},
    {"closes it", is_open, shut, true},
    {"sends at once", NULL, send_at_once, true},
    {"receives at once", NULL, receive_at_once, true},
};

static const struct operation selects[] = {
    {"selects a send to the first, or a receive from the second", may_select_mixed, select_mixed,
     false},
    {"selects a receive", may_select_receives, select_receives, false},
    {"selects a send", may_select_sends, select_sends, false},
    {"sends to the first", NULL, send, false},
    {"receives from the second", NULL, receive_other, false},
    {"closes the first", is_open, shut, true},
    {"selects at once", may_select_mixed, select_at_once, true},
};

const struct subject channel_subject = {
    .name = "channel",
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

const struct subject select_subject = {
    .name = "select",
    .depth = 4,
    .disturbances = 2,
    .operations = selects,
    .operation_count = LENGTH(selects),
    .begin = begin_two,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
    .end = end,
};

const struct subject select_lots_subject = {
    .name = "select_lots",
    .depth = 3,
    .disturbances = 1,
    .draws_lots = true,
    .operations = selects,
    .operation_count = LENGTH(selects),
    .begin = begin_lots,
    .check = check,
    .check_idle = check_idle,
    .audit = audit,
    .end = end,
};
