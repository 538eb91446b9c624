/*
 * Two descriptors that are connected, for tests: one for the library, the other
 * as its peer.  All are non-blocking and close-on-exec.
 */
#ifndef TESTS_SUPPORT_PAIRS_H
#define TESTS_SUPPORT_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

/* Each returns false, and the test has failed, if there is none to be had. */
bool pairs_unix(int ends[2]);
bool pairs_tcp(int ends[2]);
/* ends[0] is for reading. */
bool pairs_pipe(int ends[2]);
/* A blocking client of a port on loopback, AF_INET or AF_INET6; -1 if it was refused. */
int pairs_connect(int family, int port);
/* Closes both; one that is -1 is none. */
void pairs_close(int ends[2]);

/* Writes until there is no more room; reads until nothing is left: how many bytes. */
size_t pairs_fill(int fd);
size_t pairs_drain(int fd);

void pairs_set_nonblocking(int fd);
/* Makes a TCP socket's close a reset. */
void pairs_reset_on_close(int fd);

#endif
