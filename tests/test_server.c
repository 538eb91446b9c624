/*
 * Servers: a task for each client, and stopping in every state.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/test.h"

static int reports, last_report;

static void count_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)arg;
    reports++;
    last_report = failure->error;
}

/* A raw client on loopback, which waits for no answer long; -1 if it was refused. */
static int connect_raw(int port)
{
    struct timeval patience = {.tv_usec = 300000};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What a test does with a server, whose handlers it counts. */
struct scene {
    aio_server *server;
    int port;
    int begun, ended, result;
    aio_client_handler handler;
    int (*play)(struct scene *scene);
};

static int count_and_handle(aio_stream *client, void *arg)
{
    struct scene *scene = arg;
    scene->begun++;
    int rc = scene->handler(client, arg);
    scene->ended++;
    return rc;
}

static int serve_and_play(void *arg)
{
    struct scene *scene = arg;
    (void)aio_loop_set_exception_handler(aio_loop_current(), count_report, NULL);
    scene->server = aio_serve("127.0.0.1", 0, count_and_handle, scene);
    if (scene->server == NULL)
        return -errno;
    scene->port = aio_server_port(scene->server);
    int rc = scene->play(scene);
    int stopped = aio_server_stop(scene->server, 0);
    check(scene->server == NULL || stopped >= 0);
    check_int(scene->begun, scene->ended);
    return rc;
}

static void play(aio_client_handler handler, int (*function)(struct scene *scene))
{
    struct scene scene = {.handler = handler, .play = function};
    reports = 0;
    check_int(test_run(serve_and_play, &scene), 0);
}

static int stop(struct scene *scene, int64_t grace)
{
    int rc = aio_server_stop(scene->server, grace);
    scene->server = NULL;
    return rc;
}

/* ---- handlers -------------------------------------------------------------------------------- */

static int echo(aio_stream *client, void *arg)
{
    char data[4096];
    ssize_t n;
    (void)arg;
    while ((n = aio_stream_read(client, data, sizeof data)) > 0)
        if (aio_stream_write(client, data, (size_t)n) < n)
            break;
    return n < 0 ? (int)n : 0;
}

static int linger_on(aio_stream *client, void *arg)
{
    (void)client, (void)arg;
    return aio_sleep(AIO_SEC(100));
}

static int return_result(aio_stream *client, void *arg)
{
    (void)client;
    return ((struct scene *)arg)->result;
}

static int greet(aio_stream *client, void *arg)
{
    (void)arg;
    return aio_stream_write(client, "hello", 5) == 5 ? 0 : -EIO;
}

/* Closes by itself what the server will close. */
static int close_stream(aio_stream *client, void *arg)
{
    (void)arg;
    (void)aio_stream_write(client, "bye", 3);
    return aio_stream_close(client);
}

/* ---- serving --------------------------------------------------------------------------------- */

static int talk_to_echo(void *arg)
{
    struct scene *scene = arg;
    char sent[300], heard[300];
    aio_stream *stream = aio_connect("127.0.0.1", scene->port);
    if (stream == NULL)
        return -errno;
    int rc = 0;
    for (int i = 0; i < 20 && rc == 0; i++) {
        memset(sent, 'a' + i, sizeof sent);
        rc = aio_stream_write(stream, sent, sizeof sent) == sizeof sent ? 0 : -EIO;
        if (rc == 0 && aio_stream_read_exactly(stream, heard, sizeof heard) != sizeof heard)
            rc = -EIO;
        check(rc < 0 || memcmp(sent, heard, sizeof heard) == 0);
    }
    int closed = aio_stream_close(stream);
    return rc < 0 ? rc : closed;
}

static int serve_many(struct scene *scene)
{
    aio_task *clients[20];
    for (int i = 0; i < 20; i++)
        clients[i] = aio_spawn(talk_to_echo, scene);
    for (int i = 0; i < 20; i++)
        check_int(aio_join(clients[i]), 0);
    check_int(scene->begun, 20);
    check_int(stop(scene, AIO_SEC(1)), 0);
    check_int(reports, 0);
    return 0;
}

TEST(clients_are_served_at_the_same_time)
{
    play(echo, serve_many);
}

static int close_after_handler(struct scene *scene)
{
    char heard[8];
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(read(client, heard, sizeof heard), 5);
    check_int(read(client, heard, sizeof heard), 0);
    close(client);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_server_clients(scene->server), 0);
    return rc;
}

TEST(stream_is_closed_when_its_handler_returns)
{
    play(greet, close_after_handler);
}

static int close_in_handler(struct scene *scene)
{
    char heard[8];
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(read(client, heard, sizeof heard), 3);
    check_int(read(client, heard, sizeof heard), 0);
    close(client);
    return rc;
}

TEST(handler_may_close_its_stream_itself)
{
    play(close_stream, close_in_handler);
}

static int fail_handlers(struct scene *scene)
{
    static const struct {
        int result, reports;
    } cases[] = {{0, 0}, {42, 0}, {-ECANCELED, 0}, {-ECONNRESET, 0}, {-EPIPE, 0}, {-EIO, 1},
                 {AIO_USER_ERROR(7), 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reports = 0;
        scene->result = cases[i].result;
        int client = connect_raw(scene->port);
        int rc = aio_sleep(AIO_MSEC(1));
        check_int(reports, cases[i].reports);
        if (cases[i].reports != 0)
            check_int(last_report, cases[i].result);
        close(client);
        if (rc < 0)
            return rc;
    }
    check_int(scene->ended, sizeof cases / sizeof *cases);
    return 0;
}

TEST(handler_that_fails_is_reported_and_the_server_goes_on)
{
    play(return_result, fail_handlers);
}

static int count_clients(struct scene *scene)
{
    int clients[3], rc = 0;
    for (int i = 0; i < 3; i++)
        clients[i] = connect_raw(scene->port);
    rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_server_clients(scene->server), 3);
    check(!aio_server_stopping(scene->server));
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_server_clients(scene->server), 0);
    return rc;
}

TEST(server_knows_how_many_clients_it_serves)
{
    play(echo, count_clients);
}

TEST(calls_take_a_server_that_could_not_be_made)
{
    check_int(aio_server_port(NULL), -ENOMEM);
    check_int(aio_server_clients(NULL), 0);
    check_int(aio_server_wait(NULL), -ENOMEM);
    check_int(aio_server_stop(NULL, 0), -ENOMEM);
    check(!aio_server_stopping(NULL));
}

static int serve_badly(void *arg)
{
    (void)arg;
    errno = 0;
    check(aio_serve("127.0.0.1", 0, NULL, NULL) == NULL);
    check_int(errno, EINVAL);
    check(aio_serve("no.such.host", 80, echo, NULL) == NULL);
    check_int(errno, AIO_ENAME);
    return 0;
}

TEST(server_that_can_not_be_is_an_error)
{
    errno = 0;
    check(aio_serve("127.0.0.1", 0, echo, NULL) == NULL);
    check_int(errno, EPERM);
    check_int(test_run(serve_badly, NULL), 0);
}

static int lack_memory(struct scene *scene)
{
    int client = connect_raw(scene->port);
    /* The stream's, then the client's. */
    faults_fail("memory", 2, ENOMEM, FAULTS_ONCE);
    int rc = aio_sleep(AIO_MSEC(1));
    faults_clear();
    check_int(reports, 1);
    close(client);
    client = connect_raw(scene->port);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_server_clients(scene->server), 1);
    close(client);
    return rc;
}

TEST(client_for_whom_there_is_no_room_is_let_go_and_the_next_one_served)
{
    play(echo, lack_memory);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int wait_for_server(void *arg)
{
    return aio_server_wait(arg);
}

static int wait_and_stop(struct scene *scene)
{
    aio_task *one = aio_spawn(wait_for_server, scene->server),
             *other = aio_spawn(wait_for_server, scene->server);
    int rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(one));
    check_int(aio_task_stop(one), 0);
    check_int(stop(scene, 0), 0);
    check_int(aio_join(other), 0);
    return rc;
}

TEST(waiting_ends_with_the_server_or_when_it_is_cancelled)
{
    play(echo, wait_and_stop);
}

static int wait_for_broken(struct scene *scene)
{
    faults_fail("accept4", 1, EINVAL, FAULTS_ONCE);
    check_int(aio_server_wait(scene->server), -EINVAL);
    faults_clear();
    return 0;
}

TEST(waiting_tells_why_the_server_can_not_go_on)
{
    play(echo, wait_for_broken);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static int stop_at_once(struct scene *scene)
{
    check_int(stop(scene, AIO_SEC(1)), 0);
    check_int(connect_raw(scene->port), -1);
    return 0;
}

TEST(server_may_be_stopped_before_it_has_begun)
{
    play(echo, stop_at_once);
}

static int stop_with_new_client(struct scene *scene)
{
    int client = connect_raw(scene->port), rc = 0;
    /* Until the client's task is there, and has not taken its first step. */
    for (int i = 0; i < 100000 && rc == 0 && aio_server_clients(scene->server) == 0; i++)
        rc = aio_yield();
    check_int(scene->begun, 0);
    check_int(stop(scene, 0), 1);
    check_int(scene->begun, 0);
    char byte;
    check_int(read(client, &byte, 1), 0);
    close(client);
    return rc;
}

TEST(client_that_is_cancelled_before_its_first_step_never_begins_and_is_closed)
{
    play(echo, stop_with_new_client);
}

static int stop_after_grace(struct scene *scene)
{
    aio_loop *loop = aio_loop_current();
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    loop->now += AIO_SEC(95);
    int64_t begin = aio_loop_time(loop);
    check_int(stop(scene, AIO_MSEC(5)), 1);
    check(aio_loop_time(loop) - begin >= AIO_MSEC(5));
    check_int(scene->ended, 1);
    close(client);
    return rc;
}

TEST(clients_that_have_not_ended_in_time_are_cancelled)
{
    play(linger_on, stop_after_grace);
}

static int finish_soon(aio_stream *client, void *arg)
{
    struct scene *scene = arg;
    while (!aio_server_stopping(scene->server)) {
        int rc = aio_sleep(AIO_MSEC(1));
        if (rc < 0)
            return rc;
    }
    return aio_stream_write(client, "done", 4) == 4 ? 0 : -EIO;
}

static int stop_gracefully(struct scene *scene)
{
    char heard[8];
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(2));
    check_int(stop(scene, AIO_SEC(100)), 0);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(2));
    check_int(read(client, heard, sizeof heard), 4);
    close(client);
    return rc;
}

TEST(clients_may_finish_while_the_server_stops)
{
    play(finish_soon, stop_gracefully);
}

static int stop_it(void *arg)
{
    return aio_server_stop(arg, AIO_SEC(1000));
}

static int cancel_stop(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    aio_task *stopper = aio_spawn(stop_it, scene->server);
    scene->server = stopper != NULL ? NULL : scene->server;
    if (rc == 0)
        rc = aio_yield();
    (void)aio_task_cancel(stopper);
    check_int(aio_join(stopper), -ECANCELED);
    check_int(scene->begun, 1);
    check_int(scene->ended, 1);
    close(client);
    return rc;
}

TEST(stop_that_is_cancelled_ends_the_grace_and_still_waits_for_the_clients)
{
    play(linger_on, cancel_stop);
}

static int clean_up_slowly(aio_stream *client, void *arg)
{
    (void)client, (void)arg;
    (void)!aio_sleep(AIO_SEC(100));
    return aio_sleep(AIO_MSEC(3));
}

TEST(stop_waits_for_what_cancelled_clients_still_do)
{
    play(clean_up_slowly, cancel_stop);
}

static int stop_own_server(aio_stream *client, void *arg)
{
    struct scene *scene = arg;
    (void)client;
    scene->result = aio_server_stop(scene->server, 0);
    return 0;
}

static int be_stopped_by_handler(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(scene->result, -EDEADLK);
    check(!aio_server_stopping(scene->server));
    close(client);
    return rc;
}

TEST(handler_can_not_stop_its_own_server)
{
    play(stop_own_server, be_stopped_by_handler);
}

static int stop_twice(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    aio_task *stopper = aio_spawn(stop_it, scene->server);
    if (rc == 0)
        rc = aio_yield();
    if (stopper != NULL) {
        check_int(aio_server_stop(scene->server, 0), -EBUSY);
        scene->server = NULL;
    }
    close(client);
    check_int(aio_join(stopper), 0);
    return rc;
}

TEST(second_stop_while_the_first_one_waits_is_told_busy)
{
    play(echo, stop_twice);
}

static void stop_in_callback(void *arg)
{
    struct scene *scene = arg;
    check_int(stop(scene, AIO_SEC(100)), -EPERM);
}

static int be_stopped_by_callback(struct scene *scene)
{
    aio_handle handle = AIO_HANDLE_INIT;
    aio_task *waiter = aio_spawn(wait_for_server, scene->server);
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, stop_in_callback, scene), 0);
    if (rc == 0)
        rc = aio_yield();
    check_int(aio_join(waiter), 0);
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = aio_yield();
    check_int(scene->ended, 1);
    close(client);
    return rc;
}

TEST(stop_outside_a_task_cancels_all_and_waits_for_none)
{
    play(linger_on, be_stopped_by_callback);
}

static int stop_with_clients_everywhere(struct scene *scene)
{
    int clients[8], rc = 0;
    for (int i = 0; i < 8; i++) {
        clients[i] = connect_raw(scene->port);
        for (int j = 0; j < i && rc == 0; j++)
            rc = aio_yield();
    }
    check(stop(scene, 0) <= 8);
    for (int i = 0; i < 8; i++)
        close(clients[i]);
    return rc;
}

TEST(server_may_be_stopped_with_clients_in_every_state)
{
    for (int i = 0; i < 10; i++)
        play(echo, stop_with_clients_everywhere);
}

/* ---- what the loop takes down ---------------------------------------------------------------- */

static aio_server *left_over;

static int leave_server(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    left_over = scene->server;
    scene->server = NULL;
    scene->ended = scene->begun;
    close(client);
    return rc;
}

TEST(server_that_outlives_its_loop_can_still_be_stopped)
{
    left_over = NULL;
    struct scene scene = {.handler = linger_on, .play = leave_server};
    check_int(test_run(serve_and_play, &scene), 0);
    check(left_over == NULL || aio_server_stop(left_over, 0) == -EPERM);
}

static int ignore_everything(aio_stream *client, void *arg)
{
    (void)client, (void)arg;
    for (;;)
        (void)!aio_sleep(AIO_SEC(1));
    return 0;
}

static int leave_with_stubborn_client(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    aio_task *stopper = aio_spawn(stop_it, scene->server);
    scene->server = NULL;
    scene->ended = scene->begun;
    if (rc == 0)
        rc = aio_yield();
    aio_release(stopper);
    close(client);
    return rc;
}

TEST(client_that_ignores_everything_does_not_keep_the_program_from_ending)
{
    play(ignore_everything, leave_with_stubborn_client);
}

/* ---- fairness -------------------------------------------------------------------------------- */

static char big[65536];

static int flood(void *arg)
{
    int client = *(int *)arg, rc = 0;
    while (rc == 0) {
        while (send(client, big, sizeof big, MSG_NOSIGNAL) > 0)
            (void)pairs_drain(client);
        (void)pairs_drain(client);
        rc = aio_yield();
    }
    return rc;
}

static int ping_beside_flood(struct scene *scene)
{
    int flooder = connect_raw(scene->port);
    pairs_set_nonblocking(flooder);
    aio_task *flooding = aio_spawn(flood, &flooder);
    aio_task *clients[10];
    for (int i = 0; i < 10; i++)
        clients[i] = aio_spawn(talk_to_echo, scene);
    for (int i = 0; i < 10; i++)
        check_int(aio_join(clients[i]), 0);
    check_int(aio_task_stop(flooding), 0);
    close(flooder);
    return 0;
}

TEST(client_that_floods_does_not_keep_the_others_from_being_served)
{
    struct scene scene = {.handler = echo, .play = ping_beside_flood};
    /* Not on the virtual clock: it stands while anything is ready, and here something always is. */
    check_int(test_run_real(serve_and_play, &scene), 0);
}
