/*
 * http_server: serves a page over HTTP/1.1, to any number of clients.
 *
 *     http_server [-a address] [-p port] [-c clients]
 *
 *     $ http_server -p 8080 &
 *     http_server: listening on http://127.0.0.1:8080/
 *     $ curl http://127.0.0.1:8080/
 *     Hello, world!
 *
 * Keep-alive, pipelining, bodies by length and in chunks, limits, deadlines:
 * http/ has them, a file each.  Ctrl-C, or SIGTERM, lets requests that have begun
 * finish; a second Ctrl-C ends it at once.
 *
 * In Python, with aiohttp:
 *
 *     app = web.Application()
 *     app.add_routes([web.get("/", hello)])
 *     web.run_app(app, host="127.0.0.1", port=8080)
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include <aio/asyncio.h>

#include "arguments.h"
#include "http/server.h"

/* What the process needs descriptors for besides clients. */
#define OTHER_DESCRIPTORS 32

struct arguments {
    const char *address;
    long port, clients;
};

static bool take_option(void *arg, int option, const char *value)
{
    struct arguments *arguments = arg;
    switch (option) {
    case 'a':
        arguments->address = *value != '\0' ? value : NULL;
        return true;
    case 'p':
        return arguments_number(value, 0, 65535, &arguments->port);
    case 'c':
        return arguments_number(value, 1, 1000000, &arguments->clients);
    default:
        return false;
    }
}

static const struct arguments_syntax syntax = {
    .letters = "a:p:c:h",
    .take_option = take_option,
    .usage = "usage: http_server [-a address] [-p port] [-c clients]\n"
             "\n"
             "  -a address   to listen on (127.0.0.1; \"\" for all)\n"
             "  -p port      to listen on (8080; 0 for a free one)\n"
             "  -c clients   how many to serve at a time (10000); others are told 503\n",
};

/* As many descriptors as we may have, and no more clients than those are good for. */
static void fit_limits(struct http_options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    size_t most = limit.rlim_cur > OTHER_DESCRIPTORS ? limit.rlim_cur - OTHER_DESCRIPTORS : 1;
    if (options->clients > most)
        options->clients = most;
}

static void stop(void *main_task)
{
    (void)aio_task_cancel(main_task);
}

static int serve(void *arg)
{
    const struct arguments *arguments = arg;
    struct http_options options = HTTP_OPTIONS_INIT;
    options.clients = (size_t)arguments->clients;
    fit_limits(&options);
    http_server *server = http_server_start(arguments->address, (int)arguments->port, &options);
    if (server == NULL) {
        int error = errno;
        (void)fprintf(stderr, "http_server: can't listen: %s\n", aio_strerror(error));
        return -error;
    }
    (void)aio_loop_add_signal_handler(aio_loop_current(), SIGTERM, stop, aio_task_current());
    arguments_announce("http_server", "http://", arguments->address, http_server_port(server), "/");
    int rc = http_server_wait(server);
    (void)http_server_stop(server, AIO_SEC(10));
    return rc == -ECANCELED ? 0 : rc;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {"127.0.0.1", 8080, 10000};
    int status = arguments_read(argc, argv, &syntax, &arguments);
    if (status >= 0)
        return status;
    return aio_run(serve, &arguments) < 0;
}
