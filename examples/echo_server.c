/*
 * echo_server: sends back what each client sends, to any number of them.
 *
 *     echo_server [-a address] [-p port]
 *
 *     $ echo_server -p 7777 &
 *     echo_server: listening on 127.0.0.1:7777
 *     $ echo_client -p 7777 hello
 *     hello
 *
 * A client that ends its half of the connection still gets all its bytes back.
 * Ctrl-C gives the clients a second to finish; a second one ends it at once.
 *
 * In Python:
 *
 *     async def echo(reader, writer):
 *         while data := await reader.read(65536):
 *             writer.write(data)
 *             await writer.drain()
 *         writer.close()
 *
 *     async def main():
 *         server = await asyncio.start_server(echo, "127.0.0.1", 7777)
 *         await server.serve_forever()
 */
#include <signal.h>
#include <stdio.h>

#include <aio/asyncio.h>

#include "arguments.h"

struct arguments {
    const char *address;
    long port;
};

/* Peeks, so that a client who says nothing holds no buffer here. */
static int echo(aio_stream *client, void *arg)
{
    const char *data;
    ssize_t n;
    (void)arg;
    while ((n = aio_stream_peek(client, 1, &data)) > 0) {
        ssize_t sent = aio_stream_write(client, data, (size_t)n);
        if (sent < 0)
            return (int)sent;
        (void)aio_stream_consume(client, (size_t)sent);
    }
    return n < 0 ? (int)n : aio_stream_flush(client);
}

static void stop(void *main_task)
{
    (void)aio_task_cancel(main_task);
}

static int serve(void *arg)
{
    const struct arguments *arguments = arg;
    aio_server *server = aio_serve(arguments->address, (int)arguments->port, echo, NULL);
    if (server == NULL) {
        int error = errno;
        (void)fprintf(stderr, "echo_server: can't listen: %s\n", aio_strerror(error));
        return -error;
    }
    (void)aio_loop_add_signal_handler(aio_loop_current(), SIGTERM, stop, aio_task_current());
    arguments_announce("echo_server", "", arguments->address, aio_server_port(server), "");
    int rc = aio_server_wait(server);
    (void)aio_server_stop(server, AIO_SEC(1));
    return rc == -ECANCELED ? 0 : rc;
}

static bool take_option(void *arg, int option, const char *value)
{
    struct arguments *arguments = arg;
    switch (option) {
    case 'a':
        arguments->address = *value != '\0' ? value : NULL;
        return true;
    case 'p':
        return arguments_number(value, 0, 65535, &arguments->port);
    default:
        return false;
    }
}

static const struct arguments_syntax syntax = {
    .letters = "a:p:h",
    .take_option = take_option,
    .usage = "usage: echo_server [-a address] [-p port]\n"
             "\n"
             "  -a address   to listen on (127.0.0.1; \"\" for all)\n"
             "  -p port      to listen on (7777; 0 for a free one)\n",
};

int main(int argc, char **argv)
{
    struct arguments arguments = {"127.0.0.1", 7777};
    int status = arguments_read(argc, argv, &syntax, &arguments);
    if (status >= 0)
        return status;
    return aio_run(serve, &arguments) < 0;
}
