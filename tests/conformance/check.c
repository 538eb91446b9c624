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

/* Parses; false, and said, if it is no scenario. */
static bool parse(struct program *program, const char *name, const char *text)
{
    program_parse(program, text);
    if (program->problem == NULL)
        return true;
    fprintf(stderr, "%s:%u: %s\n", name, program->problem_line, program->problem);
    program_free(program);
    return false;
}

/* The trace of a scenario; false, and said, if there is none. */
static bool run(const char *name, const struct program *program, struct trace *trace)
{
    int rc = scenario_run(program, trace);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", name, aio_strerror(rc));
    return rc >= 0;
}

static void say_lack(const char *op, void *path)
{
    fprintf(stderr, "%s: no `%s` yet\n", *(const char **)path, op);
}

int print_trace(const char *path)
{
    struct program program;
    char *text = read_text(path);
    if (text == NULL)
        perror(path);
    bool parsed = text != NULL && parse(&program, path, text);
    free(text);
    if (!parsed)
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

static bool compare(const char *name, const struct program *program, const char *expected)
{
    struct trace trace = {0};
    bool ran = run(name, program, &trace);
    const char *actual = trace.text != NULL ? trace.text : "";
    bool equal = ran && strcmp(expected, actual) == 0;
    if (ran && !equal)
        show_difference(name, expected, actual);
    trace_free(&trace);
    return equal;
}

static void check_text(struct check *check, const char *name, const char *text,
                       const char *expected)
{
    struct program program;
    check->number++;
    if (!parse(&program, name, text)) {
        check->different++;
        return;
    }
    if (!program_supported(&program, add_lack, check)) {
        check->skipped++;
    } else if (compare(name, &program, expected)) {
        check->equal++;
    } else {
        check->different++;
    }
    program_free(&program);
}

/* A scenario, with its trace in the file beside it. */
static void check_file(struct check *check, const char *path)
{
    char *beside = trace_path(path);
    char *text = read_text(path), *expected = read_text(beside);
    if (text != NULL && expected != NULL) {
        check_text(check, path, text, expected);
    } else {
        perror(text == NULL ? path : beside);
        check->different++;
    }
    free(expected);
    free(text);
    free(beside);
}

/*
 * Cuts the section at *at out of a collection: a line `=== NAME`, the scenario, a line `---`, the
 * trace.  *at is then behind the next one's mark, as it has to be here; NULL after the last.  False
 * where there is none.
 */
static bool next_section(char **at, const char **name, const char **text, const char **trace)
{
    char *line_end = strchr(*at, '\n');
    char *middle = line_end != NULL ? strstr(line_end, "\n---\n") : NULL;
    if (middle == NULL)
        return false;
    char *next = strstr(middle + 4, "\n=== ");
    *name = *at;
    *text = line_end + 1;
    *trace = middle + 5;
    *line_end = middle[1] = '\0';
    if (next != NULL)
        next[1] = '\0';
    *at = next != NULL ? next + 5 : NULL;
    return true;
}

static void check_collection(struct check *check, const char *path)
{
    const char *name, *text, *trace;
    char *all = read_text(path);
    bool begins = all != NULL && strncmp(all, "=== ", 4) == 0;
    char *at = begins ? all + 4 : NULL;
    while (at != NULL && next_section(&at, &name, &text, &trace))
        check_text(check, name, text, trace);
    if (!begins || at != NULL) {
        fprintf(stderr, "%s: no collection of scenarios, or not to its end\n", path);
        check->different++;
    }
    free(all);
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

static int select_scenario(const struct dirent *entry)
{
    return ends_in(entry->d_name, ".scn");
}

void check_path(struct check *check, const char *path)
{
    struct dirent **entries;
    if (ends_in(path, ".scn")) {
        check_file(check, path);
        return;
    }
    if (ends_in(path, ".scenarios")) {
        check_collection(check, path);
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
