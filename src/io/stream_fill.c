/*
 * Streams: from the descriptor into memory.
 *
 * A read is tried unless the stream is known to be drained; then the task waits for
 * the next event.  Nothing is held while it waits, neither a buffer nor a byte.
 */
#include <errno.h>

#include "io/stream.h"
#include "task/scheduler.h"

/* The room that a bulk read has at least. */
#define LEAST_ROOM 2048

/* ---- one read -------------------------------------------------------------------------------- */

/* Errors that pass, and say nothing about the stream. */
static bool passing(ssize_t rc)
{
    return rc == -EAGAIN || rc == -ENOMEM || rc == -ENOBUFS;
}

/* Errors of a connection that has ended before its time.  Not EPIPE: that is of our half alone. */
static bool connection_lost(int rc)
{
    return rc == -ECONNRESET || rc == -ECONNABORTED || rc == -ETIMEDOUT || rc == -EHOSTUNREACH ||
           rc == -ENETUNREACH || rc == -ENETDOWN || rc == -ENETRESET;
}

ssize_t aio__stream_try_read(aio_stream *stream, void *data, size_t size)
{
    stream->watch.pending &= ~AIO__READ;
    stream->drained = false;
    ssize_t n = stream->operations->read(stream, data, size);
    /* The system tells of it once: where writing has heard of it, reading sees a mere end. */
    if (n == 0 && connection_lost(stream->write_error))
        n = stream->write_error;
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

/* ---- waiting for it -------------------------------------------------------------------------- */

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

ssize_t aio__stream_read_directly(aio_stream *stream, void *buffer, size_t size)
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

int aio__stream_fill(aio_stream *stream, size_t missing)
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

int aio__stream_fill_to(aio_stream *stream, size_t least)
{
    int rc = 1;
    if (aio__buffer_size(&stream->in) >= least)
        rc = aio__checkpoint(1);
    else
        while (rc > 0 && aio__buffer_size(&stream->in) < least)
            rc = aio__stream_fill(stream, least - aio__buffer_size(&stream->in));
    if (rc >= 0 && stream->closed)
        return -EBADF;
    return rc >= 0 && aio__buffer_size(&stream->in) >= least ? 1 : rc;
}

void aio__stream_end_reader(aio_stream *stream)
{
    aio__watcher *watcher = stream->watch.watchers[0];
    if (watcher != NULL && watcher != &stream->background_watcher)
        aio__fd_wait_end(aio__container(watcher, aio__fd_wait, watcher), -EBADF);
}
