/*
 * A scenario that runs: its things, its tasks, its trace.
 *
 * The shape is the reference's (reference.py): a driver task spawns `main`,
 * awaits it, counts and cancels what is left, in order of creation, and waits
 * for that.  Ops are functions of a step: the op, who does it, and where.
 */
#ifndef CONFORMANCE_SCENARIO_H
#define CONFORMANCE_SCENARIO_H

#include <aio/asyncio.h>

#include "conformance/parse.h"
#include "conformance/trace.h"

/* What a name stands for: a future or task, or whatever else was declared. */
struct thing {
    struct thing *next;
    const char *name;
    void *object;
    void (*destroy)(void *object); /* NULL: not this thing's to free */
};

/* The innermost block that other ops refer to. */
struct scope {
    aio_timeout *timeout;
    aio_group *group;
};

struct scenario {
    const struct program *program;
    struct trace *trace;
    aio_loop *loop;
    struct thing *things;
    aio_task **tasks; /* all there were, in order of creation; the scenario has a share in each */
    size_t task_count;
    struct arena arena;
    bool deadlock; /* nothing could ever wake it: nor, it may be, its tasks' clean-up */
    bool conditions; /* there are some: who waits on one may have to be abandoned */
    bool over; /* what happens from now on is not part of the trace, and ends soon */
};

/* One op on its way. */
struct step {
    struct scenario *scenario;
    const struct op *op;
    const char *who;
    struct scope *scope;          /* NULL outside of all blocks that are one */
    const char *words[MAX_WORDS]; /* op->words, but for names that no task bears yet */
    size_t word_count;
    void *object;     /* what the first word names; NULL if nothing */
    const char *text; /* what to print instead of `ok` or a number; NULL */
};

/* Runs a program and prints its trace; 0, or what the library failed with. */
int scenario_run(const struct program *program, struct trace *trace);

void scenario_log(struct scenario *scenario, const char *who, const char *what, const char *result);
/* Names an object, which a later one of that name replaces. */
void scenario_name(struct scenario *scenario, const char *name, void *object,
                   void (*destroy)(void *object));
void *scenario_find(const struct scenario *scenario, const char *name);
/* Starts a task on a coroutine; 0, or a failure. */
int scenario_spawn(struct scenario *scenario, const char *name, const char *coroutine, bool eager);
/* The same, as a child of a group. */
int scenario_spawn_in(struct scenario *scenario, aio_group *group, const char *name,
                      const char *coroutine);
/* Adds a task that was started for scenario_task_body(), with a share in it. */
void scenario_add_task(struct scenario *scenario, const char *name, aio_task *task);

/* Runs the ops of a body: the value of its first `return`, or 0; or what failed. */
int scenario_body(struct scenario *scenario, const char *who, const struct body *body,
                  struct scope *scope);
/* The body of the block that a step is. */
int step_block(struct step *step, struct scope *scope);
/* A word as a number; 0 if it is not there. */
long long step_number(const struct step *step, size_t word);

#endif
