/*
 * echo_client: sends a message, or its standard input, and prints what comes back.
 *
 *     echo_client [-a address] [-p port] [message]
 *     echo_client [-a address] [-p port] -n count [-s size] [-c connections]
 *
 *     $ echo_client hello
 *     hello
 *     $ echo_client < /etc/services | cmp - /etc/services
 *     $ echo_client -n 10000 -s 100 -c 50
 *     500000 messages of 100 bytes in 4.1 s, 121951 a second
 *
 * Two tasks use the connection: one sends, the other receives.  Ctrl-C ends the
 * sending; what is on its way is still received.
 *
 * In Python:
 *
 *     reader, writer = await asyncio.open_connection("127.0.0.1", 7777)
 *     async with asyncio.TaskGroup() as group:
 *         group.create_task(send_input(writer))
 *         group.create_task(print_output(reader))
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aio/asyncio.h>

#include "arguments.h"

/* So much fits in a pipe that is ready to be written. */
#define PIECE 4096
/* A message that the stream keeps without waiting, so that we get to reading the answer. */
#define LONGEST_MESSAGE 65536

struct arguments {
    const char *address, *message;
    long port, count, size, connections;
};

/* ---- standard input and output --------------------------------------------------------------- */

/* They may be shared with the shell that started us, so they stay blocking; that is no harm as long
 * as one waits until they are ready. */
static ssize_t read_input(char *data, size_t size)
{
    int rc = aio_fd_wait(STDIN_FILENO, AIO_READABLE);
    if (rc < 0)
        return rc;
    ssize_t n = read(STDIN_FILENO, data, size);
    return n < 0 ? -errno : n;
}

/* Returns how much of it was printed. */
static ssize_t print(const char *data, size_t size)
{
    int rc = aio_fd_wait(STDOUT_FILENO, AIO_WRITABLE);
    if (rc < 0)
        return rc;
    ssize_t n = write(STDOUT_FILENO, data, size < PIECE ? size : PIECE);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* ---- one conversation ------------------------------------------------------------------------ */

/* To its end; or an error. */
static int copy_to(aio_stream *stream)
{
    char data[PIECE];
    ssize_t n;
    while ((n = read_input(data, sizeof data)) != 0) {
        if (n == -EAGAIN || n == -EINTR)
            continue;
        if (n > 0)
            n = aio_stream_write(stream, data, (size_t)n);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

/* Says that it ends also if it has failed: who receives would wait for ever for the rest. */
static int send_input(void *stream)
{
    int rc = copy_to(stream);
    int ended = rc != -ECANCELED ? aio_stream_write_eof(stream) : 0;
    return rc < 0 ? rc : ended;
}

/* Prints what comes, until the server ends it. */
static int receive(aio_stream *stream)
{
    const char *data;
    ssize_t n;
    while ((n = aio_stream_peek(stream, 1, &data)) > 0) {
        n = print(data, (size_t)n);
        if (n < 0)
            return (int)n;
        (void)aio_stream_consume(stream, (size_t)n);
    }
    return (int)n;
}

/* After Ctrl-C: what was sent should come back, but we don't wait for ever. */
static int receive_rest(void *stream)
{
    int rc = aio_stream_write_eof(stream);
    return rc < 0 ? rc : receive(stream);
}

static int send_message(aio_stream *stream, const char *message)
{
    ssize_t n = aio_stream_write(stream, message, strlen(message));
    if (n >= 0)
        n = aio_stream_write(stream, "\n", 1);
    int rc = n < 0 ? (int)n : aio_stream_write_eof(stream);
    return rc < 0 ? rc : receive(stream);
}

static int copy_input(aio_stream *stream)
{
    aio_task *sender = aio_spawn(send_input, stream);
    int rc = sender != NULL ? receive(stream) : -ENOMEM;
    int sent = aio_task_stop(sender);
    return rc < 0 ? rc : sent;
}

/* ---- a small load ---------------------------------------------------------------------------- */

static int exchange(aio_stream *stream, const char *message, char *answer, size_t size)
{
    ssize_t n = aio_stream_write(stream, message, size);
    if (n >= 0)
        n = aio_stream_read_exactly(stream, answer, size);
    if (n < 0)
        return (int)n;
    return memcmp(message, answer, size) == 0 ? 0 : -EBADMSG;
}

static int exchange_all(const struct arguments *arguments, aio_stream *stream)
{
    size_t size = (size_t)arguments->size;
    char *message = malloc(2 * size);
    int rc = message != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < size; i++)
        message[i] = (char)('a' + i % 26);
    for (long i = 0; rc == 0 && i < arguments->count; i++)
        rc = exchange(stream, message, message + size, size);
    free(message);
    return rc;
}

static int load_connection(void *arg)
{
    const struct arguments *arguments = arg;
    aio_stream *stream = aio_connect(arguments->address, (int)arguments->port);
    int rc = stream != NULL ? exchange_all(arguments, stream) : -errno;
    (void)aio_stream_close(stream);
    return rc;
}

/* The first failure ends the others. */
static int join_all(aio_task **tasks, long count)
{
    int rc = 0;
    for (long i = 0; i < count; i++) {
        int ended = rc < 0 ? aio_task_stop(tasks[i]) : aio_join(tasks[i]);
        rc = rc < 0 ? rc : ended;
    }
    return rc;
}

static int load(struct arguments *arguments)
{
    aio_loop *loop = aio_loop_current();
    aio_task **tasks = calloc((size_t)arguments->connections, sizeof *tasks);
    if (tasks == NULL)
        return -ENOMEM;
    int64_t start = aio_loop_time(loop);
    for (long i = 0; i < arguments->connections; i++)
        tasks[i] = aio_spawn(load_connection, arguments);
    int rc = join_all(tasks, arguments->connections);
    double seconds = (double)(aio_loop_time(loop) - start) / 1e9;
    double messages = (double)arguments->count * (double)arguments->connections;
    free(tasks);
    if (rc >= 0)
        (void)printf("%.0f messages of %ld bytes in %.1f s, %.0f a second\n", messages,
                     arguments->size, seconds, messages / seconds);
    return rc;
}

/* ---- from the command line ------------------------------------------------------------------- */

static int converse(struct arguments *arguments)
{
    if (arguments->count > 0)
        return load(arguments);
    aio_stream *stream = aio_connect(arguments->address, (int)arguments->port);
    if (stream == NULL)
        return -errno;
    int rc =
        arguments->message != NULL ? send_message(stream, arguments->message) : copy_input(stream);
    if (rc == -ECANCELED)
        rc = aio_timeout_run(AIO_SEC(2), receive_rest, stream);
    (void)aio_stream_close(stream);
    return rc;
}

static int run(void *arg)
{
    int rc = converse(arg);
    if (rc < 0 && rc != -ECANCELED)
        (void)fprintf(stderr, "echo_client: %s\n", aio_strerror(rc));
    return rc;
}

static bool take_option(void *arg, int option, const char *value)
{
    struct arguments *arguments = arg;
    switch (option) {
    case 'a':
        arguments->address = value;
        return true;
    case 'p':
        return arguments_number(value, 1, 65535, &arguments->port);
    case 'n':
        return arguments_number(value, 1, 1000000000, &arguments->count);
    case 's':
        return arguments_number(value, 1, LONGEST_MESSAGE, &arguments->size);
    case 'c':
        return arguments_number(value, 1, 1000000, &arguments->connections);
    default:
        return false;
    }
}

static const struct arguments_syntax syntax = {
    .letters = "a:p:n:s:c:h",
    .words = 1,
    .take_option = take_option,
    .usage = "usage: echo_client [-a address] [-p port] [message]\n"
             "       echo_client [-a address] [-p port] -n count [-s size] [-c connections]\n"
             "\n"
             "  -a address       of the server (127.0.0.1)\n"
             "  -p port          of the server (7777)\n"
             "  -n count         send so many messages on each connection, and measure\n"
             "  -s size          of each, in bytes (100; 65536 at most)\n"
             "  -c connections   at a time (1)\n",
};

int main(int argc, char **argv)
{
    struct arguments arguments = {"127.0.0.1", NULL, 7777, 0, 100, 1};
    int status = arguments_read(argc, argv, &syntax, &arguments);
    if (status >= 0)
        return status;
    arguments.message = argv[optind]; /* NULL if there is none */
    if (arguments.message != NULL && arguments.count > 0) {
        (void)fputs(syntax.usage, stderr);
        return 2;
    }
    return aio_run(run, &arguments) < 0;
}
