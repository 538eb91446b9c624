/*
 * A server's life.  What it does for a client is in connection.c.
 */
#include "server.h"

#include <stdlib.h>

http_server *http_server_start(const char *address, int port, const struct http_options *options)
{
    http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    server->options = *options;
    server->loop = aio_loop_current();
    http_site_init(&server->site);
    server->server = aio_serve(address, port, http_connection_serve, server);
    if (server->server == NULL) {
        int error = errno;
        free(server);
        errno = error;
        return NULL;
    }
    return server;
}

int http_server_port(const http_server *server)
{
    return aio_server_port(server->server);
}

int http_server_wait(http_server *server)
{
    return aio_server_wait(server->server);
}

int http_server_stop(http_server *server, int64_t grace)
{
    if (server == NULL)
        return 0;
    if (aio_task_current() == NULL)
        return -EPERM;
    server->stopping = true;
    http_connections_stop(server);
    int rc = aio_server_stop(server->server, grace);
    if (rc == -EBUSY || rc == -EDEADLK)
        return rc; /* it lives on: for the one that stops it, for the client */
    http_pool_fini(&server->pool);
    free(server);
    return rc;
}
