/*
 * A line of text for the error stream, made of parts, in a buffer of its own.
 *
 *     aio__line line;
 *     aio__line_init(&line);
 *     aio__line_add(&line, "it took ");
 *     aio__line_add_duration(&line, AIO_MSEC(1250));    // "1.250 s"
 *     aio__line_write(&line);
 *
 * Small enough for a task's stack, where stdio would take most of it; allocates
 * nothing; what is too long is cut, and ends in "...".
 */
#ifndef AIO_BASE_LINE_H
#define AIO_BASE_LINE_H

#include <stddef.h>
#include <stdint.h>

#define AIO__LINE_SIZE 512

typedef struct aio__line {
    size_t length;
    char text[AIO__LINE_SIZE]; /* ends with '\0'; there is always room for a '\n' more */
} aio__line;

void aio__line_init(aio__line *line);
/* Adds a text; NULL is none.  What would not be one line, or moves a terminal's cursor, is '?'. */
void aio__line_add(aio__line *line, const char *text);
void aio__line_add_number(aio__line *line, uint64_t number);
/* Adds ns as seconds, in thousandths. */
void aio__line_add_duration(aio__line *line, int64_t duration);
/* Adds where a function's code is, as addr2line takes it: "program+0x1234". */
void aio__line_add_code(aio__line *line, void (*code)(void *));
/* Adds so many blanks. */
void aio__line_indent(aio__line *line, size_t count);

/* Writes it to the error stream, with a '\n', at once. */
void aio__line_write(aio__line *line);

#endif
