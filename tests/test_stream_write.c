/*
 * Writing to streams.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

/* A stream on the writing end of a pair, and what a test does with it. */
struct scene {
    aio_stream *stream;
    int peer;
    bool (*make)(int ends[2]);
    int (*play)(struct scene *scene);
};

static char big[1000000];

static void hang_up(struct scene *scene)
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
    scene->stream = aio_stream_open(ends[1]);
    scene->peer = ends[0];
    int rc = -errno;
    if (scene->stream != NULL) {
        rc = scene->play(scene);
        ends[1] = -1;
    }
    aio_stream_abort(scene->stream);
    ends[0] = scene->peer;
    pairs_close(ends);
    return rc;
}

static void play(bool (*make)(int ends[2]), int (*function)(struct scene *scene))
{
    struct scene scene = {.peer = -1, .make = make, .play = function};
    check_int(test_run(open_and_play, &scene), 0);
}

/* The writing half of a call, in a task of its own. */
struct writing {
    aio_stream *stream;
    const char *data;
    size_t size;
};

static int write_it(void *arg)
{
    struct writing *writing = arg;
    return (int)aio_stream_write(writing->stream, writing->data, writing->size);
}

static int flush_it(void *arg)
{
    return aio_stream_flush(arg);
}

static int end_it(void *arg)
{
    return aio_stream_write_eof(arg);
}

/* Reads the peer's end until so many bytes have come, or no more do; gives way in between. */
static int expect(int peer, size_t size)
{
    size_t total = 0;
    for (int idle = 0; total < size && idle < 1000;) {
        size_t n = pairs_drain(peer);
        int rc = n != 0 ? aio_yield() : aio_sleep(AIO_USEC(100));
        if (rc < 0)
            return rc;
        total += n;
        idle = n != 0 ? 0 : idle + 1;
    }
    return check_int(total, size) ? 0 : -EIO;
}

/* Fills the stream up: what the system and the queue take.  0, or the error of the writer. */
static int fill_up(struct scene *scene, size_t *out_size)
{
    size_t total = pairs_fill(scene->stream->fd);
    ssize_t n = 1;
    while (n > 0 && aio__buffer_size(&scene->stream->out) < AIO__HIGH_WATER) {
        size_t room = AIO__HIGH_WATER - aio__buffer_size(&scene->stream->out);
        n = aio_stream_write(scene->stream, big, room);
        total += n > 0 ? (size_t)n : 0;
    }
    *out_size = total;
    return n > 0 ? 0 : (int)n;
}

/* ---- write ----------------------------------------------------------------------------------- */

static int write_little(struct scene *scene)
{
    char data[16];
    check_int(aio_stream_write(scene->stream, "", 0), 0);
    check_int(aio_stream_write(scene->stream, "hello", 5), 5);
    check_int(aio_stream_flush(scene->stream), 0);
    check_int(read(scene->peer, data, sizeof data), 5);
    return 0;
}

TEST(write_sends_at_once)
{
    play(pairs_unix, write_little);
    play(pairs_tcp, write_little);
    play(pairs_pipe, write_little);
}

static int write_so_much(struct scene *scene, size_t size)
{
    struct writing writing = {scene->stream, big, size};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 13 >> 5);
    aio_task *writer = aio_spawn(write_it, &writing);
    size_t total = 0;
    bool intact = true;
    int rc = 0;
    for (int idle = 0; rc == 0 && total < size && idle < 1000;) {
        char data[10000];
        ssize_t n = read(scene->peer, data, sizeof data);
        for (ssize_t i = 0; i < n; i++)
            intact = intact && data[i] == big[total + (size_t)i];
        total += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        if (n <= 0)
            rc = aio_sleep(AIO_USEC(100));
    }
    check(intact);
    check_int(total, size);
    check_int(total == size ? aio_join(writer) : aio_task_stop(writer), size);
    return rc;
}

static int write_much(struct scene *scene)
{
    return write_so_much(scene, sizeof big);
}

TEST(large_write_arrives_whole)
{
    play(pairs_unix, write_much);
    play(pairs_tcp, write_much);
    play(pairs_pipe, write_much);
}

static int write_in_tiny_pieces(struct scene *scene)
{
    faults_short(3);
    int rc = write_so_much(scene, test_scale(sizeof big));
    faults_clear();
    return rc;
}

TEST(large_write_that_goes_out_by_three_bytes_arrives_whole)
{
    play(pairs_unix, write_in_tiny_pieces);
}

static int wait_above_high_water(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    check_int(aio__buffer_size(&scene->stream->out), AIO__HIGH_WATER);
    struct writing writing = {scene->stream, "one more", 8};
    aio_task *writer = aio_spawn(write_it, &writing);
    rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(writer));
    if (rc == 0)
        rc = expect(scene->peer, total + 8);
    check_int(aio_join(writer), 8);
    check_int(aio__buffer_size(&scene->stream->out), 0);
    return rc;
}

TEST(write_waits_above_the_high_water_mark)
{
    play(pairs_unix, wait_above_high_water);
    play(pairs_tcp, wait_above_high_water);
    play(pairs_pipe, wait_above_high_water);
}

static int flood_one_who_never_reads(struct scene *scene)
{
    struct writing writing = {scene->stream, big, sizeof big};
    aio_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = aio_spawn(write_it, &writing);
    int rc = aio_sleep(AIO_MSEC(1));
    check(aio__buffer_size(&scene->stream->out) <= AIO__HIGH_WATER);
    check(scene->stream->out.capacity <= (size_t)AIO__HIGH_WATER * 2);
    for (int i = 0; i < 4; i++) {
        int stopped = aio_task_stop(tasks[i]);
        check(i == 0 ? stopped >= 0 || stopped == -ECANCELED : stopped <= 0);
    }
    return rc;
}

TEST(peer_that_never_reads_costs_no_more_than_the_high_water_mark)
{
    play(pairs_unix, flood_one_who_never_reads);
}

/* ---- several writers ------------------------------------------------------------------------- */

#define WRITERS 5
#define PIECE 100000

static int keep_whole(struct scene *scene)
{
    static char pieces[WRITERS][PIECE];
    struct writing writing[WRITERS];
    aio_task *writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        memset(pieces[i], 'a' + i, PIECE);
        writing[i] = (struct writing){scene->stream, pieces[i], PIECE};
        writers[i] = aio_spawn(write_it, &writing[i]);
    }
    size_t total = 0;
    bool intact = true;
    int rc = 0;
    for (int idle = 0; rc == 0 && total < sizeof pieces && idle < 1000;) {
        char data[5000];
        ssize_t n = read(scene->peer, data, sizeof data);
        for (ssize_t i = 0; i < n; i++)
            intact = intact && data[i] == (char)('a' + (total + (size_t)i) / PIECE);
        total += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        if (n <= 0)
            rc = aio_sleep(AIO_USEC(100));
    }
    check(intact);
    check_int(total, sizeof pieces);
    for (int i = 0; i < WRITERS; i++)
        if (total == sizeof pieces)
            check_int(aio_join(writers[i]), PIECE);
        else
            (void)aio_task_stop(writers[i]);
    return rc;
}

TEST(several_writers_keep_their_pieces_whole_and_in_order)
{
    play(pairs_unix, keep_whole);
    play(pairs_tcp, keep_whole);
}

static int cancel_in_turn(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    struct writing writing[3] = {
        {scene->stream, "aaa", 3}, {scene->stream, "bbb", 3}, {scene->stream, "ccc", 3}};
    aio_task *first = aio_spawn(write_it, &writing[0]), *second = aio_spawn(write_it, &writing[1]),
             *third = aio_spawn(write_it, &writing[2]);
    rc = aio_yield();
    /* One that waits for its turn, then the one whose turn it is. */
    check_int(aio_task_stop(second), 0);
    check_int(aio_task_stop(first), 0);
    if (rc == 0)
        rc = expect(scene->peer, total + 3);
    check_int(aio_join(third), 3);
    return rc;
}

TEST(writer_that_is_cancelled_in_its_turn_or_before_lets_the_next_one_on)
{
    play(pairs_unix, cancel_in_turn);
}

static int cancel_half_way(struct scene *scene)
{
    struct writing writing = {scene->stream, big, sizeof big};
    aio_task *writer = aio_spawn(write_it, &writing);
    int rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(writer));
    (void)aio_task_cancel(writer);
    /* It returns the count; the cancellation that was not delivered makes it a cancelled task. */
    check_int(aio_join(writer), -ECANCELED);
    check(scene->stream->taken > 0 && scene->stream->taken < sizeof big);
    if (rc == 0)
        rc = expect(scene->peer, scene->stream->taken);
    check_int(aio_stream_write(scene->stream, "on", 2), 2);
    return rc;
}

TEST(write_that_is_cancelled_half_way_has_sent_what_it_took_and_the_stream_goes_on)
{
    play(pairs_unix, cancel_half_way);
}

static int write_then_sleep(void *arg)
{
    struct writing *writing = arg;
    ssize_t n = aio_stream_write(writing->stream, writing->data, writing->size);
    check(n > 0 && (size_t)n < writing->size);
    return aio_sleep(AIO_SEC(1000));
}

static int deliver_cancellation_later(struct scene *scene)
{
    struct writing writing = {scene->stream, big, sizeof big};
    aio_task *writer = aio_spawn(write_then_sleep, &writing);
    int rc = aio_sleep(AIO_MSEC(1));
    (void)aio_task_cancel(writer);
    check_int(aio_join(writer), -ECANCELED);
    check(aio_loop_time(aio_loop_current()) < AIO_SEC(1000));
    int timed_out = aio_timeout_run(AIO_MSEC(1), write_it, &writing);
    check(timed_out == -ETIMEDOUT || timed_out > 0);
    check_int(aio_task_cancelling(aio_task_current()), 0);
    return rc < 0 ? rc : aio_yield();
}

TEST(cancellation_of_a_partial_write_is_delivered_by_the_next_wait)
{
    play(pairs_unix, deliver_cancellation_later);
}

/* ---- flush and write_eof --------------------------------------------------------------------- */

static int flush_queue(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    aio_task *one = aio_spawn(flush_it, scene->stream), *other = aio_spawn(flush_it, scene->stream);
    rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(one));
    check_int(aio_task_stop(other), 0);
    if (rc == 0)
        rc = expect(scene->peer, total);
    check_int(aio_join(one), 0);
    return rc;
}

TEST(flush_waits_until_all_is_sent_and_can_be_cancelled)
{
    play(pairs_unix, flush_queue);
    play(pairs_tcp, flush_queue);
}

static int end_after_queue(struct scene *scene)
{
    size_t total;
    char byte;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    aio_task *ender = aio_spawn(end_it, scene->stream);
    rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(ender));
    check_int(aio_stream_write(scene->stream, "x", 1), -EPIPE);
    if (rc == 0)
        rc = expect(scene->peer, total);
    check_int(aio_join(ender), 0);
    check_int(read(scene->peer, &byte, 1), 0);
    check_int(aio_stream_write_eof(scene->stream), 0);
    /* The other half is still open. */
    check_int(write(scene->peer, "y", 1), 1);
    check_int(aio_stream_read(scene->stream, &byte, 1), 1);
    return rc;
}

TEST(write_eof_ends_our_half_when_all_is_sent)
{
    play(pairs_unix, end_after_queue);
    play(pairs_tcp, end_after_queue);
}

static int end_and_be_cancelled(struct scene *scene)
{
    size_t total;
    char byte;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    aio_task *ender = aio_spawn(end_it, scene->stream);
    rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_task_stop(ender), 0);
    if (rc == 0)
        rc = expect(scene->peer, total);
    if (rc == 0)
        rc = aio_stream_flush(scene->stream);
    check_int(read(scene->peer, &byte, 1), 0);
    return rc;
}

TEST(write_eof_that_is_cancelled_ends_our_half_all_the_same)
{
    play(pairs_unix, end_and_be_cancelled);
}

static int write_after_peers_end(struct scene *scene)
{
    char data[4];
    check_int(write(scene->peer, "bye", 3), 3);
    check_int(shutdown(scene->peer, SHUT_WR), 0);
    check_int(aio_stream_read_exactly(scene->stream, data, 3), 3);
    check_int(aio_stream_read(scene->stream, data, 3), 0);
    check_int(aio_stream_write(scene->stream, "still here", 10), 10);
    check_int(aio_stream_flush(scene->stream), 0);
    char heard[16];
    check_int(read(scene->peer, heard, sizeof heard), 10);
    return 0;
}

TEST(peer_that_has_ended_its_half_can_be_written_to)
{
    play(pairs_unix, write_after_peers_end);
    play(pairs_tcp, write_after_peers_end);
}

static int end_pipe(struct scene *scene)
{
    check_int(aio_stream_write_eof(scene->stream), -ENOTSUP);
    return 0;
}

TEST(pipe_has_no_half_to_end)
{
    play(pairs_pipe, end_pipe);
}

TEST(writing_to_nothing_is_an_error)
{
    check_int(aio_stream_write(NULL, "x", 1), -ENOMEM);
    check_int(aio_stream_flush(NULL), -ENOMEM);
    check_int(aio_stream_write_eof(NULL), -ENOMEM);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static int write_to_dead(struct scene *scene)
{
    hang_up(scene);
    check_int(aio_stream_write(scene->stream, "x", 1), -EPIPE);
    check_int(aio_stream_write(scene->stream, "x", 1), -EPIPE);
    check_int(aio_stream_flush(scene->stream), -EPIPE);
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    return 0;
}

static void play_with_sigpipe(void (*disposition)(int))
{
    struct sigaction before, after;
    signal(SIGPIPE, disposition);
    sigaction(SIGPIPE, NULL, &before);
    play(pairs_unix, write_to_dead);
    play(pairs_pipe, write_to_dead);
    sigaction(SIGPIPE, NULL, &after);
    check(before.sa_handler == after.sa_handler);
    signal(SIGPIPE, SIG_DFL);
    sigset_t pending, mask;
    sigpending(&pending);
    check_int(sigismember(&pending, SIGPIPE), 0);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    check_int(sigismember(&mask, SIGPIPE), 0);
}

TEST(write_to_a_dead_peer_is_an_error_and_never_a_signal)
{
    play_with_sigpipe(SIG_DFL);
}

TEST(write_to_a_dead_peer_works_as_well_where_the_signal_is_ignored)
{
    play_with_sigpipe(SIG_IGN);
}

static bool sigpipe_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

TEST(signal_that_the_program_has_blocked_stays_blocked_and_pending)
{
    sigset_t sigpipe, mask;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &sigpipe, NULL);
    play(pairs_pipe, write_to_dead);
    check(!sigpipe_pending());
    raise(SIGPIPE);
    play(pairs_pipe, write_to_dead);
    check(sigpipe_pending());
    sigprocmask(SIG_BLOCK, NULL, &mask);
    check_int(sigismember(&mask, SIGPIPE), 1);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &sigpipe, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static int lose_peer(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    struct writing writing = {scene->stream, "x", 1};
    aio_task *writer = aio_spawn(write_it, &writing), *next = aio_spawn(write_it, &writing),
             *flusher = aio_spawn(flush_it, scene->stream);
    rc = aio_sleep(AIO_MSEC(1));
    hang_up(scene);
    int results[3] = {aio_join(writer), aio_join(next), aio_join(flusher)};
    for (int i = 0; i < 3; i++)
        check(results[i] == -EPIPE || results[i] == -ECONNRESET);
    int again = (int)aio_stream_write(scene->stream, "x", 1);
    check_int(again, results[0]);
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    return rc;
}

TEST(error_of_the_background_is_told_to_all_who_wait)
{
    play(pairs_unix, lose_peer);
    play(pairs_pipe, lose_peer);
}

static int lose_peer_unnoticed(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    hang_up(scene);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    int told = aio_stream_close(scene->stream);
    check(told == -EPIPE || told == -ECONNRESET);
    scene->stream = NULL;
    return rc;
}

TEST(error_that_nobody_was_told_of_is_told_by_close)
{
    play(pairs_unix, lose_peer_unnoticed);
}

static int write_and_lose(void *arg)
{
    aio_stream *stream = arg;
    ssize_t n = aio_stream_write(stream, big, sizeof big);
    check(n > 0 && n < (ssize_t)sizeof big);
    check_int(aio_stream_write(stream, "x", 1), stream->write_error);
    return 0;
}

static int lose_peer_half_way(struct scene *scene)
{
    aio_task *writer = aio_spawn(write_and_lose, scene->stream);
    int rc = aio_sleep(AIO_MSEC(1));
    hang_up(scene);
    check_int(aio_join(writer), 0);
    return rc;
}

TEST(write_that_fails_half_way_says_how_much_was_taken_and_the_next_one_says_why)
{
    play(pairs_unix, lose_peer_half_way);
}

static int write_with_faults(struct scene *scene)
{
    char data[64];
    faults_clear(); /* none but those that follow */
    faults_fail("send", 1, EINTR, FAULTS_ONCE);
    check_int(aio_stream_write(scene->stream, "a", 1), 1);
    faults_fail("send", 1, ENOBUFS, FAULTS_ONCE);
    check_int(aio_stream_write(scene->stream, "b", 1), -ENOBUFS);
    check_int(aio_stream_write(scene->stream, "c", 1), 1);
    faults_fail("send", 1, EAGAIN, FAULTS_ONCE);
    check_int(aio_stream_write(scene->stream, "d", 1), 1);
    check_int(aio_stream_flush(scene->stream), 0);
    faults_clear();
    check_int(read(scene->peer, data, sizeof data), 3);
    check(memcmp(data, "acd", 3) == 0);
    return 0;
}

TEST(interrupted_write_is_repeated_and_want_of_memory_passes)
{
    play(pairs_unix, write_with_faults);
}

static int write_without_memory(struct scene *scene)
{
    size_t filled = 0;
    ssize_t n = 1;
    while (aio__buffer_size(&scene->stream->out) == 0 && n > 0) {
        n = aio_stream_write(scene->stream, big, 1000);
        filled += n > 0 ? (size_t)n : 0;
    }
    faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON);
    n = aio_stream_write(scene->stream, big, 60000);
    faults_clear();
    check_int(n, -ENOMEM);
    int rc = expect(scene->peer, filled);
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    return rc;
}

TEST(write_without_memory_for_its_queue_has_taken_nothing)
{
    play(pairs_unix, write_without_memory);
}

static int no_more_watches(struct scene *scene)
{
    bool epoll = strcmp(aio_loop_selector_name(aio_loop_current()), "epoll") == 0;
    size_t total = pairs_fill(scene->stream->fd);
    if (epoll) {
        faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
        check_int(aio_stream_write(scene->stream, "x", 1), -ENOSPC);
        faults_clear();
    }
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    return expect(scene->peer, total + 1);
}

TEST(write_that_can_not_be_watched_fails_and_the_next_one_works)
{
    play(pairs_unix, no_more_watches);
}

/* ---- closing under writers ------------------------------------------------------------------- */

static int close_under_writers(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    struct writing writing = {scene->stream, "x", 1};
    aio_task *tasks[4] = {aio_spawn(write_it, &writing), aio_spawn(write_it, &writing),
                          aio_spawn(flush_it, scene->stream), aio_spawn(end_it, scene->stream)};
    rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_stream_close(scene->stream), 0);
    scene->stream = NULL;
    for (int i = 0; i < 4; i++)
        check_int(aio_join(tasks[i]), -EBADF);
    /* What was taken is sent, in the background. */
    return rc < 0 ? rc : expect(scene->peer, total);
}

TEST(close_wakes_writers_and_sends_what_was_taken)
{
    play(pairs_unix, close_under_writers);
    play(pairs_tcp, close_under_writers);
}

static int abort_under_writers(struct scene *scene)
{
    size_t total;
    int rc = fill_up(scene, &total);
    if (rc < 0)
        return rc;
    struct writing writing = {scene->stream, "x", 1};
    aio_task *writer = aio_spawn(write_it, &writing), *flusher = aio_spawn(flush_it, scene->stream);
    rc = aio_sleep(AIO_MSEC(1));
    aio_stream_abort(scene->stream);
    scene->stream = NULL;
    check_int(aio_join(writer), -EBADF);
    check_int(aio_join(flusher), -EBADF);
    return rc;
}

TEST(abort_wakes_writers)
{
    play(pairs_unix, abort_under_writers);
    play(pairs_tcp, abort_under_writers);
    play(pairs_pipe, abort_under_writers);
}
