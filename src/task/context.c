/*
 * Context variables: which set of values is current, and changing it.
 *
 * loop->context is that of the task or callback that runs.  A context of one's own
 * is entered by exchanging what is in the two; in a task that is a scope, so that
 * it is left wherever the task ends.
 */
#include <aio/context.h>

#include <errno.h>

#include "base/sys.h"
#include "task/scope.h"

struct aio_context {
    aio__scope scope; /* while a task has entered it */
    aio__variables variables; /* while it is entered: those that were current before */
    aio__variables *entered;  /* with which it has exchanged them; NULL: nothing runs in it */
    bool freed;               /* ... meanwhile */
};

/* Those that are current; NULL where no loop runs. */
static aio__variables *current(void)
{
    return aio__loop_running != NULL ? aio__loop_running->context : NULL;
}

/* ---- variables ------------------------------------------------------------------------------ */

void *aio_context_var_get(const aio_context_var *var)
{
    const aio__variables *variables = current();
    if (var == NULL)
        return NULL;
    const aio__value *value = variables != NULL ? aio__variables_find(variables, var) : NULL;
    return value != NULL ? value->value : var->fallback;
}

int aio_context_var_set(const aio_context_var *var, void *value, aio_context_token *out_token)
{
    aio__variables *variables = current();
    if (var == NULL)
        return -EINVAL;
    if (variables == NULL)
        return -EPERM;
    aio__value *made = aio__value_new(var, value, var->destroy);
    if (made == NULL)
        return -ENOMEM;
    aio__value *old = aio__variables_find(variables, var);
    aio_context_token token = {.var = var, .context = aio__variables_number(variables)};
    if (out_token != NULL && old != NULL)
        token.old = aio__variable_tree_retain(&old->tree);
    int rc = aio__variables_set(variables, var, made);
    if (rc < 0) {
        aio__variable_tree_release(token.old);
        aio__sys_free(made); /* the value stays the caller's */
        return rc;
    }
    if (out_token != NULL)
        *out_token = token;
    return 0;
}

int aio_context_var_reset(const aio_context_var *var, aio_context_token *token)
{
    aio__variables *variables = current();
    if (var == NULL || token == NULL || token->var != var)
        return -EINVAL;
    if (variables == NULL)
        return -EPERM;
    if (variables->number != token->context)
        return -EINVAL;
    aio__value *old = (aio__value *)(void *)token->old;
    int rc = aio__variables_set(variables, var, old);
    if (rc == 0)
        *token = (aio_context_token)AIO_CONTEXT_TOKEN_INIT;
    return rc;
}

void aio_context_token_release(aio_context_token *token)
{
    if (token == NULL)
        return;
    aio__variable_tree *old = token->old;
    *token = (aio_context_token)AIO_CONTEXT_TOKEN_INIT;
    aio__variable_tree_release(old);
}

/* ---- contexts ------------------------------------------------------------------------------- */

aio_context *aio_context_new(void)
{
    aio_context *context = aio__sys_calloc(1, sizeof *context);
    if (context == NULL)
        errno = ENOMEM;
    return context;
}

aio_context *aio_context_copy(void)
{
    const aio__variables *variables = current();
    aio_context *context = aio_context_new();
    if (context != NULL && variables != NULL)
        context->variables.root = aio__variable_tree_retain(variables->root);
    return context;
}

void aio_context_free(aio_context *context)
{
    if (context == NULL)
        return;
    context->freed = true;
    if (context->entered != NULL)
        return;
    aio__variables_drop(&context->variables);
    aio__sys_free(context);
}

static void exchange(aio__variables *a, aio__variables *b)
{
    aio__variables c = *a;
    *a = *b;
    *b = c;
}

static void leave(aio_context *context)
{
    exchange(context->entered, &context->variables);
    context->entered = NULL;
    if (context->freed)
        aio_context_free(context);
}

static void leave_scope(aio__scope *scope)
{
    aio__scope_shut(scope);
    leave(aio__container(scope, aio_context, scope));
}

static const aio__scope_kind CONTEXT = {"a context was entered and never left", leave_scope,
                                        leave_scope};

int aio_context_run(aio_context *context, aio_function function, void *arg)
{
    aio__variables *variables = current();
    if (context == NULL)
        return -ENOMEM;
    if (function == NULL)
        return -EINVAL;
    if (variables == NULL)
        return -EPERM;
    if (context->entered != NULL)
        return -EBUSY;
    aio__task *task = aio__scope_task();
    exchange(variables, &context->variables);
    context->entered = variables;
    if (task == NULL) {
        int rc = function(arg);
        leave(context);
        return rc;
    }
    aio__scope_open(&context->scope, &CONTEXT, task, context);
    int rc = function(arg);
    /* The function may have ended a scope around this one, and so this one with it. */
    if (aio__scope_own(&context->scope, context) != NULL) {
        aio__scopes_close(task, &context->scope);
        leave_scope(&context->scope);
    }
    return rc;
}
