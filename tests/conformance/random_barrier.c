/*
 * Barriers in random programs: nobody passes before all are there, or is told that it is broken
 * when nobody broke it, and nobody stays when all are there.
 */
#include "conformance/random_subject.h"

static struct barrier_model {
    aio_barrier barrier;
    unsigned parties;
    bool changed;   /* was ever reset or broken, or begun to be */
    bool cancelled; /* a wait was, some time */
    unsigned arrived, inside, passed;
} barriers[OBJECTS];

static void begin(struct world *world)
{
    uint64_t state = world->program->seed;
    for (unsigned i = 0; i < OBJECTS; i++) {
        unsigned parties = 1 + (unsigned)(random_next(&state) % 3);
        barriers[i] = (struct barrier_model){.parties = parties};
        (void)aio_barrier_init(&barriers[i].barrier, (int)parties);
    }
}

/*
 * Who waits outside, for the round before to be over, may be overtaken by others who come: so only
 * how many pass is known, not who.
 */
static bool may_pass(struct barrier_model *model)
{
    return ++model->passed <= model->arrived / model->parties * model->parties;
}

static int wait_barrier(struct actor *actor, const struct action *action)
{
    struct world *world = actor->world;
    struct barrier_model *model = &barriers[action->object];
    model->arrived++;
    model->inside++;
    use_begin(actor, action);
    int rc = use_end(actor, aio_barrier_wait(&model->barrier), true);
    model->inside--;
    model->cancelled = model->cancelled || rc == -ECANCELED;
    if (rc == -AIO_EBROKEN)
        expect(world, model->changed, "a barrier is broken that nobody broke");
    else if (rc >= 0)
        expect(world, may_pass(model) && rc < (int)model->parties,
               "somebody passed a barrier before all were there");
    else
        expect(world, rc == -ECANCELED, "a barrier's wait failed");
    return rc < 0 ? rc : 0;
}

static int change_barrier(struct actor *actor, const struct action *action)
{
    struct barrier_model *model = &barriers[action->object];
    model->changed = true;
    use_begin(actor, action);
    int rc = action->mode > 0 ? aio_barrier_reset(&model->barrier)
                              : aio_barrier_abort(&model->barrier);
    use_end(actor, rc, true);
    expect(actor->world, rc == 0 || rc == -ECANCELED, "a barrier's change failed");
    return rc;
}

static bool may_hang(const struct actor *actor)
{
    const struct barrier_model *model = &barriers[actor->use->object];
    if (model->cancelled || model->changed)
        return true;
    return model->inside < model->parties;
}

static const char *end(struct world *world)
{
    (void)world;
    for (unsigned i = 0; i < OBJECTS; i++) {
        const aio_barrier *barrier = &barriers[i].barrier;
        if (barrier->count != 0 || barrier->condition.waiters.count != 0)
            return "somebody is left in a barrier";
        if (aio_condition_locked(&barrier->condition))
            return "a barrier's lock is still held";
    }
    return NULL;
}

static const struct operation OPERATIONS[] = {
    {"barrier_wait", 8, false, false, wait_barrier},
    {"barrier_change", 1, false, false, change_barrier},
};
const struct subject barrier_subject = {
    "barrier", SUBJECT_OPERATIONS(OPERATIONS), false, begin, may_hang, NULL, NULL, end,
};
