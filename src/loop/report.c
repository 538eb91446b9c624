/*
 * Reports: failures that had no caller to return to go to the loop's exception
 * handler.  The default one writes a line, made in a small buffer and written at
 * once, for it may be called on a task's stack.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <aio/loop.h>

#include "base/compat.h"
#include "loop/loop.h"

static void write_failure(const aio_failure *failure)
{
    char line[256];
    const char *name = failure->name != NULL ? failure->name : "";
    int length = snprintf(line, sizeof line, "aio: %s%s%s: %s (%s)\n", failure->message,
                          name[0] != '\0' ? ": " : "", name, aio_strerror(failure->error),
                          aio_errname(failure->error));
    if (length <= 0)
        return;
    size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    line[size - 1] = '\n'; /* also where the line was cut */
    /* If nobody reads the error stream, there is nobody to tell. */
    if (aio__write(STDERR_FILENO, line, size) < 0)
        return;
}

void aio__loop_report(aio_loop *loop, const char *message, const char *name, int error)
{
    aio_failure failure = {message, name, error};
    int saved = errno;
    void *current = loop != NULL ? loop->current : NULL;
    if (loop == NULL || loop->exception_handler == NULL) {
        write_failure(&failure);
    } else {
        loop->current = NULL; /* whichever stack this is: the handler must not suspend */
        loop->exception_handler(loop, &failure, loop->exception_arg);
        loop->current = current;
    }
    errno = saved;
}

int aio_loop_set_exception_handler(aio_loop *loop, aio_exception_handler handler, void *arg)
{
    if (loop == NULL)
        return -EINVAL;
    loop->exception_handler = handler;
    loop->exception_arg = arg;
    return 0;
}
