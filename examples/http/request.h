/*
 * What a request's head says: its method and target, how long its body is, and
 * whether the connection goes on behind it.
 *
 * request.c is where fields get their meaning, and where framing that could be
 * read in two ways is refused: 400, and the connection is over, since nobody can
 * say where the next request begins.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method {
    HTTP_UNKNOWN, /* none of the others; 501 */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_CONNECT,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_PATCH
};

/* How much a client may send.  More is answered with the status beside it. */
struct http_limits {
    size_t line;        /* bytes of the request's line, without its CRLF; 414 */
    size_t fields_size; /* bytes of all field lines, with their CRLFs; 431 */
    unsigned fields;    /* how many there are; 431 */
    uint64_t body;      /* bytes of the content; 413 */
};

#define HTTP_LIMITS_INIT                                                                           \
    {                                                                                              \
        8192, 16384, 100, 1048576                                                                  \
    }

/* Positions count from the first byte of the head, so that the head may move while it arrives. */
struct http_request {
    enum http_method method;
    size_t target, target_size; /* as it was sent */
    size_t path, path_size;     /* the target without scheme, host and query; an empty one is "/" */
    unsigned minor;             /* of HTTP/1.minor */
    unsigned seen;              /* private: the fields so far, as enum field of request.c */

    /* Valid once the head is complete: */
    uint64_t length; /* of the body; 0 if it has none, or is chunked */
    bool chunked;
    bool expects_continue; /* the client waits for "100 Continue" before it sends the body */
    bool keep_alive;
};

enum http_method http_method_of(const char *name, size_t size);

/* Splits the target into its parts; `query` is the position of its '?', or of its end.  Returns 0
 * or 400. */
int http_request_set_target(struct http_request *request, const char *head, size_t query);

/* Notes a field.  Returns 0, or the status it is refused with. */
int http_request_add_field(struct http_request *request, const char *name, size_t name_size,
                           const char *value, size_t value_size);

/* After the last field.  Returns 0, or the status the request is refused with. */
int http_request_finish(struct http_request *request, const struct http_limits *limits);

#endif
