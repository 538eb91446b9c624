/*
 * Wake-ups: what other threads and signal handlers post, each once and in order.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "support/ledger.h"
#include "support/loop_case.h"

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 8
#define POSTS ((int)test_scale(100000))

struct poster {
    aio_loop *loop;
    struct post *posts;
    int arrived; /* of its posts, in the loop's thread */
    int *running; /* posters that are not through */
    pthread_t thread;
    bool started;
};

struct post {
    aio_handle handle;
    struct poster *poster;
};

static void arrive(void *arg)
{
    struct post *post = arg;
    struct poster *poster = post->poster;
    check_int(post - poster->posts, poster->arrived);
    if (++poster->arrived == POSTS && --*poster->running == 0)
        check_int(aio_loop_stop(poster->loop), 0);
}

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (int i = 0; i < POSTS; i++) {
        struct post *post = &poster->posts[i];
        post->poster = poster;
        if (aio_loop_call_soon_threadsafe(poster->loop, &post->handle, arrive, post) != 0)
            check(false);
    }
    return NULL;
}

static void post_from_threads(aio_loop *loop)
{
    struct poster posters[THREADS];
    int running = THREADS;
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.loop = loop, .running = &running,
                                     .posts = calloc((size_t)POSTS, sizeof(struct post))};
        posters[i].started = posters[i].posts != NULL &&
                             pthread_create(&posters[i].thread, NULL, post_all, &posters[i]) == 0;
        running -= !check(posters[i].started);
    }
    check_int(aio_loop_run_forever(loop), 0);
    for (int i = 0; i < THREADS; i++) {
        if (posters[i].started)
            (void)pthread_join(posters[i].thread, NULL);
        check_int(posters[i].arrived, POSTS);
        free(posters[i].posts);
    }
    check_int(aio_loop_step(loop, 0), 0);
}

TEST(posts_of_many_threads_all_arrive_once_and_in_the_order_of_their_thread)
{
    aio_loop *loop = new_loop();
    if (loop != NULL)
        post_from_threads(loop);
    (void)aio_loop_close(loop);
}

/* Not under chaos: an EAGAIN that a pipe with room would never give is a wake-up lost. */
TEST_EXACT(posts_arrive_through_a_pipe_where_there_is_no_eventfd)
{
    faults_fail("eventfd", 1, ENOSYS, FAULTS_ONCE);
    aio_loop *loop = new_loop();
    if (loop != NULL) {
        check(loop->wake_reader != loop->wake_writer);
        post_from_threads(loop);
    }
    (void)aio_loop_close(loop);
}

/* Posts go back and forth: each wakes a loop that waits, or is about to. */
struct ball {
    aio_loop *loops[2];
    aio_handle handle;
    int throws;
};

static void throw_ball(void *arg)
{
    struct ball *ball = arg;
    aio_loop *here = aio_loop_current(), *there = ball->loops[here == ball->loops[0]];
    if (ball->throws-- == 0) {
        check_int(aio_loop_stop(here), 0);
        ball->throws = 0;
        check_int(aio_loop_call_soon_threadsafe(there, &ball->handle, stop_loop, there), 0);
        return;
    }
    check_int(aio_loop_call_soon_threadsafe(there, &ball->handle, throw_ball, ball), 0);
}

static void *run_other(void *loop)
{
    check_int(aio_loop_run_forever(loop), 0);
    return NULL;
}

TEST(no_wake_up_is_lost_between_two_loops_that_wait_for_each_other)
{
    struct ball ball = {.loops = {new_loop(), new_loop()}, .throws = (int)test_scale(20000)};
    pthread_t thread;
    if (ball.loops[0] != NULL && ball.loops[1] != NULL &&
        check_int(pthread_create(&thread, NULL, run_other, ball.loops[1]), 0)) {
        check_int(aio_loop_call_soon_threadsafe(ball.loops[1], &ball.handle, throw_ball, &ball), 0);
        check_int(aio_loop_run_forever(ball.loops[0]), 0);
        (void)pthread_join(thread, NULL);
        check_int(ball.throws, 0);
    }
    (void)aio_loop_close(ball.loops[0]);
    (void)aio_loop_close(ball.loops[1]);
}

/* ---- one thread ------------------------------------------------------------------------------ */

TEST(post_before_the_run_runs_in_its_first_turn)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "a");
    check_int(aio_loop_step(loop, 0), 1);
    check_trace("a");
    (void)aio_loop_close(loop);
}

TEST(each_post_is_seen_by_the_step_after_it)
{
    int calls = 0;
    aio_loop *loop = new_loop();
    aio_handle a = {0}, b = {0};
    for (int i = 0; i < 500; i++) {
        (void)aio_loop_call_soon_threadsafe(loop, &a, count_call, &calls);
        (void)aio_loop_call_soon_threadsafe(loop, &b, count_call, &calls);
        check_int(aio_loop_step(loop, i % 2 != 0 ? 0 : AIO_MSEC(1)), 2);
        (void)aio_loop_step(loop, 0);
    }
    check(calls == 1000 || loop == NULL);
    (void)aio_loop_close(loop);
}

TEST(posts_that_the_loop_has_not_seen_cost_one_system_call)
{
    int calls = 0;
    static aio_handle handles[100];
    aio_loop *loop = new_loop();
    for (int i = 0; i < 100; i++)
        (void)aio_loop_call_soon_threadsafe(loop, &handles[i], count_call, &calls);
    check(faults_count("write") == 1 || loop == NULL);
    check_int(aio_loop_step(loop, 0), 100);
    (void)aio_loop_close(loop);
}

TEST(wake_up_that_is_interrupted_is_written_again)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    faults_fail("write", 1, EINTR, FAULTS_ONCE);
    (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "a");
    check(faults_count("write") == 2 || loop == NULL);
    check_int(aio_loop_step(loop, 0), 1);
    check_trace("a");
    (void)aio_loop_close(loop);
}

TEST(wake_up_whose_clearing_is_interrupted_does_no_harm)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    faults_fail("read", 1, EINTR, FAULTS_ONCE);
    for (int i = 0; i < 3; i++) {
        (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "a");
        check_int(aio_loop_step(loop, 0), 1);
    }
    (void)aio_loop_step(loop, AIO_MSEC(1)); /* finds out, too, whether there is an epoll_pwait2() */
    unsigned long before = polls();
    (void)aio_loop_step(loop, AIO_MSEC(1));
    check_int(polls() - before, loop != NULL);
    (void)aio_loop_close(loop);
}

TEST(wake_up_makes_an_embedding_program_look_once)
{
    aio_loop *loop = new_loop();
    if (loop == NULL)
        return;
    aio__wakeup_send(loop);
    aio__wakeup_send(loop);
    check_int(aio_loop_step(loop, AIO_SEC(60)), 0);
    check(!atomic_load(&loop->woken));
    (void)aio_loop_close(loop);
}

TEST(post_that_never_ran_is_handed_back_when_the_loop_is_closed)
{
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "a");
    (void)aio_loop_close(loop);
    check(!aio_handle_pending(&handle));
    check_trace("");
    check_int(ledger_descriptors(), 0);
}

TEST(wake_up_that_the_selector_will_not_watch_is_an_error_and_closed)
{
    faults_fail("epoll_ctl", 1, ENOSPC, FAULTS_ONCE);
    errno = 0;
    aio_loop *loop = aio_loop_new();
    if (loop == NULL)
        check_int(errno == ENOSPC || errno == ENOMEM, true);
    else
        check(has_selector(loop, "poll"));
    (void)aio_loop_close(loop);
    check_int(ledger_descriptors(), 0);
}

/* ---- signal handlers ------------------------------------------------------------------------- */

static aio_loop *interrupted;
static aio_handle from_handlers[1000];
static volatile sig_atomic_t handlers_run;
static int handlers_seen;

static void post_from_handler(int signal)
{
    (void)signal;
    int saved = errno;
    (void)aio_loop_call_soon_threadsafe(interrupted, &from_handlers[handlers_run], count_call,
                                        &handlers_seen);
    handlers_run = handlers_run + 1;
    errno = saved;
}

static bool begin_signals(struct sigaction *previous)
{
    struct sigaction action = {.sa_handler = post_from_handler};
    interrupted = new_loop();
    return interrupted != NULL && check_int(sigaction(SIGUSR1, &action, previous), 0);
}

static void raise_signal(void *arg)
{
    (void)arg;
    check_int(raise(SIGUSR1), 0);
}

TEST(signal_handler_may_post_into_the_loop_it_interrupts)
{
    struct sigaction previous;
    aio_handle raiser = {0}, after = {0};
    if (!begin_signals(&previous))
        return;
    (void)aio_loop_call_soon(interrupted, &raiser, raise_signal, NULL);
    (void)aio_loop_call_soon(interrupted, &after, raise_signal, NULL);
    check_int(aio_loop_step(interrupted, 0), 2);
    check_int(aio_loop_step(interrupted, AIO_SEC(60)), 2);
    check_int(handlers_seen, 2);
    (void)sigaction(SIGUSR1, &previous, NULL);
    (void)aio_loop_close(interrupted);
}

static void *send_signals(void *thread)
{
    static aio_handle last;
    for (int i = 0; i < 1000; i++)
        check_int(pthread_kill(*(pthread_t *)thread, SIGUSR1), 0);
    check_int(aio_loop_call_soon_threadsafe(interrupted, &last, stop_loop, interrupted), 0);
    return NULL;
}

/* The signals come at any moment: while it waits, turns, and queues. */
TEST(nothing_that_a_storm_of_signal_handlers_posts_is_lost)
{
    struct sigaction previous;
    pthread_t self = pthread_self(), thread;
    if (!begin_signals(&previous))
        return;
    if (check_int(pthread_create(&thread, NULL, send_signals, &self), 0)) {
        check_int(aio_loop_run_forever(interrupted), 0);
        (void)pthread_join(thread, NULL);
    }
    while (aio_loop_step(interrupted, 0) > 0) {
    }
    check(handlers_run > 0);
    check_int(handlers_seen, handlers_run);
    (void)sigaction(SIGUSR1, &previous, NULL);
    (void)aio_loop_close(interrupted);
}

/* ---- forks ----------------------------------------------------------------------------------- */

/* The child shares the kernel's side of the selector with its parent. */
TEST(child_that_closes_the_loop_leaves_its_parents_alone)
{
    int ends[2], calls = 0, status = -1;
    aio_loop *loop = new_loop();
    aio_handle handle = {0};
    if (loop == NULL || !open_pipe(ends)) {
        (void)aio_loop_close(loop);
        return;
    }
    (void)aio_loop_add_reader(loop, ends[0], count_call, &calls);
    pid_t child = fork();
    if (child == 0)
        _exit(aio_loop_close(loop) != 0);
    check_int(waitpid(child, &status, 0), child);
    check_int(status, 0);
    (void)aio_loop_call_soon_threadsafe(loop, &handle, note, "woken");
    check_int(aio_loop_step(loop, 0), 1);
    check_int(aio_loop_step(loop, 0), 0);
    check(!atomic_load(&loop->woken)); /* it saw the wake-up, too */
    put_byte(ends[1]);
    check_int(aio_loop_step(loop, 0), 1);
    check_int(calls, 1);
    (void)aio_loop_close(loop);
    close_both(ends);
}
