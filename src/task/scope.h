/*
 * Scopes: what a task has opened and must close, innermost first.
 *
 * A scope is the first member of a record, a timeout's or a group's.  The record
 * lies in a pool, not in the frame of the function that opened it: if that
 * function returns without closing it, the record is still sound, and whoever
 * closes the scope around it, or ends the task, finds it.
 *
 * Only the task itself opens, closes and looks for its scopes.
 */
#ifndef AIO_TASK_SCOPE_H
#define AIO_TASK_SCOPE_H

#include "task/scheduler.h"

/* What a kind of scope is called, and how it goes. */
typedef struct aio__scope_kind {
    const char *left_open; /* the report's line on one that nobody closed */
    /* Closes one that was left open; called in its task, and may suspend. */
    void (*close)(aio__scope *scope);
    /* Gives its record back; of one whose task was abandoned in it. */
    void (*drop)(aio__scope *scope);
} aio__scope_kind;

struct aio__scope {
    const aio__scope_kind *kind;
    aio__task *task;
    const void *owner; /* the user's structure; only to compare with, for its frame may be gone */
    aio__scope *outer;
    const struct aio_generator *generator; /* whose body opened it; NULL: it was in none */
};

/* The running task, if it can open a scope; else NULL. */
aio__task *aio__scope_task(void);
/* A record from its pool, which is made with the first of them; NULL without memory. */
void *aio__scope_record(aio__pool **pool, size_t size);

/* Makes it the innermost scope of the task. */
void aio__scope_open(aio__scope *scope, const aio__scope_kind *kind, aio__task *task,
                     const void *owner);
/* Takes the innermost scope off its task. */
void aio__scope_shut(aio__scope *scope);
/*
 * The scope, if it is open, of the running task, and this owner's; else NULL.  The record of one
 * that was closed with the scope around it may be another's by now.
 */
aio__scope *aio__scope_own(const aio__scope *scope, const void *owner);
/* Whether it may be closed just here: not in a generator's body that runs inside it. */
bool aio__scope_closable(const aio__scope *scope);
/* The innermost scope that the body of a generator which the task is in has opened; or NULL. */
aio__scope *aio__scope_of_generator(const aio__task *task, const struct aio_generator *generator);
/* Closes those that it left open, and reports each. */
void aio__scopes_close_generator(aio__task *task, const struct aio_generator *generator);

#endif
