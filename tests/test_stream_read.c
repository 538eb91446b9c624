/*
 * Reading from streams: what each call gives, takes and leaves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "support/faults.h"
#include "support/pairs.h"
#include "support/scene.h"
#include "support/test.h"

/* ---- read ------------------------------------------------------------------------------------ */

static int read_what_is_there(struct scene *scene)
{
    char data[16];
    scene_put(scene, "hello");
    check_int(aio_stream_read(scene->stream, data, 0), 0);
    check_int(aio_stream_read(scene->stream, data, 2), 2);
    check(memcmp(data, "he", 2) == 0);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 3);
    check(memcmp(data, "llo", 3) == 0);
    return 0;
}

TEST(read_gives_what_is_there)
{
    scene_play(pairs_unix, read_what_is_there);
}

TEST(read_gives_what_is_there_on_tcp)
{
    scene_play(pairs_tcp, read_what_is_there);
}

static int read_from_pipe(struct scene *scene)
{
    char data[16];
    scene_put(scene, "hello");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 5);
    scene_end(scene);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 0);
    check_int(aio_stream_write(scene->stream, "x", 1), -EBADF);
    return 0;
}

TEST(read_reads_a_pipe_to_its_end)
{
    scene_play(pairs_pipe, read_from_pipe);
}

static int wait_for_first_byte(struct scene *scene)
{
    struct scene_reading reading = {.stream = scene->stream, .size = 64};
    aio_task *reader = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    check(!aio_future_done(reader));
    scene_put(scene, "x");
    check_int(aio_join(reader), 1);
    return rc;
}

TEST(read_waits_for_the_first_byte)
{
    scene_play(pairs_unix, wait_for_first_byte);
    scene_play(pairs_tcp, wait_for_first_byte);
    scene_play(pairs_pipe, wait_for_first_byte);
}

static int read_to_end(struct scene *scene)
{
    char data[16];
    scene_put(scene, "ab");
    scene_end(scene);
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
    scene_play(pairs_unix, read_to_end);
    scene_play(pairs_tcp, read_to_end);
    scene_play(pairs_pipe, read_to_end);
}

/* A byte at a time, with an end right behind the last one. */
static int read_bytewise(struct scene *scene)
{
    char byte;
    int sum = 0;
    ssize_t n;
    for (int i = 0; i < 100; i++)
        scene_put(scene, "0123456789");
    scene_end(scene);
    while ((n = aio_stream_read(scene->stream, &byte, 1)) > 0)
        sum++;
    check_int(n, 0);
    check_int(sum, 1000);
    return 0;
}

TEST(reading_one_byte_at_a_time_never_stalls)
{
    scene_play(pairs_unix, read_bytewise);
    scene_play(pairs_tcp, read_bytewise);
    scene_play(pairs_pipe, read_bytewise);
}

static int hold_no_buffer(struct scene *scene)
{
    char data[8192];
    faults_clear(); /* what is counted is counted in calm weather */
    scene_put(scene, "x");
    check_int(aio_stream_read(scene->stream, data, 1), 1);
    unsigned long before = faults_count("memory");
    for (int i = 0; i < 100; i++) {
        scene_put(scene, "hello, world\n");
        check_int(aio_stream_read(scene->stream, data, 5), 5);
        check_int(aio_stream_readline(scene->stream, data, sizeof data), 8);
        check_int(aio_stream_buffered(scene->stream), 0);
    }
    check_int(faults_count("memory"), before);
    return 0;
}

TEST(reading_allocates_nothing_once_it_has_begun)
{
    scene_play(pairs_unix, hold_no_buffer);
}

/* ---- one reader at a time -------------------------------------------------------------------- */

static int read_twice(struct scene *scene)
{
    char data[16];
    struct scene_reading reading = {.stream = scene->stream, .size = 64};
    aio_task *first = aio_spawn(scene_read, &reading);
    int rc = aio_yield();
    check_int(aio_stream_read(scene->stream, data, sizeof data), -EBUSY);
    check_int(aio_stream_peek(scene->stream, 1, &(const char *){NULL}), -EBUSY);
    check_int(aio_stream_consume(scene->stream, 0), -EBUSY);
    scene_put(scene, "x");
    check_int(aio_join(first), 1);
    scene_put(scene, "y");
    check_int(aio_stream_read(scene->stream, data, sizeof data), 1);
    return rc;
}

TEST(second_reader_is_told_busy_and_the_first_is_not_disturbed)
{
    scene_play(pairs_unix, read_twice);
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

/* ---- read_exactly ---------------------------------------------------------------------------- */

static int exact_pieces(struct scene *scene)
{
    char data[16];
    struct scene_reading reading = {.stream = scene->stream, .size = 6};
    scene_put(scene, "abcdefgh");
    check_int(aio_stream_read_exactly(scene->stream, data, 0), 0);
    check_int(aio_stream_read_exactly(scene->stream, data, 3), 3);
    check(memcmp(data, "abc", 3) == 0);
    aio_task *reader = aio_spawn(scene_read_exactly, &reading);
    int rc = aio_yield();
    check(!aio_future_done(reader));
    scene_put(scene, "ij");
    check_int(aio_join(reader), 6);
    check(memcmp(reading.data, "defghi", 6) == 0);
    scene_end(scene);
    check_int(aio_stream_read_exactly(scene->stream, data, 2), -AIO_EINCOMPLETE);
    check_int(aio_stream_read(scene->stream, data, 2), 1);
    check_int(data[0], 'j');
    check_int(aio_stream_read_exactly(scene->stream, data, 2), -AIO_EINCOMPLETE);
    return rc;
}

TEST(read_exactly_waits_for_all_and_leaves_a_rest_that_is_too_short)
{
    scene_play(pairs_unix, exact_pieces);
    scene_play(pairs_tcp, exact_pieces);
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
    if (n == BIG && aio_stream_flush(stream) < 0)
        n = -EIO;
    free(data);
    /* Whatever has become of it, the reader must come to an end. */
    (void)shutdown(aio_stream_fd(stream), SHUT_WR);
    return n == BIG ? 0 : -EIO;
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
    bool intact = writer != NULL;
    if (intact)
        intact = check_int(aio_stream_read_exactly(scene->stream, data, BIG), BIG);
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
    scene_play(pairs_unix, read_big);
    scene_play(pairs_tcp, read_big);
}

/* ---- lines and separators -------------------------------------------------------------------- */

static int lines(struct scene *scene)
{
    char line[8];
    scene_put(scene, "one\n\ntwo");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 4);
    check_string(line, "one\n");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 1);
    check_string(line, "\n");
    scene_end(scene);
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 3);
    check_string(line, "two");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 0);
    check_string(line, "");
    return 0;
}

TEST(readline_gives_each_line_and_the_last_one_without_its_newline)
{
    scene_play(pairs_unix, lines);
    scene_play(pairs_tcp, lines);
}

static int long_line(struct scene *scene)
{
    char line[8];
    scene_put(scene, "1234567\n");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), -AIO_ELIMIT);
    check_int(aio_stream_readline(scene->stream, line, 0), -EINVAL);
    check_int(aio_stream_readline(scene->stream, line, 1), -AIO_ELIMIT);
    char more[9];
    check_int(aio_stream_readline(scene->stream, more, sizeof more), 8);
    check_string(more, "1234567\n");
    scene_put(scene, "12345678");
    check_int(aio_stream_readline(scene->stream, line, sizeof line), -AIO_ELIMIT);
    check_int(aio_stream_read(scene->stream, more, sizeof more), 8);
    scene_put(scene, "1234567");
    scene_end(scene);
    check_int(aio_stream_readline(scene->stream, line, sizeof line), 7);
    check_string(line, "1234567");
    return 0;
}

TEST(line_over_the_limit_loses_nothing)
{
    scene_play(pairs_unix, long_line);
}

static int split_separator(struct scene *scene)
{
    char data[32];
    scene_put(scene, "head\r");
    check_int(aio_stream_peek(scene->stream, 5, &(const char *){NULL}), 5);
    scene_put(scene, "\n\r\nbody");
    check_int(aio_stream_read_until(scene->stream, "\r\n\r\n", 4, data, sizeof data), 8);
    check(memcmp(data, "head\r\n\r\n", 8) == 0);
    check_int(aio_stream_read_until(scene->stream, "", 0, data, sizeof data), -EINVAL);
    scene_end(scene);
    check_int(aio_stream_read_until(scene->stream, "\r\n", 2, data, sizeof data), -AIO_EINCOMPLETE);
    check_int(aio_stream_read(scene->stream, data, sizeof data), 4);
    check(memcmp(data, "body", 4) == 0);
    check_int(aio_stream_read_until(scene->stream, "\n", 1, data, sizeof data), -AIO_EINCOMPLETE);
    return 0;
}

TEST(separator_is_found_across_pieces)
{
    scene_play(pairs_unix, split_separator);
}

static int limit_of_separator(struct scene *scene)
{
    char data[32];
    scene_put(scene, "abc||");
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 4), -AIO_ELIMIT);
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 5), 5);
    scene_put(scene, "abcdef");
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 5), -AIO_ELIMIT);
    /* Nor does it wait for more where there can't be one any more. */
    check_int(aio_stream_read_until(scene->stream, "||", 2, data, 6), -AIO_ELIMIT);
    check_int(aio_stream_buffered(scene->stream), 6);
    return 0;
}

TEST(read_until_says_when_the_piece_is_longer_than_its_room)
{
    scene_play(pairs_unix, limit_of_separator);
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
    ssize_t n = writer != NULL ? aio_stream_readline(scene->stream, line, sizeof line) : -ENOMEM;
    check_int(n, 3000);
    return aio_join(writer);
}

TEST(line_that_comes_in_pieces_is_one_line)
{
    scene_play(pairs_tcp, slow_line);
    scene_play(pairs_unix, slow_line);
}

/* ---- peek and consume ------------------------------------------------------------------------ */

static int peek(struct scene *scene)
{
    const char *data = NULL;
    check_int(aio_stream_peek(scene->stream, 0, &data), 0);
    check(data != NULL);
    scene_put(scene, "hello");
    check_int(aio_stream_peek(scene->stream, 3, &data), 5);
    check(data != NULL && memcmp(data, "hello", 5) == 0);
    check_int(aio_stream_consume(scene->stream, 6), -EINVAL);
    check_int(aio_stream_consume(scene->stream, 2), 0);
    check_int(aio_stream_buffered(scene->stream), 3);
    check_int(aio_stream_peek(scene->stream, 1, &data), 3);
    check(memcmp(data, "llo", 3) == 0);
    scene_end(scene);
    check_int(aio_stream_peek(scene->stream, 10, &data), 3);
    check_int(aio_stream_consume(scene->stream, 3), 0);
    check_int(aio_stream_peek(scene->stream, 1, &data), 0);
    check_int(aio_stream_consume(scene->stream, 1), -EINVAL);
    return 0;
}

TEST(peek_shows_and_consume_takes)
{
    scene_play(pairs_unix, peek);
}
