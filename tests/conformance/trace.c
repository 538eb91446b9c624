/*
 * A trace is kept in memory, to be printed or compared when the run is over.
 */
#include "conformance/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/arena.h"

static const struct {
    int failure;
    const char *word;
} WORDS[] = {
    {-ECANCELED, "CANCELLED"}, {-ETIMEDOUT, "TIMEOUT"},  {-AIO_ESTATE, "INVALID"},
    {-ESHUTDOWN, "SHUTDOWN"},  {-AIO_EBROKEN, "BROKEN"}, {FAILURE_RUNTIME, "RUNTIME"},
    {FAILURE_VALUE, "VALUE"},  {FAILURE_EMPTY, "EMPTY"}, {FAILURE_FULL, "FULL"},
    {-AIO_ECLOSED, "CLOSED"},
};

void trace_add(struct trace *trace, const char *text)
{
    size_t length = strlen(text);
    while (trace->length + length >= trace->capacity) {
        trace->capacity = trace->capacity != 0 ? trace->capacity * 2 : 1024;
        trace->text = grow(trace->text, trace->capacity);
    }
    memcpy(trace->text + trace->length, text, length + 1);
    trace->length += length;
}

void trace_line(struct trace *trace, int64_t time, const char *who, const char *what,
                const char *result)
{
    char microseconds[32];
    snprintf(microseconds, sizeof microseconds, "%" PRId64, time / 1000);
    const char *const parts[] = {microseconds, " ", who, " ", what, ": ", result, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        trace_add(trace, parts[i]);
}

void trace_free(struct trace *trace)
{
    free(trace->text);
    *trace = (struct trace){0};
}

/* Groups count in user errors by GROUP; what is below is the failure, the library's own codes
 * behind the programs'. */
#define GROUP 2000000
#define LIBRARY 1500000

int failure_of_group(int failure)
{
    if (failure > AIO_USER_ERROR(0))
        failure = AIO_USER_ERROR(LIBRARY - failure);
    return failure - GROUP;
}

static const char *group_word(int number, char *buffer, size_t size)
{
    char word[TRACE_WORD];
    int inner = number - GROUP;
    bool library = inner >= LIBRARY && inner < GROUP;
    snprintf(buffer, size, "GROUP:%s",
             failure_word(library ? LIBRARY - inner : AIO_USER_ERROR(inner), word, sizeof word));
    return buffer;
}

const char *failure_word(int failure, char *buffer, size_t size)
{
    if (failure <= AIO_USER_ERROR(GROUP))
        return group_word(AIO_USER_ERROR_NUMBER(failure), buffer, size);
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (WORDS[i].failure == failure)
            return WORDS[i].word;
    if (failure <= AIO_USER_ERROR(0))
        snprintf(buffer, size, "FAIL%d", AIO_USER_ERROR_NUMBER(failure));
    else
        snprintf(buffer, size, "%s", aio_errname(failure));
    return buffer;
}
