/*
 * Servers: a task for each client, and what becomes of those that fail.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "io/stream.h"
#include "support/faults.h"
#include "support/pairs.h"
#include "support/server_case.h"
#include "support/test.h"

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
    } cases[] = {{0, 0},           {42, 0},     {-ECANCELED, 0},
                 {-ECONNRESET, 0}, {-EPIPE, 0}, {-EHOSTUNREACH, 0},
                 {-ETIMEDOUT, 1},  {-EIO, 1},   {AIO_USER_ERROR(7), 1}};
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

static int lose_connection(aio_stream *client, void *arg)
{
    char byte;
    (void)arg;
    faults_fail("recv", 1, ETIMEDOUT, FAULTS_ONCE);
    int rc = (int)aio_stream_read(client, &byte, 1);
    faults_clear();
    check_int(rc, -ETIMEDOUT);
    return rc;
}

static int look_for_reports(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = aio_sleep(AIO_MSEC(1));
    check_int(scene->ended, 1);
    check_int(reports, 0);
    close(client);
    return rc;
}

TEST(connection_that_timed_out_is_no_failure_of_the_handler)
{
    play(lose_connection, look_for_reports);
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
        rc = aio_sleep(AIO_MSEC(1100));
    check_int(aio_server_clients(scene->server), 1);
    close(client);
    return rc;
}

static int lack_memory_for_long(struct scene *scene)
{
    int clients[3];
    char byte;
    for (int i = 0; i < 3; i++)
        clients[i] = connect_raw(scene->port);
    faults_fail("memory", 2, ENOMEM, FAULTS_EVERY); /* each client's, never its stream's */
    int rc = aio_sleep(AIO_MSEC(100));
    check_int(recv(clients[1], &byte, 1, MSG_DONTWAIT), -1);
    check_int(errno, EAGAIN);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1000));
    check_int(recv(clients[1], &byte, 1, MSG_DONTWAIT), -1);
    check_int(errno, ECONNRESET);
    faults_clear();
    check_int(reports, 1);
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1000));
    check_int(aio_server_clients(scene->server), 1);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    return rc;
}

TEST(without_room_for_clients_one_is_tried_in_a_second_and_the_others_wait)
{
    play(echo, lack_memory_for_long);
}

static int stop_while_it_pauses(struct scene *scene)
{
    int client = connect_raw(scene->port);
    faults_fail("memory", 2, ENOMEM, FAULTS_ONCE);
    int rc = aio_sleep(AIO_MSEC(1));
    faults_clear();
    check_int(stop(scene, AIO_SEC(1)), 0);
    close(client);
    return rc;
}

TEST(server_that_pauses_for_room_can_be_stopped)
{
    play(echo, stop_while_it_pauses);
}

TEST(client_for_whom_there_is_no_room_is_let_go_and_the_next_one_served)
{
    play(echo, lack_memory);
}

/* ---- waiting --------------------------------------------------------------------------------- */

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
