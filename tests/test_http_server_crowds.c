/*
 * The HTTP example's server and clients by the thousand, all of one mind: slow ones,
 * on the virtual clock, and ones that send as much as they can.
 *
 * They are a crew (support/http_crew.h), in a process of their own.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "loop/loop.h"
#include "support/faults.h"
#include "support/http_crew.h"
#include "support/http_talk.h"
#include "support/ledger.h"

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* ---- a crew ---------------------------------------------------------------------------------- */

#define BATCH 500 /* of clients that connect: less than the backlog */

static struct http_crew crew;

static void attack(struct http_options options, int (*talk)(http_server *server))
{
    options.clients = 20000;
    if (!http_crew_start(&crew))
        return;
    serve_virtually(options, talk);
    http_crew_end(&crew);
}

/* In the sweep, the server may have had no memory for one: then it does not come to so many. */
static int wait_for_clients(const http_server *server, size_t count)
{
    int rc = 0;
    for (int turn = 0; rc == 0 && server->clients < count; turn++)
        rc = turn == 50 && test_sweeping() ? -ENOMEM : aio_sleep(AIO_MSEC(1));
    return rc;
}

static int crew_connect(http_server *server, size_t count)
{
    struct http_crew_order order = {.work = HTTP_CREW_CONNECT, .port = http_server_port(server)};
    int rc = 0;
    for (size_t done = 0; rc == 0 && done < count; done += order.count) {
        order.count = count - done < BATCH ? count - done : BATCH;
        if (!check_int(http_crew_do(&crew, &order), order.count))
            return -ECONNREFUSED;
        rc = wait_for_clients(server, done + order.count);
    }
    return rc;
}

/* Until the server has read whatever has come: then a look at all of them finds nothing. */
static int settle(void)
{
    int rc = 0;
    for (int idle = 0; rc == 0 && idle < 3; idle++) {
        unsigned long before = faults_count("recv");
        rc = aio_sleep(AIO_MSEC(1));
        if (before != faults_count("recv"))
            idle = 0;
    }
    return rc;
}

/* How many could send it all: not all can, where the server has had enough of it. */
static int crew_send(const char *text, size_t count)
{
    struct http_crew_order order = {.work = HTTP_CREW_SEND, .count = count, .size = strlen(text)};
    memcpy(order.text, text, order.size);
    int done = http_crew_do(&crew, &order);
    int rc = settle();
    return rc < 0 ? rc : done;
}

static int crew_read(int ending)
{
    struct http_crew_order order = {.work = HTTP_CREW_READ, .ending = ending};
    return http_crew_do(&crew, &order);
}

/* They go, and the server sees it. */
static int crew_close(http_server *server)
{
    struct http_crew_order order = {.work = HTTP_CREW_CLOSE};
    int rc = http_crew_do(&crew, &order);
    while (rc >= 0 && server->clients > 0)
        rc = aio_sleep(AIO_MSEC(1));
    return rc < 0 ? rc : 0;
}

/* ---- slow clients ---------------------------------------------------------------------------- */

/* Each deadline is an hour, beside which the time that a test really takes is nothing. */
#define HOUR AIO_SEC(3600)

static struct {
    size_t count;
    const char *first, *then; /* what they send at first, then every quarter */
    size_t first_count;
    int ending;
} slow;

static struct http_options patient(void)
{
    struct http_options options = HTTP_OPTIONS_INIT;
    options.head_timeout = options.body_timeout = options.write_timeout = HOUR;
    options.idle_timeout = options.linger_timeout = HOUR;
    return options;
}

/* Lets the virtual clock be that late, and the loop hear of it. */
static int advance(int64_t when)
{
    aio_loop *loop = aio_loop_current();
    if (loop->now < when)
        loop->now = when;
    return aio_sleep(AIO_MSEC(1));
}

/* Somebody who behaves is served as ever. */
static void be_served(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect_last(client, 200);
    (void)aio_stream_close(client);
}

/* A quarter of it four times, nearly: so far, none is sent away. */
static int while_away_an_hour(http_server *server, int64_t begin)
{
    int rc = 0;
    for (int i = 1; rc >= 0 && i < 4; i++) {
        rc = advance(begin + HOUR / 4 * i);
        if (rc == 0 && slow.then != NULL)
            rc = check_int(crew_send(slow.then, 1), slow.count) ? 0 : -EPIPE;
        be_served(server);
    }
    if (rc == 0)
        rc = advance(begin + HOUR - HOUR / 100);
    check_int(server->clients, slow.count);
    return rc;
}

static int be_slow(http_server *server)
{
    int64_t begin = aio_loop_time(aio_loop_current());
    int rc = crew_connect(server, slow.count);
    if (rc == 0 && slow.first != NULL)
        rc = check_int(crew_send(slow.first, slow.first_count), slow.count) ? 0 : -EPIPE;
    int64_t since = aio_loop_time(aio_loop_current());
    if (rc == 0)
        rc = while_away_an_hour(server, begin);
    if (slow.ending == HTTP_CREW_RESET) /* the kernel may have taken a little for them meanwhile */
        since = aio_loop_time(aio_loop_current());
    if (rc == 0)
        rc = advance(since + HOUR + HOUR / 100);
    if (rc == 0)
        check_int(crew_read(slow.ending), slow.count);
    be_served(server);
    return rc < 0 ? rc : crew_close(server);
}

static void be_slow_with(size_t count, const char *first, const char *then, int ending)
{
    slow.count = http_crew_size(count);
    slow.first = first;
    slow.first_count = slow.first_count != 0 ? slow.first_count : 1;
    slow.then = then;
    slow.ending = ending;
    attack(patient(), be_slow);
}

TEST(ten_thousand_clients_whose_head_never_ends_are_sent_away_in_time)
{
    be_slow_with(10000, "GET / HTTP/1.1\r\nHost: a\r\nX: ", "a", 408);
}

TEST(thousands_of_clients_who_say_nothing_are_closed_in_time)
{
    be_slow_with(3000, NULL, NULL, HTTP_CREW_SILENT);
}

TEST(thousands_of_clients_who_ask_no_more_are_closed_in_time)
{
    be_slow_with(3000, GET, NULL, 200);
}

TEST(thousands_of_clients_whose_body_never_ends_are_sent_away_in_time)
{
    be_slow_with(3000, POST "Content-Length: 100000\r\n\r\n", "a", 408);
}

static int (*socket_before)(int domain, int type, int protocol);

/* The kernel takes little for those who do not read: clients have their listener's buffer sizes. */
static int socket_with_little_room(int domain, int type, int protocol)
{
    const int room = 4096;
    int fd = socket_before(domain, type, protocol);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return fd;
}

static void keep_responses_out_of_the_kernel(void)
{
    socket_before = aio__sys.socket;
    aio__sys.socket = socket_with_little_room;
}

/* Exact: chaos makes a server wait for requests that are there, and they are late then. */
TEST_EXACT(thousand_clients_who_do_not_read_are_given_up_in_time)
{
    keep_responses_out_of_the_kernel();
    slow.first_count = 2000;
    be_slow_with(1000, GET, NULL, HTTP_CREW_RESET);
    aio__sys.socket = socket_before;
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define FLOODING 1000

/* What the process holds, in RAM, and the library of it, in blocks; what it held at first. */
static struct {
    size_t process, library, process_at_first, library_at_first;
} peak;

static size_t in_ram(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL && fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        (void)fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void look(void)
{
    size_t process = in_ram(), library = ledger_bytes();
    if (peak.process < process)
        peak.process = process;
    if (peak.library < library)
        peak.library = library;
}

static int keep_looking(void *arg)
{
    int rc = 0;
    (void)arg;
    while (rc == 0) {
        look();
        rc = aio_sleep(AIO_MSEC(2));
    }
    return rc;
}

/* What they send, part after part. */
struct part {
    const char *text;
    size_t count;
};

static struct {
    size_t clients;
    const struct part *parts;
    size_t part_count;
} flood;

/* Where something looks on, or with few of them, the process holds more than is theirs: then only
 * what the library holds is looked at. */
static void expect_little(void)
{
    size_t library = (peak.library - peak.library_at_first) / flood.clients;
    size_t process = (peak.process - peak.process_at_first) / flood.clients;
    if (library > HTTP_CLIENT_MEMORY)
        test_fail(__FILE__, __LINE__, "the library holds %zu bytes a client", library);
    if (flood.clients == FLOODING && process > HTTP_CLIENT_MEMORY)
        test_fail(__FILE__, __LINE__, "the process holds %zu bytes a client", process);
}

static int be_flooded(http_server *server)
{
    memset(&peak, 0, sizeof peak);
    look();
    peak.process_at_first = peak.process;
    peak.library_at_first = peak.library;
    aio_task *looking = aio_spawn(keep_looking, NULL);
    int rc = crew_connect(server, flood.clients);
    for (size_t i = 0; rc >= 0 && i < flood.part_count; i++)
        rc = crew_send(flood.parts[i].text, flood.parts[i].count);
    look();
    (void)aio_task_stop(looking);
    expect_little();
    return rc < 0 ? rc : crew_close(server);
}

static void flood_with(const struct part *parts, size_t count)
{
    flood.clients = http_crew_size(FLOODING);
    flood.parts = parts;
    flood.part_count = count;
    keep_responses_out_of_the_kernel();
    attack(patient(), be_flooded);
    aio__sys.socket = socket_before;
}

#define FLOOD(...)                                                                                 \
    do {                                                                                           \
        static const struct part parts[] = {__VA_ARGS__};                                          \
        flood_with(parts, sizeof parts / sizeof *parts);                                           \
    } while (0)

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50

TEST(heads_up_to_the_limits_take_a_bounded_memory)
{
    FLOOD({"GET /", 1}, {A250, 32}, {" HTTP/1.1\r\nHost: a\r\n", 1}, {"X: " A250 "\r\n", 64});
}

TEST(lines_that_never_end_take_a_bounded_memory)
{
    FLOOD({"GET /", 1}, {A250, 400});
    FLOOD({"GET / HTTP/1.1\r\nX: ", 1}, {A250, 400});
}

TEST(bodies_take_a_bounded_memory)
{
    FLOOD({POST "Content-Length: 1000000\r\n\r\n", 1}, {A250, 3900});
    FLOOD({POST "Content-Length: 9000000\r\n\r\n", 1}, {A250, 3900});
    FLOOD({POST "Transfer-Encoding: chunked\r\n\r\n", 1}, {"1;" A50 A50 A50 "\r\nx\r\n", 100},
          {"0\r\nX: ", 1}, {A50, 80});
}

TEST(pipelines_whose_responses_nobody_reads_take_a_bounded_memory)
{
    FLOOD({GET, 2000});
}
