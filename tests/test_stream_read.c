/*
 * Reading from streams.
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
#include "support/test.h"

/* A stream on one end of a pair, and what a test does with it. */
struct scene {
    aio_stream *stream;
    int peer;
    bool (*make)(int ends[2]);
    int (*play)(struct scene *scene);
};

static void put(int fd, const char *text)
{
    check_int(write(fd, text, strlen(text)), strlen(text));
}

static void end(struct scene *scene)
{
    close(scene->peer);
    scene->peer = -1;
}

static int open_and_play(void *arg)
{
    struct scene *scene = arg;
    int ends[2];
    if (!scene->make(ends))
        return -EMFILE;
    scene->stream = aio_stream_open(ends[0]);
    scene->peer = ends[1];
    int rc = -errno;
    if (scene->stream != NULL) {
        rc = scene->play(scene);
        ends[0] = -1;
    }
    aio_stream_abort(scene->stream);
    ends[1] = scene->peer;
    pairs_close(ends);
    return rc;
}

static void play(bool (*make)(int ends[2]), int (*function)(struct scene *scene))
{
    struct scene scene = {.peer = -1, .make = make, .play = function};
    check_int(test_run(open_and_play, &scene), 0);
}

/* The reading half of a call, in a task of its own. */
struct reading {
    aio_stream *stream;
    char data[64];
    size_t size;
};

static int read_some(void *arg)
{
    struct reading *reading = arg;
    return (int)aio_stream_read(reading->stream, reading->data, reading->size);
}

static int read_exactly(void *arg)
{
    struct reading *reading = arg;
    return (int)aio_stream_read_exactly(reading->stream, reading->data, reading->size);
}

static int read_line(void *arg)
{
    struct reading *reading = arg;
    return (int)aio_stream_readline(reading->stream, reading->data, reading->size);
}

/* ---- read --------------------------------------------------------------------------------------- */

static int read_what_is_there(struct scene *scene)
{
    char data[16];
    put(scene->peer, "hello");
    check_int(aio_stream_read(scene->stream, data, 0), 0);
    check_int(aio_stream_read(scene->stream, data, 2), 2);
    check(memcmp(data, "he", 2) == 0);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 3);
    check(memcmp(data, "llo", 3) == 0);
    return 0;
}

TEST(read_gives_what_is_there)
{
    play(pairs_unix, read_what_is_there);
}

TEST(read_gives_what_is_there_on_tcp)
{
    play(pairs_tcp, read_what_is_there);
}

static int read_from_pipe(struct scene *scene)
{
    char data[16];
    put(scene->peer, "hello");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 5);
    end(scene);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 0);
    check_int(aio_stream_write(scene->stream, "x", 1), -EBADF);
    return 0;
}

TEST(read_reads_a_pipe_to_its_end)
{
    play(pairs_pipe, read_from_pipe);
}

static int wait_for_first_byte(struct scene *scene)
{
    struct reading reading = {.stream = scene->stream, .size = 64};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    check(!aio_future_done(reader));
    put(scene->peer, "x");
    check_int(aio_join(reader), 1);
    return rc;
}

TEST(read_waits_for_the_first_byte)
{
    play(pairs_unix, wait_for_first_byte);
    play(pairs_tcp, wait_for_first_byte);
    play(pairs_pipe, wait_for_first_byte);
}

static int read_to_end(struct scene *scene)
{
    char data[16];
    put(scene->peer, "ab");
    end(scene);
    check(!aio_stream_at_eof(scene->stream));
    check_int(aio_stream_read(scene->stream, data, 1), 1);
    check(!aio_stream_at_eof(scene->stream));
    check_int(aio_stream_read(scene->stream, data, sizeof data), 1);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 0);
    check(aio_stream_at_eof(scene->stream));
    check_int(aio_stream_read(scene->stream, data, sizeof data), 0);
    return 0;
}

TEST(end_of_the_stream_is_zero_again_and_again)
{
    play(pairs_unix, read_to_end);
    play(pairs_tcp, read_to_end);
    play(pairs_pipe, read_to_end);
}

/* A byte at a time, with an end right behind the last one. */
static int read_bytewise(struct scene *scene)
{
    char byte;
    int sum = 0;
    ssize_t n;
    for (int i = 0; i < 100; i++)
        put(scene->peer, "0123456789");
    end(scene);
    while ((n = aio_stream_read(scene->stream, &byte, 1)) > 0)
        sum++;
    check_int(n, 0);
    check_int(sum, 1000);
    return 0;
}

TEST(reading_one_byte_at_a_time_never_stalls)
{
    play(pairs_unix, read_bytewise);
    play(pairs_tcp, read_bytewise);
    play(pairs_pipe, read_bytewise);
}

static int hold_no_buffer(struct scene *scene)
{
    char data[8192];
    put(scene->peer, "x");
    check_int(aio_stream_read(scene->stream, data, 1), 1);
    unsigned long before = faults_count("memory");
    for (int i = 0; i < 100; i++) {
        put(scene->peer, "hello, world\n");
        check_int(aio_stream_read(scene->stream, data, 5), 5);
        check_int(aio_stream_readline(scene->stream, data, sizeof data), 8);
        check_int(aio_stream_buffered(scene->stream), 0);
    }
    check_int(faults_count("memory"), before);
    return 0;
}

TEST(reading_allocates_nothing_once_it_has_begun)
{
    play(pairs_unix, hold_no_buffer);
}

static int ping_pong(struct scene *scene)
{
    char data[1024];
    for (int i = 0; i < 3; i++) {
        struct reading reading = {.stream = scene->stream, .size = 64};
        aio_task *reader = aio_spawn(read_some, &reading);
        int rc = aio_yield();
        put(scene->peer, "x");
        check_int(aio_join(reader), 1);
        if (rc < 0)
            return rc;
    }
    /* A read that is shorter than its room says that nothing is left: the next one waits at once. */
    unsigned long before = faults_count("recv");
    put(scene->peer, "ping");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 4);
    struct reading reading = {.stream = scene->stream, .size = 64};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    put(scene->peer, "x");
    check_int(aio_join(reader), 1);
    check_int(faults_count("recv") - before, 2);
    return rc;
}

TEST(short_read_on_tcp_spares_the_read_that_would_find_nothing)
{
    play(pairs_tcp, ping_pong);
}

static int pass_urgent_data(struct scene *scene)
{
    char data[1024];
    put(scene->peer, "ab");
    check_int(send(scene->peer, "!", 1, MSG_OOB), 1);
    put(scene->peer, "cd");
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
    play(pairs_tcp, pass_urgent_data);
}

/* ---- errors ------------------------------------------------------------------------------------- */

static int read_before_reset(struct scene *scene)
{
    char data[16];
    put(scene->peer, "last words");
    check_int(aio_stream_peek(scene->stream, 1, &(const char *){NULL}), 10);
    pairs_reset_on_close(scene->peer);
    end(scene);
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
    play(pairs_tcp, read_before_reset);
}

static int read_with_faults(struct scene *scene)
{
    char data[1024];
    put(scene->peer, "hello");
    faults_fail("recv", 1, EINTR, FAULTS_ONCE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 5);
    put(scene->peer, "hello");
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
    play(pairs_unix, read_with_faults);
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
    struct reading reading = {.stream = scene->stream, .size = 64};
    aio__sys.recv = receive_nothing;
    spurious_left = 2;
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    put(scene->peer, "a");
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(spurious_left, 0);
    check(!aio_future_done(reader));
    put(scene->peer, "b");
    check_int(aio_join(reader), 2);
    aio__sys.recv = aio__sys_real.recv;
    return rc;
}

TEST(event_with_nothing_behind_it_is_waited_for_again)
{
    const char *selector = getenv("AIO_SELECTOR");
    if (selector == NULL || strcmp(selector, "poll") != 0) /* which has no edges to lose */
        play(pairs_unix, read_after_spurious_event);
}

static int read_without_memory(struct scene *scene)
{
    char data[16];
    put(scene->peer, "hello\n");
    faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_stream_readline(scene->stream, data, sizeof data), -ENOMEM);
    faults_clear();
    check_int(aio_stream_readline(scene->stream, data, sizeof data), 6);
    return 0;
}

TEST(reading_without_memory_loses_nothing)
{
    play(pairs_unix, read_without_memory);
}

/* ---- one reader at a time ----------------------------------------------------------------------- */

static int read_twice(struct scene *scene)
{
    char data[16];
    struct reading reading = {.stream = scene->stream, .size = 64};
    aio_task *first = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    check_int(aio_stream_read(scene->stream, data, sizeof data), -EBUSY);
    check_int(aio_stream_peek(scene->stream, 1, &(const char *){NULL}), -EBUSY);
    check_int(aio_stream_consume(scene->stream, 0), -EBUSY);
    put(scene->peer, "x");
    check_int(aio_join(first), 1);
    put(scene->peer, "y");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 1);
    return rc;
}

TEST(second_reader_is_told_busy_and_the_first_is_not_disturbed)
{
    play(pairs_unix, read_twice);
}

TEST(reading_nothing_or_outside_a_task_is_an_error)
{
    char data[4];
    check_int(aio_stream_read(NULL, data, 4), -ENOMEM);
    check_int(aio_stream_read_exactly(NULL, data, 4), -ENOMEM);
    check_int(aio_stream_read_until(NULL, "x", 1, data, 4), -ENOMEM);
    check_int(aio_stream_readline(NULL, data, 4), -ENOMEM);
    check_int(aio_stream_peek(NULL, 1, &(const char *){NULL}), -ENOMEM);
    check_int(aio_stream_consume(NULL, 1), -ENOMEM);
    check_int(aio_stream_buffered(NULL), 0);
    check(aio_stream_at_eof(NULL));
}

/* ---- cancelling --------------------------------------------------------------------------------- */

static int cancel_readers(struct scene *scene)
{
    int (*const kinds[])(void *) = {read_some, read_exactly, read_line};
    for (size_t i = 0; i < 3; i++) {
        struct reading reading = {.stream = scene->stream, .size = 8};
        aio_task *reader = aio_spawn(kinds[i], &reading);
        int rc = aio_yield();
        if (i > 0)
            put(scene->peer, "par");
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
    play(pairs_unix, cancel_readers);
    play(pairs_tcp, cancel_readers);
}

/* Until the loop has seen that the stream is ready, and queued the reader, which has not gone on. */
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
    struct reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    put(scene->peer, "x");
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
    play(pairs_unix, cancel_with_event);
    play(pairs_tcp, cancel_with_event);
}

static int time_out(struct scene *scene)
{
    struct reading reading = {.stream = scene->stream, .size = 8};
    check_int(aio_timeout_run(AIO_MSEC(1), read_some, &reading), -ETIMEDOUT);
    put(scene->peer, "x");
    check_int(aio_timeout_run(AIO_MSEC(1000), read_some, &reading), 1);
    return 0;
}

TEST(read_that_timed_out_can_be_repeated)
{
    play(pairs_unix, time_out);
}

/* ---- read_exactly ------------------------------------------------------------------------------- */

static int exact_pieces(struct scene *scene)
{
    char data[16];
    struct reading reading = {.stream = scene->stream, .size = 6};
    put(scene->peer, "abcdefgh");
    check_int(aio_stream_read_exactly(scene->stream, data, 0), 0);
    check_int(aio_stream_read_exactly(scene->stream, data, 3), 3);
    check(memcmp(data, "abc", 3) == 0);
    aio_task *reader = aio_spawn(read_exactly, &reading);
    int rc = aio_yield();
    check(!aio_future_done(reader));
    put(scene->peer, "ij");
    check_int(aio_join(reader), 6);
    check(memcmp(reading.data, "defghi", 6) == 0);
    end(scene);
    check_int(aio_stream_read_exactly(scene->stream, data, 2), -AIO_EINCOMPLETE);
    check_int(aio_stream_read(scene->stream, data, 2), 1);
    check_int(data[0], 'j');
    check_int(aio_stream_read_exactly(scene->stream, data, 2), -AIO_EINCOMPLETE);
    return rc;
}

TEST(read_exactly_waits_for_all_and_leaves_a_rest_that_is_too_short)
{
    play(pairs_unix, exact_pieces);
    play(pairs_tcp, exact_pieces);
}

#define BIG 1000000

static int write_big(void *arg)
{
    aio_stream *stream = arg;
    char *data = malloc(BIG);
    if (data == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 >> 4);
    ssize_t n = aio_stream_write(stream, data, BIG);
    free(data);
    return n == BIG ? aio_stream_write_eof(stream) : -EIO;
}

static int read_big(struct scene *scene)
{
    aio_stream *peer = aio_stream_open(scene->peer);
    char *data = malloc(BIG);
    if (peer == NULL || data == NULL) {
        aio_stream_abort(peer);
        free(data);
        scene->peer = peer != NULL ? -1 : scene->peer;
        return -ENOMEM;
    }
    scene->peer = -1;
    aio_task *writer = aio_spawn(write_big, peer);
    bool intact = check_int(aio_stream_read_exactly(scene->stream, data, BIG), BIG);
    for (size_t i = 0; i < BIG && intact; i++)
        intact = data[i] == (char)(i * 7 >> 4);
    check(intact);
    int rc = aio_join(writer);
    aio_stream_abort(peer);
    free(data);
    return rc;
}

TEST(read_exactly_takes_more_than_any_buffer)
{
    play(pairs_unix, read_big);
    play(pairs_tcp, read_big);
}

/* ---- lines and separators ----------------------------------------------------------------------- */

static int lines(struct scene *scene)
{
    char line[8];
    put(scene->peer, "one\n\ntwo");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 4);
    check_string(line, "one\n");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 1);
    check_string(line, "\n");
    end(scene);
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 3);
    check_string(line, "two");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 0);
    check_string(line, "");
    return 0;
}

TEST(readline_gives_each_line_and_the_last_one_without_its_newline)
{
    play(pairs_unix, lines);
    play(pairs_tcp, lines);
}

static int long_line(struct scene *scene)
{
    char line[8];
    put(scene->peer, "1234567\n");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), -AIO_ELIMIT);
    check_int(aio_stream_readline(scene->stream, line, 0), -EINVAL);
    check_int(aio_stream_readline(scene->stream, line, 1), -AIO_ELIMIT);
    char more[9];
    check_int(aio_stream_readline(scene->stream, more, sizeof more), 8);
    check_string(more, "1234567\n");
    put(scene->peer, "12345678");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), -AIO_ELIMIT);
    check_int(aio_stream_read(scene->stream, more, sizeof more), 8);
    put(scene->peer, "1234567");
    end(scene);
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 7);
    check_string(line, "1234567");
    return 0;
}

TEST(line_over_the_limit_loses_nothing)
{
    play(pairs_unix, long_line);
}

static int split_separator(struct scene *scene)
{
    char data[32];
    put(scene->peer, "head\r");
    check_int(aio_stream_peek(scene->stream, 5, &(const char *){NULL}), 5);
    put(scene->peer, "\n\r\nbody");
    check_int(aio_stream_read_until(scene->stream, "\r\n\r\n", 4, data, sizeof data), 8);
    check(memcmp(data, "head\r\n\r\n", 8) == 0);
    check_int(aio_stream_read_until(scene->stream, "", 0, data, sizeof data), -EINVAL);
    end(scene);
    check_int(aio_stream_read_until(scene->stream, "\r\n", 2, data, sizeof data), -AIO_EINCOMPLETE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 4);
    check(memcmp(data, "body", 4) == 0);
    check_int(aio_stream_read_until(scene->stream, "\n", 1, data, sizeof data), -AIO_EINCOMPLETE);
    return 0;
}

TEST(separator_is_found_across_pieces)
{
    play(pairs_unix, split_separator);
}

static int limit_of_separator(struct scene *scene)
{
    char data[32];
    put(scene->peer, "abc||");
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 4), -AIO_ELIMIT);
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 5), 5);
    put(scene->peer, "abcdef");
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 5), -AIO_ELIMIT);
    check_int(aio_stream_buffered(scene->stream), 6);
    return 0;
}

TEST(read_until_says_when_the_piece_is_longer_than_its_room)
{
    play(pairs_unix, limit_of_separator);
}

static int write_slowly(void *arg)
{
    int peer = *(int *)arg, rc = 0;
    for (int i = 0; i < 3000 && rc == 0; i++) {
        if (write(peer, i == 2999 ? "\n" : "x", 1) != 1)
            return -EIO;
        rc = i % 100 == 0 ? aio_sleep(AIO_USEC(10)) : 0;
    }
    return rc;
}

static int slow_line(struct scene *scene)
{
    char line[4096];
    aio_task *writer = aio_spawn(write_slowly, &scene->peer);
    ssize_t n = aio_stream_readline(scene->stream, line, sizeof line);
    check_int(n, 3000);
    return aio_join(writer);
}

TEST(line_that_comes_in_pieces_is_one_line)
{
    play(pairs_tcp, slow_line);
    play(pairs_unix, slow_line);
}

/* ---- peek and consume --------------------------------------------------------------------------- */

static int peek(struct scene *scene)
{
    const char *data = NULL;
    check_int(aio_stream_peek(scene->stream, 0, &data), 0);
    check(data != NULL);
    put(scene->peer, "hello");
    check_int(aio_stream_peek(scene->stream, 3, &data), 5);
    check(data != NULL && memcmp(data, "hello", 5) == 0);
    check_int(aio_stream_consume(scene->stream, 6), -EINVAL);
    check_int(aio_stream_consume(scene->stream, 2), 0);
    check_int(aio_stream_buffered(scene->stream), 3);
    check_int(aio_stream_peek(scene->stream, 1, &data), 3);
    check(memcmp(data, "llo", 3) == 0);
    end(scene);
    check_int(aio_stream_peek(scene->stream, 10, &data), 3);
    check_int(aio_stream_consume(scene->stream, 3), 0);
    check_int(aio_stream_peek(scene->stream, 1, &data), 0);
    check_int(aio_stream_consume(scene->stream, 1), -EINVAL);
    return 0;
}

TEST(peek_shows_and_consume_takes)
{
    play(pairs_unix, peek);
}

/* ---- closing under a reader --------------------------------------------------------------------- */

static int close_under_reader(struct scene *scene)
{
    struct reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    check_int(aio_join(reader), -EBADF);
    return rc;
}

TEST(close_wakes_the_reader)
{
    play(pairs_unix, close_under_reader);
    play(pairs_tcp, close_under_reader);
}


static int close_and_cancel(struct scene *scene)
{
    struct reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    (void)aio_stream_close(scene->stream);
    scene->stream = NULL;
    (void)aio_task_cancel(reader);
    check_int(aio_join(reader), -ECANCELED);
    return rc;
}

TEST(reader_that_is_woken_by_a_close_may_be_cancelled_too)
{
    play(pairs_unix, close_and_cancel);
}

static int close_with_event(struct scene *scene)
{
    struct reading reading = {.stream = scene->stream, .size = 8};
    aio_task *reader = aio_spawn(read_some, &reading);
    int rc = aio_yield();
    put(scene->peer, "x");
    if (rc == 0)
        rc = see_event(scene->stream);
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    check_int(aio_join(reader), -EBADF);
    return rc;
}

TEST(reader_that_was_woken_and_has_not_gone_on_sees_the_close)
{
    play(pairs_unix, close_with_event);
    play(pairs_tcp, close_with_event);
}

/* ---- giving way --------------------------------------------------------------------------------- */

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
    play(pairs_unix, read_a_flood);
}
