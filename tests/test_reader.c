/*
 * Readers and writers: callbacks for descriptors that are ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "support/ledger.h"
#include "support/loop_case.h"

/* A loop, and two connected sockets. */
struct scene {
    aio_loop *loop;
    int ends[2];
};

static struct scene scene; /* also for callbacks */

static bool open_ends(int ends[2])
{
    return check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

static bool begin(void)
{
    scene.loop = new_loop();
    if (scene.loop == NULL)
        return false;
    if (open_ends(scene.ends))
        return true;
    (void)aio_loop_close(scene.loop);
    return false;
}

static void end(void)
{
    (void)aio_loop_close(scene.loop);
    close_both(scene.ends);
}

static int step(void)
{
    return aio_loop_step(scene.loop, 0);
}

static int add_reader(aio_callback callback, const char *word)
{
    return aio_loop_add_reader(scene.loop, scene.ends[0], callback, (void *)(uintptr_t)word);
}

static int add_writer(aio_callback callback, const char *word)
{
    return aio_loop_add_writer(scene.loop, scene.ends[0], callback, (void *)(uintptr_t)word);
}

static int remove_reader(void)
{
    return aio_loop_remove_reader(scene.loop, scene.ends[0]);
}

static int remove_writer(void)
{
    return aio_loop_remove_writer(scene.loop, scene.ends[0]);
}

/* ---- calling --------------------------------------------------------------------------------- */

TEST(reader_is_called_when_there_is_something_to_read)
{
    if (!begin())
        return;
    if (check_int(add_reader(note, "reader"), 0)) {
        check_int(step(), 0);
        put_byte(scene.ends[1]);
        check_int(aio_loop_step(scene.loop, AIO_SEC(60)), 1);
        check_trace("reader");
    }
    end();
}

TEST(writer_is_called_while_there_is_room)
{
    static char data[4096];
    if (!begin())
        return;
    check_int(add_writer(note, "writer"), 0);
    check_int(step(), 1);
    check_int(step(), 1);
    while (write(scene.ends[0], data, sizeof data) > 0) {
    }
    check_int(step(), 0);
    while (read(scene.ends[1], data, sizeof data) > 0) {
    }
    check_int(step(), 1);
    check_trace("writer writer writer");
    end();
}

TEST(reader_is_called_in_each_turn_until_all_is_read)
{
    if (!begin())
        return;
    check_int(add_reader(note, "reader"), 0);
    put_byte(scene.ends[1]);
    put_byte(scene.ends[1]);
    for (int i = 0; i < 3; i++)
        check_int(step(), 1);
    take_byte(scene.ends[0]);
    check_int(step(), 1);
    take_byte(scene.ends[0]);
    check_int(step(), 0);
    check_trace("reader reader reader reader");
    end();
}

TEST(reader_of_a_descriptor_is_called_before_its_writer)
{
    if (!begin())
        return;
    check_int(add_writer(note, "writer"), 0);
    check_int(add_reader(note, "reader"), 0);
    put_byte(scene.ends[1]);
    check_int(step(), 2);
    check_trace("reader writer");
    check_int(step(), 2);
    check_trace("reader writer");
    end();
}

TEST(hang_up_calls_reader_and_writer)
{
    static char data[4096];
    if (!begin())
        return;
    while (write(scene.ends[0], data, sizeof data) > 0) {
    }
    check_int(add_reader(note, "reader"), 0);
    check_int(add_writer(note, "writer"), 0);
    check_int(step(), 0);
    (void)close(scene.ends[1]);
    check_int(step(), 2);
    check_trace("reader writer");
    scene.ends[1] = dup(scene.ends[0]);
    end();
}

TEST(writer_of_a_pipe_that_nobody_reads_is_called)
{
    if (!begin())
        return;
    close_both(scene.ends);
    if (open_pipe(scene.ends)) {
        static char data[4096];
        while (write(scene.ends[1], data, sizeof data) > 0) {
        }
        check_int(aio_loop_add_writer(scene.loop, scene.ends[1], note, "writer"), 0);
        check_int(step(), 0);
        (void)close(scene.ends[0]);
        check_int(step(), 1);
        check_trace("writer");
        scene.ends[0] = dup(scene.ends[1]);
    }
    end();
}

TEST(regular_file_is_always_ready_for_reading_and_writing)
{
    if (!begin())
        return;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    check_int(aio_loop_add_reader(scene.loop, fd, note, "reader"), 0);
    check_int(aio_loop_add_writer(scene.loop, fd, note, "writer"), 0);
    for (int i = 0; i < 3; i++) {
        check_int(step(), 2);
        check_trace("reader writer");
    }
    check_int(aio_loop_remove_reader(scene.loop, fd), 1);
    check_int(aio_loop_remove_writer(scene.loop, fd), 1);
    check_int(step(), 0);
    (void)close(fd);
    end();
}

/* ---- replacing and removing ------------------------------------------------------------------ */

TEST(second_reader_replaces_the_first)
{
    if (!begin())
        return;
    check_int(add_reader(note, "first"), 0);
    check_int(add_reader(note, "second"), 0);
    put_byte(scene.ends[1]);
    check_int(step(), 1);
    check_trace("second");
    check_int(remove_reader(), 1);
    check_int(remove_reader(), 0);
    check_int(step(), 0);
    end();
}

TEST(removing_what_is_not_there_is_no_removal)
{
    if (!begin())
        return;
    check_int(remove_reader(), 0);
    check_int(remove_writer(), 0);
    check_int(aio_loop_remove_reader(scene.loop, -1), 0);
    check_int(aio_loop_remove_writer(scene.loop, INT_MAX), 0);
    check_int(aio_loop_remove_reader(NULL, scene.ends[0]), 0);
    if (add_reader(note, "reader") == 0) {
        check_int(remove_writer(), 0);
        check_int(remove_reader(), 1);
    }
    end();
}

TEST(reader_and_writer_of_a_descriptor_are_removed_each_for_itself)
{
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    if (add_reader(note, "reader") == 0 && add_writer(note, "writer") == 0) {
        check_int(step(), 2);
        check_int(remove_writer(), 1);
        check_int(step(), 1);
        check_int(add_writer(note, "writer"), 0);
        check_int(remove_reader(), 1);
        check_int(step(), 1);
        check_int(remove_writer(), 1);
        check_int(step(), 0);
        check_trace("reader writer reader writer");
        check_int(scene.loop->watches, 0);
        check_int(scene.loop->waits, 0);
    }
    end();
}

static void remove_both(void *word)
{
    note(word);
    check_int(remove_reader(), 1);
    check_int(remove_writer(), 1);
}

TEST(reader_removed_by_an_earlier_callback_of_the_turn_does_not_run)
{
    aio_handle remover = {0};
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    if (add_reader(note, "no") == 0 && add_writer(note, "no") == 0) {
        (void)aio_loop_call_soon(scene.loop, &remover, remove_both, "removed");
        check_int(step(), 1);
        check_trace("removed");
    }
    end();
}

TEST(reader_may_remove_itself_and_the_writer)
{
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    if (add_reader(remove_both, "removed") == 0 && add_writer(note, "no") == 0) {
        check_int(step(), 1);
        check_int(step(), 0);
        check_trace("removed");
    }
    end();
}

static void replace_reader(void *word)
{
    note(word);
    check_int(add_reader(note, "replaced"), 0);
}

TEST(reader_may_replace_itself)
{
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    check_int(add_reader(replace_reader, "first"), 0);
    check_int(step(), 1);
    check_int(step(), 1);
    check_trace("first replaced");
    end();
}

static void drain_and_replace(void *word)
{
    take_byte(scene.ends[0]);
    replace_reader(word);
}

TEST(reader_replaced_when_it_was_ready_already_is_called_only_if_it_still_is)
{
    aio_handle handle = {0};
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    if (add_reader(note, "no") == 0 &&
        aio_loop_call_soon(scene.loop, &handle, drain_and_replace, "drained") == 0) {
        check_int(step(), 1);
        check_int(step(), 0);
        put_byte(scene.ends[1]);
        check_int(step(), 1);
        check_trace("drained replaced");
    }
    end();
}

static void remove_and_add(void *word)
{
    note(word);
    check_int(remove_reader(), 1);
    check_int(add_reader(remove_and_add, word), 0);
}

TEST(reader_may_be_removed_and_added_in_its_own_callback)
{
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    check_int(add_reader(remove_and_add, "again"), 0);
    for (int i = 0; i < 3; i++)
        check_int(step(), 1);
    check_trace("again again again");
    end();
}

/* ---- errors ---------------------------------------------------------------------------------- */

TEST(reader_without_a_loop_or_a_callback_is_invalid)
{
    if (!begin())
        return;
    check_int(aio_loop_add_reader(NULL, scene.ends[0], note, "no"), -EINVAL);
    check_int(aio_loop_add_writer(NULL, scene.ends[0], note, "no"), -EINVAL);
    check_int(add_reader(NULL, "no"), -EINVAL);
    check_int(add_writer(NULL, "no"), -EINVAL);
    end();
}

TEST(reader_of_a_number_that_is_not_open_is_a_bad_descriptor)
{
    if (!begin())
        return;
    check_int(aio_loop_add_reader(scene.loop, -1, note, "no"), -EBADF);
    check_int(aio_loop_add_writer(scene.loop, INT_MAX, note, "no"), -EBADF);
    /* Also one that has room in the table. */
    if (add_reader(note, "no") == 0)
        check_int(aio_loop_add_reader(scene.loop, 60, note, "no"), -EBADF);
    check_int(step(), 0);
    end();
}

TEST(reader_that_the_selector_refuses_is_an_error_and_leaves_the_others)
{
    if (!begin())
        return;
    if (has_selector(scene.loop, "epoll") && add_reader(note, "reader") == 0) {
        faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
        check_int(aio_loop_add_reader(scene.loop, scene.ends[1], note, "no"), -ENOSPC);
        faults_fail("epoll_ctl", 1, ENOMEM, FAULTS_ONCE);
        check_int(aio_loop_add_reader(scene.loop, scene.ends[1], note, "no"), -ENOMEM);
        put_byte(scene.ends[1]);
        put_byte(scene.ends[0]);
        check_int(step(), 1);
        check_trace("reader");
    }
    end();
}

TEST(reader_that_finds_no_memory_is_an_error)
{
    if (!begin())
        return;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        faults_clear();
        faults_fail("memory", nth, ENOMEM, FAULTS_ONCE);
        int rc = add_reader(note, "no");
        check(rc == -ENOMEM || (rc == 0 && remove_reader() == 1));
    }
    check_int(scene.loop->waits, 0);
    end();
}

static aio_failure told;

static void hear(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)arg;
    told = *failure;
    note("told");
}

TEST(reader_that_cannot_be_watched_any_more_is_reported_and_gone)
{
    if (!begin())
        return;
    (void)aio_loop_set_exception_handler(scene.loop, hear, NULL);
    if (has_selector(scene.loop, "epoll") && add_reader(note, "no") == 0) {
        put_byte(scene.ends[1]);
        faults_fail("epoll_ctl", 1, ENOMEM, FAULTS_ONCE);
        check_int(step(), 1);
        check_trace("told");
        check_int(told.error, -ENOMEM);
        check_int(remove_reader(), 0);
        check_int(scene.loop->waits, 0);
    }
    end();
}

/* ---- descriptors closed behind our back ------------------------------------------------------ */

TEST(descriptor_closed_under_its_reader_does_not_make_the_loop_spin)
{
    if (!begin())
        return;
    (void)aio_loop_set_exception_handler(scene.loop, hear, NULL);
    if (add_reader(note, "reader") == 0 && add_writer(note, "writer") == 0) {
        int peer = dup(scene.ends[1]);
        close_both(scene.ends);
        for (int i = 0; i < 10; i++)
            (void)aio_loop_step(scene.loop, AIO_MSEC(1));
        check(strlen(trace) <= strlen("told told reader writer"));
        check(polls() <= 12);
        (void)remove_reader();
        (void)remove_writer();
        (void)close(peer);
        if (open_ends(scene.ends)) {
            trace[0] = '\0';
            put_byte(scene.ends[1]);
            check_int(add_reader(note, "new"), 0);
            check_int(step(), 1);
            check_trace("new");
        }
    }
    end();
}

/* Another pair of sockets, with the same numbers. */
static void replace_ends(void)
{
    int ends[2], old[2] = {scene.ends[0], scene.ends[1]};
    if (!open_ends(ends))
        return;
    for (int i = 0; i < 2; i++)
        check_int(dup2(ends[i], old[i]), old[i]);
    close_both(ends);
}

TEST(reader_added_to_a_number_that_was_closed_and_opened_again_is_called)
{
    if (!begin())
        return;
    for (int i = 0; i < 300; i++) {
        if (add_reader(note, "reader") < 0)
            break;
        if (i % 3 == 0)
            (void)step();
        replace_ends();
        if (add_reader(note, "reader") < 0)
            break;
        put_byte(scene.ends[1]);
        check_int(step(), 1);
        check_trace("reader");
        take_byte(scene.ends[0]);
        if (i % 2 == 0)
            check_int(remove_reader(), 1);
    }
    end();
}

static int other[2];

static void close_other(void *arg)
{
    (void)arg;
    note("closes");
    check_int(aio_loop_remove_reader(scene.loop, scene.ends[0]), 1);
    check_int(aio_loop_remove_reader(scene.loop, other[0]), 1);
    replace_ends();
    check_int(add_reader(note, "no"), 0);
}

/* Both are ready in one look; the first one closes the second, and something new has its number. */
TEST(event_of_a_descriptor_closed_in_the_same_turn_does_not_call_its_successor)
{
    if (!begin())
        return;
    if (open_ends(other)) {
        /* Whichever comes first closes, so that the order does not matter. */
        if (add_reader(close_other, NULL) == 0 &&
            aio_loop_add_reader(scene.loop, other[0], close_other, NULL) == 0) {
            put_byte(scene.ends[1]);
            put_byte(other[1]);
            check_int(step(), 1);
            check_int(step(), 0);
            check_trace("closes");
        }
        close_both(other);
    }
    end();
}

TEST(duplicate_that_outlives_a_removed_reader_does_not_make_the_loop_spin)
{
    if (!begin())
        return;
    check_int(add_reader(note, "no"), 0);
    int duplicate = dup(scene.ends[0]);
    (void)close(scene.ends[0]);
    (void)remove_reader();
    put_byte(scene.ends[1]);
    unsigned long before = polls();
    for (int i = 0; i < 5; i++)
        check_int(aio_loop_step(scene.loop, AIO_MSEC(1)), 0);
    check(polls() - before <= 7);
    check_trace("");
    scene.ends[0] = duplicate;
    end();
}

/* ---- beside tasks and streams ---------------------------------------------------------------- */

TEST(reader_of_a_streams_descriptor_is_refused)
{
    aio__watch watch;
    if (!begin())
        return;
    if (aio__watch_open(scene.loop, &watch, scene.ends[0], AIO__EDGE) == 0) {
        check_int(add_reader(note, "no"), -EBUSY);
        check_int(add_writer(note, "no"), -EBUSY);
        check_int(remove_reader(), 0);
        aio__watch_close(scene.loop, &watch);
        check_int(add_reader(note, "no"), 0);
    }
    end();
}

static void run_nothing(aio__handle *handle)
{
    (void)handle;
}

TEST(reader_of_a_direction_that_somebody_waits_for_is_refused)
{
    aio__watch *watch;
    aio__handle handle = {.run = run_nothing};
    aio__watcher watcher = {.handle = &handle};
    if (!begin())
        return;
    if (aio__watch_lend(scene.loop, scene.ends[0], &watch) == 0 &&
        aio__watch_wait(scene.loop, watch, AIO__READ, &watcher) == 0) {
        check_int(add_reader(note, "no"), -EBUSY);
        check_int(remove_reader(), 0);
        if (add_writer(note, "writer") == 0)
            check_int(aio__watch_wait(scene.loop, watch, AIO__WRITE, &watcher), -EBUSY);
        check_int(remove_writer(), 1);
        aio__watch_unwait(scene.loop, watch, &watcher);
        check_int(add_reader(note, "reader"), 0);
    }
    end();
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(readers_that_are_left_go_with_their_loop)
{
    if (!begin())
        return;
    put_byte(scene.ends[1]);
    (void)add_reader(note, "no");
    (void)add_writer(note, "no");
    (void)aio_loop_add_reader(scene.loop, scene.ends[1], note, "no");
    check_int(aio_loop_close(scene.loop), 0);
    check_int(ledger_blocks(), 0);
    check_trace("");
    close_both(scene.ends);
}
