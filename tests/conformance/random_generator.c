/*
 * Generators in random programs: of one's own, and such as several tasks ask.  Items come in their
 * order, one task at a time is in the body, and each body that has begun cleans up once.
 */
#include <string.h>

#include "conformance/random_subject.h"

struct source {
    struct world *world;
    aio_generator *generator;
    struct actor *consumer; /* who is in the body, or closes it; NULL: nobody */
    unsigned seed;          /* says where the body sleeps, and how many items it has */
    unsigned next;          /* the item that is to come */
    bool running;           /* the body has begun, and has not cleaned up */
};

static struct source shared[OBJECTS];
/* Of one task each; here, and not on its stack, for it may be abandoned. */
static struct source own[TASKS * MAX_ACTIONS];
static unsigned owned;
static unsigned begun, cleaned;

static void begin(struct world *world)
{
    memset(shared, 0, sizeof shared);
    for (unsigned i = 0; i < OBJECTS; i++)
        shared[i].world = world;
    begun = cleaned = owned = 0;
}

/* In the body: whoever asks sleeps; but not those who close it at the end. */
static int rest(const struct source *source, unsigned bit)
{
    if ((source->seed >> bit & 1) == 0 || source->consumer == NULL)
        return 0;
    return actor_sleep(source->consumer, AIO_USEC(source->seed % 5));
}

static int body(void *arg)
{
    struct source *source = arg;
    int rc = 0;
    begun++;
    source->running = true;
    for (unsigned i = 0; i <= source->seed % 4 && rc == 0; i++) {
        rc = rest(source, i % 2);
        if (rc == 0)
            rc = aio_generator_yield(&i);
    }
    int rested = rest(source, 2);
    expect(source->world, source->running, "a generator cleans up twice");
    source->running = false;
    cleaned++;
    return rc < 0 ? rc : rested;
}

static void open_source(struct source *source, const struct action *action)
{
    source->seed = action->amount;
    source->next = 0;
    source->generator = aio_generator_new(body, source, sizeof(unsigned));
    expect(source->world, source->generator != NULL, "a generator could not be made");
}

static int ask(struct actor *actor, struct source *source, int error)
{
    struct world *world = actor->world;
    unsigned item = 0;
    bool busy = source->consumer != NULL;
    if (!busy)
        source->consumer = actor;
    int rc = error < 0 ? aio_generator_throw(source->generator, error, &item)
                       : aio_generator_next(source->generator, &item);
    if (busy) {
        expect(world, rc == -EBUSY, "two are in a generator's body");
        return rc;
    }
    source->consumer = NULL;
    bool failed = rc == -ECANCELED || (rc == error && error < 0);
    expect(world, rc == 0 || rc == 1 || failed, "a generator failed");
    if (rc == 1)
        expect(world, error == 0 && item == source->next++, "an item came that was not the next");
    else
        expect(world, !source->running, "a generator ended before its body did");
    return rc;
}

static int close_source(struct actor *actor, struct source *source)
{
    struct world *world = source->world;
    bool busy = source->consumer != NULL;
    if (!busy)
        source->consumer = actor;
    int rc = aio_generator_close(source->generator);
    if (busy) {
        expect(world, rc == -EBUSY, "a generator was closed while a task was in it");
        return rc;
    }
    source->consumer = NULL;
    source->generator = NULL;
    expect(world, !source->running, "a generator was closed that has not cleaned up");
    expect(world, rc == 0 || rc == -ECANCELED, "a generator could not be closed");
    return rc;
}

/* ---- operations ----------------------------------------------------------------------------- */

/* async for, of a generator of one's own, which may be left early: by `mode` items. */
static int iterate(struct actor *actor, const struct action *action)
{
    struct source *source = &own[owned++];
    *source = (struct source){.world = actor->world};
    open_source(source, action);
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < action->mode + 1; i++) {
        rc = ask(actor, source, 0);
        int result = rc == 1 && i == 0 ? run_body(actor, action) : 0;
        rc = result < 0 ? result : rc;
    }
    int closed = close_source(actor, source);
    return rc < 0 ? rc : closed;
}

static int next(struct actor *actor, const struct action *action)
{
    struct source *source = &shared[action->object];
    if (source->generator == NULL)
        open_source(source, action);
    int error = action->amount % 8 == 0 ? AIO_USER_ERROR(3) : 0;
    return ask(actor, source, error);
}

static int close_shared(struct actor *actor, const struct action *action)
{
    struct source *source = &shared[action->object];
    return source->generator != NULL ? close_source(actor, source) : 0;
}

static bool may_hang(const struct actor *actor)
{
    (void)actor;
    return false;
}

static void finish(struct world *world)
{
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++)
        if (shared[i].generator != NULL)
            (void)close_source(NULL, &shared[i]);
}

static const char *end(struct world *world)
{
    (void)world;
    return begun != cleaned ? "a generator's body has not cleaned up once" : NULL;
}

static const struct operation OPERATIONS[] = {
    {"for_each", 4, true, false, iterate},
    {"next", 8, false, false, next},
    {"generator_close", 2, false, false, close_shared},
};
const struct subject generator_subject = {
    "generator", SUBJECT_OPERATIONS(OPERATIONS), false, begin, may_hang, NULL, finish, end,
};
