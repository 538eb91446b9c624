/*
 * Streams: closing.
 *
 * A stream that is closed with something left to send lingers: it belongs to the
 * loop, and its background handle goes on.  On TCP it then ends its own half and
 * discards what still comes until the peer ends too, for a close with data unread
 * is a reset, which may take from the peer what it was sent before.
 *
 * All that lingers has the same time, so the list is in order of deadlines, and
 * one timer for the first of them is enough: closing allocates nothing.
 */
#include <errno.h>

#include "base/sys.h"
#include "base/util.h"
#include "io/stream.h"

/* How many reads are discarded in one go. */
#define DISCARDS 16

/* ---- the descriptor -------------------------------------------------------------------------- */

static void leave_lingering(aio_stream *stream)
{
    aio__io *io = stream->io;
    if (!aio__link_linked(&stream->lingering))
        return;
    aio__link_remove(&stream->lingering);
    if (aio__list_empty(&io->lingering))
        (void)aio__loop_timer_stop(io->loop, &io->linger_timer);
}

/* What a stream has of its loop. */
static void leave_loop(aio_stream *stream)
{
    aio__stream_background_stop(stream);
    leave_lingering(stream);
    aio__watch_close(stream->io->loop, &stream->watch);
    aio__buffer_clear(&stream->in, stream->io->chunks);
    aio__buffer_clear(&stream->out, stream->io->chunks);
    stream->io = NULL;
}

void aio__stream_finish(aio_stream *stream)
{
    int saved = errno;
    if (stream->io != NULL)
        leave_loop(stream);
    if (stream->was_blocking && !stream->inherited)
        aio__set_blocking(stream->fd);
    /* Interrupted or not, it is closed now. */
    (void)aio__sys_close(stream->fd);
    errno = saved;
    aio__stream_enter(stream);
    stream->fd = -1;
    aio__stream_leave(stream);
}

/* The peer shall see that something is missing.  In a child it is not: the parent sends it. */
static void close_will_reset(aio_stream *stream)
{
    if (stream->operations->reset != NULL && !stream->inherited)
        stream->operations->reset(stream);
}

static void finish_with_reset(aio_stream *stream)
{
    close_will_reset(stream);
    aio__stream_finish(stream);
}

/* ---- lingering ------------------------------------------------------------------------------- */

static void discard_in_background(aio__handle *handle);

/* Reads and forgets: 1 if there may be more at once; 0 it must be waited for; < 0 that's all. */
static int discard(aio_stream *stream)
{
    ssize_t n = 1;
    char *chunk = aio__pool_get(stream->io->chunks);
    if (chunk == NULL)
        return -ENOMEM;
    for (int i = 0; i < DISCARDS && n > 0 && !aio__stream_drained(stream); i++)
        n = aio__stream_try_read(stream, chunk, AIO__CHUNK_SIZE);
    aio__pool_put(stream->io->chunks, chunk);
    if (n == 0 || (n < 0 && n != -EAGAIN))
        return -EPIPE;
    return !aio__stream_drained(stream);
}

static void discard_some(aio_stream *stream)
{
    int rc = discard(stream);
    if (rc == 0)
        rc = aio__stream_background_wait(stream, AIO__READ, discard_in_background);
    else if (rc > 0)
        aio__loop_enqueue(stream->io->loop, &stream->background);
    if (rc < 0)
        aio__stream_finish(stream);
}

static void discard_in_background(aio__handle *handle)
{
    aio_stream *stream = aio__container(handle, aio_stream, background);
    aio__watch_unwait(stream->io->loop, &stream->watch, &stream->background_watcher);
    stream->drained = false;
    discard_some(stream);
}

/* The peer may still read what we have sent, and does not end before we do. */
static bool must_discard(const aio_stream *stream)
{
    return stream->operations->lingers && stream->taken != 0 && !stream->ended &&
           stream->read_error == 0 && stream->write_error == 0;
}

void aio__stream_linger(aio_stream *stream)
{
    if (!must_discard(stream)) {
        aio__stream_finish(stream);
        return;
    }
    if (!stream->shut && stream->operations->shutdown(stream) < 0) {
        aio__stream_finish(stream);
        return;
    }
    stream->shut = true;
    stream->background.run = discard_in_background;
    discard_some(stream);
}

static void start_timer(aio__io *io);

/* Time is over for the first ones. */
static void end_lingering(aio__handle *handle)
{
    aio__io *io = aio__container(handle, aio__io, linger_timer.handle);
    while (!aio__list_empty(&io->lingering)) {
        aio_stream *stream = aio__container(io->lingering.head.next, aio_stream, lingering);
        if (stream->deadline > io->loop->now)
            break;
        if (aio__buffer_size(&stream->out) != 0)
            finish_with_reset(stream);
        else
            aio__stream_finish(stream);
    }
    if (!aio__list_empty(&io->lingering))
        start_timer(io);
}

static void start_timer(aio__io *io)
{
    aio_stream *first = aio__container(io->lingering.head.next, aio_stream, lingering);
    io->linger_timer.handle.run = end_lingering;
    io->linger_timer.handle.place = AIO__PLACE_ANY;
    aio__loop_timer_start(io->loop, &io->linger_timer, first->deadline);
}

static void begin_lingering(aio_stream *stream)
{
    aio__io *io = stream->io;
    stream->deadline = aio__time_after(aio__loop_update_time(io->loop), AIO__LINGER_TIME);
    bool first = aio__list_empty(&io->lingering);
    aio__list_push_back(&io->lingering, &stream->lingering);
    if (first)
        start_timer(io);
    aio__buffer_clear(&stream->in, io->chunks);
    if (aio__buffer_size(&stream->out) == 0) {
        aio__stream_background_stop(stream);
        aio__stream_linger(stream);
    }
}

/* ---- the loop's end -------------------------------------------------------------------------- */

/* The kernel goes on with what it has, unless the descriptor is closed with data unread. */
static void leave_to_kernel(aio_stream *stream)
{
    stream->drained = false;
    if (must_discard(stream) && !stream->inherited)
        (void)discard(stream);
    aio__stream_finish(stream);
}

/* The descriptor stays open.  Its close may be the process's end, so what that will be is said now,
 * and to the user when he closes. */
static void leave_to_user(aio_stream *stream)
{
    if (aio__buffer_size(&stream->out) != 0) {
        close_will_reset(stream);
        stream->write_error = -ECANCELED;
    }
    leave_loop(stream);
}

void aio__stream_lose_loop(aio__owned *owned)
{
    aio_stream *stream = aio__container(owned, aio_stream, owned);
    stream->users = 0; /* tasks that are inside never go on */
    stream->reading = false;
    stream->inherited = stream->io != NULL && stream->io->process != aio__sys_getpid();
    if (!stream->closed && !stream->held && !stream->inherited)
        aio__debug_tell_open(stream->io->loop, "a stream", stream->fd);
    if (!stream->closed)
        leave_to_user(stream);
    else if (stream->fd >= 0 && aio__buffer_size(&stream->out) != 0)
        finish_with_reset(stream);
    else if (stream->fd >= 0)
        leave_to_kernel(stream);
    else {
        aio__stream_enter(stream);
        aio__stream_leave(stream);
    }
}

/* ---- the calls ------------------------------------------------------------------------------- */

int aio_stream_close(aio_stream *stream)
{
    if (stream == NULL)
        return 0;
    int rc = stream->told ? 0 : stream->write_error;
    stream->closed = true;
    aio__stream_end_reader(stream);
    aio__stream_end_writers(stream);
    if (stream->io != NULL && (aio__buffer_size(&stream->out) != 0 || must_discard(stream)))
        begin_lingering(stream);
    else
        aio__stream_finish(stream);
    return rc;
}

void aio_stream_abort(aio_stream *stream)
{
    if (stream == NULL)
        return;
    stream->closed = true;
    aio__stream_end_reader(stream);
    aio__stream_end_writers(stream);
    finish_with_reset(stream);
}
