/*
 * An incremental parser for the head of a request.
 *
 *     http_parser parser;
 *     http_parser_init(&parser, &limits);
 *     do
 *         size = ...;                       // more bytes of the same head, from its first on
 *     while ((verdict = http_parser_run(&parser, head, size)) == HTTP_MORE);
 *
 * It is shown the head as far as it has arrived, in one piece that may have
 * moved since the last call, and goes on where it stopped: a client that sends
 * byte by byte costs no more than one that sends all at once.  It keeps
 * positions, no copies, and allocates nothing.
 *
 * However the bytes are cut, the verdict is the same.
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include "request.h"

enum http_verdict {
    HTTP_MORE = 0,     /* not yet; show it more */
    HTTP_COMPLETE = 1, /* the head, or body, has ended */
    /* >= 400: refused with this status.  Nothing behind it can be understood. */
};

/* The states, in the order in which a head goes through them. */
enum http_state {
    HTTP_AT_START,
    HTTP_AT_START_LF, /* of an empty line before the request, of which there may be one */
    HTTP_IN_METHOD,
    HTTP_IN_PATH,
    HTTP_IN_QUERY,
    HTTP_IN_VERSION,
    HTTP_AT_FIELD,
    HTTP_IN_NAME,
    HTTP_BEFORE_VALUE,
    HTTP_IN_VALUE,
    HTTP_AT_FIELD_LF,
    HTTP_AT_END_LF
};

typedef struct http_parser {
    struct http_request request; /* valid when the verdict is HTTP_COMPLETE */
    size_t position;             /* how many bytes were read; of a complete head, its size */

    /* Private: */
    const struct http_limits *limits;
    enum http_state state;
    size_t mark;     /* where the element begins that is being read */
    size_t end;      /* of the path, while in the query; of the name, while in the value */
    size_t name;     /* where the field's name begins */
    size_t limit;    /* the position that the line, or the fields, must not reach ... */
    int over_limit;  /* ... and the status if they do */
    unsigned fields; /* how many have begun */
    char major;
} http_parser;

/* `limits` must outlive the parser's use. */
void http_parser_init(http_parser *parser, const struct http_limits *limits);

/* Returns an enum http_verdict, or a status.  After anything but HTTP_MORE it must not be run
 * again. */
int http_parser_run(http_parser *parser, const char *head, size_t size);

#endif
