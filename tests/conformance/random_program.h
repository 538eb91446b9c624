/*
 * A random program: a tree of tasks, each with a script, that share futures,
 * callbacks, and what else some subjects have: locks, queues ...
 *
 * It is drawn from a seed, so that the seed is all that is needed to have it
 * again.  What its tasks name (await, cancel ...) is a place: first those of the
 * tasks, each spawned at most once, by a task with a smaller number; then those
 * of the futures.
 */
#ifndef CONFORMANCE_RANDOM_PROGRAM_H
#define CONFORMANCE_RANDOM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TASKS 10
#define FUTURES 3
#define PLACES (TASKS + FUTURES)
#define CALLBACKS 5
#define MAX_ACTIONS 12
#define SUBJECT_COUNT 9 /* see random_subject.h */
#define MAX_TARGETS 3 /* of an action that waits for several */

enum action_kind {
    ACT_SLEEP, /* amount */
    ACT_YIELD,
    ACT_SPAWN, /* place */
    ACT_EAGER, /* place */
    ACT_AWAIT, /* place */
    ACT_AWAIT_DONE,
    ACT_JOIN,    /* place of a task */
    ACT_STOP,    /* place of a task */
    ACT_SHIELD,     /* place */
    ACT_WAIT_FOR,   /* place, amount */
    ACT_GATHER,     /* places */
    ACT_GATHER_ALL, /* places; failures are results */
    ACT_WAIT,       /* places, amount, mode */
    ACT_ITERATE,    /* places, amount: as_completed */
    ACT_TIMEOUT, /* amount; the next `length` actions are its body */
    ACT_CANCEL,  /* place */
    ACT_CANCEL_SELF,
    ACT_UNCANCEL,
    ACT_SET,     /* place of a future, amount */
    ACT_SOON,    /* callback */
    ACT_LATER,   /* callback, amount */
    ACT_ON_DONE, /* callback, place */
    ACT_CANCEL_CALLBACK,
    ACT_RETURN, /* amount */
    ACT_FAIL,   /* amount */
    ACT_USE,    /* operation of a subject, object, and what that needs */
    ACT_KINDS
};

struct action {
    enum action_kind kind;
    bool swallow; /* what it fails with does not end the script */
    unsigned place, callback, amount, length;
    unsigned places[MAX_TARGETS], place_count;
    unsigned mode; /* what a wait is for: an aio_wait_until */
    bool limited;  /* a wait, an iteration: amount is its limit */
    unsigned subject, operation, object; /* valid in ACT_USE */
};

/* What a callback does when it is called. */
struct deed {
    enum {
        DEED_NONE,
        DEED_CANCEL, /* place */
        DEED_SET     /* place of a future, amount */
    } kind;
    unsigned place, amount;
};

struct random_program {
    uint64_t seed;
    unsigned subjects; /* a bit for each that it has */
    unsigned tasks; /* those that some script spawns, and the first */
    unsigned lengths[TASKS];
    struct action scripts[TASKS][MAX_ACTIONS];
    struct deed deeds[CALLBACKS];
};

/* The next of a sequence of random numbers (splitmix64). */
uint64_t random_next(uint64_t *state);

const char *action_name(const struct action *action);
/* Whether a run on a loop that others have used may differ from one on a new loop. */
bool random_program_draws_lots(const struct random_program *program);
void random_program_draw(struct random_program *program, uint64_t seed);
void random_program_print(const struct random_program *program, FILE *file);

#endif
