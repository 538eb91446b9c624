/*
 * 21_streams: both ends of a connection, a line there and a line back.
 *
 *     import asyncio
 *
 *     async def answer(reader, writer):
 *         while line := await reader.readline():
 *             writer.write(b"you said: " + line)
 *             await writer.drain()
 *         writer.close()
 *
 *     async def main():
 *         server = await asyncio.start_server(answer, "127.0.0.1", 0)
 *         port = server.sockets[0].getsockname()[1]
 *         reader, writer = await asyncio.open_connection("127.0.0.1", port)
 *         for line in (b"hello\n", b"is anybody there?\n"):
 *             writer.write(line)
 *             print((await reader.readline()).decode(), end="")
 *         writer.write_eof()
 *         if not await reader.readline():
 *             print("that was all")
 *         writer.close()
 *
 *     asyncio.run(main())
 *
 * A stream is reader and writer in one, and aio_stream_write() waits for room by itself, as drain()
 * would.  Here one task waits for one client; 22_server has a task for each.
 *
 * Output:
 *   you said: hello
 *   you said: is anybody there?
 *   that was all
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <aio/asyncio.h>

/* A write may take less than all if it fails on the way; the next call then says why. */
static int say(aio_stream *stream, const char *text)
{
    ssize_t n = aio_stream_write(stream, text, strlen(text));
    return n < 0 ? (int)n : 0;
}

static int answer(void *listener)
{
    aio_stream *peer = aio_listener_accept(listener);
    char line[64];
    if (peer == NULL)
        return -errno;
    ssize_t n;
    while ((n = aio_stream_readline(peer, line, sizeof line)) > 0)
        if ((n = say(peer, "you said: ")) < 0 || (n = say(peer, line)) < 0)
            break;
    (void)aio_stream_close(peer);
    return (int)n;
}

static int ask(aio_stream *stream, const char *question)
{
    char line[64];
    int rc = say(stream, question);
    if (rc < 0)
        return rc;
    ssize_t n = aio_stream_readline(stream, line, sizeof line);
    if (n > 0)
        printf("%s", line);
    return n < 0 ? (int)n : 0;
}

static int talk(int port)
{
    char line[64];
    aio_stream *stream = aio_connect("127.0.0.1", port);
    if (stream == NULL)
        return -errno;
    int rc = ask(stream, "hello\n");
    if (rc == 0)
        rc = ask(stream, "is anybody there?\n");
    if (rc == 0)
        rc = aio_stream_write_eof(stream);
    if (rc == 0 && aio_stream_readline(stream, line, sizeof line) == 0)
        puts("that was all");
    (void)aio_stream_close(stream);
    return rc;
}

static int program(void *arg)
{
    (void)arg;
    aio_listener *listener = aio_listen("127.0.0.1", 0); /* 0: any free port */
    if (listener == NULL)
        return -errno;
    aio_task *other = aio_spawn(answer, listener);
    int rc = talk(aio_listener_port(listener));
    int result = rc < 0 ? aio_task_stop(other) : aio_join(other);
    aio_listener_close(listener);
    return rc < 0 ? rc : result;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "streams: %s\n", aio_strerror(rc));
    return rc < 0;
}
