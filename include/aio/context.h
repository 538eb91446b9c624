/*
 * aio/context.h: variables that each task has a value of its own of, Python's
 * contextvars.
 *
 *     static aio_context_var user = AIO_CONTEXT_VAR_INIT("nobody", free);
 *
 *     int rc = aio_context_var_set(&user, strdup("alice"), NULL);
 *     ... in a task that this one has started, and in what it calls ...
 *     puts(aio_context_var_get(&user));        // alice
 *
 * The values that are set make up a context.  Each task has one: when it is started
 * a copy of that of whoever started it, which takes the same time however many
 * values there are.  What either of them sets later the other does not see.
 * A callback has a copy of that of whoever queued it; one that is called again and
 * again, a reader's or a signal's, keeps what it has set.  A generator's body has
 * its consumer's.  The runs of a runner share one.
 *
 * Thread-safety: a variable may be used on any thread; contexts belong to the
 * thread of their loop.  Outside of any loop there is none.
 */
#ifndef AIO_CONTEXT_H
#define AIO_CONTEXT_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- variables ------------------------------------------------------------------------------- */

/*
 * A variable; its address is what tells it from others, so it must stay where it is as long as any
 * loop lives that has used it.  Zero-initialised is valid.
 */
typedef struct aio_context_var {
    void *fallback;               /* its value where it is not set */
    void (*destroy)(void *value); /* NULL; or called with each value that was set, when no context
                                     and no token has it any more.  Must not suspend. */
} aio_context_var;

#define AIO_CONTEXT_VAR_INIT(fallback, destroy) {(fallback), (destroy)}

/* What a variable was before it was set.  Zero-initialised is valid: of nothing. */
typedef struct aio_context_token {
    const aio_context_var *var;      /* private; NULL once it was used */
    struct aio__variable_tree *old;  /* private; NULL: it was not set */
    uint64_t context;                /* private */
} aio_context_token;

#define AIO_CONTEXT_TOKEN_INIT {0, 0, 0}

/* Its value in the context that is current; where it is not set, its fallback.  NULL for NULL. */
AIO_API void *aio_context_var_get(const aio_context_var *var);

/*
 * Sets it in the context that is current.  With `out_token` not NULL, aio_context_var_reset() can
 * undo that.
 *
 * Returns    0; -EPERM where no loop runs; -ENOMEM; -EINVAL for no variable.
 * Suspends   never.
 * Owns       where it returns 0, takes value: the variable's destroy is called with it in the end;
 *            and gives the caller the token, release with aio_context_var_reset() or
 *            aio_context_token_release().
 */
AIO_API int aio_context_var_set(const aio_context_var *var, void *value,
                                aio_context_token *out_token);

/*
 * Makes it what it was before the set that gave the token, or not set.
 *
 * Returns    0; -EINVAL if the token is of another variable or another context, or was used;
 *            -EPERM where no loop runs; -ENOMEM, and then the token can be used again.
 * Suspends   never.
 * Owns       where it returns 0, takes what the token has.
 */
AIO_API int aio_context_var_reset(const aio_context_var *var, aio_context_token *token);

/* Gives back what a token has, without a reset.  NULL, and one that was used, are ignored. */
AIO_API void aio_context_token_release(aio_context_token *token);

/* ---- contexts -------------------------------------------------------------------------------- */

typedef struct aio_context aio_context;

/*
 * Makes an empty context; a copy of the one that is current (contextvars.copy_context), empty where
 * no loop runs.
 *
 * Returns    the context; NULL with errno ENOMEM.
 * Suspends   never.
 * Owns       gives the caller the context, release with aio_context_free().
 */
AIO_API aio_context *aio_context_new(void) AIO_MUST_USE;
AIO_API aio_context *aio_context_copy(void) AIO_MUST_USE;
/* Frees it; NULL is ignored.  One that something runs in goes when that returns. */
AIO_API void aio_context_free(aio_context *context);

/*
 * Runs function(arg), here and now, in that context: what it sets stays there (Context.run).
 *
 * Returns    its result; -EBUSY if something runs in the context already; -EPERM where no loop
 *            runs; -EINVAL for no function; -ENOMEM for no context.
 * Suspends   as the function does; a generator's body can't yield in it.
 * Owns       borrows context for the call.
 */
AIO_API int aio_context_run(aio_context *context, aio_function function, void *arg);

#ifdef __cplusplus
}
#endif

#endif
