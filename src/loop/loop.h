/*
 * The loop's inside, for the layers above.
 *
 * One turn: ask the selector, append what is ready (descriptors, then due timers)
 * to the queue, and run exactly what the queue holds then; what is queued
 * meanwhile waits for the next turn.  This is asyncio's _run_once.
 *
 * Everything in the queue is an aio__handle, and running it is h->run(h).  Where
 * that may happen is its `place`: the library's own short ones run on whatever
 * stack comes by, a task's is a switch to its coroutine, all others run on the
 * thread's own stack.
 *
 * aio__loop_take() gives the next handle of the current turn.  The loop calls it
 * on the thread's stack, and a task that parks calls it to switch straight to the
 * next task.  If what it gets is no task, it leaves it `in_hand` and switches to
 * the thread's stack.
 *
 * A turn needs no system call while nothing is watched and no timer is due; under
 * load the selector is asked once in 50 us or so.
 */
#ifndef AIO_LOOP_LOOP_H
#define AIO_LOOP_LOOP_H

#include <stdatomic.h>

#include <aio/loop.h>

#include "base/compat.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/variables.h"
#include "loop/selector.h"

typedef struct aio__handle aio__handle;
typedef struct aio__extension aio__extension;
typedef struct aio__watch aio__watch;
typedef struct aio__watcher aio__watcher;

/* What a layer above keeps per loop; any of the functions may be NULL but close. */
struct aio__extension {
    void (*start)(aio__extension *extension);  /* the loop begins to run, on this thread */
    void (*finish)(aio__extension *extension); /* it has stopped running */
    void (*idle)(aio__extension *extension, int64_t wait); /* it is about to wait, for so long */
    void (*close)(aio__extension *extension);  /* it closes: free everything, this structure too */
    void (*describe)(aio__extension *extension, aio_failure *failure); /* names loop->current */
};

enum aio__extension_slot { AIO__EXTENSION_TASK, AIO__EXTENSION_IO, AIO__EXTENSION_COUNT };

/* A callback that is called again and again, in a context that stays. */
typedef struct aio__recurring {
    aio_callback callback;
    void *arg;
    aio__variables variables; /* while it does not run */
    bool *ended;              /* while it runs: set when it must not go back here */
} aio__recurring;

/* Where a descriptor is watched from.  Generations tell an old event from its successor's. */
struct aio__slot {
    aio__watch *watch; /* NULL: nobody watches this number */
    uint32_t generation;
};

#define AIO__EVENT_COUNT 256

/* A descriptor that is watched.  At most one per number and loop. */
struct aio__watch {
    int fd;              /* -1 once closed */
    uint32_t generation;
    unsigned mode;       /* 0 one-shot, or AIO__EDGE */
    unsigned interest;   /* what the selector was last told; 0: nothing yet */
    unsigned armed;      /* one-shot: what of that it has not reported yet */
    unsigned pending;    /* edge: reported, and nobody was waiting; AIO__HANGUP stays */
    bool always_ready;   /* a regular file and the like: the selector won't have it */
    aio__watcher *watchers[2]; /* reader, writer; until the waiter takes itself out */
};

struct aio_loop {
    aio__list turn;       /* what is left to run of this turn */
    aio__list ready;      /* what will run in the next one */
    void *current;        /* the task that runs, to the layer of tasks; NULL: a callback does */
    void *behind;         /* aside: the task on whose stack that is; NULL: the thread's own */
    aio__variables *context;  /* the context variables of what runs: a task's, or ... */
    aio__variables variables; /* ... a callback's; else empty */
    aio__handle *in_hand; /* taken by a parking task, to be run on the thread's stack; or NULL */
    aio__heap timers;
    int64_t now;    /* the loop's time when it last looked */
    uint64_t taken; /* handles run in all */
    uint64_t checked; /* `taken` when it last thought of asking the selector */
    uint64_t polled;  /* aio__ticks() when it last asked it */
    uint64_t shuffle; /* state of the generator that shuffles turns; 0: no shuffling */
    uint64_t lots;    /* state of the one that chooses where several things are ready */
    bool running, stopping, closing;
    bool single;        /* runs one turn only: aio__loop_take() opens no other */
    bool virtual_clock;
    size_t watches;     /* descriptors watched, but for its own */
    size_t waits;       /* for what can wake it from outside: directions, holds */
    size_t handlers;    /* of signals, which can as well, but keep the virtual clock from nothing */
    size_t holds;       /* aio_loop_hold() */
    aio__extension *extensions[AIO__EXTENSION_COUNT];

    aio__selector selector;
    aio__event *events;      /* AIO__EVENT_COUNT of them; a task's stack may be too small */
    struct aio__slot *slots; /* by descriptor */
    size_t slot_count;
    struct aio__lent *lent;  /* watches of descriptors that are not ours */
    aio__list readers;       /* callbacks of readers and writers */

    int wake_reader, wake_writer;  /* the same where it is an eventfd */
    _Atomic(aio_handle *) posted;  /* by other threads; the newest first */
    atomic_bool woken;             /* a wake-up is on its way */
    atomic_bool signalled;         /* some signal of ours is pending */
    struct aio__signal_watch *signals;

    aio_exception_handler exception_handler; /* NULL: the default */
    void *exception_arg;
    bool handling; /* the exception handler runs */
    void (*output)(const char *line, void *arg); /* of dumps; NULL: the error stream */
    void *output_arg;
    bool debug;
    int64_t step_began;    /* debug: when what runs did; 0: nothing does */
    aio_callback callback; /* the last that ran */
    aio_options options;
};

/* The loop that runs on this thread, or NULL. */
extern AIO__THREAD_LOCAL aio_loop *aio__loop_running;

/* ---- the queue ------------------------------------------------------------------------------- */

/* Queues what other threads have posted. */
void aio__wakeup_collect(aio_loop *loop);

/* Queues a handle for the next turn.  It is in no list. */
static inline void aio__loop_enqueue(aio_loop *loop, aio__handle *handle)
{
    /* What this thread has posted before comes before. */
    if (AIO__UNLIKELY(atomic_load_explicit(&loop->posted, memory_order_relaxed) != NULL))
        aio__wakeup_collect(loop);
    aio__list_push_back(&loop->ready, &handle->link);
}

/* Queues all handles of a list, and leaves that empty. */
static inline void aio__loop_enqueue_all(aio_loop *loop, aio__list *handles)
{
    if (AIO__UNLIKELY(atomic_load_explicit(&loop->posted, memory_order_relaxed) != NULL))
        aio__wakeup_collect(loop);
    aio__list_append(&loop->ready, handles);
}

/*
 * The next handle to run: of this turn, or of a new one if that needs no look at
 * the selector.  NULL: it does, or there is nothing, or the loop shall stop.
 * Handles of AIO__PLACE_ANY are run on the way.
 */
aio__handle *aio__loop_take(aio_loop *loop);

/*
 * Runs turns until the loop is stopped: 0.  -EBUSY if it, or another on this thread, runs; what the
 * selector failed with.  With `detect`, -EDEADLK when nothing can wake it any more.
 */
int aio__loop_run(aio_loop *loop, bool detect);
/* Runs one turn, and waits at most so long for it: how many handles ran; errors as above. */
int aio__loop_run_turn(aio_loop *loop, int64_t timeout, bool detect);

/* ---- timers ---------------------------------------------------------------------------------- */

/* The time now; sets loop->now. */
int64_t aio__loop_update_time(aio_loop *loop);
/* Starts a timer for which a place in loop->timers is reserved. */
void aio__loop_timer_start(aio_loop *loop, aio__timer *timer, int64_t when);
/* Stops it wherever it is: in the heap, or due and queued.  False if it was neither. */
bool aio__loop_timer_stop(aio_loop *loop, aio__timer *timer);

/* ---- descriptors: watch.c -------------------------------------------------------------------- */

/* Begins to watch: 0; -EBUSY the number is watched already; -EBADF, -ENOMEM, -ENOSPC. */
int aio__watch_open(aio_loop *loop, aio__watch *watch, int fd, unsigned mode);
/* Ends it, before the descriptor is closed: who waits gets -EBADF.  Also of one that is closed. */
void aio__watch_close(aio_loop *loop, aio__watch *watch);
/*
 * Begins to wait for AIO__READ, AIO__WRITE or both: watcher->handle is queued when one is ready (at
 * once, if it is already).  0; -EBUSY somebody waits on one of them; -EBADF closed; as open.
 */
int aio__watch_wait(aio_loop *loop, aio__watch *watch, unsigned directions, aio__watcher *watcher);
/* Ends to wait, woken or not: mandatory after each wait that began, on a closed watch too. */
void aio__watch_unwait(aio_loop *loop, aio__watch *watch, aio__watcher *watcher);
/* Edge mode: from now on these directions too.  0, or -errno. */
int aio__watch_extend(aio_loop *loop, aio__watch *watch, unsigned directions);
/* The watch of a descriptor; NULL if it has none. */
aio__watch *aio__watch_find(const aio_loop *loop, int fd);

/*
 * The one-shot watch of a descriptor that is not ours, for aio_fd_wait() and readers alike: found,
 * or made.  It stays, so that the next wait allocates nothing, until aio__watch_forget() or the end
 * of the loop.  0; -EBUSY a stream's; -EBADF, -ENOMEM.
 */
int aio__watch_lend(aio_loop *loop, int fd, aio__watch **out_watch);
/* The descriptor will be closed: closes and frees its lent watch, if it has one. */
void aio__watch_forget(aio_loop *loop, int fd);
/*
 * After a wait that ended with `rc`.  A number that can't be watched may be another thing when it
 * is next waited for: then its lent watch is forgotten, if nobody else waits on it.
 */
void aio__watch_give_back(aio_loop *loop, int fd, int rc);

/* What the selector has reported, to those who wait. */
void aio__watch_deliver(aio_loop *loop, const aio__event *event);
/* Frees the lent watches; at the loop's end. */
void aio__watch_fini(aio_loop *loop);
/* Frees the readers and writers: reader.c. */
void aio__reader_fini(aio_loop *loop);

/* ---- wake-ups: wakeup.c ---------------------------------------------------------------------- */

int aio__wakeup_init(aio_loop *loop);
void aio__wakeup_fini(aio_loop *loop);
/* Makes the selector return, from any thread or signal handler. */
void aio__wakeup_send(aio_loop *loop);
/* The selector has seen a wake-up. */
void aio__wakeup_clear(aio_loop *loop);

/* ---- signals: sigwatch.c --------------------------------------------------------------------- */

/*
 * As aio_loop_add_signal_handler().  With `once`, a second signal has its default effect at once,
 * and the handler does not keep a run from being a deadlock.
 */
int aio__signal_watch_add(aio_loop *loop, int signal, bool once, aio_callback callback, void *arg);
/*
 * Takes a handler for `once` away, if it still is that; whether the signal had come and the handler
 * had not run.
 */
bool aio__signal_watch_end(aio_loop *loop, int signal);
/* Queues the handlers of the signals that have come. */
void aio__signal_watch_collect(aio_loop *loop);
void aio__signal_watch_fini(aio_loop *loop);

/* ---- callbacks: callback.c ------------------------------------------------------------------- */

/* Fills a handle in, for callback(arg); the caller queues its timer.handle.  0; -EBUSY, -EINVAL. */
int aio__callback_prepare(aio_loop *loop, aio_handle *handle, aio_callback callback, void *arg);
/* A handle that another thread posted has come. */
void aio__callback_arrived(aio_loop *loop, aio_handle *handle);
/*
 * A handle was taken out of the queue, for good: gives back what it has, if it is a callback's.
 * Which; NULL if it is none.
 */
aio_callback aio__callback_drop(aio__handle *handle);

/* Fills in a callback that recurs, with a copy of the context that is current here. */
void aio__recurring_begin(aio__recurring *recurring, aio_callback callback, void *arg);
/* It won't be called any more; also from inside its callback. */
void aio__recurring_end(aio__recurring *recurring);
/* Calls it.  It may end, and be freed, or begun anew, meanwhile. */
void aio__recurring_call(aio_loop *loop, aio__recurring *recurring);

/* ---- reports: report.c ----------------------------------------------------------------------- */

/* Tells the loop's exception handler; the default one where there is no loop any more. */
void aio__loop_tell(aio_loop *loop, const aio_failure *failure);
void aio__loop_report(aio_loop *loop, const char *message, const char *name, int error);

/*
 * Between these, user code runs that must not suspend, on whichever stack this is: a handler, or
 * what takes a dump's lines.  There is no current task then, only one behind it.
 */
typedef struct aio__aside {
    void *current, *behind;
    aio__variables *context;
} aio__aside;

aio__aside aio__aside_begin(aio_loop *loop);
void aio__aside_end(aio_loop *loop, const aio__aside *aside);

/* ---- debug mode: observe.c ------------------------------------------------------------------- */

/* By an option, or the environment. */
bool aio__debug_wanted(const aio_options *options);
/* A step of a task, or a callback, begins; it has ended, if one has begun. */
void aio__step_begin(aio_loop *loop);
void aio__step_end(aio_loop *loop);
/* The loop closes, and so many callbacks never ran. */
void aio__debug_tell_dropped(aio_loop *loop, size_t count, aio_callback first);
/* The loop closes, and a program's descriptor is still open. */
void aio__debug_tell_open(aio_loop *loop, const char *what, int fd);
/* Misuse that no result can tell of: writes a line and aborts. */
_Noreturn void aio__debug_stop(const char *message, const char *place);

/* Debug mode: it runs on another thread, and what was called is not for others to call. */
static inline bool aio__loop_foreign(const aio_loop *loop)
{
    return AIO__UNLIKELY(loop->debug) && loop->running && aio__loop_running != loop;
}
/* Reports that; -EPERM. */
int aio__loop_refuse(aio_loop *loop, const char *what);

#endif
