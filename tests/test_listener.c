/*
 * Listeners and accepting.
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
#include "support/test.h"

static int reports;

static void count_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
    reports++;
}

/* A raw client of a port on loopback; -1 if it was refused. */
static int connect_raw(int family, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
                              .sin6_addr = in6addr_loopback};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                               : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (rc == 0)
        return fd;
    close(fd);
    return -1;
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

static int accept_and_close(void *arg)
{
    aio_stream *stream = aio_listener_accept(arg);
    return stream != NULL ? aio_stream_close(stream) : -errno;
}

/* ---- accepting ---------------------------------------------------------------------------------- */

static int accept_clients(struct scene *scene)
{
    for (int i = 0; i < 3; i++) {
        int client = connect_raw(AF_INET, scene->port);
        aio_stream *stream = aio_listener_accept(scene->listener);
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
        check_int(aio_stream_read(stream, heard, sizeof heard), 2);
        close(client);
        (void)aio_stream_close(stream);
    }
    return 0;
}

TEST(clients_are_accepted_one_after_the_other)
{
    play(accept_clients);
}

static int wait_for_client(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(task));
    int client = connect_raw(AF_INET, scene->port);
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
    int client = connect_raw(AF_INET, scene->port);
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
    int client = connect_raw(AF_INET, scene->port);
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

TEST(calls_take_a_listener_that_could_not_be_made)
{
    errno = 0;
    check(aio_listener_accept(NULL) == NULL);
    check_int(errno, ENOMEM);
    check_int(aio_listener_port(NULL), -ENOMEM);
    aio_listener_close(NULL);
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
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, accept_in_callback, scene->listener), 0);
    return aio_yield();
}

TEST(accepting_needs_a_task)
{
    play(accept_outside_a_task);
}

/* ---- closing ------------------------------------------------------------------------------------ */

static int close_under_accept(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_yield();
    aio_listener_close(scene->listener);
    scene->listener = NULL;
    check_int(connect_raw(AF_INET, scene->port), -1);
    check_int(aio_join(task), -EBADF);
    return rc;
}

TEST(close_wakes_the_task_that_accepts)
{
    play(close_under_accept);
    play_at("localhost", close_under_accept);
}

static int close_with_client(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_yield();
    int client = connect_raw(AF_INET, scene->port);
    for (int i = 0; i < 20 && rc == 0 && !aio_future_done(task); i++)
        rc = aio_yield();
    aio_listener_close(scene->listener);
    scene->listener = NULL;
    int result = aio_join(task);
    check(result == -EBADF || result == 0);
    close(client);
    return rc;
}

TEST(listener_may_be_closed_when_a_client_has_just_come)
{
    play(close_with_client);
}

static aio_listener *left_over;

static int leave_listener(struct scene *scene)
{
    left_over = scene->listener;
    scene->listener = NULL;
    return 0;
}

TEST(listener_that_outlives_its_loop_can_still_be_closed)
{
    left_over = NULL;
    play(leave_listener);
    aio_listener_close(left_over);
}

/* ---- several addresses -------------------------------------------------------------------------- */

static int accept_from_both(struct scene *scene)
{
    int v4 = connect_raw(AF_INET, scene->port), v6 = connect_raw(AF_INET6, scene->port);
    check(v4 >= 0);
    check_int(accept_and_close(scene->listener), 0);
    if (v6 >= 0)
        check_int(accept_and_close(scene->listener), 0);
    /* And one after the other, when both are waited for. */
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_sleep(AIO_MSEC(1));
    int late = connect_raw(v6 >= 0 ? AF_INET6 : AF_INET, scene->port);
    check_int(aio_join(task), 0);
    close(v4);
    close(v6);
    close(late);
    return rc;
}

TEST(localhost_and_every_interface_listen_on_one_port_of_both_families)
{
    play_at("localhost", accept_from_both);
    play_at(NULL, accept_from_both);
}

static int (*next_socket)(int, int, int);

static int socket_without_ipv6(int domain, int type, int protocol)
{
    if (domain != AF_INET6)
        return next_socket(domain, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}

TEST(family_that_the_system_lacks_is_passed_over)
{
    next_socket = aio__sys.socket;
    aio__sys.socket = socket_without_ipv6;
    play_at("localhost", wait_for_client);
    play_at(NULL, wait_for_client);
    aio__sys.socket = next_socket;
}

static int binds;

static int other_family_is_taken(int fd, const struct sockaddr *name, socklen_t size)
{
    if (++binds % 2 == 0 && binds < 5) {
        errno = EADDRINUSE;
        return -1;
    }
    return aio__sys_real.bind(fd, name, size);
}

TEST(port_of_the_systems_choice_that_is_taken_in_the_other_family_is_chosen_anew)
{
    int (*before)(int, const struct sockaddr *, socklen_t) = aio__sys.bind;
    binds = 0;
    aio__sys.bind = other_family_is_taken;
    play_at("localhost", accept_from_both);
    aio__sys.bind = before;
    check_int(binds, 6);
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static int listen_badly(struct scene *scene)
{
    static const struct {
        const char *address;
        int port, error;
    } cases[] = {{"no.such.host", 80, AIO_ENAME},
                 {"127.0.0.1", -1, EINVAL},
                 {"127.0.0.1", 65536, EINVAL},
                 {"192.0.2.1", 0, EADDRNOTAVAIL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        errno = 0;
        check(aio_listen(cases[i].address, cases[i].port) == NULL);
        check_int(errno, cases[i].error);
    }
    errno = 0;
    check(aio_listen("127.0.0.1", scene->port) == NULL);
    check_int(errno, EADDRINUSE);
    return 0;
}

TEST(listening_on_what_can_not_be_listened_on_is_an_error)
{
    errno = 0;
    check(aio_listen("127.0.0.1", 0) == NULL);
    check_int(errno, EPERM);
    play(listen_badly);
}

static int fail_to_open(struct scene *scene)
{
    static const char *const calls[] = {"socket", "setsockopt", "bind", "listen", "getsockname"};
    (void)scene;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (unsigned long nth = 1; nth <= 2; nth++) {
            faults_fail(calls[i], nth, EACCES, FAULTS_ONCE);
            errno = 0;
            check(aio_listen("localhost", 0) == NULL);
            check_int(errno, EACCES);
            faults_clear();
        }
    return 0;
}

TEST(listener_that_can_not_be_opened_leaves_nothing_behind)
{
    play(fail_to_open);
}

/* ---- clients that are no more, and want of room ------------------------------------------------- */

static int pass_over_failures(struct scene *scene)
{
    static const int errors[] = {EINTR,       ECONNABORTED, EPROTO,     ENETDOWN, ENOPROTOOPT,
                                 EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int client = connect_raw(AF_INET, scene->port);
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
    int client = connect_raw(AF_INET, scene->port);
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
        int client = connect_raw(AF_INET, scene->port);
        aio_loop *loop = aio_loop_current();
        reports = 0;
        faults_fail("accept4", 1, errors[i], FAULTS_FROM_THEN_ON);
        unsigned long before = faults_count("accept4");
        aio_task *task = aio_spawn(accept_and_close, scene->listener);
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
    int client = connect_raw(AF_INET, scene->port);
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
    int client = connect_raw(AF_INET, scene->port), next = connect_raw(AF_INET, scene->port);
    faults_fail("memory", 1, ENOMEM, FAULTS_ONCE);
    check_int(accept_and_close(scene->listener), 0);
    check_int(reports, 1);
    faults_clear();
    close(client);
    close(next);
    return 0;
}

TEST(client_for_whom_there_is_no_memory_is_let_go_and_the_next_one_served)
{
    play(accept_without_memory);
}
