/*
 * Connected pairs.
 */
#include "support/pairs.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

bool pairs_unix(int ends[2])
{
    return check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

bool pairs_pipe(int ends[2])
{
    return check_int(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

/* Connects through a listening socket of its own; on loopback that needs no waiting. */
static bool connect_pair(int listener, int ends[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&name, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&name, &size) < 0)
        return false;
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(ends[0], (struct sockaddr *)&name, size) < 0)
        return false;
    ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

bool pairs_tcp(int ends[2])
{
    ends[0] = ends[1] = -1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect_pair(listener, ends);
    close(listener);
    if (!connected)
        pairs_close(ends);
    return check(connected);
}

int pairs_connect(int family, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
                              .sin6_addr = in6addr_loopback};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                               : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
}

void pairs_close(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

size_t pairs_fill(int fd)
{
    static const char data[65536];
    size_t total = 0;
    ssize_t n;
    while ((n = write(fd, data, sizeof data)) > 0)
        total += (size_t)n;
    while ((n = write(fd, data, 1)) > 0)
        total += (size_t)n;
    return total;
}

size_t pairs_drain(int fd)
{
    static char data[65536];
    size_t total = 0;
    ssize_t n;
    while ((n = read(fd, data, sizeof data)) > 0)
        total += (size_t)n;
    return total;
}

void pairs_set_nonblocking(int fd)
{
    check_int(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

void pairs_reset_on_close(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    check_int(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
}
