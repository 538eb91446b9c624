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
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "http/server.h"

/* What the process needs descriptors for besides clients. */
#define OTHER_DESCRIPTORS 32

struct arguments {
    const char *address;
    int port;
    struct http_options options;
};

static void usage(FILE *file)
{
    (void)fprintf(file,
                  "usage: http_server [-a address] [-p port] [-c clients]\n"
                  "\n"
                  "  -a address   to listen on (127.0.0.1; \"\" for all)\n"
                  "  -p port      to listen on (8080; 0 for a free one)\n"
                  "  -c clients   how many to serve at a time (10000); others are told 503\n");
}

/* A number from `least` to `most`; -1 if it is none. */
static long number(const char *text, long least, long most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    bool valid = end != text && *end == '\0' && errno == 0 && value >= least && value <= most;
    return valid ? value : -1;
}

/* Returns whether it was an option with a value that makes sense. */
static bool take_option(struct arguments *arguments, int option, const char *value)
{
    long n;
    switch (option) {
    case 'a':
        arguments->address = *value != '\0' ? value : NULL;
        return true;
    case 'p':
        n = number(value, 0, 65535);
        arguments->port = (int)n;
        return n >= 0;
    case 'c':
        n = number(value, 1, 1000000);
        arguments->options.clients = (size_t)n;
        return n >= 0;
    default:
        return false;
    }
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    int option;
    while ((option = getopt(argc, argv, "a:p:c:h")) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        }
        if (!take_option(arguments, option, optarg)) {
            usage(stderr);
            return 2;
        }
    }
    if (optind < argc)
        usage(stderr);
    return optind < argc ? 2 : -1;
}

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

static void announce(const struct arguments *arguments, int port)
{
    const char *address = arguments->address != NULL ? arguments->address : "0.0.0.0";
    const char *format = strchr(address, ':') != NULL
                             ? "http_server: listening on http://[%s]:%d/\n"
                             : "http_server: listening on http://%s:%d/\n";
    (void)printf(format, address, port);
    (void)fflush(stdout);
}

static void stop(void *main_task)
{
    (void)aio_task_cancel(main_task);
}

static int serve(void *arg)
{
    const struct arguments *arguments = arg;
    http_server *server =
        http_server_start(arguments->address, arguments->port, &arguments->options);
    if (server == NULL) {
        int error = errno;
        (void)fprintf(stderr, "http_server: can't listen: %s\n", aio_strerror(error));
        return -error;
    }
    announce(arguments, http_server_port(server));
    (void)aio_loop_add_signal_handler(aio_loop_current(), SIGTERM, stop, aio_task_current());
    int rc = http_server_wait(server);
    (void)http_server_stop(server, AIO_SEC(10));
    return rc == -ECANCELED ? 0 : rc;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {"127.0.0.1", 8080, HTTP_OPTIONS_INIT};
    int status = parse(argc, argv, &arguments);
    if (status >= 0)
        return status;
    fit_limits(&arguments.options);
    return aio_run(serve, &arguments) < 0;
}
