/*
 * The HTTP example's server on loopback, with clients in the same loop: keep-alive,
 * bodies, statuses, deadlines, and its end.
 *
 * What a head or body must look like is in test_http_parser.c and
 * test_http_body.c.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "support/http_talk.h"

/* ---- requests -------------------------------------------------------------------------------- */

static int ask_twice(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    for (int i = 0; i < 2; i++) {
        say(client, GET);
        check_int(read_reply(client, true, &reply), 200);
        check_string(reply.content, PAGE);
        check(!reply.closes);
        check(strstr(reply.head, "\r\nServer: libaio\r\n") != NULL);
        check(strstr(reply.head, "\r\nContent-Type: text/plain\r\n") != NULL);
    }
    return aio_stream_close(client);
}

TEST(a_connection_is_kept_for_the_next_request)
{
    serve(ask_twice);
}

static int ask_the_time(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    char weekday[4], month[4], zone[4];
    int day, year, hour, minute, second;
    say(client, GET);
    check_int(read_reply(client, true, &reply), 200);
    const char *date = strstr(reply.head, "\r\nDate: ");
    if (check(date != NULL))
        check_int(sscanf(date + 8, "%3s, %2d %3s %4d %2d:%2d:%2d %3s\r\n", weekday, &day, month,
                         &year, &hour, &minute, &second, zone),
                  8);
    return aio_stream_close(client);
}

TEST(a_response_is_dated)
{
    serve(ask_the_time);
}

#define PIPELINED 100

static int ask_a_hundred_times(http_server *server)
{
    static const char last[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    aio_stream *client = dial(server);
    char text[PIPELINED * sizeof GET + sizeof last] = "";
    for (size_t i = 0; i < PIPELINED; i++)
        memcpy(text + i * (sizeof GET - 1), GET, sizeof GET - 1);
    memcpy(text + PIPELINED * (sizeof GET - 1), last, sizeof last);
    bool ok = say(client, text);
    for (int i = 0; ok && i < PIPELINED; i++)
        ok = expect(client, 200);
    expect_last(client, 200);
    return aio_stream_close(client);
}

TEST(pipelined_requests_are_all_answered)
{
    serve(ask_a_hundred_times);
}

static int end_early(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, GET GET "GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /part");
    check_int(aio_stream_write_eof(client), 0);
    expect(client, 200);
    expect(client, 200);
    expect(client, 404);
    check_int(read_reply(client, true, &reply), 0);
    return aio_stream_close(client);
}

TEST(a_client_that_has_ended_its_half_still_gets_its_responses)
{
    serve(end_early);
}

static int ask_for_the_head(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
                "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n" GET);
    check_int(read_reply(client, false, &reply), 200);
    check(strstr(reply.head, "\r\nContent-Length: 14\r\n") != NULL);
    check_int(read_reply(client, false, &reply), 404);
    expect(client, 200);
    return aio_stream_close(client);
}

TEST(a_response_to_head_has_no_content)
{
    serve(ask_for_the_head);
}

static int ask_for_all_kinds(http_server *server)
{
    static const struct {
        const char *line;
        int status;
    } kinds[] = {
        {"GET /", 200},     {"GET http://a", 200}, {"GET http://a/?b", 200}, {"GET /?a", 200},
        {"GET /none", 404}, {"GET //", 404},       {"POST /none", 404},      {"POST /", 405},
        {"PUT /", 405},     {"DELETE /", 405},     {"TRACE /", 405},         {"PATCH /", 405},
        {"OPTIONS *", 405}, {"OPTIONS /", 405},    {"BREW /", 501},          {"BREW /none", 501},
        {"get /", 501},     {"GET /../", 404},     {"GET /%2e%2e/", 404},
    };
    aio_stream *client = dial(server);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct reply reply;
        say(client, kinds[i].line);
        say(client, " HTTP/1.1\r\nHost: a\r\n\r\n");
        check_int(read_reply(client, true, &reply), kinds[i].status);
        check(!reply.closes);
        if (reply.status == 405)
            check(strstr(reply.head, "\r\nAllow: GET, HEAD\r\n") != NULL);
    }
    say(client, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" GET);
    expect_last(client, 405);
    return aio_stream_close(client);
}

TEST(methods_and_targets_get_their_status)
{
    serve(ask_for_all_kinds);
}

static int speak_the_old_version(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    check_int(read_reply(client, true, &reply), 200);
    check(strstr(reply.head, "\r\nConnection: keep-alive\r\n") != NULL);
    say(client, "GET / HTTP/1.0\r\n\r\n" GET);
    expect_last(client, 200);
    return aio_stream_close(client);
}

TEST(connections_of_http_1_0_are_kept_on_request)
{
    serve(speak_the_old_version);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static int send_bodies(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET);
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    expect(client, 405);
    expect(client, 200);
    say(client, "lo\r\n0\r\nX: y\r\n\r\n" GET);
    expect(client, 405);
    expect(client, 200);
    return aio_stream_close(client);
}

TEST(bodies_are_read_over)
{
    serve(send_bodies);
}

static int break_the_chunks(http_server *server)
{
    aio_stream *client = dial(server);
    say(client,
        GET "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX" GET);
    expect(client, 200);
    expect_last(client, 400);
    return aio_stream_close(client);
}

TEST(nothing_behind_a_broken_request_is_executed)
{
    serve(break_the_chunks);
}

static int wait_to_be_asked(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    check_int(read_reply(client, true, &reply), 100);
    say(client, "hello");
    expect(client, 405);
    say(client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    expect(client, 405);
    say(client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n");
    expect_last(client, 413);
    return aio_stream_close(client);
}

TEST(a_client_that_expects_to_be_asked_for_the_body_is)
{
    serve(wait_to_be_asked);
}

/* It sends on until it fails, which it need not. */
static int send_a_megabyte(void *arg)
{
    static const char zeros[65536];
    for (int i = 0; i < 16; i++)
        if (aio_stream_write(arg, zeros, sizeof zeros) < 0)
            break;
    return 0;
}

static int send_too_much(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    aio_task *sender = aio_spawn(send_a_megabyte, client);
    expect_last(client, 413);
    (void)aio_task_stop(sender);
    return aio_stream_close(client);
}

TEST(a_client_that_still_sends_can_read_the_refusal)
{
    for (int i = 0; i < 10; i++)
        serve(send_too_much);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static struct http_options hasty(void)
{
    struct http_options options = HTTP_OPTIONS_INIT;
    int64_t unit = AIO_MSEC(test_sweeping() ? 1 : 10);
    options.head_timeout = options.body_timeout = 25 * unit;
    options.idle_timeout = options.write_timeout = options.linger_timeout = 10 * unit;
    return options;
}

/* A byte a millisecond, for as long as it is heard. */
static int trickle(void *arg)
{
    aio_stream *client = arg;
    while (aio_stream_write(client, "a", 1) == 1)
        if (aio_sleep(AIO_MSEC(1)) < 0)
            break;
    return 0;
}

static int trickle_a_head(http_server *server)
{
    aio_stream *first = dial(server), *next = dial(server), *other = dial(server);
    say(next, GET);
    expect(next, 200);
    say(first, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    say(next, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    aio_task *first_sender = aio_spawn(trickle, first), *next_sender = aio_spawn(trickle, next);
    say(other, GET);
    expect(other, 200);
    expect_last(first, 408);
    expect_last(next, 408);
    (void)aio_task_stop(first_sender);
    (void)aio_task_stop(next_sender);
    (void)aio_stream_close(first);
    (void)aio_stream_close(next);
    return aio_stream_close(other);
}

TEST(a_head_has_a_deadline_from_its_first_byte_on)
{
    struct http_options options = hasty();
    options.idle_timeout = AIO_SEC(100);
    serve_with(options, trickle_a_head);
}

static int trickle_a_body(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, GET "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    aio_task *sender = aio_spawn(trickle, client);
    expect(client, 200);
    expect_last(client, 408);
    (void)aio_task_stop(sender);
    return aio_stream_close(client);
}

TEST(a_body_has_a_least_rate)
{
    struct http_options options = hasty();
    options.body_rate = 100000;
    serve_with(options, trickle_a_body);
}

static int say_nothing(http_server *server)
{
    aio_stream *silent = dial(server);
    struct reply reply;
    check_int(read_reply(silent, true, &reply), 0);
    return aio_stream_close(silent);
}

TEST(a_client_that_says_nothing_is_closed_without_a_word)
{
    struct http_options options = hasty();
    options.idle_timeout = AIO_SEC(100);
    serve_with(options, say_nothing);
}

static int say_no_more(http_server *server)
{
    aio_stream *idle = dial(server);
    struct reply reply;
    say(idle, GET);
    expect(idle, 200);
    check_int(read_reply(idle, true, &reply), 0);
    return aio_stream_close(idle);
}

TEST(a_connection_that_is_idle_for_long_is_closed)
{
    struct http_options options = hasty();
    options.head_timeout = AIO_SEC(100);
    serve_with(options, say_no_more);
}

static int think_for_a_while(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, GET);
    expect(client, 200);
    check_int(aio_sleep(2 * hasty().head_timeout), 0);
    say(client, GET);
    expect(client, 200);
    return aio_stream_close(client);
}

TEST(the_time_for_a_head_does_not_count_between_requests)
{
    struct http_options options = hasty();
    options.idle_timeout = AIO_SEC(100);
    serve_with(options, think_for_a_while);
}

/* Until the server has had enough of it. */
static int ask_without_reading(http_server *server)
{
    aio_stream *client = dial(server);
    const int size = 4096;
    (void)setsockopt(aio_stream_fd(client), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    ssize_t n = client != NULL ? 0 : -ENOMEM;
    while (n >= 0)
        n = aio_stream_write(client, GET GET GET GET, 4 * (sizeof GET - 1));
    check(n == -ECONNRESET || n == -EPIPE);
    check_int(server->clients, 0);
    aio_stream_abort(client);
    return 0;
}

TEST(a_client_that_does_not_read_is_given_up)
{
    serve_with(hasty(), ask_without_reading);
}

/* Waits until nobody is counted any more.  Then the client, who has not closed, must be gone. */
static void expect_to_be_gone(http_server *server, aio_stream *client)
{
    int rc = 0;
    while (rc == 0 && server->clients > 0)
        rc = aio_sleep(AIO_MSEC(1));
    check_int(rc, 0);
    ssize_t n = aio_stream_write(client, "a", 1);
    check(n == -ECONNRESET || n == -EPIPE);
    aio_stream_abort(client);
}

static int stay_when_idle(http_server *server)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, GET);
    expect(client, 200);
    check_int(read_reply(client, true, &reply), 0);
    expect_to_be_gone(server, client);
    return 0;
}

TEST(a_connection_that_was_idle_is_gone_once_it_is_not_counted)
{
    serve_with(hasty(), stay_when_idle);
}

static int stay_after_the_last_response(http_server *server)
{
    aio_stream *client = dial(server);
    say(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect_last(client, 200);
    expect_to_be_gone(server, client);
    return 0;
}

TEST(a_client_that_lingers_is_gone_once_it_is_not_counted)
{
    serve_with(hasty(), stay_after_the_last_response);
}

#define SENT_AT_MOST ((size_t)128 * 1024 * 1024)

/* What it sends is read for a while, but not for ever. */
static int send_without_end(http_server *server)
{
    static const char zeros[65536];
    aio_stream *client = dial(server);
    size_t sent = 0;
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    ssize_t n = 1;
    while (n > 0 && sent < SENT_AT_MOST) {
        n = aio_stream_write(client, zeros, sizeof zeros);
        sent += n > 0 ? (size_t)n : 0;
    }
    check(n == -ECONNRESET || n == -EPIPE);
    check(sent > sizeof zeros);
    aio_stream_abort(client);
    return 0;
}

TEST(a_client_that_sends_on_without_end_is_given_up)
{
    serve(send_without_end);
}

/* ---- too many -------------------------------------------------------------------------------- */

static int be_one_too_many(http_server *server)
{
    aio_stream *first = dial(server);
    say(first, GET);
    expect(first, 200);
    aio_stream *second = dial(server);
    say(second, GET);
    expect_last(second, 503);
    say(first, GET);
    expect(first, 200);
    (void)aio_stream_close(second);
    return aio_stream_close(first);
}

TEST(a_client_too_many_is_told_so)
{
    struct http_options options = HTTP_OPTIONS_INIT;
    options.clients = 1;
    serve_with(options, be_one_too_many);
}

/* ---- its end --------------------------------------------------------------------------------- */

static int stop(void *server)
{
    return http_server_stop(server, AIO_SEC(5));
}

/* One connection has half a head sent, one half a body, one is idle; its response says that the
 * others were seen. */
static int talk_to_the_end(void *arg)
{
    http_server *server = arg;
    aio_stream *head = dial(server), *body = dial(server), *idle = dial(server);
    struct reply reply;
    say(head, "GET / HTTP/1.1\r\n");
    say(body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    say(idle, GET);
    expect(idle, 200);
    aio_task *stopping = aio_spawn(stop, server);
    check_int(read_reply(idle, true, &reply), 0);
    check_int(http_server_stop(server, 0), -EBUSY); /* and it is still there */
    say(head, "Host: a\r\n\r\n" GET);
    say(body, "llo" GET);
    expect_last(head, 200);
    expect_last(body, 405);
    (void)aio_stream_close(head);
    (void)aio_stream_close(body);
    (void)aio_stream_close(idle);
    return aio_join(stopping);
}

static int start_and_talk_to_the_end(void *arg)
{
    const struct http_options options = HTTP_OPTIONS_INIT;
    http_server *server = http_server_start("127.0.0.1", 0, &options);
    (void)arg;
    return server != NULL ? talk_to_the_end(server) : -errno;
}

TEST(stopping_finishes_what_has_begun_and_closes_what_is_idle)
{
    check_int(test_run_real(start_and_talk_to_the_end, NULL), 0);
}

/* It was accepted before, but its task runs only now. */
static int come_too_late(http_server *server)
{
    struct reply reply;
    server->stopping = true;
    aio_stream *silent = dial(server);
    check_int(read_reply(silent, true, &reply), 0);
    return aio_stream_close(silent);
}

TEST(a_client_that_comes_while_the_server_stops_is_not_waited_for)
{
    struct http_options options = HTTP_OPTIONS_INIT;
    options.head_timeout = AIO_SEC(100);
    serve_with(options, come_too_late);
}

static void stop_in_a_callback(void *arg)
{
    check_int(http_server_stop(arg, 0), -EPERM);
}

static int stop_outside_a_task(http_server *server)
{
    aio_handle handle = AIO_HANDLE_INIT;
    check_int(aio_loop_call_soon(aio_loop_current(), &handle, stop_in_a_callback, server), 0);
    int rc = aio_yield();
    aio_stream *client = dial(server);
    say(client, GET);
    expect(client, 200);
    (void)aio_stream_close(client);
    (void)aio_handle_cancel(&handle);
    return rc;
}

TEST(a_server_is_not_stopped_outside_a_task)
{
    serve(stop_outside_a_task);
}

static int start_on_a_port_in_use(http_server *server)
{
    const struct http_options options = HTTP_OPTIONS_INIT;
    http_server *other = http_server_start("127.0.0.1", http_server_port(server), &options);
    int error = errno;
    check(other == NULL);
    check_int(error, EADDRINUSE);
    (void)http_server_stop(other, 0);
    return 0;
}

TEST(a_port_in_use_is_told)
{
    serve(start_on_a_port_in_use);
}
