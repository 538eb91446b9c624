/*
 * Closing streams: what was written is sent, what the peer was sent is not taken
 * from it, and nothing lingers for ever.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

struct scene {
    aio_stream *stream;
    int peer;
    bool (*make)(int ends[2]);
    int (*play)(struct scene *scene);
};

static char big[1000000];

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

/* Reads the peer's end to the end of the stream: how many bytes, or -errno. */
static ssize_t read_to_end(int peer)
{
    size_t total = 0;
    for (int idle = 0; idle < 1000;) {
        char data[10000];
        ssize_t n = read(peer, data, sizeof data);
        if (n == 0)
            return (ssize_t)total;
        if (n < 0 && errno != EAGAIN)
            return -errno;
        total += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        int rc = n > 0 ? aio_yield() : aio_sleep(AIO_USEC(100));
        if (rc < 0)
            return rc;
    }
    return -ETIMEDOUT;
}

/* Fills up what the system takes, and some of the queue: how many bytes, or an error. */
static ssize_t fill_up(aio_stream *stream)
{
    size_t total = pairs_fill(stream->fd);
    while (aio__buffer_size(&stream->out) == 0) {
        ssize_t n = aio_stream_write(stream, big, 1000);
        if (n < 0)
            return n;
        total += (size_t)n;
    }
    return (ssize_t)total;
}

static int close_it(struct scene *scene)
{
    int rc = aio_stream_close(scene->stream);
    scene->stream = NULL;
    return rc;
}

static int close_with_queue(struct scene *scene)
{
    ssize_t total = fill_up(scene->stream);
    if (total < 0)
        return (int)total;
    check_int(close_it(scene), 0);
    check_int(read_to_end(scene->peer), total);
    return 0;
}

TEST(close_sends_what_is_queued)
{
    play(pairs_unix, close_with_queue);
    play(pairs_tcp, close_with_queue);
    play(pairs_pipe, close_with_queue);
}

static int close_idle(struct scene *scene)
{
    char byte;
    int fd = scene->stream->fd;
    check_int(close_it(scene), 0);
    check(write(fd, "", 0) < 0 && errno == EBADF);
    check_int(read(scene->peer, &byte, 1), 0);
    return 0;
}

TEST(close_with_nothing_to_send_closes_at_once)
{
    play(pairs_unix, close_idle);
    play(pairs_tcp, close_idle);
}

static int close_for_one_who_never_reads(struct scene *scene)
{
    ssize_t total = fill_up(scene->stream);
    if (total < 0)
        return (int)total;
    aio_loop *loop = aio_loop_current();
    int64_t begin = aio_loop_time(loop);
    int fd = scene->stream->fd;
    check_int(close_it(scene), 0);
    /* Real time that the poll waits is virtual time too, so pretend that it has passed. */
    loop->now += AIO_SEC(10) - AIO_MSEC(1);
    int rc = aio_yield();
    check_int(write(fd, "", 0), 0);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(2));
    check(aio_loop_time(loop) - begin < AIO_SEC(11));
    check(write(fd, "", 0) < 0 && errno == EBADF);
    return rc;
}

TEST(close_gives_up_after_ten_seconds)
{
    play(pairs_unix, close_for_one_who_never_reads);
    play(pairs_tcp, close_for_one_who_never_reads);
}

static int cut_off(struct scene *scene)
{
    ssize_t total = fill_up(scene->stream);
    if (total < 0)
        return (int)total;
    check_int(close_it(scene), 0);
    aio_loop_current()->now += AIO_SEC(11);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(read_to_end(scene->peer), -ECONNRESET);
    return rc;
}

TEST(peer_that_did_not_get_all_sees_a_reset_and_no_end)
{
    play(pairs_tcp, cut_off);
}

static int abort_it(struct scene *scene)
{
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    aio_stream_abort(scene->stream);
    scene->stream = NULL;
    ssize_t n = read_to_end(scene->peer);
    check_int(n, -ECONNRESET);
    return 0;
}

TEST(abort_is_a_reset_on_tcp)
{
    play(pairs_tcp, abort_it);
}

/* ---- with data unread ------------------------------------------------------------------------ */

/* A request that is refused before it was read: the peer sends on, and must get the answer. */
static int refuse_request(struct scene *scene)
{
    static const char answer[] = "413 too large";
    char data[64];
    size_t sent = 0;
    check_int(aio_stream_write(scene->stream, answer, sizeof answer), sizeof answer);
    for (int i = 0; i < 10; i++) {
        ssize_t n = send(scene->peer, big, 50000, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        if (i == 2)
            check_int(close_it(scene), 0);
        int rc = aio_sleep(AIO_USEC(100));
        if (rc < 0)
            return rc;
    }
    check_int(sent, 500000);
    (void)shutdown(scene->peer, SHUT_WR);
    check_int(read_to_end(scene->peer), sizeof answer);
    check(read(scene->peer, data, sizeof data) == 0);
    return 0;
}

TEST(close_with_data_unread_does_not_take_the_answer_from_the_peer)
{
    for (int i = 0; i < 20; i++)
        play(pairs_tcp, refuse_request);
}

static int linger_for_silent_peer(struct scene *scene)
{
    char byte;
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    int fd = scene->stream->fd;
    check_int(close_it(scene), 0);
    check_int(read_to_end(scene->peer), 1);
    check_int(recv(fd, &byte, 1, MSG_PEEK), -1);
    check_int(errno, EAGAIN);
    aio_loop_current()->now += AIO_SEC(11);
    int rc = aio_sleep(AIO_MSEC(1));
    check(recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EBADF);
    return rc;
}

TEST(peer_that_never_ends_is_waited_for_ten_seconds)
{
    play(pairs_tcp, linger_for_silent_peer);
}

static int linger_for_flood(struct scene *scene)
{
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    check_int(close_it(scene), 0);
    int turns = 0, rc = 0;
    size_t total = 0;
    while (rc == 0 && total < 3000000 && turns < 10000) {
        ssize_t n = send(scene->peer, big, sizeof big, MSG_NOSIGNAL);
        total += n > 0 ? (size_t)n : 0;
        rc = n > 0 ? aio_yield() : aio_sleep(AIO_USEC(100));
        turns++;
    }
    check(total >= 3000000);
    check(turns >= 2);
    return rc;
}

TEST(what_a_lingering_stream_gets_is_thrown_away)
{
    play(pairs_tcp, linger_for_flood);
}

static int close_many(struct scene *scene)
{
    int fds[3][2];
    aio_stream *streams[3] = {NULL};
    int made = 0;
    for (; made < 3 && pairs_tcp(fds[made]); made++) {
        streams[made] = aio_stream_open(fds[made][0]);
        if (streams[made] != NULL)
            fds[made][0] = -1;
        (void)aio_stream_write(streams[made], "x", 1);
    }
    for (int i = 0; i < made; i++)
        check_int(aio_stream_close(streams[i]), 0);
    check(scene->stream->io->linger_timer.index != 0);
    /* The second one's peer ends: it goes, the others stay. */
    close(fds[1][1]);
    fds[1][1] = -1;
    int rc = aio_sleep(AIO_MSEC(1));
    int count = 0;
    aio__list_foreach(link, &scene->stream->io->lingering)
        count++;
    check_int(count, 2);
    for (int i = 0; i < made; i++)
        pairs_close(fds[i]);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check(aio__list_empty(&scene->stream->io->lingering));
    check_int(scene->stream->io->linger_timer.index, 0);
    return rc;
}

TEST(streams_that_linger_end_each_by_itself)
{
    play(pairs_unix, close_many);
}

static int leave_lingering(struct scene *scene)
{
    (void)fill_up(scene->stream);
    return close_it(scene);
}

TEST(loop_that_closes_ends_what_lingers)
{
    play(pairs_unix, leave_lingering);
    play(pairs_tcp, leave_lingering);
}

/* ---- interrupted ----------------------------------------------------------------------------- */

static int closes, close_fd;

static int interrupted_close(int fd)
{
    closes += fd == close_fd;
    (void)aio__sys_real.close(fd);
    errno = EINTR;
    return -1;
}

static int close_interrupted(struct scene *scene)
{
    closes = 0;
    close_fd = scene->stream->fd;
    aio__sys.close = interrupted_close;
    check_int(close_it(scene), 0);
    check_int(closes, 1);
    return aio_yield();
}

TEST(interrupted_close_of_a_stream_is_not_repeated)
{
    int (*before)(int) = aio__sys.close;
    play(pairs_unix, close_interrupted);
    aio__sys.close = before;
}
