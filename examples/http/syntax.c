/*
 * The table, and the few texts that have a grammar of their own.
 */
#include "syntax.h"

/* What a byte can be part of, in letters: Token, Path, Value, Host. */
#define V HTTP_VALUE
#define PV (HTTP_PATH | HTTP_VALUE)
#define TV (HTTP_TOKEN | HTTP_VALUE)
#define TPV (HTTP_TOKEN | HTTP_PATH | HTTP_VALUE)
#define ALL (HTTP_TOKEN | HTTP_PATH | HTTP_VALUE | HTTP_HOST)
#define SIXTEEN(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x

/* A backslash is no part of a path: too many take it for a slash. */
/* clang-format off */
const unsigned char http_classes[256] = {
    /* control characters, of which a tab alone is allowed, and in values only */
    0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0, SIXTEEN(0),
    /*  !"#$%&'()*+,-./ */
    V, TPV, V, TV, TPV, TPV, TPV, TPV, PV, PV, TPV, TPV, PV, ALL, ALL, PV,
    /* 0123456789:;<=>? */
    ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, PV, PV, V, PV, V, V,
    /* @A ... Z[\]^_ */
    PV, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
    ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, PV, V, PV, TPV, ALL,
    /* `a ... z{|}~ and DEL */
    TPV, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
    ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, PV, TPV, PV, ALL, 0,
    /* beyond ASCII */
    SIXTEEN(V), SIXTEEN(V), SIXTEEN(V), SIXTEEN(V), SIXTEEN(V), SIXTEEN(V), SIXTEEN(V), SIXTEEN(V),
};
/* clang-format on */

int http_hex(char byte)
{
    if (http_is_digit(byte))
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

bool http_same(const char *text, const char *lower, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((text[i] | 0x20) != lower[i])
            return false;
    return true;
}

/* The size of the host at the start of a text; 0 if there is none. */
static size_t host_size(const char *text, size_t size)
{
    if (size == 0 || text[0] != '[')
        return http_run(text, 0, size, HTTP_HOST);
    size_t i = 1;
    while (i < size && (http_hex(text[i]) >= 0 || text[i] == ':' || text[i] == '.'))
        i++;
    return i > 2 && i < size && text[i] == ']' ? i + 1 : 0;
}

bool http_is_authority(const char *text, size_t size)
{
    size_t i = host_size(text, size);
    unsigned port = 0;
    if (i == 0)
        return false;
    if (i == size)
        return true;
    if (text[i] != ':' || i + 1 == size)
        return false;
    for (i++; i < size; i++) {
        if (!http_is_digit(text[i]))
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}
