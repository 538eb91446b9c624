/*
 * The syntax of scenarios (README.md): text to a tree of ops.
 *
 * A program is its declarations and its coroutines; a body is a list of ops; an
 * op that opens a block has a body of its own.  Nothing is known here of what an
 * op does, but for which of them open blocks.  All of a program lies in one
 * arena, and its strings live as long as it does.
 */
#ifndef CONFORMANCE_PARSE_H
#define CONFORMANCE_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "conformance/arena.h"

#define MAX_WORDS 16 /* of a line */

struct body {
    struct op *first;
};

struct op {
    struct op *next;    /* in the same body; NULL at its end */
    const char *text;   /* the line, without its `try`: what a trace says */
    const char *name;   /* the first of those words */
    const char **words; /* those after the name */
    size_t word_count;
    struct body *block; /* of an op that opens one; else NULL */
    bool swallow;       /* it began with `try` */
    unsigned line;
};

/* `coro NAME` or `gen NAME`. */
struct coroutine {
    struct coroutine *next;
    const char *name;
    struct body body;
};

struct program {
    struct body declarations;
    struct coroutine *coroutines;
    struct arena arena;
    const char *problem; /* NULL; or why the text is no scenario */
    unsigned problem_line;
};

/* Parses; program->problem says whether it was one.  The text is copied.  Free it in any case. */
void program_parse(struct program *program, const char *text);
void program_free(struct program *program);

const struct coroutine *program_coroutine(const struct program *program, const char *name);

#endif
