/*
 * Compares what scenarios print with the traces recorded beside them.
 */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include <stddef.h>

/* How many scenarios need what has no row in the table of ops. */
struct lack {
    char *op;
    size_t scenarios;
    size_t last; /* the number of the scenario that was counted last */
};

struct check {
    size_t equal, different, skipped;
    size_t number; /* of the scenario that is looked at, from 1 */
    struct lack *lacks;
    size_t lack_count;
};

/*
 * A scenario's file, a directory of them (*.scn, in the order of their names), or a collection
 * (*.scenarios): for each a line `=== NAME`, the scenario, a line `---`, its trace.
 */
void check_path(struct check *check, const char *path);
/* Prints the sums. */
void check_report(const struct check *check);
void check_free(struct check *check);

/* Prints a scenario's trace; 0, or -1 if there is none. */
int print_trace(const char *path);

#endif
