/*
 * Failures that nobody asked about: the line, and the handler that hears of them.
 */
#include <errno.h>

#include "base/sys.h"
#include "support/loop_case.h"

static char written[512];

static ssize_t keep_written(int fd, const void *data, size_t size)
{
    check_int(fd, STDERR_FILENO);
    (void)snprintf(written, sizeof written, "%.*s", (int)size, (const char *)data);
    errno = EIO;
    return (ssize_t)size;
}

TEST(failure_is_a_line_on_the_error_stream_by_default)
{
    aio__sys.write = keep_written;
    errno = 99;
    aio__loop_report(NULL, "task failed", "worker", -ECONNRESET);
    check_int(errno, 99);
    aio__sys.write = aio__sys_real.write;
    check(strstr(written, "task failed: worker: ") != NULL);
    check(strstr(written, "(ECONNRESET)\n") != NULL);
}

TEST(failure_of_nobody_in_particular_names_nobody)
{
    aio__sys.write = keep_written;
    aio__loop_report(NULL, "it failed", NULL, -ENOMEM);
    aio__sys.write = aio__sys_real.write;
    check(strncmp(written, "aio: it failed: ", 16) == 0);
    check(strchr(written, '\n') == written + strlen(written) - 1);
}

TEST(line_of_a_failure_that_is_too_long_is_cut_and_ends_all_the_same)
{
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    aio__sys.write = keep_written;
    aio__loop_report(NULL, "failed", name, -ENOMEM);
    aio__sys.write = aio__sys_real.write;
    check_int(strlen(written), 255);
    check_int(written[254], '\n');
}

static aio_failure told;

static void hear(aio_loop *loop, const aio_failure *failure, void *arg)
{
    check(loop != NULL);
    check_string(arg, "arg");
    told = *failure;
    errno = EIO;
}

TEST(failure_is_told_to_the_exception_handler_that_was_set)
{
    aio_loop *loop = new_loop();
    check_int(aio_loop_set_exception_handler(NULL, hear, NULL), -EINVAL);
    if (loop == NULL)
        return;
    check_int(aio_loop_set_exception_handler(loop, hear, "arg"), 0);
    errno = 99;
    aio__loop_report(loop, "what", "who", -EPIPE);
    check_int(errno, 99);
    check_string(told.message, "what");
    check_string(told.name, "who");
    check_int(told.error, -EPIPE);
    check_int(aio_loop_set_exception_handler(loop, NULL, NULL), 0);
    aio__sys.write = keep_written;
    aio__loop_report(loop, "again", NULL, -EPIPE);
    aio__sys.write = aio__sys_real.write;
    check(strstr(written, "again") != NULL);
    (void)aio_loop_close(loop);
}
