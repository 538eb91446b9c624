/*
 * Scopes: what a task has opened and must close, innermost first.
 *
 * The record lies in a pool, not in the frame of the function that opened it: if
 * that function returns without closing it, the record, with its timer, is still
 * sound, and whoever closes the scope around it, or ends the task, finds it.
 */
#ifndef AIO_TASK_SCOPE_H
#define AIO_TASK_SCOPE_H

#include "task/scheduler.h"

struct aio__scope {
    aio__timer timer; /* of its deadline */
    aio__task *task;
    const void *owner; /* the user's structure; only to compare with, for its frame may be gone */
    aio__scope *outer;
    int64_t when;   /* AIO_FOREVER: no deadline */
    int cancelling; /* the task's requests to be cancelled when it was opened */
    bool expired;   /* its deadline has come, and has cancelled the task */
};

/* Opens a scope of the running task, with a deadline; 0, -EPERM, -ENOMEM. */
int aio__scope_open(aio__scope **out_scope, const void *owner, int64_t when);
/* Sets its deadline anew. */
void aio__scope_arm(aio__scope *scope, int64_t when);
/* Closes the innermost scope of its task. */
void aio__scope_close(aio__scope *scope);

#endif
