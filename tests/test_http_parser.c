/*
 * The head of a request: what is accepted, and what is refused with which status.
 *
 * Each case is tried as support/http_case.h says: whole, byte by byte, cut in two
 * at every place, and with a second request behind it.
 */
#include "support/http_case.h"

#define C HTTP_CASE
#define OK HTTP_ACCEPTED
#define LAST HTTP_CLOSED
#define LINE_TAIL "\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKS "0\r\n\r\n"

/* ---- the request's line ---------------------------------------------------------------------- */

TEST(every_known_method_is_accepted)
{
    static const struct http_case cases[] = {
        C("GET / HTTP/1.1", OK),          C("HEAD / HTTP/1.1", OK),
        C("POST / HTTP/1.1", OK),         C("PUT / HTTP/1.1", OK),
        C("DELETE / HTTP/1.1", OK),       C("OPTIONS * HTTP/1.1", OK),
        C("TRACE / HTTP/1.1", OK),        C("PATCH / HTTP/1.1", OK),
        C("OPTIONS / HTTP/1.1", OK),      C("BREW /pot HTTP/1.1", OK),
        C("get / HTTP/1.1", OK),          C("M!#$%&'*+-.^_`|~9 / HTTP/1.1", OK),
        C("CONNECT a:80 HTTP/1.1", LAST),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(a_method_is_compared_with_its_case)
{
    check_int(http_method_of("GET", 3), HTTP_GET);
    check_int(http_method_of("PATCH", 5), HTTP_PATCH);
    check_int(http_method_of("get", 3), HTTP_UNKNOWN);
    check_int(http_method_of("GETS", 4), HTTP_UNKNOWN);
    check_int(http_method_of("GE", 2), HTTP_UNKNOWN);
}

TEST(what_is_no_method_is_refused)
{
    static const struct http_case cases[] = {
        C(" GET / HTTP/1.1", 400),
        C("\tGET / HTTP/1.1", 400),
        C("G(T / HTTP/1.1", 400),
        C("GET\t/ HTTP/1.1", 400),
        C("G\0T / HTTP/1.1", 400),
        C("G\x80T / HTTP/1.1", 400),
        C("G\rT / HTTP/1.1", 400),
        C("GET\n/ HTTP/1.1", 400),
        C("\x16\x03\x01\x02", 400),
        C("\"GET\" / HTTP/1.1", 400),
        C("GET/ HTTP/1.1", 400),
        C("GET: / HTTP/1.1", 400),
        C("{\"a\": 1}", 400),
        C("\x7fGET / HTTP/1.1", 400),
        C("\xef\xbb\xbfGET / HTTP/1.1", 400),
        C("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1", 501),
        C(" / HTTP/1.1", 400),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(a_target_has_one_of_four_forms)
{
    static const struct http_case cases[] = {
        C("GET /a/b?c=d&e[]=f?g HTTP/1.1", OK),
        C("GET /%2e%2e/%00 HTTP/1.1", OK),
        C("GET http://a HTTP/1.1", OK),
        C("GET http://a/ HTTP/1.1", OK),
        C("GET HTTP://a:80/b?c HTTP/1.1", OK),
        C("GET http://[::1]:8080/b HTTP/1.1", OK),
        C("GET http://a?b/c HTTP/1.1", OK),
        C("GET //a HTTP/1.1", OK),
        C("CONNECT [::1]:443 HTTP/1.1", LAST),
        C("GET /? HTTP/1.1", OK),
        C("GET * HTTP/1.1", 400),
        C("OPTIONS ** HTTP/1.1", 400),
        C("GET ../etc/passwd HTTP/1.1", 400),
        C("GET a HTTP/1.1", 400),
        C("GET ?a HTTP/1.1", 400),
        C("GET http:///a HTTP/1.1", 400),
        C("GET http://u@a/ HTTP/1.1", 400),
        C("GET http://a:b/ HTTP/1.1", 400),
        C("GET https://a/ HTTP/1.1", 400),
        C("GET http:/a HTTP/1.1", 400),
        C("CONNECT / HTTP/1.1", 400),
        C("CONNECT a/b HTTP/1.1", 400),
        C("GET http:// HTTP/1.1", 400),
        C("GET http://[::1/ HTTP/1.1", 400),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(bytes_that_are_no_part_of_a_target_are_refused)
{
    static const struct http_case cases[] = {
        C("GET  / HTTP/1.1", 400),        C("GET /\t HTTP/1.1", 400),
        C("GET /a b HTTP/1.1", 400),      C("GET /#a HTTP/1.1", 400),
        C("GET /\0 HTTP/1.1", 400),       C("GET /a\x01 HTTP/1.1", 400),
        C("GET /\x7f HTTP/1.1", 400),     C("GET /\xc3\xa4 HTTP/1.1", 400),
        C("GET /<a> HTTP/1.1", 400),      C("GET /\"a\" HTTP/1.1", 400),
        C("GET /a\\..\\b HTTP/1.1", 400), C("GET /?a\0 HTTP/1.1", 400),
        C("GET /?a#b HTTP/1.1", 400),     C("GET /\r HTTP/1.1", 400),
        C("GET /\n HTTP/1.1", 400),       C("GET /?\r\nX: HTTP/1.1", 400),
        C("GET /\x0b HTTP/1.1", 400),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(a_version_is_spelt_exactly)
{
    static const struct http_case cases[] = {
        C("GET /", 400),           C("GET / ", 400),
        C("GET / http/1.1", 400),  C("GET / HTTP/1.1 ", 400),
        C("GET /  HTTP/1.1", 400), C("GET / HTTP/1.1\t", 400),
        C("GET / HTTP/1", 400),    C("GET / HTTP/1.", 400),
        C("GET / HTTP/.1", 400),   C("GET / HTTP/11", 400),
        C("GET / HTTP/1.10", 400), C("GET / HTTP/01.1", 400),
        C("GET / HTTP 1.1", 400),  C("GET / HTTPS/1.1", 400),
        C("GET / HTTP/1,1", 400),  C("GET / HTTP/+1.1", 400),
        C("GET / HTTP/1.x", 400),  C("GET / HTTP/1.1\0", 400),
        C("GET / XTTP/1.1", 400),  C("GET / HTTP/1.\xb9", 400),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(other_versions_are_not_supported)
{
    static const struct http_case cases[] = {
        C("GET / HTTP/2.0", 505), C("GET / HTTP/0.9", 505), C("GET / HTTP/1.2", 505),
        C("GET / HTTP/1.9", 505), C("GET / HTTP/3.0", 505), C("PRI * HTTP/2.0", 400),
        C("PRI / HTTP/2.0", 505), C("GET / HTTP/9.9", 505),
    };
    http_expect_all("", cases, LINE_TAIL);
}

TEST(lines_end_with_cr_and_lf)
{
    static const struct http_case cases[] = {
        C("GET / HTTP/1.1\nHost: a\n\n", 400),
        C("GET / HTTP/1.1\rHost: a\r\r", 400),
        C("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        C("GET / HTTP/1.1\n\rHost: a\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\rXY: b\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\n\rX", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\nX: b\nTransfer-Encoding: chunked\r\n\r\n", 400),
        C("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        C("\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        C("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    };
    http_expect_all("", cases, "");
}

TEST(one_empty_line_before_a_request_is_passed_over)
{
    static const struct http_case cases[] = {
        C("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", OK),
        C("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        C("\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        C("\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    };
    http_expect_all("", cases, "");
}

/* ---- fields ---------------------------------------------------------------------------------- */

TEST(ordinary_fields_are_accepted)
{
    static const struct http_case cases[] = {
        C("", OK),
        C("X:\r\n", OK),
        C("X: \t \r\n", OK),
        C("X:a\r\n", OK),
        C("X: a\tb  \t\r\n", OK),
        C("X: \x80\xff\r\n", OK),
        C("x!#$%&'*+-.^_`|~0: a\r\n", OK),
        C("User-Agent: a/1 (b; c)\r\nAccept: */*\r\nCookie: a=\"b\"; c=d\r\n", OK),
        C("X: a\r\nX: a\r\n", OK),
        C("X: GET / HTTP/1.1\r\n", OK),
        C("Content_Length: 5\r\n", OK),
        C("Content-Lengthx: 5\r\n", OK),
        C("X-Content-Length: 5\r\n", OK),
    };
    http_expect_all(POST, cases, "\r\n");
}

TEST(names_of_fields_are_tokens_up_to_the_colon)
{
    static const struct http_case cases[] = {
        C("X : a\r\n", 400),
        C("X\t: a\r\n", 400),
        C(": a\r\n", 400),
        C(":\r\n", 400),
        C("X\r\n", 400),
        C("X a\r\n", 400),
        C("X\0Y: a\r\n", 400),
        C("X\x80: a\r\n", 400),
        C("X(a): b\r\n", 400),
        C("X=a: b\r\n", 400),
        C("\"X\": b\r\n", 400),
        C("X/Y: b\r\n", 400),
        C("X\n: b\r\n", 400),
        C("X\r: b\r\n", 400),
        C("X@: b\r\n", 400),
        C("{X}: b\r\n", 400),
        C("Content-Length : 5\r\n", 400),
        C("Transfer-Encoding\t: chunked\r\n", 400),
        C("Transfer-Encoding \r\n: chunked\r\n", 400),
        C("Transfer\x00-Encoding: chunked\r\n", 400),
        C("\x00Transfer-Encoding: chunked\r\n", 400),
        C("\x0bTransfer-Encoding: chunked\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\n");
}

TEST(folded_lines_are_refused)
{
    static const struct http_case cases[] = {
        C("X: a\r\n b\r\n", 400),
        C("X: a\r\n\tb\r\n", 400),
        C("X: a\r\n \r\n", 400),
        C("X:\r\n a\r\n", 400),
        C(" X: a\r\n", 400),
        C("\tX: a\r\n", 400),
        C("Transfer-Encoding:\r\n chunked\r\n", 400),
        C("Content-Length: 5\r\n 0\r\n", 400),
        C(" Transfer-Encoding: chunked\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\n");
    static const struct http_case first[] = {
        C("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\n\r\n Host: a\r\n\r\n", 400),
    };
    http_expect_all("", first, "");
}

TEST(control_characters_in_values_are_refused)
{
    static const struct http_case cases[] = {
        C("X: a\0b\r\n", 400),  C("X: \x01\r\n", 400),    C("X: a\x08\r\n", 400),
        C("X: a\x0b\r\n", 400), C("X: a\x0c\r\n", 400),   C("X: \x1b[2J\r\n", 400),
        C("X: a\x7f\r\n", 400), C("X: a\nY: b\r\n", 400), C("X: a\rY: b\r\n", 400),
        C("X: \0\r\n", 400),    C("X:\x1f\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\n");
}

/* ---- the host -------------------------------------------------------------------------------- */

TEST(a_request_names_one_host)
{
    static const struct http_case cases[] = {
        C("GET / HTTP/1.1\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nX: a\r\n\r\n", 400),
        C("GET http://a/ HTTP/1.1\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        C("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400),
        C("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        C("GET / HTTP/1.0\r\n\r\n", LAST),
        C("GET / HTTP/1.0\r\nHost: a\r\n\r\n", LAST),
    };
    http_expect_all("", cases, "");
}

TEST(a_host_is_a_name_or_address_and_a_port)
{
    static const struct http_case cases[] = {
        C("a.example", OK),
        C("A-1.b_c~:80", OK),
        C("127.0.0.1:65535", OK),
        C("[::1]", OK),
        C("[::ffff:1.2.3.4]:80", OK),
        C("", 400),
        C(" ", 400),
        C("a b", 400),
        C("a, b", 400),
        C("a,b", 400),
        C("a:", 400),
        C(":80", 400),
        C("a:80:80", 400),
        C("a:8x", 400),
        C("a:65536", 400),
        C("a:-1", 400),
        C("a:99999999999999999999", 400),
        C("u@a", 400),
        C("a/b", 400),
        C("[]", 400),
        C("[::1", 400),
        C("[::1]a", 400),
        C("[g]", 400),
        C("::1", 400),
        C("a\\b", 400),
        C("a%00", 400),
        C("\xc3\xa4", 400),
        C("a?b", 400),
        C("http://a", 400),
        C("a#b", 400),
        C("[", 400),
    };
    http_expect_all("GET / HTTP/1.1\r\nHost: ", cases, "\r\n\r\n");
}

/* ---- framing --------------------------------------------------------------------------------- */

TEST(lengths_are_digits_and_nothing_else)
{
    static const struct http_case cases[] = {
        C("5\r\n\r\nhello", OK),
        C("0\r\n\r\n", OK),
        C("005\r\n\r\nhello", OK),
        C(" \t5 \t\r\n\r\nhello", OK),
        C("+5\r\n\r\nhello", 400),
        C("-5\r\n\r\nhello", 400),
        C("-0\r\n\r\n", 400),
        C("\r\n\r\nhello", 400),
        C(" \r\n\r\nhello", 400),
        C("5 5\r\n\r\nhello", 400),
        C("5,5\r\n\r\nhello", 400),
        C("5, 5\r\n\r\nhello", 400),
        C("5,\r\n\r\nhello", 400),
        C("0x5\r\n\r\nhello", 400),
        C("5h\r\n\r\nhello", 400),
        C("5.0\r\n\r\nhello", 400),
        C("5e0\r\n\r\nhello", 400),
        C("\"5\"\r\n\r\nhello", 400),
        C("5;\r\n\r\nhello", 400),
        C("five\r\n\r\nhello", 400),
        C("1_0\r\n\r\nhelloworld", 400),
        C("\xd9\xa5\r\n\r\nhello", 400),
        C("5\x0b\r\n\r\nhello", 400),
        C("\0"
          "5\r\n\r\nhello",
          400),
        C("9223372036854775808\r\n\r\n", 400),
        C("18446744073709551616\r\n\r\n", 400),
        C("18446744073709551621\r\n\r\nhello", 400),
        C("00000000000000000005\r\n\r\nhello", 400),
        C("9999999999999999999\r\n\r\n", 400),
        C("9223372036854775807\r\n\r\n", 413),
        C("4294967296\r\n\r\n", 413),
        C("1048577\r\n\r\n", 413),
    };
    http_expect_all(POST "Content-Length:", cases, "");
}

TEST(two_lengths_are_refused_even_if_equal)
{
    static const struct http_case cases[] = {
        C("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        C("Content-Length: 5\r\ncontent-length: 6\r\n", 400),
        C("Content-Length: 6\r\nCONTENT-LENGTH: 5\r\n", 400),
        C("Content-Length: 0\r\nX: a\r\nContent-Length: 5\r\n", 400),
        C("Content-Length: 5\r\nContent-Length:\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\nhello");
}

TEST(chunked_is_the_only_coding)
{
    static const struct http_case cases[] = {
        C("chunked", OK),
        C("Chunked", OK),
        C("CHUNKED \t", OK),
        C("", 400),
        C("identity", 400),
        C("gzip", 400),
        C("gzip, chunked", 400),
        C("chunked, gzip", 400),
        C("chunked, chunked", 400),
        C("chunked,", 400),
        C(",chunked", 400),
        C("chunked;a=b", 400),
        C("xchunked", 400),
        C("chunkedx", 400),
        C("chunke", 400),
        C("\"chunked\"", 400),
        C("'chunked'", 400),
        C("chun ked", 400),
        C("chunked\0", 400),
        C("\x0b"
          "chunked",
          400),
        C("chunked\x0c", 400),
        C("identity, chunked", 400),
        C("chunked, identity", 400),
        C("cow", 400),
        C("chunked\xa0", 400),
        C("chunk\xc3\xa9"
          "d",
          400),
        C("\rchunked", 400),
        C("\nchunked", 400),
        C("\r\n chunked", 400),
    };
    http_expect_all(POST "Transfer-Encoding: ", cases, "\r\n\r\n" CHUNKS);
}

TEST(a_length_and_a_coding_together_are_refused)
{
    static const struct http_case cases[] = {
        C("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        C("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        C("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
        C("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", 400),
        C("Content-Length: 5\r\nTransfer-Encoding : chunked\r\n", 400),
        C("Content-Length: 5\r\n Transfer-Encoding: chunked\r\n", 400),
        C("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", 400),
        C("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        C("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
        C("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400),
        C("transfer-encoding: chunked\r\nTRANSFER-ENCODING: chunked\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\n" CHUNKS);
}

TEST(there_are_no_chunks_in_http_1_0)
{
    static const struct http_case cases[] = {
        C("Transfer-Encoding: chunked\r\n", 400),
        C("Host: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n", 400),
        C("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    };
    http_expect_all("POST / HTTP/1.0\r\n", cases, "\r\n" CHUNKS);
}

/* ---- the connection -------------------------------------------------------------------------- */

TEST(connections_of_http_1_1_go_on_unless_they_are_to_close)
{
    static const struct http_case cases[] = {
        C("", OK),
        C("Connection: keep-alive\r\n", OK),
        C("Connection: Upgrade, HTTP2-Settings\r\n", OK),
        C("Connection:\r\n", OK),
        C("Connection: closed\r\n", OK),
        C("Connection: close\r\n", LAST),
        C("Connection: CLOSE\r\n", LAST),
        C("Connection: keep-alive, close\r\n", LAST),
        C("Connection: close,keep-alive\r\n", LAST),
        C("Connection: , ,close\r\n", LAST),
        C("Connection: a\r\nConnection: close\r\n", LAST),
        C("Connection: close keep-alive\r\n", 400),
        C("Connection: \"close\"\r\n", 400),
    };
    http_expect_all(POST, cases, "\r\n");
}

TEST(connections_of_http_1_0_close_unless_they_are_to_go_on)
{
    static const struct http_case cases[] = {
        C("", LAST),
        C("Host: a\r\n", LAST),
        C("Connection: close\r\n", LAST),
        C("Connection: Keep-Alive\r\n", OK),
        C("Connection: close, keep-alive\r\n", LAST),
        C("Connection: keep-alive\r\nConnection: close\r\n", LAST),
    };
    http_expect_all("GET / HTTP/1.0\r\n", cases, "\r\n");
}

TEST(expectations_other_than_continue_fail)
{
    static const struct http_case cases[] = {
        C("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", OK),
        C("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n", OK),
        C("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
        C("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, a\r\n\r\n", 417),
        C("POST / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n", LAST),
    };
    http_expect_all("", cases, "");
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* before + fill * count + after */
static void expect_filled(const char *before, char fill, size_t count, const char *after,
                          int expected)
{
    size_t before_size = strlen(before), after_size = strlen(after);
    struct http_case c = {NULL, before_size + count + after_size, expected};
    char *text = malloc(c.size + 1);
    if (text == NULL)
        return;
    memcpy(text, before, before_size);
    memset(text + before_size, fill, count);
    memcpy(text + before_size + count, after, after_size + 1);
    c.text = text;
    http_expect("", &c, "", __LINE__);
    free(text);
}

TEST(a_line_has_8192_bytes_at_most)
{
    const size_t room = 8192 - strlen("GET / HTTP/1.1");
    expect_filled("GET /", 'a', room, " HTTP/1.1" LINE_TAIL, OK);
    expect_filled("GET /", 'a', room + 1, " HTTP/1.1" LINE_TAIL, 414);
    expect_filled("GET /?", 'a', room - 1, " HTTP/1.1" LINE_TAIL, OK);
    expect_filled("GET /?", 'a', room, " HTTP/1.1" LINE_TAIL, 414);
    expect_filled("\r\nGET /", 'a', room, " HTTP/1.1" LINE_TAIL, OK);
    expect_filled("\r\nGET /", 'a', room + 1, " HTTP/1.1" LINE_TAIL, 414);
    expect_filled("GET /", '?', 20000, "", 414);
}

TEST(a_method_has_32_bytes_at_most)
{
    expect_filled("", 'A', 32, " / HTTP/1.1" LINE_TAIL, OK);
    expect_filled("", 'A', 33, " / HTTP/1.1" LINE_TAIL, 501);
    expect_filled("", 'A', 20000, "", 501);
}

TEST(the_fields_have_16384_bytes_at_most)
{
    const size_t room = 16384 - strlen("Host: a\r\nX: \r\n");
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\nX: ", 'a', room, "\r\n\r\n", OK);
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\nX: ", 'a', room + 1, "\r\n\r\n", 431);
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\nX: ", ' ', room + 1, "\r\n\r\n", 431);
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\n", 'X', 20000, ": a\r\n\r\n", 431);
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ", '0', 20000, "\r\n\r\n", 431);
    expect_filled("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ", '0', 10000, "\r\n\r\n", 400);
}

static void expect_fields(unsigned count, int expected)
{
    static const char first[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    char text[4096];
    size_t size = sizeof first - 1;
    memcpy(text, first, size);
    for (unsigned i = 1; i < count; i++, size += 5)
        memcpy(text + size, "X: \r\n", 5);
    memcpy(text + size, "\r\n", 2);
    const struct http_case c = {text, size + 2, expected};
    http_expect("", &c, "", __LINE__);
}

TEST(there_are_100_fields_at_most)
{
    expect_fields(100, OK);
    expect_fields(101, 431);
    expect_fields(500, 431);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void check_path(const char *text, const char *path)
{
    http_parser parser;
    char found[64] = "";
    http_parser_init(&parser, &http_test_limits);
    check_int(http_parser_run(&parser, text, strlen(text)), HTTP_COMPLETE);
    check_int(parser.position, strlen(text));
    memcpy(found, text + parser.request.path, parser.request.path_size);
    check_string(found, path);
}

TEST(the_path_is_the_target_without_host_and_query)
{
    check_path("GET /a/b HTTP/1.1\r\nHost: a\r\n\r\n", "/a/b");
    check_path("GET /a?b/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "/a");
    check_path("\r\nGET http://h:80/a?b HTTP/1.1\r\nHost: a\r\n\r\n", "/a");
    check_path("GET http://h HTTP/1.1\r\nHost: a\r\n\r\n", "");
    check_path("GET http://h?a/b HTTP/1.1\r\nHost: a\r\n\r\n", "");
    check_path("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*");
}

TEST(a_complete_head_tells_method_version_and_framing)
{
    static const char text[] = "PUT /a?b HTTP/1.1\r\nhOST: a\r\nExpect: 100-continue\r\n"
                               "Content-Length: 7\r\n\r\ncontent";
    http_parser parser;
    http_parser_init(&parser, &http_test_limits);
    check_int(http_parser_run(&parser, text, sizeof text - 1), HTTP_COMPLETE);
    check_int(parser.position, sizeof text - 8);
    check_int(parser.request.method, HTTP_PUT);
    check_int(parser.request.minor, 1);
    check_int(parser.request.target, 4);
    check_int(parser.request.target_size, 4);
    check_int(parser.request.length, 7);
    check(!parser.request.chunked);
    check(parser.request.keep_alive);
    check(parser.request.expects_continue);
}

TEST(what_is_not_complete_is_neither_accepted_nor_refused)
{
    static const char text[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    for (size_t size = 1; size < sizeof text - 1; size++) {
        struct http_feed feed = http_feed_text(text, size, size, size);
        if (feed.status != 0 || feed.requests != 0)
            test_fail(__FILE__, __LINE__, "after %zu bytes", size);
    }
}

TEST(a_hundred_thousand_pipelined_requests_are_counted)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const size_t size = sizeof request - 1, count = 100000;
    char *text = malloc(size * count);
    if (text == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * size, request, size);
    check_int(http_feed_text(text, size * count, size * count, 1).requests, count);
    check_int(http_feed_text(text, size * count, 1000, 1000).requests, count);
    free(text);
}
