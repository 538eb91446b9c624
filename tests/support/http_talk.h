/*
 * The HTTP example's server on loopback, and what its clients say, in the same loop.
 *
 *     static int ask(http_server *server)
 *     {
 *         aio_stream *client = dial(server);
 *         say(client, GET);
 *         expect(client, 200);
 *         return aio_stream_close(client);
 *     }
 *
 *     TEST(a_page_is_served)
 *     {
 *         serve(ask);
 *     }
 */
#ifndef TESTS_SUPPORT_HTTP_TALK_H
#define TESTS_SUPPORT_HTTP_TALK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/server.h"
#include "support/test.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define PAGE "Hello, world!\n"

struct session {
    int (*talk)(http_server *server);
    struct http_options options;
};

static inline int run_session(void *arg)
{
    const struct session *session = arg;
    http_server *server = http_server_start("127.0.0.1", 0, &session->options);
    if (server == NULL)
        return -errno;
    int rc = session->talk(server);
    int stopped = http_server_stop(server, AIO_SEC(5));
    check_int(stopped, 0);
    return rc;
}

static inline void serve_with(struct http_options options, int (*talk)(http_server *server))
{
    struct session session = {talk, options};
    check_int(test_run_real(run_session, &session), 0);
}

/* On the virtual clock. */
static inline void serve_virtually(struct http_options options, int (*talk)(http_server *server))
{
    struct session session = {talk, options};
    check_int(test_run(run_session, &session), 0);
}

static inline void serve(int (*talk)(http_server *server))
{
    serve_with((struct http_options)HTTP_OPTIONS_INIT, talk);
}

static inline aio_stream *dial(http_server *server)
{
    return aio_connect("127.0.0.1", http_server_port(server));
}

static inline bool say(aio_stream *client, const char *text)
{
    return check_int(aio_stream_write(client, text, strlen(text)), strlen(text));
}

struct reply {
    char head[1024], content[1024];
    int status;
    bool closes;
};

static inline ssize_t read_content(aio_stream *client, struct reply *reply)
{
    const char *field = strstr(reply->head, "\r\nContent-Length: ");
    size_t size = field != NULL ? (size_t)atoi(field + 18) : 0;
    return size < sizeof reply->content ? aio_stream_read_exactly(client, reply->content, size)
                                        : -EINVAL;
}

/* Returns its status; 0 at the end of the connection; or an error. */
static inline int read_reply(aio_stream *client, bool has_content, struct reply *reply)
{
    *reply = (struct reply){0};
    ssize_t n = aio_stream_read_until(client, "\r\n\r\n", 4, reply->head, sizeof reply->head - 1);
    if (n == -AIO_EINCOMPLETE)
        return aio_stream_buffered(client) == 0 ? 0 : -AIO_EINCOMPLETE;
    if (n < 0)
        return (int)n;
    check(strncmp(reply->head, "HTTP/1.1 ", 9) == 0);
    reply->status = atoi(reply->head + 9);
    reply->closes = strstr(reply->head, "\r\nConnection: close\r\n") != NULL;
    if (has_content && (n = read_content(client, reply)) < 0)
        return (int)n;
    return reply->status;
}

static inline bool expect(aio_stream *client, int status)
{
    struct reply reply;
    return check_int(read_reply(client, true, &reply), status);
}

/* The last reply: says so, and the connection ends behind it. */
static inline bool expect_last(aio_stream *client, int status)
{
    struct reply reply;
    return check_int(read_reply(client, true, &reply), status) && check(reply.closes) &&
           check_int(read_reply(client, true, &reply), 0);
}

#endif
