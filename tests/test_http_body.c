/*
 * The body of a request: lengths, chunks, extensions and trailers.
 *
 * Each case is tried as support/http_case.h says: whole, byte by byte, cut in two
 * at every place, and with a second request behind it.
 */
#include "support/http_case.h"

#define C HTTP_CASE
#define OK HTTP_ACCEPTED
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

TEST(chunks_are_read_to_their_end)
{
    static const struct http_case cases[] = {
        C("0\r\n\r\n", OK),
        C("5\r\nhello\r\n0\r\n\r\n", OK),
        C("1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", OK),
        C("a\r\n0123456789\r\n0\r\n\r\n", OK),
        C("A\r\n0123456789\r\n0\r\n\r\n", OK),
        C("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", OK),
        C("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", OK),
        C("5;a\r\nhello\r\n0;b=c;d=\"e f\"\r\n\r\n", OK),
        C("5; \t a\r\nhello\r\n0\r\n\r\n", OK),
        C("5;\r\nhello\r\n0\r\n\r\n", OK),
        C("0\r\nX: a\r\nY:\r\n\r\n", OK),
        C("0\r\nContent-Length: 50\r\nTransfer-Encoding: gzip\r\n\r\n", OK),
    };
    http_expect_all(CHUNKED, cases, "");
}

TEST(sizes_of_chunks_are_hexadecimal_digits_and_nothing_else)
{
    static const struct http_case cases[] = {
        C("\r\n\r\n", 400),
        C(";a\r\nhello\r\n", 400),
        C(" 5\r\nhello\r\n", 400),
        C("5 \r\nhello\r\n", 400),
        C("5\t\r\nhello\r\n", 400),
        C("5 ;a\r\nhello\r\n", 400),
        C("+5\r\nhello\r\n", 400),
        C("-5\r\nhello\r\n", 400),
        C("0x5\r\nhello\r\n", 400),
        C("5h\r\nhello\r\n", 400),
        C("g\r\nhello\r\n", 400),
        C("5.0\r\nhello\r\n", 400),
        C("5,5\r\nhello\r\n", 400),
        C("\0"
          "5\r\nhello\r\n",
          400),
        C("5\0\r\nhello\r\n", 400),
        C("5_0\r\nhello\r\n", 400),
        C("\xef\xbc\x95\r\nhello\r\n", 400),
        C("0_2e\r\n", 400),
        C("-0\r\n\r\n", 400),
        C("\"5\"\r\nhello\r\n", 400),
    };
    http_expect_all(CHUNKED, cases, "0\r\n\r\n");
}

TEST(sizes_of_chunks_never_overflow)
{
    static const struct http_case cases[] = {
        C("fffffffe\r\n", 413),
        C("ffffffff\r\n", 413),
        C("100000000\r\n", 413),
        C("7fffffffffffffff\r\n", 413),
        C("8000000000000000\r\n", 413),
        C("fffffffffffffffe\r\n", 413),
        C("ffffffffffffffff\r\n", 413),
        C("100001\r\n", 413),
        C("10000000000000005\r\nhello", 400),
        C("00000000000000005\r\nhello", 400),
        C("fffffffffffffffff\r\n", 400),
        C("5\r\nhello\r\nfffffffffffffffb\r\n", 413),
        C("5\r\nhello\r\nffffffffffffffff\r\n", 413),
    };
    http_expect_all(CHUNKED, cases, "\r\n0\r\n\r\n");
}

TEST(lines_of_chunks_end_with_cr_and_lf)
{
    static const struct http_case cases[] = {
        C("5\nhello\r\n0\r\n\r\n", 400),
        C("5\rhello\r\n0\r\n\r\n", 400),
        C("5\rXhello\r\n0\r\n\r\n", 400),
        C("5\r\nhelloX\n0\r\n\r\n", 400),
        C("5\r\nhello\n0\r\n\r\n", 400),
        C("5\r\nhello\r0\r\n\r\n", 400),
        C("5\r\nhello0\r\n\r\n", 400),
        C("5\r\nhelloX\r\n0\r\n\r\n", 400),
        C("5\r\nhell\r\n0\r\n\r\n", 400),
        C("5\r\nhello\r\n0\n\n", 400),
        C("5\r\nhello\r\n0\r\n\n", 400),
        C("5\r\nhello\r\n0\n\r\n", 400),
        C("5;a\nhello\r\n0\r\n\r\n", 400),
        C("5;\n\r\nhello\r\n0\r\n\r\n", 400),
        C("5;a\r\r\nhello\r\n0\r\n\r\n", 400),
        C("5\r\r\nhello\r\n0\r\n\r\n", 400),
        C("5\n\r\nhello\r\n0\r\n\r\n", 400),
        C("5\r\nhello\r\n\r\n0\r\n\r\n", 400),
        C("2\r\nab\r\rc", 400),
        C("2\r\nabXX0\r\n\r\n", 400),
    };
    http_expect_all(CHUNKED, cases, "");
}

TEST(extensions_have_no_control_characters)
{
    static const struct http_case cases[] = {
        C("5;a\0b\r\nhello\r\n", 400),
        C("5;a\x7f\r\nhello\r\n", 400),
        C("5;\x01\r\nhello\r\n", 400),
        C("5;a=\"\n\"\r\nhello\r\n", 400),
    };
    http_expect_all(CHUNKED, cases, "0\r\n\r\n");
}

TEST(trailers_are_fields)
{
    static const struct http_case cases[] = {
        C("0\r\nX : a\r\n\r\n", 400),       C("0\r\n X: a\r\n\r\n", 400),
        C("0\r\nX: a\r\n b\r\n\r\n", 400),  C("0\r\nX\r\n\r\n", 400),
        C("0\r\n: a\r\n\r\n", 400),         C("0\r\nX: a\n\r\n", 400),
        C("0\r\nX: a\rXY: b\r\n\r\n", 400), C("0\r\nX: a\r\r\n\r\n", 400),
        C("0\r\nX: a\0\r\n\r\n", 400),      C("0\r\nX: a\r\n\rX", 400),
        C("0\r\nX: \x7f\r\n\r\n", 400),     C("0\r\nGET / HTTP/1.1\r\n\r\n", 400),
    };
    http_expect_all(CHUNKED, cases, "");
}

TEST(content_by_length_may_be_anything)
{
    static const struct http_case cases[] = {
        C("1\r\n\r\n\0", OK),
        C("18\r\n\r\nGET / HTTP/1.1\r\n\r\n", OK),
        C("5\r\n\r\n0\r\n\r\n", OK),
        C("2\r\n\r\n\r\n", OK),
    };
    http_expect_all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", cases, "");
    http_expect_all("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ", cases, "");
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* before + text * count + after, in chunks */
static void expect_repeated(const char *before, const char *text, size_t count, const char *after,
                            int expected)
{
    size_t size = strlen(text), start = strlen(before);
    struct http_case c = {NULL, start + count * size + strlen(after), expected};
    char *whole = malloc(c.size + 1);
    if (whole == NULL)
        return;
    memcpy(whole, before, start);
    for (size_t i = 0; i < count; i++)
        memcpy(whole + start + i * size, text, size);
    memcpy(whole + start + count * size, after, strlen(after) + 1);
    c.text = whole;
    http_expect(CHUNKED, &c, "", __LINE__);
    free(whole);
}

TEST(an_extension_has_256_bytes_at_most)
{
    expect_repeated("5;", "a", 256, "\r\nhello\r\n0\r\n\r\n", OK);
    expect_repeated("5;", "a", 257, "\r\nhello\r\n0\r\n\r\n", 400);
    expect_repeated("0;", " ", 257, "\r\n\r\n", 400);
    expect_repeated("0;", "a", 100000, "", 400);
}

TEST(extensions_have_16384_bytes_at_most_in_all)
{
    expect_repeated("", "1;abcdefg\r\n\r\r\n", 16384 / 7, "0\r\n\r\n", OK);
    expect_repeated("", "1;abcdefg\r\n\r\r\n", 16384 / 7 + 1, "0\r\n\r\n", 400);
}

TEST(leading_zeros_of_a_size_are_bounded)
{
    expect_repeated("", "0", 16, "\r\n\r\n", OK);
    expect_repeated("", "0", 17, "\r\n\r\n", 400);
    expect_repeated("", "0", 1000000, "", 400);
}

TEST(trailers_have_4096_bytes_at_most)
{
    expect_repeated("0\r\nX: ", "a", 4096 - 7, "\r\n\r\n", OK);
    expect_repeated("0\r\nX: ", "a", 4096 - 6, "\r\n\r\n", 431);
    expect_repeated("0\r\n", "X: a\r\n", 5000, "\r\n", 431);
}

TEST(a_body_has_the_limits_size_at_most)
{
    expect_repeated("100000\r\n", "0123456789abcdef", 65536, "\r\n0\r\n\r\n", OK);
    expect_repeated("100001\r\n", "", 0, "", 413);
    expect_repeated("ffff0\r\n", "fedcba9876543210", 65535,
                    "\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n", OK);
    expect_repeated("ffff0\r\n", "fedcba9876543210", 65535, "\r\n11\r\n", 413);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static size_t collect(http_body *body, const char *text, size_t size, size_t step, char *out)
{
    size_t length = 0, start = 0;
    int verdict = HTTP_MORE;
    for (size_t shown = step; start < size && verdict == HTTP_MORE; shown = start + step) {
        struct http_content content;
        size_t used;
        shown = shown < size ? shown : size;
        verdict = http_body_run(body, text + start, shown - start, &used, &content);
        if (content.size > 0)
            memcpy(out + length, content.data, content.size);
        length += content.size;
        start += used;
    }
    check_int(verdict, HTTP_COMPLETE);
    check_int(start, size);
    return length;
}

TEST(content_is_pointed_out_however_it_is_cut)
{
    static const char text[] = "5;x\r\nhello\r\n1\r\n,\r\n7\r\n world!\r\n0\r\nX: y\r\n\r\n";
    const struct http_request request = {.chunked = true};
    for (size_t step = 1; step < sizeof text; step++) {
        http_body body;
        char content[64] = "";
        http_body_init(&body, &request, &http_test_limits);
        check_int(collect(&body, text, sizeof text - 1, step, content), 13);
        check_string(content, "hello, world!");
        check_int(body.received, 13);
        check(http_body_ended(&body));
    }
}

TEST(a_request_without_a_body_has_ended_at_once)
{
    const struct http_request request = {0};
    http_body body;
    struct http_content content;
    size_t used;
    http_body_init(&body, &request, &http_test_limits);
    check(http_body_ended(&body));
    check_int(http_body_run(&body, "GET", 3, &used, &content), HTTP_COMPLETE);
    check_int(used, 0);
    check_int(content.size, 0);
}
