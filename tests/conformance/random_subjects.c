/*
 * All subjects; and what is the same for each: cancellations of those who wait in one.
 */
#include "conformance/random_subject.h"

const struct subject *const SUBJECTS[SUBJECT_COUNT] = {
    &lock_subject,    &event_subject, &semaphore_subject, &barrier_subject, &queue_subject,
    &channel_subject, &group_subject, &generator_subject, &context_subject,
};

void use_begin(struct actor *actor, const struct action *action)
{
    begin_wait(actor, USES, NULL, 0);
    actor->use = action;
    actor->undelivered_before = actor->undelivered;
}

int use_end(struct actor *actor, int rc, bool exact)
{
    struct world *world = actor->world;
    bool expired = end_wait(actor), before = actor->undelivered_before;
    bool arrived = expired || (actor->undelivered && !before);
    if (rc == -ECANCELED) {
        expect(world, arrived || before || actor->clouded, "cancelled without a request");
        actor->undelivered = false;
        return rc;
    }
    expect(world, !exact || !arrived || actor->clouded, "a cancellation was lost in a subject");
    actor->undelivered = before || arrived;
    return rc;
}

static bool is_used(const struct world *world, unsigned subject)
{
    return (world->program->subjects >> subject & 1) != 0;
}

void subjects_begin(struct world *world)
{
    for (unsigned i = 0; i < SUBJECT_COUNT; i++)
        if (is_used(world, i))
            SUBJECTS[i]->begin(world);
}

void subjects_finish(struct world *world)
{
    for (unsigned i = 0; i < SUBJECT_COUNT; i++)
        if (is_used(world, i) && SUBJECTS[i]->finish != NULL)
            SUBJECTS[i]->finish(world);
}

const char *subjects_end(struct world *world)
{
    const char *violation = NULL;
    for (unsigned i = 0; i < SUBJECT_COUNT; i++) {
        const char *found = is_used(world, i) ? SUBJECTS[i]->end(world) : NULL;
        if (violation == NULL)
            violation = found;
    }
    return violation;
}

int subject_perform(struct actor *actor, const struct action *action)
{
    return SUBJECTS[action->subject]->operations[action->operation].perform(actor, action);
}

void subject_check_hanging(const struct actor *actor)
{
    const struct subject *subject = SUBJECTS[actor->use->subject];
    expect(actor->world, subject->may_hang(actor), subject->name);
}

static bool needs(const struct world *world, const struct actor *actor, const struct actor *other)
{
    if (other->task == NULL || aio_future_done(other->task))
        return false;
    for (unsigned i = 0; i < SUBJECT_COUNT; i++)
        if (is_used(world, i) && SUBJECTS[i]->needs != NULL && SUBJECTS[i]->needs(actor, other))
            return true;
    for (unsigned i = 0; i < actor->place_count && actor->where != WAITS_ANY; i++)
        if (actor->places[i] == other->number)
            return true;
    return false;
}

bool subjects_circle(const struct world *world)
{
    bool leads[TASKS][TASKS], found = false;
    if (world->program->subjects == 0)
        return false;
    for (unsigned i = 0; i < TASKS; i++)
        for (unsigned j = 0; j < TASKS; j++)
            leads[i][j] = needs(world, &world->actors[i], &world->actors[j]);
    for (unsigned k = 0; k < TASKS; k++)
        for (unsigned i = 0; i < TASKS; i++)
            for (unsigned j = 0; j < TASKS && leads[i][k]; j++)
                leads[i][j] = leads[i][j] || leads[k][j];
    for (unsigned i = 0; i < TASKS; i++)
        found = found || leads[i][i];
    return found;
}
