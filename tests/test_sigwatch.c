/*
 * Signals: handlers that the loop calls.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/sys.h"
#include "support/ledger.h"
#include "support/loop_case.h"

#define ANY_SIGNAL SIGUSR1

/* ---- calling --------------------------------------------------------------------------------- */

TEST(handler_is_called_in_the_loop_when_the_signal_comes)
{
    aio_loop *loop = new_loop();
    if (check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "signal"), 0)) {
        check_int(raise(ANY_SIGNAL), 0);
        check_trace("");
        check_int(aio_loop_step(loop, AIO_SEC(60)), 1);
        check_trace("signal");
        check_int(aio_loop_step(loop, 0), 0);
    }
    (void)aio_loop_close(loop);
}

TEST(signals_that_come_before_the_loop_has_looked_are_one_call)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    if (check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, count_call, &calls), 0)) {
        for (int i = 0; i < 100; i++)
            check_int(raise(ANY_SIGNAL), 0);
        check_int(aio_loop_step(loop, 0), 1);
        check_int(aio_loop_step(loop, 0), 0);
        check_int(calls, 1);
    }
    (void)aio_loop_close(loop);
}

TEST(each_signal_that_comes_alone_is_a_call)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    if (check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, count_call, &calls), 0)) {
        for (int i = 0; i < 1000; i++) {
            (void)raise(ANY_SIGNAL);
            (void)aio_loop_step(loop, i % 2 != 0 ? 0 : AIO_SEC(60));
        }
        check_int(calls, 1000);
    }
    (void)aio_loop_close(loop);
}

TEST(signals_that_differ_each_call_their_own_handler)
{
    int first = 0, second = 0;
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, SIGUSR1, count_call, &first) == 0 &&
        aio_loop_add_signal_handler(loop, SIGUSR2, count_call, &second) == 0) {
        (void)raise(SIGUSR2);
        (void)aio_loop_step(loop, 0);
        check_int(first, 0);
        check_int(second, 1);
        (void)raise(SIGUSR1);
        (void)raise(SIGUSR2);
        check_int(aio_loop_step(loop, 0), 2);
        check_int(first, 1);
        check_int(second, 2);
    }
    (void)aio_loop_close(loop);
}

/* While the loop turns without a look at the selector, too. */
struct raiser {
    aio_loop *loop;
    aio_handle handle;
    int turns;
};

static void raise_once(void *arg)
{
    struct raiser *raiser = arg;
    if (raiser->turns++ == 3)
        (void)raise(ANY_SIGNAL);
    check_int(aio_loop_call_soon(raiser->loop, &raiser->handle, raise_once, raiser), 0);
}

TEST(callback_that_never_ends_does_not_starve_signals)
{
    struct raiser raiser = {.loop = new_loop()};
    (void)aio_loop_call_soon(raiser.loop, &raiser.handle, raise_once, &raiser);
    if (aio_loop_add_signal_handler(raiser.loop, ANY_SIGNAL, stop_loop, raiser.loop) == 0)
        check_int(aio_loop_run_forever(raiser.loop), 0);
    check(raiser.turns < 10);
    (void)aio_loop_close(raiser.loop);
}

static void *send_signals(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < test_scale(100000); i++)
        if (kill(getpid(), ANY_SIGNAL) != 0)
            check(false);
    return NULL;
}

/* After the last of many there is always a call. */
TEST(signals_sent_in_a_storm_are_not_lost_between_two_looks)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    pthread_t thread;
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, count_call, &calls) == 0 &&
        check_int(pthread_create(&thread, NULL, send_signals, NULL), 0)) {
        check(aio_loop_step(loop, AIO_SEC(60)) >= 0);
        for (int i = 0; i < 1000; i++)
            (void)aio_loop_step(loop, 0);
        (void)pthread_join(thread, NULL);
        (void)aio_loop_step(loop, 0);
        check(calls >= 1 && calls <= 100000);
        check(!atomic_load(&loop->signalled));
        int before = calls;
        (void)raise(ANY_SIGNAL);
        (void)aio_loop_step(loop, AIO_SEC(60));
        while (calls == before) /* what woke it may have been the storm's */
            (void)aio_loop_step(loop, AIO_SEC(60));
    }
    (void)aio_loop_close(loop);
}

TEST(signal_leaves_errno_alone)
{
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "signal") == 0) {
        faults_fail("write", 1, EIO, FAULTS_ONCE);
        errno = 99;
        (void)raise(ANY_SIGNAL);
        check_int(errno, 99);
    }
    (void)aio_loop_close(loop);
}

/* ---- replacing and removing ------------------------------------------------------------------ */

TEST(second_handler_of_a_signal_replaces_the_first)
{
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "first") == 0) {
        check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "second"), 0);
        (void)raise(ANY_SIGNAL);
        check_int(aio_loop_step(loop, 0), 1);
        check_trace("second");
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 1);
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 0);
    }
    (void)aio_loop_close(loop);
}

TEST(handler_that_is_not_there_cannot_be_removed)
{
    aio_loop *loop = new_loop();
    check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 0);
    check_int(aio_loop_remove_signal_handler(loop, -1), 0);
    check_int(aio_loop_remove_signal_handler(loop, 100000), 0);
    check_int(aio_loop_remove_signal_handler(NULL, ANY_SIGNAL), 0);
    (void)aio_loop_close(loop);
}

static void nothing(int signal)
{
    (void)signal;
}

static void check_disposition(void (*handler)(int), unsigned flags)
{
    struct sigaction now;
    check_int(sigaction(ANY_SIGNAL, NULL, &now), 0);
    check(now.sa_handler == handler);
    check_int((unsigned)now.sa_flags & (SA_RESETHAND | SA_NODEFER), flags);
}

TEST(disposition_that_was_there_comes_back)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_NODEFER}, before;
    aio_loop *loop = new_loop();
    (void)sigaction(ANY_SIGNAL, &action, &before);
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no") == 0) {
        (void)aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no");
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 1);
        check_disposition(nothing, SA_NODEFER);
    }
    (void)aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no");
    (void)aio_loop_close(loop);
    check_disposition(nothing, SA_NODEFER);
    (void)sigaction(ANY_SIGNAL, &before, NULL);
}

TEST(handler_that_was_removed_is_not_called_even_if_the_signal_has_come)
{
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no") == 0) {
        (void)raise(ANY_SIGNAL);
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 1);
        check_int(aio_loop_step(loop, 0), 0);
        /* Nor is one that comes to the signal later told of the old one. */
        (void)aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no");
        check_int(aio_loop_step(loop, 0), 0);
    }
    check_trace("");
    (void)aio_loop_close(loop);
}

static void remove_handler(void *loop)
{
    note("removed");
    check_int(aio_loop_remove_signal_handler(loop, SIGUSR1), 1);
}

TEST(handler_may_remove_itself)
{
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, SIGUSR1, remove_handler, loop) == 0) {
        (void)raise(SIGUSR1);
        check_int(aio_loop_step(loop, 0), 1);
        check_trace("removed");
    }
    check_disposition(SIG_DFL, 0);
    (void)aio_loop_close(loop);
}

TEST(handler_removed_by_an_earlier_callback_of_the_turn_does_not_run)
{
    aio_loop *loop = new_loop();
    aio_handle remover = {0};
    if (aio_loop_add_signal_handler(loop, SIGUSR1, note, "no") == 0) {
        (void)aio_loop_call_soon(loop, &remover, remove_handler, loop);
        (void)raise(SIGUSR1);
        check_int(aio_loop_step(loop, 0), 1);
        check_trace("removed");
    }
    (void)aio_loop_close(loop);
}

/* ---- errors ---------------------------------------------------------------------------------- */

TEST(signal_that_does_not_exist_or_cannot_be_caught_is_invalid)
{
    aio_loop *loop = new_loop();
    static const int bad[] = {SIGKILL, SIGSTOP, 0, -1, 65, 1000, 32};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = aio_loop_add_signal_handler(loop, bad[i], note, "no");
        check(rc == -EINVAL || rc == -ENOMEM);
    }
    check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, NULL, NULL), -EINVAL);
    check_int(aio_loop_add_signal_handler(NULL, ANY_SIGNAL, note, "no"), -EINVAL);
    (void)aio_loop_close(loop);
}

TEST(signal_belongs_to_one_loop_until_that_is_done_with_it)
{
    aio_loop *first = new_loop(), *second = new_loop();
    if (first != NULL && second != NULL &&
        aio_loop_add_signal_handler(first, ANY_SIGNAL, note, "first") == 0) {
        int rc = aio_loop_add_signal_handler(second, ANY_SIGNAL, note, "no");
        check(rc == -EBUSY || rc == -ENOMEM);
        (void)aio_loop_remove_signal_handler(first, ANY_SIGNAL);
        if (aio_loop_add_signal_handler(second, ANY_SIGNAL, note, "second") == 0) {
            (void)raise(ANY_SIGNAL);
            check_int(aio_loop_step(first, 0), 0);
            check_int(aio_loop_step(second, 0), 1);
            check_trace("second");
        }
    }
    (void)aio_loop_close(first);
    (void)aio_loop_close(second);
}

TEST(handler_that_finds_no_memory_is_an_error)
{
    aio_loop *loop = new_loop();
    faults_fail("calloc", 1, ENOMEM, FAULTS_ONCE);
    if (loop != NULL)
        check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no"), -ENOMEM);
    check_disposition(SIG_DFL, 0);
    (void)aio_loop_close(loop);
}

TEST(signal_whose_disposition_cannot_be_set_stays_free)
{
    aio_loop *loop = new_loop();
    faults_fail("sigaction", 1, EINVAL, FAULTS_ONCE);
    if (loop != NULL && aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no") == 0)
        check(false);
    int rc = aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no");
    check(rc == 0 || loop == NULL);
    (void)aio_loop_close(loop);
}

/* ---- what keeps a run alive ------------------------------------------------------------------ */

TEST(handler_keeps_a_run_from_being_a_deadlock)
{
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no") == 0) {
        fail_next_poll(EBADF); /* which is how it is seen to wait */
        check_int(aio__loop_run(loop, true), -EBADF);
        faults_clear();
        (void)aio_loop_remove_signal_handler(loop, ANY_SIGNAL);
        run_out(loop);
    }
    (void)aio_loop_close(loop);
}

TEST(handler_for_once_does_not_keep_a_run_from_being_a_deadlock)
{
    aio_loop *loop = new_loop();
    if (loop != NULL && aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once") == 0) {
        run_out(loop);
        (void)raise(ANY_SIGNAL);
        run_out(loop);
        check_trace("once");
    }
    (void)aio_loop_close(loop);
}

TEST(second_signal_of_a_handler_for_once_has_its_default_effect)
{
    struct sigaction now;
    aio_loop *loop = new_loop();
    if (loop != NULL && aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once") == 0) {
        (void)raise(ANY_SIGNAL);
        (void)sigaction(ANY_SIGNAL, NULL, &now);
        check(now.sa_handler == SIG_DFL);
        check_int(aio_loop_step(loop, 0), 1);
        check_trace("once");
    }
    (void)aio_loop_close(loop);
}

TEST(handler_that_replaces_one_for_once_is_called_each_time)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    if (loop != NULL && aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once") == 0) {
        check_int(aio_loop_add_signal_handler(loop, ANY_SIGNAL, count_call, &calls), 0);
        check_int(loop->handlers, 1);
        for (int i = 0; i < 3; i++) {
            (void)raise(ANY_SIGNAL);
            check_int(aio_loop_step(loop, 0), 1);
        }
        check_int(calls, 3);
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 1);
        check_int(loop->handlers, 0);
    }
    check_disposition(SIG_DFL, 0);
    (void)aio_loop_close(loop);
}

TEST(handler_for_once_that_replaces_another_is_for_once)
{
    struct sigaction now;
    aio_loop *loop = new_loop();
    if (aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "always") == 0) {
        check_int(aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once"), 0);
        check_int(loop->waits, 0);
        (void)raise(ANY_SIGNAL);
        (void)sigaction(ANY_SIGNAL, NULL, &now);
        check(now.sa_handler == SIG_DFL);
        check_int(aio_loop_step(loop, 0), 1);
        check_trace("once");
    }
    (void)aio_loop_close(loop);
}

TEST(handler_for_once_is_not_the_programs_to_remove)
{
    aio_loop *loop = new_loop();
    if (loop != NULL && aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once") == 0) {
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 0);
        check(!aio__signal_watch_end(loop, ANY_SIGNAL));
        check(!aio__signal_watch_end(loop, ANY_SIGNAL)); /* there is none any more */
    }
    check_disposition(SIG_DFL, 0);
    (void)aio_loop_close(loop);
}

TEST(handler_for_once_that_has_not_run_says_so_at_its_end)
{
    aio_loop *loop = new_loop();
    if (loop != NULL && aio__signal_watch_add(loop, ANY_SIGNAL, true, note, "once") == 0) {
        (void)raise(ANY_SIGNAL);
        check(aio__signal_watch_end(loop, ANY_SIGNAL));
    }
    (void)aio_loop_close(loop);
    check_trace("");
}

static void own_handler(int signal)
{
    (void)signal;
}

TEST(handler_that_the_program_has_set_meanwhile_stays)
{
    struct sigaction before, now;
    (void)sigaction(ANY_SIGNAL, NULL, &before);
    aio_loop *loop = new_loop();
    if (loop != NULL && aio_loop_add_signal_handler(loop, ANY_SIGNAL, note, "no") == 0) {
        (void)signal(ANY_SIGNAL, own_handler);
        check_int(aio_loop_remove_signal_handler(loop, ANY_SIGNAL), 1);
        (void)sigaction(ANY_SIGNAL, NULL, &now);
        check(now.sa_handler == own_handler);
        (void)sigaction(ANY_SIGNAL, &before, NULL);
    }
    (void)aio_loop_close(loop);
}
