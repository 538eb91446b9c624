/*
 * /proc tells of descriptors and threads; where there is none, descriptors are
 * tried one by one, and threads are not counted.
 */
#include "support/world.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/harness.h"

#define TRIED 4096 /* descriptors, without /proc */

static void add_descriptor(struct world *world, size_t fd)
{
    if (fd >= world->size) {
        size_t size = (fd + 1) * 2;
        unsigned char *open = realloc(world->open, size);
        if (open == NULL)
            abort();
        memset(open + world->size, 0, size - world->size);
        world->open = open;
        world->size = size;
    }
    world->open[fd] = 1;
}

static void try_descriptors(struct world *world)
{
    for (int fd = 0; fd < TRIED; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            add_descriptor(world, (size_t)fd);
}

static void look_at_descriptors(struct world *world)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        try_descriptors(world);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != dirfd(directory))
            add_descriptor(world, (size_t)atoi(entry->d_name));
    (void)closedir(directory);
}

static size_t count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    size_t count = 0;
    if (directory == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    (void)closedir(directory);
    return count;
}

void world_look(struct world *world)
{
    memset(world, 0, sizeof *world);
    look_at_descriptors(world);
    world->threads = count_threads();
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, NULL, &world->actions[i]);
    (void)sigprocmask(SIG_SETMASK, NULL, &world->blocked);
    (void)sigaltstack(NULL, &world->stack);
}

void world_forget(struct world *world)
{
    free(world->open);
    world->open = NULL;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool has(const struct world *world, size_t fd)
{
    return fd < world->size && world->open[fd] != 0;
}

static void describe(size_t fd, char *text, size_t size)
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%zu", fd);
    ssize_t length = readlink(link, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
}

static void compare_descriptors(const struct world *before, const struct world *after)
{
    size_t size = before->size > after->size ? before->size : after->size;
    for (size_t fd = 0; fd < size; fd++) {
        char text[128];
        if (!has(before, fd) && has(after, fd)) {
            describe(fd, text, sizeof text);
            test_leak("descriptor %zu is still open: %s", fd, text);
        }
        if (has(before, fd) && !has(after, fd))
            test_leak("descriptor %zu, which is not the test's, was closed", fd);
    }
}

/* Linux's C libraries add SA_RESTORER to whatever is set, so one put back has it too. */
static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_handler == b->sa_handler && ((a->sa_flags ^ b->sa_flags) & ~0x04000000) == 0;
}

static void compare_actions(const struct world *before, const struct world *after)
{
    for (int i = 1; i < NSIG; i++) {
        if (!same_action(&before->actions[i], &after->actions[i]))
            test_leak("the disposition of signal %d (%s) has changed", i, strsignal(i));
        if (sigismember(&before->blocked, i) != sigismember(&after->blocked, i))
            test_leak("signal %d (%s) is %sblocked now", i, strsignal(i),
                      sigismember(&after->blocked, i) ? "" : "un");
    }
    if (before->stack.ss_flags != after->stack.ss_flags ||
        (before->stack.ss_flags != SS_DISABLE && before->stack.ss_sp != after->stack.ss_sp))
        test_leak("the alternate signal stack is not what it was");
}

/* A thread that was joined may be in /proc for a moment more. */
static void compare_threads(const struct world *before)
{
    size_t count = count_threads();
    for (int i = 0; count > before->threads && i < 1000; i++) {
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
        count = count_threads();
    }
    if (count > before->threads)
        test_leak("threads are left: %zu", count - before->threads);
}

static void look_for_children(void)
{
    siginfo_t child;
    memset(&child, 0, sizeof child);
    if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0)
        test_leak("a child is left: %s", child.si_pid != 0 ? "a zombie" : "running");
}

void world_compare(const struct world *before)
{
    struct world after;
    compare_threads(before);
    world_look(&after);
    compare_descriptors(before, &after);
    compare_actions(before, &after);
    look_for_children();
    world_forget(&after);
}
