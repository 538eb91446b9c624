/*
 * Closing streams: what was written is sent, what the peer was sent is not taken
 * from it, and nothing lingers for ever.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

static int kept_peer;

/* Hears of the loop's end before the stream does. */
static void send_more(aio__owned *owned)
{
    (void)owned;
    check_int(send(kept_peer, "more", 4, MSG_NOSIGNAL), 4);
}

static aio__owned sender = {.close = send_more};

/* Closed, with all of it in the kernel; and the peer sends on when it is too late to read. */
static int leave_answered(struct scene *scene)
{
    aio__io *io = scene->stream->io;
    aio__io_own(io, &sender);
    aio__io_disown(&scene->stream->owned);
    aio__io_own(io, &scene->stream->owned);
    check_int(aio_stream_write(scene->stream, "answer", 6), 6);
    size_t total = 6 + pairs_fill(scene->stream->fd);
    check_int(close_it(scene), 0);
    kept_peer = scene->peer;
    scene->peer = -1;
    return (int)total;
}

/* Reads, outside of any loop, until the stream ends: how many bytes, or -errno. */
static ssize_t read_plainly(int peer)
{
    struct pollfd set = {.fd = peer, .events = POLLIN};
    size_t total = 0;
    while (poll(&set, 1, 2000) == 1) {
        ssize_t n = read(peer, big, sizeof big);
        if (n < 0 && errno != EAGAIN)
            return -errno;
        if (n == 0)
            return (ssize_t)total;
        total += n > 0 ? (size_t)n : 0;
    }
    return -ETIMEDOUT;
}

TEST(loop_that_closes_leaves_to_the_kernel_what_it_has_of_a_closed_stream)
{
    struct scene scene = {.peer = -1, .make = pairs_tcp, .play = leave_answered};
    kept_peer = -1;
    int total = test_run(open_and_play, &scene);
    check(total > 6);
    if (kept_peer >= 0) {
        check_int(read_plainly(kept_peer), total);
        close(kept_peer);
    }
}

/* ---- held by its user when the loop closes --------------------------------------------------- */

static aio_stream *kept_stream;

static int keep_both(struct scene *scene)
{
    kept_stream = scene->stream;
    kept_peer = scene->peer;
    scene->stream = NULL;
    scene->peer = -1;
    return 0;
}

static int keep_with_queue(struct scene *scene)
{
    ssize_t total = fill_up(scene->stream);
    return total < 0 ? (int)total : keep_both(scene);
}

static int keep_all_sent(struct scene *scene)
{
    ssize_t n = aio_stream_write(scene->stream, "x", 1);
    return n < 0 ? (int)n : keep_both(scene);
}

/* What the close says, after the loop, and then how many bytes the peer gets, or -errno. */
static void expect_after_loop(bool (*make)(int ends[2]), int (*function)(struct scene *scene),
                              int closed, ssize_t (*read_rest)(int peer), ssize_t rest)
{
    kept_stream = NULL;
    kept_peer = -1;
    play(make, function);
    if (kept_stream == NULL)
        return;
    check_int(aio_stream_close(kept_stream), closed);
    check_int(read_rest(kept_peer), rest);
    close(kept_peer);
}

/* How the stream ends, whatever comes before: 0 a clean end, or -errno. */
static ssize_t read_the_end(int peer)
{
    ssize_t n = read_plainly(peer);
    return n < 0 ? n : 0;
}

TEST(peer_of_a_stream_whose_loop_took_what_was_queued_sees_a_reset_and_no_end)
{
    expect_after_loop(pairs_tcp, keep_with_queue, -ECANCELED, read_the_end, -ECONNRESET);
}

TEST(stream_whose_loop_has_taken_nothing_closes_like_any_other)
{
    expect_after_loop(pairs_tcp, keep_all_sent, 0, read_plainly, 1);
}

TEST(close_says_that_the_loop_took_what_was_queued_for_what_knows_no_reset)
{
    expect_after_loop(pairs_unix, keep_with_queue, -ECANCELED, read_the_end, 0);
    expect_after_loop(pairs_pipe, keep_with_queue, -ECANCELED, read_the_end, 0);
}

/* ---- in a child ------------------------------------------------------------------------------ */

static int kept_fd;

static int leave_queue(struct scene *scene)
{
    kept_fd = scene->stream->fd;
    ssize_t total = fill_up(scene->stream);
    if (total >= 0)
        (void)close_it(scene);
    kept_peer = scene->peer;
    scene->peer = -1;
    return (int)total;
}

static int read_kept(void *arg)
{
    (void)arg;
    return (int)read_to_end(kept_peer);
}

static int keep_queue(struct scene *scene)
{
    kept_fd = scene->stream->fd;
    ssize_t total = fill_up(scene->stream);
    (void)keep_both(scene);
    return (int)total;
}

/* A child closes the loop, and the stream that its user still holds, if there is one. */
static void close_in_child(aio_runner *runner)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        int rc = aio_runner_close(runner);
        (void)aio_stream_close(kept_stream);
        _exit(rc != 0);
    }
    check_int(waitpid(child, &status, 0), child);
    check_int(status, 0);
}

static void expect_untouched(int (*function)(struct scene *scene))
{
    struct scene scene = {.peer = -1, .make = pairs_tcp, .play = function};
    aio_options options = AIO_OPTIONS_INIT;
    struct linger linger = {.l_onoff = 1};
    socklen_t size = sizeof linger;
    options.handle_sigint = false;
    kept_stream = NULL;
    kept_peer = -1;
    aio_runner *runner = aio_runner_new(&options);
    int total = aio_runner_run(runner, open_and_play, &scene);
    if (check(total > 0)) {
        close_in_child(runner);
        check_int(getsockopt(kept_fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
        check_int(linger.l_onoff, 0);
    }
    if (kept_stream != NULL)
        check_int(aio_stream_close(kept_stream), 0);
    if (total > 0)
        check_int(aio_runner_run(runner, read_kept, NULL), total);
    check_int(aio_runner_close(runner), 0);
    close(kept_peer);
}

TEST(child_that_closes_the_loop_leaves_its_parents_connections_alone)
{
    expect_untouched(leave_queue);
    expect_untouched(keep_queue);
}

/* ---- under a reader, after a failure --------------------------------------------------------- */

static int read_it(void *arg)
{
    char data[4096];
    return (int)aio_stream_read(arg, data, sizeof data);
}

static int close_under_woken_reader(struct scene *scene)
{
    aio_task *reader = aio_spawn(read_it, scene->stream);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_stream_write(scene->stream, "answer", 6), 6);
    size_t total = 6 + pairs_fill(scene->stream->fd);
    check_int(send(scene->peer, "more", 4, MSG_NOSIGNAL), 4);
    /* The reader is woken, and has not gone on. */
    aio__event event = {.fd = scene->stream->fd,
                        .tag = scene->stream->watch.generation,
                        .events = AIO__READ};
    aio__watch_deliver(aio_loop_current(), &event);
    check_int(close_it(scene), 0);
    check_int(aio_join(reader), -EBADF);
    check_int(read_to_end(scene->peer), total);
    return rc;
}

TEST(close_under_a_reader_that_was_woken_takes_nothing_from_the_peer)
{
    play(pairs_tcp, close_under_woken_reader);
}

/* Empties the peer's end without a turn of the loop. */
static void drain_at_once(int peer, size_t size)
{
    for (int i = 0; i < 100000 && size > 0; i++) {
        size_t n = pairs_drain(peer);
        size -= n < size ? n : size;
    }
    check_int(size, 0);
}

static int close_after_failed_queueing(struct scene *scene)
{
    size_t filled = pairs_fill(scene->stream->fd);
    faults_fail("memory", 1, ENOMEM, FAULTS_FROM_THEN_ON);
    check_int(aio_stream_write(scene->stream, big, 60000), -ENOMEM);
    faults_clear();
    check_int(scene->stream->background_watcher.directions, 0);
    drain_at_once(scene->peer, filled);
    check_int(aio_stream_write(scene->stream, "x", 1), 1);
    check_int(close_it(scene), 0);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(read_to_end(scene->peer), 1);
    close(scene->peer);
    scene->peer = -1;
    return rc < 0 ? rc : aio_sleep(AIO_MSEC(1));
}

TEST(stream_whose_queue_had_no_memory_closes_like_any_other)
{
    play(pairs_tcp, close_after_failed_queueing);
}

static int close_after_failed_watching(struct scene *scene)
{
    pairs_fill(scene->stream->fd);
    if (strcmp(aio_loop_selector_name(aio_loop_current()), "epoll") != 0)
        return 0;
    faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
    check_int(aio_stream_write(scene->stream, "x", 1), -ENOSPC);
    faults_clear();
    check(scene->stream->out.storage == NULL);
    return close_it(scene);
}

TEST(write_that_can_not_be_watched_keeps_no_memory)
{
    play(pairs_unix, close_after_failed_watching);
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
