/*
 * conformance: runs scenarios (README.md) on the library.
 *
 *     conformance FILE.scn ...           prints the trace of each
 *     conformance --check PATH ...       compares with the traces beside them; a
 *                                        path is a scenario, a directory of them, or
 *                                        a FILE.scenarios, which holds traces too
 *
 * It uses nothing but the public interface.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/check.h"

static int usage(void)
{
    fputs("usage: conformance SCENARIO...\n"
          "       conformance --check SCENARIO-OR-DIRECTORY-OR-COLLECTION...\n",
          stderr);
    return 2;
}

static int check_all(char **paths)
{
    struct check check = {0};
    for (; *paths != NULL; paths++)
        check_path(&check, *paths);
    check_report(&check);
    int failed = check.different > 0 || check.equal == 0;
    check_free(&check);
    return failed;
}

static int print_all(char **paths)
{
    int failed = 0;
    for (; *paths != NULL; paths++)
        if (print_trace(*paths) < 0)
            failed = 1;
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage();
    if (strcmp(argv[1], "--check") != 0)
        return print_all(argv + 1);
    return argc > 2 ? check_all(argv + 2) : usage();
}
