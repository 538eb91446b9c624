/*
 * Responses, made once and sent many times, and which of them a request gets.
 *
 * All that does not change is one text from the start, so that a response costs
 * a few memcpy() of known size; the date, and what becomes of the connection,
 * are put between (output.h).
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "request.h"

#define HTTP_HEAD_SIZE 256
#define HTTP_CONTENT_SIZE 256

struct http_response {
    int status;
    char head[HTTP_HEAD_SIZE]; /* the status line and the fixed fields, each with its CRLF */
    size_t head_size;
    const char *content; /* constant */
    size_t content_size; /* HTTP_CONTENT_SIZE at most */
};

/* The statuses that there are responses of. */
#define HTTP_RESPONSES 12

/* What there is to be seen. */
struct http_site {
    struct http_response responses[HTTP_RESPONSES]; /* the page at "/" is the first */
};

void http_site_init(struct http_site *site);

/* What a request is answered with; `head` is its head. */
const struct http_response *http_site_find(const struct http_site *site,
                                           const struct http_request *request, const char *head);

/* What is said with a status; with one that there is no response of, as with 400. */
const struct http_response *http_site_status(const struct http_site *site, int status);

#endif
