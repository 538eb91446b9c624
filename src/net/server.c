/*
 * Servers: a task that accepts, and one for each client.
 *
 * That a task has ended is heard by a callback: so a task that was cancelled
 * before its first step, or abandoned, is cleaned up after like any other.  The
 * server is freed when it was stopped, its tasks have ended, and nobody is inside
 * aio_server_wait() any more.
 */
#include <errno.h>

#include <aio/net.h>

#include "base/sys.h"
#include "base/util.h"
#include "io/stream.h"
#include "net/listener.h"
#include "task/scheduler.h"
#include "task/wait.h"

struct client {
    aio_server *server;
    aio_stream *stream;
    aio_task *task;
    aio_handle ended; /* called when it has */
    aio__link link;   /* in server->clients */
};

struct aio_server {
    aio_loop *loop; /* NULL once it is closed */
    aio__owned owned;
    aio_listener *listener; /* NULL once it stops */
    int port;
    aio_client_handler handler;
    void *arg;
    aio_task *accepter;
    aio_handle accepter_ended;
    bool accepting; /* that task has not ended */
    bool starved;   /* no room to serve a client, and that was reported */
    aio__list clients;
    size_t client_count;
    unsigned users; /* tasks inside aio_server_wait() */
    bool stopping;
    bool released;      /* nobody has it any more: it goes when it is idle */
    aio__wait *stopper; /* aio_server_stop()'s wait, until it is woken */
    aio__timer timer;   /* for its grace; its place in the heap is reserved */
};

/* ---- the end of a task ----------------------------------------------------------------------- */

static bool idle(const aio_server *server)
{
    return !server->accepting && server->client_count == 0;
}

static void free_when_idle(aio_server *server)
{
    if (!server->released || !idle(server) || server->users != 0)
        return;
    if (server->loop != NULL)
        aio__heap_unreserve(&server->loop->timers);
    aio__io_disown(&server->owned);
    aio_release(server->accepter);
    aio__sys_free(server);
}

static void wake_stopper(aio_server *server)
{
    aio__wait *wait = server->stopper;
    server->stopper = NULL;
    if (wait != NULL)
        aio__wake(wait, 0);
}

static void one_less(aio_server *server)
{
    if (idle(server))
        wake_stopper(server);
    free_when_idle(server);
}

/* What is no fault of the handler's.  A timeout is its own, unless the connection ended with it. */
static bool peer_is_gone(const aio_stream *stream, int rc)
{
    if (rc == -ETIMEDOUT)
        return stream->read_error == rc || stream->write_error == rc;
    return rc == -ECONNRESET || rc == -EPIPE || rc == -ECONNABORTED || rc == -ENOTCONN ||
           rc == -EHOSTUNREACH || rc == -ENETUNREACH || rc == -ENETDOWN;
}

static void client_ended(void *arg)
{
    struct client *client = arg;
    aio_server *server = client->server;
    int rc = aio_future_result(client->task);
    if (rc < 0 && rc != -ECANCELED && !peer_is_gone(client->stream, rc) && server->loop != NULL)
        aio__loop_report(server->loop, "a client's handler failed", aio_task_name(client->task),
                         rc);
    aio__link_remove(&client->link);
    server->client_count--;
    aio__stream_unhold(client->stream);
    aio_release(client->task);
    aio__sys_free(client);
    one_less(server);
}

static void accepter_ended(void *arg)
{
    aio_server *server = arg;
    server->accepting = false;
    if (server->stopping)
        (void)aio_future_result(server->accepter); /* nobody need ask for it */
    one_less(server);
}

/* The loop is gone, and with it the callbacks of tasks that have ended. */
static void end_all(aio_server *server)
{
    server->users++;
    if (server->accepting) {
        (void)aio_handle_cancel(&server->accepter_ended);
        accepter_ended(server);
    }
    while (!aio__list_empty(&server->clients)) {
        struct client *client = aio__container(server->clients.head.next, struct client, link);
        (void)aio_handle_cancel(&client->ended);
        client_ended(client);
    }
    server->users = 0; /* tasks that are inside never go on */
    free_when_idle(server);
}

static void lose_loop(aio__owned *owned)
{
    aio_server *server = aio__container(owned, aio_server, owned);
    aio_loop *loop = server->loop;
    server->stopper = NULL;
    (void)aio__loop_timer_stop(loop, &server->timer);
    aio__heap_unreserve(&loop->timers);
    server->loop = NULL;
    if (server->released)
        end_all(server);
}

/* ---- clients --------------------------------------------------------------------------------- */

/* Waits until what the handler wrote is sent, for as long as a close would: so that the server's
 * stop waits for that too.  0, or a negative result for the handler's. */
static int send_rest(aio_stream *stream)
{
    aio_timeout timeout;
    if (stream->closed || aio__buffer_size(&stream->out) == 0)
        return 0;
    int rc = aio_timeout_begin(&timeout, AIO__LINGER_TIME);
    if (rc < 0)
        return 0; /* closing goes on with it */
    rc = aio_timeout_end(&timeout, aio_stream_flush(stream));
    if (stream->closed)
        return 0;
    if (rc == -ETIMEDOUT && aio_timeout_expired(&timeout)) {
        aio_stream_abort(stream);
        rc = 0;
    }
    return rc;
}

static int run_client(void *arg)
{
    struct client *client = arg;
    int rc = client->server->handler(client->stream, client->server->arg);
    int sent = rc >= 0 ? send_rest(client->stream) : 0;
    return sent < 0 ? sent : rc;
}

static int start_client(struct client *client)
{
    client->task = aio_spawn(run_client, client);
    if (client->task == NULL)
        return -errno;
    /* It can't fail: the handle is new, and the task of this loop. */
    (void)aio_future_on_done(client->task, &client->ended, client_ended, client);
    return 0;
}

/* Takes the stream. */
static int serve_client(aio_server *server, aio_stream *stream)
{
    struct client *client = aio__sys_calloc(1, sizeof *client);
    if (client == NULL)
        return -ENOMEM;
    client->server = server;
    client->stream = stream;
    int rc = start_client(client);
    if (rc < 0) {
        aio__sys_free(client);
        return rc;
    }
    aio__stream_hold(stream);
    aio__list_push_back(&server->clients, &client->link);
    server->client_count++;
    return 0;
}

/* Those who wait to be accepted had better wait than be let go one after the other. */
static int pause_for_room(aio_server *server, int error)
{
    if (!server->starved)
        aio__loop_report(server->loop, "no room to serve a client", NULL, error);
    server->starved = true;
    return aio__accept_pause(server->listener);
}

static int accept_clients(void *arg)
{
    aio_server *server = arg;
    aio_stream *stream;
    int rc = 0;
    while (rc == 0 && (rc = aio__accept_client(server->listener, &stream)) == 0) {
        int failed = serve_client(server, stream);
        if (failed < 0) {
            aio_stream_abort(stream);
            rc = pause_for_room(server, failed);
        } else
            server->starved = false;
    }
    return rc;
}

/* ---- a server's life ------------------------------------------------------------------------- */

static void wake_for_grace(aio__handle *handle)
{
    wake_stopper(aio__container(handle, aio_server, timer.handle));
}

static aio_server *server_new(aio_loop *loop, aio_client_handler handler, void *arg)
{
    aio_server *server = aio__sys_calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    if (aio__heap_reserve(&loop->timers) < 0) {
        aio__sys_free(server);
        return NULL;
    }
    server->loop = loop;
    server->handler = handler;
    server->arg = arg;
    server->owned.close = lose_loop;
    server->timer.handle.run = wake_for_grace;
    server->timer.handle.place = AIO__PLACE_ANY;
    aio__list_init(&server->clients);
    return server;
}

static int start_accepter(aio_server *server)
{
    aio_spawn_options options = AIO_SPAWN_OPTIONS_INIT;
    options.name = "server";
    options.loop = server->loop;
    server->accepter = aio_spawn_with(&options, accept_clients, server);
    if (server->accepter == NULL)
        return -errno;
    (void)aio_future_on_done(server->accepter, &server->accepter_ended, accepter_ended, server);
    server->accepting = true;
    return 0;
}

aio_server *aio_serve(const char *address, int port, aio_client_handler handler, void *arg)
{
    if (handler == NULL) {
        errno = EINVAL;
        return NULL;
    }
    int rc = -ENOMEM;
    aio_listener *listener = aio_listen(address, port);
    if (listener == NULL)
        return NULL;
    aio_loop *loop = aio__loop_running;
    aio_server *server = server_new(loop, handler, arg);
    if (server == NULL)
        goto close_listener;
    server->listener = listener;
    server->port = aio_listener_port(listener);
    rc = start_accepter(server);
    if (rc < 0)
        goto free_server;
    aio__io_own(aio__io_of(loop), &server->owned);
    return server;

free_server:
    aio__heap_unreserve(&loop->timers);
    aio__sys_free(server);
close_listener:
    aio_listener_close(listener);
    errno = -rc;
    return NULL;
}

int aio_server_port(const aio_server *server)
{
    return server != NULL ? server->port : -ENOMEM;
}

size_t aio_server_clients(const aio_server *server)
{
    return server != NULL ? server->client_count : 0;
}

bool aio_server_stopping(const aio_server *server)
{
    return server != NULL && server->stopping;
}

int aio_server_wait(aio_server *server)
{
    if (server == NULL)
        return -ENOMEM;
    server->users++;
    int rc = aio_await_done(server->accepter);
    if (rc == 0 && !server->stopping)
        rc = aio_future_result(server->accepter);
    server->users--;
    free_when_idle(server);
    return rc;
}

/* ---- stopping -------------------------------------------------------------------------------- */

struct stop_wait {
    aio__wait wait;
    aio_server *server;
};

/* Whether the task that stops the server is being abandoned: then nobody comes back for it. */
static bool lose_stopper(aio_server *server, const aio__wait *wait)
{
    if (server->loop != NULL && !wait->task->doomed)
        return false;
    server->stopper = NULL;
    server->released = true;
    if (server->loop == NULL)
        end_all(server);
    return true;
}

static bool abort_grace(aio__wait *wait)
{
    aio_server *server = aio__container(wait, struct stop_wait, wait)->server;
    if (lose_stopper(server, wait) || server->stopper != wait)
        return false;
    (void)aio__loop_timer_stop(server->loop, &server->timer);
    server->stopper = NULL;
    aio__wake(wait, -ECANCELED);
    return true;
}

/* Clients use what their server's owner has: he must wait for them. */
static bool never_abort(aio__wait *wait)
{
    (void)lose_stopper(aio__container(wait, struct stop_wait, wait)->server, wait);
    return false;
}

/* Waits until no task of the server is left: 0; or so long, or until it is cancelled. */
static int wait_until_idle(aio_server *server, int64_t duration, bool (*abort)(aio__wait *wait))
{
    struct stop_wait wait = {.server = server};
    if (idle(server) || duration <= 0)
        return 0;
    if (aio__task_running()->doomed)
        return -ECANCELED; /* it might be left standing, and the server with it */
    int rc = aio__wait_begin(&wait.wait, abort, "server stop");
    if (rc < 0)
        return rc;
    aio_loop *loop = server->loop;
    server->stopper = &wait.wait;
    if (duration != AIO_FOREVER)
        aio__loop_timer_start(loop, &server->timer,
                              aio__time_after(aio__loop_update_time(loop), duration));
    rc = aio__park(&wait.wait);
    (void)aio__loop_timer_stop(loop, &server->timer);
    return rc;
}

static int cancel_clients(aio_server *server)
{
    int count = 0;
    aio__list_foreach(link, &server->clients)
        count += aio_task_cancel(aio__container(link, struct client, link)->task) > 0;
    return count;
}

static bool serves(const aio_server *server, const aio_task *task)
{
    aio__list_foreach(link, &server->clients)
        if (aio__container(link, struct client, link)->task == task)
            return true;
    return false;
}

static int stop_and_wait(aio_server *server, int64_t grace)
{
    bool cancelled = wait_until_idle(server, grace, abort_grace) == -ECANCELED;
    int count = cancel_clients(server);
    if (wait_until_idle(server, AIO_FOREVER, never_abort) == -ECANCELED)
        cancelled = true;
    return cancelled ? -ECANCELED : count;
}

int aio_server_stop(aio_server *server, int64_t grace)
{
    int rc = -EPERM;
    if (server == NULL)
        return -ENOMEM;
    if (server->stopping)
        return -EBUSY;
    if (aio_task_current() != NULL && serves(server, aio_task_current()))
        return -EDEADLK;
    server->stopping = true;
    aio_listener_close(server->listener);
    server->listener = NULL;
    if (server->loop == NULL) {
        server->released = true;
        end_all(server);
        return rc;
    }
    if (aio__may_suspend("server stop"))
        rc = stop_and_wait(server, grace);
    else
        (void)cancel_clients(server);
    server->released = true;
    free_when_idle(server);
    return rc;
}
