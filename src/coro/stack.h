/*
 * Stacks: mapped in slabs, each with a guard below it, kept for reuse.
 *
 * Where the kernel has MADV_GUARD_INSTALL (Linux 6.13), guards cost no mapping of
 * their own, and a million guarded stacks are one mapping; elsewhere mprotect()
 * makes them, and past vm.max_map_count (about 32,700 stacks) there are no more:
 * -ENOMEM.  Which of the two works is found out once, by behaviour, since
 * qemu-user says yes to the first and does nothing; and a stack whose guard
 * fails by the one (mlockall() makes that EINVAL) gets it by the other.
 *
 * The environment's AIO_GUARD forces one: `install`, unprobed; `mprotect`; `none`,
 * for tools that can't live with guards.
 *
 * Stacks lie an odd number of pages apart, and their tops are coloured, or the
 * tops of thousands of them would share a few lines of the cache (measured: a
 * yield at 10,000 tasks 11-17 ns so, 63 otherwise).
 */
#ifndef AIO_CORO_STACK_H
#define AIO_CORO_STACK_H

#include <stdbool.h>
#include <stddef.h>

#define AIO__STACK_MINIMUM ((size_t)16384)

/* A stack in use.  Its guard ends where `base` begins. */
typedef struct aio__stack {
    char *base;  /* the lowest usable byte; NULL: none (a thread's own stack) */
    char *top;   /* where the first frame begins: coloured, 16-byte aligned, <= base + size */
    size_t size; /* usable bytes from base, the colour's too */
    struct aio__cell *cell; /* its place in a slab */
} aio__stack;

typedef struct aio__stack_pool aio__stack_pool;

/* A pool whose stacks have guards of `guard_size` bytes or a page more; NULL without memory. */
aio__stack_pool *aio__stack_pool_open(size_t guard_size);
/* Unmaps everything.  All stacks have come back. */
void aio__stack_pool_close(aio__stack_pool *pool);

/*
 * A stack of at least `size` bytes, rounded up to pages and to an eighth of a power of two;
 * AIO__STACK_MINIMUM at least, and up to 2 KiB of it is its colour.  0, or -ENOMEM.
 */
int aio__stack_get(aio__stack_pool *pool, size_t size, aio__stack *out_stack);
/*
 * Gives a stack back.  It may be the one that this very call runs on: until the
 * next aio__stack_get() its pages are left alone, so the caller has time for its
 * last switch.
 */
void aio__stack_put(aio__stack_pool *pool, aio__stack *stack);

/*
 * Gives memory back to the system, for a loop with nothing to do.  Of the free stacks of each size
 * the most recently used `keep` keep their upper pages, and those of the others all go.
 */
void aio__stack_pool_trim(aio__stack_pool *pool, size_t keep);
/* How many stacks are free and have been used since they were last trimmed. */
size_t aio__stack_pool_idle(const aio__stack_pool *pool);

/* How large a stack for signal handlers ought to be: this processor's registers may need much. */
size_t aio__stack_signal_size(void);

#endif
