/*
 * aio/stream.h: buffered streams of bytes, asyncio's StreamReader and
 * StreamWriter in one.
 *
 *     char line[256];
 *     ssize_t n;
 *     while ((n = aio_stream_readline(stream, line, sizeof line)) > 0)
 *         if (aio_stream_write(stream, line, (size_t)n) < n)    // fewer: it failed on the way
 *             break;
 *     aio_stream_close(stream);
 *
 * One task reads while another writes; several may write (each write stays in
 * one piece), a second reader is told -EBUSY.  A wait that is cancelled has not
 * happened: not a byte is lost.  A stream keeps no buffer while it has no data.
 *
 * "Suspends only if" is about waiting: a call that reads or writes may also let the
 * others run first, once the step's budget is spent (aio_options.budget), and can
 * be cancelled there.
 *
 * Thread-safety: of the thread whose loop runs.
 */
#ifndef AIO_STREAM_H
#define AIO_STREAM_H

#include <aio/io.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aio_stream aio_stream;

/*
 * Makes a stream of a connected socket, a pipe or the like.  It is made non-blocking, and blocking
 * again at its end if it was (others may share what is behind the descriptor).
 *
 * Returns    the stream; NULL with errno: EBADF, ENOMEM, ENOSPC; EPERM where no loop runs; EBUSY a
 *            descriptor that is watched already.
 * Suspends   never.
 * Owns       takes fd, where it succeeds; gives the caller the stream, release with
 *            aio_stream_close() or aio_stream_abort().
 */
AIO_API aio_stream *aio_stream_open(int fd) AIO_MUST_USE;

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * Reads what is there, at most `size` bytes, waiting for the first.
 *
 * Returns    how many, > 0; 0 at the end of the stream (or of size 0); -ECANCELED, and nothing was
 *            read; -EBUSY another task reads; -EBADF closed meanwhile; -EPERM outside a task;
 *            -ENOMEM; what the system says (-ECONNRESET ...), once all that had come before was
 *            read, and from then on.
 * Suspends   only if nothing is there.
 * Owns       borrows buffer for the call.
 */
AIO_API ssize_t aio_stream_read(aio_stream *stream, void *buffer, size_t size) AIO_MUST_USE;

/*
 * Reads exactly `size` bytes.
 *
 * Returns    size; -AIO_EINCOMPLETE if the stream ended before, and what there was can still be
 *            read; -ECANCELED, and nothing was read; else as aio_stream_read().
 * Suspends   only if they are not there yet.
 * Owns       borrows buffer for the call.
 */
AIO_API ssize_t aio_stream_read_exactly(aio_stream *stream, void *buffer, size_t size) AIO_MUST_USE;

/*
 * Reads up to and including a separator.  Nothing is added behind it.
 *
 * Returns    how many bytes, > 0; -AIO_ELIMIT if they are more than `size`, told as soon as so many
 *            have come without it: nothing was read, so that they can be with more room, or
 *            otherwise; -AIO_EINCOMPLETE if the stream ended
 *            before, and what there was can still be read; -EINVAL an empty separator;
 *            -ECANCELED, and nothing was read; else as aio_stream_read().
 * Suspends   only if it is not there yet.
 * Owns       borrows buffer and separator for the call.
 */
AIO_API ssize_t aio_stream_read_until(aio_stream *stream, const void *separator,
                                      size_t separator_size, void *buffer,
                                      size_t size) AIO_MUST_USE;

/*
 * Reads a line, with its '\n' (the last one may lack it), and puts a '\0' behind it: at most
 * size - 1 bytes.  With exactly so many and no '\n' it waits for one more, or the end.
 *
 * Returns    its length, > 0; 0 at the end; -AIO_ELIMIT, -ECANCELED and others as
 *            aio_stream_read_until().
 * Suspends   only if it is not there yet.
 * Owns       borrows buffer for the call.
 */
AIO_API ssize_t aio_stream_readline(aio_stream *stream, char *buffer, size_t size) AIO_MUST_USE;

/*
 * Waits until at least `least` bytes are buffered and shows all that are, without taking them;
 * aio_stream_consume() takes `size` of them.
 *
 * Returns    how many there are: fewer than `least` only at the stream's end, 0 if there are none;
 *            -ECANCELED and others as aio_stream_read().  Of consume: 0; -EINVAL more than there
 *            are; -EBUSY a task reads.
 * Suspends   peek only if they are not there yet; consume never.
 * Owns       *out_data points into the stream's buffer, until the next call that reads.
 */
AIO_API ssize_t aio_stream_peek(aio_stream *stream, size_t least,
                                const char **out_data) AIO_MUST_USE;
AIO_API int aio_stream_consume(aio_stream *stream, size_t size);

/* How many bytes are buffered; they can be read without suspending. */
AIO_API size_t aio_stream_buffered(const aio_stream *stream);
/* Whether the end was seen and everything before it was read. */
AIO_API bool aio_stream_at_eof(const aio_stream *stream);

/* ---- writing --------------------------------------------------------------------------------- */

/*
 * Writes: sends at once what the system takes, keeps the rest to send it by and by, and waits
 * while more than 64 KiB are kept.
 *
 * Returns    size; fewer if it failed or was cancelled on the way: so many were taken and will be
 *            sent, and the next call gives the error (a cancellation: the next that suspends);
 *            -ECANCELED, and nothing was taken; -EPIPE, -ECONNRESET ...; -EPIPE after
 *            aio_stream_write_eof(); -EBADF closed meanwhile; -EPERM outside a task; -ENOMEM.
 *            SIGPIPE is never raised.
 * Suspends   only if there is no room.
 * Owns       borrows data for the call.
 */
AIO_API ssize_t aio_stream_write(aio_stream *stream, const void *data, size_t size);

/*
 * Waits until all that was written is in the system's hands.
 *
 * Returns    0; -ECANCELED, and it will be sent all the same; what sending failed with; -EBADF
 *            closed meanwhile; -EPERM outside a task.
 * Suspends   only if anything is left to send.
 * Owns       nothing.
 */
AIO_API int aio_stream_flush(aio_stream *stream) AIO_MUST_USE;

/*
 * Ends what we send, once all of it is sent; the peer reads to its end, and we go on reading.
 *
 * Returns    0, also the second time; -ENOTSUP a descriptor with no two halves; errors as
 *            aio_stream_flush() (-ECANCELED while others still write: nothing has happened).
 * Suspends   only if others write, or anything is left to send.
 * Owns       nothing.
 */
AIO_API int aio_stream_write_eof(aio_stream *stream) AIO_MUST_USE;

/* ---- the end --------------------------------------------------------------------------------- */

/*
 * Closes: sends what is left, for at most ten seconds, in the background, and closes the
 * descriptor.  NULL is ignored.
 *
 * Tasks that are inside a call on the stream get -EBADF.  They, and all others, must not use it
 * afterwards: its memory goes with the last of those calls.
 *
 * A TCP connection on which anything was sent is ended first, and what the peer still sends is
 * thrown away until it ends too (in the same ten seconds): closing with data unread is a reset,
 * which might take from the peer what it has not read.  The loop's end ends all of this too: flush
 * first what must arrive.
 *
 * Returns    0; what sending failed with before, if nobody was told of it yet.
 * Suspends   never.
 * Owns       takes the stream.
 */
AIO_API int aio_stream_close(aio_stream *stream);

/*
 * Closes without sending what is left; a TCP peer sees a reset.  NULL is ignored.  For other tasks
 * as aio_stream_close().  Takes stream.
 */
AIO_API void aio_stream_abort(aio_stream *stream);

/* Its descriptor, to ask or set options; -ENOMEM for NULL. */
AIO_API int aio_stream_fd(const aio_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
