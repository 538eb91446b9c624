/*
 * Reports: failures that had no caller to return to go to the loop's exception
 * handler.  The default one writes a line, made in a small buffer and written at
 * once, for it may be called on a task's stack.
 */
#include <errno.h>

#include <aio/loop.h>

#include "base/line.h"
#include "loop/loop.h"

/* Adds a part that is there, after a colon. */
static void add_part(aio__line *line, const char *part)
{
    if (part == NULL || part[0] == '\0')
        return;
    aio__line_add(line, ": ");
    aio__line_add(line, part);
}

void aio_loop_default_exception_handler(aio_loop *loop, const aio_failure *failure, void *arg)
{
    aio__line line;
    (void)loop;
    (void)arg;
    if (failure == NULL)
        return;
    aio__line_init(&line);
    aio__line_add(&line, "aio");
    add_part(&line, failure->message);
    add_part(&line, failure->name);
    if (failure->place != NULL)
        aio__line_add(&line, ", from ");
    aio__line_add(&line, failure->place);
    if (failure->error != 0) {
        add_part(&line, aio_strerror(failure->error));
        aio__line_add(&line, " (");
        aio__line_add(&line, aio_errname(failure->error));
        aio__line_add(&line, ")");
    }
    aio__line_write(&line);
}

aio__aside aio__aside_begin(aio_loop *loop)
{
    aio__aside aside = {loop->current, loop->behind, loop->context};
    if (loop->current != NULL)
        loop->behind = loop->current;
    loop->current = NULL;
    return aside;
}

void aio__aside_end(aio_loop *loop, const aio__aside *aside)
{
    loop->current = aside->current;
    loop->behind = aside->behind;
    loop->context = aside->context;
}

static void call_handler(aio_loop *loop, const aio_failure *failure)
{
    aio__aside aside = aio__aside_begin(loop);
    loop->handling = true;
    loop->exception_handler(loop, failure, loop->exception_arg);
    loop->handling = false;
    aio__aside_end(loop, &aside);
}

void aio__loop_tell(aio_loop *loop, const aio_failure *failure)
{
    int saved = errno;
    if (loop == NULL || loop->exception_handler == NULL || loop->handling)
        aio_loop_default_exception_handler(loop, failure, NULL);
    else
        call_handler(loop, failure);
    errno = saved;
}

void aio__loop_report(aio_loop *loop, const char *message, const char *name, int error)
{
    aio__loop_tell(loop, &(aio_failure){.message = message, .name = name, .error = error});
}

int aio_loop_call_exception_handler(aio_loop *loop, const aio_failure *failure)
{
    if (loop == NULL || failure == NULL)
        return -EINVAL;
    aio__loop_tell(loop, failure);
    return 0;
}

int aio_loop_set_exception_handler(aio_loop *loop, aio_exception_handler handler, void *arg)
{
    if (loop == NULL)
        return -EINVAL;
    loop->exception_handler = handler;
    loop->exception_arg = arg;
    return 0;
}
