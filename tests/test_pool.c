/*
 * Pools of blocks of one size.
 */
#include "base/pool.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/sys.h"
#include "base/util.h"
#include "support/faults.h"
#include "support/ledger.h"
#include "support/test.h"

#define SIZE 200
#define MANY 1000 /* more than a chunk has */

static void put_back(aio__pool *pool, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (blocks[i] != NULL)
            aio__pool_put(pool, blocks[i]);
}

TEST(blocks_are_apart_and_aligned)
{
    static void *blocks[MANY];
    aio__pool *pool = aio__pool_open(SIZE);
    for (size_t i = 0; pool != NULL && i < MANY; i++) {
        blocks[i] = aio__pool_get(pool);
        check((uintptr_t)blocks[i] % _Alignof(max_align_t) == 0);
        if (check(blocks[i] != NULL))
            memset(blocks[i], (int)(i & 255), SIZE);
    }
    for (size_t i = 0; pool != NULL && i < MANY; i++) {
        unsigned char *bytes = blocks[i];
        check(bytes != NULL && bytes[0] == (i & 255) && bytes[SIZE - 1] == (i & 255));
    }
    if (pool != NULL)
        put_back(pool, blocks, MANY);
    aio__pool_close(pool);
}

TEST(first_blocks_lie_side_by_side)
{
    void *blocks[3] = {NULL};
    aio__pool *pool = aio__pool_open(SIZE);
    size_t size = aio__round_up(SIZE, _Alignof(max_align_t));
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(blocks); i++)
        blocks[i] = aio__pool_get(pool);
    if (blocks[0] != NULL) {
        check((char *)blocks[1] == (char *)blocks[0] + size);
        check((char *)blocks[2] == (char *)blocks[1] + size);
    }
    if (pool != NULL)
        put_back(pool, blocks, AIO__COUNT(blocks));
    aio__pool_close(pool);
}

TEST(block_that_came_back_last_goes_out_first)
{
    void *blocks[3] = {NULL};
    aio__pool *pool = aio__pool_open(SIZE);
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(blocks); i++)
        blocks[i] = aio__pool_get(pool);
    if (blocks[0] != NULL && blocks[1] != NULL) {
        put_back(pool, blocks, 2);
        check(aio__pool_get(pool) == blocks[1]);
        check(aio__pool_get(pool) == blocks[0]);
    }
    if (pool != NULL)
        put_back(pool, blocks, AIO__COUNT(blocks));
    aio__pool_close(pool);
}

TEST(many_blocks_are_few_allocations)
{
    static void *blocks[MANY];
    aio__pool *pool = aio__pool_open(SIZE);
    for (size_t i = 0; pool != NULL && i < MANY; i++)
        blocks[i] = aio__pool_get(pool);
    check(ledger_blocks() <= 1 + MANY * (SIZE + 16) / 65000 + 1);
    if (pool != NULL)
        put_back(pool, blocks, MANY);
    aio__pool_close(pool);
}

TEST(block_outlives_the_owner_of_its_pool)
{
    aio__pool *pool = aio__pool_open(SIZE);
    void *blocks[2] = {NULL};
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(blocks); i++)
        blocks[i] = aio__pool_get(pool);
    aio__pool_close(pool);
    for (size_t i = 0; i < AIO__COUNT(blocks); i++) {
        if (blocks[i] == NULL)
            continue;
        check(ledger_blocks() > 0);
        memset(blocks[i], 1, SIZE);
        aio__pool_put(pool, blocks[i]);
    }
    check_int(ledger_blocks(), 0);
}

TEST(pool_without_blocks_goes_when_it_is_closed)
{
    aio__pool_close(aio__pool_open(SIZE));
    check_int(ledger_blocks(), 0);
    aio__pool_close(NULL);
}

TEST(pool_survives_a_block_that_there_was_no_memory_for)
{
    aio__pool *pool = aio__pool_open(SIZE);
    if (pool == NULL)
        return;
    faults_fail("malloc", 1, ENOMEM, FAULTS_ONCE);
    check(aio__pool_get(pool) == NULL);
    void *block = aio__pool_get(pool);
    if (check(block != NULL))
        aio__pool_put(pool, block);
    aio__pool_close(pool);
}

TEST(pool_that_there_is_no_memory_for_is_null)
{
    faults_fail("calloc", 1, ENOMEM, FAULTS_ONCE);
    check(aio__pool_open(SIZE) == NULL);
}

TEST(blocks_smaller_than_a_pointer_are_whole_ones)
{
    aio__pool *pool = aio__pool_open(1);
    void *blocks[2] = {NULL};
    for (size_t i = 0; pool != NULL && i < AIO__COUNT(blocks); i++)
        blocks[i] = aio__pool_get(pool);
    if (blocks[0] != NULL && blocks[1] != NULL) {
        *(char *)blocks[0] = 'a';
        *(char *)blocks[1] = 'b';
        check(*(char *)blocks[0] == 'a');
    }
    if (pool != NULL)
        put_back(pool, blocks, AIO__COUNT(blocks));
    aio__pool_close(pool);
}
