/*
 * The subjects of random programs: things that tasks share, each with what can be done to it and
 * what must hold of it.
 *
 * A program has none, or two or three that its seed chose, so that they meet often; of most there
 * are OBJECTS of a kind.  A subject keeps a model beside the library's thing, which is static, for
 * there is one world at a time.
 */
#ifndef CONFORMANCE_RANDOM_SUBJECT_H
#define CONFORMANCE_RANDOM_SUBJECT_H

#include "conformance/random_world.h"

#define OBJECTS 2

/* What can be done to a subject. */
struct operation {
    const char *name;
    unsigned weight; /* how often it is drawn */
    bool block;      /* the next `length` actions are done inside */
    bool spawns;     /* the action's place is a task that nobody else spawns */
    int (*perform)(struct actor *actor, const struct action *action);
};

struct subject {
    const char *name;
    const struct operation *operations;
    unsigned operation_count;
    bool draws_lots; /* so a run on a loop that others have used differs */
    void (*begin)(struct world *world);
    /* Nothing can wake any more: whether the actor, which waits in the subject, has a reason to. */
    bool (*may_hang)(const struct actor *actor);
    /* Whether the actor can't end before the other one does, or goes on.  NULL: it always can. */
    bool (*needs)(const struct actor *actor, const struct actor *other);
    /* In a task, when all others have ended; may come twice.  NULL: nothing to do. */
    void (*finish)(struct world *world);
    /* After the run: gives all back; what is wrong with it, or NULL. */
    const char *(*end)(struct world *world);
};

#define SUBJECT_OPERATIONS(array) (array), (unsigned)(sizeof(array) / sizeof *(array))

extern const struct subject lock_subject, event_subject, semaphore_subject, barrier_subject,
    queue_subject, channel_subject, group_subject, generator_subject, context_subject;

extern const struct subject *const SUBJECTS[SUBJECT_COUNT];

/*
 * Around a call that may wait in a subject.  The end takes what it returned, and gives it back: was
 * it cancelled exactly if there was a request?  One that is not exact may have come too late for
 * it; it is then delivered by the next.
 */
void use_begin(struct actor *actor, const struct action *action);
int use_end(struct actor *actor, int rc, bool exact);

/* What the world does with the subjects of its program. */
void subjects_begin(struct world *world);
void subjects_finish(struct world *world);
const char *subjects_end(struct world *world);
int subject_perform(struct actor *actor, const struct action *action);
void subject_check_hanging(const struct actor *actor);

/*
 * Of those who hang, whether one awaits another that in turn waits for it in a subject, where it
 * waits on in any case: at a group's end.  No cancellation gets them out of that, nor does
 * asyncio's.
 */
bool subjects_circle(const struct world *world);

/* random_context.c: the child has a copy of the variables of whoever spawned it. */
void context_inherit(const struct actor *parent, const struct actor *child);

#endif
