/*
 * One function for each call of base/sys.h, which counts, asks the rules, and
 * hands on: to transfer.c, and that to what was in the table before, the ledger.
 *
 * No locks: a signal handler of the library may come through here at any moment.
 */
#include "support/faults.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "support/harness.h"
#include "support/site.h"
#include "support/transfer.h"

#define RULES 16

/* X(name) for each call. */
#define CALL(type, name, parameters, arguments) CALL_##name,
enum call { AIO__SYS_POSIX(CALL) AIO__SYS_SYSTEM(CALL) AIO__SYS_SPECIAL(CALL) CALLS };

#define NAME(type, name, parameters, arguments) #name,
static const char *const names[] = {AIO__SYS_POSIX(NAME) AIO__SYS_SYSTEM(NAME)
                                        AIO__SYS_SPECIAL(NAME)};

static const struct {
    const char *name, *calls;
} classes[] = {
    {"memory", " malloc calloc realloc mmap "},
    {"descriptor", " socket socketpair accept accept4 pipe pipe2 epoll_create1 eventfd kqueue "
                   "open openat dup pidfd_open "},
};

struct rule {
    bool concerns[CALLS];
    atomic_ulong seen;
    unsigned long nth;
    int error;
    enum faults_how how;
};
static struct rule rules[RULES];
static atomic_size_t rule_count;
/* What is planned for this test; its calls are counted in the report, which children share. */
static struct rule planned;
static atomic_ulong counts[CALLS];
static struct aio__sys before, below;

_Thread_local void *harness_site;

/* ---- rules ----------------------------------------------------------------------------------- */

static bool strikes(const struct rule *rule, atomic_ulong *counter)
{
    unsigned long seen = atomic_fetch_add(counter, 1) + 1;
    switch (rule->how) {
    case FAULTS_ONCE:
        return seen == rule->nth;
    case FAULTS_FROM_THEN_ON:
        return seen >= rule->nth;
    case FAULTS_EVERY:
        return seen % rule->nth == 0;
    }
    return false;
}

static int planned_fault_of(enum call call)
{
    if (!planned.concerns[call] || !strikes(&planned, &test_report->calls))
        return 0;
    atomic_store(&test_report->struck, true);
    return planned.error;
}

/* The error that this call shall fail with, or 0. */
static int fault_of(enum call call)
{
    int error = planned_fault_of(call);
    (void)atomic_fetch_add(&counts[call], 1);
    size_t count = atomic_load(&rule_count);
    for (size_t i = 0; i < count; i++)
        if (rules[i].concerns[call] && strikes(&rules[i], &rules[i].seen) && error == 0)
            error = rules[i].error;
    return error;
}

static bool is_named(const char *name, enum call call)
{
    char wanted[40];
    if (strcmp(name, "any") == 0 || strcmp(name, names[call]) == 0)
        return true;
    (void)snprintf(wanted, sizeof wanted, " %s ", names[call]);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(name, classes[i].name) == 0)
            return strstr(classes[i].calls, wanted) != NULL;
    return false;
}

/* Whether there is such a call or class. */
static bool name_calls(struct rule *rule, const char *name)
{
    bool found = false;
    for (int call = 0; call < CALLS; call++) {
        rule->concerns[call] = is_named(name, (enum call)call);
        found |= rule->concerns[call];
    }
    return found;
}

bool faults_fail(const char *name, unsigned long nth, int error, enum faults_how how)
{
    size_t i = atomic_load(&rule_count);
    if (i == RULES || nth == 0)
        return test_check(false, "faults_fail(): a number, and not too many rules", __FILE__,
                          __LINE__);
    bool found = name_calls(&rules[i], name);
    atomic_store(&rules[i].seen, 0);
    rules[i].nth = nth;
    rules[i].error = error;
    rules[i].how = how;
    if (found)
        atomic_store(&rule_count, i + 1);
    return test_check(found, "faults_fail(): the name of a call or a class", __FILE__, __LINE__);
}

void faults_follow(const struct test_plan *plan)
{
    planned.nth = plan->nth;
    planned.error = plan->error;
    planned.how = plan->from_then_on ? FAULTS_FROM_THEN_ON : FAULTS_ONCE;
    check(name_calls(&planned, plan->fault));
}

unsigned long faults_count(const char *name)
{
    unsigned long count = 0;
    for (int call = 0; call < CALLS; call++)
        if (is_named(name, (enum call)call))
            count += atomic_load(&counts[call]);
    return count;
}

void faults_clear(void)
{
    atomic_store(&rule_count, 0);
    transfer_clear();
}

/* ---- the calls ------------------------------------------------------------------------------- */

/* Those that return their error, and leave errno alone. */
static bool returns_error(enum call call)
{
    return strncmp(names[call], "pthread_", 8) == 0 || strncmp(names[call], "posix_", 6) == 0 ||
           strcmp(names[call], "sigwait") == 0;
}

/* What a call returns that fails; mmap's MAP_FAILED is -1. */
static intptr_t refusal(enum call call, int error)
{
    if (returns_error(call))
        return error;
    errno = error;
    return call == CALL_malloc || call == CALL_calloc || call == CALL_realloc ? 0 : -1;
}

#define FAULTED(type, name, parameters, arguments)                                                 \
    static type faulted_##name parameters                                                          \
    {                                                                                              \
        int error = fault_of(CALL_##name);                                                         \
        harness_site = __builtin_return_address(0);                                                \
        if (error != 0)                                                                            \
            return (type)refusal(CALL_##name, error);                                              \
        return below.name arguments;                                                               \
    }
AIO__SYS_POSIX(FAULTED)
AIO__SYS_SYSTEM(FAULTED)
AIO__SYS_SPECIAL(FAULTED)

static void faulted_free(void *block)
{
    harness_site = __builtin_return_address(0);
    below.free(block);
}

/* A close that fails has closed. */
static int closing(int fd)
{
    int error = fault_of(CALL_close);
    harness_site = __builtin_return_address(0);
    int rc = below.close(fd);
    return error == 0 || rc < 0 ? rc : (int)refusal(CALL_close, error);
}

#define ENTRY(type, name, parameters, arguments) .name = faulted_##name,
static const struct aio__sys faulted = {AIO__SYS_POSIX(ENTRY) AIO__SYS_SYSTEM(ENTRY)
                                            AIO__SYS_SPECIAL(ENTRY).free = faulted_free};

void faults_begin(void)
{
    faults_clear();
    for (int call = 0; call < CALLS; call++) {
        atomic_store(&counts[call], 0);
        planned.concerns[call] = false;
    }
    before = aio__sys;
    transfer_install();
    below = aio__sys;
    aio__sys = faulted;
    aio__sys.close = closing;
}

void faults_end(void)
{
    faults_clear();
    aio__sys = before;
}
