/*
 * Stopping servers: in every state, gracefully or not.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "io/stream.h"
#include "support/pairs.h"
#include "support/server_case.h"
#include "support/test.h"

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

/* ---- what is left to send when a handler returns --------------------------------------------- */

/* Fills what the system takes, and some of the queue. */
static int fill_and_return(aio_stream *client, void *arg)
{
    struct scene *scene = arg;
    static char data[1000];
    size_t total = pairs_fill(client->fd);
    while (aio__buffer_size(&client->out) == 0) {
        ssize_t n = aio_stream_write(client, data, sizeof data);
        if (n < 0)
            return (int)n;
        total += (size_t)n;
    }
    scene->result = (int)total;
    return 0;
}

static int wait_for_handler(struct scene *scene)
{
    int rc = 0;
    for (int i = 0; i < 10000 && rc == 0 && scene->ended == 0; i++)
        rc = aio_sleep(AIO_USEC(100));
    return rc;
}

static int stop_with_slow_reader(struct scene *scene)
{
    int client = connect_raw(scene->port), total = 0;
    int rc = wait_for_handler(scene);
    aio_task *stopper = aio_spawn(stop_it, scene->server);
    scene->server = stopper != NULL ? NULL : scene->server;
    if (rc == 0)
        rc = aio_sleep(AIO_MSEC(1));
    check(!aio_future_done(stopper));
    pairs_set_nonblocking(client);
    for (int idle = 0; rc == 0 && total < scene->result && idle < 10000; idle++) {
        total += (int)pairs_drain(client);
        rc = aio_sleep(AIO_USEC(100));
    }
    check_int(total, scene->result);
    check_int(aio_join(stopper), 0);
    close(client);
    return rc;
}

TEST(graceful_stop_waits_until_what_handlers_wrote_is_sent)
{
    play(fill_and_return, stop_with_slow_reader);
}

static int never_read(struct scene *scene)
{
    int client = connect_raw(scene->port);
    int rc = wait_for_handler(scene);
    check_int(aio_server_clients(scene->server), 1);
    aio_loop_current()->now += AIO_SEC(11);
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(aio_server_clients(scene->server), 0);
    check_int(reports, 0);
    close(client);
    return rc;
}

TEST(client_that_does_not_read_what_its_handler_wrote_is_let_go_after_ten_seconds)
{
    play(fill_and_return, never_read);
}

/* ---- stopping that is cancelled, refused, or late -------------------------------------------- */

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
