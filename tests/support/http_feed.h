/*
 * Feeds bytes to the HTTP example's parser and body decoder, as its server would,
 * but without one.
 *
 * The bytes are shown in pieces, and those not shown yet read as others, so that
 * a parser that looks ahead gets lost.  What came of them can be compared.
 */
#ifndef TESTS_SUPPORT_HTTP_FEED_H
#define TESTS_SUPPORT_HTTP_FEED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/body.h"
#include "http/parser.h"

struct http_feed {
    http_parser parser;
    http_body body;
    bool in_body, over;
    size_t start;      /* of what was not used yet */
    int status;        /* 0, or what it was refused with */
    unsigned requests; /* that were complete */
    uint64_t sum;      /* over the content of all of them */
    struct http_request last;
};

static const struct http_limits http_test_limits = HTTP_LIMITS_INIT;

static inline bool http_feed_refuse(struct http_feed *feed, int status)
{
    feed->status = status;
    feed->over = true;
    return false;
}

static inline bool http_feed_head(struct http_feed *feed, const char *data, size_t size)
{
    int verdict = http_parser_run(&feed->parser, data, size);
    if (verdict == HTTP_MORE)
        return false;
    if (verdict != HTTP_COMPLETE)
        return http_feed_refuse(feed, verdict);
    feed->start += feed->parser.position;
    feed->last = feed->parser.request;
    http_body_init(&feed->body, &feed->last, &http_test_limits);
    feed->in_body = true;
    return true;
}

static inline bool http_feed_end_request(struct http_feed *feed)
{
    feed->requests++;
    feed->in_body = false;
    feed->over = !feed->last.keep_alive;
    http_parser_init(&feed->parser, &http_test_limits);
    return !feed->over;
}

static inline bool http_feed_body(struct http_feed *feed, const char *data, size_t size)
{
    struct http_content content;
    size_t used;
    int verdict = http_body_run(&feed->body, data, size, &used, &content);
    feed->start += used;
    for (size_t i = 0; i < content.size; i++)
        feed->sum = feed->sum * 31 + (unsigned char)content.data[i];
    if (verdict == HTTP_COMPLETE)
        return http_feed_end_request(feed);
    return verdict == HTTP_MORE ? used > 0 && used < size : http_feed_refuse(feed, verdict);
}

/* Does what can be done with what is there: a head, or a part of a body.  Whether there may be
 * more. */
static inline bool http_feed_some(struct http_feed *feed, const char *text, size_t shown)
{
    const char *data = text + feed->start;
    size_t size = shown - feed->start;
    return feed->in_body ? http_feed_body(feed, data, size) : http_feed_head(feed, data, size);
}

/* Shows `first` bytes, then `step` more each time. */
static inline struct http_feed http_feed_text(const char *text, size_t size, size_t first,
                                              size_t step)
{
    struct http_feed feed = {0};
    char *buffer = malloc(size + 1);
    if (buffer == NULL)
        return feed;
    memset(buffer, '!', size + 1);
    http_parser_init(&feed.parser, &http_test_limits);
    for (size_t shown = 0; shown < size && !feed.over;) {
        size_t more = shown == 0 ? first : step;
        more = more < size - shown ? more : size - shown;
        memcpy(buffer + shown, text + shown, more);
        shown += more;
        while (!feed.over && http_feed_some(&feed, buffer, shown))
            continue;
    }
    free(buffer);
    return feed;
}

static inline bool http_feed_same(const struct http_feed *a, const struct http_feed *b)
{
    return a->status == b->status && a->requests == b->requests && a->sum == b->sum &&
           (a->status != 0 || a->start == b->start);
}

#endif
