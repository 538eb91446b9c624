/*
 * A listener's inside: one socket for each address, and at most one task that
 * accepts, first from the one, then from the other.
 *
 * Each socket has an edge-triggered watch, and waits, by a handle of its own, only
 * while that task does: so a listener that nobody accepts from keeps no loop alive.
 */
#ifndef AIO_NET_LISTENER_H
#define AIO_NET_LISTENER_H

#include <aio/net.h>

#include "io/io.h"
#include "net/address.h"
#include "task/wait.h"

struct aio__listening {
    int fd;
    bool ready; /* somebody may be waiting to be accepted */
    aio__watch watch;
    aio__watcher watcher;
    aio__handle handle;
    aio_listener *listener;
};

struct aio_listener {
    aio__io *io; /* NULL once the loop is closed */
    aio__owned owned;
    struct aio__listening sockets[AIO__ADDRESSES];
    size_t count;
    size_t next;       /* which one is asked first */
    int port;
    bool accepting;    /* a task is inside aio_listener_accept() */
    bool closed;
    bool starved;      /* out of descriptors or memory, and that was reported */
    unsigned failures; /* in a row */
    aio__wait *waiter; /* the accepting task's wait, until it is woken */
    aio__timer timer;  /* for trying again; its place in the heap is reserved */
};

/* Frees one that is closed. */
void aio__listener_free(aio_listener *listener);

/* ---- accept.c -------------------------------------------------------------------------------- */

/* A socket of the listener was opened. */
void aio__accept_prepare(struct aio__listening *socket);
/* The listener closes: the task that waits to accept gets -EBADF. */
void aio__accept_end(aio_listener *listener);
/* As aio_listener_accept(): 0, or -errno. */
int aio__accept_client(aio_listener *listener, aio_stream **out_stream);
/* Waits before the next try, as where the system has no room: 0; -ECANCELED; -EBADF closed. */
int aio__accept_pause(aio_listener *listener);

#endif
