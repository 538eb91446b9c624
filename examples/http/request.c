/*
 * The methods, the forms of a target, and the fields that matter to framing:
 * Host, Content-Length, Transfer-Encoding, Connection and Expect.  All others
 * are passed over.
 *
 * A field that decides where the request ends may stand there once only, even
 * if it says the same twice: whoever is between the client and us may have
 * believed the other one.
 */
#include "request.h"

#include <string.h>

#include "syntax.h"

enum field {
    SEEN_HOST = 1,
    SEEN_LENGTH = 2,
    SEEN_ENCODING = 4,
    SEEN_CLOSE = 8,
    SEEN_KEEP_ALIVE = 16,
    SEEN_CONTINUE = 32,
    SEEN_EXPECTATION = 64 /* another one than "100-continue" */
};

/* ---- the first line -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t size;
    enum http_method method;
} methods[] = {
    {"GET", 3, HTTP_GET},         {"HEAD", 4, HTTP_HEAD},     {"POST", 4, HTTP_POST},
    {"PUT", 3, HTTP_PUT},         {"DELETE", 6, HTTP_DELETE}, {"CONNECT", 7, HTTP_CONNECT},
    {"OPTIONS", 7, HTTP_OPTIONS}, {"TRACE", 5, HTTP_TRACE},   {"PATCH", 5, HTTP_PATCH},
};

enum http_method http_method_of(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (methods[i].size == size && memcmp(methods[i].name, name, size) == 0)
            return methods[i].method;
    return HTTP_UNKNOWN;
}

/* "http://host:port/path": the host counts for more than the field of that name. */
static int set_absolute_target(struct http_request *request, const char *head, size_t query)
{
    static const char scheme[] = "http://";
    const size_t scheme_size = sizeof scheme - 1;
    const char *target = head + request->target;
    size_t size = query - request->target;
    if (size < scheme_size || !http_same(target, scheme, scheme_size))
        return 400;
    const char *slash = memchr(target + scheme_size, '/', size - scheme_size);
    size_t host_end = slash != NULL ? (size_t)(slash - target) : size;
    if (!http_is_authority(target + scheme_size, host_end - scheme_size))
        return 400;
    request->path = request->target + host_end;
    request->path_size = size - host_end;
    return 0;
}

int http_request_set_target(struct http_request *request, const char *head, size_t query)
{
    const char *target = head + request->target;
    request->path = request->target;
    request->path_size = query - request->target;
    if (request->method == HTTP_CONNECT)
        return http_is_authority(target, request->target_size) ? 0 : 400;
    if (target[0] == '/')
        return 0;
    if (target[0] == '*')
        return request->method == HTTP_OPTIONS && request->target_size == 1 ? 0 : 400;
    return set_absolute_target(request, head, query);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int once(struct http_request *request, enum field field)
{
    if ((request->seen & field) != 0)
        return 400;
    request->seen |= field;
    return 0;
}

static int add_host(struct http_request *request, const char *value, size_t size)
{
    return http_is_authority(value, size) ? once(request, SEEN_HOST) : 400;
}

/* Digits and nothing else; no more of them than an int64_t holds. */
static int add_length(struct http_request *request, const char *value, size_t size)
{
    uint64_t length = 0;
    if (size == 0 || size > 19)
        return 400;
    for (size_t i = 0; i < size; i++) {
        if (!http_is_digit(value[i]))
            return 400;
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    request->length = length;
    return length > INT64_MAX ? 400 : once(request, SEEN_LENGTH);
}

/* "chunked" is the only coding; where it is not the last one, the end could not be found. */
static int add_encoding(struct http_request *request, const char *value, size_t size)
{
    if (size != 7 || !http_same(value, "chunked", 7))
        return 400;
    request->chunked = true;
    return once(request, SEEN_ENCODING);
}

static void add_option(struct http_request *request, const char *option, size_t size)
{
    if (size == 5 && http_same(option, "close", 5))
        request->seen |= SEEN_CLOSE;
    else if (size == 10 && http_same(option, "keep-alive", 10))
        request->seen |= SEEN_KEEP_ALIVE;
}

/* A list of options with commas between. */
static int add_connection(struct http_request *request, const char *value, size_t size)
{
    size_t i = 0;
    while (i < size) {
        size_t start = i;
        i = http_run(value, i, size, HTTP_TOKEN);
        add_option(request, value + start, i - start);
        while (i < size && http_is_blank(value[i]))
            i++;
        if (i < size && value[i++] != ',')
            return 400;
        while (i < size && http_is_blank(value[i]))
            i++;
    }
    return 0;
}

static int add_expectation(struct http_request *request, const char *value, size_t size)
{
    bool known = size == 12 && http_same(value, "100-continue", 12);
    request->seen |= known ? SEEN_CONTINUE : SEEN_EXPECTATION;
    return 0;
}

static const struct {
    size_t size;
    const char *name; /* in lower case; no two have one size */
    int (*add)(struct http_request *request, const char *value, size_t size);
} fields[] = {
    {4, "host", add_host},
    {6, "expect", add_expectation},
    {10, "connection", add_connection},
    {14, "content-length", add_length},
    {17, "transfer-encoding", add_encoding},
};

int http_request_add_field(struct http_request *request, const char *name, size_t name_size,
                           const char *value, size_t value_size)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].size == name_size && http_same(name, fields[i].name, name_size))
            return fields[i].add(request, value, value_size);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A request over HTTP/1.0 may have come through something that knows no chunks. */
static bool framing_is_ambiguous(const struct http_request *request)
{
    bool chunked = (request->seen & SEEN_ENCODING) != 0;
    return chunked && (request->minor == 0 || (request->seen & SEEN_LENGTH) != 0);
}

static bool keeps_alive(const struct http_request *request)
{
    if ((request->seen & SEEN_CLOSE) != 0 || request->method == HTTP_CONNECT)
        return false;
    return request->minor > 0 || (request->seen & SEEN_KEEP_ALIVE) != 0;
}

int http_request_finish(struct http_request *request, const struct http_limits *limits)
{
    if (request->minor > 0 && (request->seen & SEEN_HOST) == 0)
        return 400;
    if (framing_is_ambiguous(request))
        return 400;
    if (request->length > limits->body)
        return 413;
    if (request->minor > 0 && (request->seen & SEEN_EXPECTATION) != 0)
        return 417;
    request->expects_continue = request->minor > 0 && (request->seen & SEEN_CONTINUE) != 0;
    request->keep_alive = keeps_alive(request);
    return 0;
}
