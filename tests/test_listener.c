/*
 * Listeners: opening, closing, and on which addresses.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "base/sys.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

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

/* ---- closing --------------------------------------------------------------------------------- */

static int close_under_accept(struct scene *scene)
{
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_yield();
    aio_listener_close(scene->listener);
    scene->listener = NULL;
    check_int(pairs_connect(AF_INET, scene->port), -1);
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
    int client = pairs_connect(AF_INET, scene->port);
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

/* ---- several addresses ----------------------------------------------------------------------- */

static int accept_from_both(struct scene *scene)
{
    int v4 = pairs_connect(AF_INET, scene->port), v6 = pairs_connect(AF_INET6, scene->port);
    check(v4 >= 0);
    check_int(accept_and_close(scene->listener), 0);
    if (v6 >= 0)
        check_int(accept_and_close(scene->listener), 0);
    /* And one after the other, when both are waited for. */
    aio_task *task = aio_spawn(accept_and_close, scene->listener);
    int rc = aio_sleep(AIO_MSEC(1));
    int late = pairs_connect(v6 >= 0 ? AF_INET6 : AF_INET, scene->port);
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
    check(binds >= 6); /* others may have taken a port for real */
}

/* ---- what is refused ------------------------------------------------------------------------- */

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

TEST(calls_take_a_listener_that_could_not_be_made)
{
    errno = 0;
    check(aio_listener_accept(NULL) == NULL);
    check_int(errno, ENOMEM);
    check_int(aio_listener_port(NULL), -ENOMEM);
    aio_listener_close(NULL);
}
