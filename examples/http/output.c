/*
 * Buffers, the date, and how a response is put together.
 */
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* More would not all be used again soon. */
#define KEPT_BUFFERS 64

/* ---- buffers --------------------------------------------------------------------------------- */

static struct http_buffer *pool_get(struct http_pool *pool)
{
    struct http_buffer *buffer = pool->free;
    if (buffer == NULL)
        return malloc(sizeof *buffer);
    pool->free = buffer->next;
    pool->count--;
    return buffer;
}

static void pool_put(struct http_pool *pool, struct http_buffer *buffer)
{
    if (pool->count == KEPT_BUFFERS) {
        free(buffer);
        return;
    }
    buffer->next = pool->free;
    pool->free = buffer;
    pool->count++;
}

void http_pool_fini(struct http_pool *pool)
{
    while (pool->free != NULL)
        free(pool_get(pool));
}

void http_output_clear(struct http_output *output)
{
    if (output->buffer != NULL)
        pool_put(output->pool, output->buffer);
    output->buffer = NULL;
    output->used = 0;
}

/* ---- the date -------------------------------------------------------------------------------- */

void http_date_update(struct http_date *date, int64_t now)
{
    if (now < date->expires)
        return;
    struct timespec clock = {0, 0};
    struct tm utc = {.tm_mday = 1, .tm_year = 70};
    (void)clock_gettime(CLOCK_REALTIME, &clock);
    (void)gmtime_r(&clock.tv_sec, &utc);
    date->size =
        strftime(date->text, sizeof date->text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    date->expires = now + AIO_SEC(1) - clock.tv_nsec;
}

/* ---- putting together ------------------------------------------------------------------------ */

static void append(struct http_output *output, const char *text, size_t size)
{
    memcpy(output->buffer->data + output->used, text, size);
    output->used += size;
}

static int prepare(struct http_output *output)
{
    if (output->buffer == NULL)
        output->buffer = pool_get(output->pool);
    return output->buffer != NULL ? 0 : -ENOMEM;
}

int http_output_text(struct http_output *output, const char *text, size_t size)
{
    int rc = prepare(output);
    if (rc == 0)
        append(output, text, size);
    return rc;
}

static void append_connection(struct http_output *output, unsigned flags)
{
    static const char close[] = "Connection: close\r\n\r\n";
    static const char keep_alive[] = "Connection: keep-alive\r\n\r\n";
    if ((flags & HTTP_CLOSE) != 0)
        append(output, close, sizeof close - 1);
    else if ((flags & HTTP_KEEP_ALIVE) != 0)
        append(output, keep_alive, sizeof keep_alive - 1);
    else
        append(output, "\r\n", 2);
}

int http_output_response(struct http_output *output, const struct http_response *response,
                         const struct http_date *date, unsigned flags)
{
    int rc = prepare(output);
    if (rc < 0)
        return rc;
    append(output, response->head, response->head_size);
    append(output, date->text, date->size);
    append_connection(output, flags);
    if ((flags & HTTP_WITHOUT_CONTENT) == 0)
        append(output, response->content, response->content_size);
    return 0;
}

/* A write that took less than all has failed, and the next one says why. */
static int write_all(aio_stream *stream, const char *data, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = aio_stream_write(stream, data + sent, size - sent);
        if (n < 0)
            return (int)n;
        sent += (size_t)n;
    }
    return 0;
}

int http_output_send(struct http_output *output, aio_stream *stream)
{
    if (output->used == 0)
        return 0;
    int rc = write_all(stream, output->buffer->data, output->used);
    http_output_clear(output);
    return rc;
}
