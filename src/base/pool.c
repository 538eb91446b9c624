/*
 * Chunks of 64 KiB, cut into blocks; those that are free are linked through
 * their first bytes.
 */
#include "base/pool.h"

#include <stdbool.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"

#define CHUNK_SIZE 65536

struct block {
    struct block *next;
};

struct chunk {
    struct chunk *next;
    max_align_t blocks[];
};

struct aio__pool {
    size_t block_size;
    struct block *free;
    struct chunk *chunks;
    size_t used; /* blocks that are out */
    bool closed;
};

aio__pool *aio__pool_open(size_t size)
{
    aio__pool *pool = aio__sys_calloc(1, sizeof *pool);
    if (pool != NULL)
        pool->block_size = aio__round_up(size, _Alignof(max_align_t));
    return pool;
}

static void pool_free(aio__pool *pool)
{
    while (pool->chunks != NULL) {
        struct chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        aio__memory_define(chunk, CHUNK_SIZE);
        aio__sys_free(chunk);
    }
    aio__sys_free(pool);
}

void aio__pool_close(aio__pool *pool)
{
    if (pool == NULL)
        return;
    pool->closed = true;
    if (pool->used == 0)
        pool_free(pool);
}

static void link_free(aio__pool *pool, struct block *block)
{
    block->next = pool->free;
    pool->free = block;
    aio__memory_forbid(block, pool->block_size);
}

static bool grow(aio__pool *pool)
{
    struct chunk *chunk = aio__sys_malloc(CHUNK_SIZE);
    if (chunk == NULL)
        return false;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    size_t count = (CHUNK_SIZE - offsetof(struct chunk, blocks)) / pool->block_size;
    /* From the last to the first, so that they are handed out in order of address. */
    for (size_t i = count; i-- > 0;)
        link_free(pool, (void *)((char *)chunk->blocks + i * pool->block_size));
    return true;
}

void *aio__pool_get(aio__pool *pool)
{
    if (pool->free == NULL && !grow(pool))
        return NULL;
    struct block *block = pool->free;
    aio__memory_define(block, sizeof *block);
    pool->free = block->next;
    pool->used++;
    aio__memory_allow(block, pool->block_size);
    return block;
}

void aio__pool_put(aio__pool *pool, void *block)
{
    link_free(pool, block);
    if (--pool->used == 0 && pool->closed)
        pool_free(pool);
}
