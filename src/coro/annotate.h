/*
 * What others must know of stacks and switches: AddressSanitizer,
 * LeakSanitizer, ThreadSanitizer, valgrind, and the C++ runtime.
 *
 * A switch is bracketed by leave (on the old stack) and arrive (on the new one).
 * ASan learns where the stack lies that goes on; the bounds of a thread's own it
 * tells us at the first switch away from it.  For TSan each coroutine is a fiber
 * of its own, which ends after the last switch away, on the stack that goes on:
 * its runtime crashes if a fiber is used twice.  LSan takes a stack in use for a
 * place where pointers are found; not the slab, for it would step on the guards.
 * valgrind is told of each stack once.
 *
 * Nothing of this is left in a plain build but a few no-operations where
 * valgrind's header was there, and four bytes of a coroutine.
 */
#ifndef AIO_CORO_ANNOTATE_H
#define AIO_CORO_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"

#if defined(AIO__VALGRIND)
#include <valgrind/valgrind.h>
#endif

#if defined(__APPLE__)
#include <dlfcn.h>
#endif

#if defined(AIO__ASAN)
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size);
void __lsan_register_root_region(const void *at, size_t size);
void __lsan_unregister_root_region(const void *at, size_t size);
#endif

#if defined(AIO__TSAN)
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

typedef struct aio__annotation aio__annotation;
struct aio__annotation {
    bool ending; /* its next switch is its last */
#if defined(AIO__ASAN)
    void *fake_stack;   /* ASan's, while it does not run */
    const void *bottom; /* NULL: a thread's own that was never left */
    size_t size;
    aio__annotation *from; /* who switched here last; NULL if that has ended */
#endif
#if defined(AIO__TSAN)
    void *fiber;
    void *ended; /* the fiber that ended with the switch to here; or NULL */
#endif
};

/* The stack of this thread, on which this runs. */
static inline void aio__annotate_adopt(aio__annotation *own)
{
    *own = (aio__annotation){.ending = false};
#if defined(AIO__TSAN)
    own->fiber = __tsan_get_current_fiber();
#endif
}

/* A new coroutine. */
static inline void aio__annotate_create(aio__annotation *own, const void *bottom, size_t size)
{
    *own = (aio__annotation){.ending = false};
    (void)bottom, (void)size;
#if defined(AIO__ASAN)
    own->bottom = bottom;
    own->size = size;
#endif
#if defined(AIO__TSAN)
    own->fiber = __tsan_create_fiber(0);
#endif
}

/* One that has not begun, or won't go on. */
static inline void aio__annotate_destroy(aio__annotation *own)
{
    (void)own;
#if defined(AIO__TSAN)
    __tsan_destroy_fiber(own->fiber);
#endif
}

/* Just before the switch.  Where `from` ends, it may be gone when `to` arrives. */
static inline void aio__annotate_leave(aio__annotation *from, aio__annotation *to)
{
    (void)from, (void)to;
#if defined(AIO__ASAN)
    to->from = from->ending ? NULL : from;
    __sanitizer_start_switch_fiber(from->ending ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if defined(AIO__TSAN)
    to->ended = from->ending ? from->fiber : NULL;
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* The first thing after a switch, also in one that begins. */
static inline void aio__annotate_arrive(aio__annotation *own)
{
    (void)own;
#if defined(AIO__ASAN)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(own->fake_stack, &bottom, &size);
    if (own->from != NULL && own->from->bottom == NULL) {
        own->from->bottom = bottom;
        own->from->size = size;
    }
#endif
#if defined(AIO__TSAN)
    if (own->ended != NULL)
        __tsan_destroy_fiber(own->ended);
    own->ended = NULL;
#endif
}

/* A stack is new; returns what names it at aio__annotate_unmap(). */
static inline unsigned aio__annotate_map(char *base, size_t size)
{
    (void)base, (void)size;
#if defined(AIO__VALGRIND)
    return VALGRIND_STACK_REGISTER(base, base + size);
#else
    return 0;
#endif
}

/* It is about to be unmapped. */
static inline void aio__annotate_unmap(unsigned id, char *base, size_t size)
{
    (void)id;
#if defined(AIO__VALGRIND)
    VALGRIND_STACK_DEREGISTER(id);
#endif
    aio__memory_allow(base, size);
}

/* A stack comes into use, and out of it. */
static inline void aio__annotate_get(char *base, size_t size)
{
    aio__memory_allow(base, size);
#if defined(AIO__ASAN)
    __lsan_register_root_region(base, size);
#endif
}

static inline void aio__annotate_put(char *base, size_t size)
{
    (void)base, (void)size;
#if defined(AIO__ASAN)
    __lsan_unregister_root_region(base, size);
#endif
}

/*
 * The C++ runtime's record of this thread's exceptions in flight, two words; NULL in a program
 * without C++.
 */
#if defined(__APPLE__)
/* A weak reference to what no library on the command line defines does not link there. */
static inline void *aio__exception_globals(void)
{
    void *(*get)(void);
    *(void **)(void *)&get = dlsym(RTLD_DEFAULT, "__cxa_get_globals");
    return get != NULL ? get() : NULL;
}
#else
void *__cxa_get_globals(void) __attribute__((weak));
static inline void *aio__exception_globals(void)
{
    return __cxa_get_globals != NULL ? __cxa_get_globals() : NULL;
}
#endif

#endif
