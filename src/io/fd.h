/*
 * A task that waits for a descriptor: one wait and one watcher, on its stack.
 *
 * Whoever owns the watch can end the wait from outside (aio__fd_wait_end()), and
 * the watch may be gone by the time the task goes on.
 */
#ifndef AIO_IO_FD_H
#define AIO_IO_FD_H

#include "loop/loop.h"
#include "task/wait.h"

typedef struct aio__fd_wait {
    aio__wait wait;
    aio__watcher watcher;
    aio_loop *loop;
    aio__watch *watch; /* valid while watcher.directions is not 0 */
} aio__fd_wait;

/*
 * Waits for one of the directions.  Returns which have come, > 0; -ECANCELED (what had come
 * nevertheless is pending again); -EBADF if the watch was closed; what aio__fd_wait_end() gave;
 * -EPERM, -EBUSY, -ENOMEM, -ENOSPC at once.
 */
int aio__fd_wait_for(aio__fd_wait *self, aio_loop *loop, aio__watch *watch, unsigned directions,
                     const char *what);

/* Ends a wait, which returns `result`; one that was woken already returns what had come, but what
 * had come is pending again, and the watch is free for the next one. */
void aio__fd_wait_end(aio__fd_wait *self, int result);

#endif
