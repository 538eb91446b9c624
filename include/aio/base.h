/*
 * aio/base.h: what every other header uses: the export mark, the version,
 * results and errors, units of time.
 *
 * A call returns >= 0 where it worked and a negative code where it did not:
 *
 *     -1 ... -4095       -errno, as the system gave it or would have
 *     -4097 ... -8191    the library's own (AIO_EINCOMPLETE ...)
 *     <= -65536          the program's own, AIO_USER_ERROR(n)
 *
 *     int rc = aio_sleep(AIO_MSEC(5));
 *     if (rc < 0)
 *         fprintf(stderr, "sleep: %s (%s)\n", aio_strerror(rc), aio_errname(rc));
 *
 * A maker that returns a handle returns NULL where it failed, with the
 * positive code in errno; every call that takes a future, a task, a stream, a
 * listener, a server or a runner accepts NULL and, if it can fail, returns
 * -ENOMEM, so that aio_join(aio_spawn(f, &x)) is safe as it stands.
 *
 * Thread-safety: everything here may be called from any thread.
 */
#ifndef AIO_BASE_H
#define AIO_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__GNUC__)
#define AIO_API __attribute__((visibility("default")))
#define AIO_MUST_USE __attribute__((warn_unused_result))
#define AIO_PRINTF(format, first) __attribute__((format(printf, format, first)))
#else
#define AIO_API
#define AIO_MUST_USE
#define AIO_PRINTF(format, first)
#endif

#define AIO_VERSION_MAJOR 0
#define AIO_VERSION_MINOR 1
#define AIO_VERSION_PATCH 0
#define AIO_VERSION_STRING "0.1.0"
/* For `#if AIO_VERSION >= 0x000200`: a byte each for major, minor and patch. */
#define AIO_VERSION 0x000100

/* The library's own errors, where POSIX has no name for one.  As with errno, a
 * call returns the negative: -AIO_EINCOMPLETE. */
#define AIO_EINCOMPLETE 4097 /* the stream ended before the request was met (IncompleteReadError) */
#define AIO_ELIMIT 4098      /* a line longer than the caller's room for it (LimitOverrunError) */
#define AIO_EBROKEN 4099     /* the barrier is broken (BrokenBarrierError) */
#define AIO_ESTATE 4100      /* the future is not, or is already, done (InvalidStateError) */
#define AIO_ECLOSED 4101     /* the generator was closed at its yield (GeneratorExit) */
#define AIO_ENAME 4102       /* the host or service name is not known (EAI_NONAME) */
#define AIO_ENAMESERVER 4103 /* the name servers failed for now (EAI_AGAIN, EAI_FAIL) */

/* An error of the program's own, for its tasks to return; n from 0 to 2^30. */
#define AIO_USER_ERROR(n) (-65536 - (int)(n))
/* The n of such an error. */
#define AIO_USER_ERROR_NUMBER(rc) (-65536 - (int)(rc))

/* Durations and times are nanoseconds in an int64_t.  A negative duration is 0. */
#define AIO_NSEC(n) ((int64_t)(n))
#define AIO_USEC(n) ((int64_t)((n) * INT64_C(1000)))
#define AIO_MSEC(n) ((int64_t)((n) * INT64_C(1000000)))
#define AIO_SEC(n) ((int64_t)((n) * INT64_C(1000000000)))
/* Never: no deadline at all. */
#define AIO_FOREVER INT64_MAX

/*
 * Where this stands in the source, "server.c:42", for reports and dumps: that of a spawn says where
 * the task comes from.  A constant; with NDEBUG it is NULL, and no name of a file is in the
 * program.  One's own definition, before this header, is left alone.
 */
#if !defined(AIO_HERE) && defined(NDEBUG)
#define AIO_HERE ((const char *)0)
#elif !defined(AIO_HERE)
#define AIO_HERE __FILE__ ":" AIO__LINE_TEXT(__LINE__)
#endif
#define AIO__LINE_TEXT(line) AIO__LINE_DIGITS(line)
#define AIO__LINE_DIGITS(line) #line

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is linked, "0.1.0"; AIO_VERSION_STRING is
 * that of the headers.
 */
AIO_API const char *aio_version(void);

/*
 * What a result says, in words ("connection refused").
 *
 * Returns    the text of a negative result, or of the positive code that a maker left in errno; of
 *            0, "success".
 * Suspends   never.
 * Owns       nothing; the text is constant, or this thread's own until its next call here.
 */
AIO_API const char *aio_strerror(int rc);

/*
 * The symbolic name of a result ("ECONNREFUSED", "AIO_ELIMIT"), for logs.
 *
 * Returns    the name; of a program's own error "AIO_USER_ERROR(n)"; of 0, and of what has no name,
 *            the digits.
 * Suspends   never.
 * Owns       nothing; the text is as aio_strerror()'s.
 */
AIO_API const char *aio_errname(int rc);

#ifdef __cplusplus
}
#endif

#endif
