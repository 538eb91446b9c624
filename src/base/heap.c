/*
 * A 4-ary heap in an array: the children of entry i are 4i + 1 ... 4i + 4.
 */
#include "base/heap.h"

#include <errno.h>

#include "base/sys.h"

#define ARITY 4
#define FIRST_CAPACITY 16

static bool before(const struct aio__heap_entry *a, const struct aio__heap_entry *b)
{
    return a->when != b->when ? a->when < b->when : a->sequence < b->sequence;
}

static void place(aio__heap *heap, size_t i, struct aio__heap_entry entry)
{
    heap->entries[i] = entry;
    entry.timer->index = i + 1;
}

/* Moves the hole at i towards the root until `entry` may fill it. */
static void sift_up(aio__heap *heap, size_t i, struct aio__heap_entry entry)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!before(&entry, &heap->entries[parent]))
            break;
        place(heap, i, heap->entries[parent]);
        i = parent;
    }
    place(heap, i, entry);
}

static size_t least_child(const aio__heap *heap, size_t first)
{
    size_t end = first + ARITY < heap->count ? first + ARITY : heap->count;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
        if (before(&heap->entries[child], &heap->entries[least]))
            least = child;
    return least;
}

/* Moves the hole at i towards the leaves until `entry` may fill it. */
static void sift_down(aio__heap *heap, size_t i, struct aio__heap_entry entry)
{
    for (size_t first; (first = i * ARITY + 1) < heap->count;) {
        size_t child = least_child(heap, first);
        if (!before(&heap->entries[child], &entry))
            break;
        place(heap, i, heap->entries[child]);
        i = child;
    }
    place(heap, i, entry);
}

void aio__heap_init(aio__heap *heap)
{
    *heap = (aio__heap){0};
}

void aio__heap_fini(aio__heap *heap)
{
    aio__sys_free(heap->entries);
    aio__heap_init(heap);
}

static int grow(aio__heap *heap)
{
    size_t capacity = heap->capacity != 0 ? heap->capacity * 2 : FIRST_CAPACITY;
    if (capacity > SIZE_MAX / sizeof *heap->entries)
        return -ENOMEM;
    void *entries = aio__sys_realloc(heap->entries, capacity * sizeof *heap->entries);
    if (entries == NULL)
        return -ENOMEM;
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

int aio__heap_reserve(aio__heap *heap)
{
    if (heap->reserved == heap->capacity) {
        int rc = grow(heap);
        if (rc < 0)
            return rc;
    }
    heap->reserved++;
    return 0;
}

void aio__heap_unreserve(aio__heap *heap)
{
    heap->reserved--;
}

void aio__heap_insert(aio__heap *heap, aio__timer *timer)
{
    struct aio__heap_entry entry = {timer->when, heap->sequence++, timer};
    sift_up(heap, heap->count++, entry);
}

void aio__heap_remove(aio__heap *heap, aio__timer *timer)
{
    size_t i = timer->index - 1;
    timer->index = 0;
    struct aio__heap_entry last = heap->entries[--heap->count];
    if (i == heap->count)
        return;
    if (i > 0 && before(&last, &heap->entries[(i - 1) / ARITY]))
        sift_up(heap, i, last);
    else
        sift_down(heap, i, last);
}
