/*
 * Lines of text, without stdio.
 */
#include "base/line.h"

#include <string.h>
#include <unistd.h>

#include "base/compat.h"

/* Bytes of text: what is left is for '\n' and '\0'. */
#define ROOM (AIO__LINE_SIZE - 2)

void aio__line_init(aio__line *line)
{
    line->length = 0;
    line->text[0] = '\0';
}

static void add_byte(aio__line *line, char byte)
{
    if (line->length == ROOM) {
        memcpy(&line->text[ROOM - 3], "...", 3);
        return;
    }
    line->text[line->length++] = (unsigned char)byte < ' ' || byte == 127 ? '?' : byte;
    line->text[line->length] = '\0';
}

void aio__line_add(aio__line *line, const char *text)
{
    while (text != NULL && *text != '\0')
        add_byte(line, *text++);
}

/* With zeros before it, so that it has `width` digits. */
static void add_digits(aio__line *line, uint64_t number, size_t width)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0 || count < width);
    while (count > 0)
        add_byte(line, digits[--count]);
}

void aio__line_add_number(aio__line *line, uint64_t number)
{
    add_digits(line, number, 1);
}

void aio__line_add_duration(aio__line *line, int64_t duration)
{
    uint64_t ms = duration > 0 ? (uint64_t)duration / 1000000 : 0;
    add_digits(line, ms / 1000, 1);
    add_byte(line, '.');
    add_digits(line, ms % 1000, 3);
    aio__line_add(line, " s");
}

static void add_hexadecimal(aio__line *line, uintptr_t number)
{
    char digits[2 * sizeof number];
    size_t count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % 16];
    while ((number /= 16) != 0);
    aio__line_add(line, "0x");
    while (count > 0)
        add_byte(line, digits[--count]);
}

void aio__line_add_code(aio__line *line, void (*code)(void *))
{
    uintptr_t offset = (uintptr_t)code;
    const char *file = aio__file_of_code(offset, &offset);
    if (file != NULL) {
        aio__line_add(line, file);
        aio__line_add(line, "+");
    }
    add_hexadecimal(line, offset);
}

void aio__line_indent(aio__line *line, size_t count)
{
    while (count-- > 0)
        add_byte(line, ' ');
}

void aio__line_write(aio__line *line)
{
    line->text[line->length] = '\n';
    /* If nobody reads the error stream, there is nobody to tell. */
    int64_t written = aio__write(STDERR_FILENO, line->text, line->length + 1);
    (void)written;
    line->text[line->length] = '\0';
}
