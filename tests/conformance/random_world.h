/*
 * A random program that runs, and a model of it: what each call must give.
 *
 * The model keeps for each task how many requests to cancel it stand (`count`),
 * whether one is yet to be delivered, and what the task waits for; from these
 * follow asyncio's answers.  One thing it can't see is the moment at which a
 * timeout expires: whether a task that was awaited just then got the request
 * passed on.  Such a task is `clouded`, and less is asked of it.
 */
#ifndef CONFORMANCE_RANDOM_WORLD_H
#define CONFORMANCE_RANDOM_WORLD_H

#include <aio/asyncio.h>

#include "conformance/random_program.h"

enum where {
    RUNS, /* or is ready, or has not begun */
    SLEEPS,
    AWAITS,     /* passing a cancellation on */
    GATHERS,    /* the same to several */
    GATHERS_ALL, /* and failures are results */
    WAITS_DONE, /* leaving what it waits for alone */
    WAITS_ANY,  /* the same of several, not all of which may be needed */
    STOPS,      /* waiting on in any case */
    USES        /* in a subject */
};

/* An open timeout of a task, on its stack. */
struct model_scope {
    struct model_scope *outer;
    aio_timeout timeout;
    int64_t when;
    int count_before; /* requests when it began */
    bool seen;        /* that it expired is known to the model */
};

struct actor {
    struct world *world;
    unsigned number;
    aio_task *task; /* a share; NULL until it was spawned */
    enum where where;
    unsigned place;  /* what it waits for; valid unless it runs, sleeps or waits for several */
    unsigned places[MAX_TARGETS], place_count; /* the same for all */
    unsigned until; /* what a wait for several is for: an aio_wait_until */
    bool passed; /* a cancellation was passed on by this wait */
    const struct action *use; /* valid while it waits in a subject */
    bool undelivered_before; /* the same: a request was there when it began */
    bool limited; /* it has a limit of its own, which cancels what it waits for */
    unsigned ticket; /* its turn among those who wait there */
    struct model_scope *scopes;
    int count;
    int expected; /* its result; valid once ended */
    bool undelivered, clouded, begun, ended, returning;
};

struct callback {
    struct world *world;
    aio_handle handle;
    enum action_kind kind; /* ACT_SOON, ACT_LATER, ACT_ON_DONE; valid while pending */
    unsigned place, ticket;
    int64_t when;
    bool pending;
};

struct world {
    const struct random_program *program;
    aio_loop *loop;
    struct actor actors[TASKS];
    aio_future *futures[FUTURES];
    struct callback callbacks[CALLBACKS];
    unsigned tickets[PLACES], served[PLACES]; /* given out; the last one that was called up */
    unsigned soon_tickets, soon_served;
    int64_t last_when; /* of the last call_later that was called */
    unsigned last_ticket, later_tickets;
    aio_task *driver; /* that of the run; a share */
    unsigned values;  /* that tasks and futures have, and that were not destroyed yet */
    int64_t begin;    /* the time when it began */
    uint64_t hash;
    FILE *trace;           /* where each action's end is printed; NULL */
    const char *violation; /* the first; NULL */
    bool circle;           /* it hung so that some had to be abandoned */
    bool shuffled;         /* no order can be expected */
    bool over;             /* nothing is checked any more, and all end */
};

/* Records a violation unless the condition holds. */
void expect(struct world *world, bool condition, const char *violation);
/* Adds what happened to the hash of the run, and to its trace. */
void record(struct world *world, const char *who, unsigned number, const char *what, int result);

/* The future or task of a place; NULL for a task that was not spawned yet. */
aio_future *world_place(struct world *world, unsigned place);
/* Cancels it, model and all. */
int world_cancel(struct world *world, unsigned place);
int world_set(struct world *world, unsigned place, unsigned value);

/* The calls that suspend, and what is expected of them. */
int actor_sleep(struct actor *actor, int64_t duration);
int actor_wait(struct actor *actor, enum action_kind kind, unsigned place);
/* random_many.c: shield, wait_for; those that wait for several. */
int actor_wait_for(struct actor *actor, const struct action *action);
int actor_shield(struct actor *actor, const struct action *action);
int actor_gather(struct actor *actor, const struct action *action);
int actor_wait_many(struct actor *actor, const struct action *action);
int actor_iterate(struct actor *actor, const struct action *action);
void actor_uncancel(struct actor *actor);
/* Takes one request back, in the model. */
void model_uncancel(struct actor *actor);

/* The parts of which those are made. */
enum circle {
    NO_CIRCLE,
    MAYBE_CIRCLE, /* one link may have been cancelled, or will be there again */
    CIRCLE
};
bool place_done(struct world *world, unsigned place);
/* Whether what waits at one of the places waits, in the end, for this task. */
enum circle leads_to(struct world *world, const unsigned *places, unsigned count,
                     const struct actor *actor);
/* asyncio's cancel() of a place, before the library does it; 1, or 0 if it is done. */
int model_cancel(struct world *world, unsigned place);
/* The model does not know any more what requests a task, and those it awaits, have got. */
void cloud(struct world *world, unsigned place);
void begin_wait(struct actor *actor, enum where where, const unsigned *places, unsigned count);
/* What a request to the task that was not delivered yet becomes as soon as it waits. */
void pass_on_waiting(struct actor *actor, const unsigned *places, unsigned count);
/* Whether a timeout of the task has expired while it waited: then it was cancelled. */
bool end_wait(struct actor *actor);

/* Callbacks: ACT_SOON, ACT_LATER, ACT_ON_DONE; and taking one back. */
void world_call(struct world *world, const struct action *action);
void world_cancel_callback(struct world *world, unsigned number);

/* Runs the block that belongs to an action; runs a task. */
int run_body(struct actor *actor, const struct action *action);
int task_body(void *arg);

/* What must hold when all tasks have ended; when nothing can wake any more. */
void world_check_end(struct world *world);
void world_check_deadlock(struct world *world);

/*
 * Runs a program: what was violated, or NULL.  Traced, if a file is given; shuffled, if the seed
 * is not 0.  Runs on *kept, which is made if it is NULL, and stays; a NULL kept is for a runner of
 * its own, whose shut-down is part of the run.  random_script.c
 */
const char *world_run(const struct random_program *program, uint64_t shuffle_seed, FILE *trace,
                      aio_runner **kept, uint64_t *out_hash);

#endif
