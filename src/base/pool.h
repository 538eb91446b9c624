/*
 * A pool of blocks of one size: dense, so that tasks lie side by side, and last
 * in, first out, so that the next block is still in the cache.
 *
 * Blocks may outlive the owner of the pool: after aio__pool_close() it goes when
 * the last of them comes back.  Under AddressSanitizer and valgrind each block
 * that is not in use is marked as out of bounds.
 */
#ifndef AIO_BASE_POOL_H
#define AIO_BASE_POOL_H

#include <stddef.h>

typedef struct aio__pool aio__pool;

/* A pool of blocks of `size` bytes; NULL without memory. */
aio__pool *aio__pool_open(size_t size);
/* The owner needs it no more: freed now, or with the last block. */
void aio__pool_close(aio__pool *pool);

/* A block, its bytes undefined; NULL without memory. */
void *aio__pool_get(aio__pool *pool);
void aio__pool_put(aio__pool *pool, void *block);

#endif
