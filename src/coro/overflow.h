/*
 * Stack overflows, told apart from other crashes.
 *
 * A handler of SIGSEGV and SIGBUS on an alternate stack: if the address lies in the guard of
 * the coroutine that runs on this thread, it writes one line with the name of
 * the task and its stack's size, puts the previous disposition back and returns,
 * so that the process then dies as it would have.  Any other address goes to the
 * handler that was there before.
 */
#ifndef AIO_CORO_OVERFLOW_H
#define AIO_CORO_OVERFLOW_H

#include <stdbool.h>

#include "coro/coro.h"

/*
 * Tells of the coroutine that runs on this thread: its stack, and a name that may be read in a
 * signal handler.  NULL outside of any.  Called in a signal handler.
 */
typedef const aio__stack *(*aio__overflow_lookup)(const char **out_name);

/*
 * Watches this thread for stack overflows; as many aio__overflow_stop() end it.  The handler is the
 * process's, installed by the first and put back by the last.  0, or -errno.
 */
int aio__overflow_start(aio__overflow_lookup lookup, size_t guard_size);
void aio__overflow_stop(void);

#endif
