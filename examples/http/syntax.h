/*
 * The alphabet of HTTP/1.1: which byte may stand where (RFC 9110 5.6, RFC 9112).
 *
 * One table of 256 bytes with a bit for each class, so that a run of bytes costs
 * a load and a test for each of them.
 */
#ifndef HTTP_SYNTAX_H
#define HTTP_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

enum http_class {
    HTTP_TOKEN = 1, /* methods and field names */
    HTTP_PATH = 2,  /* a request's target, but for the '?' */
    HTTP_VALUE = 4, /* what is between a field's colon and its CR */
    HTTP_HOST = 8   /* a host's name, but for an IPv6 address */
};

extern const unsigned char http_classes[256];

static inline bool http_is(char byte, enum http_class class)
{
    return (http_classes[(unsigned char)byte] & class) != 0;
}

/* The first position from `position` on, `end` at most, whose byte is not of the class. */
static inline size_t http_run(const char *data, size_t position, size_t end, enum http_class class)
{
    while (position < end && http_is(data[position], class))
        position++;
    return position;
}

static inline bool http_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static inline bool http_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* What a hexadecimal digit is worth; -1 for any other byte. */
int http_hex(char byte);

/* Whether two texts of one size are the same but for case; `lower` is lower case, and nothing in
 * `text` is a control character. */
bool http_same(const char *text, const char *lower, size_t size);

/* Whether it is a host with or without a port: a name, an IPv4 address, an IPv6 one in brackets. */
bool http_is_authority(const char *text, size_t size);

#endif
