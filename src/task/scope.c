/*
 * A task's scopes: a list from the innermost to the outermost.
 */
#include "task/scope.h"

#include <errno.h>

aio__task *aio__scope_task(void)
{
    aio__task *task = aio__task_running();
    /* One that has ended still runs, in what its release calls. */
    return task != NULL && !task->future.done ? task : NULL;
}

void *aio__scope_record(aio__pool **pool, size_t size)
{
    if (AIO__UNLIKELY(*pool == NULL))
        *pool = aio__pool_open(size);
    return *pool != NULL ? aio__pool_get(*pool) : NULL;
}

void aio__scope_open(aio__scope *scope, const aio__scope_kind *kind, aio__task *task,
                     const void *owner)
{
    *scope = (aio__scope){.kind = kind, .task = task, .owner = owner, .outer = task->scopes,
                           .generator = task->generator};
    task->scopes = scope;
}

void aio__scope_shut(aio__scope *scope)
{
    scope->task->scopes = scope->outer;
}

aio__scope *aio__scope_own(const aio__scope *scope, const void *owner)
{
    aio__task *task = aio__task_running();
    if (scope == NULL || task == NULL)
        return NULL;
    for (aio__scope *open = task->scopes; open != NULL; open = open->outer)
        if (open == scope && open->owner == owner)
            return open;
    return NULL;
}

bool aio__scope_closable(const aio__scope *scope)
{
    return scope->generator == scope->task->generator;
}

aio__scope *aio__scope_of_generator(const aio__task *task, const struct aio_generator *generator)
{
    aio__scope *scope = task->scopes;
    return scope != NULL && scope->generator == generator ? scope : NULL;
}

static void close_left_open(aio__task *task)
{
    aio__scope *scope = task->scopes;
    const aio__scope_kind *kind = scope->kind;
    kind->close(scope);
    aio__loop_report(task->future.scheduler->loop, kind->left_open, aio_task_name(&task->future),
                     -EINVAL);
}

void aio__scopes_close(aio__task *task, const aio__scope *until)
{
    while (task->scopes != until)
        close_left_open(task);
}

void aio__scopes_close_generator(aio__task *task, const struct aio_generator *generator)
{
    while (aio__scope_of_generator(task, generator) != NULL)
        close_left_open(task);
}

void aio__scopes_drop(aio__task *task)
{
    while (task->scopes != NULL)
        task->scopes->kind->drop(task->scopes);
}
