/*
 * Memory that is given back all at once: of a program, of a run.
 *
 * This is a test: where there is no memory, it says so and exits.
 */
#ifndef CONFORMANCE_ARENA_H
#define CONFORMANCE_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks; /* NULL: empty; zero-initialised is valid */
};

/* Zeroed. */
void *arena_take(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const char *text, size_t length);
void arena_free(struct arena *arena);

/* malloc() and realloc() that exit. */
void *grow(void *block, size_t size);

#endif
