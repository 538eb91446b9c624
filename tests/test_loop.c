/*
 * The loop: its life, its turns, its clocks.
 */
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/sys.h"
#include "base/util.h"
#include "support/ledger.h"
#include "support/loop_case.h"

/* ---- life ------------------------------------------------------------------------------------ */

TEST(loop_is_made_and_closed)
{
    aio_loop *loop = aio_loop_new();
    if (check(loop != NULL)) {
        check(!aio_loop_is_running(loop));
        check(aio_loop_current() == NULL);
        check(aio_loop_time(loop) > 0);
    }
    check_int(aio_loop_close(loop), 0);
}

TEST(calls_without_a_loop_are_answered)
{
    check_int(aio_loop_close(NULL), 0);
    check_int(aio_loop_run_forever(NULL), -EINVAL);
    check_int(aio_loop_step(NULL, 0), -EINVAL);
    check_int(aio_loop_stop(NULL), -EINVAL);
    check_int(aio_loop_hold(NULL), -EINVAL);
    check_int(aio_loop_unhold(NULL), -EINVAL);
    check_int(aio_loop_time(NULL), 0);
    check_int(aio_loop_next_deadline(NULL), AIO_FOREVER);
    check_int(aio_loop_descriptor(NULL), -EINVAL);
    check(!aio_loop_is_running(NULL));
    check(aio_loop_selector_name(NULL) == NULL);
}

static void check_refused(const aio_options *options)
{
    errno = 0;
    aio_loop *loop = aio_loop_new_with(options);
    check(loop == NULL);
    check_int(errno, EINVAL);
    (void)aio_loop_close(loop);
}

TEST(options_that_make_no_sense_are_refused)
{
    aio_options options = AIO_OPTIONS_INIT;
    options.size--;
    check_refused(&options);
    options = (aio_options)AIO_OPTIONS_INIT;
    options.stack_size = 16383;
    check_refused(&options);
    options.stack_size = SIZE_MAX;
    check_refused(&options);
    options = (aio_options)AIO_OPTIONS_INIT;
    options.guard_size = SIZE_MAX;
    check_refused(&options);
    options = (aio_options)AIO_OPTIONS_INIT;
    options.clock = (aio_clock)2;
    check_refused(&options);
}

/* The nth call of a class fails: whether a loop could be made all the same. */
static bool made_with_fault(const char *name, unsigned long nth, int error)
{
    faults_clear();
    faults_fail(name, nth, error, FAULTS_ONCE);
    errno = 0;
    aio_loop *loop = aio_loop_new();
    check_int(loop == NULL ? errno : error, error);
    check_int(aio_loop_close(loop), 0);
    check_int(ledger_blocks(), 0);
    check_int(ledger_descriptors(), 0);
    return loop != NULL;
}

TEST(loop_that_finds_no_memory_is_not_made_and_leaves_nothing)
{
    unsigned long nth = 1;
    while (nth < 100 && !made_with_fault("memory", nth, ENOMEM))
        nth++;
    check(nth > 2 && nth < 100);
}

TEST(loop_that_finds_no_descriptor_is_not_made_and_leaves_nothing)
{
    unsigned long nth = 1;
    while (nth < 100 && !made_with_fault("descriptor", nth, EMFILE))
        nth++;
    check(nth > 1 && nth < 100);
    check(!made_with_fault("descriptor", 1, ENFILE));
}

static void close_running(void *loop)
{
    check_int(aio_loop_close(loop), -EBUSY);
    note("still there");
}

TEST(loop_that_runs_cannot_be_closed)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    (void)aio_loop_call_soon(loop, &handle, close_running, loop);
    check_int(aio_loop_step(loop, 0), 1);
    check_trace("still there");
    check_int(aio_loop_close(loop), 0);
}

static void run_nested(void *arg)
{
    aio_loop **loops = arg;
    check(aio_loop_current() == loops[0]);
    check(aio_loop_is_running(loops[0]));
    check(!aio_loop_is_running(loops[1]));
    for (int i = 0; i < 2; i++) {
        check_int(aio_loop_run_forever(loops[i]), -EBUSY);
        check_int(aio_loop_step(loops[i], 0), -EBUSY);
    }
    check(aio_loop_current() == loops[0]);
    note("ran");
}

TEST(loop_runs_neither_within_itself_nor_within_another)
{
    aio_loop *loops[2] = {new_loop(), new_loop()};
    aio_handle handle = {0};
    if (loops[0] != NULL && loops[1] != NULL) {
        (void)aio_loop_call_soon(loops[0], &handle, run_nested, loops);
        check_int(aio_loop_step(loops[0], 0), 1);
        check_trace("ran");
        check(aio_loop_current() == NULL);
        check_int(aio_loop_step(loops[1], 0), 0);
    }
    (void)aio_loop_close(loops[0]);
    (void)aio_loop_close(loops[1]);
}

static struct layer {
    aio__extension extension;
} layer;

static void layer_starts(aio__extension *extension)
{
    check(extension == &layer.extension);
    note("start");
}

static void layer_idles(aio__extension *extension, int64_t wait)
{
    check(extension == &layer.extension);
    check(wait > 0);
    note("idle");
}

static void layer_finishes(aio__extension *extension)
{
    check(extension == &layer.extension);
    note("finish");
}

static void layer_closes(aio__extension *extension)
{
    check(extension == &layer.extension);
    note("close");
}

TEST(layers_above_are_told_what_the_loop_does)
{
    aio_loop *loop = new_loop();
    aio_handle timer = {0};
    if (loop == NULL)
        return;
    layer.extension = (aio__extension){layer_starts, layer_finishes, layer_idles, layer_closes,
                                       NULL};
    loop->extensions[AIO__EXTENSION_IO] = &layer.extension;
    (void)aio_loop_step(loop, 0);
    check_trace("start finish");
    (void)aio_loop_call_later(loop, &timer, AIO_SEC(60), note, "late");
    (void)aio_loop_step(loop, 1);
    check_trace("start idle finish");
    (void)aio_loop_close(loop);
    check_trace("close");
}

/* ---- stopping -------------------------------------------------------------------------------- */

struct chain {
    aio_loop *loop;
    aio_handle handle;
    int calls, stop_at; /* stops the loop in this call; 0: never */
};

/* Queues itself for the next turn, always. */
static void go_on(void *arg)
{
    struct chain *chain = arg;
    if (++chain->calls == chain->stop_at)
        check_int(aio_loop_stop(chain->loop), 0);
    check_int(aio_loop_call_soon(chain->loop, &chain->handle, go_on, chain), 0);
}

TEST(loop_runs_until_it_is_stopped)
{
    struct chain chain = {.loop = new_loop(), .stop_at = 1000};
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    (void)aio_loop_run_forever(chain.loop);
    check_int(chain.calls, 1000);
    check(!aio_loop_is_running(chain.loop));
    check(aio_loop_current() == NULL);
    (void)aio_loop_close(chain.loop);
}

TEST(stopped_loop_finishes_its_turn_and_keeps_for_later_what_that_queued)
{
    struct chain chain = {.loop = new_loop(), .stop_at = 1};
    aio_handle other = {0};
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    (void)aio_loop_call_soon(chain.loop, &other, note, "same turn");
    check_int(aio_loop_run_forever(chain.loop), 0);
    check_trace("same turn");
    check_int(chain.calls, 1);
    check_int(aio_loop_step(chain.loop, 0), 1);
    check_int(chain.calls, 2);
    (void)aio_loop_close(chain.loop);
}

TEST(loop_stopped_before_its_run_runs_one_turn_without_waiting)
{
    struct chain chain = {.loop = new_loop()};
    aio_handle late = {0};
    (void)aio_loop_call_later(chain.loop, &late, AIO_SEC(3600), note, "late");
    (void)aio_loop_stop(chain.loop);
    check_int(aio_loop_run_forever(chain.loop), 0);
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    (void)aio_loop_stop(chain.loop);
    check_int(aio_loop_run_forever(chain.loop), 0);
    check_int(chain.calls, 1);
    check_trace("");
    (void)aio_loop_close(chain.loop);
}

TEST(stop_holds_for_one_run)
{
    struct chain chain = {.loop = new_loop(), .stop_at = 10};
    (void)aio_loop_stop(chain.loop);
    (void)aio_loop_stop(chain.loop);
    check_int(aio_loop_run_forever(chain.loop), 0);
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    check_int(aio_loop_run_forever(chain.loop), 0);
    check_int(chain.calls, 10);
    (void)aio_loop_close(chain.loop);
}

TEST(run_ends_with_what_the_selector_failed_with_and_nothing_is_lost)
{
    aio_loop *loop = new_loop();
    aio_handle late = {0}, stopper = {0};
    (void)aio_loop_call_later(loop, &late, AIO_SEC(3600), note, "late");
    fail_next_poll(EBADF);
    if (loop != NULL && aio_handle_pending(&late))
        check_int(aio_loop_run_forever(loop), -EBADF);
    check(aio_loop_current() == NULL);
    check(aio_handle_pending(&late));
    fail_next_poll(ENOMEM);
    check_int(aio_loop_step(loop, AIO_SEC(3600)), -ENOMEM);
    (void)aio_loop_call_soon(loop, &stopper, stop_loop, loop);
    check_int(aio_loop_run_forever(loop), 0);
    (void)aio_loop_close(loop);
}

TEST(wait_that_a_signal_interrupts_goes_on)
{
    aio_loop *loop = new_loop();
    aio_handle soon = {0};
    (void)aio_loop_call_later(loop, &soon, AIO_MSEC(100), note, "on time");
    fail_next_poll(EINTR);
    if (aio_handle_pending(&soon))
        run_out(loop);
    check_trace("on time");
    check(polls() >= 2);
    (void)aio_loop_close(loop);
}

/* ---- steps ----------------------------------------------------------------------------------- */

TEST(step_tells_how_much_ran)
{
    aio_loop *loop = new_loop();
    aio_handle a = {0}, b = {0}, timer = {0};
    check_int(aio_loop_step(loop, 0), 0);
    (void)aio_loop_call_soon(loop, &a, note, "a");
    (void)aio_loop_call_soon(loop, &b, note, "b");
    (void)aio_loop_call_later(loop, &timer, 0, note, "timer");
    check_int(aio_loop_step(loop, 0), 3);
    check_int(aio_loop_step(loop, 0), 0);
    check_trace("a b timer");
    (void)aio_loop_close(loop);
}

TEST(step_runs_one_turn_only)
{
    struct chain chain = {.loop = new_loop()};
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    for (int i = 1; i <= 20; i++) {
        check_int(aio_loop_step(chain.loop, AIO_FOREVER - 1), 1);
        check_int(chain.calls, i);
    }
    (void)aio_loop_close(chain.loop);
}

TEST(step_waits_no_longer_than_it_may)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle timer = {0};
    (void)aio_loop_call_at(loop, &timer, 100, note, "timer");
    check_int(aio_loop_step(loop, -5), 0);
    check_int(aio_loop_step(loop, 0), 0);
    check_int(aio_loop_time(loop), 0);
    check_int(aio_loop_step(loop, 60), 0);
    check_int(aio_loop_time(loop), 60);
    check_int(aio_loop_step(loop, 60), 1);
    check_int(aio_loop_time(loop), 100);
    (void)aio_loop_close(loop);
}

TEST(next_deadline_says_when_there_is_something_to_do)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle timer = {0}, soon = {0}, posted = {0};
    if (loop == NULL)
        return;
    check_int(aio_loop_next_deadline(loop), AIO_FOREVER);
    (void)aio_loop_call_at(loop, &timer, 100, note, "timer");
    check_int(aio_loop_next_deadline(loop), 100);
    (void)aio_loop_call_soon(loop, &soon, note, "soon");
    check_int(aio_loop_next_deadline(loop), 0);
    (void)aio_loop_step(loop, 0);
    (void)aio_loop_call_soon_threadsafe(loop, &posted, note, "posted");
    check_int(aio_loop_next_deadline(loop), 0);
    (void)aio_loop_step(loop, 0);
    check_int(aio_loop_next_deadline(loop), 100);
    check_trace("soon posted");
    (void)aio_loop_close(loop);
}

static bool descriptor_readable(const aio_loop *loop)
{
    struct pollfd set = {aio_loop_descriptor(loop), POLLIN, 0};
    return poll(&set, 1, 0) == 1;
}

TEST(descriptor_is_readable_while_a_step_has_events_to_see)
{
    int ends[2], calls = 0;
    aio_loop *loop = new_loop();
    aio_handle posted = {0};
    if (has_selector(loop, "poll")) {
        check_int(aio_loop_descriptor(loop), -ENOTSUP);
    } else if (loop != NULL && open_pipe(ends)) {
        check(!descriptor_readable(loop));
        (void)aio_loop_call_soon_threadsafe(loop, &posted, note, "posted");
        check(descriptor_readable(loop));
        check_int(aio_loop_step(loop, 0), 1);
        check(!descriptor_readable(loop));
        (void)aio_loop_add_reader(loop, ends[0], count_call, &calls);
        put_byte(ends[1]);
        check(descriptor_readable(loop));
        check_int(aio_loop_step(loop, 0), 1);
        check_int(calls, 1);
        (void)aio_loop_remove_reader(loop, ends[0]);
        check(!descriptor_readable(loop));
        close_both(ends);
    }
    (void)aio_loop_close(loop);
}

/* ---- the order of a turn --------------------------------------------------------------------- */

TEST(turn_runs_callbacks_then_descriptors_then_timers)
{
    int ends[2];
    aio_loop *loop = new_virtual_loop();
    aio_handle soon = {0}, now = {0}, past = {0};
    if (loop == NULL || !open_pipe(ends)) {
        (void)aio_loop_close(loop);
        return;
    }
    put_byte(ends[1]);
    (void)aio_loop_call_at(loop, &now, 0, note, "now");
    (void)aio_loop_call_at(loop, &past, -5, note, "past");
    (void)aio_loop_add_reader(loop, ends[0], note, "reader");
    (void)aio_loop_call_soon(loop, &soon, note, "soon");
    check_int(aio_loop_step(loop, 0), 4);
    check_trace("soon reader past now");
    (void)aio_loop_remove_reader(loop, ends[0]);
    close_both(ends);
    (void)aio_loop_close(loop);
}

static struct chain two_queued[2];

static void queue_both(void *loop)
{
    note("first");
    (void)aio_loop_call_later(loop, &two_queued[0].handle, 0, note, "timer");
    (void)aio_loop_call_soon(loop, &two_queued[1].handle, note, "soon");
}

TEST(what_a_callback_queues_runs_in_the_next_turn)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle first = {0}, second = {0};
    (void)aio_loop_call_soon(loop, &first, queue_both, loop);
    (void)aio_loop_call_soon(loop, &second, note, "second");
    check_int(aio_loop_step(loop, 0), 2);
    check_trace("first second");
    check_int(aio_loop_step(loop, 0), 2);
    check_trace("soon timer");
    (void)aio_loop_close(loop);
}

#define ENDLESS 20000000

/* What runs beside a callback that never ends, and stops the loop. */
static void stop_chain(void *arg)
{
    struct chain *chain = arg;
    check_int(aio_loop_stop(chain->loop), 0);
}

TEST(callback_that_never_ends_does_not_starve_descriptors)
{
    int ends[2];
    struct chain chain = {.loop = new_loop(), .stop_at = ENDLESS};
    if (!open_pipe(ends)) {
        (void)aio_loop_close(chain.loop);
        return;
    }
    put_byte(ends[1]);
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    if (check_int(aio_loop_add_reader(chain.loop, ends[0], stop_chain, &chain), 0))
        check_int(aio_loop_run_forever(chain.loop), 0);
    check(chain.calls < ENDLESS);
    (void)aio_loop_remove_reader(chain.loop, ends[0]);
    close_both(ends);
    (void)aio_loop_close(chain.loop);
}

TEST(callback_that_never_ends_does_not_starve_timers_and_posts)
{
    struct chain chain = {.loop = new_loop(), .stop_at = ENDLESS};
    aio_handle timer = {0}, posted = {0};
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    if (check_int(aio_loop_call_later(chain.loop, &timer, AIO_MSEC(2), stop_chain, &chain), 0))
        check_int(aio_loop_run_forever(chain.loop), 0);
    if (check_int(aio_loop_call_soon_threadsafe(chain.loop, &posted, stop_chain, &chain), 0))
        check_int(aio_loop_run_forever(chain.loop), 0);
    check(chain.calls < ENDLESS);
    (void)aio_loop_close(chain.loop);
}

static void again_at_once(void *arg)
{
    struct chain *chain = arg;
    if (++chain->calls == 100)
        check_int(aio_loop_stop(chain->loop), 0);
    check_int(aio_loop_call_later(chain->loop, &chain->handle, 0, again_at_once, chain), 0);
}

TEST(timer_that_starts_itself_anew_does_not_starve_descriptors)
{
    int ends[2];
    struct chain chain = {.loop = new_virtual_loop()};
    if (!open_pipe(ends)) {
        (void)aio_loop_close(chain.loop);
        return;
    }
    put_byte(ends[1]);
    (void)aio_loop_call_later(chain.loop, &chain.handle, 0, again_at_once, &chain);
    if (check_int(aio_loop_add_reader(chain.loop, ends[0], stop_chain, &chain), 0))
        check_int(aio_loop_run_forever(chain.loop), 0);
    check_int(chain.calls, 1);
    (void)aio_loop_remove_reader(chain.loop, ends[0]);
    close_both(ends);
    (void)aio_loop_close(chain.loop);
}

TEST(turns_need_no_system_call_while_nothing_is_watched)
{
    struct chain chain = {.loop = new_loop(), .stop_at = 10000};
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    unsigned long before = faults_count("any");
    (void)aio_loop_run_forever(chain.loop);
    check_int(chain.calls, 10000);
    check_int(polls(), 0);
    check(faults_count("any") - before < 10); /* the clock's */
    (void)aio_loop_close(chain.loop);
}

TEST(turns_ask_the_selector_not_each_time_while_something_is_watched)
{
    int ends[2];
    struct chain chain = {.loop = new_loop(), .stop_at = 10000};
    if (!open_pipe(ends)) {
        (void)aio_loop_close(chain.loop);
        return;
    }
    (void)aio_loop_add_reader(chain.loop, ends[0], note, "no");
    (void)aio_loop_call_soon(chain.loop, &chain.handle, go_on, &chain);
    (void)aio_loop_run_forever(chain.loop);
    check(polls() <= 10000 / 8 + 1);
    check_trace("");
    (void)aio_loop_close(chain.loop);
    close_both(ends);
}

/* ---- deadlock -------------------------------------------------------------------------------- */

TEST(run_in_which_nothing_can_wake_is_a_deadlock)
{
    aio_loop *loop = new_loop();
    aio_handle soon = {0}, never = {0}, later = {0};
    if (loop == NULL)
        return;
    run_out(loop);
    (void)aio_loop_call_at(loop, &never, AIO_FOREVER, note, "never");
    (void)aio_loop_call_soon(loop, &soon, note, "soon");
    run_out(loop);
    check_trace("soon");
    check(aio_loop_current() == NULL);
    /* Everything is intact. */
    (void)aio_loop_call_later(loop, &later, 1, note, "later");
    run_out(loop);
    check_trace("later");
    (void)aio_loop_close(loop);
}

static void unhold(void *loop)
{
    note("unhold");
    check_int(aio_loop_unhold(loop), 0);
    check_int(aio_loop_unhold(loop), -EINVAL);
}

TEST(loop_that_is_held_waits_for_whoever_holds_it)
{
    aio_loop *loop = new_loop();
    aio_handle late = {0};
    check_int(aio_loop_unhold(loop), -EINVAL);
    check_int(aio_loop_hold(loop), 0);
    fail_next_poll(EBADF); /* which is how it is seen to wait */
    if (loop != NULL)
        check_int(aio__loop_run(loop, true), -EBADF);
    faults_clear();
    if (check_int(aio_loop_call_later(loop, &late, AIO_MSEC(1), unhold, loop), 0))
        run_out(loop);
    check_trace("unhold");
    (void)aio_loop_close(loop);
}

TEST(descriptor_that_is_waited_for_keeps_a_run_from_being_a_deadlock)
{
    int ends[2];
    aio_loop *loop = new_loop();
    if (loop == NULL || !open_pipe(ends)) {
        (void)aio_loop_close(loop);
        return;
    }
    if (check_int(aio_loop_add_reader(loop, ends[0], stop_loop, loop), 0)) {
        put_byte(ends[1]);
        check_int(aio__loop_run(loop, true), 0);
        check_int(aio_loop_remove_reader(loop, ends[0]), 1);
    }
    run_out(loop);
    close_both(ends);
    (void)aio_loop_close(loop);
}

TEST(stopping_is_no_deadlock)
{
    aio_loop *loop = new_loop();
    (void)aio_loop_stop(loop);
    if (loop != NULL)
        check_int(aio__loop_run(loop, true), 0);
    (void)aio_loop_close(loop);
}

/* ---- shuffled turns -------------------------------------------------------------------------- */

/* The order in which four callbacks of one turn run with this seed: "abcd" and the like. */
static bool shuffled(uint64_t seed, char order[5])
{
    static char letters[4][2] = {"a", "b", "c", "d"};
    aio_handle handles[4];
    aio_options options = AIO_OPTIONS_INIT;
    options.shuffle_seed = seed;
    memset(handles, 0, sizeof handles);
    aio_loop *loop = aio_loop_new_with(&options);
    for (int i = 0; i < 4; i++)
        (void)aio_loop_call_soon(loop, &handles[i], note, letters[i]);
    bool ran = check_int(aio_loop_step(loop, 0), 4) && check_int(strlen(trace), 7);
    for (int i = 0; i < 4; i++)
        order[i] = ran ? trace[2 * i] : '?';
    order[4] = '\0';
    trace[0] = '\0';
    (void)aio_loop_close(loop);
    return ran;
}

TEST(turns_are_shuffled_by_their_seed_alone)
{
    char first[5], second[5];
    for (uint64_t seed = 1; seed < 20; seed++)
        if (shuffled(seed, first) && shuffled(seed, second))
            check_string(first, second);
    if (shuffled(0, first))
        check_string(first, "abcd");
}

TEST(every_order_of_a_turn_occurs_about_as_often)
{
    char order[5];
    int seen[256] = {0}, orders = 0;
    for (uint64_t i = 1; i <= test_scale(2400); i++) {
        if (!shuffled(i * UINT64_C(0x9E3779B97F4A7C15), order))
            continue;
        /* Two bits for each letter. */
        seen[(order[0] - 'a') | (order[1] - 'a') << 2 | (order[2] - 'a') << 4 |
             (order[3] - 'a') << 6]++;
    }
    for (int i = 0; i < 256; i++) {
        orders += seen[i] != 0;
        check(seen[i] == 0 || (seen[i] > 50 && seen[i] < 200)); /* 100 each */
    }
    check_int(orders, 24);
}
