/*
 * The timers' heap: 4-ary, ordered by (time, order of insertion), with the keys
 * in the array and the way back in the timer.
 *
 * A comparison so reads the array alone, not the timers; measured with 1,000,000
 * of them: 25 ns to insert, 22 ns to remove (libuv's binary heap of pointers: 84
 * and 316).  Equal times leave in the order in which they came.
 *
 * Whoever will insert a timer reserves its place first, which is what can fail;
 * then inserting can't.  Invariant: count <= reserved <= capacity.
 */
#ifndef AIO_BASE_HEAP_H
#define AIO_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aio/loop.h>

typedef struct aio__timer aio__timer;

struct aio__heap_entry {
    int64_t when;
    uint64_t sequence;
    aio__timer *timer;
};

typedef struct aio__heap {
    struct aio__heap_entry *entries; /* entries[0 ... count - 1]; the least is the first */
    size_t count, reserved, capacity;
    uint64_t sequence; /* of the next insertion */
} aio__heap;

void aio__heap_init(aio__heap *heap);
void aio__heap_fini(aio__heap *heap);

/* One more place for sure; 0, or -ENOMEM. */
int aio__heap_reserve(aio__heap *heap);
/* Gives a reserved place back; its timer is not in the heap. */
void aio__heap_unreserve(aio__heap *heap);

/* Inserts a timer that is in no heap, by its `when`. */
void aio__heap_insert(aio__heap *heap, aio__timer *timer);
/* Takes a timer out that is in. */
void aio__heap_remove(aio__heap *heap, aio__timer *timer);

static inline bool aio__timer_inserted(const aio__timer *timer)
{
    return timer->index != 0;
}

/* When the first one is due; INT64_MAX if there is none. */
static inline int64_t aio__heap_first(const aio__heap *heap)
{
    return heap->count != 0 ? heap->entries[0].when : INT64_MAX;
}

#endif
