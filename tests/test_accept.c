/*
 * Accepting: waiting for clients, passing over those who are no more, and want of
 * room.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "loop/loop.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

static int reports;

static void count_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
    reports++;
}

/* What a test does with a listener on 127.0.0.1. */
struct scene {
    const char *address;
    aio_listener *listener;
    int port;
    int (*play)(struct scene *scene);
};

static int listen_and_play(void *arg)
{
    struct scene *scene = arg;
    (void)aio_loop_set_exception_handler(aio_loop_current(), count_report, NULL);
    scene->listener = aio_listen(scene->address, 0);
    if (scene->listener == NULL)
        return -errno;
    scene->port = aio_listener_port(scene->listener);
    check(scene->port > 0 && scene->port < 65536);
    int rc = scene->play(scene);
    aio_listener_close(scene->listener);
    return rc;
}

static void play_at(const char *address, int (*function)(struct scene *scene))
{
    struct scene scene = {.address = address, .play = function};
    reports = 0;
    check_int(test_run(listen_and_play, &scene), 0);
}

static void play(int (*function)(struct scene *scene))
{
    play_at("127.0.0.1", function);
}

/* Gives up when it was patient enough: whoever was to be accepted may have been let go. */
static int accept_within(aio_listener *listener, int64_t patience)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, patience);
    if (rc < 0)
        return rc;
    aio_stream *stream = aio_listener_accept(listener);
    rc = aio_timeout_end(&timeout, stream != NULL ? 0 : -errno);
    (void)aio_stream_close(stream);
    return rc;
}

static int accept_and_close(void *arg)
{
    return accept_within(arg, AIO_SEC(2));
}

static int accept_patiently(void *arg)
{
    return accept_within(arg, AIO_SEC(10));
}

/* ---- accepting ------------------------------------------------------------------------------- */

static int accept_clients(struct scene *scene)
{
    for (int i = 0; i < 3; i++) {
        int client = pairs_connect(AF_INET, scene->port);
        aio_stream *stream = client >= 0 ? aio_listener_accept(scene->listener) : NULL;
        if (stream == NULL) {
            close(client);
            return -errno;
        }
        char heard[4];
        int on = 0;
        socklen_t size = sizeof on;
        check_int(getsockopt(aio_stream_fd(stream), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        check(on != 0);
        check_int(write(client, "hi", 2), 2);
        check_int(aio_stream_read_exactly(stream, heard, 2), 2);
        close(client);
        (void)aio_stream_close(stream);
    }
    return 0;
}

static int accept_in_time(struct scene *scene)
{
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(2));
    return rc < 0 ? rc : aio_timeout_end(&timeout, accept_clients(scene));
}

TEST(clients_are_accepted_one_after_the_other)
{
    play(accept_in_time);
}

static int wait_for_client(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(task));
    int client = pairs_connect(AF_INET, scene->port);
    check_int(aio_join(task), 0);
    close(client);
    return rc;
}

TEST(accept_waits_for_a_client)
{
    play(wait_for_client);
}

static int accept_twice(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_yield();
    errno = 0;
    check(aio_listener_accept(scene->listener) == NULL);
    check_int(errno, EBUSY);
    check_int(aio_task_stop(task), 0);
    task = aio_spawn(accept_and_close, scene->listener);
    if (rc == 0)
        rc = aio_yield();
    int client = pairs_connect(AF_INET, scene->port);
    check_int(aio_join(task), 0);
    close(client);
    return rc;
}

TEST(second_task_that_accepts_is_told_busy_until_the_first_has_gone)
{
    play(accept_twice);
}

static int cancel_with_client(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_yield();
    int fd = 0;
    while (aio__watch_find(aio_loop_current(), fd) == NULL && fd < 100)
        fd++;
    aio__watch *watch = aio__watch_find(aio_loop_current(), fd);
    int client = pairs_connect(AF_INET, scene->port);
    /* The client has come and the task was woken; before it goes on, it is cancelled. */
    while (rc == 0 && watch != NULL && watch->watchers[0] != NULL &&
           watch->watchers[0]->result == 0)
        rc = aio_yield();
    (void)aio_task_cancel(task);
    check_int(aio_join(task), -ECANCELED);
    check_int(accept_and_close(scene->listener), 0);
    close(client);
    return rc;
}

TEST(client_that_came_with_a_cancellation_is_accepted_by_the_next)
{
    play(cancel_with_client);
}

static void accept_in_callback(void *arg)
{
    errno = 0;
    check(aio_listener_accept(arg) == NULL);
    check_int(errno, EPERM);
}

static int accept_outside_a_task(struct scene *scene)
{
    aio_handle handle = AIO_HANDLE_INIT;
    aio_loop *loop = aio_loop_current();
    check_int(aio_loop_call_soon(loop, &handle, accept_in_callback, scene->listener), 0);
    return aio_yield();
}

TEST(accepting_needs_a_task)
{
    play(accept_outside_a_task);
}

/* ---- clients that are no more, and want of room ---------------------------------------------- */

static int pass_over_failures(struct scene *scene)
{
    static const int errors[] = {EINTR,       ECONNABORTED, EPROTO,     ENETDOWN, ENOPROTOOPT,
                                 EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int client = pairs_connect(AF_INET, scene->port);
        faults_fail("accept4", 1, errors[i], FAULTS_ONCE);
        int64_t begin = aio_loop_time(aio_loop_current());
        check_int(accept_and_close(scene->listener), 0);
        check(aio_loop_time(aio_loop_current()) - begin < AIO_MSEC(500));
        faults_clear();
        close(client);
    }
    check_int(reports, 0);
    return 0;
}

TEST(connection_that_failed_before_it_was_accepted_is_passed_over)
{
    play(pass_over_failures);
}

static int aborted_left;
static int (*next_accept4)(int, struct sockaddr *, socklen_t *, int);

static int accept_aborted(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    if (aborted_left > 0) {
        aborted_left--;
        errno = ECONNABORTED;
        return -1;
    }
    return next_accept4(fd, name, size, flags);
}

static int pass_over_thousand(struct scene *scene)
{
    int client = pairs_connect(AF_INET, scene->port);
    next_accept4 = aio__sys.accept4;
    aio__sys.accept4 = accept_aborted;
    aborted_left = 1000;
    check_int(accept_and_close(scene->listener), 0);
    check_int(aborted_left, 0);
    aio__sys.accept4 = next_accept4;
    close(client);
    return 0;
}

TEST(thousand_failed_connections_in_a_row_do_not_keep_the_next_client_out)
{
    play(pass_over_thousand);
}

static int starve(struct scene *scene)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int client = pairs_connect(AF_INET, scene->port);
        aio_loop *loop = aio_loop_current();
        reports = 0;
        faults_fail("accept4", 1, errors[i], FAULTS_FROM_THEN_ON);
        unsigned long before = faults_count("accept4");
        aio_task *task = aio_spawn(accept_patiently, scene->listener);
        int64_t begin = aio_loop_time(loop);
        int rc = aio_sleep(AIO_MSEC(3500));
        check(!aio_future_done(task));
        check_int(faults_count("accept4") - before, 4);
        check_int(reports, 1);
        faults_clear();
        check_int(aio_join(task), 0);
        check(aio_loop_time(loop) - begin <= AIO_MSEC(4001));
        close(client);
        if (rc < 0)
            return rc;
    }
    return 0;
}

TEST(without_room_accepting_is_tried_once_a_second_and_goes_on_when_there_is_some)
{
    play(starve);
}

static int close_while_starved(struct scene *scene)
{
    int client = pairs_connect(AF_INET, scene->port);
    faults_fail("accept4", 1, EMFILE, FAULTS_FROM_THEN_ON);
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    aio_task *other = NULL;
    int rc = aio_yield();
    check(!aio_future_done(task));
    check_int(aio_task_stop(task), 0);
    other = aio_spawn(accept_and_close, scene->listener);
    if (rc == 0)
        rc = aio_yield();
    aio_listener_close(scene->listener);
    scene->listener = NULL;
    check_int(aio_join(other), -EBADF);
    faults_clear();
    close(client);
    return rc;
}

TEST(task_that_pauses_for_room_can_be_cancelled_and_hears_of_a_close)
{
    play(close_while_starved);
}

static int break_listener(struct scene *scene)
{
    faults_fail("accept4", 1, EINVAL, FAULTS_ONCE);
    check_int(accept_and_close(scene->listener), -EINVAL);
    faults_clear();
    return 0;
}

TEST(socket_that_does_not_listen_is_an_error)
{
    play(break_listener);
}

static int accept_without_memory(struct scene *scene)
{
    int client = pairs_connect(AF_INET, scene->port), next = pairs_connect(AF_INET, scene->port);
    aio_timeout timeout;
    int rc = aio_timeout_begin(&timeout, AIO_SEC(2));
    faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
    aio_stream *stream = rc == 0 ? aio_listener_accept(scene->listener) : NULL;
    check(stream != NULL);
    check_int(reports, 1);
    faults_clear();
    if (rc == 0)
        rc = aio_timeout_end(&timeout, 0);
    (void)aio_stream_close(stream);
    close(client);
    close(next);
    return rc;
}

TEST(client_for_whom_there_is_no_memory_is_let_go_and_the_next_one_served)
{
    play(accept_without_memory);
}
