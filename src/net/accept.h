/*
 * Accepting from a listener.
 */
#ifndef AIO_NET_ACCEPT_H
#define AIO_NET_ACCEPT_H

#include "net/listener.h"

/* A listener's socket was opened. */
void aio__accept_prepare(struct aio__listening *socket);
/* The listener closes: the task that waits to accept gets -EBADF. */
void aio__accept_end(aio_listener *listener);

/* As aio_listener_accept(): 0, or -errno. */
int aio__accept_client(aio_listener *listener, aio_stream **out_stream);

#endif
