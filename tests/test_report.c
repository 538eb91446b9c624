/*
 * Failures that nobody asked about: the line, and the handler that hears of them.
 */
#include <errno.h>

#include "base/line.h"
#include "base/sys.h"
#include "support/loop_case.h"

static char written[1024];

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
    char name[600];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    aio__sys.write = keep_written;
    aio__loop_report(NULL, "failed", name, -ENOMEM);
    aio__sys.write = aio__sys_real.write;
    check_int(strlen(written), AIO__LINE_SIZE - 1);
    check_int(written[AIO__LINE_SIZE - 2], '\n');
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

TEST(program_may_tell_the_handler_of_failures_of_its_own)
{
    aio_failure failure = {.message = "what", .name = "who", .error = AIO_USER_ERROR(7)};
    aio_loop *loop = new_loop();
    check_int(aio_loop_call_exception_handler(NULL, &failure), -EINVAL);
    if (loop == NULL)
        return;
    check_int(aio_loop_call_exception_handler(loop, NULL), -EINVAL);
    (void)aio_loop_set_exception_handler(loop, hear, "arg");
    check_int(aio_loop_call_exception_handler(loop, &failure), 0);
    check_int(told.error, AIO_USER_ERROR(7));
    (void)aio_loop_close(loop);
}

static void write_down(aio_loop *loop, const aio_failure *failure, void *arg)
{
    ++*(int *)arg;
    aio_loop_default_exception_handler(loop, failure, arg);
}

TEST(handler_may_call_the_default_one)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    aio_loop_default_exception_handler(loop, NULL, NULL);
    (void)aio_loop_set_exception_handler(loop, write_down, &calls);
    aio__sys.write = keep_written;
    if (loop != NULL)
        aio__loop_report(loop, "it is late", "worker", 0);
    aio__sys.write = aio__sys_real.write;
    check_int(calls, loop != NULL);
    if (loop != NULL)
        check_string(written, "aio: it is late: worker\n");
    (void)aio_loop_close(loop);
}

static void fail_in_the_handler(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)failure;
    ++*(int *)arg;
    aio__loop_report(loop, "the handler failed", NULL, -EIO);
}

TEST(what_fails_in_the_handler_goes_to_the_default_one)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    (void)aio_loop_set_exception_handler(loop, fail_in_the_handler, &calls);
    aio__sys.write = keep_written;
    for (int i = 0; i < 2 && loop != NULL; i++)
        aio__loop_report(loop, "it failed", NULL, -ENOMEM);
    aio__sys.write = aio__sys_real.write;
    if (loop != NULL) {
        check_int(calls, 2);
        check(strncmp(written, "aio: the handler failed: ", 25) == 0);
    }
    (void)aio_loop_close(loop);
}
