/*
 * Stacks: sizes, guards and the ways to make them, reuse, giving memory back.
 */
#include "coro/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"
#include "support/faults.h"
#include "support/test.h"

#define GUARD ((size_t)16384)
#define SIZE ((size_t)65536)
#define MANY 64
#define ADVICE_GUARD_INSTALL 102

/* Whether the kernel can read a byte there. */
static bool readable(const char *at)
{
    int ends[2];
    if (pipe(ends) < 0)
        return false;
    bool can = write(ends[1], at, 1) == 1;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return can;
}

/* Checks that a stack is guarded, and is memory. */
static void check_guarded(const aio__stack *stack)
{
    check(!readable(stack->base - 1));
    check(!readable(stack->base - GUARD));
    stack->base[0] = 1;
    stack->base[stack->size - 1] = 1;
    check(readable(stack->base));
}

/* Gets up to `count` stacks: how many there were. */
static size_t get_many(aio__stack_pool *pool, size_t size, aio__stack *stacks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (aio__stack_get(pool, size, &stacks[i]) < 0)
            return i;
    }
    return count;
}

/* From the last to the first. */
static void put_many(aio__stack_pool *pool, aio__stack *stacks, size_t count)
{
    while (count-- > 0)
        aio__stack_put(pool, &stacks[count]);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void check_size(aio__stack_pool *pool, size_t size)
{
    aio__stack stack;
    if (!check_int(aio__stack_get(pool, size, &stack), 0))
        return;
    check(stack.size >= size);
    check(stack.size >= AIO__STACK_MINIMUM);
    check(stack.size <= AIO__STACK_MINIMUM || stack.size <= size + size / 8 + 4096);
    check_int((uintptr_t)stack.top % 16, 0);
    check(stack.top <= stack.base + stack.size);
    check(stack.top >= stack.base + stack.size - 2048);
    stack.base[0] = stack.top[-1] = 1;
    aio__stack_put(pool, &stack);
}

TEST(stack_is_at_least_as_large_as_asked)
{
    static const size_t sizes[] = {0, 1, 16384, 16385, 65536, 100000, 262144, 8 << 20, 100 << 20};
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(sizes); i++)
        check_size(pool, sizes[i]);
    check(pool != NULL);
    aio__stack_pool_close(pool);
}

TEST(stack_of_an_impossible_size_is_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, SIZE_MAX / 8,
                                   SIZE_MAX / 16};
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stack;
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(sizes); i++)
        check_int(aio__stack_get(pool, sizes[i], &stack), -ENOMEM);
    aio__stack_pool_close(pool);
}

TEST(guard_of_an_impossible_size_is_refused)
{
    aio__stack_pool *pool = aio__stack_pool_open(SIZE_MAX);
    aio__stack stack;
    if (pool != NULL)
        check_int(aio__stack_get(pool, SIZE, &stack), -ENOMEM);
    aio__stack_pool_close(pool);
}

TEST(stacks_do_not_overlap)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stacks[MANY];
    size_t count = pool != NULL ? get_many(pool, SIZE, stacks, MANY) : 0;
    check_int(count, MANY);
    for (size_t i = 0; i < count; i++)
        memset(stacks[i].base, (int)i, stacks[i].size);
    for (size_t i = 0; i < count; i++) {
        check_int(stacks[i].base[0], i);
        check_int(stacks[i].base[stacks[i].size - 1], i);
    }
    if (pool != NULL)
        put_many(pool, stacks, count);
    aio__stack_pool_close(pool);
}

TEST(stacks_lie_off_powers_of_two_and_their_tops_are_coloured)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stacks[3];
    size_t count = pool != NULL ? get_many(pool, SIZE, stacks, 3) : 0;
    if (check_int(count, 3)) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        check_int((size_t)(stacks[1].base - stacks[0].base) / page % 2, 1);
        check((uintptr_t)stacks[1].top % page != (uintptr_t)stacks[0].top % page);
    }
    if (pool != NULL)
        put_many(pool, stacks, count);
    aio__stack_pool_close(pool);
}

/* ---- reuse ----------------------------------------------------------------------------------- */

TEST(stack_put_last_is_got_first)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stacks[3];
    size_t count = pool != NULL ? get_many(pool, SIZE, stacks, 3) : 0;
    if (check_int(count, 3)) {
        char *first = stacks[0].base, *last = stacks[2].base;
        aio__stack_put(pool, &stacks[0]);
        aio__stack_put(pool, &stacks[2]);
        check_int(get_many(pool, SIZE, &stacks[2], 1), 1);
        check_int(get_many(pool, SIZE, &stacks[0], 1), 1);
        check(stacks[2].base == last);
        check(stacks[0].base == first);
    }
    if (pool != NULL)
        put_many(pool, stacks, count);
    aio__stack_pool_close(pool);
}

TEST(stack_is_not_reused_for_another_size)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack small, large;
    if (pool != NULL && check_int(aio__stack_get(pool, SIZE, &small), 0)) {
        char *base = small.base;
        aio__stack_put(pool, &small);
        if (check_int(aio__stack_get(pool, SIZE * 4, &large), 0)) {
            check(large.base != base);
            large.base[0] = 1;
            aio__stack_put(pool, &large);
        }
    }
    aio__stack_pool_close(pool);
}

TEST(stacks_in_thousands_are_guarded_one_and_all)
{
    enum { COUNT = 3000 };
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack *stacks = calloc(COUNT, sizeof *stacks);
    size_t count = pool != NULL && stacks != NULL ? get_many(pool, 16384, stacks, COUNT) : 0;
    check_int(count, COUNT);
    for (size_t i = 0; i < count; i += 97)
        check_guarded(&stacks[i]);
    if (pool != NULL)
        put_many(pool, stacks, count);
    aio__stack_pool_close(pool);
    free(stacks);
}

/* ---- guards ---------------------------------------------------------------------------------- */

/* Gets a few stacks, and checks that they are guarded. */
static void check_pool(aio__stack_pool *pool)
{
    aio__stack stacks[MANY];
    size_t count = pool != NULL ? get_many(pool, SIZE, stacks, MANY) : 0;
    check_int(count, MANY);
    for (size_t i = 0; i < count; i++)
        check_guarded(&stacks[i]);
    if (pool != NULL)
        put_many(pool, stacks, count);
}

TEST(guard_lies_below_each_stack)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    check_pool(pool);
    aio__stack_pool_close(pool);
}

static int do_nothing(void *at, size_t size, int advice)
{
    (void)at, (void)size, (void)advice;
    return 0;
}

TEST(guards_are_made_by_mprotect_where_the_kernel_only_says_it_can_install_them)
{
    aio__sys.madvise = do_nothing;
    unsigned long before = faults_count("mprotect");
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    check_pool(pool);
    check_int(faults_count("mprotect") - before, MANY);
    aio__stack_pool_close(pool);
}

/* As a kernel does once the program has called mlockall(): the probe is allowed, and two more. */
static int installs_left;

static int refuse_later(void *at, size_t size, int advice)
{
    if (advice != ADVICE_GUARD_INSTALL || installs_left-- > 0)
        return aio__sys_real.madvise(at, size, advice);
    errno = EINVAL;
    return -1;
}

TEST(stack_whose_guard_can_not_be_installed_gets_it_by_mprotect)
{
    installs_left = 3;
    aio__sys.madvise = refuse_later;
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    check_pool(pool);
    check(faults_count("mprotect") >= MANY - 2);
    aio__stack_pool_close(pool);
}

TEST(guards_are_made_by_mprotect_where_no_descriptor_is_left_for_the_probe)
{
    faults_fail("descriptor", 1, EMFILE, FAULTS_FROM_THEN_ON);
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    check_pool(pool);
    check_int(faults_count("mprotect"), MANY);
    aio__stack_pool_close(pool);
}

TEST(stack_without_a_guard_is_not_given)
{
    aio__stack stacks[MANY];
    (void)setenv("AIO_GUARD", "mprotect", 1);
    faults_fail("mprotect", 11, ENOMEM, FAULTS_FROM_THEN_ON);
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    (void)unsetenv("AIO_GUARD");
    size_t count = pool != NULL ? get_many(pool, SIZE, stacks, MANY) : 0;
    check_int(count, 10);
    if (pool != NULL && count != 0) {
        check_int(aio__stack_get(pool, SIZE, &stacks[count]), -ENOMEM);
        aio__stack_put(pool, &stacks[--count]);
        check_int(aio__stack_get(pool, SIZE, &stacks[count]), 0);
        count++;
        faults_clear();
        count += get_many(pool, SIZE, stacks + count, MANY - count);
        check_int(count, MANY);
        check_guarded(&stacks[count - 1]);
    }
    if (pool != NULL)
        put_many(pool, stacks, count);
    aio__stack_pool_close(pool);
}

/* A pool opened with AIO_GUARD set. */
static aio__stack_pool *open_with(const char *guard)
{
    (void)setenv("AIO_GUARD", guard, 1);
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    (void)unsetenv("AIO_GUARD");
    return pool;
}

TEST(environment_can_ask_for_guards_by_mprotect)
{
    aio__stack_pool *pool = open_with("mprotect");
    check_pool(pool);
    check_int(faults_count("mprotect"), MANY);
    aio__stack_pool_close(pool);
}

TEST(environment_can_ask_for_no_guards)
{
    aio__stack_pool *pool = open_with("none");
    aio__stack stack;
    if (pool != NULL && check_int(aio__stack_get(pool, SIZE, &stack), 0)) {
        check(readable(stack.base - 1));
        check_int(faults_count("mprotect"), 0);
        aio__stack_put(pool, &stack);
    }
    aio__stack_pool_close(pool);
}

TEST(environment_can_ask_for_guards_unprobed)
{
    aio__sys.madvise = do_nothing;
    aio__stack_pool *pool = open_with("install");
    aio__stack stack;
    if (pool != NULL && check_int(aio__stack_get(pool, SIZE, &stack), 0)) {
        check_int(faults_count("mprotect"), 0);
        check_int(faults_count("write"), 0);
        aio__stack_put(pool, &stack);
    }
    aio__stack_pool_close(pool);
}

TEST(pool_without_guards_asks_for_none)
{
    aio__stack_pool *pool = aio__stack_pool_open(0);
    aio__stack stack;
    if (pool != NULL && check_int(aio__stack_get(pool, SIZE, &stack), 0)) {
        check_int(faults_count("mprotect"), 0);
        aio__stack_put(pool, &stack);
    }
    aio__stack_pool_close(pool);
}

/* ---- without memory -------------------------------------------------------------------------- */

TEST(stack_can_be_had_again_once_there_is_memory)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stack;
    if (pool != NULL) {
        faults_fail("mmap", 1, ENOMEM, FAULTS_FROM_THEN_ON);
        check_int(aio__stack_get(pool, SIZE, &stack), -ENOMEM);
        faults_clear();
        if (check_int(aio__stack_get(pool, SIZE, &stack), 0))
            aio__stack_put(pool, &stack);
    }
    aio__stack_pool_close(pool);
}

static void *refuse_large(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    if (size < 3 * SIZE)
        return mmap(at, size, access, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

static int unmap(void *at, size_t size)
{
    return munmap(at, size);
}

TEST(stacks_are_mapped_one_by_one_where_there_is_no_room_for_many)
{
    aio__sys.mmap = refuse_large;
    aio__sys.munmap = unmap; /* the ledger does not know of those mappings */
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    check_pool(pool);
    aio__stack_pool_close(pool);
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* How many of a stack's pages are in memory. */
static size_t resident(const char *base, size_t size)
{
    unsigned char pages[1024];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    if (size / page > sizeof pages || mincore((void *)(uintptr_t)base, size, (void *)pages) < 0)
        return SIZE_MAX;
    for (size_t i = 0; i < size / page; i++)
        count += pages[i] & 1;
    return count;
}

/* Uses `count` stacks to their ground and puts them back: their bases, the last one's first. */
static size_t use_deeply(aio__stack_pool *pool, char **bases, size_t count)
{
    aio__stack stacks[MANY];
    size_t got = get_many(pool, SIZE, stacks, count);
    for (size_t i = 0; i < got; i++) {
        memset(stacks[i].base, 1, stacks[i].size);
        bases[i] = stacks[i].base;
    }
    put_many(pool, stacks, got);
    return got;
}

TEST(trimming_gives_back_the_memory_of_all_but_the_stacks_used_last)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    char *bases[8];
    if (pool != NULL && check_int(use_deeply(pool, bases, 8), 8)) {
        check_int(resident(bases[7], SIZE), SIZE / (size_t)sysconf(_SC_PAGESIZE));
        aio__stack_pool_trim(pool, 2);
        for (size_t i = 2; i < 8; i++)
            check_int(resident(bases[i], SIZE), 0);
        for (size_t i = 0; i < 2; i++) {
            check(resident(bases[i], SIZE) > 0);
            check_int(resident(bases[i], SIZE - 8192), 0);
        }
    }
    aio__stack_pool_close(pool);
}

TEST(trimmed_stack_is_as_good_as_new)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    char *base;
    aio__stack stack;
    if (pool != NULL && check_int(use_deeply(pool, &base, 1), 1)) {
        aio__stack_pool_trim(pool, 0);
        if (check_int(aio__stack_get(pool, SIZE, &stack), 0)) {
            check(stack.base == base);
            check_guarded(&stack);
            aio__stack_put(pool, &stack);
        }
    }
    aio__stack_pool_close(pool);
}

TEST(idle_stacks_are_those_used_since_they_were_trimmed)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    char *bases[4];
    if (pool != NULL && check_int(use_deeply(pool, bases, 4), 4)) {
        check_int(aio__stack_pool_idle(pool), 4);
        aio__stack_pool_trim(pool, 1);
        check_int(aio__stack_pool_idle(pool), 0);
        check_int(use_deeply(pool, bases, 2), 2);
        check_int(aio__stack_pool_idle(pool), 2);
    }
    aio__stack_pool_close(pool);
}

/* How often the pool looked at, or gave back, pages. */
static unsigned long trimming_calls(void)
{
    return faults_count("mincore") + faults_count("madvise");
}

TEST(trimming_again_does_nothing)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    char *bases[4];
    if (pool != NULL && check_int(use_deeply(pool, bases, 4), 4)) {
        aio__stack_pool_trim(pool, 2);
        unsigned long before = trimming_calls();
        aio__stack_pool_trim(pool, 2);
        check_int(trimming_calls(), before);
        aio__stack_pool_trim(pool, 0);
        check_int(trimming_calls(), before + 2);
    }
    aio__stack_pool_close(pool);
}

TEST(stack_that_was_used_little_is_not_given_back_in_part)
{
    aio__stack_pool *pool = aio__stack_pool_open(GUARD);
    aio__stack stack;
    if (pool != NULL && check_int(aio__stack_get(pool, SIZE, &stack), 0)) {
        char *base = stack.base;
        stack.top[-1] = 1;
        aio__stack_put(pool, &stack);
        unsigned long before = faults_count("madvise");
        aio__stack_pool_trim(pool, 1);
        check_int(faults_count("madvise"), before);
        check_int(resident(base, SIZE), 1);
    }
    aio__stack_pool_close(pool);
}

TEST(signal_stack_is_large_enough_for_any_processor)
{
    check(aio__stack_signal_size() >= 65536);
}
