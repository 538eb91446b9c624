/*
 * Debug mode: steps that take too long, calls from the wrong thread, misuse that
 * has no result to be told by, callbacks that never ran.
 *
 * A step, of a task or a callback, lasts from one aio__loop_take() to the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/line.h"
#include "loop/loop.h"

bool aio__debug_wanted(const aio_options *options)
{
    const char *wanted = aio__environment("AIO_DEBUG");
    return options->debug || (wanted != NULL && wanted[0] != '\0' && strcmp(wanted, "0") != 0);
}

int aio_loop_set_debug(aio_loop *loop, bool debug)
{
    if (loop == NULL)
        return -EINVAL;
    loop->debug = debug;
    loop->step_began = 0;
    return 0;
}

bool aio_loop_debug(const aio_loop *loop)
{
    return loop != NULL && loop->debug;
}

/* ---- slow steps ------------------------------------------------------------------------------ */

void aio__step_begin(aio_loop *loop)
{
    loop->step_began = aio__clock_now();
}

static void tell_slow(aio_loop *loop, int64_t took)
{
    aio__line line;
    aio_failure failure = {.message = line.text};
    aio__extension *tasks = loop->extensions[AIO__EXTENSION_TASK];
    aio__line_init(&line);
    if (loop->current != NULL) {
        aio__line_add(&line, "a step");
        tasks->describe(tasks, &failure);
    } else {
        aio__line_add(&line, "a callback (");
        aio__line_add_code(&line, loop->callback);
        aio__line_add(&line, ")");
    }
    aio__line_add(&line, " took ");
    aio__line_add_duration(&line, took);
    aio__loop_tell(loop, &failure);
}

void aio__step_end(aio_loop *loop)
{
    int64_t began = loop->step_began;
    loop->step_began = 0;
    if (began == 0)
        return;
    int64_t took = aio__clock_now() - began;
    if (took >= loop->options.slow_step)
        tell_slow(loop, took);
}

/* ---- the caller's bugs ----------------------------------------------------------------------- */

/* The handler belongs to the other thread, so this is for the default one. */
int aio__loop_refuse(aio_loop *loop, const char *what)
{
    int saved = errno;
    aio_failure failure = {.message = "a call from another thread than the loop's",
                           .name = what,
                           .error = -EPERM};
    aio_loop_default_exception_handler(loop, &failure, NULL);
    errno = saved;
    return -EPERM;
}

_Noreturn void aio__debug_stop(const char *message, const char *place)
{
    aio_failure failure = {.message = message, .place = place};
    aio_loop_default_exception_handler(NULL, &failure, NULL);
    abort();
}

void aio__debug_tell_open(aio_loop *loop, const char *what, int fd)
{
    aio__line line;
    if (!loop->debug)
        return;
    aio__line_init(&line);
    aio__line_add(&line, what);
    aio__line_add(&line, " is still open when its loop closes: descriptor ");
    aio__line_add_number(&line, (uint64_t)fd);
    aio__loop_report(loop, line.text, NULL, 0);
}

void aio__debug_tell_dropped(aio_loop *loop, size_t count, aio_callback first)
{
    aio__line line;
    if (!loop->debug || count == 0)
        return;
    aio__line_init(&line);
    aio__line_add(&line, "callbacks that never ran: ");
    aio__line_add_number(&line, count);
    aio__line_add(&line, ", the first is ");
    aio__line_add_code(&line, first);
    aio__loop_report(loop, line.text, NULL, 0);
}
