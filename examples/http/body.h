/*
 * Finds a request's body in what arrives, by its length or chunk by chunk.
 *
 *     http_body_init(&body, &request, &limits);
 *     do
 *         verdict = http_body_run(&body, data, size, &used, &content);
 *     while (verdict == HTTP_MORE);         // data and size past `used`, or with more
 *
 * It wants no buffer: each call is shown the bytes behind those it has used, and
 * points out the content among them.  The framing of chunks is read as strictly
 * as that of heads; extensions and trailers are read over, and are bounded.
 */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "parser.h"

/* Bytes of one chunk's extension, and of those of all chunks; lines and bytes of the trailers. */
#define HTTP_EXTENSION_LIMIT 256
#define HTTP_EXTENSIONS_LIMIT 16384
#define HTTP_TRAILERS_LIMIT 4096

enum http_body_state {
    HTTP_BODY_ENDED,
    HTTP_BODY_CONTENT, /* `left` bytes by length */
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_EXTENSION,
    HTTP_CHUNK_SIZE_LF,
    HTTP_CHUNK_CONTENT, /* `left` bytes of a chunk */
    HTTP_CHUNK_CR,
    HTTP_CHUNK_LF,
    HTTP_TRAILER_START,
    HTTP_TRAILER_NAME,
    HTTP_TRAILER_VALUE,
    HTTP_TRAILER_LF,
    HTTP_TRAILERS_LF
};

struct http_content {
    const char *data; /* valid while size > 0 */
    size_t size;
};

typedef struct http_body {
    enum http_body_state state;
    uint64_t
        left; /* content still to come, of the body or the chunk; while in its size, that size */
    uint64_t received;                        /* content so far */
    uint64_t limit;                           /* how much content there may be */
    unsigned digits;                          /* of the chunk's size */
    unsigned extension, extensions, trailers; /* bytes read of them */
} http_body;

void http_body_init(http_body *body, const struct http_request *request,
                    const struct http_limits *limits);

/* Whether there is nothing to come; of a request without a body, at once. */
static inline bool http_body_ended(const http_body *body)
{
    return body->state == HTTP_BODY_ENDED;
}

/*
 * Reads on, up to the next content at most.  Returns an enum http_verdict, or the status the body
 * is refused with; HTTP_MORE with *out_used < size says: call again with the rest.
 */
int http_body_run(http_body *body, const char *data, size_t size, size_t *out_used,
                  struct http_content *out_content);

#endif
