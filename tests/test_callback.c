/*
 * Callbacks: queued, cancelled, used again.
 */
#include <errno.h>
#include <stdlib.h>

#include "support/ledger.h"
#include "support/loop_case.h"

/* ---- queueing -------------------------------------------------------------------------------- */

TEST(callbacks_run_in_the_order_in_which_they_were_queued)
{
    aio_loop *loop = new_loop();
    aio_handle a = AIO_HANDLE_INIT, b = {0}, c = {0};
    (void)aio_loop_call_soon(loop, &a, note, "a");
    (void)aio_loop_call_soon(loop, &b, note, "b");
    (void)aio_loop_call_soon(loop, &c, note, "c");
    check_trace("");
    check_int(aio_loop_step(loop, 0), 3);
    check_trace("a b c");
    check_int(aio_loop_step(loop, 0), 0);
    (void)aio_loop_close(loop);
}

TEST(queueing_without_a_loop_a_handle_or_a_callback_is_invalid)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    check_int(aio_loop_call_soon(NULL, &handle, note, "a"), -EINVAL);
    check_int(aio_loop_call_soon(loop, NULL, note, "a"), -EINVAL);
    check_int(aio_loop_call_soon(loop, &handle, NULL, "a"), -EINVAL);
    check_int(aio_loop_call_later(NULL, &handle, 1, note, "a"), -EINVAL);
    check_int(aio_loop_call_later(loop, NULL, 1, note, "a"), -EINVAL);
    check_int(aio_loop_call_later(loop, &handle, 1, NULL, "a"), -EINVAL);
    check_int(aio_loop_call_at(NULL, &handle, 1, note, "a"), -EINVAL);
    check_int(aio_loop_call_at(loop, NULL, 1, note, "a"), -EINVAL);
    check_int(aio_loop_call_soon_threadsafe(NULL, &handle, note, "a"), -EINVAL);
    check_int(aio_loop_call_soon_threadsafe(loop, NULL, note, "a"), -EINVAL);
    check_int(aio_loop_call_soon_threadsafe(loop, &handle, NULL, "a"), -EINVAL);
    check(!aio_handle_pending(&handle));
    (void)aio_loop_close(loop);
}

static void check_busy(aio_loop *loop, aio_handle *handle)
{
    check_int(aio_loop_call_soon(loop, handle, note, "no"), -EBUSY);
    check_int(aio_loop_call_later(loop, handle, 1, note, "no"), -EBUSY);
    check_int(aio_loop_call_at(loop, handle, 1, note, "no"), -EBUSY);
    check_int(aio_loop_call_soon_threadsafe(loop, handle, note, "no"), -EBUSY);
}

TEST(handle_that_is_queued_cannot_be_queued_again)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle soon = {0}, later = {0}, posted = {0};
    if (aio_loop_call_soon(loop, &soon, note, "soon") == 0)
        check_busy(loop, &soon);
    if (aio_loop_call_later(loop, &later, 1, note, "later") == 0)
        check_busy(loop, &later);
    if (aio_loop_call_soon_threadsafe(loop, &posted, note, "posted") == 0)
        check_busy(loop, &posted);
    (void)aio__loop_run(loop, true);
    check_trace("soon posted later");
    (void)aio_loop_close(loop);
}

TEST(handle_is_pending_until_its_callback_starts)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle soon = {0}, later = {0}, posted = {0};
    check(!aio_handle_pending(NULL));
    check(!aio_handle_pending(&soon));
    (void)aio_loop_call_soon(loop, &soon, note, "a");
    (void)aio_loop_call_later(loop, &later, 5, note, "b");
    (void)aio_loop_call_soon_threadsafe(loop, &posted, note, "c");
    check(aio_handle_pending(&soon));
    check(aio_handle_pending(&later));
    check(aio_handle_pending(&posted));
    (void)aio__loop_run(loop, true);
    check(!aio_handle_pending(&soon));
    check(!aio_handle_pending(&later));
    check(!aio_handle_pending(&posted));
    (void)aio_loop_close(loop);
}

/* ---- from its own callback ------------------------------------------------------------------- */

struct again {
    aio_loop *loop;
    aio_handle handle;
    int calls;
};

static void call_again(void *arg)
{
    struct again *again = arg;
    check(!aio_handle_pending(&again->handle));
    check(!aio_handle_cancel(&again->handle));
    if (++again->calls == 2)
        check_int(aio_loop_call_later(again->loop, &again->handle, 10, call_again, again), 0);
    else if (again->calls < 4)
        check_int(aio_loop_call_soon(again->loop, &again->handle, call_again, again), 0);
}

TEST(handle_may_be_used_again_in_its_own_callback)
{
    struct again again = {.loop = new_virtual_loop()};
    (void)aio_loop_call_soon(again.loop, &again.handle, call_again, &again);
    (void)aio__loop_run(again.loop, true);
    check_int(again.calls, 4);
    check_int(aio_loop_time(again.loop), 10);
    (void)aio_loop_close(again.loop);
}

static void free_handle(void *handle)
{
    memset(handle, 0xAA, sizeof(aio_handle));
    free(handle);
    note("freed");
}

TEST(handle_may_be_freed_in_its_own_callback)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle *soon = calloc(1, sizeof *soon), *later = calloc(1, sizeof *later);
    if (loop == NULL || aio_loop_call_soon(loop, soon, free_handle, soon) < 0)
        free(soon);
    if (loop == NULL || aio_loop_call_later(loop, later, 1, free_handle, later) < 0)
        free(later);
    (void)aio__loop_run(loop, true);
    check_trace("freed freed");
    (void)aio_loop_close(loop);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

TEST(cancelled_callback_is_not_called)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle soon = {0}, later = {0}, other = {0};
    (void)aio_loop_call_soon(loop, &soon, note, "soon");
    (void)aio_loop_call_later(loop, &later, 1, note, "later");
    (void)aio_loop_call_later(loop, &other, 2, note, "other");
    check(aio_handle_cancel(&soon));
    check(aio_handle_cancel(&later));
    check(!aio_handle_pending(&soon));
    check(!aio_handle_pending(&later));
    (void)aio__loop_run(loop, true);
    check_trace("other");
    (void)aio_loop_close(loop);
}

TEST(cancelling_what_does_not_wait_is_false)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    check(!aio_handle_cancel(NULL));
    check(!aio_handle_cancel(&handle));
    (void)aio_loop_call_soon(loop, &handle, note, "a");
    (void)aio_loop_step(loop, 0);
    check(!aio_handle_cancel(&handle));
    (void)aio_loop_call_soon(loop, &handle, note, "b");
    check(aio_handle_cancel(&handle));
    check(!aio_handle_cancel(&handle));
    check_trace("a");
    (void)aio_loop_close(loop);
}

static void cancel_handle(void *handle)
{
    check(aio_handle_cancel(handle));
}

TEST(handle_cancelled_by_an_earlier_one_of_the_same_turn_does_not_run)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle first = {0}, second = {0}, timer = {0}, canceller = {0};
    (void)aio_loop_call_soon(loop, &first, cancel_handle, &second);
    (void)aio_loop_call_soon(loop, &second, note, "second");
    check_int(aio_loop_step(loop, 0), 1);
    /* A timer that is due already, and in the same turn as its canceller. */
    (void)aio_loop_call_at(loop, &canceller, -2, cancel_handle, &timer);
    (void)aio_loop_call_at(loop, &timer, -1, note, "timer");
    check_int(aio_loop_step(loop, 0), 1);
    check_trace("");
    (void)aio_loop_close(loop);
}

TEST(cancelled_handle_can_be_queued_again)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle handle = {0};
    for (int i = 0; i < 3; i++) {
        check_int(aio_loop_call_later(loop, &handle, 5, note, "no"), 0);
        check(aio_handle_cancel(&handle));
    }
    (void)aio_loop_call_soon(loop, &handle, note, "yes");
    run_out(loop);
    check_trace("yes");
    (void)aio_loop_close(loop);
}

TEST(timer_gives_its_place_back_when_it_runs_and_when_it_is_cancelled)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle handle = {0}, other = {0};
    if (loop == NULL)
        return;
    for (int i = 0; i < 100; i++) {
        (void)aio_loop_call_later(loop, &handle, 1, note, "a");
        (void)aio_loop_call_later(loop, &other, 2, note, "b");
        (void)aio_handle_cancel(&handle);
        (void)aio_loop_step(loop, AIO_FOREVER - 1);
        check_trace("b");
    }
    check_int(loop->timers.reserved, 0);
    check_int(loop->timers.capacity, 16);
    (void)aio_loop_close(loop);
}

TEST(time_that_a_handle_was_queued_for_can_be_asked)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle handle = {0};
    check_int(aio_handle_when(NULL), 0);
    if (aio_loop_call_at(loop, &handle, 77, note, "a") == 0)
        check_int(aio_handle_when(&handle), 77);
    (void)aio_handle_cancel(&handle);
    if (aio_loop_call_later(loop, &handle, 5, note, "a") == 0)
        check_int(aio_handle_when(&handle), 5);
    (void)aio_loop_close(loop);
}

TEST(timer_that_finds_no_memory_is_an_error_and_not_queued)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle handle = {0};
    faults_fail("realloc", 1, ENOMEM, FAULTS_ONCE);
    if (loop != NULL)
        check_int(aio_loop_call_later(loop, &handle, 5, note, "a"), -ENOMEM);
    check(!aio_handle_pending(&handle));
    check_int(aio_loop_call_later(loop, &handle, 5, note, "b"), 0);
    run_out(loop);
    check_trace("b");
    (void)aio_loop_close(loop);
}

/* ---- handles that the library allocates ------------------------------------------------------ */

/* Whether the library holds as many blocks as before. */
static void see_blocks(void *before)
{
    check_int(ledger_blocks(), *(size_t *)before);
}

TEST(handle_of_the_library_is_gone_when_its_callback_starts)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle warm_up = {0};
    (void)aio_loop_call_later(loop, &warm_up, 1, note, "a");
    size_t before = ledger_blocks();
    check(aio_loop_call_soon_new(loop, see_blocks, &before) != NULL);
    (void)aio_loop_step(loop, 0);
    check(aio_loop_call_later_new(loop, -1, see_blocks, &before) != NULL);
    (void)aio_loop_step(loop, 0);
    check(aio_loop_call_at_new(loop, 0, see_blocks, &before) != NULL);
    (void)aio_loop_step(loop, 0);
    (void)aio_loop_close(loop);
}

TEST(handle_of_the_library_is_gone_when_it_was_cancelled)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle warm_up = {0};
    (void)aio_loop_call_later(loop, &warm_up, 1, note, "a");
    size_t before = ledger_blocks();
    aio_handle *soon = aio_loop_call_soon_new(loop, note, "b");
    aio_handle *later = aio_loop_call_later_new(loop, 7, note, "c");
    aio_handle *at = aio_loop_call_at_new(loop, 8, note, "d");
    check(aio_handle_cancel(soon));
    check(aio_handle_cancel(later));
    check(aio_handle_cancel(at));
    check_int(ledger_blocks(), before);
    run_out(loop);
    check_trace("a");
    (void)aio_loop_close(loop);
}

TEST(handle_of_the_library_is_gone_when_the_loop_is_closed)
{
    aio_loop *loop = new_virtual_loop();
    check(aio_loop_call_soon_new(loop, note, "a") != NULL);
    check(aio_loop_call_later_new(loop, 7, note, "b") != NULL);
    check(aio_loop_call_at_new(loop, 8, note, "c") != NULL);
    (void)aio_loop_close(loop);
    check_int(ledger_blocks(), 0);
    check_trace("");
}

TEST(handle_of_the_library_is_not_made_of_nothing)
{
    aio_loop *loop = new_loop();
    errno = 0;
    check(aio_loop_call_soon_new(NULL, note, "a") == NULL);
    check_int(errno, EINVAL);
    errno = 0;
    check(aio_loop_call_later_new(loop, 1, NULL, "a") == NULL);
    check_int(errno, EINVAL);
    errno = 0;
    check(aio_loop_call_at_new(NULL, 1, note, "a") == NULL);
    check_int(errno, EINVAL);
    (void)aio_loop_close(loop);
}

TEST(handle_of_the_library_needs_memory)
{
    aio_loop *loop = new_loop();
    faults_fail("malloc", 1, ENOMEM, FAULTS_FROM_THEN_ON);
    errno = 0;
    check(aio_loop_call_soon_new(loop, note, "a") == NULL);
    check_int(errno, ENOMEM);
    errno = 0;
    check(aio_loop_call_later_new(loop, 1, note, "a") == NULL);
    check_int(errno, ENOMEM);
    errno = 0;
    check(aio_loop_call_at_new(loop, 1, note, "a") == NULL);
    check_int(errno, ENOMEM);
    faults_clear();
    faults_fail("realloc", 1, ENOMEM, FAULTS_ONCE);
    errno = 0;
    check(aio_loop_call_at_new(loop, 1, note, "a") == NULL);
    check_int(errno, ENOMEM);
    (void)aio_loop_close(loop);
}

TEST(closing_the_loop_hands_the_handles_back)
{
    aio_loop *loop = new_virtual_loop();
    aio_handle soon = {0}, later = {0}, posted = {0};
    (void)aio_loop_call_soon(loop, &soon, note, "a");
    (void)aio_loop_call_later(loop, &later, 5, note, "b");
    (void)aio_loop_call_soon_threadsafe(loop, &posted, note, "c");
    (void)aio_loop_close(loop);
    check(!aio_handle_pending(&soon));
    check(!aio_handle_pending(&later));
    check(!aio_handle_pending(&posted));
    check(!aio_handle_cancel(&soon));
    check_trace("");
}

/* ---- posts from the loop's own thread -------------------------------------------------------- */

TEST(posts_of_the_loops_own_thread_run_in_order_with_its_callbacks)
{
    aio_loop *loop = new_loop();
    aio_handle a = {0}, b = {0}, c = {0}, d = {0};
    (void)aio_loop_call_soon(loop, &a, note, "a");
    (void)aio_loop_call_soon_threadsafe(loop, &b, note, "b");
    (void)aio_loop_call_soon(loop, &c, note, "c");
    (void)aio_loop_call_soon_threadsafe(loop, &d, note, "d");
    check_int(aio_loop_step(loop, 0), 4);
    check_trace("a b c d");
    (void)aio_loop_close(loop);
}

TEST(post_that_the_loop_has_not_seen_cannot_be_cancelled)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "a");
    check(!aio_handle_cancel(&handle));
    (void)aio_loop_step(loop, 0);
    check_trace("a");
    (void)aio_loop_close(loop);
}

static void post_self(void *arg)
{
    struct again *again = arg;
    if (++again->calls < 3)
        check_int(aio_loop_call_soon_threadsafe(again->loop, &again->handle, post_self, again), 0);
}

TEST(handle_may_be_posted_again_in_its_own_callback)
{
    struct again again = {.loop = new_loop()};
    (void)aio_loop_call_soon_threadsafe(again.loop, &again.handle, post_self, &again);
    (void)aio__loop_run(again.loop, true);
    check_int(again.calls, 3);
    (void)aio_loop_close(again.loop);
}
