/*
 * The loop's life, and its turns.
 */
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <aio/loop.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/util.h"

AIO__THREAD_LOCAL aio_loop *aio__loop_running;

/* ---- life ------------------------------------------------------------------------------------ */

static bool options_make_sense(const aio_options *options)
{
    return options->size == sizeof *options && (unsigned)options->clock <= AIO_CLOCK_VIRTUAL &&
           options->stack_size >= 16384 &&
           options->stack_size <= SIZE_MAX / 4 && options->guard_size <= SIZE_MAX / 4 &&
           options->slow_step >= 0;
}

static int open_parts(aio_loop *loop)
{
    int rc = -ENOMEM;
    loop->events = aio__sys_malloc(AIO__EVENT_COUNT * sizeof *loop->events);
    if (loop->events == NULL)
        return rc;
    rc = aio__selector_open(&loop->selector, loop->options.selector);
    if (rc < 0)
        goto free_events;
    rc = aio__wakeup_init(loop);
    if (rc < 0)
        goto close_selector;
    return 0;

close_selector:
    aio__selector_close(&loop->selector);
free_events:
    aio__sys_free(loop->events);
    return rc;
}

aio_loop *aio_loop_new_with(const aio_options *given)
{
    static const aio_options standard = AIO_OPTIONS_INIT;
    const aio_options *options = given != NULL ? given : &standard;
    if (!options_make_sense(options)) {
        errno = EINVAL;
        return NULL;
    }
    aio_loop *loop = aio__sys_calloc(1, sizeof *loop);
    if (loop == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    aio__list_init(&loop->turn);
    aio__list_init(&loop->ready);
    aio__list_init(&loop->readers);
    aio__heap_init(&loop->timers);
    loop->options = *options;
    loop->virtual_clock = options->clock == AIO_CLOCK_VIRTUAL;
    loop->shuffle = options->shuffle_seed;
    loop->lots = options->shuffle_seed != 0 ? options->shuffle_seed : 1;
    loop->debug = aio__debug_wanted(options);
    loop->context = &loop->variables;
    int rc = open_parts(loop);
    if (rc < 0) {
        aio__sys_free(loop);
        errno = -rc;
        return NULL;
    }
    (void)aio__loop_update_time(loop);
    return loop;
}

aio_loop *aio_loop_new(void)
{
    return aio_loop_new_with(NULL);
}

/* The next that is queued, or waits for its time; taken out.  NULL: there is none. */
static aio__handle *take_queued(aio_loop *loop)
{
    aio__link *link = aio__list_pop_front(&loop->turn);
    if (link != NULL)
        return aio__container(link, aio__handle, link);
    if (loop->timers.count == 0)
        return NULL;
    aio__timer *timer = loop->timers.entries[0].timer;
    aio__heap_remove(&loop->timers, timer);
    return &timer->handle;
}

/* Callbacks that never ran: those that the library allocated are freed, the others handed back. */
static void drop_callbacks(aio_loop *loop)
{
    aio_callback first = NULL;
    size_t count = 0;
    aio__wakeup_collect(loop);
    aio__list_append(&loop->turn, &loop->ready);
    for (aio__handle *handle; (handle = take_queued(loop)) != NULL;) {
        aio_callback callback = aio__callback_drop(handle);
        first = count == 0 ? callback : first;
        count += callback != NULL;
    }
    aio__debug_tell_dropped(loop, count, first);
}

int aio_loop_close(aio_loop *loop)
{
    if (loop == NULL)
        return 0;
    if (loop->running)
        return -EBUSY;
    loop->closing = true;
    /* Tasks first: their waits are undone while what they wait for is still there. */
    for (size_t i = 0; i < AIO__EXTENSION_COUNT; i++)
        if (loop->extensions[i] != NULL)
            loop->extensions[i]->close(loop->extensions[i]);
    drop_callbacks(loop);
    aio__signal_watch_fini(loop);
    aio__reader_fini(loop);
    aio__wakeup_fini(loop);
    aio__watch_fini(loop);
    aio__selector_close(&loop->selector);
    aio__heap_fini(&loop->timers);
    aio__variables_drop(&loop->variables);
    aio__sys_free(loop->events);
    aio__sys_free(loop);
    return 0;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t aio__loop_update_time(aio_loop *loop)
{
    if (!loop->virtual_clock) {
        int64_t now = aio__clock_now();
        /* Some virtual machines' clocks have gone backwards: then ours stands. */
        if (now > loop->now)
            loop->now = now;
    }
    return loop->now;
}

int64_t aio_loop_time(aio_loop *loop)
{
    return loop != NULL ? aio__loop_update_time(loop) : 0;
}

void aio__loop_timer_start(aio_loop *loop, aio__timer *timer, int64_t when)
{
    timer->when = when;
    aio__heap_insert(&loop->timers, timer);
}

bool aio__loop_timer_stop(aio_loop *loop, aio__timer *timer)
{
    if (aio__timer_inserted(timer))
        aio__heap_remove(&loop->timers, timer);
    else if (aio__link_linked(&timer->handle.link))
        aio__link_remove(&timer->handle.link);
    else
        return false;
    return true;
}

static void queue_due_timers(aio_loop *loop)
{
    while (aio__heap_first(&loop->timers) <= loop->now && loop->timers.count != 0) {
        aio__timer *timer = loop->timers.entries[0].timer;
        aio__heap_remove(&loop->timers, timer);
        aio__loop_enqueue(loop, &timer->handle);
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* For tests: a turn in an order that nobody promised.  Each pass sorts by one more bit that is
 * drawn for each handle, so that in the end every order is about as likely. */
static void shuffle_turn(aio_loop *loop)
{
    for (int pass = 0; pass < 16; pass++) {
        aio__list halves[2];
        aio__link *link;
        aio__list_init(&halves[0]);
        aio__list_init(&halves[1]);
        while ((link = aio__list_pop_front(&loop->turn)) != NULL)
            aio__list_push_back(&halves[aio__draw(&loop->shuffle) >> 63], link);
        aio__list_append(&loop->turn, &halves[0]);
        aio__list_append(&loop->turn, &halves[1]);
    }
}

static void open_turn(aio_loop *loop)
{
    queue_due_timers(loop);
    aio__list_append(&loop->turn, &loop->ready);
    if (AIO__UNLIKELY(loop->shuffle != 0))
        shuffle_turn(loop);
}

/* What other threads and signal handlers have left for us.  The loads must not pass the store in
 * aio__wakeup_clear(): see wakeup.c. */
static void collect_calls(aio_loop *loop)
{
    if (AIO__UNLIKELY(atomic_load(&loop->posted) != NULL))
        aio__wakeup_collect(loop);
    if (AIO__UNLIKELY(atomic_load(&loop->signalled)))
        aio__signal_watch_collect(loop);
}

/*
 * Whether it is time to ask the selector and the clock again although tasks are ready: a system
 * call is 30 switches, so only every 50 us, and even the counter is read every eighth step only.
 */
static bool must_poll(aio_loop *loop)
{
    if (loop->watches == 0 && (loop->timers.count == 0 || loop->virtual_clock))
        return false;
    if (loop->taken - loop->checked < 8)
        return false;
    /* Not noted as checked: who asks again before the selector was asked gets the same answer. */
    if (aio__ticks() - loop->polled > AIO__TICKS_50US)
        return true;
    loop->checked = loop->taken;
    return false;
}

/* Opens another turn without a look at the selector; false if it needs one, or must not. */
static bool open_turn_directly(aio_loop *loop)
{
    if (loop->single || loop->stopping || must_poll(loop))
        return false;
    collect_calls(loop);
    if (aio__list_empty(&loop->ready))
        return false;
    open_turn(loop);
    return true;
}

static inline aio__handle *take(aio_loop *loop)
{
    for (;;) {
        aio__link *link = aio__list_pop_front(&loop->turn);
        if (link != NULL) {
            aio__handle *handle = aio__container(link, aio__handle, link);
            loop->taken++;
            if (handle->place != AIO__PLACE_ANY)
                return handle;
            loop->context = &loop->variables; /* whichever stack this is */
            handle->run(handle);
        } else if (!open_turn_directly(loop)) {
            return NULL;
        }
    }
}

static AIO__NOINLINE aio__handle *take_observed(aio_loop *loop)
{
    aio__step_end(loop);
    aio__handle *handle = take(loop);
    if (handle != NULL)
        aio__step_begin(loop);
    return handle;
}

aio__handle *aio__loop_take(aio_loop *loop)
{
    aio__handle *handle = loop->in_hand;
    if (AIO__UNLIKELY(handle != NULL)) {
        loop->in_hand = NULL;
        return handle;
    }
    return AIO__UNLIKELY(loop->debug) ? take_observed(loop) : take(loop);
}

/* ---- waiting for the world ------------------------------------------------------------------- */

static void tell_idle(aio_loop *loop, int64_t wait)
{
    for (size_t i = 0; i < AIO__EXTENSION_COUNT; i++)
        if (loop->extensions[i] != NULL && loop->extensions[i]->idle != NULL)
            loop->extensions[i]->idle(loop->extensions[i], wait);
}

/* Nothing is ready, and nothing can make it so. */
static bool asleep_for_good(const aio_loop *loop)
{
    return aio__list_empty(&loop->ready) && !loop->stopping && loop->waits == 0 &&
           loop->handlers == 0 && aio__heap_first(&loop->timers) == AIO_FOREVER;
}

/* How long the selector may wait; the virtual clock jumps instead, where it may. */
static int64_t time_to_wait(aio_loop *loop, int64_t most)
{
    if (!aio__list_empty(&loop->ready) || loop->stopping)
        return 0;
    int64_t next = aio__heap_first(&loop->timers), now = aio__loop_update_time(loop);
    if (next <= now || most <= 0)
        return 0;
    int64_t wait = next == AIO_FOREVER ? AIO_FOREVER : next - now;
    if (wait > most)
        wait = most;
    if (loop->virtual_clock && loop->waits == 0 && wait != AIO_FOREVER) {
        loop->now += wait;
        return 0;
    }
    return wait;
}

/* Asks the selector, and hands on what it says. */
static int poll_selector(aio_loop *loop, int64_t wait)
{
    int count = loop->selector.operations->poll(&loop->selector, wait, loop->events,
                                                AIO__EVENT_COUNT);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        if (loop->events[i].fd == loop->wake_reader)
            aio__wakeup_clear(loop);
        else
            aio__watch_deliver(loop, &loop->events[i]);
    }
    return 0;
}

/* With the virtual clock and descriptors to wait for, time passes as it really does. */
static int poll_virtual(aio_loop *loop, int64_t wait)
{
    int64_t before = aio__clock_now();
    int rc = poll_selector(loop, wait);
    int64_t passed = aio__clock_now() - before;
    /* What comes at once takes no time, so that a run that talks to itself is repeatable. */
    if (wait != AIO_FOREVER && (passed >= AIO_MSEC(1) || aio__list_empty(&loop->ready)))
        loop->now += passed < wait ? passed : wait;
    return rc;
}

/* One look at the world: waits at most so long for anything to do. */
static int look(aio_loop *loop, int64_t most, bool detect)
{
    collect_calls(loop);
    if (detect && asleep_for_good(loop))
        return -EDEADLK;
    int64_t wait = time_to_wait(loop, most);
    int rc = 0;
    if (wait > 0)
        tell_idle(loop, wait);
    if (wait > 0 && loop->virtual_clock)
        rc = poll_virtual(loop, wait);
    else if (wait > 0 || loop->watches != 0 || atomic_load(&loop->woken))
        rc = poll_selector(loop, wait); /* a wake-up must be cleared: who steps us polls for it */
    loop->polled = aio__ticks();
    loop->checked = loop->taken;
    collect_calls(loop);
    (void)aio__loop_update_time(loop);
    return rc;
}

static int run_turn(aio_loop *loop, int64_t most, bool detect)
{
    int rc = look(loop, most, detect);
    if (rc < 0)
        return rc;
    open_turn(loop);
    for (aio__handle *handle; (handle = aio__loop_take(loop)) != NULL;)
        handle->run(handle);
    return 0;
}

static int begin_run(aio_loop *loop)
{
    if (loop == NULL)
        return -EINVAL;
    if (loop->running || aio__loop_running != NULL)
        return -EBUSY;
    loop->running = true;
    aio__loop_running = loop;
    for (size_t i = 0; i < AIO__EXTENSION_COUNT; i++)
        if (loop->extensions[i] != NULL && loop->extensions[i]->start != NULL)
            loop->extensions[i]->start(loop->extensions[i]);
    return 0;
}

static void end_run(aio_loop *loop)
{
    for (size_t i = 0; i < AIO__EXTENSION_COUNT; i++)
        if (loop->extensions[i] != NULL && loop->extensions[i]->finish != NULL)
            loop->extensions[i]->finish(loop->extensions[i]);
    loop->stopping = false;
    loop->running = false;
    aio__loop_running = NULL;
}

int aio__loop_run(aio_loop *loop, bool detect)
{
    int rc = begin_run(loop);
    if (rc < 0)
        return rc;
    do
        rc = run_turn(loop, AIO_FOREVER, detect);
    while (rc == 0 && !loop->stopping);
    end_run(loop);
    return rc;
}

int aio_loop_run_forever(aio_loop *loop)
{
    return aio__loop_run(loop, false);
}

int aio__loop_run_turn(aio_loop *loop, int64_t timeout, bool detect)
{
    int rc = begin_run(loop);
    if (rc < 0)
        return rc;
    uint64_t taken = loop->taken;
    loop->single = true;
    rc = run_turn(loop, timeout, detect);
    loop->single = false;
    end_run(loop);
    return rc < 0 ? rc : (int)(loop->taken - taken);
}

int aio_loop_step(aio_loop *loop, int64_t timeout)
{
    return aio__loop_run_turn(loop, timeout, false);
}

int aio_loop_stop(aio_loop *loop)
{
    if (loop == NULL)
        return -EINVAL;
    if (aio__loop_foreign(loop))
        return aio__loop_refuse(loop, "aio_loop_stop");
    loop->stopping = true;
    return 0;
}

/* ---- about a loop ---------------------------------------------------------------------------- */

aio_loop *aio_loop_current(void)
{
    return aio__loop_running;
}

int64_t aio_loop_next_deadline(const aio_loop *loop)
{
    if (loop == NULL)
        return AIO_FOREVER;
    bool ready = !aio__list_empty(&loop->ready) || atomic_load(&loop->posted) != NULL ||
                 atomic_load(&loop->signalled);
    return ready ? loop->now : aio__heap_first(&loop->timers);
}

int aio_loop_descriptor(const aio_loop *loop)
{
    if (loop == NULL)
        return -EINVAL;
    return loop->selector.fd >= 0 ? loop->selector.fd : -ENOTSUP;
}

bool aio_loop_is_running(const aio_loop *loop)
{
    return loop != NULL && loop->running;
}

const char *aio_loop_selector_name(const aio_loop *loop)
{
    return loop != NULL ? loop->selector.operations->name : NULL;
}

int aio_loop_hold(aio_loop *loop)
{
    if (loop == NULL)
        return -EINVAL;
    loop->holds++;
    loop->waits++;
    return 0;
}

int aio_loop_unhold(aio_loop *loop)
{
    if (loop == NULL || loop->holds == 0)
        return -EINVAL;
    loop->holds--;
    loop->waits--;
    return 0;
}
