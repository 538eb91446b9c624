/*
 * Cases for the HTTP example: a text, and what should become of it: HTTP_ACCEPTED,
 * HTTP_CLOSED (accepted as the connection's last request) or a status.
 *
 * http_expect() tries it whole, byte by byte and cut in two at every place, and
 * each of these again with a second request behind it, which must run in the
 * first case only.
 */
#ifndef TESTS_SUPPORT_HTTP_CASE_H
#define TESTS_SUPPORT_HTTP_CASE_H

#include "support/http_feed.h"
#include "support/test.h"

enum { HTTP_ACCEPTED = 0, HTTP_CLOSED = 1 };

struct http_case {
    const char *text;
    size_t size;
    int expected;
};

#define HTTP_CASE(text, expected)                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1, expected                                                           \
    }
#define HTTP_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Cuts a text in every way, and compares with how it fares whole. */
static inline bool http_cut(const char *text, size_t size, const struct http_feed *whole)
{
    struct http_feed bytes = http_feed_text(text, size, 1, 1);
    if (!http_feed_same(&bytes, whole))
        return false;
    for (size_t cut = 1; cut < size && size <= 1024; cut++) {
        struct http_feed halves = http_feed_text(text, size, cut, size);
        if (!http_feed_same(&halves, whole))
            return false;
    }
    return true;
}

static inline bool http_fares(const char *text, size_t size, int status, unsigned requests)
{
    struct http_feed whole = http_feed_text(text, size, size, size);
    return whole.status == status && whole.requests == requests && http_cut(text, size, &whole);
}

/* before + text + after, alone and with a request behind. */
static inline void http_expect(const char *before, const struct http_case *c, const char *after,
                               int line)
{
    static const char second[] = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t before_size = strlen(before), after_size = strlen(after);
    size_t size = before_size + c->size + after_size;
    char *text = malloc(size + sizeof second);
    int status = c->expected > HTTP_CLOSED ? c->expected : 0;
    if (text == NULL)
        return;
    memcpy(text, before, before_size);
    memcpy(text + before_size, c->text, c->size);
    memcpy(text + before_size + c->size, after, after_size);
    memcpy(text + size, second, sizeof second);
    if (!http_fares(text, size, status, status == 0))
        test_fail(__FILE__, line, "alone: not %d: %.60s", c->expected, c->text);
    if (!http_fares(text, size + sizeof second - 1, status,
                    status != 0                  ? 0
                    : c->expected == HTTP_CLOSED ? 1
                                                 : 2))
        test_fail(__FILE__, line, "with another behind it: not %d: %.60s", c->expected, c->text);
    free(text);
}

/* All cases of a table, each between these two texts. */
#define http_expect_all(before, cases, after)                                                      \
    for (size_t i = 0; i < HTTP_COUNT(cases); i++)                                                 \
    http_expect((before), &(cases)[i], (after), __LINE__)

#endif
