/*
 * Byte buffers.
 */
#include "io/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/sys.h"
#include "io/io.h"

static void give_back(aio__pool *chunks, char *storage, size_t capacity)
{
    if (capacity == AIO__CHUNK_SIZE)
        aio__pool_put(chunks, storage);
    else
        aio__sys_free(storage);
}

void aio__buffer_clear(aio__buffer *buffer, aio__pool *chunks)
{
    if (buffer->storage != NULL)
        give_back(chunks, buffer->storage, buffer->capacity);
    *buffer = (aio__buffer){.storage = NULL};
}

/* Twice as much, or what is asked for if that is more. */
static int grow(aio__buffer *buffer, aio__pool *chunks, size_t size)
{
    size_t used = aio__buffer_size(buffer);
    if (size > SIZE_MAX / 4 || used > SIZE_MAX / 4)
        return -ENOMEM;
    size_t capacity = used + size <= AIO__CHUNK_SIZE ? AIO__CHUNK_SIZE : buffer->capacity * 2;
    if (capacity < used + size)
        capacity = used + size;
    char *storage = capacity == AIO__CHUNK_SIZE ? aio__pool_get(chunks) : aio__sys_malloc(capacity);
    if (storage == NULL)
        return -ENOMEM;
    if (used != 0)
        memcpy(storage, buffer->storage + buffer->start, used);
    aio__buffer_clear(buffer, chunks);
    *buffer = (aio__buffer){storage, capacity, 0, used};
    return 0;
}

int aio__buffer_reserve(aio__buffer *buffer, aio__pool *chunks, size_t size)
{
    if (size <= aio__buffer_room(buffer))
        return 0;
    size_t used = aio__buffer_size(buffer);
    /* Moving is worth it only where no more is moved than was taken since, or a long buffer that is
     * taken from in small pieces would cost its square. */
    if (buffer->start >= used && size <= buffer->capacity - used) {
        memmove(buffer->storage, buffer->storage + buffer->start, used);
        buffer->start = 0;
        buffer->end = used;
        return 0;
    }
    return grow(buffer, chunks, size);
}

void aio__buffer_commit(aio__buffer *buffer, size_t size)
{
    buffer->end += size;
}

int aio__buffer_append(aio__buffer *buffer, aio__pool *chunks, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    int rc = aio__buffer_reserve(buffer, chunks, size);
    if (rc < 0)
        return rc;
    memcpy(aio__buffer_end(buffer), data, size);
    buffer->end += size;
    return 0;
}

void aio__buffer_consume(aio__buffer *buffer, aio__pool *chunks, size_t size)
{
    buffer->start += size;
    if (buffer->start == buffer->end)
        aio__buffer_clear(buffer, chunks);
}

size_t aio__buffer_find(const aio__buffer *buffer, size_t from, const void *pattern, size_t size)
{
    const char *data = aio__buffer_data(buffer);
    size_t used = aio__buffer_size(buffer);
    const unsigned char *first = pattern;
    while (from + size <= used) {
        const char *hit = memchr(data + from, first[0], used - size + 1 - from);
        if (hit == NULL)
            return SIZE_MAX;
        if (memcmp(hit, pattern, size) == 0)
            return (size_t)(hit - data);
        from = (size_t)(hit - data) + 1;
    }
    return SIZE_MAX;
}
