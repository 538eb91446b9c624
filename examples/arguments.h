/*
 * What the real programs share: reading their arguments, and saying where they
 * listen.
 *
 *     int status = arguments_read(argc, argv, &syntax, &arguments);
 *     if (status >= 0)
 *         return status;
 *
 * Whatever makes no sense, a word too many as well, is answered with the usage.
 */
#ifndef EXAMPLES_ARGUMENTS_H
#define EXAMPLES_ARGUMENTS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments_syntax {
    const char *letters; /* for getopt(); "h" is among them */
    int words;           /* so many may follow the options, from argv[optind] on */
    /* Returns whether it was an option with a value that makes sense. */
    bool (*take_option)(void *arguments, int option, const char *value);
    const char *usage;
};

/* Returns -1 to go on, or the exit status. */
static inline int arguments_read(int argc, char **argv, const struct arguments_syntax *syntax,
                                 void *arguments)
{
    int option;
    bool valid = true;
    while (valid && (option = getopt(argc, argv, syntax->letters)) != -1) {
        if (option == 'h') {
            (void)fputs(syntax->usage, stdout);
            return 0;
        }
        valid = syntax->take_option(arguments, option, optarg);
    }
    if (valid && argc - optind <= syntax->words)
        return -1;
    (void)fputs(syntax->usage, stderr);
    return 2;
}

/* Whether the text is a number from `least` to `most`: that, then. */
static inline bool arguments_number(const char *text, long least, long most, long *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most)
        return false;
    *out = value;
    return true;
}

/* Prints "name: listening on http://127.0.0.1:8080/" or the like; NULL is every address. */
static inline void arguments_announce(const char *name, const char *scheme, const char *address,
                                      int port, const char *path)
{
    const char *host = address != NULL ? address : "*";
    bool colons = strchr(host, ':') != NULL; /* IPv6's, which are not the port's */
    (void)printf("%s: listening on %s%s%s%s:%d%s\n", name, scheme, colons ? "[" : "", host,
                 colons ? "]" : "", port, path);
    (void)fflush(stdout);
}

#endif
