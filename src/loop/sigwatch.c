/*
 * Signals: a handler that only notes which signal came and wakes the loop, which
 * then calls back.
 *
 * A signal belongs to one loop of the process.  The handler runs on whatever
 * thread and stack; it touches atomics and one descriptor.  Who takes a handler
 * away waits until none is inside it any more, so that it never meets a loop that
 * is gone.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include <aio/loop.h>

#include "base/sys.h"
#include "loop/loop.h"

/* A handler takes a microsecond. */
#define MOST_YIELDS 10000
#define SIGNALS 65 /* more than any system's highest; those beyond are -EINVAL */

struct aio__signal_watch {
    struct aio__signal_watch *next;
    aio__handle handle;
    aio_loop *loop;
    aio__recurring recurring;
    struct sigaction previous;
    int signal;
    bool once;
};

static struct {
    _Atomic(aio_loop *) owner;
    atomic_bool pending;
} watched[SIGNALS];
static atomic_int inside; /* how many handlers run just now */

static void note_signal(int signal)
{
    int saved = errno;
    atomic_fetch_add(&inside, 1);
    aio_loop *loop = atomic_load(&watched[signal].owner);
    if (loop != NULL) {
        atomic_store(&watched[signal].pending, true);
        atomic_store(&loop->signalled, true);
        aio__wakeup_send(loop);
    }
    atomic_fetch_sub(&inside, 1);
    errno = saved;
}

static void run_signal(aio__handle *handle)
{
    struct aio__signal_watch *watch = aio__container(handle, struct aio__signal_watch, handle);
    aio__recurring_call(watch->loop, &watch->recurring); /* may remove the watch */
}

static struct aio__signal_watch **find(aio_loop *loop, int signal)
{
    struct aio__signal_watch **at = &loop->signals;
    while (*at != NULL && (*at)->signal != signal)
        at = &(*at)->next;
    return at;
}

static int set_disposition(int signal, bool once, struct sigaction *previous)
{
    struct sigaction action = {.sa_handler = note_signal};
    (void)sigfillset(&action.sa_mask);
    action.sa_flags = SA_RESTART | SA_ONSTACK | (once ? (int)SA_RESETHAND : 0);
    return aio__sys_sigaction(signal, &action, previous);
}

static int install(aio_loop *loop, struct aio__signal_watch *watch)
{
    aio_loop *nobody = NULL;
    if (!atomic_compare_exchange_strong(&watched[watch->signal].owner, &nobody, loop))
        return -EBUSY;
    atomic_store(&watched[watch->signal].pending, false);
    if (set_disposition(watch->signal, watch->once, &watch->previous) == 0)
        return 0;
    int rc = -errno;
    atomic_store(&watched[watch->signal].owner, NULL);
    return rc;
}

/* The handler of a run's first SIGINT may be replaced by the program's own, which is for all. */
static int replace(aio_loop *loop, struct aio__signal_watch *watch, bool once,
                   aio_callback callback, void *arg)
{
    if (watch->once != once) {
        if (set_disposition(watch->signal, once, NULL) < 0)
            return -errno;
        loop->handlers += !once;
        loop->handlers -= !watch->once;
        watch->once = once;
    }
    aio__recurring_end(&watch->recurring);
    aio__recurring_begin(&watch->recurring, callback, arg);
    return 0;
}

int aio__signal_watch_add(aio_loop *loop, int signal, bool once, aio_callback callback, void *arg)
{
    if (loop == NULL || callback == NULL || signal <= 0 || signal >= SIGNALS)
        return -EINVAL;
    struct aio__signal_watch *watch = *find(loop, signal);
    if (watch != NULL)
        return replace(loop, watch, once, callback, arg);
    watch = aio__sys_calloc(1, sizeof *watch);
    if (watch == NULL)
        return -ENOMEM;
    watch->handle.run = run_signal;
    watch->loop = loop;
    watch->signal = signal;
    watch->once = once;
    int rc = install(loop, watch);
    if (rc < 0) {
        aio__sys_free(watch);
        return rc;
    }
    aio__recurring_begin(&watch->recurring, callback, arg);
    watch->next = loop->signals;
    loop->signals = watch;
    loop->handlers += !once;
    return 0;
}

/* The disposition that was there before, unless the program has set one of its own meanwhile. */
static void put_back(const struct aio__signal_watch *watch)
{
    struct sigaction now;
    if (aio__sys_sigaction(watch->signal, NULL, &now) < 0)
        return;
    bool ours = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == note_signal;
    /* One for `once` that has run has been reset by the system, which may have left flags. */
    if (ours || (watch->once && now.sa_handler == SIG_DFL))
        (void)aio__sys_sigaction(watch->signal, &watch->previous, NULL);
}

static void remove_watch(aio_loop *loop, struct aio__signal_watch **at)
{
    struct aio__signal_watch *watch = *at;
    put_back(watch);
    atomic_store(&watched[watch->signal].owner, NULL);
    /* Bounded, for in a forked child there may be one that never leaves. */
    for (int i = 0; i < MOST_YIELDS && atomic_load(&inside) != 0; i++)
        (void)sched_yield();
    *at = watch->next;
    if (aio__link_linked(&watch->handle.link))
        aio__link_remove(&watch->handle.link);
    loop->handlers -= !watch->once;
    aio__recurring_end(&watch->recurring);
    aio__sys_free(watch);
}

void aio__signal_watch_collect(aio_loop *loop)
{
    atomic_store(&loop->signalled, false);
    for (struct aio__signal_watch *watch = loop->signals; watch != NULL; watch = watch->next)
        if (atomic_exchange(&watched[watch->signal].pending, false) &&
            !aio__link_linked(&watch->handle.link))
            aio__loop_enqueue(loop, &watch->handle);
}

bool aio__signal_watch_end(aio_loop *loop, int signal)
{
    struct aio__signal_watch **at = find(loop, signal);
    if (*at == NULL || !(*at)->once)
        return false;
    bool come = atomic_exchange(&watched[signal].pending, false) ||
                aio__link_linked(&(*at)->handle.link);
    remove_watch(loop, at);
    return come;
}

void aio__signal_watch_fini(aio_loop *loop)
{
    while (loop->signals != NULL)
        remove_watch(loop, &loop->signals);
}

int aio_loop_add_signal_handler(aio_loop *loop, int signal, aio_callback callback, void *arg)
{
    return aio__signal_watch_add(loop, signal, false, callback, arg);
}

int aio_loop_remove_signal_handler(aio_loop *loop, int signal)
{
    struct aio__signal_watch **at = loop != NULL ? find(loop, signal) : NULL;
    if (at == NULL || *at == NULL || (*at)->once)
        return 0;
    remove_watch(loop, at);
    return 1;
}
