/*
 * A trace: what a scenario has printed so far, and the words it has for failures.
 *
 * A failure is a negative int, as in the library: its codes where those say
 * enough, and else one of FAILURE_..., which are errors of the program's own.
 */
#ifndef CONFORMANCE_TRACE_H
#define CONFORMANCE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <aio/base.h>

/* What asyncio has an exception of its own for, and the library one code for several. */
#define FAILURE_RUNTIME AIO_USER_ERROR(1000001)
#define FAILURE_VALUE AIO_USER_ERROR(1000002)
#define FAILURE_EMPTY AIO_USER_ERROR(1000003)
#define FAILURE_FULL AIO_USER_ERROR(1000004)

/*
 * A group's error, made of its first one: that is what asyncio's ExceptionGroup says, and the
 * library gives the error itself.  Groups in groups, too.
 */
int failure_of_group(int failure);

/* Zero-initialised is valid: nothing printed. */
struct trace {
    char *text; /* ends in '\0'; NULL: nothing was printed */
    size_t length, capacity;
};

void trace_add(struct trace *trace, const char *text);
/* `TIME WHO WHAT: RESULT`; time in ns, printed in us. */
void trace_line(struct trace *trace, int64_t time, const char *who, const char *what,
                const char *result);
void trace_free(struct trace *trace);

/* Room for any word of a failure: GROUP: a few dozen times, and FAILn. */
#define TRACE_WORD 256
/* The word for a failure, "FAIL7" written to buffer. */
const char *failure_word(int failure, char *buffer, size_t size);

#endif
