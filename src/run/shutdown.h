/*
 * The end of a loop's tasks, before it is closed.
 */
#ifndef AIO_RUN_SHUTDOWN_H
#define AIO_RUN_SHUTDOWN_H

#include <aio/loop.h>

/* Takes the tasks of a loop that does not run down; how many had to be abandoned. */
int aio__shut_down(aio_loop *loop);

#endif
