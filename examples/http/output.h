/*
 * What a connection has to send: the responses to all requests that have arrived
 * together go out in one write.
 *
 * A connection holds a buffer only between its first response and that write.
 * They are taken from a pool, which as a rule has no more than one: the write
 * seldom waits.
 */
#ifndef HTTP_OUTPUT_H
#define HTTP_OUTPUT_H

#include <aio/asyncio.h>

#include "response.h"

#define HTTP_OUTPUT_SIZE 16384
/* What a response may add to its head and content: the date, the connection, an empty line. */
#define HTTP_OUTPUT_EXTRA 64
#define HTTP_OUTPUT_ROOM (HTTP_HEAD_SIZE + HTTP_CONTENT_SIZE + HTTP_OUTPUT_EXTRA)

struct http_buffer {
    struct http_buffer *next; /* in the pool */
    char data[HTTP_OUTPUT_SIZE];
};

struct http_pool {
    struct http_buffer *free;
    unsigned count; /* of those that are free */
};

struct http_output {
    struct http_pool *pool;
    struct http_buffer *buffer; /* NULL while nothing is to be sent */
    size_t used;
};

/* "Date: ...\r\n", made anew once a second. */
struct http_date {
    char text[40];
    size_t size;
    int64_t expires; /* in the loop's time */
};

void http_date_update(struct http_date *date, int64_t now);

/* Frees what is in the pool. */
void http_pool_fini(struct http_pool *pool);

enum http_output_flags {
    HTTP_WITHOUT_CONTENT = 1, /* to a HEAD */
    HTTP_CLOSE = 2,           /* the connection ends behind it */
    HTTP_KEEP_ALIVE = 4       /* say that it does not: to HTTP/1.0 */
};

/* Both return 0 or -ENOMEM; there must be room (http_output_full()). */
int http_output_response(struct http_output *output, const struct http_response *response,
                         const struct http_date *date, unsigned flags);
int http_output_text(struct http_output *output, const char *text, size_t size);

static inline bool http_output_full(const struct http_output *output)
{
    return output->used > HTTP_OUTPUT_SIZE - HTTP_OUTPUT_ROOM;
}

/* Writes it all to the stream.  Returns 0, or what the write failed with. */
int http_output_send(struct http_output *output, aio_stream *stream) AIO_MUST_USE;

/* Forgets what was not sent, and gives the buffer back. */
void http_output_clear(struct http_output *output);

#endif
