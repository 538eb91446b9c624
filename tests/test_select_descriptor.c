/*
 * Descriptors in a select: readiness, errors, and who else waits for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <aio/run.h>
#include <aio/select.h>
#include <aio/stream.h>

#include "base/sys.h"
#include "loop/loop.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

/* Runs a main task with the two ends of a pair of sockets. */
static void play(int (*scene)(void *ends))
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(scene, ends), 0);
    pairs_close(ends);
}

/* One descriptor, one direction, for 1 ms of the virtual clock: the case's result. */
static int select_one(aio_select_case one)
{
    int rc = aio_select(&one, 1, AIO_MSEC(1));
    return rc == 0 ? one.result : rc;
}

static int readable(int fd)
{
    return select_one((aio_select_case)AIO_SELECT_READABLE(fd));
}

static int writable(int fd)
{
    return select_one((aio_select_case)AIO_SELECT_WRITABLE(fd));
}

/* ---- being ready ----------------------------------------------------------------------------- */

static int see_what_is_there(void *arg)
{
    int *ends = arg;
    check_int(writable(ends[0]), AIO_WRITABLE);
    check_int(readable(ends[0]), -ETIMEDOUT);
    check_int(write(ends[1], "x", 1), 1);
    check_int(readable(ends[0]), AIO_READABLE);
    (void)pairs_drain(ends[0]);
    (void)pairs_fill(ends[0]);
    check_int(writable(ends[0]), -ETIMEDOUT);
    return 0;
}

TEST(what_is_ready_already_happens_at_once)
{
    play(see_what_is_there);
}

static int write_a_byte(void *arg)
{
    return write(*(int *)arg, "x", 1) == 1 ? 0 : -errno;
}

static int wait_for_a_byte(void *arg)
{
    int *ends = arg;
    for (int i = 0; i < 3; i++) {
        aio_select_case cases[] = {AIO_SELECT_NOTHING, AIO_SELECT_READABLE(ends[0])};
        int rc = aio_go(write_a_byte, &ends[1]);
        if (rc < 0)
            return rc;
        rc = aio_select(cases, 2, AIO_FOREVER);
        if (!check_int(rc, 1))
            return rc;
        check_int(cases[1].result, AIO_READABLE);
        check_int((int64_t)pairs_drain(ends[0]), 1);
    }
    return 0;
}

TEST(a_select_waits_until_there_is_something_to_read)
{
    play(wait_for_a_byte);
}

static int drain(void *arg)
{
    return pairs_drain(*(int *)arg) > 0 ? 0 : -EIO;
}

static int wait_for_room(void *arg)
{
    int *ends = arg;
    aio_select_case cases[] = {AIO_SELECT_READABLE(ends[0]), AIO_SELECT_WRITABLE(ends[0])};
    (void)pairs_fill(ends[0]);
    int rc = aio_go(drain, &ends[1]);
    if (rc < 0)
        return rc;
    check_int(aio_select(cases, 2, AIO_FOREVER), 1);
    check_int(cases[1].result, AIO_WRITABLE);
    return 0;
}

TEST(one_descriptor_may_be_in_a_select_for_both_directions)
{
    play(wait_for_room);
}

static int see_either(void *arg)
{
    int *ends = arg;
    aio_select_case one = AIO_SELECT_READABLE(ends[0]);
    one.events = AIO_READABLE | AIO_WRITABLE;
    check_int(select_one(one), AIO_WRITABLE);
    check_int(write(ends[1], "x", 1), 1);
    check_int(select_one(one), AIO_READABLE | AIO_WRITABLE);
    (void)pairs_drain(ends[0]);
    (void)pairs_fill(ends[0]);
    int rc = aio_go(write_a_byte, &ends[1]);
    check_int(select_one(one), rc < 0 ? -ETIMEDOUT : (int)AIO_READABLE);
    return rc;
}

TEST(a_case_may_be_for_both_directions)
{
    play(see_either);
}

static int close_end(void *arg)
{
    int *end = arg;
    (void)close(*end);
    *end = -1;
    return 0;
}

static int see_the_end(void *arg)
{
    int *ends = arg;
    int rc = aio_go(close_end, &ends[1]);
    if (rc < 0)
        return rc;
    check_int(readable(ends[0]), AIO_READABLE); /* by waiting */
    check_int(readable(ends[0]), AIO_READABLE); /* at once */
    check_int(writable(ends[0]), AIO_WRITABLE);
    return 0;
}

TEST(a_peer_that_is_gone_is_ready)
{
    play(see_the_end);
}

static int see_files(void *arg)
{
    int *fds = arg;
    check_int(readable(fds[0]), AIO_READABLE);
    check_int(readable(fds[1]), AIO_READABLE);
    check_int(writable(fds[1]), AIO_WRITABLE);
    /* Where the first look fails, the selector says that it does not wait for these. */
    (void)faults_fail("poll", 1, EINTR, FAULTS_ONCE);
    check_int(readable(fds[0]), AIO_READABLE);
    check(aio__watch_find(aio_loop_current(), fds[0]) == NULL);
    faults_clear();
    return 0;
}

TEST_EXACT(files_are_always_ready)
{
    int fds[2] = {open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
                  open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (check(fds[0] >= 0 && fds[1] >= 0))
        check_int(test_run(see_files, fds), 0);
    pairs_close(fds);
}

static int count_allocations(void *arg)
{
    int *ends = arg;
    check_int(readable(ends[0]), -ETIMEDOUT);
    unsigned long before = faults_count("memory");
    check_int(readable(ends[0]), -ETIMEDOUT);
    check_int(faults_count("memory"), before);
    return 0;
}

TEST(the_second_wait_on_a_descriptor_allocates_nothing)
{
    play(count_allocations);
}

/* ---- among others ---------------------------------------------------------------------------- */

static int prefer_neither(void *arg)
{
    int *ends = arg, counts[2] = {0};
    aio_channel *channel = aio_channel_new(0, 1);
    if (channel == NULL)
        return -ENOMEM;
    for (int i = 0; i < 400; i++) {
        aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, NULL), AIO_SELECT_WRITABLE(ends[0])};
        (void)aio_channel_try_send(channel, NULL);
        int which = aio_select(cases, 2, AIO_FOREVER);
        if (check(which == 0 || which == 1))
            counts[which]++;
    }
    check(counts[0] > 140 && counts[1] > 140);
    aio_channel_free(channel);
    return 0;
}

TEST(channels_and_descriptors_are_as_likely)
{
    play(prefer_neither);
}

static int send_one(void *channel)
{
    return aio_channel_try_send(channel, NULL);
}

static int leave_a_descriptor(void *arg)
{
    int *ends = arg;
    aio_channel *channel = aio_channel_new(0, 0);
    aio_select_case cases[] = {AIO_SELECT_READABLE(ends[0]), AIO_SELECT_RECEIVE(channel, NULL)};
    int rc = channel != NULL ? aio_go(send_one, channel) : -ENOMEM;
    if (rc == 0)
        check_int(aio_select(cases, 2, AIO_FOREVER), 1);
    aio_channel_free(channel);
    if (rc < 0)
        return rc;
    check_int(write(ends[1], "x", 1), 1);
    check_int(aio_fd_wait(ends[0], AIO_READABLE), AIO_READABLE); /* nobody else waits on it */
    check_int(aio_loop_next_deadline(aio_loop_current()), AIO_FOREVER);
    return 0;
}

TEST(a_descriptor_whose_case_did_not_happen_is_free_again)
{
    play(leave_a_descriptor);
}

struct waiting {
    int fd, result;
    aio_channel *channel;
};

static int wait_readable(void *arg)
{
    struct waiting *waiting = arg;
    aio_select_case cases[] = {AIO_SELECT_READABLE(waiting->fd),
                               AIO_SELECT_RECEIVE(waiting->channel, NULL)};
    int which = aio_select(cases, 2, AIO_FOREVER);
    waiting->result = which >= 0 ? cases[which].result : which;
    return which;
}

/* The descriptor's event is there, and its handle queued, when an item comes; and the other way. */
static int let_both_come(void *arg)
{
    int *ends = arg;
    struct waiting waiting = {.fd = ends[0], .channel = aio_channel_new(0, 0)};
    aio_task *task = aio_spawn(wait_readable, &waiting);
    int rc = aio_yield();
    check_int(write(ends[1], "x", 1), 1);
    check_int(aio_channel_try_send(waiting.channel, NULL), task != NULL ? 0 : -ENOMEM);
    check_int(aio_join(task), 1);
    check_int(readable(ends[0]), AIO_READABLE);
    task = aio_spawn(wait_readable, &waiting);
    check_int(aio_join(task), 0);
    check_int(waiting.result, AIO_READABLE);
    aio_channel_free(waiting.channel);
    return rc;
}

TEST(of_an_event_and_an_item_one_is_taken_and_the_other_is_still_there)
{
    play(let_both_come);
}

/* ---- what is refused, what fails ------------------------------------------------------------- */

static int wait_for_what_is_taken(void *arg)
{
    int *ends = arg;
    struct waiting waiting = {.fd = ends[0]};
    aio_task *task = aio_spawn(wait_readable, &waiting);
    int rc = aio_yield();
    if (task != NULL) {
        check_int(readable(ends[0]), -EBUSY);
        check_int(aio_fd_wait(ends[0], AIO_READABLE), -EBUSY);
        check_int(writable(ends[0]), AIO_WRITABLE);
    }
    check_int(aio_task_stop(task), 0);
    check_int(readable(ends[0]), -ETIMEDOUT);
    return rc;
}

TEST(a_second_task_on_a_direction_is_told)
{
    play(wait_for_what_is_taken);
}

static int wait_twice(void *arg)
{
    int *ends = arg;
    aio_select_case cases[] = {AIO_SELECT_READABLE(ends[0]), AIO_SELECT_READABLE(ends[0])};
    check_int(aio_select(cases, 2, AIO_FOREVER), 1);
    check_int(cases[1].result, -EBUSY);
    check_int(readable(ends[0]), -ETIMEDOUT);
    return 0;
}

TEST(a_second_case_for_a_direction_fails)
{
    play(wait_twice);
}

static int wait_for_no_descriptor(void *arg)
{
    (void)arg;
    check_int(readable(1000000), -EBADF);
    check_int(writable(999), -EBADF);
    aio_select_case one = AIO_SELECT_READABLE(0);
    one.events = 0;
    check_int(select_one(one), -EINVAL);
    one.events = 8;
    check_int(select_one(one), -EINVAL);
    return 0;
}

TEST(what_is_no_descriptor_or_no_direction_is_refused)
{
    check_int(test_run(wait_for_no_descriptor, NULL), 0);
}

static int close_under_a_select(void *arg)
{
    int *ends = arg;
    struct waiting waiting = {.fd = ends[0]};
    aio_task *task = aio_spawn(wait_readable, &waiting);
    int rc = aio_yield();
    check_int(aio_fd_close(ends[0]), 0);
    ends[0] = -1;
    check_int(aio_join(task), 0);
    check_int(waiting.result, -EBADF);
    return rc;
}

TEST(a_descriptor_that_is_closed_by_the_library_wakes_a_select)
{
    play(close_under_a_select);
}

/* Its handle is queued, with -EBADF, and the watch is gone, when it is cancelled. */
static int close_and_cancel(void *arg)
{
    int *ends = arg;
    struct waiting waiting = {.fd = ends[0]};
    aio_task *task = aio_spawn(wait_readable, &waiting);
    int rc = aio_yield();
    check_int(aio_fd_close(ends[0]), 0);
    ends[0] = -1;
    check_int(aio_task_stop(task), 0);
    return rc;
}

TEST(a_select_is_cancelled_while_it_hears_of_a_close)
{
    play(close_and_cancel);
}

static int select_of_a_stream(void *arg)
{
    int *ends = arg;
    aio_stream *stream = aio_stream_open(ends[0]);
    if (stream != NULL) {
        check_int(readable(ends[0]), -EBUSY);
        check_int(writable(ends[0]), -EBUSY);
        ends[0] = -1;
    }
    check_int(aio_stream_close(stream), 0);
    return 0;
}

TEST(a_streams_descriptor_is_the_streams)
{
    play(select_of_a_stream);
}

static int fail_to_watch(void *arg)
{
    int *ends = arg;
    aio_channel *channel = aio_channel_new(0, 0);
    aio_future *future = aio_future_new();
    aio_select_case cases[] = {AIO_SELECT_RECEIVE(channel, NULL), AIO_SELECT_FUTURE(future),
                               AIO_SELECT_READABLE(ends[0]), AIO_SELECT_RECEIVE(channel, NULL)};
    (void)faults_fail("memory", 1, ENOMEM, FAULTS_ONCE); /* the lent watch */
    check_int(aio_select(cases, 4, AIO_SEC(1)), 2);
    check_int(cases[2].result, -ENOMEM);
    check_int(aio_channel_try_send(channel, NULL), channel != NULL ? -EAGAIN : -ENOMEM);
    faults_clear();
    check_int(aio_select(cases, 4, AIO_SEC(1)), -ETIMEDOUT);
    aio_release(future);
    aio_channel_free(channel);
    return 0;
}

TEST(a_descriptor_that_can_not_be_watched_makes_its_case_happen)
{
    play(fail_to_watch);
}

static int exhaust_watches(void *arg)
{
    int *ends = arg;
    if (strcmp(aio_loop_selector_name(aio_loop_current()), "epoll") != 0)
        return 0;
    (void)faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
    check_int(readable(ends[0]), -ENOSPC);
    check(aio__watch_find(aio_loop_current(), ends[0]) == NULL);
    faults_clear();
    check_int(readable(ends[0]), -ETIMEDOUT);
    return 0;
}

TEST(a_watch_that_the_system_refuses_is_not_remembered)
{
    play(exhaust_watches);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

static int cancel_while_waiting(void *arg)
{
    int *ends = arg;
    struct waiting waiting = {.fd = ends[0]};
    aio_task *task = aio_spawn(wait_readable, &waiting);
    int rc = aio_yield();
    check_int(aio_task_stop(task), 0);
    check_int(waiting.result, task != NULL ? -ECANCELED : 0);
    check_int(write(ends[1], "x", 1), 1);
    check_int(readable(ends[0]), AIO_READABLE);
    return rc;
}

TEST(a_cancelled_select_leaves_its_descriptor)
{
    play(cancel_while_waiting);
}

struct canceller {
    aio_task *task;
    int fd;
};

static void cancel_it(void *arg)
{
    struct canceller *canceller = arg;
    (void)aio_task_cancel(canceller->task);
    (void)aio_loop_remove_reader(aio_loop_current(), canceller->fd);
}

/* A reader of the same socket cancels in the turn in which the select hears of it: before the
 * select's handle has run or after it, as they came to the selector. */
static int cancel_in_the_same_turn(int *ends, bool reader_first)
{
    struct waiting waiting = {.fd = ends[0]};
    struct canceller canceller = {.fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 0)};
    aio_loop *loop = aio_loop_current();
    int rc = reader_first ? aio_loop_add_reader(loop, canceller.fd, cancel_it, &canceller) : 0;
    canceller.task = aio_spawn(wait_readable, &waiting);
    if (rc == 0)
        rc = aio_yield();
    if (rc == 0 && !reader_first)
        rc = aio_loop_add_reader(loop, canceller.fd, cancel_it, &canceller);
    if (rc == 0 && canceller.task != NULL) {
        check_int(write(ends[1], "x", 1), 1);
        check_int(aio_await_done(canceller.task), 0);
        check_int(waiting.result, -ECANCELED);
        check_int(readable(ends[0]), AIO_READABLE); /* nothing was taken from it */
    }
    (void)aio_task_stop(canceller.task);
    check_int(aio_fd_close(canceller.fd), 0);
    (void)pairs_drain(ends[0]);
    return rc;
}

static int cancel_in_either_order(void *arg)
{
    int rc = cancel_in_the_same_turn(arg, true);
    return rc < 0 ? rc : cancel_in_the_same_turn(arg, false);
}

TEST(a_select_that_is_cancelled_while_a_descriptor_wakes_it_is_cancelled)
{
    play(cancel_in_either_order);
}
