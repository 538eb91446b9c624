/*
 * Streams: reading.
 *
 * What a call needs is gathered in the stream's buffer, and taken out only when
 * it is complete: a cancelled call has taken nothing.
 */
#include <errno.h>
#include <string.h>

#include "io/stream.h"
#include "task/scheduler.h"

/* Below this, bytes are fetched in bulk: a program may read one at a time. */
#define LEAST_DIRECT 256

static ssize_t take(aio_stream *stream, void *buffer, size_t size)
{
    size_t n = aio__buffer_size(&stream->in);
    if (n > size)
        n = size;
    if (n != 0)
        memcpy(buffer, aio__buffer_data(&stream->in), n);
    aio__buffer_consume(&stream->in, stream->io->chunks, n);
    return (ssize_t)n;
}

/* ---- one reader at a time -------------------------------------------------------------------- */

static int begin_reading(aio_stream *stream)
{
    if (stream == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("stream read"))
        return -EPERM;
    if (stream->closed || stream->io == NULL)
        return -EBADF;
    if (stream->reading)
        return -EBUSY;
    stream->reading = true;
    aio__stream_enter(stream);
    return 0;
}

static void end_reading(aio_stream *stream)
{
    stream->reading = false;
    aio__stream_leave(stream);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static ssize_t read_some(aio_stream *stream, void *buffer, size_t size)
{
    if (aio__buffer_size(&stream->in) == 0 && size >= LEAST_DIRECT)
        return aio__stream_read_directly(stream, buffer, size);
    int rc = aio__stream_fill_to(stream, size != 0 ? 1 : 0);
    return rc <= 0 ? rc : take(stream, buffer, size);
}

ssize_t aio_stream_read(aio_stream *stream, void *buffer, size_t size)
{
    int rc = begin_reading(stream);
    if (rc < 0)
        return rc;
    ssize_t n = read_some(stream, buffer, size);
    end_reading(stream);
    return n;
}

ssize_t aio_stream_read_exactly(aio_stream *stream, void *buffer, size_t size)
{
    int rc = begin_reading(stream);
    if (rc < 0)
        return rc;
    rc = aio__stream_fill_to(stream, size);
    ssize_t n = rc == 0 ? -AIO_EINCOMPLETE : rc;
    if (rc > 0)
        n = take(stream, buffer, size);
    end_reading(stream);
    return n;
}

/* How long a piece up to and with the separator is, at most `most`; 0 if the stream ends without
 * one.  With `hopeless` bytes and none in them, it is over the limit. */
static ssize_t find_separator(aio_stream *stream, const void *separator, size_t separator_size,
                              size_t most, size_t hopeless)
{
    size_t from = 0;
    int rc = aio__stream_fill_to(stream, 1);
    while (rc > 0) {
        size_t size = aio__buffer_size(&stream->in);
        size_t at = aio__buffer_find(&stream->in, from, separator, separator_size);
        if (at != SIZE_MAX)
            return at + separator_size <= most ? (ssize_t)(at + separator_size) : -AIO_ELIMIT;
        if (size >= hopeless)
            return -AIO_ELIMIT;
        from = size < separator_size ? 0 : size - separator_size + 1;
        rc = aio__stream_fill(stream, 1);
    }
    return rc;
}

ssize_t aio_stream_read_until(aio_stream *stream, const void *separator, size_t separator_size,
                              void *buffer, size_t size)
{
    int rc = begin_reading(stream);
    if (rc < 0)
        return rc;
    ssize_t n = -EINVAL;
    if (separator_size != 0)
        n = find_separator(stream, separator, separator_size, size, size);
    if (n > 0)
        n = take(stream, buffer, (size_t)n);
    else if (n == 0)
        n = -AIO_EINCOMPLETE;
    end_reading(stream);
    return n;
}

ssize_t aio_stream_readline(aio_stream *stream, char *buffer, size_t size)
{
    int rc = begin_reading(stream);
    if (rc < 0)
        return rc;
    ssize_t n = -EINVAL;
    if (size != 0)
        n = find_separator(stream, "\n", 1, size - 1, size); /* size - 1 may be the last line */
    if (n == 0) /* the last line, without one; if it were too long, that was found before */
        n = (ssize_t)aio__buffer_size(&stream->in);
    if (n >= 0) {
        n = take(stream, buffer, (size_t)n);
        buffer[n] = '\0';
    }
    end_reading(stream);
    return n;
}

ssize_t aio_stream_peek(aio_stream *stream, size_t least, const char **out_data)
{
    int rc = begin_reading(stream);
    if (rc < 0)
        return rc;
    rc = aio__stream_fill_to(stream, least);
    if (rc >= 0)
        *out_data = aio__buffer_data(&stream->in);
    ssize_t n = rc >= 0 ? (ssize_t)aio__buffer_size(&stream->in) : rc;
    end_reading(stream);
    return n;
}

int aio_stream_consume(aio_stream *stream, size_t size)
{
    if (stream == NULL)
        return -ENOMEM;
    if (stream->reading)
        return -EBUSY;
    if (size > aio__buffer_size(&stream->in))
        return -EINVAL;
    if (size != 0)
        aio__buffer_consume(&stream->in, stream->io->chunks, size);
    return 0;
}

size_t aio_stream_buffered(const aio_stream *stream)
{
    return stream != NULL ? aio__buffer_size(&stream->in) : 0;
}

bool aio_stream_at_eof(const aio_stream *stream)
{
    return stream == NULL || (stream->ended && aio__buffer_size(&stream->in) == 0);
}
