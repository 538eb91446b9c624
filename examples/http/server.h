/*
 * An HTTP/1.1 server: a page at "/", and the care that a server on an open
 * network needs.
 *
 *     struct http_options options = HTTP_OPTIONS_INIT;
 *     http_server *server = http_server_start("127.0.0.1", 8080, &options);
 *     int rc = http_server_wait(server);            // until it is cancelled
 *     http_server_stop(server, AIO_SEC(10));
 *
 * Each client has a task (connection.c).  It reads a request, head and body,
 * answers, and reads the next; every wait of it has a deadline.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "output.h"
#include "response.h"

struct http_connection;

struct http_options {
    struct http_limits limits;
    size_t clients;         /* how many are served at a time; the others get 503 */
    int64_t head_timeout;   /* for a whole head, from its first byte; for the first, from the
                               connection's start */
    int64_t body_timeout;   /* for a body ... */
    unsigned body_rate;     /* ... and a second more for so many bytes of it */
    int64_t write_timeout;  /* for the client to take what was written */
    int64_t idle_timeout;   /* between two requests */
    int64_t linger_timeout; /* for the client to read the last response */
};

#define HTTP_OPTIONS_INIT                                                                          \
    {                                                                                              \
        HTTP_LIMITS_INIT, 10000, AIO_SEC(10), AIO_SEC(10), 1024, AIO_SEC(30), AIO_SEC(30),         \
            AIO_SEC(5)                                                                             \
    }

/* Bytes that a client can make the process hold at most, with the usual limits: its task's stack, a
 * head, and responses that it does not read; what the kernel holds not counted. */
#define HTTP_CLIENT_MEMORY 131072

typedef struct http_server {
    struct http_options options;
    struct http_site site;
    struct http_date date;
    struct http_pool pool;
    aio_loop *loop;
    aio_server *server;
    struct http_connection *connections; /* those with a deadline that runs */
    size_t clients;                      /* that are served */
    size_t refused;                      /* that are being told so */
    bool stopping;                       /* no further request is begun */
} http_server;

/* Starts it.  Returns the server, release with http_server_stop(); NULL with errno. */
http_server *http_server_start(const char *address, int port,
                               const struct http_options *options) AIO_MUST_USE;

/* The port that it listens on. */
int http_server_port(const http_server *server);

/* Serves until the waiting task is cancelled: -ECANCELED; or what listening failed with. */
int http_server_wait(http_server *server) AIO_MUST_USE;

/* Closes the connections that are idle, gives the others `grace` ns to finish their request, and
 * frees it.  In a task only.  Returns how many had to be cancelled; -ECANCELED if the task was
 * cancelled meanwhile; and where it is not freed: -EPERM outside a task, -EBUSY while another one
 * stops it, -EDEADLK in one of its clients' tasks. */
int http_server_stop(http_server *server, int64_t grace);

/* Serves one client; `arg` is the http_server. */
int http_connection_serve(aio_stream *stream, void *arg);

/* Closes the connections between two requests; those within one are closed behind it. */
void http_connections_stop(http_server *server);

#endif
