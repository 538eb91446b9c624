/*
 * An order is a structure in a pipe, its answer a number in another one.  When the
 * orders end, so does the crew.
 */
#include "support/http_crew.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aio/io.h>

#include "base/compat.h"
#include "support/harness.h"

#define OTHER_DESCRIPTORS 100
#define SOME 2000  /* where there is only poll() */
#define FEW 300    /* where something looks on, or everything is slow */
#define VERY_FEW 8 /* in the sweep, which has a run for each block of each of them */

/* ---- how many -------------------------------------------------------------------------------- */

/* As many as it may have. */
static size_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return OTHER_DESCRIPTORS;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < 1000000 ? (size_t)limit.rlim_cur : 1000000;
}

/* Which asks for each of them every time. */
static bool polling(void)
{
    const char *selector = getenv("AIO_SELECTOR");
    return selector != NULL && strcmp(selector, "poll") == 0;
}

static bool slow(void)
{
#if defined(AIO__TSAN) || defined(AIO__ASAN)
    return true;
#else
    return harness_setting("AIO_TEST_TIMEOUT", 1) > 1 || harness_setting("AIO_TEST_CHAOS", 0) != 0;
#endif
}

size_t http_crew_size(size_t wanted)
{
    size_t most = descriptors();
    most = most > OTHER_DESCRIPTORS + FEW ? most - OTHER_DESCRIPTORS : FEW;
    if (slow() && most > FEW)
        most = FEW;
    if (test_sweeping())
        most = VERY_FEW;
    if (polling() && most > SOME)
        most = SOME;
    return wanted < most ? wanted : most;
}

/* ---- the clients ----------------------------------------------------------------------------- */

static int *clients;
static size_t client_count;

/* With little room for what it does not read, and patience that ends. */
static int connect_one(int port)
{
    const struct timeval all = {.tv_sec = 10}, little = {.tv_sec = 1};
    const struct timeval patience = test_sweeping() ? little : all;
    const int room = 4096;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_all(const struct http_crew_order *order)
{
    int done = 0;
    int *more = realloc(clients, (client_count + order->count) * sizeof *clients);
    if (more == NULL)
        return 0;
    clients = more;
    for (size_t i = 0; i < order->count; i++) {
        int fd = connect_one(order->port);
        done += fd >= 0;
        clients[client_count++] = fd;
    }
    return done;
}

static int send_all(const struct http_crew_order *order)
{
    int done = 0;
    size_t size = order->size * order->count;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    for (size_t i = 0; i < order->count; i++)
        memcpy(text + i * order->size, order->text, order->size);
    for (size_t i = 0; i < client_count; i++)
        done += send(clients[i], text, size, MSG_NOSIGNAL) == (ssize_t)size;
    free(text);
    return done;
}

/* How it ended: a status, silent, reset; or another negative error. */
static int ending_of(int fd)
{
    char text[4096] = "", *digits = text + sizeof "HTTP/1.1";
    size_t size = 0;
    for (;;) {
        ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ECONNRESET ? HTTP_CREW_RESET : -EIO;
        size += (size_t)n;
        text[size] = '\0';
        if (n == 0)
            return size == 0 ? HTTP_CREW_SILENT : atoi(digits);
        if (size == sizeof text - 1)
            size = sizeof "HTTP/1.1 200"; /* a long one; the first status is kept */
    }
}

static int read_all(const struct http_crew_order *order)
{
    int done = 0;
    for (size_t i = 0; i < client_count; i++)
        done += ending_of(clients[i]) == order->ending;
    return done;
}

/* By resets: nothing shall linger. */
static int close_all(void)
{
    const struct linger none = {.l_onoff = 1};
    int count = (int)client_count;
    for (size_t i = 0; i < client_count; i++) {
        (void)setsockopt(clients[i], SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(clients[i]);
    }
    client_count = 0;
    return count;
}

static int carry_out(const struct http_crew_order *order)
{
    switch (order->work) {
    case HTTP_CREW_CONNECT:
        return connect_all(order);
    case HTTP_CREW_SEND:
        return send_all(order);
    case HTTP_CREW_READ:
        return read_all(order);
    default:
        return close_all();
    }
}

static void work(int orders, int answers)
{
    struct http_crew_order order;
    (void)descriptors();
    while (read(orders, &order, sizeof order) == (ssize_t)sizeof order) {
        int done = carry_out(&order);
        if (write(answers, &done, sizeof done) < 0)
            break;
    }
    _exit(0);
}

/* ---- whoever gives the orders ---------------------------------------------------------------- */

bool http_crew_start(struct http_crew *crew)
{
    int orders[2], answers[2];
    if (!check_int(pipe(orders), 0) || !check_int(pipe(answers), 0))
        return false;
    crew->orders = orders[1];
    crew->answers = answers[0];
    (void)fflush(NULL);
    crew->process = fork();
    if (crew->process == 0) {
        close(orders[1]);
        close(answers[0]);
        work(orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    return check(crew->process > 0);
}

int http_crew_do(struct http_crew *crew, const struct http_crew_order *order)
{
    int done = -1;
    if (write(crew->orders, order, sizeof *order) != (ssize_t)sizeof *order)
        return -EPIPE;
    int rc = aio_fd_wait(crew->answers, AIO_READABLE);
    if (rc < 0)
        return rc;
    return read(crew->answers, &done, sizeof done) == (ssize_t)sizeof done ? done : -EPIPE;
}

void http_crew_end(struct http_crew *crew)
{
    close(crew->orders);
    close(crew->answers);
    if (crew->process > 0)
        check_int(waitpid(crew->process, NULL, 0), crew->process);
}
