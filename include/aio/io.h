/*
 * aio/io.h: waiting on descriptors of the program's own.
 *
 *     int rc = aio_fd_wait(fd, AIO_READABLE);    // suspends until there is something
 *     if (rc > 0)
 *         n = read(fd, buffer, sizeof buffer);
 *
 * So a library that brings its own descriptors (libcurl, libpq) works in a
 * task.  For sockets and bytes, aio/stream.h is easier.
 *
 * Thread-safety: of the thread whose loop runs.
 */
#ifndef AIO_IO_H
#define AIO_IO_H

#include <aio/task.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIO_READABLE 1u /* a read won't block: data, the end, a connection, or an error */
#define AIO_WRITABLE 2u /* a write won't block: room, or an error */

/*
 * Waits until the descriptor is ready for one of `events`.  Two tasks may wait on one descriptor,
 * one for each direction.  A regular file is always ready.
 *
 * Returns    which of the events have come, > 0 (an error on the descriptor is all of them);
 *            -ECANCELED; -EBUSY another task waits on that direction, or it is a stream's; -EBADF
 *            not open, or closed by aio_fd_close() meanwhile; -EPERM outside a task; -EINVAL;
 *            -ENOMEM; -ENOSPC.
 * Suspends   always, unless it fails at once.
 * Owns       borrows fd until it returns.
 */
AIO_API int aio_fd_wait(int fd, unsigned events) AIO_MUST_USE;

/*
 * Closes a descriptor that tasks may be waiting on: they get -EBADF.  Readers and writers of the
 * loop are removed.
 *
 * Returns    0; -EBADF; -EBUSY a stream's: aio_stream_close() is what closes it; what close() gave
 *            (the descriptor is closed even so).
 * Suspends   never.
 * Owns       takes fd.
 */
AIO_API int aio_fd_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
