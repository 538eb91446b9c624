/*
 * What a process holds, apart from memory: open descriptors, threads, children,
 * what it does on signals.  Looked at before a test and after it.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct world {
    unsigned char *open; /* one byte for each descriptor */
    size_t size;
    size_t threads;
    struct sigaction actions[NSIG];
    sigset_t blocked;
    stack_t stack;
};

void world_look(struct world *world);
/* Records what is different now. */
void world_compare(const struct world *before);
void world_forget(struct world *world);

#endif
