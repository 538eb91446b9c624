/*
 * Addresses as programs write them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <aio/base.h>

#include "net/address.h"
#include "support/test.h"

/* The i-th address in words, "family host port". */
static void check_address(const aio__address *address, int family, const char *host, int port)
{
    char text[INET6_ADDRSTRLEN] = "";
    check_int(aio__address_family(address), family);
    const void *bytes = family == AF_INET ? (const void *)&address->name.v4.sin_addr
                                          : (const void *)&address->name.v6.sin6_addr;
    check(inet_ntop(family, bytes, text, sizeof text) != NULL);
    check_string(text, host);
    check_int(aio__address_port(address), port);
    check_int(address->size,
              family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

TEST(numeric_address_is_one_of_its_family)
{
    aio__address addresses[AIO__ADDRESSES];
    if (check_int(aio__address_parse("127.0.0.1", 80, false, addresses), 1))
        check_address(&addresses[0], AF_INET, "127.0.0.1", 80);
    if (check_int(aio__address_parse("255.255.255.255", 65535, true, addresses), 1))
        check_address(&addresses[0], AF_INET, "255.255.255.255", 65535);
    if (check_int(aio__address_parse("::1", 443, false, addresses), 1))
        check_address(&addresses[0], AF_INET6, "::1", 443);
    if (check_int(aio__address_parse("2001:db8::ffff:192.0.2.1", 1, false, addresses), 1))
        check_address(&addresses[0], AF_INET6, "2001:db8::ffff:c000:201", 1);
    if (check_int(aio__address_parse("::", 0, true, addresses), 1))
        check_address(&addresses[0], AF_INET6, "::", 0);
}

TEST(link_local_address_may_have_the_number_of_its_interface)
{
    aio__address addresses[AIO__ADDRESSES];
    if (check_int(aio__address_parse("fe80::1%3", 80, false, addresses), 1))
        check_int(addresses[0].name.v6.sin6_scope_id, 3);
    check_int(aio__address_parse("fe80::1%", 80, false, addresses), -AIO_ENAME);
    check_int(aio__address_parse("fe80::1%eth0", 80, false, addresses), -AIO_ENAME);
    check_int(aio__address_parse("fe80::1%99999999999", 80, false, addresses), -AIO_ENAME);
}

TEST(localhost_is_both_loopback_addresses)
{
    aio__address addresses[AIO__ADDRESSES];
    for (int passive = 0; passive < 2; passive++)
        if (check_int(aio__address_parse("LocalHost", 80, passive != 0, addresses), 2)) {
            check_address(&addresses[0], AF_INET6, "::1", 80);
            check_address(&addresses[1], AF_INET, "127.0.0.1", 80);
        }
}

TEST(no_address_is_every_interface_to_listen_on_and_localhost_to_connect_to)
{
    aio__address addresses[AIO__ADDRESSES];
    if (check_int(aio__address_parse(NULL, 80, true, addresses), 2)) {
        check_address(&addresses[0], AF_INET6, "::", 80);
        check_address(&addresses[1], AF_INET, "0.0.0.0", 80);
    }
    if (check_int(aio__address_parse(NULL, 80, false, addresses), 2)) {
        check_address(&addresses[0], AF_INET6, "::1", 80);
        check_address(&addresses[1], AF_INET, "127.0.0.1", 80);
    }
}

TEST(what_is_no_address_is_told)
{
    static const char *const texts[] = {"",        "localhost.", "example.com", "127.0.0",
                                        "256.1.1.1", "127.0.0.1 ", "::g",         "1:2",
                                        "[::1]",   "01.2.3.4x"};
    aio__address addresses[AIO__ADDRESSES];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_int(aio__address_parse(texts[i], 80, false, addresses), -AIO_ENAME);
    char endless[1000];
    memset(endless, ':', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    check_int(aio__address_parse(endless, 80, false, addresses), -AIO_ENAME);
}

TEST(what_is_no_port_is_told)
{
    aio__address addresses[AIO__ADDRESSES];
    check_int(aio__address_parse("127.0.0.1", -1, true, addresses), -EINVAL);
    check_int(aio__address_parse("127.0.0.1", 65536, true, addresses), -EINVAL);
    check_int(aio__address_parse("127.0.0.1", 0, false, addresses), -EINVAL);
    check_int(aio__address_parse("127.0.0.1", 0, true, addresses), 1);
}
