/*
 * Coroutines.
 *
 * aio__coro_switch() holds the one call of aio__context_switch() that there is,
 * so that the `ret` in it is predicted: everything that changes stacks goes
 * through there, the last switch of a coroutine too.
 *
 * At the top of a stack lies the room for its arguments, below that what the
 * first frame needs to know, below that the first frame.
 */
#include "coro/coro.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

#define ALIGNMENT 16

/* What a coroutine begins with. */
struct start {
    void (*entry)(void *arg);
    void *arg;
    aio__coro *coro;
};

/* Where the C++ runtime keeps this thread's exceptions; NULL: there is no such runtime. */
static AIO__THREAD_LOCAL void *exception_globals;

void aio__coro_adopt(aio__coro *coro)
{
    memset(coro, 0, sizeof *coro);
    exception_globals = aio__exception_globals();
    aio__annotate_adopt(&coro->annotation);
}

void aio__coro_disown(aio__coro *coro)
{
    memset(coro, 0, sizeof *coro);
}

/* The first thing that runs on a new stack. */
static void begin(void *arg)
{
    struct start *start = arg;
    aio__annotate_arrive(&start->coro->annotation);
    start->entry(start->arg);
}

int aio__coro_create_with(aio__coro *coro, aio__stack_pool *pool, size_t stack_size, size_t size,
                          void (*entry)(void *arg), void *arg, void **out_room)
{
    int rc = aio__stack_get(pool, stack_size, &coro->stack);
    if (rc < 0)
        return rc;
    char *top = coro->stack.top;
    if (size > (size_t)(top - coro->stack.base) / 2) {
        aio__stack_put(pool, &coro->stack);
        return -ENOMEM;
    }
    top -= aio__round_up(size, ALIGNMENT);
    *out_room = top;
    top -= aio__round_up(sizeof(struct start), ALIGNMENT);
    struct start *start = (void *)top;
    *start = (struct start){.entry = entry, .arg = arg, .coro = coro};
    aio__context_make(&coro->context, top, begin, start);
    coro->exceptions[0] = coro->exceptions[1] = NULL;
    aio__annotate_create(&coro->annotation, coro->stack.base, coro->stack.size);
    return 0;
}

int aio__coro_create(aio__coro *coro, aio__stack_pool *pool, size_t stack_size,
                     void (*entry)(void *arg), void *arg)
{
    void *room;
    return aio__coro_create_with(coro, pool, stack_size, 0, entry, arg, &room);
}

/* Each stack has its own exceptions: one thrown here is not caught there. */
static void exchange_exceptions(aio__coro *from, const aio__coro *to)
{
    memcpy(from->exceptions, exception_globals, sizeof from->exceptions);
    memcpy(exception_globals, to->exceptions, sizeof to->exceptions);
}

AIO__NOINLINE void aio__coro_switch(aio__coro *from, aio__coro *to)
{
    if (AIO__UNLIKELY(exception_globals != NULL))
        exchange_exceptions(from, to);
    aio__annotate_leave(&from->annotation, &to->annotation);
    aio__context_switch(&from->context, &to->context);
    aio__annotate_arrive(&from->annotation);
}

_Noreturn void aio__coro_exit(aio__coro *from, aio__stack_pool *pool, aio__coro *to)
{
    from->annotation.ending = true;
    aio__stack_put(pool, &from->stack);
    for (;;)
        aio__coro_switch(from, to);
}

void aio__coro_destroy(aio__coro *coro, aio__stack_pool *pool)
{
    aio__annotate_destroy(&coro->annotation);
    aio__stack_put(pool, &coro->stack);
}
