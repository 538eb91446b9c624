/*
 * What the explorer offers to its subjects, and what a subject is.
 *
 * Three actors, a task each, act on one thing: a lock, a queue.  What an actor
 * does next, and when somebody is cancelled, is chosen by choose(), the only
 * source of what is not determined; the choices of a run are its tape.  explore.c
 * goes through all tapes within the bounds; world.c runs one.
 *
 * A subject says which operations there are, and keeps a model of its thing, so
 * small that one sees that it is right: from what each call returned, and when,
 * it says whether that may be.  There is one world at a time, so a subject's model
 * is static.
 */
#ifndef EXPLORE_EXPLORE_H
#define EXPLORE_EXPLORE_H

#include <aio/asyncio.h>

#define ACTORS 3
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Where an actor waits; a subject's own are from PLACES on. */
enum { NOWHERE, AT_YIELD, AT_SLEEP, PLACES };

struct actor {
    unsigned number;
    aio_task *task;      /* NULL: not started yet */
    bool begun, ended;   /* ended: and that was checked */
    int place;           /* where it waits, or NOWHERE */
    unsigned ticket;     /* valid while it waits: who came before whom */
    unsigned since;      /* the turn in which its wait began */
    unsigned end;        /* who ended before whom; in the first turn, also without having begun,
                          * they do in the order of their numbers */
    int result;          /* not 0: it has failed, and ends */
    int last;            /* what its last operation returned */
    int requests;        /* to cancel it, of others and its own */
    int heard;           /* so many requests does it know of */
    bool granted;        /* the subject's: what it waits for has come */
    unsigned holds;      /* the subject's: what it has, and must give back */
};

/* What an actor may do. */
struct operation {
    const char *name;
    bool (*possible)(const struct actor *actor); /* NULL: always */
    int (*perform)(struct actor *actor);         /* what is traced as its result */
    bool disturbs;                               /* counts as a disturbance */
};

struct subject {
    const char *name;
    unsigned depth, disturbances; /* the bounds, unless the command line says otherwise */
    bool draws_lots;              /* the loop does, so each run needs one of its own */
    bool passes_on;               /* its calls cancel, and report failures, of themselves */
    bool alone;                   /* the first actor starts the others */
    const struct operation *operations;
    size_t operation_count;
    void (*begin)(void);               /* a new thing; it may choose() which */
    void (*finish)(struct actor *actor); /* before an actor ends: gives back what it holds */
    void (*check)(void);               /* after each turn */
    void (*check_idle)(void);          /* nothing can wake any more: is that right? */
    void (*audit)(void);               /* in a task, when all actors have ended */
    void (*end)(void);
};

extern const struct subject lock_subject, semaphore_subject, bounded_semaphore_subject,
    event_subject, condition_subject, barrier_subject, queue_subject, queue_end_subject,
    channel_subject, select_subject,
    select_lots_subject, gather_subject, await_subject, group_subject,
    timeout_subject;

/* ---- the world that runs --------------------------------------------------------------------- */

struct world {
    const struct subject *subject;
    aio_loop *loop;
    struct actor actors[ACTORS];
    unsigned operations, disturbances; /* how many are left */
    unsigned turn, tickets, ends;
    bool over;             /* all end: nothing is chosen or checked any more */
    const char *violation; /* the first; NULL */
    bool traced;
};

extern struct world world;

/* One of `count`, from 0; where the tape has come to its end, 0. */
unsigned choose(unsigned count);
/* Whether the tape was written for other choices. */
bool choices_differ(void);

/* Records a violation unless the condition holds. */
void expect(bool condition, const char *violation);

/* Runs a tape with so many operations and disturbances: what was violated, or NULL. */
const char *world_run(const struct subject *subject, unsigned operations, unsigned disturbances,
                      bool traced);
/* Closes the loop that all runs share: what was wrong with that, or NULL. */
const char *world_close(void);

/* ---- for subjects ---------------------------------------------------------------------------- */

/*
 * Around each call that may suspend.  The end checks that of a cancellation and a result there is
 * exactly one, and returns whether the call has suspended.
 */
void wait_begin(struct actor *actor, int place);
bool wait_end(struct actor *actor, int rc);
/* The same where a cancellation is more than that, and the subject checks it. */
bool wait_over(struct actor *actor, int rc);

/* What an actor's task runs. */
int actor_live(void *arg);
/* It has started, and has not ended. */
bool is_there(const struct actor *actor);
/* Somebody has asked it to end, and it has not heard of that. */
bool actor_cancelled(const struct actor *actor);
/* It waits there, and is not cancelled. */
bool actor_waits(const struct actor *actor, int place);
/* How many do. */
unsigned count_waiting(int place);
/* Nobody waits there who came before this one; nobody who was granted what he waits for. */
bool is_first(const struct actor *actor, int place);
bool is_first_granted(const struct actor *actor, int place);
/* Anybody waits there, be he cancelled. */
bool is_anybody_at(int place);

/* The call under a timeout, whose end must give what asyncio's does. */
int within(struct actor *actor, int64_t duration, int (*call)(struct actor *actor));
/* Asks an actor to end. */
int cancel(struct actor *target);
/* The actor that is so many after this one. */
struct actor *neighbour(const struct actor *actor, unsigned distance);

#endif
