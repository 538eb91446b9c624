/*
 * Streams, from the descriptor into memory: when a read is tried, what its errors
 * mean, and that nothing is lost when the waiting ends otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/scene.h"
#include "support/test.h"

/* ---- drained or not -------------------------------------------------------------------------- */

static int ping_pong(struct scene *scene)
{
    char data[1024];
    faults_clear(); /* what is counted is counted in calm weather */
    for (int i = 0; i < 3; i++) {
        struct scene_reading reading = {.stream = scene->stream, .size = 64};
        aio_task *reader = aio_spawn(scene_read, &reading);
        int rc = aio_yield();
        scene_put(scene, "x");
        check_int(aio_join(reader), 1);
        if (rc < 0)
            return rc;
    }
    /* A read shorter than its room says that nothing is left: the next one waits at once. */
    unsigned long before = faults_count("recv");
    scene_put(scene, "ping");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 4);
    struct scene_reading reading = {.stream = scene->stream, .size = 64};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    scene_put(scene, "x");
    check_int(aio_join(reader), 1);
    check_int(faults_count("recv") - before, 2);
    return rc;
}

TEST(short_read_on_tcp_spares_the_read_that_would_find_nothing)
{
    scene_play(pairs_tcp, ping_pong);
}

/* One event for both, which came to the first read. */
static int read_end_with_data(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = sizeof reading.data};
    char byte;
    faults_clear();
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    scene_put(scene, "ab");
    scene_end(scene);
    check_int(aio_join(reader), 2);
    if (rc == 0)
        check_int(aio_stream_read(scene->stream, &byte, 1), 0);
    return rc;
}

TEST(end_that_came_with_the_last_bytes_is_read_although_that_read_was_short)
{
    scene_play(pairs_tcp, read_end_with_data);
}

TEST(end_that_came_with_the_last_bytes_of_a_pipe_is_read)
{
    scene_play(pairs_pipe, read_end_with_data);
}

static int pass_urgent_data(struct scene *scene)
{
    char data[1024];
    scene_put(scene, "ab");
    check_int(send(scene->peer, "!", 1, MSG_OOB), 1);
    scene_put(scene, "cd");
    size_t total = 0;
    while (total < 4) {
        ssize_t n = aio_stream_read(scene->stream, data + total, sizeof data - total);
        if (n <= 0)
            return (int)n;
        total += (size_t)n;
    }
    check(memcmp(data, "abcd", 4) == 0);
    return 0;
}

TEST(urgent_data_does_not_hide_what_is_behind_it)
{
    scene_play(pairs_tcp, pass_urgent_data);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int read_before_reset(struct scene *scene)
{
    char data[16];
    scene_put(scene, "last words");
    check_int(aio_stream_peek(scene->stream, 1, &(const char *){NULL}), 10);
    pairs_reset_on_close(scene->peer);
    scene_end(scene);
    check_int(aio_stream_read_exactly(scene->stream, data, 11), -ECONNRESET);
    check_int(aio_stream_buffered(scene->stream), 10);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 10);
    check(memcmp(data, "last words", 10) == 0);
    check_int(aio_stream_read(scene->stream, data, sizeof data), -ECONNRESET);
    check_int(aio_stream_read(scene->stream, data, sizeof data), -ECONNRESET);
    return 0;
}

TEST(what_came_before_a_reset_can_be_read)
{
    scene_play(pairs_tcp, read_before_reset);
}

static int write_then_read(struct scene *scene, int error)
{
    char data[1024];
    faults_clear();
    faults_fail("send", 1, error, FAULTS_ONCE);
    check_int(aio_stream_write(scene->stream, "x", 1), -error);
    faults_clear();
    scene_put(scene, "all");
    check_int(shutdown(scene->peer, SHUT_WR), 0);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 3);
    return (int)aio_stream_read(scene->stream, data, sizeof data);
}

/* The system tells of a reset once: here it was a write that heard of it. */
static int read_after_failed_write(struct scene *scene)
{
    int rc = write_then_read(scene, ECONNRESET);
    check_int(rc, -ECONNRESET);
    char byte;
    check_int(aio_stream_read(scene->stream, &byte, 1), rc);
    check(!aio_stream_at_eof(scene->stream));
    return 0;
}

TEST(stream_that_was_reset_does_not_look_complete_because_a_write_was_told)
{
    scene_play(pairs_tcp, read_after_failed_write);
}

static int read_after_broken_pipe(struct scene *scene)
{
    return write_then_read(scene, EPIPE);
}

TEST(peer_that_takes_no_more_may_still_end_as_it_should)
{
    scene_play(pairs_tcp, read_after_broken_pipe);
}

static int read_with_faults(struct scene *scene)
{
    char data[1024];
    faults_clear(); /* none but those that follow */
    scene_put(scene, "hello");
    faults_fail("recv", 1, EINTR, FAULTS_ONCE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 5);
    scene_put(scene, "hello");
    faults_fail("recv", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), -ENOMEM);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 5);
    faults_fail("recv", 1, ETIMEDOUT, FAULTS_ONCE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), -ETIMEDOUT);
    check_int(aio_stream_read(scene->stream, data, sizeof data), -ETIMEDOUT);
    return 0;
}

TEST(interrupted_read_is_repeated_and_other_errors_are_told)
{
    scene_play(pairs_unix, read_with_faults);
}

static int spurious_left;

static ssize_t receive_nothing(int fd, void *data, size_t size, int flags)
{
    if (spurious_left > 0) {
        spurious_left--;
        errno = EAGAIN;
        return -1;
    }
    return aio__sys_real.recv(fd, data, size, flags);
}

static int read_after_spurious_event(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 64};
    aio__sys.recv = receive_nothing;
    spurious_left = 2;
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    scene_put(scene, "a");
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(spurious_left, 0);
    check(!aio_future_done(reader));
    scene_put(scene, "b");
    check_int(aio_join(reader), 2);
    aio__sys.recv = aio__sys_real.recv;
    return rc;
}

TEST(event_with_nothing_behind_it_is_waited_for_again)
{
    const char *selector = getenv("AIO_SELECTOR");
    if (selector == NULL || strcmp(selector, "poll") != 0) /* which has no edges to lose */
        scene_play(pairs_unix, read_after_spurious_event);
}

static int read_without_memory(struct scene *scene)
{
    char data[16];
    scene_put(scene, "hello\n");
    faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_stream_readline(scene->stream, data, sizeof data), -ENOMEM);
    faults_clear();
    check_int(aio_stream_readline(scene->stream, data, sizeof data), 6);
    return 0;
}

TEST(reading_without_memory_loses_nothing)
{
    scene_play(pairs_unix, read_without_memory);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static int cancel_readers(struct scene *scene)
{
    int (*const kinds[])(void *) = {scene_read, scene_read_exactly, scene_readline};
    for (size_t i = 0; i < 3; i++) {
        struct scene_reading reading = {.stream = scene->stream, .size = 8};
        aio_task *reader = aio_spawn(kinds[i], &reading);
        int rc = aio_yield();
        if (i > 0)
            scene_put(scene, "par");
        if (rc == 0)
            rc = aio_yield();
        (void)aio_task_cancel(reader);
        check_int(aio_join(reader), -ECANCELED);
        if (rc < 0)
            return rc;
    }
    char data[16];
    check_int(aio_stream_read_exactly(scene->stream, data, 6), 6);
    check(memcmp(data, "parpar", 6) == 0);
    return 0;
}

TEST(cancelled_read_has_read_nothing)
{
    scene_play(pairs_unix, cancel_readers);
    scene_play(pairs_tcp, cancel_readers);
}

/* Until the loop has seen that the stream is ready, and queued the reader. */
static int see_event(const aio_stream *stream)
{
    const aio__watcher *reader = stream->watch.watchers[0];
    int rc = 0;
    while (rc == 0 && reader != NULL && reader->result == 0) {
        rc = aio_yield();
        reader = stream->watch.watchers[0];
    }
    return rc;
}

static int cancel_with_event(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    scene_put(scene, "x");
    if (rc == 0)
        rc = see_event(scene->stream);
    (void)aio_task_cancel(reader);
    check_int(aio_join(reader), -ECANCELED);
    char data[4];
    check_int(aio_stream_read(scene->stream, data, 4), 1);
    return rc;
}

TEST(data_that_came_with_a_cancellation_is_read_by_the_next_reader)
{
    scene_play(pairs_unix, cancel_with_event);
    scene_play(pairs_tcp, cancel_with_event);
}

static int time_out(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 8};
    check_int(aio_timeout_run(AIO_MSEC(1), scene_read, &reading), -ETIMEDOUT);
    scene_put(scene, "x");
    check_int(aio_timeout_run(AIO_MSEC(1000), scene_read, &reading), 1);
    return 0;
}

TEST(read_that_timed_out_can_be_repeated)
{
    scene_play(pairs_unix, time_out);
}

/* ---- closing under a reader ------------------------------------------------------------------ */

static int close_under_reader(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    check_int(aio_join(reader), -EBADF);
    return rc;
}

TEST(close_wakes_the_reader)
{
    scene_play(pairs_unix, close_under_reader);
    scene_play(pairs_tcp, close_under_reader);
}

static int close_and_cancel(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    (void)aio_stream_close(scene->stream);
    scene->stream = NULL;
    (void)aio_task_cancel(reader);
    check_int(aio_join(reader), -ECANCELED);
    return rc;
}

TEST(reader_that_is_woken_by_a_close_may_be_cancelled_too)
{
    scene_play(pairs_unix, close_and_cancel);
}

static int close_with_event(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    scene_put(scene, "x");
    if (rc == 0)
        rc = see_event(scene->stream);
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    check_int(aio_join(reader), -EBADF);
    return rc;
}

TEST(reader_that_was_woken_and_has_not_gone_on_sees_the_close)
{
    scene_play(pairs_unix, close_with_event);
    scene_play(pairs_tcp, close_with_event);
}

/* ---- giving way ------------------------------------------------------------------------------ */

static int count_turns(void *arg)
{
    int *turns = arg, rc = 0;
    while (rc == 0) {
        (*turns)++;
        rc = aio_yield();
    }
    return 0;
}

static int read_a_flood(struct scene *scene)
{
    char data[256];
    int turns = 0;
    size_t left = pairs_fill(scene->peer);
    aio_task *counter = aio_spawn(count_turns, &turns);
    int reads = 0;
    while (left > 0) {
        ssize_t n = aio_stream_read(scene->stream, data, sizeof data);
        if (n <= 0)
            break;
        left -= (size_t)n;
        reads++;
    }
    check_int(left, 0);
    check(turns >= reads / 40);
    check_int(aio_task_stop(counter), 0);
    return 0;
}

TEST(reader_that_never_has_to_wait_gives_way_to_others)
{
    scene_play(pairs_unix, read_a_flood);
}
