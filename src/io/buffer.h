/*
 * A buffer of bytes: appended to at the end, taken from the front, in one piece.
 *
 * It has storage only while it has bytes (or room was reserved): first a block of
 * the loop's pool, which is last in, first out and so in the cache; beyond that,
 * memory of its own.
 */
#ifndef AIO_IO_BUFFER_H
#define AIO_IO_BUFFER_H

#include <stddef.h>

#include "base/pool.h"

typedef struct aio__buffer {
    char *storage;     /* NULL: none */
    size_t capacity;   /* AIO__CHUNK_SIZE: a block of the pool */
    size_t start, end; /* what is in it */
} aio__buffer;

static inline size_t aio__buffer_size(const aio__buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* The first byte; not NULL even if there is none. */
static inline const char *aio__buffer_data(const aio__buffer *buffer)
{
    return buffer->storage != NULL ? buffer->storage + buffer->start : "";
}

/* Where to append, after a reservation, and how much there is room for. */
static inline char *aio__buffer_end(aio__buffer *buffer)
{
    return buffer->storage + buffer->end;
}

static inline size_t aio__buffer_room(const aio__buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* Makes room for at least `size` bytes (> 0) at the end: 0; or -ENOMEM, and it is as it was. */
int aio__buffer_reserve(aio__buffer *buffer, aio__pool *chunks, size_t size);
/* So many bytes were put at the end. */
void aio__buffer_commit(aio__buffer *buffer, size_t size);
/* Copies bytes to the end: 0, or -ENOMEM. */
int aio__buffer_append(aio__buffer *buffer, aio__pool *chunks, const void *data, size_t size);
/* Takes so many from the front; the storage goes back with the last of them. */
void aio__buffer_consume(aio__buffer *buffer, aio__pool *chunks, size_t size);
/* Where in it the pattern is found first, beginning at `from`; SIZE_MAX: nowhere. */
size_t aio__buffer_find(const aio__buffer *buffer, size_t from, const void *pattern, size_t size);
/* Forgets what is in it, and gives the storage back. */
void aio__buffer_clear(aio__buffer *buffer, aio__pool *chunks);

#endif
