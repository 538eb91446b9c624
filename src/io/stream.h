/*
 * A stream's inside.  What it does with its descriptor goes through a table of
 * operations, so that it may be something else below (a TLS session, memory).
 *
 * Reading tries first and waits only for what is known to be drained: after
 * -EAGAIN, or where a short read says so.  Writing sends at once what it can; the
 * rest is queued, up to a high-water mark, and sent by a background handle when
 * the descriptor is writable.
 *
 * Life.  aio_stream_close() and _abort() take the stream from its user; tasks that
 * are inside one of its calls (`users`) are woken and still look at it.  The
 * descriptor goes when nothing is left to send, the structure when it and the last
 * user are gone.
 *
 *     stream.c        making one, its descriptor, its end
 *     stream_fill.c   from the descriptor into memory
 *     stream_read.c   stream_write.c
 *     stream_close.c  closing, lingering
 */
#ifndef AIO_IO_STREAM_H
#define AIO_IO_STREAM_H

#include <aio/stream.h>

#include "io/buffer.h"
#include "io/fd.h"
#include "io/io.h"

#define AIO__HIGH_WATER 65536
#define AIO__LOW_WATER 16384
/* How long a stream that is closed may go on. */
#define AIO__LINGER_TIME AIO_SEC(10)

struct aio__stream_operations {
    /* How many, > 0; 0 at the end; -EAGAIN nothing there; -errno. */
    ssize_t (*read)(aio_stream *stream, void *data, size_t size);
    /* How many, > 0; -EAGAIN no room; -errno. */
    ssize_t (*write)(aio_stream *stream, const void *data, size_t size);
    /* Nothing more will be written: 0, or -errno.  NULL: it has no two halves. */
    int (*shutdown)(aio_stream *stream);
    /* Makes the close that follows a reset: the peer sees that something is missing; or NULL. */
    void (*reset)(aio_stream *stream);
    /* A read that gives less than asked has left nothing. */
    bool short_read_drains;
    /* A close with data unread would take from the peer what it was sent. */
    bool lingers;
};

extern const struct aio__stream_operations aio__tcp_operations, aio__socket_operations,
    aio__pipe_operations, aio__file_operations;

struct aio_stream {
    const struct aio__stream_operations *operations;
    int fd;            /* -1 once closed */
    aio__io *io;       /* NULL once the loop is closed: then it can only be closed */
    aio__owned owned;  /* in io->owned */
    aio__watch watch;  /* edge mode; open as long as the descriptor is */
    unsigned users;    /* tasks inside a call */
    bool held;         /* by a server, which closes it if its handler has not */
    bool was_blocking; /* and is made so again at the end, for those who share it */
    bool closed;       /* its user has let go of it */
    bool inherited;    /* its loop was closed in a child: what is behind fd is the parent's */

    aio__buffer in;
    bool reading;   /* a task is inside a reading call */
    bool drained;   /* nothing there, unless the watch has READ pending */
    bool ended;     /* the end of the stream was read */
    int read_error; /* 0, or the -errno that reading ends with */

    aio__buffer out;      /* not empty: the background waits, or is queued */
    aio__list turns;      /* of tasks that write: the first one may */
    aio__list flushes;    /* of tasks that wait for what they wrote to be sent */
    uint64_t taken, sent; /* bytes in all; the difference is in `out` */
    int write_error;      /* 0, or the -errno that sending ended with */
    bool told;            /* somebody was told of that */
    bool write_ended;     /* nothing more may be written */
    bool shut;            /* and the peer was told, or needs not be */

    aio__handle background; /* sends what is queued; later discards what comes */
    aio__watcher background_watcher;
    aio__link lingering;    /* in io->lingering, while it is closed and not finished */
    int64_t deadline;       /* when that has to end */
};

/* Makes a stream of a non-blocking descriptor; NULL with errno, and fd is still the caller's. */
aio_stream *aio__stream_new(aio_loop *loop, int fd,
                            const struct aio__stream_operations *operations);

/* A task begins, and ends, to use the stream: it is not freed in between. */
static inline void aio__stream_enter(aio_stream *stream)
{
    stream->users++;
}
void aio__stream_leave(aio_stream *stream);
/* A server keeps it in memory while a handler has it; then closes it, if that has not. */
void aio__stream_hold(aio_stream *stream);
void aio__stream_unhold(aio_stream *stream);

/* Closes the descriptor; frees the stream, now or with its last user. */
void aio__stream_finish(aio_stream *stream);
/* Its loop closes: ends what lingers; what its user still holds is left with a descriptor. */
void aio__stream_lose_loop(aio__owned *owned);

/* Reads once, without waiting: as operations->read.  Notes the end, an error, being drained. */
ssize_t aio__stream_try_read(aio_stream *stream, void *data, size_t size);
/* Waits for the first bytes, and reads them into the caller's memory; as aio_stream_read(). */
ssize_t aio__stream_read_directly(aio_stream *stream, void *buffer, size_t size);
/* Adds to the buffer, once; until it has so many bytes: 1; 0 the stream ends before; -errno. */
int aio__stream_fill(aio_stream *stream, size_t missing);
int aio__stream_fill_to(aio_stream *stream, size_t least);
/* Whether a read would get nothing. */
static inline bool aio__stream_drained(const aio_stream *stream)
{
    return stream->drained && (stream->watch.pending & AIO__READ) == 0;
}

/* It is closed: whoever waits to read; to write or for a flush, gets -EBADF. */
void aio__stream_end_reader(aio_stream *stream);
void aio__stream_end_writers(aio_stream *stream);
/* The background handle waits for a direction, or for nothing any more. */
int aio__stream_background_wait(aio_stream *stream, unsigned direction,
                                void (*run)(aio__handle *handle));
void aio__stream_background_stop(aio_stream *stream);
/* It is closed, and what was queued is sent: goes on with its end. */
void aio__stream_linger(aio_stream *stream);

#endif
