/*
 * explore: runs every short program of three tasks on each thing that tasks share,
 * and checks what must hold for any.
 *
 *     explore [--depth N] [--disturbances N] [SUBJECT ...]
 *     explore [--depth N] [--disturbances N] --replay TAPE SUBJECT     prints one run
 *
 * A run makes choices: which operation a task does next, whether somebody is
 * cancelled before a turn.  The tape is what was chosen, each time out of how many.
 * Tapes are gone through depth-first: the last choice that has another alternative
 * takes it, and what came after it is forgotten.  Bounds: the depth, how many
 * operations the tasks do in all; and how many of these, and of the cancellations
 * besides, are disturbances.  +N is so many more than a subject's own.
 *
 * Where a violation is found, smaller bounds are tried, from none on, so that the
 * tape that is printed is one of the shortest.  A run that crashes, or that comes
 * to no end, ends the program, which says first which tape that was.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore/explore.h"

#define MAX_CHOICES 256

static const struct subject *const subjects[] = {
    &lock_subject,    &semaphore_subject, &bounded_semaphore_subject, &event_subject,
    &condition_subject, &barrier_subject, &queue_subject,             &queue_end_subject,
    &channel_subject, &select_subject,    &select_lots_subject,       &gather_subject,
    &await_subject,   &group_subject,     &timeout_subject,
};

/* ---- the tape -------------------------------------------------------------------------------- */

static struct {
    unsigned char chosen[MAX_CHOICES], counts[MAX_CHOICES]; /* a count of 0: not known yet */
    unsigned length, position;
    bool differs;
} tape;

unsigned choose(unsigned count)
{
    if (count < 2 || tape.position == MAX_CHOICES)
        return 0;
    unsigned at = tape.position++;
    if (at == tape.length) {
        tape.chosen[at] = tape.counts[at] = 0;
        tape.length++;
    }
    if (tape.chosen[at] >= count || (tape.counts[at] != 0 && tape.counts[at] != count)) {
        tape.differs = true;
        return 0;
    }
    tape.counts[at] = (unsigned char)count;
    return tape.chosen[at];
}

bool choices_differ(void)
{
    return tape.differs;
}

static void tape_clear(void)
{
    tape.length = tape.position = 0;
    tape.differs = false;
}

/* Goes on to the next tape; false if that was the last. */
static bool tape_next(void)
{
    tape.length = tape.position;
    tape.position = 0;
    while (tape.length > 0 && tape.chosen[tape.length - 1] + 1u >= tape.counts[tape.length - 1])
        tape.length--;
    if (tape.length == 0)
        return false;
    tape.chosen[tape.length - 1]++;
    return true;
}

static void tape_print(void)
{
    unsigned length = tape.position;
    while (length > 0 && tape.chosen[length - 1] == 0)
        length--;
    if (length == 0)
        fputs("0", stdout);
    for (unsigned i = 0; i < length; i++)
        printf("%s%u", i > 0 ? "." : "", tape.chosen[i]);
}

static bool tape_read(const char *text)
{
    char *end = NULL;
    tape_clear();
    for (; tape.length < MAX_CHOICES; text = end + 1) {
        unsigned long chosen = strtoul(text, &end, 10);
        if (end == text || chosen > UINT8_MAX)
            return false;
        tape.chosen[tape.length] = (unsigned char)chosen;
        tape.counts[tape.length++] = 0;
        if (*end != '.')
            return *end == '\0';
    }
    return false;
}

/* ---- runs that go wrong altogether ----------------------------------------------------------- */

#define PATIENCE 10 /* seconds for one run */

static struct {
    const struct subject *subject;
    unsigned depth, disturbances;
    uint64_t count, seen; /* runs that have begun; at the last alarm */
} running;

/* On a stack of its own, and at the end of all: so stdio will do. */
static void die(int number)
{
    if (number == SIGALRM && running.count != running.seen) {
        running.seen = running.count;
        (void)alarm(PATIENCE);
        return;
    }
    printf("%s: %s: --depth %u --disturbances %u --replay ", running.subject->name,
           number == SIGALRM ? "a run comes to no end" : "a run has crashed", running.depth,
           running.disturbances);
    tape_print();
    printf(" %s\n", running.subject->name);
    (void)fflush(stdout);
    _exit(2);
}

static void watch_runs(void)
{
    static char stack[65536];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM};
    struct sigaction action = {.sa_flags = SA_ONSTACK};
    action.sa_handler = die;
    (void)sigaltstack(&own, NULL);
    for (size_t i = 0; i < LENGTH(numbers); i++)
        (void)sigaction(numbers[i], &action, NULL);
    (void)alarm(PATIENCE);
}

/* ---- going through all ----------------------------------------------------------------------- */

struct bounds {
    unsigned depth, disturbances;
};

static const char *run(const struct subject *subject, struct bounds bounds, bool traced)
{
    running.subject = subject;
    running.depth = bounds.depth;
    running.disturbances = bounds.disturbances;
    running.count++;
    return world_run(subject, bounds.depth, bounds.disturbances, traced);
}

/* Runs all tapes, or up to the first violation. */
static const char *run_all(const struct subject *subject, struct bounds bounds, uint64_t *out_count)
{
    const char *violation = NULL;
    tape_clear();
    *out_count = 0;
    do {
        violation = run(subject, bounds, false);
        ++*out_count;
    } while (violation == NULL && tape_next());
    return violation;
}

/* There is a violation within these bounds: finds the first one, with the fewest operations. */
static void show_shortest(const struct subject *subject, struct bounds bounds)
{
    const char *violation = NULL;
    struct bounds shorter = {0, 0};
    uint64_t count = 0;
    for (; violation == NULL && shorter.depth <= bounds.depth; shorter.depth++)
        for (unsigned n = 0; violation == NULL && n <= bounds.disturbances; n++) {
            shorter.disturbances = n;
            violation = run_all(subject, shorter, &count);
        }
    printf("%s: %s: --depth %u --disturbances %u --replay ", subject->name,
           violation != NULL ? violation : "a violation that does not come again",
           shorter.depth - 1, shorter.disturbances);
    tape_print();
    printf(" %s\n", subject->name);
}

static bool explore(const struct subject *subject, struct bounds bounds)
{
    uint64_t count = 0;
    const char *violation = run_all(subject, bounds, &count);
    if (violation != NULL)
        show_shortest(subject, bounds);
    const char *left = world_close();
    if (left != NULL)
        printf("%s: %s\n", subject->name, left);
    bool found = violation != NULL || left != NULL;
    printf("%s: %" PRIu64 " tapes, %d violations\n", subject->name, count, found);
    (void)fflush(stdout);
    return found;
}

static bool replay(const struct subject *subject, struct bounds bounds)
{
    const char *violation = run(subject, bounds, true);
    const char *left = world_close();
    if (violation == NULL)
        violation = left;
    printf("%s: %s\n", subject->name, violation != NULL ? violation : "no violation");
    return violation != NULL;
}

/* ---- the command line ------------------------------------------------------------------------ */

struct options {
    const char *depth, *disturbances, *tape;
};

/* Not given: the subject's own; +N: so many more. */
static unsigned bound(const char *given, unsigned own)
{
    if (given == NULL)
        return own;
    return (unsigned)strtoul(given, NULL, 10) + (given[0] == '+' ? own : 0);
}

static bool run_subject(const struct subject *subject, const struct options *options)
{
    struct bounds bounds = {bound(options->depth, subject->depth),
                            bound(options->disturbances, subject->disturbances)};
    return options->tape != NULL ? replay(subject, bounds) : explore(subject, bounds);
}

static const struct subject *find_subject(const char *name)
{
    for (size_t i = 0; i < LENGTH(subjects); i++)
        if (strcmp(subjects[i]->name, name) == 0)
            return subjects[i];
    return NULL;
}

static int usage(void)
{
    fputs("usage: explore [--depth N] [--disturbances N] [SUBJECT ...]\n"
          "       explore [--depth N] [--disturbances N] --replay TAPE SUBJECT\n"
          "subjects:",
          stderr);
    for (size_t i = 0; i < LENGTH(subjects); i++)
        fprintf(stderr, " %s", subjects[i]->name);
    fputs("\n", stderr);
    return 2;
}

/* How many arguments are options; -1 for one that there is not. */
static int read_options(int argc, char **argv, struct options *options)
{
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--depth") == 0)
            options->depth = argv[i + 1];
        else if (strcmp(argv[i], "--disturbances") == 0)
            options->disturbances = argv[i + 1];
        else if (strcmp(argv[i], "--replay") == 0 && tape_read(argv[i + 1]))
            options->tape = argv[i + 1];
        else
            return -1;
    }
    return i - 1;
}

int main(int argc, char **argv)
{
    struct options options = {NULL, NULL, NULL};
    bool found = false;
    int read = read_options(argc, argv, &options), named = argc - 1 - read;
    if (read < 0 || (options.tape != NULL && named != 1))
        return usage();
    for (int i = argc - named; i < argc; i++)
        if (find_subject(argv[i]) == NULL)
            return usage();
    watch_runs();
    for (int i = argc - named; i < argc; i++)
        found |= run_subject(find_subject(argv[i]), &options);
    for (size_t i = 0; named == 0 && i < LENGTH(subjects); i++)
        found |= run_subject(subjects[i], &options);
    return found;
}
