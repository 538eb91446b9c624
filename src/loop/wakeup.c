/*
 * Wake-ups from other threads and from signal handlers.
 *
 * What is posted goes on a lock-free stack; the first since the loop last looked
 * also writes to a descriptor that the selector watches.  The order of the two
 * stores here and of the two loads in aio__wakeup_clear() and _collect(), all of
 * them sequentially consistent, is why none is lost: who finds `woken` set has
 * pushed before the loop clears it, and the loop collects after.
 */
#include <errno.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/sys.h"
#include "loop/loop.h"

/* poll must be told each time that the wake-up is waited for. */
static void want_wakeup(aio_loop *loop)
{
    if (loop->selector.operations->want != NULL)
        loop->selector.operations->want(&loop->selector, loop->wake_reader, 0, AIO__READ);
}

int aio__wakeup_init(aio_loop *loop)
{
    int ends[2];
    if (aio__event_pair(ends) < 0)
        return -errno;
    loop->wake_reader = ends[0];
    loop->wake_writer = ends[1];
    int rc = loop->selector.operations->change(&loop->selector, loop->wake_reader, 0, 0,
                                               AIO__READ | AIO__EDGE);
    if (rc < 0) {
        aio__wakeup_fini(loop);
        return rc;
    }
    want_wakeup(loop);
    return 0;
}

void aio__wakeup_fini(aio_loop *loop)
{
    /* The selector is closed next, and need not be told.  In a forked child it must not be: it is
     * the parent's as well. */
    if (loop->wake_writer != loop->wake_reader)
        (void)aio__sys_close(loop->wake_writer);
    (void)aio__sys_close(loop->wake_reader);
}

void aio__wakeup_send(aio_loop *loop)
{
    static const uint64_t one = 1; /* an eventfd's unit; to a pipe, eight bytes */
    if (atomic_exchange(&loop->woken, true))
        return;
    while (aio__sys_write(loop->wake_writer, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void aio__wakeup_clear(aio_loop *loop)
{
    char sink[64];
    bool is_pipe = loop->wake_reader != loop->wake_writer;
    ssize_t got;
    /* An eventfd is empty after one read; a pipe when it says so. */
    do
        got = aio__sys_read(loop->wake_reader, sink, sizeof sink);
    while ((got > 0 && is_pipe) || (got < 0 && errno == EINTR));
    atomic_store(&loop->woken, false);
    want_wakeup(loop);
}

void aio__wakeup_collect(aio_loop *loop)
{
    aio_handle *newest = atomic_exchange(&loop->posted, NULL), *oldest = NULL;
    while (newest != NULL) {
        aio_handle *next = newest->next_posted;
        newest->next_posted = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        aio_handle *next = oldest->next_posted;
        aio__callback_arrived(loop, oldest);
        oldest = next;
    }
}
