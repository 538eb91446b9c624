/*
 * Streams: writing.
 *
 * Those who write take turns, first come, first served, so that each one's bytes
 * stay together.  Whose turn it is sends at once what the descriptor takes, queues
 * up to the high-water mark, and waits for the low one with the rest.  What is
 * queued is sent by the background handle, which then wakes who waited for that.
 *
 * A task may be abandoned while it waits: so the abort functions leave every list.
 */
#include <errno.h>

#include "io/stream.h"
#include "task/scheduler.h"
#include "task/wait.h"

enum waiting { FOR_NOTHING, FOR_TURN, FOR_ROOM };

struct turn {
    aio__wait wait;
    aio__link link; /* in stream->turns */
    aio_stream *stream;
    enum waiting waiting;
};

struct flush {
    aio__wait wait;
    aio__link link;  /* in stream->flushes, until it is woken */
    uint64_t target; /* waits until `sent` is this */
};

/* ---- turns ----------------------------------------------------------------------------------- */

static struct turn *first_turn(const aio_stream *stream)
{
    return aio__list_empty(&stream->turns)
               ? NULL
               : aio__container(stream->turns.head.next, struct turn, link);
}

static void wake_turn(struct turn *turn, int result)
{
    turn->waiting = FOR_NOTHING;
    aio__wake(&turn->wait, result);
}

static void leave_turn(struct turn *turn)
{
    if (!aio__link_linked(&turn->link))
        return;
    bool was_first = first_turn(turn->stream) == turn;
    aio__link_remove(&turn->link);
    struct turn *next = first_turn(turn->stream);
    if (was_first && next != NULL && next->waiting == FOR_TURN)
        wake_turn(next, 0);
}

static bool abort_turn(aio__wait *wait)
{
    struct turn *turn = aio__container(wait, struct turn, wait);
    leave_turn(turn);
    if (turn->waiting == FOR_NOTHING)
        return false;
    wake_turn(turn, -ECANCELED);
    return true;
}

static int wait_in_turn(struct turn *turn, enum waiting waiting)
{
    if (aio__task_running()->doomed)
        leave_turn(turn); /* it may be left standing in the very next line */
    int rc = aio__wait_begin(&turn->wait, abort_turn, "stream write");
    if (rc < 0)
        return rc;
    turn->waiting = waiting;
    return aio__park(&turn->wait);
}

static int enter(aio_stream *stream, unsigned units)
{
    if (stream == NULL)
        return -ENOMEM;
    if (!aio__may_suspend("stream write"))
        return -EPERM;
    if (stream->closed || stream->io == NULL)
        return -EBADF;
    aio__stream_enter(stream);
    int rc = aio__checkpoint(units);
    if (rc < 0)
        aio__stream_leave(stream);
    return rc;
}

static void end_turn(struct turn *turn)
{
    leave_turn(turn);
    aio__stream_leave(turn->stream);
}

static int begin_turn(struct turn *turn, aio_stream *stream)
{
    bool queued = stream != NULL && aio__buffer_size(&stream->out) != 0;
    int rc = enter(stream, queued ? 1 : 6);
    if (rc < 0)
        return rc;
    *turn = (struct turn){.stream = stream};
    aio__list_push_back(&stream->turns, &turn->link);
    if (first_turn(stream) != turn)
        rc = wait_in_turn(turn, FOR_TURN);
    if (rc < 0)
        end_turn(turn);
    return rc;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Why nothing can be written any more; 0 if it can. */
static int check_open(aio_stream *stream)
{
    if (stream->closed)
        return -EBADF;
    if (stream->write_error != 0)
        stream->told = true;
    return stream->write_error;
}

static void fail(aio_stream *stream, int error)
{
    stream->write_error = error;
    aio__buffer_clear(&stream->out, stream->io->chunks);
}

/* Sends until all is gone: 0; or no more is taken: -EAGAIN; or an error. */
static int send_all(aio_stream *stream, const char *data, size_t size, size_t *done)
{
    stream->watch.pending &= ~AIO__WRITE;
    while (*done < size) {
        ssize_t n = stream->operations->write(stream, data + *done, size - *done);
        if (n < 0)
            return (int)n;
        *done += (size_t)n;
    }
    return 0;
}

static int send_queued(aio_stream *stream)
{
    size_t size = aio__buffer_size(&stream->out), done = 0;
    int rc = send_all(stream, aio__buffer_data(&stream->out), size, &done);
    stream->sent += done;
    if (done != 0)
        aio__buffer_consume(&stream->out, stream->io->chunks, done);
    return rc;
}

static int shut_down(aio_stream *stream)
{
    stream->shut = true;
    return stream->operations->shutdown(stream);
}

static void wake_flush(struct flush *flush, int result)
{
    aio__link_remove(&flush->link);
    aio__wake(&flush->wait, result);
}

/* Who waited for room, or for what it wrote to be sent, has got it, or never will. */
static void wake_served(aio_stream *stream)
{
    bool failed = stream->write_error != 0;
    struct turn *turn = first_turn(stream);
    if (turn != NULL && turn->waiting == FOR_ROOM &&
        (failed || aio__buffer_size(&stream->out) <= AIO__LOW_WATER))
        wake_turn(turn, 0);
    while (!aio__list_empty(&stream->flushes)) {
        struct flush *flush = aio__container(stream->flushes.head.next, struct flush, link);
        if (!failed && stream->sent < flush->target)
            break;
        wake_flush(flush, 0);
    }
}

static int arm(aio_stream *stream);

/* The background's step: the descriptor takes more, or has failed. */
static void send_in_background(aio__handle *handle)
{
    aio_stream *stream = aio__container(handle, aio_stream, background);
    aio__watch_unwait(stream->io->loop, &stream->watch, &stream->background_watcher);
    int rc = send_queued(stream);
    if (rc == -EAGAIN)
        rc = arm(stream);
    else if (rc == 0 && stream->write_ended && !stream->shut)
        rc = shut_down(stream);
    if (rc < 0)
        fail(stream, rc);
    wake_served(stream);
    if (stream->closed && aio__buffer_size(&stream->out) == 0)
        aio__stream_linger(stream);
}

static int arm(aio_stream *stream)
{
    if (stream->background_watcher.directions != 0)
        return 0;
    int rc = aio__watch_extend(stream->io->loop, &stream->watch, AIO__WRITE);
    return rc < 0 ? rc : aio__stream_background_wait(stream, AIO__WRITE, send_in_background);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Sends what it can while nothing is queued: 0; -EAGAIN something is left. */
static int send_directly(aio_stream *stream, const char *data, size_t size, size_t *done)
{
    size_t before = *done;
    if (aio__buffer_size(&stream->out) != 0)
        return -EAGAIN;
    int rc = send_all(stream, data, size, done);
    stream->taken += *done - before;
    stream->sent += *done - before;
    /* Without memory it may work the next time; all else is the end. */
    if (rc < 0 && rc != -EAGAIN && rc != -ENOMEM && rc != -ENOBUFS) {
        fail(stream, rc);
        stream->told = *done == 0;
    }
    return rc;
}

/* Queues what there is room for; -EAGAIN if there is none. */
static int queue_some(aio_stream *stream, const char *data, size_t size, size_t *done)
{
    size_t room = AIO__HIGH_WATER - aio__buffer_size(&stream->out), n = size - *done;
    if (room == 0)
        return -EAGAIN;
    if (n > room)
        n = room;
    /* Memory first: whoever is armed must have something to send. */
    int rc = aio__buffer_reserve(&stream->out, stream->io->chunks, n);
    if (rc == 0)
        rc = arm(stream);
    if (rc < 0) {
        if (aio__buffer_size(&stream->out) == 0)
            aio__buffer_clear(&stream->out, stream->io->chunks);
        return rc;
    }
    (void)aio__buffer_append(&stream->out, stream->io->chunks, data + *done, n);
    stream->taken += n;
    *done += n;
    return 0;
}

static int write_all(struct turn *turn, const char *data, size_t size, size_t *done)
{
    aio_stream *stream = turn->stream;
    for (;;) {
        int rc = check_open(stream);
        if (rc < 0)
            return rc;
        if (stream->write_ended)
            return -EPIPE;
        if (*done == size)
            return 0;
        rc = send_directly(stream, data, size, done);
        if (rc == -EAGAIN)
            rc = queue_some(stream, data, size, done);
        if (rc == -EAGAIN)
            rc = wait_in_turn(turn, FOR_ROOM);
        if (rc < 0 || *done == size)
            return rc;
    }
}

ssize_t aio_stream_write(aio_stream *stream, const void *data, size_t size)
{
    struct turn turn;
    size_t done = 0;
    int rc = begin_turn(&turn, stream);
    if (rc < 0)
        return rc;
    rc = write_all(&turn, data, size, &done);
    end_turn(&turn);
    if (rc < 0 && done == 0)
        return rc;
    /* What was taken is the result; the cancellation comes with the next wait. */
    if (rc == -ECANCELED)
        aio__task_running()->must_cancel = true;
    return (ssize_t)done;
}

/* ---- flushing -------------------------------------------------------------------------------- */

static bool abort_flush(aio__wait *wait)
{
    struct flush *flush = aio__container(wait, struct flush, wait);
    if (!aio__link_linked(&flush->link))
        return false;
    wake_flush(flush, -ECANCELED);
    return true;
}

/* Waits until all that was taken so far is sent. */
static int wait_sent(aio_stream *stream)
{
    struct flush flush = {.target = stream->taken};
    int rc = check_open(stream);
    if (rc < 0 || stream->sent >= flush.target)
        return rc;
    rc = aio__wait_begin(&flush.wait, abort_flush, "stream flush");
    if (rc < 0)
        return rc;
    aio__list_push_back(&stream->flushes, &flush.link);
    rc = aio__park(&flush.wait);
    return rc < 0 ? rc : check_open(stream);
}

int aio_stream_flush(aio_stream *stream)
{
    int rc = enter(stream, 1);
    if (rc < 0)
        return rc;
    rc = wait_sent(stream);
    aio__stream_leave(stream);
    return rc;
}

static int end_writing(aio_stream *stream)
{
    int rc = check_open(stream);
    if (rc < 0)
        return rc;
    stream->write_ended = true;
    if (stream->shut || aio__buffer_size(&stream->out) != 0)
        return 0;
    rc = shut_down(stream);
    if (rc < 0) {
        fail(stream, rc);
        stream->told = true;
    }
    return rc;
}

int aio_stream_write_eof(aio_stream *stream)
{
    struct turn turn;
    if (stream != NULL && stream->operations->shutdown == NULL)
        return -ENOTSUP;
    int rc = begin_turn(&turn, stream);
    if (rc < 0)
        return rc;
    rc = end_writing(stream);
    leave_turn(&turn);
    if (rc == 0)
        rc = wait_sent(stream);
    end_turn(&turn);
    return rc;
}

/* ---- the end --------------------------------------------------------------------------------- */

void aio__stream_end_writers(aio_stream *stream)
{
    aio__link *link;
    while ((link = aio__list_pop_front(&stream->turns)) != NULL) {
        struct turn *turn = aio__container(link, struct turn, link);
        if (turn->waiting != FOR_NOTHING)
            wake_turn(turn, -EBADF);
    }
    while (!aio__list_empty(&stream->flushes))
        wake_flush(aio__container(stream->flushes.head.next, struct flush, link), -EBADF);
}
