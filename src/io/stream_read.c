/*
 * Streams: reading.
 *
 * What a call needs is gathered in the stream's buffer, and taken out only when
 * it is complete: a cancelled call has taken nothing.  Only aio_stream_read(), with
 * nothing buffered, reads straight into the caller's memory.  No buffer is held
 * while a task waits for the first byte.
 */
#include <errno.h>
#include <string.h>

#include "io/stream.h"
#include "task/scheduler.h"

/* Below this, bytes are fetched in bulk: a program may read one at a time. */
#define LEAST_DIRECT 256
/* The room that a bulk read has at least. */
#define LEAST_ROOM 2048

/* ---- from the descriptor ---------------------------------------------------------------------- */

/* Errors that pass, and say nothing about the stream. */
static bool passing(ssize_t rc)
{
    return rc == -EAGAIN || rc == -ENOMEM || rc == -ENOBUFS;
}

ssize_t aio__stream_try_read(aio_stream *stream, void *data, size_t size)
{
    stream->watch.pending &= ~AIO__READ;
    stream->drained = false;
    ssize_t n = stream->operations->read(stream, data, size);
    if (n > 0)
        stream->drained = (size_t)n < size && stream->operations->short_read_drains &&
                          (stream->watch.pending & AIO__HANGUP) == 0;
    else if (n == 0)
        stream->ended = true;
    else if (n == -EAGAIN)
        stream->drained = true;
    else if (!passing(n))
        stream->read_error = (int)n;
    return n;
}

static int wait_readable(aio_stream *stream)
{
    aio__fd_wait wait;
    int rc = aio__fd_wait_for(&wait, stream->io->loop, &stream->watch, AIO__READ, "stream read");
    if (rc > 0)
        stream->drained = false;
    return rc < 0 ? rc : 0;
}

/* Waits until a read is worth trying: 1; 0 at the end; or the error that it would give. */
static int await_data(aio_stream *stream)
{
    for (;;) {
        if (stream->closed)
            return -EBADF;
        if (stream->read_error != 0)
            return stream->read_error;
        if (stream->ended)
            return 0;
        bool drained = aio__stream_drained(stream);
        int rc = drained ? wait_readable(stream) : aio__checkpoint(6);
        if (rc < 0)
            return rc;
        if (!drained && !stream->closed)
            return 1;
    }
}

/* Reads into the caller's memory. */
static ssize_t read_directly(aio_stream *stream, void *buffer, size_t size)
{
    for (;;) {
        int rc = await_data(stream);
        if (rc <= 0)
            return rc;
        ssize_t n = aio__stream_try_read(stream, buffer, size);
        if (n != -EAGAIN)
            return n;
    }
}

/* One read into the buffer, with room for `missing` bytes if that is no more than doubles it. */
static ssize_t read_into_buffer(aio_stream *stream, size_t missing)
{
    aio__pool *chunks = stream->io->chunks;
    aio__buffer *in = &stream->in;
    size_t room = missing < in->capacity ? missing : in->capacity;
    if (room < LEAST_ROOM)
        room = LEAST_ROOM;
    int rc = aio__buffer_reserve(in, chunks, room);
    if (rc < 0)
        return rc;
    ssize_t n = aio__stream_try_read(stream, aio__buffer_end(in), aio__buffer_room(in));
    if (n > 0)
        aio__buffer_commit(in, (size_t)n);
    else if (aio__buffer_size(in) == 0)
        aio__buffer_clear(in, chunks);
    return n;
}

/* Adds to the buffer, once: 1; 0 at the end; or an error. */
static int fill(aio_stream *stream, size_t missing)
{
    for (;;) {
        int rc = await_data(stream);
        if (rc <= 0)
            return rc;
        ssize_t n = read_into_buffer(stream, missing);
        if (n >= 0)
            return n > 0;
        if (n != -EAGAIN)
            return (int)n;
    }
}

/* Until there are so many bytes: 1; 0 if the stream ends before; or an error. */
static int fill_to(aio_stream *stream, size_t least)
{
    int rc = 1;
    if (aio__buffer_size(&stream->in) >= least)
        rc = aio__checkpoint(1);
    else
        while (rc > 0 && aio__buffer_size(&stream->in) < least)
            rc = fill(stream, least - aio__buffer_size(&stream->in));
    if (rc >= 0 && stream->closed)
        return -EBADF;
    return rc >= 0 && aio__buffer_size(&stream->in) >= least ? 1 : rc;
}

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

/* ---- one reader at a time --------------------------------------------------------------------- */

static int begin_reading(aio_stream *stream)
{
    if (stream == NULL)
        return -ENOMEM;
    if (aio__task_running() == NULL)
        return -EPERM;
    if (stream->closed || stream->io == NULL)
        return -EBADF;
    if (stream->reading)
        return -EBUSY;
    stream->reading = true;
    aio__stream_enter(stream);
    return 0;
}

void aio__stream_end_reader(aio_stream *stream)
{
    aio__watcher *watcher = stream->watch.watchers[0];
    if (watcher != NULL && watcher != &stream->background_watcher)
        aio__fd_wait_end(aio__container(watcher, aio__fd_wait, watcher), -EBADF);
}

static void end_reading(aio_stream *stream)
{
    stream->reading = false;
    aio__stream_leave(stream);
}

/* ---- the calls -------------------------------------------------------------------------------- */

static ssize_t read_some(aio_stream *stream, void *buffer, size_t size)
{
    if (aio__buffer_size(&stream->in) == 0 && size >= LEAST_DIRECT)
        return read_directly(stream, buffer, size);
    int rc = fill_to(stream, size != 0 ? 1 : 0);
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
    rc = fill_to(stream, size);
    ssize_t n = rc == 0 ? -AIO_EINCOMPLETE : rc;
    if (rc > 0)
        n = take(stream, buffer, size);
    end_reading(stream);
    return n;
}

/* How long a piece up to and with the separator is; 0 if the stream ends without one. */
static ssize_t find_separator(aio_stream *stream, const void *separator, size_t separator_size,
                              size_t most)
{
    size_t from = 0;
    int rc = fill_to(stream, 1);
    while (rc > 0) {
        size_t size = aio__buffer_size(&stream->in);
        size_t at = aio__buffer_find(&stream->in, from, separator, separator_size);
        if (at != SIZE_MAX)
            return at + separator_size <= most ? (ssize_t)(at + separator_size) : -AIO_ELIMIT;
        if (size > most)
            return -AIO_ELIMIT;
        from = size < separator_size ? 0 : size - separator_size + 1;
        rc = fill(stream, 1);
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
        n = find_separator(stream, separator, separator_size, size);
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
        n = find_separator(stream, "\n", 1, size - 1);
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
    rc = fill_to(stream, least);
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
