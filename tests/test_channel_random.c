/*
 * Channels and selects at random: ten tasks send, receive, select, cancel each
 * other and close, for each of 2,000 seeds.
 *
 * Beside the channels runs a model of them, as plain as can be, that is told of
 * each step just before it is taken.  It says who gets which item, with which
 * result each call returns, and in which order those who wait go on; all of it
 * must come so.  Every other seed does without the model, and has deadlines and
 * timeouts instead, and turns that are shuffled.  Either way no item may be lost or
 * come twice, and what one task has sent, another receives in this order.
 */
#include <errno.h>
#include <stdlib.h>

#include <aio/run.h>
#include <aio/select.h>

#include "support/task_case.h"

#define SEEDS 2000
#define TASKS 10
#define CHANNELS 2
#define OPERATIONS 400
#define MOST_CASES 4
#define MOST_CAPACITY 3

struct item {
    int number, sender;
};

/* What a task is about to do: one of these. */
struct choice {
    bool sends;
    int channel;
};

struct member {
    struct game *game;
    int index;
    aio_task *task;
    struct choice choices[MOST_CASES];
    int count;
    struct item item;                /* that it would send */
    struct item received[MOST_CASES]; /* where each case would put one */
    int latest[TASKS][CHANNELS];      /* the last number that it has from each sender */
    bool ended;
    /* The model's. */
    bool waits;
    bool cancelled; /* a cancellation is due at its next wait */
    int which, result, ticket;
    struct item got;
};

/* One who waits, with one of his choices. */
struct place {
    int member, choice;
};

struct model {
    size_t capacity, count;
    bool closed;
    struct item buffer[MOST_CAPACITY + 1];
    struct place waiting[2][TASKS * MOST_CASES]; /* receivers, senders */
    size_t waiting_count[2];
};

struct game {
    uint64_t seed;
    bool strict; /* the model runs */
    int operations, numbers;
    int tickets, resumed; /* given to who was woken, in order; taken by who goes on */
    aio_channel *channels[CHANNELS];
    struct model models[CHANNELS];
    struct member members[TASKS];
    unsigned char sent[OPERATIONS + 1], received[OPERATIONS + 1];
    int waits, cancels, timeouts, closes;
};

static unsigned draw(struct game *game, unsigned below)
{
    game->seed = game->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(game->seed >> 33) % below;
}

/* ---- the model ------------------------------------------------------------------------------- */

static void model_leave(struct game *game, int member)
{
    for (int c = 0; c < CHANNELS; c++)
        for (int side = 0; side < 2; side++) {
            struct model *model = &game->models[c];
            size_t kept = 0;
            for (size_t i = 0; i < model->waiting_count[side]; i++)
                if (model->waiting[side][i].member != member)
                    model->waiting[side][kept++] = model->waiting[side][i];
            model->waiting_count[side] = kept;
        }
}

static void model_wake(struct game *game, struct member *member, int which, int result)
{
    model_leave(game, member->index);
    member->waits = false;
    member->which = which;
    member->result = result;
    member->ticket = ++game->tickets;
}

/* -EAGAIN: it would wait. */
static int model_result(const struct model *model, bool sends)
{
    if (sends && model->closed)
        return -ESHUTDOWN;
    if (model->waiting_count[!sends] > 0 ||
        (sends ? model->count < model->capacity : model->count > 0))
        return 0;
    return model->closed ? -ESHUTDOWN : -EAGAIN;
}

static void model_send(struct game *game, struct model *model, struct item item)
{
    if (model->waiting_count[0] == 0) {
        model->buffer[model->count++] = item;
        return;
    }
    struct place first = model->waiting[0][0];
    game->members[first.member].got = item;
    model_wake(game, &game->members[first.member], first.choice, 0);
}

static struct item model_receive(struct game *game, struct model *model)
{
    bool sender_waits = model->waiting_count[1] > 0;
    struct place first = model->waiting[1][0];
    if (sender_waits) {
        model->buffer[model->count++] = game->members[first.member].item;
        model_wake(game, &game->members[first.member], first.choice, 0);
    }
    struct item item = model->buffer[0];
    model->count--;
    memmove(model->buffer, model->buffer + 1, model->count * sizeof item);
    return item;
}

static void model_wait(struct game *game, struct member *member)
{
    if (member->cancelled) { /* it wakes itself */
        member->cancelled = false;
        model_wake(game, member, -ECANCELED, 0);
        return;
    }
    member->waits = true;
    for (int i = 0; i < member->count; i++) {
        struct model *model = &game->models[member->choices[i].channel];
        bool side = member->choices[i].sends;
        model->waiting[side][model->waiting_count[side]++] = (struct place){member->index, i};
    }
}

static void model_cancel(struct game *game, struct member *member)
{
    if (member->waits)
        model_wake(game, member, -ECANCELED, 0);
    else
        member->cancelled = true;
}

static void model_close(struct game *game, struct model *model)
{
    model->closed = true;
    for (int side = 0; side < 2; side++)
        while (model->waiting_count[side] > 0) {
            struct place first = model->waiting[side][0];
            model_wake(game, &game->members[first.member], first.choice, -ESHUTDOWN);
        }
}

/* ---- what happened --------------------------------------------------------------------------- */

static void note_sent(struct game *game, const struct item *item)
{
    check_int(game->sent[item->number]++, 0);
}

static void note_received(struct member *member, const struct item *item, int channel)
{
    struct game *game = member->game;
    if (!check(item->number > 0 && item->number <= game->numbers))
        return;
    check_int(game->received[item->number]++, 0);
    check(member->latest[item->sender][channel] < item->number);
    member->latest[item->sender][channel] = item->number;
}

static void note_outcome(struct member *member, int which, int result)
{
    if (which < 0 || result < 0)
        return;
    struct choice choice = member->choices[which];
    if (choice.sends)
        note_sent(member->game, &member->item);
    else
        note_received(member, &member->received[which], choice.channel);
}

/* It did not wait, so nothing else has happened since it began. */
static void compare_at_once(struct game *game, struct member *member, int which, int result)
{
    if (!check(which >= 0 && which < member->count))
        return;
    struct choice choice = member->choices[which];
    struct model *model = &game->models[choice.channel];
    check_int(result, model_result(model, choice.sends));
    if (result != 0)
        return;
    if (choice.sends)
        model_send(game, model, member->item);
    else
        check_int(member->received[which].number, model_receive(game, model).number);
}

static void compare_woken(struct game *game, struct member *member, int which, int result)
{
    bool moved = member->which >= 0 && member->result == 0;
    check(!member->waits);
    check_int(member->ticket, ++game->resumed);
    if (member->cancelled && !moved) { /* it came in time */
        member->cancelled = false;
        member->which = -ECANCELED;
    }
    check_int(which, member->which);
    if (which < 0)
        return;
    check_int(result, member->result);
    if (result == 0 && !member->choices[which].sends)
        check_int(member->received[which].number, member->got.number);
}

/* ---- what the tasks do ----------------------------------------------------------------------- */

/* The first choice, by a call of its own; *out_result is as of a select's case. */
static int call_plainly(struct member *member, bool try, int *out_result)
{
    struct game *game = member->game;
    aio_channel *channel = game->channels[member->choices[0].channel];
    if (member->choices[0].sends)
        *out_result = try ? aio_channel_try_send(channel, &member->item)
                          : aio_channel_send(channel, &member->item);
    else
        *out_result = try ? aio_channel_try_receive(channel, &member->received[0])
                          : aio_channel_receive(channel, &member->received[0]);
    return *out_result == 0 || *out_result == -ESHUTDOWN ? 0 : *out_result;
}

static int call_select(struct member *member, int64_t duration, int *out_result)
{
    struct game *game = member->game;
    aio_select_case cases[MOST_CASES];
    for (int i = 0; i < member->count; i++) {
        aio_channel *channel = game->channels[member->choices[i].channel];
        cases[i] = (aio_select_case)AIO_SELECT_RECEIVE(channel, &member->received[i]);
        if (member->choices[i].sends)
            cases[i] = (aio_select_case)AIO_SELECT_SEND(channel, &member->item);
    }
    int which = aio_select(cases, (size_t)member->count, duration);
    if (which >= 0)
        *out_result = cases[which].result;
    return which;
}

static void choose(struct member *member)
{
    struct game *game = member->game;
    member->count = draw(game, 3) == 0 ? 1 + (int)draw(game, MOST_CASES) : 1;
    for (int i = 0; i < member->count; i++)
        member->choices[i] = (struct choice){draw(game, 2) == 0, (int)draw(game, CHANNELS)};
    member->item = (struct item){++game->numbers, member->index};
}

static bool any_ready(const struct game *game, const struct member *member)
{
    for (int i = 0; i < member->count; i++)
        if (model_result(&game->models[member->choices[i].channel], member->choices[i].sends) !=
            -EAGAIN)
            return true;
    return false;
}

static void play_strictly(struct game *game, struct member *member)
{
    int result = 0, which;
    bool ready = any_ready(game, member), look = draw(game, 6) == 0;
    if (!ready && !look) {
        game->waits++;
        model_wait(game, member);
    }
    if (member->count == 1 && draw(game, 4) != 0)
        which = call_plainly(member, look, &result);
    else
        which = call_select(member, look ? 0 : AIO_FOREVER, &result);
    if (ready)
        compare_at_once(game, member, which, result);
    else if (look)
        check(which == -ETIMEDOUT || which == -EAGAIN);
    else
        compare_woken(game, member, which, result);
    note_outcome(member, which, result);
}

static void play_loosely(struct game *game, struct member *member)
{
    aio_timeout timeout;
    int result = 0, which;
    int64_t duration = draw(game, 3) == 0 ? AIO_FOREVER : (int64_t)draw(game, 4);
    bool scope = draw(game, 3) == 0 && aio_timeout_begin(&timeout, (int64_t)draw(game, 4)) == 0;
    if (member->count == 1 && draw(game, 2) == 0)
        which = call_plainly(member, false, &result);
    else
        which = call_select(member, duration, &result);
    if (scope) {
        int ended = aio_timeout_end(&timeout, which);
        check(ended == which || (which == -ECANCELED && ended == -ETIMEDOUT));
        which = ended;
    }
    game->timeouts += which == -ETIMEDOUT;
    note_outcome(member, which, result);
    if (draw(game, 4) == 0)
        (void)!aio_sleep((int64_t)draw(game, 3));
}

static void cancel_somebody(struct game *game)
{
    struct member *member = &game->members[draw(game, TASKS)];
    if (member->ended)
        return;
    game->cancels++;
    model_cancel(game, member);
    (void)aio_task_cancel(member->task);
}

static void close_channel(struct game *game, int channel)
{
    game->closes++;
    model_close(game, &game->models[channel]);
    check_int(aio_channel_close(game->channels[channel]), 0);
}

static int play_on(void *arg)
{
    struct member *member = arg;
    struct game *game = member->game;
    (void)!aio_yield(); /* who is cancelled before he begins never would */
    member->cancelled = false;
    while (game->operations > 0) {
        game->operations--;
        unsigned lot = draw(game, 100);
        if (lot < 12) {
            cancel_somebody(game);
        } else if (lot < 25) {
            (void)!aio_yield(); /* a cancellation that is due, or comes meanwhile, ends here */
            member->cancelled = false;
        } else if (lot == 25 && game->operations < OPERATIONS / 5) {
            close_channel(game, (int)draw(game, CHANNELS));
        } else {
            choose(member);
            (game->strict ? play_strictly : play_loosely)(game, member);
        }
    }
    member->ended = true;
    return 0;
}

/* ---- a game ---------------------------------------------------------------------------------- */

/* Whatever was sent has been received, or is buffered still; nothing else has. */
static void check_items(struct game *game)
{
    struct item item;
    for (int c = 0; c < CHANNELS; c++)
        while (aio_channel_try_receive(game->channels[c], &item) == 0)
            check_int(game->received[item.number]++, 0);
    for (int i = 1; i <= game->numbers; i++)
        check_int(game->received[i], game->sent[i]);
    check_int(game->resumed, game->strict ? game->tickets : 0);
}

static bool all_ended(const struct game *game)
{
    for (int i = 0; i < TASKS; i++)
        if (!game->members[i].ended)
            return false;
    return true;
}

/* Where all wait for each other, somebody is cancelled; in the end, all is closed. */
static void keep_going(struct game *game)
{
    while (!all_ended(game)) {
        int before = game->operations;
        (void)!aio_yield();
        (void)!aio_sleep(1);
        if (game->operations == before && before > 0)
            cancel_somebody(game);
        for (int c = 0; c < CHANNELS && before == 0; c++)
            close_channel(game, c);
    }
}

static bool make_channels(struct game *game)
{
    bool made = true;
    for (int c = 0; c < CHANNELS; c++) {
        game->models[c].capacity = draw(game, 2) == 0 ? 0 : draw(game, MOST_CAPACITY + 1);
        game->channels[c] = aio_channel_new(sizeof(struct item), game->models[c].capacity);
        made = made && game->channels[c] != NULL;
    }
    return made;
}

/* False if a task is lacking; the others have ended then. */
static bool start(struct game *game)
{
    bool all = true;
    for (int i = 0; i < TASKS; i++) {
        game->members[i].game = game;
        game->members[i].index = i;
        game->members[i].task = aio_spawn(play_on, &game->members[i]);
        all = all && game->members[i].task != NULL;
    }
    for (int i = 0; i < TASKS && !all; i++)
        (void)aio_task_stop(game->members[i].task);
    return all;
}

static int play(void *arg)
{
    struct game *game = arg;
    int rc = -ENOMEM;
    if (make_channels(game) && start(game)) {
        keep_going(game);
        for (int i = 0; i < TASKS; i++)
            (void)!aio_join(game->members[i].task);
        check_items(game);
        rc = 0;
    }
    for (int c = 0; c < CHANNELS; c++)
        aio_channel_free(game->channels[c]);
    return rc;
}

TEST(of_random_operations_no_item_is_lost_doubled_or_out_of_turn)
{
    static struct game game;
    int waits = 0, cancels = 0, timeouts = 0, closes = 0;
    aio_options options = AIO_OPTIONS_INIT;
    options.clock = AIO_CLOCK_VIRTUAL;
    options.handle_sigint = false;
    const int seeds = (int)test_scale(SEEDS);
    for (uint64_t seed = 1; seed <= (uint64_t)seeds; seed++) {
        memset(&game, 0, sizeof game);
        game.seed = seed * 0x9E3779B97F4A7C15u;
        game.strict = seed % 2 == 0 && !test_sweeping(); /* a task that fails is not in the model */
        game.operations = OPERATIONS;
        options.shuffle_seed = game.strict ? 0 : seed;
        options.budget = game.strict ? 0 : 128; /* the model knows of no yields but its own */
        if (!check_int(aio_run_with(&options, play, &game), 0))
            break;
        waits += game.waits;
        cancels += game.cancels;
        timeouts += game.timeouts;
        closes += game.closes;
    }
    check(waits > 20 * seeds && cancels > 20 * seeds && timeouts > seeds && closes > seeds);
}
