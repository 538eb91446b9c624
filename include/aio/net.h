/*
 * aio/net.h: TCP connections and servers.
 *
 *     static int echo(aio_stream *client, void *arg) {
 *         char data[4096];
 *         ssize_t n;
 *         while ((n = aio_stream_read(client, data, sizeof data)) > 0)
 *             if (aio_stream_write(client, data, (size_t)n) < n)
 *                 break;
 *         return 0;                             // the server closes the stream
 *     }
 *
 *     aio_server *server = aio_serve("127.0.0.1", 8080, echo, NULL);
 *     int rc = aio_server_wait(server);         // until it is cancelled
 *     aio_server_stop(server, AIO_SEC(5));      // clients have five seconds to finish
 *
 * An address is a numeric one (IPv4 or IPv6), or "localhost", or NULL for every
 * interface (where one listens) and "localhost" (where one connects).
 *
 * Thread-safety: of the thread whose loop runs.
 */
#ifndef AIO_NET_H
#define AIO_NET_H

#include <aio/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- connecting ------------------------------------------------------------------------------ */

/*
 * Connects.  "localhost" tries ::1 and 127.0.0.1.  TCP_NODELAY is set.
 *
 * Returns    the stream; NULL with errno: ECONNREFUSED and the like; ECANCELED; EPERM outside a
 *            task; AIO_ENAME an address that is none; EINVAL a port that is none; ENOMEM, EMFILE.
 * Suspends   as a rule.
 * Owns       gives the caller the stream, release with aio_stream_close().
 */
AIO_API aio_stream *aio_connect(const char *address, int port) AIO_MUST_USE;

/* ---- listening ------------------------------------------------------------------------------- */

typedef struct aio_listener aio_listener;

/*
 * Listens (SO_REUSEADDR, a backlog of 1024).  Port 0 is one that the system chooses.
 *
 * Returns    the listener; NULL with errno: EADDRINUSE, EACCES, EADDRNOTAVAIL ...; AIO_ENAME,
 *            EINVAL as aio_connect(); EPERM where no loop runs; ENOMEM, EMFILE.
 * Suspends   never.
 * Owns       gives the caller the listener, release with aio_listener_close().
 */
AIO_API aio_listener *aio_listen(const char *address, int port) AIO_MUST_USE;

/*
 * Waits for the next client.  Connections that failed before they were accepted are passed over;
 * out of descriptors or memory, it tries once a second until there are some again.
 *
 * Returns    the client's stream; NULL with errno: ECANCELED; EBADF closed meanwhile; EBUSY another
 *            task accepts; EPERM outside a task; ENOMEM for a NULL listener.
 * Suspends   only if nobody is waiting to be accepted.
 * Owns       gives the caller the stream, release with aio_stream_close().
 */
AIO_API aio_stream *aio_listener_accept(aio_listener *listener) AIO_MUST_USE;

/* The port that it listens on; -ENOMEM for NULL. */
AIO_API int aio_listener_port(const aio_listener *listener);
/* Stops listening; a task that accepts gets EBADF.  NULL is ignored.  Takes the listener. */
AIO_API void aio_listener_close(aio_listener *listener);

/* ---- serving --------------------------------------------------------------------------------- */

typedef struct aio_server aio_server;
/*
 * Serves one client, in a task of its own that belongs to the server; a failure (but -ECANCELED and
 * a lost connection) is reported.
 */
typedef int (*aio_client_handler)(aio_stream *client, void *arg);

/*
 * Listens, and runs handler(client, arg) in a task for each client; when it returns, the client's
 * stream is closed, if the handler has not done so.  Before, where the handler has not
 * failed, the task waits until what was written is in the system's hands, for at most ten seconds:
 * a peer that has not taken it by then sees a reset.
 *
 * Returns    the server; NULL with errno as aio_listen().
 * Suspends   never.
 * Owns       gives the caller the server, release with aio_server_stop(); borrows arg until then.
 */
AIO_API aio_server *aio_serve(const char *address, int port, aio_client_handler handler,
                              void *arg) AIO_MUST_USE;

/* The port that it listens on; -ENOMEM for NULL. */
AIO_API int aio_server_port(const aio_server *server);
/* How many clients it serves at the moment. */
AIO_API size_t aio_server_clients(const aio_server *server);

/*
 * Waits while it serves (serve_forever): until the waiting task is cancelled, or the server can't
 * go on.
 *
 * Returns    -ECANCELED; 0 if it was stopped meanwhile; what listening failed with; -EPERM outside
 *            a task; -ENOMEM for NULL.
 * Suspends   as long as it serves.
 * Owns       nothing.
 */
AIO_API int aio_server_wait(aio_server *server) AIO_MUST_USE;

/*
 * Stops: accepts nobody any more, gives the clients `grace` ns to finish, cancels those who have
 * not, and waits for them to end.
 *
 * Returns    how many were cancelled; -ENOMEM for NULL; -EPERM outside a task, and then all that
 *            are left are cancelled at once and not waited for.  If the waiting task is cancelled
 *            meanwhile, the grace ends at once, and it is -ECANCELED.  -EDEADLK for one of its own
 *            clients, -EBUSY while another task stops it: nothing has happened then.  A task that a
 *            client waits for is as deadlocked, and is not detected: the stop waits for the client,
 *            and the client for it.
 * Suspends   only if there are clients.
 * Owns       takes the server.
 */
AIO_API int aio_server_stop(aio_server *server, int64_t grace);

/*
 * Whether aio_server_stop() was called: for a handler that would rather wait for its client's next
 * request than for its end.
 */
AIO_API bool aio_server_stopping(const aio_server *server);

#ifdef __cplusplus
}
#endif

#endif
