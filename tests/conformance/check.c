/*
 * Compares traces: each scenario is run, and the first lines that differ are shown.
 */
#include "conformance/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/ops.h"

#define SHOWN_BEFORE 3 /* lines of an excerpt before the first that differs, ... */
#define SHOWN_AFTER 6  /* ... and of each side from there on */

/* A file's text, to be freed; NULL if there is none. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    char *text = NULL;
    size_t length = 0, got;
    do {
        text = grow(text, length + 4097);
        got = fread(text + length, 1, 4096, file);
        length += got;
    } while (got > 0);
    text[length] = '\0';
    fclose(file);
    return text;
}

/* Reads and parses; false, and said, if it is no scenario. */
static bool load(struct program *program, const char *path)
{
    char *text = read_text(path);
    if (text == NULL) {
        perror(path);
        return false;
    }
    program_parse(program, text);
    free(text);
    if (program->problem == NULL)
        return true;
    fprintf(stderr, "%s:%u: %s\n", path, program->problem_line, program->problem);
    program_free(program);
    return false;
}

/* The trace of a scenario; false, and said, if there is none. */
static bool run(const char *path, const struct program *program, struct trace *trace)
{
    int rc = scenario_run(program, trace);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", path, aio_strerror(rc));
    return rc >= 0;
}

static void say_lack(const char *op, void *path)
{
    fprintf(stderr, "%s: no `%s` yet\n", *(const char **)path, op);
}

int print_trace(const char *path)
{
    struct program program;
    if (!load(&program, path))
        return -1;
    struct trace trace = {0};
    bool done = program_supported(&program, say_lack, &path) && run(path, &program, &trace);
    fputs(trace.text != NULL ? trace.text : "", stdout);
    trace_free(&trace);
    program_free(&program);
    return done ? 0 : -1;
}

/* ---- an excerpt ----------------------------------------------------------------------------- */

static size_t line_length(const char *text)
{
    size_t length = strcspn(text, "\n");
    return length + (text[length] == '\n');
}

/* Prints up to `count` lines of text that end before `end` (NULL: all), each after a mark. */
static void show(char mark, const char *text, const char *end, int count)
{
    for (; *text != '\0' && text != end && count > 0; count--) {
        size_t length = line_length(text);
        printf("    %c %.*s\n", mark, (int)strcspn(text, "\n"), text);
        text += length;
    }
}

/* The start of the line that lies so many before the one at `line`. */
static const char *lines_before(const char *text, const char *line, int count)
{
    while (line > text && count-- > 0)
        for (line--; line > text && line[-1] != '\n'; line--)
            ;
    return line;
}

static void show_difference(const char *path, const char *expected, const char *actual)
{
    const char *e = expected, *a = actual;
    while (*e != '\0' && line_length(e) == line_length(a) && memcmp(e, a, line_length(e)) == 0) {
        a += line_length(e);
        e += line_length(e);
    }
    printf("%s differs (- asyncio, + here)\n", path);
    show(' ', lines_before(expected, e, SHOWN_BEFORE), e, SHOWN_BEFORE);
    show('-', e, NULL, SHOWN_AFTER);
    show('+', a, NULL, SHOWN_AFTER);
}

/* ---- checking ------------------------------------------------------------------------------- */

/* Counts a scenario once for each op that it lacks. */
static void add_lack(const char *op, void *arg)
{
    struct check *check = arg;
    size_t i = 0;
    while (i < check->lack_count && strcmp(check->lacks[i].op, op) != 0)
        i++;
    if (i == check->lack_count) {
        check->lacks = grow(check->lacks, ++check->lack_count * sizeof *check->lacks);
        char *copy = grow(NULL, strlen(op) + 1);
        check->lacks[i] = (struct lack){strcpy(copy, op), 0, 0};
    }
    struct lack *lack = &check->lacks[i];
    if (lack->last != check->number)
        lack->scenarios++;
    lack->last = check->number;
}

static char *trace_path(const char *path)
{
    static const char SUFFIX[] = ".trace";
    size_t stem = strlen(path) - strlen(".scn");
    char *beside = grow(NULL, stem + sizeof SUFFIX);
    memcpy(beside, path, stem);
    memcpy(beside + stem, SUFFIX, sizeof SUFFIX);
    return beside;
}

static bool compare(const char *path, const struct program *program)
{
    char *beside = trace_path(path);
    char *expected = read_text(beside);
    if (expected == NULL)
        perror(beside);
    struct trace trace = {0};
    bool ran = expected != NULL && run(path, program, &trace);
    const char *actual = trace.text != NULL ? trace.text : "";
    bool equal = ran && strcmp(expected, actual) == 0;
    if (ran && !equal)
        show_difference(path, expected, actual);
    trace_free(&trace);
    free(expected);
    free(beside);
    return equal;
}

static void check_file(struct check *check, const char *path)
{
    struct program program;
    check->number++;
    if (!load(&program, path)) {
        check->different++;
        return;
    }
    if (!program_supported(&program, add_lack, check)) {
        check->skipped++;
    } else if (compare(path, &program)) {
        check->equal++;
    } else {
        check->different++;
    }
    program_free(&program);
}

static bool is_scenario(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".scn") == 0;
}

static int select_scenario(const struct dirent *entry)
{
    return is_scenario(entry->d_name);
}

void check_path(struct check *check, const char *path)
{
    struct dirent **entries;
    if (is_scenario(path)) {
        check_file(check, path);
        return;
    }
    int count = scandir(path, &entries, select_scenario, alphasort);
    if (count < 0) {
        perror(path);
        check->different++;
        return;
    }
    for (int i = 0; i < count; i++) {
        size_t size = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *file = grow(NULL, size);
        snprintf(file, size, "%s/%s", path, entries[i]->d_name);
        check_file(check, file);
        free(file);
        free(entries[i]);
    }
    free(entries);
}

void check_report(const struct check *check)
{
    for (size_t i = 0; i < check->lack_count; i++)
        printf("%s %s %zu", i == 0 ? "skipped for want of:" : ",", check->lacks[i].op,
               check->lacks[i].scenarios);
    if (check->lack_count > 0)
        putchar('\n');
    printf("conformance: %zu of %zu equal, %zu skipped\n", check->equal,
           check->equal + check->different + check->skipped, check->skipped);
}

void check_free(struct check *check)
{
    for (size_t i = 0; i < check->lack_count; i++)
        free(check->lacks[i].op);
    free(check->lacks);
}
