/*
 * Numeric addresses, and the few names that need no name service.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <aio/base.h>

static aio__address make_v4(struct in_addr host)
{
    aio__address address = {.size = sizeof address.name.v4};
    address.name.v4.sin_family = AF_INET;
    address.name.v4.sin_addr = host;
    return address;
}

static aio__address make_v6(struct in6_addr host)
{
    aio__address address = {.size = sizeof address.name.v6};
    address.name.v6.sin6_family = AF_INET6;
    address.name.v6.sin6_addr = host;
    return address;
}

int aio__address_port(const aio__address *address)
{
    if (aio__address_family(address) == AF_INET)
        return ntohs(address->name.v4.sin_port);
    return ntohs(address->name.v6.sin6_port);
}

void aio__address_set_port(aio__address *address, int port)
{
    if (aio__address_family(address) == AF_INET)
        address->name.v4.sin_port = htons((uint16_t)port);
    else
        address->name.v6.sin6_port = htons((uint16_t)port);
}

/* The number behind the '%' of a link-local address; false if it is none. */
static bool parse_scope(const char *text, uint32_t *out_scope)
{
    uint32_t scope = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || scope > UINT32_MAX / 10 - 1)
            return false;
        scope = scope * 10 + (uint32_t)(*text - '0');
    }
    *out_scope = scope;
    return true;
}

static bool parse_v6(const char *text, aio__address *out_address)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr number;
    uint32_t scope = 0;
    size_t length = strcspn(text, "%");
    if (length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (text[length] == '%' && !parse_scope(text + length + 1, &scope))
        return false;
    if (inet_pton(AF_INET6, host, &number) != 1)
        return false;
    *out_address = make_v6(number);
    out_address->name.v6.sin6_scope_id = scope;
    return true;
}

static int parse_host(const char *text, bool passive, aio__address *out_addresses)
{
    struct in_addr v4;
    if (text == NULL || strcasecmp(text, "localhost") == 0) {
        bool any = text == NULL && passive;
        v4.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
        out_addresses[0] = make_v6(any ? in6addr_any : in6addr_loopback);
        out_addresses[1] = make_v4(v4);
        return 2;
    }
    if (inet_pton(AF_INET, text, &v4) == 1)
        out_addresses[0] = make_v4(v4);
    else if (!parse_v6(text, &out_addresses[0]))
        return -AIO_ENAME;
    return 1;
}

int aio__address_parse(const char *text, int port, bool passive,
                       aio__address out_addresses[AIO__ADDRESSES])
{
    if (port < 0 || port > 65535 || (port == 0 && !passive))
        return -EINVAL;
    int count = parse_host(text, passive, out_addresses);
    for (int i = 0; i < count; i++)
        aio__address_set_port(&out_addresses[i], port);
    return count;
}
