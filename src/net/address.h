/*
 * Addresses as programs write them: numeric ones, "localhost", or none at all.
 *
 * No name is ever looked up here: no file, no thread, no waiting.
 */
#ifndef AIO_NET_ADDRESS_H
#define AIO_NET_ADDRESS_H

#include <stdbool.h>

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct aio__address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    socklen_t size;
} aio__address;

/* One of each family, at most. */
#define AIO__ADDRESSES 2

/*
 * The addresses to connect to, or (`passive`) to listen on; IPv6 first.  How many, > 0; -AIO_ENAME
 * what is no address; -EINVAL what is no port.
 */
int aio__address_parse(const char *text, int port, bool passive,
                       aio__address out_addresses[AIO__ADDRESSES]);

static inline int aio__address_family(const aio__address *address)
{
    return address->name.any.sa_family;
}

/* The port, which is at another place in each family. */
int aio__address_port(const aio__address *address);
void aio__address_set_port(aio__address *address, int port);

#endif
