/*
 * A state machine again, but for the content a byte at a time: there is little
 * else in a body, and nothing of it is kept.
 */
#include "body.h"

#include "syntax.h"

#define LONGEST_SIZE 16 /* digits, leading zeros included */

void http_body_init(http_body *body, const struct http_request *request,
                    const struct http_limits *limits)
{
    *body = (http_body){.limit = limits->body, .left = request->length};
    if (request->chunked)
        body->state = HTTP_CHUNK_SIZE;
    else if (request->length > 0)
        body->state = HTTP_BODY_CONTENT;
}

static int enter(http_body *body, enum http_body_state state)
{
    body->state = state;
    return HTTP_MORE;
}

static int enter_if(http_body *body, bool condition, enum http_body_state state)
{
    return condition ? enter(body, state) : 400;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static int in_size(http_body *body, char byte)
{
    int digit = http_hex(byte);
    if (digit >= 0) {
        /* Sixteen digits are 64 bits: the shift loses nothing. */
        if (++body->digits > LONGEST_SIZE)
            return 400;
        body->left = body->left << 4 | (uint64_t)digit;
        return HTTP_MORE;
    }
    if (body->digits == 0)
        return 400;
    if (byte == ';')
        return enter(body, HTTP_CHUNK_EXTENSION);
    return enter_if(body, byte == '\r', HTTP_CHUNK_SIZE_LF);
}

static int in_extension(http_body *body, char byte)
{
    if (byte == '\r')
        return enter(body, HTTP_CHUNK_SIZE_LF);
    body->extension++;
    body->extensions++;
    bool bounded =
        body->extension <= HTTP_EXTENSION_LIMIT && body->extensions <= HTTP_EXTENSIONS_LIMIT;
    return bounded && http_is(byte, HTTP_VALUE) ? HTTP_MORE : 400;
}

static int end_size(http_body *body, char byte)
{
    if (byte != '\n')
        return 400;
    if (body->left > body->limit - body->received)
        return 413;
    return enter(body, body->left > 0 ? HTTP_CHUNK_CONTENT : HTTP_TRAILER_START);
}

static int begin_chunk(http_body *body, char byte)
{
    body->digits = 0;
    body->extension = 0;
    return enter_if(body, byte == '\n', HTTP_CHUNK_SIZE);
}

/* ---- trailers -------------------------------------------------------------------------------- */

static int at_trailer(http_body *body, char byte)
{
    if (byte == '\r')
        return enter(body, HTTP_TRAILERS_LF);
    return enter_if(body, http_is(byte, HTTP_TOKEN), HTTP_TRAILER_NAME);
}

static int in_trailer_name(http_body *body, char byte)
{
    if (byte == ':')
        return enter(body, HTTP_TRAILER_VALUE);
    return http_is(byte, HTTP_TOKEN) ? HTTP_MORE : 400;
}

static int in_trailer_value(http_body *body, char byte)
{
    if (byte == '\r')
        return enter(body, HTTP_TRAILER_LF);
    return http_is(byte, HTTP_VALUE) ? HTTP_MORE : 400;
}

static int end_trailers(http_body *body, char byte)
{
    if (byte != '\n')
        return 400;
    body->state = HTTP_BODY_ENDED;
    return HTTP_COMPLETE;
}

static int in_trailers(http_body *body, char byte)
{
    if (++body->trailers > HTTP_TRAILERS_LIMIT)
        return 431;
    switch (body->state) {
    case HTTP_TRAILER_START:
        return at_trailer(body, byte);
    case HTTP_TRAILER_NAME:
        return in_trailer_name(body, byte);
    case HTTP_TRAILER_VALUE:
        return in_trailer_value(body, byte);
    case HTTP_TRAILER_LF:
        return enter_if(body, byte == '\n', HTTP_TRAILER_START);
    default:
        return end_trailers(body, byte);
    }
}

/* ---- the machine ----------------------------------------------------------------------------- */

/* One byte of framing. */
static int step(http_body *body, char byte)
{
    switch (body->state) {
    case HTTP_CHUNK_SIZE:
        return in_size(body, byte);
    case HTTP_CHUNK_EXTENSION:
        return in_extension(body, byte);
    case HTTP_CHUNK_SIZE_LF:
        return end_size(body, byte);
    case HTTP_CHUNK_CR:
        return enter_if(body, byte == '\r', HTTP_CHUNK_LF);
    case HTTP_CHUNK_LF:
        return begin_chunk(body, byte);
    default:
        return in_trailers(body, byte);
    }
}

static bool in_content(const http_body *body)
{
    return body->state == HTTP_BODY_CONTENT || body->state == HTTP_CHUNK_CONTENT;
}

static int take_content(http_body *body, const char *data, size_t size,
                        struct http_content *out_content)
{
    size_t taken = size < body->left ? size : (size_t)body->left;
    *out_content = (struct http_content){data, taken};
    body->received += taken;
    body->left -= taken;
    if (body->left > 0)
        return HTTP_MORE;
    if (body->state == HTTP_CHUNK_CONTENT)
        return enter(body, HTTP_CHUNK_CR);
    body->state = HTTP_BODY_ENDED;
    return HTTP_COMPLETE;
}

int http_body_run(http_body *body, const char *data, size_t size, size_t *out_used,
                  struct http_content *out_content)
{
    int verdict = http_body_ended(body) ? HTTP_COMPLETE : HTTP_MORE;
    size_t used = 0;
    *out_content = (struct http_content){0};
    while (verdict == HTTP_MORE && used < size && !in_content(body))
        verdict = step(body, data[used++]);
    if (verdict == HTTP_MORE && used < size) {
        verdict = take_content(body, data + used, size - used, out_content);
        used += out_content->size;
    }
    *out_used = used;
    return verdict;
}
