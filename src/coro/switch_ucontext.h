/*
 * The context where there is no assembly for the processor: a pointer to a
 * ucontext_t, which lies on the stack of the context itself.
 *
 * Its type stays out of this header, for some systems give it another size
 * depending on what was defined before their headers were included.
 */
#ifndef AIO_CORO_SWITCH_UCONTEXT_H
#define AIO_CORO_SWITCH_UCONTEXT_H

typedef struct aio__context {
    void *place; /* a ucontext_t; valid while the context does not run */
} aio__context;

#endif
