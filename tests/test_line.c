/*
 * Lines of text: what they are made of, and where they end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <aio/base.h>

#include "base/compat.h"
#include "base/line.h"
#include "base/sys.h"
#include "support/test.h"

TEST(line_is_made_of_texts_and_numbers)
{
    aio__line line;
    aio__line_init(&line);
    check_string(line.text, "");
    aio__line_add(&line, "a ");
    aio__line_add_number(&line, 0);
    aio__line_add(&line, NULL);
    aio__line_indent(&line, 2);
    aio__line_add_number(&line, UINT64_MAX);
    check_string(line.text, "a 0  18446744073709551615");
    check_int(line.length, strlen(line.text));
}

TEST(durations_are_seconds_in_thousandths)
{
    static const struct {
        int64_t duration;
        const char *text;
    } cases[] = {{0, "0.000 s"},
                 {-5, "0.000 s"},
                 {AIO_MSEC(7), "0.007 s"},
                 {AIO_USEC(1250999), "1.250 s"},
                 {AIO_SEC(3600), "3600.000 s"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        aio__line line;
        aio__line_init(&line);
        aio__line_add_duration(&line, cases[i].duration);
        check_string(line.text, cases[i].text);
    }
}

TEST(what_would_not_be_one_line_is_replaced)
{
    aio__line line;
    aio__line_init(&line);
    aio__line_add(&line, "a\nb\tc\033[2Jd\177 \xC3\xBC");
    check_string(line.text, "a?b?c?[2Jd? \xC3\xBC");
}

TEST(line_that_is_too_long_is_cut_and_says_so)
{
    aio__line line;
    aio__line_init(&line);
    aio__line_indent(&line, AIO__LINE_SIZE - 2);
    check_int(line.length, AIO__LINE_SIZE - 2);
    check_int(line.text[line.length - 1], ' ');
    aio__line_add(&line, "b");
    check_int(line.length, AIO__LINE_SIZE - 2);
    check_string(&line.text[line.length - 4], " ...");
    aio__line_add_number(&line, 7);
    check_string(&line.text[line.length - 4], " ...");
}

static void some_callback(void *arg)
{
    (void)arg;
}

TEST(place_of_code_is_one_that_addr2line_takes)
{
    uintptr_t offset = 0;
    const char *file = aio__file_of_code((uintptr_t)some_callback, &offset);
    aio__line line, expected;
    aio__line_init(&line);
    aio__line_add_code(&line, some_callback);
    (void)snprintf(expected.text, sizeof expected.text, "%s%s0x%zx", file != NULL ? file : "",
                   file != NULL ? "+" : "",
                   file != NULL ? (size_t)offset : (size_t)(uintptr_t)some_callback);
    check_string(line.text, expected.text);
}

TEST(place_of_what_is_no_code_is_its_number)
{
    aio__line line;
    aio__line_init(&line);
    aio__line_add_code(&line, NULL);
    check_string(line.text, "0x0");
}

static char written[AIO__LINE_SIZE];

static ssize_t keep_written(int fd, const void *data, size_t size)
{
    check_int(fd, STDERR_FILENO);
    (void)snprintf(written, sizeof written, "%.*s", (int)size, (const char *)data);
    return (ssize_t)size;
}

TEST(line_is_written_at_once)
{
    aio__line line;
    aio__line_init(&line);
    aio__line_add(&line, "hello");
    aio__sys.write = keep_written;
    aio__line_write(&line);
    check_string(written, "hello\n");
    check_string(line.text, "hello");
    aio__line_indent(&line, AIO__LINE_SIZE);
    aio__line_write(&line);
    aio__sys.write = aio__sys_real.write;
    check_int(strlen(written), AIO__LINE_SIZE - 1);
    check_string(&written[AIO__LINE_SIZE - 5], "...\n");
}

static ssize_t fail_to_write(int fd, const void *data, size_t size)
{
    (void)fd;
    (void)data;
    (void)size;
    errno = EBADF;
    return -1;
}

TEST(line_that_cannot_be_written_is_lost)
{
    aio__line line;
    aio__line_init(&line);
    aio__line_add(&line, "hello");
    aio__sys.write = fail_to_write;
    aio__line_write(&line);
    aio__sys.write = aio__sys_real.write;
    check_string(line.text, "hello");
}
