/*
 * Streams: how they are made, and what becomes of them when their loop goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

static int run_on_pair(int (*function)(void *), bool (*make)(int ends[2]))
{
    int ends[2];
    if (!make(ends))
        return -EMFILE;
    int rc = test_run(function, ends);
    pairs_close(ends);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(stream_needs_a_loop)
{
    errno = 0;
    check(aio_stream_open(0) == NULL);
    check_int(errno, EPERM);
}

static int open_what_is_not_open(void *arg)
{
    (void)arg;
    errno = 0;
    check(aio_stream_open(-1) == NULL);
    check_int(errno, EBADF);
    check(aio_stream_open(1000) == NULL);
    check_int(errno, EBADF);
    return 0;
}

TEST(stream_of_a_descriptor_that_is_not_open_is_an_error)
{
    check_int(test_run(open_what_is_not_open, NULL), 0);
}

static int open_blocking(void *arg)
{
    int *ends = arg;
    int flags = fcntl(ends[0], F_GETFL);
    check_int(fcntl(ends[0], F_SETFL, flags & ~O_NONBLOCK), 0);
    int other = dup(ends[0]);
    aio_stream *stream = aio_stream_open(ends[0]);
    if (stream != NULL) {
        check_int(aio_stream_fd(stream), ends[0]);
        check((fcntl(other, F_GETFL) & O_NONBLOCK) != 0);
        check_int(aio_stream_close(stream), 0);
        ends[0] = -1;
    }
    check((fcntl(other, F_GETFL) & O_NONBLOCK) == 0);
    close(other);
    return 0;
}

TEST(descriptor_that_was_blocking_is_so_again_for_those_who_share_it)
{
    check_int(run_on_pair(open_blocking, pairs_unix), 0);
    check_int(run_on_pair(open_blocking, pairs_pipe), 0);
}

static int open_without_memory(void *arg)
{
    int *ends = arg;
    int flags = fcntl(ends[0], F_GETFL);
    check_int(fcntl(ends[0], F_SETFL, flags & ~O_NONBLOCK), 0);
    faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON);
    errno = 0;
    check(aio_stream_open(ends[0]) == NULL);
    faults_clear();
    check_int(errno, ENOMEM);
    check((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    return 0;
}

TEST(descriptor_is_as_it_was_where_no_stream_can_be_made)
{
    check_int(run_on_pair(open_without_memory, pairs_unix), 0);
}

static int open_twice(void *arg)
{
    int *ends = arg;
    aio_stream *stream = aio_stream_open(ends[0]);
    if (stream == NULL)
        return -errno;
    errno = 0;
    check(aio_stream_open(ends[0]) == NULL);
    check_int(errno, EBUSY);
    ends[0] = -1;
    return aio_stream_close(stream);
}

TEST(second_stream_of_a_descriptor_is_refused)
{
    check_int(run_on_pair(open_twice, pairs_unix), 0);
}

static int wait_readable(void *arg)
{
    return aio_fd_wait(*(int *)arg, AIO_READABLE);
}

static int open_what_is_waited_for(void *arg)
{
    int *ends = arg;
    aio_task *waiter = aio_spawn(wait_readable, &ends[0]);
    int rc = aio_yield();
    errno = 0;
    aio_stream *stream = aio_stream_open(ends[0]);
    check(stream == NULL);
    check_int(errno, EBUSY);
    check_int(aio_task_stop(waiter), 0);
    if (stream == NULL)
        stream = aio_stream_open(ends[0]);
    check(stream != NULL);
    if (stream == NULL)
        return rc;
    ends[0] = -1;
    check_int(write(ends[1], "x", 1), 1);
    char byte;
    check_int(aio_stream_read(stream, &byte, 1), 1);
    (void)aio_stream_close(stream);
    return rc;
}

TEST(stream_of_a_descriptor_that_a_task_waits_for_is_refused_until_it_has_gone)
{
    check_int(run_on_pair(open_what_is_waited_for, pairs_unix), 0);
}

/* NULL with errno; the descriptor is closed then. */
static aio_stream *open_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    aio_stream *stream = aio_stream_open(fd);
    int error = errno;
    if (stream == NULL)
        close(fd);
    errno = error;
    return stream;
}

static int read_file(void *arg)
{
    char data[4];
    (void)arg;
    aio_stream *file = open_path("/proc/self/exe", O_RDONLY);
    if (file == NULL)
        return -errno;
    check_int(aio_stream_read_exactly(file, data, 4), 4);
    check(memcmp(data, "\177ELF", 4) == 0);
    size_t total = 4;
    ssize_t n;
    char rest[4096];
    while ((n = aio_stream_read(file, rest, sizeof rest)) > 0)
        total += (size_t)n;
    check_int(n, 0);
    check(total > 4096);
    return aio_stream_close(file);
}

TEST(regular_file_can_be_read_as_a_stream)
{
    check_int(test_run(read_file, NULL), 0);
}

static int use_null_device(void *arg)
{
    char byte;
    (void)arg;
    aio_stream *null = open_path("/dev/null", O_RDWR);
    if (null == NULL)
        return -errno;
    check_int(aio_stream_write(null, "gone", 4), 4);
    check_int(aio_stream_read(null, &byte, 1), 0);
    check_int(aio_stream_write_eof(null), -ENOTSUP);
    return aio_stream_close(null);
}

TEST(null_device_can_be_a_stream)
{
    check_int(test_run(use_null_device, NULL), 0);
}

static int read_packets(void *arg)
{
    int *ends = arg;
    char data[64];
    faults_clear(); /* a short read of a packet loses the rest of it */
    aio_stream *stream = aio_stream_open(ends[0]);
    if (stream == NULL)
        return -errno;
    ends[0] = -1;
    check_int(write(ends[1], "one", 3), 3);
    check_int(write(ends[1], "two", 3), 3);
    check_int(aio_stream_read_exactly(stream, data, 6), 6);
    check(memcmp(data, "onetwo", 6) == 0);
    return aio_stream_close(stream);
}

static bool make_packet_pipe(int ends[2])
{
    return check_int(pipe2(ends, O_NONBLOCK | O_CLOEXEC | O_DIRECT), 0);
}

TEST(pipe_that_keeps_packets_apart_is_read_on)
{
    check_int(run_on_pair(read_packets, make_packet_pipe), 0);
}

static int say_mptcp(int fd, int level, int option, void *value, socklen_t *size)
{
    int rc = aio__sys_real.getsockopt(fd, level, option, value, size);
    if (rc == 0 && level == SOL_SOCKET && option == SO_PROTOCOL)
        *(int *)value = 262;
    return rc;
}

static int open_and_look(void *arg)
{
    int *ends = arg;
    const struct aio__stream_operations *operations[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        aio_stream *stream = aio_stream_open(ends[i]);
        if (stream == NULL)
            return -errno;
        ends[i] = -1;
        operations[i] = stream->operations;
        aio_stream_abort(stream);
        aio__sys.getsockopt = say_mptcp;
    }
    check(operations[0]->short_read_drains && operations[0]->lingers);
    check(!operations[1]->short_read_drains && operations[1]->lingers);
    return 0;
}

TEST(short_read_means_something_on_tcp_itself_only)
{
    check_int(run_on_pair(open_and_look, pairs_tcp), 0);
}

TEST(calls_take_a_stream_that_could_not_be_made)
{
    check_int(aio_stream_close(NULL), 0);
    aio_stream_abort(NULL);
    check_int(aio_stream_fd(NULL), -ENOMEM);
}

/* ---- where a task is needed ------------------------------------------------------------------ */

struct outside {
    aio_stream *stream;
    int called;
};

static void use_outside_a_task(void *arg)
{
    struct outside *outside = arg;
    const char *data;
    char byte;
    check_int(write(aio_stream_fd(outside->stream), "", 0), 0);
    check_int(aio_stream_read(outside->stream, &byte, 1), -EPERM);
    check_int(aio_stream_peek(outside->stream, 1, &data), -EPERM);
    check_int(aio_stream_write(outside->stream, "x", 1), -EPERM);
    check_int(aio_stream_flush(outside->stream), -EPERM);
    check_int(aio_stream_write_eof(outside->stream), -EPERM);
    outside->called++;
}

static int use_in_callback(void *arg)
{
    int *ends = arg;
    struct outside outside = {aio_stream_open(ends[0]), 0};
    aio_handle handle = AIO_HANDLE_INIT;
    if (outside.stream == NULL)
        return -errno;
    ends[0] = -1;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, use_outside_a_task, &outside), 0);
    int rc = aio_yield();
    check_int(outside.called, 1);
    (void)aio_stream_close(outside.stream);
    return rc;
}

TEST(calls_that_may_suspend_are_refused_outside_a_task)
{
    check_int(run_on_pair(use_in_callback, pairs_unix), 0);
}

/* ---- when the loop goes ---------------------------------------------------------------------- */

static aio_stream *left_over;

static int leave_stream_open(void *arg)
{
    int *ends = arg;
    left_over = aio_stream_open(ends[0]);
    if (left_over == NULL)
        return -errno;
    ends[0] = -1;
    check_int(write(ends[1], "unread", 6), 6);
    return aio_stream_peek(left_over, 1, &(const char *){NULL}) > 0 ? 0 : -EIO;
}

TEST(stream_that_outlives_its_loop_can_still_be_closed)
{
    left_over = NULL;
    check_int(run_on_pair(leave_stream_open, pairs_unix), 0);
    if (left_over == NULL)
        return;
    check_int(aio_stream_buffered(left_over), 0);
    check(fcntl(aio_stream_fd(left_over), F_GETFD) >= 0);
    check_int(aio_stream_close(left_over), 0);
}

static int read_for_ever(void *arg)
{
    char byte;
    return (int)aio_stream_read(arg, &byte, 1);
}

static int write_for_ever(void *arg)
{
    static char data[1000000];
    return (int)aio_stream_write(arg, data, sizeof data);
}

static void be_silent(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
}

/* No runner takes the tasks down: the loop abandons them where they wait. */
TEST(loop_that_closes_under_readers_and_writers_leaves_nothing_behind)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    aio_loop *loop = aio_loop_new();
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.loop = loop;
    aio_task *task = NULL, *starter = NULL;
    if (loop != NULL) {
        (void)aio_loop_set_exception_handler(loop, be_silent, NULL);
        starter = aio_spawn_with(&options, leave_stream_open, ends);
        check_int(aio_loop_run_until_complete(loop, starter), 0);
    }
    if (left_over != NULL) {
        (void)aio_stream_consume(left_over, 6);
        task = aio_spawn_with(&options, read_for_ever, left_over);
        for (int i = 0; i < 3; i++)
            aio_release(aio_spawn_with(&options, write_for_ever, left_over));
        check(aio_loop_step(loop, 0) > 0);
        check(aio_loop_step(loop, 0) >= 0);
    }
    check_int(aio_loop_close(loop), 0);
    check(task == NULL || aio_future_result(task) == -ECANCELED);
    aio_release(task);
    aio_release(starter);
    check_int(aio_stream_close(left_over), left_over != NULL ? -ECANCELED : 0);
    pairs_close(ends);
}
