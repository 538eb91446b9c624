/*
 * A server on the virtual clock, for tests: its handlers are counted, what the loop
 * reports is too, and it is stopped at the end if the test has not done so.
 */
#ifndef TESTS_SUPPORT_SERVER_CASE_H
#define TESTS_SUPPORT_SERVER_CASE_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "support/test.h"

static int reports, last_report;

static inline void count_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)arg;
    reports++;
    last_report = failure->error;
}

/* A raw client on loopback, which waits for no answer long; -1 if it was refused. */
static inline int connect_raw(int port)
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

static inline int count_and_handle(aio_stream *client, void *arg)
{
    struct scene *scene = arg;
    scene->begun++;
    int rc = scene->handler(client, arg);
    scene->ended++;
    return rc;
}

static inline int serve_and_play(void *arg)
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

static inline void play(aio_client_handler handler, int (*function)(struct scene *scene))
{
    struct scene scene = {.handler = handler, .play = function};
    reports = 0;
    check_int(test_run(serve_and_play, &scene), 0);
}

static inline int stop(struct scene *scene, int64_t grace)
{
    int rc = aio_server_stop(scene->server, grace);
    scene->server = NULL;
    return rc;
}

/* ---- handlers -------------------------------------------------------------------------------- */

static inline int echo(aio_stream *client, void *arg)
{
    char data[4096];
    ssize_t n;
    (void)arg;
    while ((n = aio_stream_read(client, data, sizeof data)) > 0)
        if (aio_stream_write(client, data, (size_t)n) < n)
            break;
    return n < 0 ? (int)n : 0;
}

static inline int linger_on(aio_stream *client, void *arg)
{
    (void)client, (void)arg;
    return aio_sleep(AIO_SEC(100));
}

/* Functions of tasks. */
static inline int wait_for_server(void *arg)
{
    return aio_server_wait(arg);
}

#endif
