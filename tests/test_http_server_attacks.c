/*
 * The HTTP example's server under attack, and where each attack is answered:
 *
 *     one request, two readings   test_http_parser, test_http_body: every case; here: to the server
 *     numbers that overflow       test_http_parser (lengths ...), test_http_body (sizes ...)
 *     more than the limits        test_http_parser, test_http_body; test_http_server_crowds: memory
 *     slow clients                test_http_server (deadlines), test_http_server_crowds: thousands
 *     paths out of the root       here
 *     responses that are split    here
 *     pipelines, early ends       here; test_http_server (requests, bodies)
 */
#include "support/faults.h"
#include "support/http_talk.h"
#include "support/ledger.h"

/* ---- requests that could be read in two ways ------------------------------------------------- */

#define SECOND "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static const char *const ambiguous[] = {
    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    POST "Content-Length: +5\r\n\r\nhello",
    POST "Content-Length: 0x5\r\n\r\nhello",
    POST "Content-Length: 5, 5\r\n\r\nhello",
    POST "Content-Length : 5\r\n\r\nhello",
    POST "Content-Length:\r\n 5\r\n\r\nhello",
    POST "Content-Length: 18446744073709551621\r\n\r\nhello",
    POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n0\n\n",
    POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\n",
};

/* Each is the connection's last request: one response, 400, and its end. */
static int send_ambiguous(http_server *server)
{
    for (size_t i = 0; i < test_scale(sizeof ambiguous / sizeof *ambiguous); i++) {
        aio_stream *client = dial(server);
        say(client, ambiguous[i]);
        say(client, SECOND);
        if (!expect_last(client, 400))
            test_fail(__FILE__, __LINE__, "%s", ambiguous[i]);
        (void)aio_stream_close(client);
    }
    return 0;
}

TEST(ambiguous_request_is_refused_and_nothing_behind_it_runs)
{
    serve(send_ambiguous);
}

TEST(ambiguous_request_is_refused_byte_by_byte_as_well)
{
    faults_short(1);
    serve(send_ambiguous);
    faults_clear();
}

/* ---- paths out of the root ------------------------------------------------------------------- */

/* None of these is a page; what is no path at all is no request. */
/* clang-format off */
static const char *const escapes[] = {
    "../", "..", "../x", "../../etc/passwd", "etc/passwd", "./", ".", "%2e%2e/", "%2e%2e%2f",
    "%2F..", "C:/", "\\..\\x", "%5c..%5cx", "/.", "/..", "/./", "/../", "/../x",
    "/../../../../etc/passwd", "/x/../../etc/passwd", "/./../", "/.../", "/....//", "/..;/",
    "/..;a=b/", "/x/..", "/x/../", "/x/./..", "//", "///", "//..", "//etc/passwd",
    "/x//../..//etc/passwd", "/%2f", "/%2F", "/%2f..", "/%2e", "/%2E", "/%2e/", "/%2e%2e",
    "/%2e%2e/", "/%2E%2E/", "/.%2e/", "/%2e./", "/.%2E/x", "/%2e%2e%2f", "/..%2f",
    "/..%2F..%2Fetc%2Fpasswd", "/%2e%2e%2fetc%2fpasswd", "/%2e%2e%5cx", "/..%5c",
    "/..%5C..%5Cx", "/\\", "/..\\x", "/%5c", "/%5c..%5cetc%5cpasswd", "/%252e%252e/",
    "/%252e%252e%252f", "/..%252f", "/%25%32%65%25%32%65/", "/%%32%65%%32%65/",
    "/%c0%ae%c0%ae/", "/%c0%af", "/..%c0%af", "/%e0%80%ae%e0%80%ae/", "/%e0%80%af", "/..%c1%9c",
    "/%uff0e%uff0e/", "/%u002e%u002e/", "/%u2215", "/%ef%bc%8e%ef%bc%8e/", "/%00", "/..%00/",
    "/%00/../", "/x%00.html", "/..%0d%0a/", "/..%09/", "/%2e%2e%20/", "/%", "/%2", "/%zz",
    "/%2e%", "/~root/", "/proc/self/environ", "/etc/passwd", "/dev/tty", "/index.html",
    "/.git/config", "http://a/../", "http://a/..", "http://a/%2e%2e/", "http://a//",
    "http://a/etc/passwd", "file:///etc/passwd", "http://a\\..\\", "/..?/", "/../?x",
    "/%2e%2e/?/../", "/\x01../", "/\xc0\xae\xc0\xae/", "/..#", "/..\t", "/.. /",
};
/* clang-format on */

static void try_escape(http_server *server, const char *target)
{
    aio_stream *client = dial(server);
    struct reply reply;
    say(client, "GET ");
    say(client, target);
    say(client, " HTTP/1.1\r\nHost: a\r\n\r\n");
    int status = read_reply(client, true, &reply);
    if (status != 400 && status != 404)
        test_fail(__FILE__, __LINE__, "%s got %d", target, status);
    check(strstr(reply.content, PAGE) == NULL);
    (void)aio_stream_close(client);
}

static int try_all_escapes(http_server *server)
{
    for (size_t i = 0; i < test_scale(sizeof escapes / sizeof *escapes); i++)
        try_escape(server, escapes[i]);
    return 0;
}

TEST(nothing_is_served_under_a_path_that_leaves_the_root)
{
    check(sizeof escapes / sizeof *escapes >= 60);
    serve(try_all_escapes);
}

TEST(nothing_is_served_under_such_a_path_byte_by_byte_either)
{
    faults_short(1);
    serve(try_all_escapes);
    faults_clear();
}

/* ---- responses that are split ---------------------------------------------------------------- */

#define CANARY "canary"
#define TAIL " HTTP/1.1\r\nHost: a\r\n\r\n"

static const char *const injections[] = {
    "GET /" CANARY TAIL,
    "GET /%0d%0aSet-Cookie:" CANARY TAIL,
    "GET /%0d%0a%0d%0a" CANARY TAIL,
    "GET /?a=%0d%0aX:%20" CANARY TAIL,
    "GET /?" CANARY TAIL,
    "GET /%E5%98%8A%E5%98%8D" CANARY TAIL,
    "GET http://" CANARY "/" TAIL,
    "GET /\rX:" CANARY TAIL,
    "GET /\nX:" CANARY TAIL,
    CANARY " /" TAIL,
    CANARY "\r\n" TAIL,
    "GET / " CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: " CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a%0d%0a" CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: " CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r" CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\n" CANARY ": b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n" CANARY ": a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n" CANARY "\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: " CANARY ", close\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: " CANARY "\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: a\r\nX: " CANARY "\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n" CANARY,
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: " CANARY "\r\n\r\n",
};

/* There is no way for a client's bytes into a response. */
static int inject(http_server *server)
{
    for (size_t i = 0; i < test_scale(sizeof injections / sizeof *injections); i++) {
        aio_stream *client = dial(server);
        struct reply reply;
        say(client, injections[i]);
        check(read_reply(client, true, &reply) >= 200);
        if (strstr(reply.head, CANARY) != NULL || strstr(reply.content, CANARY) != NULL)
            test_fail(__FILE__, __LINE__, "it comes back: %s", injections[i]);
        (void)aio_stream_close(client);
    }
    return 0;
}

TEST(nothing_of_a_request_comes_back_in_its_response)
{
    serve(inject);
}

/* ---- pipelines, and early ends --------------------------------------------------------------- */

#define PIPELINED test_scale(100000)
#define AT_ONCE 100

static int ask_and_ask(void *client)
{
    char text[AT_ONCE * sizeof GET] = "";
    for (size_t i = 0; i < AT_ONCE; i++)
        memcpy(text + i * (sizeof GET - 1), GET, sizeof GET - 1);
    for (size_t i = 0; i < PIPELINED / AT_ONCE; i++)
        if (!say(client, text))
            return -EPIPE;
    return aio_stream_write_eof(client);
}

/* What is held, on both sides, is no matter of how many there are. */
static int read_answers(http_server *server)
{
    aio_stream *client = dial(server);
    aio_task *asking = aio_spawn(ask_and_ask, client);
    int count = 0;
    struct reply reply;
    size_t held = 0;
    while (read_reply(client, true, &reply) == 200) {
        if (count % 1000 == 0 && held < ledger_bytes())
            held = ledger_bytes();
        count++;
    }
    check_int(count, PIPELINED);
    check(held < 4 * HTTP_CLIENT_MEMORY);
    (void)aio_task_stop(asking);
    return aio_stream_close(client);
}

TEST(hundred_thousand_pipelined_requests_are_answered)
{
    serve(read_answers);
}

static int reports;

static void count_report(aio_loop *loop, const aio_failure *failure, void *arg)
{
    (void)loop, (void)failure, (void)arg;
    reports++;
}

/* Its last word is the text's first `size` bytes: then it ends, or resets. */
static int leave_after(http_server *server, const char *text, size_t size, bool reset)
{
    aio_stream *client = dial(server);
    if (client == NULL)
        return -errno;
    check_int(aio_stream_write(client, text, size), size);
    int rc = 0;
    while (rc == 0 && server->clients == 0)
        rc = aio_sleep(AIO_USEC(100));
    if (reset)
        aio_stream_abort(client);
    else
        (void)aio_stream_close(client);
    while (rc == 0 && server->clients > 0)
        rc = aio_sleep(AIO_USEC(100));
    return rc;
}

static int leave_anywhere(http_server *server)
{
    static const char text[] =
        GET POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" POST
                 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
    int rc = 0;
    reports = 0;
    (void)aio_loop_set_exception_handler(aio_loop_current(), count_report, NULL);
    for (size_t size = 1; rc == 0 && size < sizeof text; size += test_sweeping() ? 80 : 1) {
        rc = leave_after(server, text, size, false);
        if (rc == 0)
            rc = leave_after(server, text, size, true);
    }
    check_int(reports, 0);
    return rc;
}

TEST(client_may_leave_after_any_byte)
{
    serve(leave_anywhere);
}
