/*
 * The timers' heap, against a model: a sorted array.
 */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"
#include "support/faults.h"
#include "support/test.h"

#define TIMERS 512
#define STEPS 1000000

/* What the heap should hold, in order. */
struct model {
    aio__timer *sorted[TIMERS];
    size_t count;
};

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % limit;
}

static void model_insert(struct model *model, aio__timer *timer)
{
    size_t i = model->count++;
    for (; i > 0 && model->sorted[i - 1]->when > timer->when; i--)
        model->sorted[i] = model->sorted[i - 1];
    model->sorted[i] = timer;
}

static void model_remove(struct model *model, aio__timer *timer)
{
    size_t i = 0;
    while (model->sorted[i] != timer)
        i++;
    model->count--;
    memmove(&model->sorted[i], &model->sorted[i + 1],
            (model->count - i) * sizeof model->sorted[0]);
}

static bool reserve(aio__heap *heap, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!check_int(aio__heap_reserve(heap), 0))
            return false;
    return true;
}

/* Puts a timer in that is out, takes one out that is in. */
static void toggle(aio__heap *heap, struct model *model, aio__timer *timer)
{
    if (aio__timer_inserted(timer)) {
        aio__heap_remove(heap, timer);
        model_remove(model, timer);
    } else {
        timer->when = (int64_t)random_below(64);
        aio__heap_insert(heap, timer);
        model_insert(model, timer);
    }
}

static void pop(aio__heap *heap, struct model *model)
{
    aio__timer *first = heap->entries[0].timer;
    aio__heap_remove(heap, first);
    model_remove(model, first);
}

/* One random step; whether the heap and the model still agree about the first. */
static bool step(aio__heap *heap, struct model *model, aio__timer *timers)
{
    if (heap->count != 0 && random_below(4) == 0)
        pop(heap, model);
    else
        toggle(heap, model, &timers[random_below(TIMERS)]);
    return heap->count == model->count &&
           (heap->count == 0 || heap->entries[0].timer == model->sorted[0]);
}

TEST(heap_agrees_with_a_sorted_array_after_each_of_a_million_steps)
{
    static aio__timer timers[TIMERS];
    struct model model = {.count = 0};
    aio__heap heap;
    aio__heap_init(&heap);
    if (reserve(&heap, TIMERS)) {
        int steps = 0, wanted = (int)test_scale(STEPS);
        while (steps < wanted && step(&heap, &model, timers))
            steps++;
        check_int(steps, wanted);
    }
    aio__heap_fini(&heap);
}

TEST(equal_times_leave_in_the_order_in_which_they_came)
{
    aio__timer timers[100];
    aio__heap heap;
    memset(timers, 0, sizeof timers);
    aio__heap_init(&heap);
    if (reserve(&heap, AIO__COUNT(timers))) {
        for (size_t i = 0; i < AIO__COUNT(timers); i++) {
            timers[i].when = 7;
            aio__heap_insert(&heap, &timers[i]);
        }
        for (size_t i = 0; i < AIO__COUNT(timers); i++) {
            check(heap.entries[0].timer == &timers[i]);
            aio__heap_remove(&heap, heap.entries[0].timer);
        }
    }
    aio__heap_fini(&heap);
}

TEST(timer_that_is_put_in_again_goes_behind_its_equals)
{
    aio__timer a = {.when = 5}, b = {.when = 5};
    aio__heap heap;
    aio__heap_init(&heap);
    if (reserve(&heap, 2)) {
        aio__heap_insert(&heap, &a);
        aio__heap_insert(&heap, &b);
        aio__heap_remove(&heap, &a);
        aio__heap_insert(&heap, &a);
        check(heap.entries[0].timer == &b);
    }
    aio__heap_fini(&heap);
}

TEST(extreme_times_are_in_order)
{
    aio__timer never = {.when = INT64_MAX}, past = {.when = INT64_MIN}, now = {.when = 0};
    aio__heap heap;
    aio__heap_init(&heap);
    if (reserve(&heap, 3)) {
        aio__heap_insert(&heap, &never);
        aio__heap_insert(&heap, &past);
        aio__heap_insert(&heap, &now);
        check_int(aio__heap_first(&heap), INT64_MIN);
        aio__heap_remove(&heap, &past);
        check_int(aio__heap_first(&heap), 0);
        aio__heap_remove(&heap, &now);
        check_int(aio__heap_first(&heap), INT64_MAX);
        check_int(heap.count, 1);
    }
    aio__heap_fini(&heap);
}

TEST(empty_heap_is_due_never)
{
    aio__heap heap;
    aio__heap_init(&heap);
    check_int(aio__heap_first(&heap), INT64_MAX);
    aio__heap_fini(&heap);
}

TEST(timer_knows_whether_it_is_in)
{
    aio__timer timer = {.when = 1};
    aio__heap heap;
    aio__heap_init(&heap);
    check(!aio__timer_inserted(&timer));
    if (reserve(&heap, 1)) {
        aio__heap_insert(&heap, &timer);
        check(aio__timer_inserted(&timer));
        aio__heap_remove(&heap, &timer);
        check(!aio__timer_inserted(&timer));
    }
    aio__heap_fini(&heap);
}

TEST(reservation_that_fails_leaves_the_heap_as_it_was)
{
    aio__timer timer = {.when = 3};
    aio__heap heap;
    aio__heap_init(&heap);
    if (reserve(&heap, 16)) {
        aio__heap_insert(&heap, &timer);
        faults_fail("realloc", 1, ENOMEM, FAULTS_ONCE);
        check_int(aio__heap_reserve(&heap), -ENOMEM);
        check_int(heap.reserved, 16);
        check(heap.entries[0].timer == &timer);
        check_int(aio__heap_reserve(&heap), 0);
        check_int(aio__heap_first(&heap), 3);
    }
    aio__heap_fini(&heap);
}

TEST(place_that_was_given_back_is_used_again)
{
    aio__heap heap;
    aio__heap_init(&heap);
    if (reserve(&heap, 16)) {
        unsigned long before = faults_count("realloc");
        for (int i = 0; i < 100; i++) {
            aio__heap_unreserve(&heap);
            check_int(aio__heap_reserve(&heap), 0);
        }
        check_int(faults_count("realloc"), before);
    }
    aio__heap_fini(&heap);
}

TEST(heap_too_large_for_memory_is_refused)
{
    aio__heap heap;
    aio__heap_init(&heap);
    heap.reserved = heap.capacity = SIZE_MAX / 8;
    check_int(aio__heap_reserve(&heap), -ENOMEM);
    check_int(faults_count("realloc"), 0);
    aio__heap_fini(&heap);
}
