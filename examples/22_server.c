/*
 * 22_server: a task for each client, and an end that lets them finish.
 *
 *     import asyncio
 *
 *     guests = set()
 *
 *     async def serve(reader, writer):
 *         guests.add(writer)
 *         writer.write(b"welcome\n")
 *         if order := await reader.readline():
 *             await asyncio.sleep(0.02)                 # cook
 *             writer.write(order)
 *             await writer.drain()
 *         writer.close()
 *         guests.remove(writer)
 *
 *     async def come(server, order):
 *         host, port = server.sockets[0].getsockname()
 *         reader, writer = await asyncio.open_connection(host, port)
 *         await reader.readline()
 *         writer.write(order)
 *         return reader, writer
 *
 *     async def leave(name, reader, writer):
 *         line = await reader.readline()
 *         print(name, "gets", line.decode().strip() or "nothing")
 *         writer.close()
 *
 *     async def main():
 *         server = await asyncio.start_server(serve, "127.0.0.1", 0)
 *         ann = await come(server, b"soup\n")
 *         bob = await come(server, b"noodles\n")
 *         cid = await come(server, b"")                 # who can't decide
 *         print("closing time")
 *         server.close()
 *         try:
 *             async with asyncio.timeout(0.5):
 *                 await server.wait_closed()
 *         except TimeoutError:
 *             print(len(guests), "sent away")
 *             server.close_clients()
 *         await leave("Ann", *ann)
 *         await leave("Bob", *bob)
 *         await leave("Cid", *cid)
 *
 *     asyncio.run(main())
 *
 * A handler may return whenever it likes: what it wrote is sent, and the stream closed, by the
 * server.  aio_server_stop() accepts nobody any more, gives those who are there some time, and
 * cancels the handlers of the others.
 *
 * Output:
 *   closing time
 *   1 sent away
 *   Ann gets soup
 *   Bob gets noodles
 *   Cid gets nothing
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <aio/asyncio.h>

static int say(aio_stream *stream, const char *text)
{
    ssize_t n = aio_stream_write(stream, text, strlen(text));
    return n < 0 ? (int)n : 0;
}

static int serve(aio_stream *guest, void *arg)
{
    char order[32];
    (void)arg;
    int rc = say(guest, "welcome\n");
    ssize_t n = rc < 0 ? rc : aio_stream_readline(guest, order, sizeof order);
    if (n <= 0)
        return (int)n;
    rc = aio_sleep(AIO_MSEC(20)); /* cook */
    return rc < 0 ? rc : say(guest, order);
}

/* Comes in, is welcomed, and orders.  Returns the guest's end; NULL with errno. */
static aio_stream *come(aio_server *server, const char *order)
{
    char line[32];
    aio_stream *guest = aio_connect("127.0.0.1", aio_server_port(server));
    ssize_t n = guest != NULL ? aio_stream_readline(guest, line, sizeof line) : -errno;
    if (n > 0)
        n = say(guest, order);
    if (n >= 0)
        return guest;
    (void)aio_stream_close(guest);
    errno = (int)-n;
    return NULL;
}

static void leave(const char *name, aio_stream *guest)
{
    char line[32];
    ssize_t n = aio_stream_readline(guest, line, sizeof line);
    printf("%s gets %s", name, n > 0 ? line : "nothing\n");
    (void)aio_stream_close(guest);
}

static int program(void *arg)
{
    (void)arg;
    aio_server *server = aio_serve("127.0.0.1", 0, serve, NULL);
    if (server == NULL)
        return -errno;
    aio_stream *ann = come(server, "soup\n"), *bob = come(server, "noodles\n");
    aio_stream *cid = come(server, "");
    puts("closing time");
    int rc = aio_server_stop(server, AIO_MSEC(500));
    if (rc >= 0)
        printf("%d sent away\n", rc);
    leave("Ann", ann);
    leave("Bob", bob);
    leave("Cid", cid);
    return rc;
}

int main(void)
{
    int rc = aio_run(program, NULL);
    if (rc < 0)
        fprintf(stderr, "server: %s\n", aio_strerror(rc));
    return rc < 0;
}
