/*
 * Coroutines: a stack, a context, and what the checking tools must know of them.
 *
 * Control is passed from one to another, symmetrically; a thread's own stack is
 * one of them (aio__coro_adopt).  This layer knows neither loops nor tasks.
 */
#ifndef AIO_CORO_CORO_H
#define AIO_CORO_CORO_H

#include <stddef.h>

#include "coro/annotate.h"
#include "coro/stack.h"
#include "coro/switch.h"

typedef struct aio__coro {
    aio__context context; /* valid while it does not run */
    aio__stack stack;     /* base NULL: a thread's own */
    void *exceptions[2];  /* C++: this stack's caught and uncaught exceptions (__cxa_get_globals) */
    aio__annotation annotation;
} aio__coro;

/*
 * Makes a coroutine of the stack that this runs on, to switch back to.  Looks for the C++ runtime,
 * too: one that is loaded later is not seen.
 */
void aio__coro_adopt(aio__coro *coro);
/* Undoes that; the coroutine runs again. */
void aio__coro_disown(aio__coro *coro);

/*
 * Makes a coroutine that calls entry(arg) when it is first switched to; entry ends with
 * aio__coro_exit().  Returns 0, or -ENOMEM.
 */
int aio__coro_create(aio__coro *coro, aio__stack_pool *pool, size_t stack_size,
                     void (*entry)(void *arg), void *arg);
/*
 * The same with room for `size` bytes at the top of its stack, 16-byte aligned, in *out_room, for
 * the arguments it starts with.  -ENOMEM too if they would leave less than half of the stack.
 */
int aio__coro_create_with(aio__coro *coro, aio__stack_pool *pool, size_t stack_size, size_t size,
                          void (*entry)(void *arg), void *arg, void **out_room);

/*
 * Goes on in `to`; returns when somebody switches back.  `from` is the one that runs.  Who calls it
 * often does so from one place, or the processor predicts wrongly where it returns to.
 */
void aio__coro_switch(aio__coro *from, aio__coro *to);

/*
 * The last switch: `from` ends, its stack goes back to the pool, `to` goes on.  The structure must
 * stay until it does.
 */
_Noreturn void aio__coro_exit(aio__coro *from, aio__stack_pool *pool, aio__coro *to);

/* Gives back the stack of one that has not begun, or won't go on. */
void aio__coro_destroy(aio__coro *coro, aio__stack_pool *pool);

#endif
