/*
 * The parser: a line is an op; a stack of open bodies says where it belongs.
 */
#include "conformance/parse.h"

#include <string.h>

#define MAX_DEPTH 64 /* of blocks in blocks */

static const char *const BLOCKS[] = {"timeout", "group", "with", "foreach"};

struct parser {
    struct program *program;
    struct op **open[MAX_DEPTH]; /* where the next op of each open body goes, the innermost last */
    size_t depth;
    struct op **declarations; /* where the next declaration goes */
    struct coroutine **coroutines;
};

static bool opens_block(const char *name)
{
    for (size_t i = 0; i < sizeof BLOCKS / sizeof *BLOCKS; i++)
        if (strcmp(BLOCKS[i], name) == 0)
            return true;
    return false;
}

/* The words of a line, up to its comment; how many, MAX_WORDS + 1 for too many. */
static size_t split(struct arena *arena, const char *line, size_t length, const char **words)
{
    static const char BLANKS[] = " \t\r";
    const char *comment = memchr(line, '#', length);
    char *rest = arena_copy(arena, line, comment != NULL ? (size_t)(comment - line) : length);
    size_t count = 0;
    for (rest += strspn(rest, BLANKS); *rest != '\0'; rest += strspn(rest, BLANKS)) {
        if (count == MAX_WORDS)
            return MAX_WORDS + 1;
        words[count++] = rest;
        rest += strcspn(rest, BLANKS);
        if (*rest != '\0')
            *rest++ = '\0';
    }
    return count;
}

static const char *join(struct arena *arena, const char **words, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    char *text = arena_take(arena, size);
    for (size_t i = 0; i < count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, words[i]);
    }
    return text;
}

static struct op *make_op(struct parser *parser, const char **words, size_t count, unsigned line)
{
    struct arena *arena = &parser->program->arena;
    struct op *op = arena_take(arena, sizeof *op);
    op->swallow = count > 1 && strcmp(words[0], "try") == 0;
    size_t skip = op->swallow ? 1 : 0;
    op->line = line;
    op->text = join(arena, words + skip, count - skip);
    op->name = words[skip];
    op->word_count = count - skip - 1;
    op->words = arena_take(arena, MAX_WORDS * sizeof *op->words);
    memcpy(op->words, words + skip + 1, op->word_count * sizeof *op->words);
    return op;
}

static const char *open_body(struct parser *parser, struct body *body)
{
    if (parser->depth == MAX_DEPTH)
        return "blocks too deep";
    parser->open[parser->depth++] = &body->first;
    return NULL;
}

static const char *begin_coroutine(struct parser *parser, const char *name)
{
    struct coroutine *coroutine = arena_take(&parser->program->arena, sizeof *coroutine);
    coroutine->name = name;
    *parser->coroutines = coroutine;
    parser->coroutines = &coroutine->next;
    return open_body(parser, &coroutine->body);
}

static const char *add_op(struct parser *parser, struct op *op)
{
    struct op ***end = parser->depth > 0 ? &parser->open[parser->depth - 1] : &parser->declarations;
    **end = op;
    *end = &op->next;
    if (parser->depth == 0 || !opens_block(op->name))
        return NULL;
    op->block = arena_take(&parser->program->arena, sizeof *op->block);
    return open_body(parser, op->block);
}

/* What is wrong with the line; NULL if nothing is. */
static const char *parse_line(struct parser *parser, const char *line, size_t length,
                              unsigned number)
{
    const char *words[MAX_WORDS];
    size_t count = split(&parser->program->arena, line, length, words);
    if (count == 0)
        return NULL;
    if (count > MAX_WORDS)
        return "too many words";
    if (strcmp(words[0], "end") == 0)
        return parser->depth == 0 ? "end of nothing" : (parser->depth--, NULL);
    if (strcmp(words[0], "coro") != 0 && strcmp(words[0], "gen") != 0)
        return add_op(parser, make_op(parser, words, count, number));
    if (count != 2 || parser->depth > 0)
        return "a coroutine has a name, and is in no other";
    return begin_coroutine(parser, words[1]);
}

void program_parse(struct program *program, const char *text)
{
    *program = (struct program){0};
    struct parser parser = {.program = program,
                            .declarations = &program->declarations.first,
                            .coroutines = &program->coroutines};
    while (*text != '\0' && program->problem == NULL) {
        size_t length = strcspn(text, "\n");
        program->problem = parse_line(&parser, text, length, ++program->problem_line);
        text += length + (text[length] != '\0');
    }
    if (program->problem == NULL && parser.depth > 0)
        program->problem = "end is missing";
    if (program->problem == NULL && program_coroutine(program, "main") == NULL)
        program->problem = "coro main is missing";
}

void program_free(struct program *program)
{
    arena_free(&program->arena);
}

const struct coroutine *program_coroutine(const struct program *program, const char *name)
{
    /* Of two with one name the last counts, as in the reference. */
    const struct coroutine *found = NULL;
    for (const struct coroutine *it = program->coroutines; it != NULL; it = it->next)
        if (strcmp(it->name, name) == 0)
            found = it;
    return found;
}
