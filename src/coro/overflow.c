/*
 * Stack overflows.
 *
 * The dispositions of SIGSEGV and SIGBUS (some systems send that one) are the
 * process's, what is watched is each thread's: a thread that does not watch, and
 * an address in no guard, go to the disposition that was there before.  The
 * handler calls nothing but write(), sigaction(), raise() and the thread's lookup.
 */
#include "coro/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/compat.h"
#include "base/sys.h"
#include "base/util.h"

#define MESSAGE_SIZE 256
#define NAME_SIZE 128 /* so much of a name is told */

static const int signals[] = {SIGSEGV, SIGBUS};

/* What a thread watches. */
struct watch {
    unsigned count; /* starts that are not stopped */
    aio__overflow_lookup lookup;
    size_t guard_size; /* the largest asked for */
    char *map;         /* the alternate stack and its guard; NULL: the thread had one */
    size_t map_size;
    stack_t previous; /* valid if map is not NULL */
};

static AIO__THREAD_LOCAL struct watch watch;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned threads; /* that watch; under the mutex, as is what follows */
/* Somebody put a handler over ours, and may call it: ours must not be put over that. */
static bool covered[AIO__COUNT(signals)];
static struct sigaction previous[AIO__COUNT(signals)];

/* ---- the handler ----------------------------------------------------------------------------- */

/* Appends text to the message, as far as there is room. */
static size_t append(char *message, size_t length, const char *text, size_t most)
{
    while (*text != '\0' && most-- > 0 && length < MESSAGE_SIZE)
        message[length++] = *text++;
    return length;
}

static size_t append_number(char *message, size_t length, size_t number)
{
    char digits[24];
    size_t i = sizeof digits;
    digits[--i] = '\0';
    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return append(message, length, digits + i, sizeof digits);
}

static void tell(const char *name, size_t size)
{
    char message[MESSAGE_SIZE];
    size_t length = append(message, 0, "aio: stack overflow in task \"", MESSAGE_SIZE);
    length = append(message, length, name, NAME_SIZE);
    length = append(message, length, "\" (stack of ", MESSAGE_SIZE);
    length = append_number(message, length, size);
    length = append(message, length, " bytes)\n", MESSAGE_SIZE);
    for (size_t told = 0; told < length;) {
        ssize_t written = aio__sys_write(STDERR_FILENO, message + told, length - told);
        if (written < 0 && errno != EINTR)
            return;
        told += written > 0 ? (size_t)written : 0;
    }
}

/* Whether a fault was in the guard of the stack that runs. */
static bool overflowed(const aio__stack *stack, const siginfo_t *info)
{
    if (stack == NULL || stack->base == NULL || info->si_code <= 0)
        return false;
    uintptr_t base = (uintptr_t)stack->base, at = (uintptr_t)info->si_addr;
    /* A guard may be a page larger than was asked for. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return at < base && base - at <= aio__round_up(watch.guard_size, page) + page;
}

static bool handles(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* To the disposition that was there before. */
static void pass_on(const struct sigaction *action, int signal, siginfo_t *info, void *machine)
{
    if ((action->sa_flags & SA_SIGINFO) != 0) {
        action->sa_sigaction(signal, info, machine);
    } else if (handles(action)) {
        action->sa_handler(signal);
    } else if (action->sa_handler == SIG_DFL || info->si_code > 0) {
        /* A fault comes again when this returns; what somebody has sent does not. */
        (void)aio__sys_sigaction(signal, action, NULL);
        if (info->si_code <= 0)
            (void)raise(signal);
    }
}

static void on_fault(int signal, siginfo_t *info, void *machine)
{
    const struct sigaction *action = &previous[signal == signals[0] ? 0 : 1];
    int saved = errno;
    const char *name = "";
    const aio__stack *stack = watch.count != 0 ? watch.lookup(&name) : NULL;
    if (overflowed(stack, info)) {
        tell(name, stack->size);
        (void)aio__sys_sigaction(signal, action, NULL);
    } else {
        pass_on(action, signal, info, machine);
    }
    errno = saved;
}

/* ---- the process's dispositions -------------------------------------------------------------- */

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == on_fault;
}

/* Puts back those of the first `count` signals that are still ours. */
static void uninstall(size_t count)
{
    struct sigaction now;
    while (count-- > 0) {
        bool known = aio__sys_sigaction(signals[count], NULL, &now) == 0;
        if (known && is_ours(&now))
            known = aio__sys_sigaction(signals[count], &previous[count], &now) == 0;
        covered[count] = !known || (handles(&now) && !is_ours(&now));
    }
}

/* Unless it is there: beneath a handler that still covers it, or put back by somebody who had
 * looked while we watched. */
static int install_one(size_t i, const struct sigaction *action)
{
    struct sigaction now;
    if (aio__sys_sigaction(signals[i], NULL, &now) < 0)
        return -errno;
    if (is_ours(&now) || (covered[i] && handles(&now)))
        return 0;
    return aio__sys_sigaction(signals[i], action, &previous[i]) < 0 ? -errno : 0;
}

static int install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < AIO__COUNT(signals); i++) {
        int rc = install_one(i, &action);
        if (rc < 0) {
            uninstall(i);
            return rc;
        }
    }
    return 0;
}

static int join(void)
{
    (void)pthread_mutex_lock(&mutex);
    int rc = threads == 0 ? install() : 0;
    threads += rc == 0;
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

static void part(void)
{
    (void)pthread_mutex_lock(&mutex);
    if (--threads == 0)
        uninstall(AIO__COUNT(signals));
    (void)pthread_mutex_unlock(&mutex);
}

/* ---- a thread's alternate stack -------------------------------------------------------------- */

/* Unmaps it; it is not in use. */
static void alternate_unmap(void)
{
    (void)aio__sys_munmap(watch.map, watch.map_size);
    watch.map = NULL;
}

/* Gives the thread an alternate stack, unless it has one that will do. */
static int alternate_start(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = aio__round_up(aio__stack_signal_size(), page);
    if (aio__sys_sigaltstack(NULL, &watch.previous) < 0)
        return -errno;
    if ((watch.previous.ss_flags & SS_DISABLE) == 0 && watch.previous.ss_size >= size)
        return 0;
    watch.map_size = size + page;
    watch.map = aio__sys_mmap(NULL, watch.map_size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (watch.map == MAP_FAILED) {
        watch.map = NULL;
        return -ENOMEM;
    }
    stack_t alternate;
    memset(&alternate, 0, sizeof alternate);
    alternate.ss_sp = watch.map + page;
    alternate.ss_size = size;
    if (aio__sys_mprotect(watch.map, page, PROT_NONE) < 0 ||
        aio__sys_sigaltstack(&alternate, NULL) < 0) {
        int error = errno;
        alternate_unmap();
        return -error;
    }
    return 0;
}

static void alternate_stop(void)
{
    stack_t now;
    if (watch.map == NULL || aio__sys_sigaltstack(NULL, &now) < 0)
        return;
    bool ours = (char *)now.ss_sp > watch.map && (char *)now.ss_sp < watch.map + watch.map_size;
    if (ours && aio__sys_sigaltstack(&watch.previous, NULL) < 0)
        return;
    alternate_unmap();
}

/* ---- start and stop -------------------------------------------------------------------------- */

int aio__overflow_start(aio__overflow_lookup lookup, size_t guard_size)
{
    if (watch.count == 0) {
        int rc = alternate_start();
        if (rc < 0)
            return rc;
        rc = join();
        if (rc < 0) {
            alternate_stop();
            return rc;
        }
        watch.guard_size = 0;
    }
    watch.lookup = lookup;
    if (guard_size > watch.guard_size)
        watch.guard_size = guard_size;
    watch.count++;
    return 0;
}

void aio__overflow_stop(void)
{
    if (watch.count == 0 || --watch.count != 0)
        return;
    part();
    alternate_stop();
}
