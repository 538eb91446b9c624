/*
 * Memory that is given back all at once: one block of malloc()'s for each piece.
 */
#include "conformance/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) char data[];
};

void *grow(void *block, size_t size)
{
    void *grown = realloc(block, size);
    if (grown == NULL) {
        fputs("conformance: out of memory\n", stderr);
        exit(2);
    }
    return grown;
}

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = grow(NULL, sizeof *block + size);
    block->next = arena->blocks;
    arena->blocks = block;
    return memset(block->data, 0, size);
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_take(arena, length + 1);
    return memcpy(copy, text, length);
}

void arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
