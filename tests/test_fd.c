/*
 * Waiting for a program's own descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "loop/loop.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

struct waiting {
    int fd;
    unsigned events;
};

static int wait_for(void *arg)
{
    struct waiting *waiting = arg;
    return aio_fd_wait(waiting->fd, waiting->events);
}

static int write_byte(void *arg)
{
    return write(*(int *)arg, "x", 1) == 1 ? 0 : -errno;
}

/* ---- being ready ----------------------------------------------------------------------------- */

static int see_both_directions(void *arg)
{
    int *ends = arg;
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), AIO_WRITABLE);
    int rc = aio_go(write_byte, &ends[1]);
    if (rc < 0)
        return rc;
    check_int(aio_fd_wait(ends[0], AIO_READABLE), AIO_READABLE);
    check_int(aio_fd_wait(ends[0], AIO_READABLE | AIO_WRITABLE), AIO_READABLE | AIO_WRITABLE);
    return 0;
}

TEST(wait_returns_which_events_have_come)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(see_both_directions, ends), 0);
    pairs_close(ends);
}

static int wait_again_and_again(void *arg)
{
    int *ends = arg;
    unsigned long before = 0;
    for (int i = 0; i < 100; i++) {
        char byte;
        if (write(ends[1], "x", 1) != 1)
            return -EIO;
        int rc = aio_fd_wait(ends[0], AIO_READABLE);
        if (rc < 0)
            return rc;
        if (read(ends[0], &byte, 1) != 1)
            return -EIO;
        if (i == 0)
            before = faults_count("memory");
    }
    check_int(faults_count("memory"), before);
    return 0;
}

TEST(second_wait_on_a_descriptor_allocates_nothing)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(wait_again_and_again, ends), 0);
    pairs_close(ends);
}

static int watch_files(void *arg)
{
    int *fds = arg;
    check_int(aio_fd_wait(fds[0], AIO_READABLE), AIO_READABLE);
    check_int(aio_fd_wait(fds[1], AIO_READABLE | AIO_WRITABLE), AIO_READABLE | AIO_WRITABLE);
    return 0;
}

TEST(regular_file_and_dev_null_are_always_ready)
{
    int fds[2] = {open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
                  open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (check(fds[0] >= 0 && fds[1] >= 0))
        check_int(test_run(watch_files, fds), 0);
    pairs_close(fds);
}

static int reuse_number_of_file(void *arg)
{
    int *ends = arg;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    check_int(aio_fd_wait(file, AIO_READABLE), AIO_READABLE);
    close(file);
    int number = fcntl(ends[0], F_DUPFD_CLOEXEC, file);
    check_int(number, file);
    int rc = aio_timeout_run(AIO_MSEC(1), wait_for,
                             &(struct waiting){.fd = number, .events = AIO_READABLE});
    check_int(rc, -ETIMEDOUT);
    return aio_fd_close(number);
}

TEST(number_that_was_a_regular_file_is_not_ready_for_ever)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(reuse_number_of_file, ends), 0);
    pairs_close(ends);
}

static int see_hangup(void *arg)
{
    int *ends = arg;
    pairs_fill(ends[0]);
    struct waiting reading = {ends[0], AIO_READABLE}, writing = {ends[0], AIO_WRITABLE};
    aio_task *reader = aio_spawn(wait_for, &reading), *writer = aio_spawn(wait_for, &writing);
    int rc = aio_yield();
    close(ends[1]);
    ends[1] = -1;
    int read_rc = aio_join(reader), write_rc = aio_join(writer);
    check_int(read_rc, AIO_READABLE);
    check_int(write_rc, AIO_WRITABLE);
    return rc;
}

TEST(hang_up_wakes_both_directions)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(see_hangup, ends), 0);
    pairs_close(ends);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static int refuse(void *arg)
{
    int *ends = arg;
    check_int(aio_fd_wait(ends[0], 0), -EINVAL);
    check_int(aio_fd_wait(ends[0], 4), -EINVAL);
    check_int(aio_fd_wait(-1, AIO_READABLE), -EBADF);
    int closed = dup(ends[0]);
    close(closed);
    check_int(aio_fd_wait(closed, AIO_READABLE), -EBADF);
    check_int(aio_fd_wait(closed, AIO_READABLE), -EBADF);
    return 0;
}

TEST(wait_refuses_what_can_not_be_waited_for)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(aio_fd_wait(ends[0], AIO_READABLE), -EPERM);
    check_int(test_run(refuse, ends), 0);
    pairs_close(ends);
}

static int two_in_one_direction(void *arg)
{
    int *ends = arg;
    struct waiting reading = {ends[0], AIO_READABLE};
    aio_task *first = aio_spawn(wait_for, &reading);
    int rc = aio_yield();
    check_int(aio_fd_wait(ends[0], AIO_READABLE), -EBUSY);
    check_int(aio_fd_wait(ends[0], AIO_READABLE | AIO_WRITABLE), -EBUSY);
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), AIO_WRITABLE);
    check_int(aio_task_stop(first), 0);
    /* Now that it has gone, another one may. */
    check_int(write(ends[1], "x", 1), 1);
    check_int(aio_fd_wait(ends[0], AIO_READABLE), AIO_READABLE);
    return rc;
}

TEST(second_waiter_in_one_direction_is_told_busy_until_the_first_has_gone)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(two_in_one_direction, ends), 0);
    pairs_close(ends);
}

static int cancel_and_wait_at_once(void *arg)
{
    int *ends = arg;
    struct waiting reading = {ends[0], AIO_READABLE};
    aio_task *first = aio_spawn(wait_for, &reading);
    int rc = aio_yield();
    (void)aio_task_cancel(first);
    check_int(write(ends[1], "x", 1), 1);
    check_int(aio_fd_wait(ends[0], AIO_READABLE), AIO_READABLE);
    check_int(aio_join(first), -ECANCELED);
    return rc;
}

TEST(cancelled_waiter_does_not_disturb_the_one_that_comes_at_once_after_it)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(cancel_and_wait_at_once, ends), 0);
    pairs_close(ends);
}

static int cancel_after_readiness(void *arg)
{
    int *ends = arg;
    struct waiting reading = {ends[0], AIO_READABLE};
    aio_task *first = aio_spawn(wait_for, &reading);
    int rc = aio_yield();
    check_int(write(ends[1], "x", 1), 1);
    /* The event comes, and before the waiter has gone on, its cancellation. */
    const aio__watch *watch = aio__watch_find(aio_loop_current(), ends[0]);
    while (rc == 0 && watch != NULL && watch->watchers[0] != NULL &&
           watch->watchers[0]->result == 0)
        rc = aio_yield();
    (void)aio_task_cancel(first);
    check_int(aio_join(first), -ECANCELED);
    check_int(aio_fd_wait(ends[0], AIO_READABLE), AIO_READABLE);
    return rc;
}

TEST(readiness_that_met_a_cancellation_is_seen_by_the_next_waiter)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(cancel_after_readiness, ends), 0);
    pairs_close(ends);
}

/* ---- closing --------------------------------------------------------------------------------- */

static int close_under_waiters(void *arg)
{
    int *ends = arg;
    pairs_fill(ends[0]);
    struct waiting reading = {ends[0], AIO_READABLE}, writing = {ends[0], AIO_WRITABLE};
    aio_task *reader = aio_spawn(wait_for, &reading), *writer = aio_spawn(wait_for, &writing);
    int rc = aio_yield();
    check_int(aio_fd_close(ends[0]), 0);
    /* The number is another descriptor before they go on. */
    int again = fcntl(ends[1], F_DUPFD_CLOEXEC, ends[0]);
    check_int(again, ends[0]);
    check_int(aio_fd_wait(again, AIO_WRITABLE), AIO_WRITABLE);
    int read_rc = aio_join(reader), write_rc = aio_join(writer);
    check_int(read_rc, -EBADF);
    check_int(write_rc, -EBADF);
    check_int(aio_fd_close(again), 0);
    ends[0] = -1;
    return rc;
}

TEST(close_wakes_waiters_and_its_number_can_be_reused_at_once)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(close_under_waiters, ends), 0);
    pairs_close(ends);
}

static void never(void *arg)
{
    (void)arg;
    test_fail(__FILE__, __LINE__, "a reader of a closed descriptor was called");
}

static int close_with_reader(void *arg)
{
    int *ends = arg;
    check_int(aio_loop_add_reader(aio_loop_current(), ends[0], never, NULL), 0);
    check_int(write(ends[1], "x", 1), 1);
    check_int(aio_fd_close(ends[0]), 0);
    ends[0] = -1;
    int rc = aio_yield();
    return rc == 0 ? aio_yield() : rc;
}

TEST(close_removes_readers_and_writers)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(close_with_reader, ends), 0);
    pairs_close(ends);
}

TEST(close_works_where_no_loop_runs)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(aio_fd_close(ends[0]), 0);
    check_int(aio_fd_close(ends[1]), 0);
}

static int refused_close(int fd)
{
    (void)fd;
    errno = EBADF;
    return -1;
}

TEST(close_of_what_is_not_open_says_so)
{
    aio__sys.close = refused_close;
    check_int(aio_fd_close(1000), -EBADF);
    aio__sys.close = aio__sys_real.close;
}

static int interrupted_close(int fd)
{
    (void)close(fd);
    errno = EINTR;
    return -1;
}

TEST(interrupted_close_is_not_repeated)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    aio__sys.close = interrupted_close;
    check_int(aio_fd_close(ends[0]), 0);
    aio__sys.close = aio__sys_real.close;
    check_int(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
    close(ends[1]);
}

static int refuse_to_close_stream(void *arg)
{
    int *ends = arg;
    aio_stream *stream = aio_stream_open(ends[0]);
    if (stream == NULL)
        return -errno;
    check_int(aio_fd_close(aio_stream_fd(stream)), -EBUSY);
    check_int(aio_fd_wait(aio_stream_fd(stream), AIO_WRITABLE), -EBUSY);
    ends[0] = -1;
    return aio_stream_close(stream);
}

TEST(descriptor_of_a_stream_is_left_alone)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(refuse_to_close_stream, ends), 0);
    pairs_close(ends);
}

/* ---- closed behind our back ------------------------------------------------------------------ */

static int close_behind_our_back(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        int ends[2];
        if (!pairs_unix(ends))
            return -EMFILE;
        int rc = aio_fd_wait(ends[0], AIO_WRITABLE);
        if (rc > 0 && write(ends[1], "x", 1) == 1)
            rc = aio_fd_wait(ends[0], AIO_READABLE);
        pairs_close(ends);
        if (rc < 0)
            return rc;
        if (!check_int(rc, AIO_READABLE))
            break;
    }
    return 0;
}

TEST(number_closed_and_opened_again_without_telling_us_is_watched_anew)
{
    check_int(test_run(close_behind_our_back, NULL), 0);
}

static int close_under_waiter_behind_our_back(void *arg)
{
    int *ends = arg;
    struct waiting reading = {ends[0], AIO_READABLE};
    aio_task *reader = aio_spawn(wait_for, &reading);
    int rc = aio_yield();
    close(ends[0]);
    ends[0] = -1;
    if (rc == 0)
        rc = aio_yield();
    int stopped = aio_task_stop(reader);
    check(stopped == 0 || stopped == -EBADF || stopped == AIO_READABLE);
    return rc;
}

TEST(waiter_whose_descriptor_was_closed_without_telling_us_can_be_cancelled)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(close_under_waiter_behind_our_back, ends), 0);
    pairs_close(ends);
}

static unsigned long looks(void)
{
    return faults_count("epoll_wait") + faults_count("epoll_pwait2") + faults_count("poll");
}

static int leave_a_duplicate(void *arg)
{
    int *ends = arg;
    int other = dup(ends[0]);
    int rc = aio_fd_wait(ends[0], AIO_WRITABLE);
    check_int(rc, AIO_WRITABLE);
    close(ends[0]);
    ends[0] = other;
    check_int(write(ends[1], "x", 1), 1);
    unsigned long before = looks();
    rc = aio_sleep(AIO_MSEC(30));
    check(looks() - before <= 5);
    return rc;
}

TEST(duplicate_of_a_closed_descriptor_makes_no_loop_spin)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run_real(leave_a_duplicate, ends), 0);
    pairs_close(ends);
}

static int hang_up_with_nobody_waiting(void *arg)
{
    int *ends = arg;
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), AIO_WRITABLE);
    close(ends[1]);
    ends[1] = -1;
    unsigned long before = looks();
    int rc = aio_sleep(AIO_MSEC(30));
    check(looks() - before <= 5);
    return rc;
}

TEST_EXACT(hang_up_that_nobody_waits_for_makes_no_loop_spin)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run_real(hang_up_with_nobody_waiting, ends), 0);
    pairs_close(ends);
}

/* ---- events that are too late ---------------------------------------------------------------- */

struct swap {
    int first[2], second[2];
    bool done;
    aio_task *waiter;
    struct waiting waiting;
};

/* Both descriptors are ready at once; whoever comes first puts another in the other's place. */
static void replace_other(struct swap *swap, int number)
{
    if (swap->done)
        return;
    swap->done = true;
    (void)aio_fd_close(number);
    check_int(dup(swap->second[1]), number); /* the lowest number that is free */
    pairs_drain(number);
    swap->waiting = (struct waiting){number, AIO_READABLE};
    swap->waiter = aio_spawn(wait_for, &swap->waiting);
}

static int wait_first(void *arg)
{
    struct swap *swap = arg;
    int rc = aio_fd_wait(swap->first[0], AIO_READABLE);
    if (rc > 0)
        replace_other(swap, swap->second[0]);
    return 0;
}

static int wait_second(void *arg)
{
    struct swap *swap = arg;
    int rc = aio_fd_wait(swap->second[0], AIO_READABLE);
    if (rc > 0)
        replace_other(swap, swap->first[0]);
    return 0;
}

static int swap_in_one_batch(void *arg)
{
    struct swap *swap = arg;
    aio_task *one = aio_spawn(wait_first, swap), *other = aio_spawn(wait_second, swap);
    int rc = aio_yield();
    (void)!write(swap->first[1], "x", 1);
    (void)!write(swap->second[1], "x", 1);
    int first = aio_join(one), second = aio_join(other);
    check_int(first, 0);
    check_int(second, 0);
    if (rc == 0)
        rc = aio_yield();
    if (rc == 0)
        rc = aio_yield();
    if (swap->waiter != NULL) {
        check(!aio_future_done(swap->waiter));
        check_int(aio_task_stop(swap->waiter), 0);
    }
    return rc;
}

TEST(event_of_a_closed_descriptor_does_not_wake_the_waiter_of_its_successor)
{
    struct swap swap = {.done = false};
    if (!pairs_unix(swap.first))
        return;
    if (pairs_unix(swap.second)) {
        check_int(test_run(swap_in_one_batch, &swap), 0);
        pairs_close(swap.second);
    }
    pairs_close(swap.first);
}

/* ---- the system says no ---------------------------------------------------------------------- */

static int no_more_watches(void *arg)
{
    int *ends = arg;
    bool epoll = strcmp(aio_loop_selector_name(aio_loop_current()), "epoll") == 0;
    if (epoll) {
        faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
        check_int(aio_fd_wait(ends[0], AIO_WRITABLE), -ENOSPC);
        faults_clear();
        faults_fail("epoll_ctl", 1, ENOMEM, FAULTS_ONCE);
        check_int(aio_fd_wait(ends[0], AIO_WRITABLE), -ENOMEM);
        faults_clear();
    }
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), AIO_WRITABLE);
    return 0;
}

TEST(limit_of_watches_is_the_callers_error_and_the_next_wait_works)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(no_more_watches, ends), 0);
    pairs_close(ends);
}

static int wait_without_memory(void *arg)
{
    int *ends = arg;
    faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), -ENOMEM);
    faults_clear();
    check_int(aio_fd_wait(ends[0], AIO_WRITABLE), AIO_WRITABLE);
    return 0;
}

TEST(first_wait_on_a_descriptor_without_memory_fails_and_the_next_works)
{
    int ends[2];
    if (!pairs_unix(ends))
        return;
    check_int(test_run(wait_without_memory, ends), 0);
    pairs_close(ends);
}
