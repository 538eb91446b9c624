/*
 * The names of results, and what they say.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <aio/base.h>

#include "base/util.h"
#include "support/test.h"

#define NAMED(code) {code, #code}

static const struct {
    int code;
    const char *name;
} codes[] = {
    NAMED(EPERM),           NAMED(ENOENT),     NAMED(EINTR),           NAMED(EIO),
    NAMED(EBADF),           NAMED(ECHILD),     NAMED(EAGAIN),          NAMED(ENOMEM),
    NAMED(EACCES),          NAMED(EBUSY),      NAMED(EINVAL),          NAMED(ENFILE),
    NAMED(EMFILE),          NAMED(ENOSPC),     NAMED(EPIPE),           NAMED(EDEADLK),
    NAMED(ENOSYS),          NAMED(ENOTSOCK),   NAMED(EMSGSIZE),        NAMED(EADDRINUSE),
    NAMED(ECONNABORTED),    NAMED(ECONNRESET), NAMED(ENOTCONN),        NAMED(ESHUTDOWN),
    NAMED(ETIMEDOUT),       NAMED(ECANCELED),  NAMED(ECONNREFUSED),    NAMED(EINPROGRESS),
    NAMED(AIO_EINCOMPLETE), NAMED(AIO_ELIMIT), NAMED(AIO_EBROKEN),     NAMED(AIO_ESTATE),
    NAMED(AIO_ECLOSED),     NAMED(AIO_ENAME),  NAMED(AIO_ENAMESERVER),
};

TEST(every_code_has_its_name_with_either_sign)
{
    for (size_t i = 0; i < AIO__COUNT(codes); i++) {
        check_string(aio_errname(codes[i].code), codes[i].name);
        check_string(aio_errname(-codes[i].code), codes[i].name);
    }
}

TEST(every_code_has_a_text_of_its_own_with_either_sign)
{
    for (size_t i = 0; i < AIO__COUNT(codes); i++) {
        const char *text = aio_strerror(codes[i].code);
        check_string(aio_strerror(-codes[i].code), text);
        check(strlen(text) > 3 && strncmp(text, "error ", 6) != 0);
        for (size_t j = 0; j < i; j++)
            check(strcmp(text, aio_strerror(codes[j].code)) != 0);
    }
}

TEST(success_is_no_error)
{
    check_string(aio_strerror(0), "success");
    check_string(aio_errname(0), "0");
}

TEST(code_of_the_program_is_named_with_its_number)
{
    check_string(aio_errname(AIO_USER_ERROR(0)), "AIO_USER_ERROR(0)");
    check_string(aio_errname(AIO_USER_ERROR(42)), "AIO_USER_ERROR(42)");
    check_string(aio_strerror(AIO_USER_ERROR(42)), "the program's own error 42");
    check_string(aio_errname(AIO_USER_ERROR(1 << 30)), "AIO_USER_ERROR(1073741824)");
}

TEST(number_of_a_code_of_the_program_comes_back)
{
    check_int(AIO_USER_ERROR_NUMBER(AIO_USER_ERROR(0)), 0);
    check_int(AIO_USER_ERROR_NUMBER(AIO_USER_ERROR(7)), 7);
    check_int(AIO_USER_ERROR_NUMBER(AIO_USER_ERROR(1 << 30)), 1 << 30);
}

TEST(unknown_code_is_told_by_its_number)
{
    check_string(aio_errname(-3999), "-3999");
    check_string(aio_strerror(-3999), "error 3999");
    check_string(aio_strerror(3999), "error 3999");
    check_string(aio_errname(-8191), "-8191");
}

TEST(least_and_greatest_int_are_told_too)
{
    check(strncmp(aio_errname(INT32_MIN), "AIO_USER_ERROR(", 15) == 0);
    check_string(aio_errname(INT32_MAX), "2147483647");
    check_string(aio_strerror(INT32_MAX), "error 2147483647");
}

static void *name_another(void *arg)
{
    (void)arg;
    check_string(aio_errname(AIO_USER_ERROR(2)), "AIO_USER_ERROR(2)");
    return NULL;
}

TEST(text_that_was_made_for_one_thread_is_not_anothers)
{
    const char *name = aio_errname(AIO_USER_ERROR(1));
    pthread_t thread;
    if (check_int(pthread_create(&thread, NULL, name_another, NULL), 0))
        (void)pthread_join(thread, NULL);
    check_string(name, "AIO_USER_ERROR(1)");
}

TEST(version_of_the_library_is_that_of_the_headers)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%d.%d.%d", AIO_VERSION_MAJOR, AIO_VERSION_MINOR,
                   AIO_VERSION_PATCH);
    check_string(aio_version(), text);
    check_string(AIO_VERSION_STRING, text);
    check_int(AIO_VERSION,
              AIO_VERSION_MAJOR << 16 | AIO_VERSION_MINOR << 8 | AIO_VERSION_PATCH);
}

TEST(durations_are_in_nanoseconds)
{
    check_int(AIO_NSEC(5), 5);
    check_int(AIO_USEC(5), 5000);
    check_int(AIO_MSEC(5), 5000000);
    check_int(AIO_SEC(5), INT64_C(5000000000));
    check_int(AIO_MSEC(0.5), 500000);
    check_int(AIO_FOREVER, INT64_MAX);
}
