/*
 * The pool of stacks.
 *
 * Each size is a class of its own, with slabs of many stacks: one mapping, cut
 * from its beginning as stacks are needed.  What the pool knows of a stack, its
 * cell, lies in the slab's record and not in the stack, whose pages a free stack
 * need not have.  Free cells are a list, last in, first out; since a stack is put
 * at its front, those that have been trimmed are at its end.
 *
 *     slab:   guard | stack 0 | guard | stack 1 | guard | ...
 */
#include "coro/stack.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"
#include "coro/annotate.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_STACK)
#define MAP_STACK 0
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Older headers lack the number; older kernels say EINVAL. */
#define ADVICE_GUARD_INSTALL 102

/* What makes the system take pages back: elsewhere than on Linux MADV_DONTNEED does not. */
#if defined(__linux__)
#define ADVICE_DISCARD MADV_DONTNEED
#elif defined(MADV_FREE)
#define ADVICE_DISCARD MADV_FREE
#else
#define ADVICE_DISCARD MADV_DONTNEED
#endif

#define SLAB_STACKS_FIRST 8
#define SLAB_STACKS 1024
#define SLAB_BYTES ((size_t)512 << 20)
#define COLOURS 16
#define COLOUR_BYTES 128
/* A stack of this much is the largest: sums of sizes can't overflow then. */
#define STACK_MAXIMUM (SIZE_MAX / 8)
/* What a free stack that is kept may keep. */
#define SHALLOW_BYTES ((size_t)8192)

enum guard { GUARD_UNKNOWN, GUARD_INSTALL, GUARD_MPROTECT, GUARD_NONE };
/* What a free stack may hold: anything; its upper pages; nothing. */
enum residue { USED, SHALLOW, TRIMMED };

struct aio__cell {
    struct aio__cell *next; /* in its class's free list, if it is free */
    struct size_class *class;
    char *base, *top;
    unsigned annotation;
    enum residue residue;
};

struct slab {
    struct slab *next;
    char *map;
    size_t count, cut; /* cells[0 ... cut - 1] are stacks */
    struct aio__cell cells[];
};

struct size_class {
    struct size_class *next;
    size_t size, stride;
    struct aio__cell *free;
    struct slab *slabs; /* only the first may have room */
    size_t slab_stacks; /* how many the next slab shall have */
};

struct aio__stack_pool {
    size_t page, guard_size;
    enum guard guard;
    struct size_class *classes;
    size_t idle;
    struct aio__cell *leaving; /* the last one put: maybe still stood on, so not yet forbidden */
};

static enum guard guard_wanted(void)
{
    const char *name = aio__environment("AIO_GUARD");
    if (name == NULL)
        return GUARD_UNKNOWN;
    if (strcmp(name, "none") == 0)
        return GUARD_NONE;
    if (strcmp(name, "mprotect") == 0)
        return GUARD_MPROTECT;
    return strcmp(name, "install") == 0 ? GUARD_INSTALL : GUARD_UNKNOWN;
}

aio__stack_pool *aio__stack_pool_open(size_t guard_size)
{
    aio__stack_pool *pool = aio__sys_calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->page = (size_t)sysconf(_SC_PAGESIZE);
    pool->guard_size = guard_size < STACK_MAXIMUM ? guard_size : STACK_MAXIMUM;
    pool->guard_size = aio__round_up(pool->guard_size, pool->page);
    pool->guard = pool->guard_size != 0 ? guard_wanted() : GUARD_NONE;
    return pool;
}

static void slab_free(struct slab *slab, const struct size_class *class)
{
    for (size_t i = slab->cut; i-- > 0;)
        aio__annotate_unmap(slab->cells[i].annotation, slab->cells[i].base, class->size);
    (void)aio__sys_munmap(slab->map, slab->count * class->stride);
    aio__sys_free(slab);
}

static void class_free(struct size_class *class)
{
    while (class->slabs != NULL) {
        struct slab *slab = class->slabs;
        class->slabs = slab->next;
        slab_free(slab, class);
    }
    aio__sys_free(class);
}

void aio__stack_pool_close(aio__stack_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->classes != NULL) {
        struct size_class *class = pool->classes;
        pool->classes = class->next;
        class_free(class);
    }
    aio__sys_free(pool);
}

/* ---- guards ---------------------------------------------------------------------------------- */

/* Whether the kernel won't read a page: the only proof that it is guarded.  1, 0, or -errno. */
static int unreadable(const char *page)
{
    int ends[2];
    ssize_t written;
    if (aio__pipe(ends) < 0)
        return -errno;
    do
        written = aio__sys_write(ends[1], page, 1);
    while (written < 0 && (errno == EINTR || errno == EAGAIN));
    int refused = written < 0 && errno == EFAULT;
    (void)aio__sys_close(ends[0]);
    (void)aio__sys_close(ends[1]);
    return refused;
}

/* GUARD_UNKNOWN if it can't be told now: without memory, or without a descriptor. */
static enum guard probe(size_t page)
{
    char *scratch = aio__sys_mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                  -1, 0);
    if (scratch == MAP_FAILED)
        return GUARD_UNKNOWN;
    int works = 0;
    if (aio__sys_madvise(scratch, page, ADVICE_GUARD_INSTALL) == 0)
        works = unreadable(scratch);
    (void)aio__sys_munmap(scratch, page);
    return works < 0 ? GUARD_UNKNOWN : works > 0 ? GUARD_INSTALL : GUARD_MPROTECT;
}

/* Makes the guard of a new stack: 0, or -ENOMEM. */
static int guard_make(aio__stack_pool *pool, char *at, size_t size)
{
    if (pool->guard == GUARD_UNKNOWN)
        pool->guard = probe(pool->page);
    if (pool->guard == GUARD_NONE)
        return 0;
    if (pool->guard == GUARD_INSTALL && aio__sys_madvise(at, size, ADVICE_GUARD_INSTALL) == 0)
        return 0;
    return aio__sys_mprotect(at, size, PROT_NONE) == 0 ? 0 : -ENOMEM;
}

/* ---- classes and slabs ----------------------------------------------------------------------- */

/* The size of the class that a size belongs to. */
static size_t class_size(const aio__stack_pool *pool, size_t size)
{
    size_t unit = pool->page;
    if (size < AIO__STACK_MINIMUM)
        size = AIO__STACK_MINIMUM;
    while (unit < size / 16)
        unit *= 2;
    return aio__round_up(size, unit);
}

/* The class of a size, made at its first stack; NULL without memory. */
static struct size_class *class_of(aio__stack_pool *pool, size_t size)
{
    size = class_size(pool, size);
    struct size_class **place = &pool->classes;
    while (*place != NULL && (*place)->size != size)
        place = &(*place)->next;
    if (*place != NULL)
        return *place;
    struct size_class *class = aio__sys_calloc(1, sizeof *class);
    if (class == NULL)
        return NULL;
    class->size = size;
    class->stride = (size + pool->guard_size) | pool->page;
    class->slab_stacks = SLAB_STACKS_FIRST;
    return *place = class;
}

/* Maps a slab of as many stacks as can be had, `count` at the most; NULL without memory. */
static struct slab *slab_new(const struct size_class *class, size_t count)
{
    struct slab *slab = aio__sys_calloc(1, sizeof *slab + count * sizeof slab->cells[0]);
    if (slab == NULL)
        return NULL;
    for (; count != 0; count /= 2) {
        slab->map = aio__sys_mmap(NULL, count * class->stride, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (slab->map != MAP_FAILED)
            break;
    }
    if (count == 0) {
        aio__sys_free(slab);
        return NULL;
    }
#if defined(MADV_NOHUGEPAGE)
    (void)aio__sys_madvise(slab->map, count * class->stride, MADV_NOHUGEPAGE);
#endif
    slab->count = count;
    return slab;
}

/* The slab that has room, or a new one; NULL without memory. */
static struct slab *slab_with_room(struct size_class *class)
{
    struct slab *slab = class->slabs;
    if (slab != NULL && slab->cut < slab->count)
        return slab;
    size_t most = SLAB_BYTES / class->stride;
    if (most > SLAB_STACKS)
        most = SLAB_STACKS;
    if (class->slab_stacks > most)
        class->slab_stacks = most > 0 ? most : 1;
    slab = slab_new(class, class->slab_stacks);
    if (slab == NULL)
        return NULL;
    class->slab_stacks *= 2;
    slab->next = class->slabs;
    return class->slabs = slab;
}

/* A stack that has never been one; NULL without memory. */
static struct aio__cell *cut(aio__stack_pool *pool, struct size_class *class)
{
    struct slab *slab = slab_with_room(class);
    if (slab == NULL)
        return NULL;
    char *guard = slab->map + slab->cut * class->stride;
    size_t guard_size = class->stride - class->size;
    if (guard_make(pool, guard, guard_size) < 0)
        return NULL;
    struct aio__cell *cell = &slab->cells[slab->cut];
    cell->class = class;
    cell->base = guard + guard_size;
    cell->top = cell->base + class->size - slab->cut % COLOURS * COLOUR_BYTES;
    cell->annotation = aio__annotate_map(cell->base, class->size);
    slab->cut++;
    return cell;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

/* Now that nobody stands on it any more, the stack that was put last may be forbidden. */
static void leave(aio__stack_pool *pool)
{
    if (pool->leaving != NULL)
        aio__memory_forbid(pool->leaving->base, pool->leaving->class->size);
    pool->leaving = NULL;
}

int aio__stack_get(aio__stack_pool *pool, size_t size, aio__stack *out_stack)
{
    struct size_class *class = size <= STACK_MAXIMUM ? class_of(pool, size) : NULL;
    if (class == NULL)
        return -ENOMEM;
    struct aio__cell *cell = class->free;
    if (cell != NULL) {
        class->free = cell->next;
        pool->idle -= cell->residue == USED;
    } else if ((cell = cut(pool, class)) == NULL) {
        return -ENOMEM;
    }
    leave(pool);
    aio__annotate_get(cell->base, class->size);
    *out_stack = (aio__stack){cell->base, cell->top, class->size, cell};
    return 0;
}

void aio__stack_put(aio__stack_pool *pool, aio__stack *stack)
{
    struct aio__cell *cell = stack->cell;
    leave(pool);
    aio__annotate_put(cell->base, cell->class->size);
    cell->residue = USED;
    cell->next = cell->class->free;
    cell->class->free = pool->leaving = cell;
    pool->idle++;
    stack->base = NULL;
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* Whether any page of these is in memory, as far as the system tells. */
static bool resident(const aio__stack_pool *pool, char *at, size_t size)
{
    unsigned char pages[256];
    while (size != 0) {
        size_t part = size / pool->page < sizeof pages ? size : sizeof pages * pool->page;
        if (aio__sys_mincore(at, part, (aio__residency)pages) < 0)
            return true;
        for (size_t i = 0; i < part / pool->page; i++) {
            if ((pages[i] & 1) != 0)
                return true;
        }
        at += part;
        size -= part;
    }
    return false;
}

/* Gives back what lies deeper in a free stack than its upper pages. */
static void trim_deep(const aio__stack_pool *pool, struct aio__cell *cell)
{
    size_t deep = cell->class->size - aio__round_up(SHALLOW_BYTES, pool->page);
    if (cell->residue == USED && resident(pool, cell->base, deep))
        (void)aio__sys_madvise(cell->base, deep, ADVICE_DISCARD);
    cell->residue = SHALLOW;
}

static void class_trim(const aio__stack_pool *pool, struct size_class *class, size_t keep)
{
    struct aio__cell *cell = class->free;
    for (; cell != NULL && keep > 0; cell = cell->next, keep--) {
        if (cell->residue == USED)
            trim_deep(pool, cell);
    }
    for (; cell != NULL && cell->residue != TRIMMED; cell = cell->next) {
        (void)aio__sys_madvise(cell->base, class->size, ADVICE_DISCARD);
        cell->residue = TRIMMED;
    }
}

void aio__stack_pool_trim(aio__stack_pool *pool, size_t keep)
{
    leave(pool);
    for (struct size_class *class = pool->classes; class != NULL; class = class->next)
        class_trim(pool, class, keep);
    pool->idle = 0;
}

size_t aio__stack_pool_idle(const aio__stack_pool *pool)
{
    return pool->idle;
}

size_t aio__stack_signal_size(void)
{
    size_t size = 65536;
#if defined(AT_MINSIGSTKSZ)
    size_t least = getauxval(AT_MINSIGSTKSZ);
    if (least > size / 4)
        size = least * 4;
#endif
    return size;
}
