/*
 * What the io and net layers keep per loop, as the loop's extension.
 *
 * Whatever must hear of the loop's end (each stream, each listener) embeds an
 * aio__owned.  So this file knows none of them.
 */
#ifndef AIO_IO_IO_H
#define AIO_IO_IO_H

#include <sys/types.h>

#include "base/list.h"
#include "base/pool.h"
#include "loop/loop.h"

typedef struct aio__io aio__io;
typedef struct aio__owned aio__owned;

/* One that is told when the loop closes, while all of that is still there. */
struct aio__owned {
    aio__link link;
    void (*close)(aio__owned *owned); /* it is out of the list already */
};

/* How large a block of io->chunks is: eight of them, and their header, are 64 KiB. */
#define AIO__CHUNK_SIZE 8176

struct aio__io {
    aio__extension extension;
    aio_loop *loop;
    pid_t process; /* that made it; a child shares what it has open */
    aio__list owned;
    aio__pool *chunks;       /* the first storage of every buffer */
    aio__list lingering;     /* streams that are closed and still sending, by their deadlines */
    aio__timer linger_timer; /* for the first of them; its place in the heap is reserved */
};

/* The loop's, made at the first call; NULL without memory. */
aio__io *aio__io_of(aio_loop *loop);

static inline void aio__io_own(aio__io *io, aio__owned *owned)
{
    aio__list_push_back(&io->owned, &owned->link);
}

static inline void aio__io_disown(aio__owned *owned)
{
    if (aio__link_linked(&owned->link))
        aio__link_remove(&owned->link);
}

#endif
