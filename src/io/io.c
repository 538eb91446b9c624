/*
 * The io layer's part of a loop: made when first needed, gone with the loop.
 */
#include "io/io.h"

#include <stddef.h>

#include "base/sys.h"

/* A user may still hold streams and listeners: these learn that their loop is gone.  Pools whose
 * blocks are out go with the last of them. */
static void io_close(aio__extension *extension)
{
    aio__io *io = aio__container(extension, aio__io, extension);
    aio__link *link;
    while ((link = aio__list_pop_front(&io->owned)) != NULL) {
        aio__owned *owned = aio__container(link, aio__owned, link);
        owned->close(owned);
    }
    (void)aio__loop_timer_stop(io->loop, &io->linger_timer);
    aio__heap_unreserve(&io->loop->timers);
    aio__pool_close(io->chunks);
    io->loop->extensions[AIO__EXTENSION_IO] = NULL;
    aio__sys_free(io);
}

static aio__io *io_new(aio_loop *loop)
{
    aio__io *io = aio__sys_calloc(1, sizeof *io);
    if (io == NULL)
        return NULL;
    io->extension.close = io_close;
    io->loop = loop;
    io->process = aio__sys_getpid();
    aio__list_init(&io->owned);
    aio__list_init(&io->lingering);
    io->chunks = aio__pool_open(AIO__CHUNK_SIZE);
    if (io->chunks == NULL)
        goto free_io;
    if (aio__heap_reserve(&loop->timers) < 0)
        goto close_chunks;
    return io;

close_chunks:
    aio__pool_close(io->chunks);
free_io:
    aio__sys_free(io);
    return NULL;
}

aio__io *aio__io_of(aio_loop *loop)
{
    if (loop->extensions[AIO__EXTENSION_IO] == NULL) {
        aio__io *io = io_new(loop);
        loop->extensions[AIO__EXTENSION_IO] = io != NULL ? &io->extension : NULL;
        return io;
    }
    return aio__container(loop->extensions[AIO__EXTENSION_IO], aio__io, extension);
}
