/*
 * The items of a queue: three orders, sizes and alignments, memory that comes and
 * goes.
 */
#include "sync/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/faults.h"
#include "support/ledger.h"
#include "support/test.h"

/* An item that the tests tell from its equals. */
struct job {
    int priority, number;
};

static int compare_jobs(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->priority > y->priority) - (x->priority < y->priority);
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static bool put(aio__items *items, int value)
{
    return check_int(aio__items_put(items, &value), 0);
}

static void take(aio__items *items, int expected)
{
    int value = -1;
    if (items->count > 0)
        aio__items_take(items, &value);
    check_int(value, expected);
}

/* ---- orders --------------------------------------------------------------------------------- */

TEST(first_in_comes_first_out)
{
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 0, NULL), 0);
    for (int i = 0; i < 100; i++)
        put(&items, i);
    for (int i = 0; i < 100; i++)
        take(&items, i);
    check_int(items.count, 0);
    aio__items_fini(&items);
}

TEST(a_ring_goes_round_and_grows_wherever_it_begins)
{
    for (int before = 0; before < 8; before++) {
        aio__items items;
        check_int(aio__items_init(&items, sizeof(int), 0, NULL), 0);
        for (int i = 0; i < 8; i++)
            put(&items, i);
        for (int i = 0; i < before; i++) {
            take(&items, i);
            put(&items, 8 + i);
        }
        check_int(items.capacity, 8);
        put(&items, 8 + before);
        check_int(items.capacity, 16);
        for (int i = before; i < 9 + before; i++)
            take(&items, i);
        aio__items_fini(&items);
    }
}

TEST(last_in_comes_first_out)
{
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 2, NULL), 0);
    items.last_first = true;
    for (int i = 0; i < 20; i++)
        put(&items, i);
    for (int i = 19; i >= 10; i--)
        take(&items, i);
    put(&items, 100);
    take(&items, 100);
    for (int i = 9; i >= 0; i--)
        take(&items, i);
    aio__items_fini(&items);
}

TEST(the_least_comes_out_first)
{
    static const int values[] = {5, 3, 9, -1, 7, 3, 0, 8, 2, 6}, sorted[] = {-1, 0, 2, 3, 3, 5};
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 0, compare_ints), 0);
    for (int i = 0; i < 10; i++)
        put(&items, values[i]);
    for (int i = 0; i < 6; i++)
        take(&items, sorted[i]);
    put(&items, 4);
    take(&items, 4);
    take(&items, 6);
    aio__items_fini(&items);
}

/* Of a thousand jobs of few priorities, in and out at random, each is the first of its priority. */
TEST(equal_ones_come_out_as_they_came_in)
{
    aio__items items;
    int in[5] = {0}, out[5] = {0}, total = 0;
    uint32_t random = 1;
    check_int(aio__items_init(&items, sizeof(struct job), 0, compare_jobs), 0);
    for (int turn = 0; turn < 5000; turn++) {
        random = random * 1664525 + 1013904223;
        int priority = (int)(random >> 16) % 5;
        if ((random >> 28) < 9) {
            struct job job = {priority, in[priority]};
            if (aio__items_put(&items, &job) == 0)
                in[priority]++;
        } else if (items.count > 0) {
            struct job job;
            aio__items_take(&items, &job);
            for (int less = 0; less < job.priority; less++)
                check_int(in[less], out[less]);
            check_int(job.number, out[job.priority]++);
            total++;
        }
    }
    check(total > 2000);
    aio__items_fini(&items);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static uintptr_t alignment;
static size_t compared;

static int compare_aligned(const void *a, const void *b)
{
    alignment |= (uintptr_t)a | (uintptr_t)b;
    return memcmp(a, b, compared);
}

/* Items of any size come out as they were put in. */
static void pass_items_of(size_t size, aio_compare compare)
{
    aio__items items;
    unsigned char item[100];
    compared = size;
    check_int(aio__items_init(&items, size, 0, compare), 0);
    for (int i = 0; i < 50; i++) {
        memset(item, i * 7 % 50, size);
        check_int(aio__items_put(&items, item), 0);
    }
    for (int i = 0; i < 50 && items.count > 0; i++) {
        memset(item, 255, sizeof item);
        aio__items_take(&items, item);
        check_int(item[0], compare != NULL ? i : i * 7 % 50);
        check_int(item[size - 1], item[0]);
        check_int(item[size], 255);
    }
    aio__items_fini(&items);
}

TEST(items_may_have_any_size)
{
    for (size_t size = 1; size < 70; size++) {
        pass_items_of(size, NULL);
        pass_items_of(size, compare_aligned);
    }
}

/* The new one, which is compared too, is the caller's, on this stack: aligned for what it is. */
TEST(what_is_compared_is_aligned_as_its_size_allows)
{
    for (size_t size = 1; size < 70; size++) {
        size_t unit = size & (~size + 1);
        if (unit > _Alignof(max_align_t))
            unit = _Alignof(max_align_t);
        aio__items items;
        check_int(aio__items_init(&items, size, 0, compare_aligned), 0);
        check_int(items.slot_size % unit, 0);
        check_int(items.slot_size % _Alignof(uint64_t), 0);
        check(items.slot_size >= size + sizeof(uint64_t));
        check(items.slot_size < size + sizeof(uint64_t) + _Alignof(max_align_t));
        aio__items_fini(&items);
    }
    struct job jobs[20];
    memset(jobs, 0, sizeof jobs);
    aio__items items;
    alignment = 0;
    compared = sizeof *jobs;
    check_int(aio__items_init(&items, sizeof *jobs, 0, compare_aligned), 0);
    for (int i = 0; i < 20; i++)
        check_int(aio__items_put(&items, &jobs[i]), 0);
    while (items.count > 0)
        aio__items_take(&items, &jobs[0]);
    check_int(alignment % _Alignof(struct job), 0);
    aio__items_fini(&items);
}

TEST(more_than_there_can_be_is_no_memory)
{
    aio__items items;
    check_int(aio__items_init(&items, SIZE_MAX, 0, NULL), -ENOMEM);
    check_int(aio__items_init(&items, SIZE_MAX - 4, 1, compare_ints), -ENOMEM);
    check_int(aio__items_init(&items, 16, SIZE_MAX / 16 + 2, NULL), -ENOMEM);
    check_int(aio__items_init(&items, 16, SIZE_MAX / 8, compare_ints), -ENOMEM);
}

/* ---- memory --------------------------------------------------------------------------------- */

TEST(what_is_reserved_is_there_from_the_beginning_and_stays)
{
    aio__items items;
    check_int(aio__items_init(&items, 1000, 100, NULL), 0);
    size_t blocks = ledger_blocks();
    char item[1000] = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            check_int(aio__items_put(&items, item), 0);
        check_int(faults_count("malloc"), 1);
        for (int i = 0; i < 100 && items.count > 0; i++)
            aio__items_take(&items, item);
        check_int(ledger_blocks(), blocks);
    }
    aio__items_fini(&items);
    check_int(ledger_blocks(), 0);
}

TEST(what_it_has_grown_by_goes_with_the_last_item)
{
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 0, NULL), 0);
    for (int i = 0; i < 10000; i++)
        put(&items, i);
    check(ledger_bytes() >= 10000 * sizeof(int));
    for (int i = 0; i < 9999; i++)
        take(&items, i);
    check_int(ledger_blocks(), 1);
    take(&items, 9999);
    check_int(ledger_blocks(), 0);
    put(&items, 1);
    take(&items, 1);
    check_int(ledger_blocks(), 1); /* so little is kept */
    aio__items_fini(&items);
}

TEST(all_can_be_forgotten_at_once)
{
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 0, compare_ints), 0);
    for (int i = 0; i < 3; i++)
        put(&items, i);
    aio__items_clear(&items);
    check_int(items.count, 0);
    put(&items, 7);
    take(&items, 7);
    for (int i = 0; i < 1000; i++)
        put(&items, i);
    aio__items_clear(&items);
    check_int(ledger_blocks(), 0);
    aio__items_fini(&items);
}

static void lose_no_item(aio_compare compare)
{
    aio__items items;
    check_int(aio__items_init(&items, sizeof(int), 0, compare), 0);
    for (int i = 0; i < 8; i++)
        put(&items, i);
    faults_fail("malloc", 1, ENOMEM, FAULTS_ONCE);
    int value = 8;
    check_int(aio__items_put(&items, &value), -ENOMEM);
    check_int(items.count, 8);
    put(&items, 8);
    for (int i = 0; i < 9; i++)
        take(&items, i);
    aio__items_fini(&items);
}

TEST(a_put_without_memory_changes_nothing)
{
    lose_no_item(NULL);
    lose_no_item(compare_ints);
}

TEST(a_reservation_without_memory_leaves_nothing)
{
    aio__items items;
    faults_fail("malloc", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio__items_init(&items, 8, 8, NULL), -ENOMEM);
    check_int(ledger_blocks(), 0);
}
