/*
 * Watches: who waits for a descriptor, and what becomes of that when it is ready,
 * closed, or another one by now.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "support/ledger.h"
#include "support/loop_case.h"

/* One that waits. */
struct waiter {
    aio__handle handle;
    aio__watcher watcher;
    const char *name;
};

static void run_waiter(aio__handle *handle)
{
    struct waiter *waiter = aio__container(handle, struct waiter, handle);
    note((void *)(uintptr_t)waiter->name);
}

static void make_waiter(struct waiter *waiter, const char *name)
{
    *waiter = (struct waiter){.handle.run = run_waiter, .name = name};
    waiter->watcher.handle = &waiter->handle;
}

/* A loop, and two connected sockets. */
struct scene {
    aio_loop *loop;
    int ends[2];
    struct waiter reader, writer, other;
};

static bool begin(struct scene *scene)
{
    int nonblocking = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    make_waiter(&scene->reader, "reader");
    make_waiter(&scene->writer, "writer");
    make_waiter(&scene->other, "other");
    scene->loop = new_loop();
    if (scene->loop == NULL)
        return false;
    if (check_int(socketpair(AF_UNIX, nonblocking, 0, scene->ends), 0))
        return true;
    (void)aio_loop_close(scene->loop);
    return false;
}

static void end(struct scene *scene)
{
    check_int(scene->loop->waits, 0);
    close_both(scene->ends);
    (void)aio_loop_close(scene->loop);
}

static int step(struct scene *scene)
{
    return aio_loop_step(scene->loop, 0);
}

static int wait_for(struct scene *scene, aio__watch *watch, unsigned directions,
                    struct waiter *waiter)
{
    return aio__watch_wait(scene->loop, watch, directions, &waiter->watcher);
}

static void unwait(struct scene *scene, aio__watch *watch, struct waiter *waiter)
{
    aio__watch_unwait(scene->loop, watch, &waiter->watcher);
}

/* Opens a watch of the first end. */
static bool open_watch(struct scene *scene, aio__watch *watch, unsigned mode)
{
    return check_int(aio__watch_open(scene->loop, watch, scene->ends[0], mode), 0);
}

/* A watch in edge mode is told of each direction once; in the other mode, each wait tells it. */
static void write_too(struct scene *scene, aio__watch *watch)
{
    if ((watch->mode & AIO__EDGE) != 0)
        check_int(aio__watch_extend(scene->loop, watch, AIO__WRITE), 0);
}

/* Fills the first end, so that it can't be written. */
static void fill(struct scene *scene)
{
    static char data[4096];
    while (write(scene->ends[0], data, sizeof data) > 0) {
    }
}

/* Runs a body for a watch in each mode. */
static void in_each_mode(void (*body)(struct scene *scene, aio__watch *watch))
{
    static const unsigned modes[] = {0, AIO__EDGE};
    for (int i = 0; i < 2; i++) {
        struct scene scene;
        aio__watch watch;
        if (!begin(&scene))
            return;
        if (open_watch(&scene, &watch, modes[i])) {
            body(&scene, &watch);
            aio__watch_close(scene.loop, &watch);
            check_int(scene.loop->watches, 0);
        }
        end(&scene);
        trace[0] = '\0';
    }
}

/* ---- opening and closing --------------------------------------------------------------------- */

TEST(descriptor_has_one_watch_at_a_time)
{
    struct scene scene;
    aio__watch watch, second;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        check(aio__watch_find(scene.loop, scene.ends[0]) == &watch);
        check(aio__watch_find(scene.loop, scene.ends[1]) == NULL);
        check_int(aio__watch_open(scene.loop, &second, scene.ends[0], AIO__EDGE), -EBUSY);
        aio__watch_close(scene.loop, &second); /* it was never open */
        check(aio__watch_find(scene.loop, scene.ends[0]) == &watch);
        aio__watch_close(scene.loop, &watch);
        aio__watch_close(scene.loop, &watch);
        check(aio__watch_find(scene.loop, scene.ends[0]) == NULL);
        check_int(aio__watch_open(scene.loop, &second, scene.ends[0], 0), 0);
        aio__watch_close(scene.loop, &second);
        check_int(scene.loop->watches, 0);
    }
    end(&scene);
}

TEST(number_that_is_not_open_is_a_bad_descriptor)
{
    static const int numbers[] = {-1, 63, 1000, INT_MAX};
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    check(aio__watch_find(scene.loop, -1) == NULL);
    check(aio__watch_find(scene.loop, INT_MAX) == NULL);
    for (int i = 0; i < 4; i++) {
        int rc = aio__watch_open(scene.loop, &watch, numbers[i], AIO__EDGE);
        check(rc == -EBADF || rc == -ENOMEM);
        aio__watch_close(scene.loop, &watch);
    }
    check(ledger_bytes() < 1 << 20);
    end(&scene);
}

TEST(watch_that_finds_no_memory_is_not_open)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    faults_fail("realloc", 1, ENOMEM, FAULTS_ONCE);
    check_int(aio__watch_open(scene.loop, &watch, scene.ends[0], 0), -ENOMEM);
    aio__watch_close(scene.loop, &watch);
    check_int(scene.loop->watches, 0);
    end(&scene);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_and_be_woken(struct scene *scene, aio__watch *watch)
{
    for (int i = 0; i < 3; i++) {
        check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
        check_int(step(scene), 0);
        put_byte(scene->ends[1]);
        check_int(step(scene), 1);
        check_trace("reader");
        check_int(scene->reader.watcher.result, AIO__READ);
        unwait(scene, watch, &scene->reader);
        take_byte(scene->ends[0]);
    }
}

TEST(who_waits_is_woken_when_the_descriptor_is_ready)
{
    in_each_mode(wait_and_be_woken);
}

static void wait_twice(struct scene *scene, aio__watch *watch)
{
    write_too(scene, watch);
    fill(scene);
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    check_int(wait_for(scene, watch, AIO__READ, &scene->other), -EBUSY);
    check_int(wait_for(scene, watch, AIO__BOTH, &scene->other), -EBUSY);
    check_int(wait_for(scene, watch, AIO__WRITE, &scene->writer), 0);
    check_int(wait_for(scene, watch, AIO__WRITE, &scene->other), -EBUSY);
    unwait(scene, watch, &scene->reader);
    check_int(wait_for(scene, watch, AIO__READ, &scene->other), 0);
    (void)step(scene); /* the edge of its being writable, before it was full */
    unwait(scene, watch, &scene->other);
    unwait(scene, watch, &scene->writer);
}

TEST(each_direction_has_one_waiter)
{
    in_each_mode(wait_twice);
}

static void wait_for_both(struct scene *scene, aio__watch *watch)
{
    put_byte(scene->ends[1]);
    write_too(scene, watch);
    check_int(wait_for(scene, watch, AIO__BOTH, &scene->reader), 0);
    check_int(step(scene), 1);
    check_trace("reader");
    check_int(scene->reader.watcher.result, AIO__BOTH);
    unwait(scene, watch, &scene->reader);
    check(watch->watchers[0] == NULL && watch->watchers[1] == NULL);
}

TEST(one_may_wait_for_both_directions_and_is_woken_once)
{
    in_each_mode(wait_for_both);
}

static void two_wait(struct scene *scene, aio__watch *watch)
{
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    write_too(scene, watch);
    check_int(wait_for(scene, watch, AIO__WRITE, &scene->writer), 0);
    check_int(step(scene), 1);
    check_trace("writer");
    unwait(scene, watch, &scene->writer);
    /* Nobody says anew that it is waited for. */
    put_byte(scene->ends[1]);
    check_int(step(scene), 1);
    check_trace("reader");
    unwait(scene, watch, &scene->reader);
}

TEST(event_of_one_direction_leaves_the_other_waiting)
{
    in_each_mode(two_wait);
}

static void extend_beside(struct scene *scene, aio__watch *watch)
{
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    write_too(scene, watch);
    put_byte(scene->ends[1]);
    check_int(step(scene), 1);
    check_trace("reader");
    unwait(scene, watch, &scene->reader);
}

TEST(extending_a_watch_forgets_nobody_who_waits)
{
    in_each_mode(extend_beside);
}

TEST(closed_watch_can_neither_be_waited_for_nor_extended)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        aio__watch_close(scene.loop, &watch);
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), -EBADF);
        check_int(aio__watch_extend(scene.loop, &watch, AIO__WRITE), -EBADF);
    }
    end(&scene);
}

static void stop_waiting(struct scene *scene, aio__watch *watch)
{
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    unwait(scene, watch, &scene->reader);
    put_byte(scene->ends[1]);
    check_int(step(scene), 0);
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    check_int(step(scene), 1);
    check_trace("reader");
    unwait(scene, watch, &scene->reader);
}

TEST(who_waits_no_more_is_not_woken_and_the_next_one_is)
{
    in_each_mode(stop_waiting);
}

static void hang_up(struct scene *scene, aio__watch *watch)
{
    fill(scene);
    write_too(scene, watch);
    (void)step(scene);
    watch->pending = 0;
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    check_int(wait_for(scene, watch, AIO__WRITE, &scene->writer), 0);
    (void)close(scene->ends[1]);
    check_int(step(scene), 2);
    check_trace("reader writer");
    check((watch->mode & AIO__EDGE) == 0 || (watch->pending & AIO__HANGUP) != 0);
    unwait(scene, watch, &scene->reader);
    unwait(scene, watch, &scene->writer);
    scene->ends[1] = dup(scene->ends[0]);
}

TEST(hang_up_wakes_both_directions)
{
    in_each_mode(hang_up);
}

/* What is reported for ever must not be asked for while nobody waits. */
static void nobody_waits(struct scene *scene, aio__watch *watch)
{
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    (void)close(scene->ends[1]);
    check_int(step(scene), 1);
    unwait(scene, watch, &scene->reader);
    /* Finds out if there is an epoll_pwait2(), too. */
    (void)aio_loop_step(scene->loop, AIO_MSEC(1));
    unsigned long before = polls();
    check_int(aio_loop_step(scene->loop, AIO_MSEC(2)), 0);
    check_int(polls() - before, 1);
    int64_t began = aio_loop_time(scene->loop);
    check_int(aio_loop_step(scene->loop, AIO_MSEC(2)), 0);
    check(aio_loop_time(scene->loop) - began >= AIO_MSEC(2));
    scene->ends[1] = dup(scene->ends[0]);
}

TEST_EXACT(hang_up_that_nobody_waits_for_does_not_make_the_loop_spin)
{
    in_each_mode(nobody_waits);
}

/* ---- closing under those who wait ------------------------------------------------------------ */

static void close_under_waiters(struct scene *scene, aio__watch *watch)
{
    fill(scene);
    write_too(scene, watch);
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    check_int(wait_for(scene, watch, AIO__WRITE, &scene->writer), 0);
    aio__watch_close(scene->loop, watch);
    check_int(scene->loop->waits, 0);
    memset(watch, 0xAA, sizeof *watch); /* as if freed: who waited needs it no more */
    check_int(step(scene), 2);
    check_trace("reader writer");
    check_int(scene->reader.watcher.result, -EBADF);
    check_int(scene->writer.watcher.result, -EBADF);
    unwait(scene, watch, &scene->reader);
    unwait(scene, watch, &scene->writer);
    watch->fd = -1;
}

TEST(closing_wakes_those_who_wait_with_an_error)
{
    in_each_mode(close_under_waiters);
}

static void close_under_woken(struct scene *scene, aio__watch *watch)
{
    aio__event event = {watch->fd, watch->generation, AIO__READ};
    check_int(wait_for(scene, watch, AIO__READ, &scene->reader), 0);
    aio__watch_deliver(scene->loop, &event);
    check_int(scene->reader.watcher.result, AIO__READ);
    aio__watch_close(scene->loop, watch);
    check_int(step(scene), 1);
    check_int(scene->reader.watcher.result, -EBADF);
    unwait(scene, watch, &scene->reader);
}

TEST(closing_reaches_those_who_were_woken_and_have_not_gone_on)
{
    in_each_mode(close_under_woken);
}

static void deliver_twice(struct scene *scene, aio__watch *watch)
{
    aio__event event = {watch->fd, watch->generation, AIO__READ};
    check_int(wait_for(scene, watch, AIO__BOTH, &scene->reader), 0);
    aio__watch_deliver(scene->loop, &event);
    event.events = AIO__WRITE;
    aio__watch_deliver(scene->loop, &event);
    check_int(aio_loop_step(scene->loop, 0), 1);
    check_trace("reader");
    check_int(scene->reader.watcher.result, AIO__BOTH);
    unwait(scene, watch, &scene->reader);
}

TEST(events_for_one_who_was_woken_already_come_with_the_first)
{
    in_each_mode(deliver_twice);
}

/* ---- edges ----------------------------------------------------------------------------------- */

TEST(edge_that_comes_while_nobody_waits_is_kept_for_the_next)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        aio__event event = {scene.ends[0], watch.generation, AIO__READ};
        aio__watch_deliver(scene.loop, &event);
        check_int(watch.pending, AIO__READ);
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
        check_int(scene.reader.watcher.result, AIO__READ);
        check_int(step(&scene), 1);
        unwait(&scene, &watch, &scene.reader);
        /* It is used up. */
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
        check_int(step(&scene), 0);
        unwait(&scene, &watch, &scene.reader);
        aio__watch_close(scene.loop, &watch);
    }
    end(&scene);
}

TEST(edge_watch_costs_no_system_call_for_a_wait_with_epoll)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        unsigned long before = faults_count("epoll_ctl");
        wait_and_be_woken(&scene, &watch);
        check_int(faults_count("epoll_ctl"), before);
        aio__watch_close(scene.loop, &watch);
    }
    end(&scene);
}

/* ---- descriptors that are always ready ------------------------------------------------------- */

TEST(regular_file_is_always_ready)
{
    static const unsigned modes[] = {0, AIO__EDGE};
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        if (aio__watch_open(scene.loop, &watch, fd, modes[i]) < 0)
            continue;
        write_too(&scene, &watch);
        for (int again = 0; again < 2; again++) {
            check_int(wait_for(&scene, &watch, AIO__BOTH, &scene.reader), 0);
            check_int(step(&scene), 1);
            check_int(scene.reader.watcher.result, AIO__BOTH);
            unwait(&scene, &watch, &scene.reader);
        }
        aio__watch_close(scene.loop, &watch);
    }
    (void)close(fd);
    end(&scene);
}

/* ---- what the kernel refuses ----------------------------------------------------------------- */

TEST(wait_that_the_selector_refuses_is_an_error_and_may_be_tried_again)
{
    static const int errors[] = {ENOSPC, ENOMEM, EBADF};
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    for (int i = 0; i < 3 && has_selector(scene.loop, "epoll"); i++) {
        if (aio__watch_open(scene.loop, &watch, scene.ends[0], 0) < 0)
            continue;
        faults_fail("epoll_ctl", 1, errors[i], FAULTS_ONCE);
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), -errors[i]);
        unwait(&scene, &watch, &scene.reader);
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
        unwait(&scene, &watch, &scene.reader);
        aio__watch_close(scene.loop, &watch);
        faults_fail("epoll_ctl", 1, errors[i], FAULTS_ONCE);
        check_int(aio__watch_open(scene.loop, &watch, scene.ends[0], AIO__EDGE), -errors[i]);
        aio__watch_close(scene.loop, &watch);
    }
    check_int(scene.loop->watches, 0);
    end(&scene);
}

TEST(waiter_that_cannot_be_watched_any_longer_is_told)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    if (has_selector(scene.loop, "epoll") && open_watch(&scene, &watch, 0)) {
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
        check_int(wait_for(&scene, &watch, AIO__WRITE, &scene.writer), 0);
        faults_fail("epoll_ctl", 1, ENOMEM, FAULTS_ONCE); /* when the reader is armed anew */
        check_int(step(&scene), 2);
        check_int(scene.reader.watcher.result, -ENOMEM);
        unwait(&scene, &watch, &scene.reader);
        unwait(&scene, &watch, &scene.writer);
        aio__watch_close(scene.loop, &watch);
    }
    end(&scene);
}

/* ---- numbers that come again ----------------------------------------------------------------- */

/* Another pair of sockets, whose first end has the number of ours. */
static void replace_ends(struct scene *scene)
{
    int ends[2];
    if (!check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0))
        return;
    check_int(dup2(ends[0], scene->ends[0]), scene->ends[0]);
    check_int(dup2(ends[1], scene->ends[1]), scene->ends[1]);
    close_both(ends);
}

TEST(number_that_was_closed_and_opened_behind_our_back_is_watched_anew)
{
    struct scene scene;
    aio__watch *watch;
    if (!begin(&scene))
        return;
    for (int i = 0; i < 300; i++) {
        if (aio__watch_lend(scene.loop, scene.ends[0], &watch) < 0 ||
            wait_for(&scene, watch, AIO__READ, &scene.reader) < 0)
            break;
        if (i % 2 == 0) {
            put_byte(scene.ends[1]);
            check_int(step(&scene), 1);
        }
        unwait(&scene, watch, &scene.reader);
        replace_ends(&scene);
        trace[0] = '\0';
    }
    end(&scene);
}

TEST(event_of_a_number_that_was_closed_does_not_wake_its_successor)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    int duplicate = dup(scene.ends[0]), old_peer = dup(scene.ends[1]);
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        /* The old file lives on as the duplicate, and epoll's entry, which can't be removed. */
        replace_ends(&scene);
        aio__watch_close(scene.loop, &watch);
        if (open_watch(&scene, &watch, AIO__EDGE)) {
            check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
            put_byte(old_peer);
            check_int(step(&scene), 0);
            check_int(scene.reader.watcher.result, 0);
            put_byte(scene.ends[1]);
            check_int(step(&scene), 1);
            unwait(&scene, &watch, &scene.reader);
            /* Nor does it make the loop spin. */
            check_int(aio_loop_step(scene.loop, AIO_MSEC(1)), 0);
        }
        aio__watch_close(scene.loop, &watch);
    }
    (void)close(duplicate);
    (void)close(old_peer);
    end(&scene);
}

TEST(event_of_an_old_generation_is_nobodys)
{
    struct scene scene;
    aio__watch watch;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        aio__event stale = {scene.ends[0], watch.generation - 1, AIO__BOTH};
        check_int(wait_for(&scene, &watch, AIO__READ, &scene.reader), 0);
        aio__watch_deliver(scene.loop, &stale);
        stale = (aio__event){scene.ends[1], watch.generation, AIO__BOTH};
        aio__watch_deliver(scene.loop, &stale);
        check_int(step(&scene), 0);
        unwait(&scene, &watch, &scene.reader);
        check_int(watch.pending, 0);
        aio__watch_close(scene.loop, &watch);
    }
    end(&scene);
}

/* ---- lent watches ---------------------------------------------------------------------------- */

TEST(lent_watch_is_made_once_and_stays_until_it_is_forgotten)
{
    struct scene scene;
    aio__watch *first = NULL, *second = NULL, *other = NULL;
    if (!begin(&scene))
        return;
    int rc = aio__watch_lend(scene.loop, scene.ends[0], &first);
    if (rc == 0 && aio__watch_lend(scene.loop, scene.ends[1], &other) == 0) {
        size_t blocks = ledger_blocks();
        check_int(aio__watch_lend(scene.loop, scene.ends[0], &second), 0);
        check(first == second && first != other);
        check_int(ledger_blocks(), blocks);
        aio__watch_forget(scene.loop, scene.ends[0]);
        check_int(ledger_blocks(), blocks - 1);
        aio__watch_forget(scene.loop, scene.ends[0]);
        aio__watch_forget(scene.loop, -1);
        check_int(scene.loop->watches, 1);
    }
    end(&scene); /* which frees the other */
}

TEST(descriptor_of_a_stream_is_not_lent)
{
    struct scene scene;
    aio__watch watch, *lent = NULL;
    if (!begin(&scene))
        return;
    if (open_watch(&scene, &watch, AIO__EDGE)) {
        check_int(aio__watch_lend(scene.loop, scene.ends[0], &lent), -EBUSY);
        aio__watch_forget(scene.loop, scene.ends[0]);
        check(aio__watch_find(scene.loop, scene.ends[0]) == &watch);
        aio__watch_close(scene.loop, &watch);
    }
    check(lent == NULL);
    check_int(aio__watch_lend(scene.loop, -1, &lent), -EBADF);
    end(&scene);
}

TEST(forgetting_a_lent_watch_wakes_who_waits)
{
    struct scene scene;
    aio__watch *watch = NULL;
    if (!begin(&scene))
        return;
    if (aio__watch_lend(scene.loop, scene.ends[0], &watch) == 0 &&
        wait_for(&scene, watch, AIO__READ, &scene.reader) == 0) {
        aio__watch_forget(scene.loop, scene.ends[0]);
        check_int(step(&scene), 1);
        check_int(scene.reader.watcher.result, -EBADF);
        unwait(&scene, watch, &scene.reader);
    }
    end(&scene);
}
