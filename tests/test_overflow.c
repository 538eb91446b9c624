/*
 * Stack overflows: what a process says before it dies of one, and that all other
 * faults are none of ours.
 *
 * What crashes is a child, with SIGSEGV as it was at the start of a program.
 */
#include "coro/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/faults.h"
#include "support/test.h"

#define GUARD ((size_t)65536)
#define SIZE ((size_t)65536)

/* ---- a child that crashes -------------------------------------------------------------------- */

/* What became of it. */
struct outcome {
    int signal; /* it died of; or 0 */
    int status; /* it left with, if it did */
    char text[512];
};

/* In the child: no core files, no handlers of checking tools, and errors to the parent. */
static void prepare(int errors)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    (void)dup2(errors, STDERR_FILENO);
}

/* Takes out the lines that begin so: emulators and checking tools have their say as well. */
static void drop_lines(char *text, const char *beginning)
{
    while (*text != '\0') {
        char *end = strchr(text, '\n');
        end = end != NULL ? end + 1 : text + strlen(text);
        if (strncmp(text, beginning, strlen(beginning)) == 0)
            memmove(text, end, strlen(end) + 1);
        else
            text = end;
    }
}

static struct outcome run_child(void (*body)(void))
{
    struct outcome outcome = {.signal = -1};
    int ends[2], status = 0;
    if (!check_int(pipe(ends), 0))
        return outcome;
    pid_t child = fork();
    if (child == 0) {
        prepare(ends[1]);
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], outcome.text + length, sizeof outcome.text - 1 - length)) > 0)
        length += (size_t)got;
    (void)close(ends[0]);
    drop_lines(outcome.text, "qemu:");
    drop_lines(outcome.text, "==");
    if (check(child > 0 && waitpid(child, &status, 0) == child)) {
        outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    return outcome;
}

/* ---- its only coroutine ---------------------------------------------------------------------- */

static aio__coro thread, coro;
static aio__stack_pool *pool;
static aio__stack neighbour;
static bool in_coro;

static const aio__stack *lookup(const char **out_name)
{
    *out_name = "worker";
    return in_coro ? &coro.stack : NULL;
}

/* Watches, and goes into a coroutine on a stack of so many bytes; below it lies a neighbour. */
static void run_coro(size_t size, void (*entry)(void *arg))
{
    pool = aio__stack_pool_open(GUARD);
    if (pool == NULL || aio__stack_get(pool, size, &neighbour) < 0 ||
        aio__overflow_start(lookup, GUARD) < 0)
        _exit(100);
    memset(neighbour.base, 42, neighbour.size);
    aio__coro_adopt(&thread);
    if (aio__coro_create(&coro, pool, size, entry, NULL) < 0)
        _exit(101);
    in_coro = true;
    aio__coro_switch(&thread, &coro);
    _exit(102);
}

static AIO__NOINLINE int recurse(int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    frame[sizeof frame - 1] = (char)(depth < 0 ? 0 : recurse(depth + 1));
    return frame[0] + frame[sizeof frame - 1];
}

static void overflow(void *arg)
{
    (void)arg;
    _exit(recurse(1));
}

static void overflow_by_recursion(void)
{
    run_coro(SIZE, overflow);
}

static AIO__NOINLINE void fill(volatile char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 256)
        bytes[i] = 1;
}

/* A frame that is larger than the stack it is on. */
static AIO__NOINLINE int big_frame(int depth)
{
    volatile char frame[32768];
    fill(frame, sizeof frame);
    return frame[depth];
}

static void overflow_at_once(void *arg)
{
    (void)arg;
    _exit(big_frame(0));
}

static void overflow_by_a_frame(void)
{
    run_coro(AIO__STACK_MINIMUM, overflow_at_once);
}

static void touch(const volatile char *at)
{
    (void)*at;
}

static char *inaccessible(void)
{
    return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void touch_inaccessible(void *arg)
{
    (void)arg;
    touch(inaccessible());
}

/* ---- overflows ------------------------------------------------------------------------------- */

TEST(overflow_is_told_with_the_tasks_name_and_kills)
{
    struct outcome outcome = run_child(overflow_by_recursion);
    check(outcome.signal == SIGSEGV || outcome.signal == SIGBUS);
    check_string(outcome.text, "aio: stack overflow in task \"worker\" (stack of 65536 bytes)\n");
}

TEST(frame_larger_than_the_stack_lands_in_the_guard)
{
    struct outcome outcome = run_child(overflow_by_a_frame);
    check(outcome.signal == SIGSEGV || outcome.signal == SIGBUS);
    check_string(outcome.text, "aio: stack overflow in task \"worker\" (stack of 16384 bytes)\n");
}

/* Runs as the disposition that was there before ours. */
static void look_at_neighbour(int signal)
{
    int wrong = 0;
    (void)signal;
    for (size_t i = 0; i < neighbour.size; i++)
        wrong += neighbour.base[i] != 42;
    _exit(wrong == 0 ? 7 : 8);
}

static void overflow_beside_a_neighbour(void)
{
    struct sigaction action = {.sa_handler = look_at_neighbour, .sa_flags = SA_ONSTACK};
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    overflow_by_recursion();
}

TEST(overflow_leaves_the_neighbouring_stack_alone)
{
    struct outcome outcome = run_child(overflow_beside_a_neighbour);
    check_int(outcome.signal, 0);
    check_int(outcome.status, 7);
    check(strstr(outcome.text, "stack overflow") != NULL);
}

static const aio__stack *lookup_long_name(const char **out_name)
{
    static char name[1000];
    memset(name, 'x', sizeof name - 1);
    *out_name = name;
    return &coro.stack;
}

static void overflow_with_a_long_name(void)
{
    if (aio__overflow_start(lookup_long_name, GUARD) < 0)
        _exit(100);
    pool = aio__stack_pool_open(GUARD);
    aio__coro_adopt(&thread);
    if (pool == NULL || aio__coro_create(&coro, pool, SIZE, overflow, NULL) < 0)
        _exit(101);
    aio__coro_switch(&thread, &coro);
}

TEST(long_name_is_cut)
{
    struct outcome outcome = run_child(overflow_with_a_long_name);
    check(outcome.signal == SIGSEGV || outcome.signal == SIGBUS);
    check(strlen(outcome.text) < 256);
    check(strstr(outcome.text, "xxxx\" (stack of 65536 bytes)\n") != NULL);
}

/* ---- other faults ---------------------------------------------------------------------------- */

static void fault_in_coro(void)
{
    run_coro(SIZE, touch_inaccessible);
}

TEST(another_fault_kills_without_a_word)
{
    struct outcome outcome = run_child(fault_in_coro);
    check(outcome.signal == SIGSEGV || outcome.signal == SIGBUS);
    check_string(outcome.text, "");
}

static void handle(int signal)
{
    (void)signal;
    (void)!write(STDERR_FILENO, "handled", 7);
    _exit(0);
}

static void handle_informed(int signal, siginfo_t *info, void *machine)
{
    if (signal == info->si_signo && machine != NULL)
        (void)!write(STDERR_FILENO, "well ", 5);
    handle(signal);
}

static void fault_with_handler(void)
{
    (void)signal(SIGSEGV, handle);
    (void)signal(SIGBUS, handle);
    fault_in_coro();
}

static void fault_with_informed_handler(void)
{
    struct sigaction action = {.sa_sigaction = handle_informed, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
    fault_in_coro();
}

TEST(another_fault_goes_to_the_handler_that_was_there)
{
    check_string(run_child(fault_with_handler).text, "handled");
    check_string(run_child(fault_with_informed_handler).text, "well handled");
}

static void fault_ignored(void)
{
    (void)signal(SIGSEGV, SIG_IGN);
    (void)signal(SIGBUS, SIG_IGN);
    fault_in_coro();
}

TEST(fault_kills_even_where_it_is_ignored)
{
    struct outcome outcome = run_child(fault_ignored);
    check(outcome.signal == SIGSEGV || outcome.signal == SIGBUS);
}

/* Sends itself a SIGSEGV, outside of any coroutine. */
static void be_sent_one(void)
{
    if (aio__overflow_start(lookup, GUARD) < 0)
        _exit(100);
    (void)kill(getpid(), SIGSEGV);
    _exit(12);
}

static void be_sent_one_ignored(void)
{
    (void)signal(SIGSEGV, SIG_IGN);
    be_sent_one();
}

TEST(signal_that_somebody_sends_does_what_it_would_have_done)
{
    check_int(run_child(be_sent_one).signal, SIGSEGV);
    check_int(run_child(be_sent_one_ignored).status, 12);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

/* The handlers of both signals and the alternate stack, as numbers to compare. */
struct dispositions {
    struct sigaction actions[2];
    stack_t stack;
};

static struct dispositions look(void)
{
    struct dispositions now;
    memset(&now, 0, sizeof now);
    (void)sigaction(SIGSEGV, NULL, &now.actions[0]);
    (void)sigaction(SIGBUS, NULL, &now.actions[1]);
    (void)sigaltstack(NULL, &now.stack);
    return now;
}

/* Where no alternate stack is in force, it is anywhere. */
static bool same_stack(const stack_t *one, const stack_t *other)
{
    return one->ss_flags == other->ss_flags &&
           ((one->ss_flags & SS_DISABLE) != 0 || one->ss_sp == other->ss_sp);
}

static bool same(const struct dispositions *one, const struct dispositions *other)
{
    return one->actions[0].sa_sigaction == other->actions[0].sa_sigaction &&
           one->actions[1].sa_sigaction == other->actions[1].sa_sigaction &&
           same_stack(&one->stack, &other->stack);
}

TEST(last_stop_puts_everything_back)
{
    struct dispositions before = look();
    if (check_int(aio__overflow_start(lookup, GUARD), 0)) {
        struct dispositions during = look();
        check(during.actions[0].sa_sigaction != before.actions[0].sa_sigaction);
        check_int(during.actions[0].sa_flags & (SA_SIGINFO | SA_ONSTACK), SA_SIGINFO | SA_ONSTACK);
        check_int(during.stack.ss_flags & SS_DISABLE, 0);
        check(during.stack.ss_size >= 65536);
        aio__overflow_stop();
    }
    struct dispositions after = look();
    check(same(&before, &after));
}

TEST(as_many_stops_as_starts_end_it)
{
    struct dispositions before = look();
    int first = aio__overflow_start(lookup, GUARD), second = aio__overflow_start(lookup, GUARD);
    check_int(first, 0);
    check_int(second, 0);
    struct dispositions during = look();
    if (second == 0)
        aio__overflow_stop();
    struct dispositions still = look();
    check(same(&during, &still));
    if (first == 0)
        aio__overflow_stop();
    struct dispositions after = look();
    check(same(&before, &after));
}

TEST(stop_without_a_start_does_nothing)
{
    struct dispositions before = look();
    aio__overflow_stop();
    struct dispositions after = look();
    check(same(&before, &after));
}

TEST(alternate_stack_that_is_large_enough_is_left_in_place)
{
    static char mine[1 << 20];
    stack_t alternate = {.ss_sp = mine, .ss_size = sizeof mine}, previous;
    (void)sigaltstack(&alternate, &previous);
    if (check_int(aio__overflow_start(lookup, GUARD), 0)) {
        check(look().stack.ss_sp == mine);
        aio__overflow_stop();
    }
    check(look().stack.ss_sp == mine);
    (void)sigaltstack(&previous, NULL);
}

TEST(handler_that_somebody_put_over_ours_stays)
{
    struct sigaction before, action = {.sa_handler = handle};
    (void)sigaction(SIGSEGV, NULL, &before);
    if (check_int(aio__overflow_start(lookup, GUARD), 0)) {
        (void)sigaction(SIGSEGV, &action, NULL);
        aio__overflow_stop();
        check(look().actions[0].sa_handler == handle);
    }
    (void)sigaction(SIGSEGV, &before, NULL);
}

/* Starts and stops: whether ours was the handler of a signal in between. */
static bool watches(int signal)
{
    struct sigaction now = {.sa_flags = 0}, before = {.sa_flags = 0};
    (void)sigaction(signal, NULL, &before);
    if (!check_int(aio__overflow_start(lookup, GUARD), 0))
        return false;
    (void)sigaction(signal, NULL, &now);
    aio__overflow_stop();
    return now.sa_sigaction != before.sa_sigaction;
}

static void start_and_cover(int signal)
{
    struct sigaction action = {.sa_handler = handle};
    if (!check_int(aio__overflow_start(lookup, GUARD), 0))
        return;
    (void)sigaction(signal, &action, NULL);
    aio__overflow_stop();
}

TEST(ours_is_not_put_over_a_handler_that_may_call_it)
{
    struct sigaction before;
    (void)sigaction(SIGSEGV, NULL, &before);
    start_and_cover(SIGSEGV);
    check(!watches(SIGSEGV));
    check(!watches(SIGSEGV));
    check(look().actions[0].sa_handler == handle);
    (void)sigaction(SIGSEGV, &before, NULL);
}

TEST(other_signal_is_watched_while_one_is_covered)
{
    struct sigaction before;
    (void)sigaction(SIGSEGV, NULL, &before);
    start_and_cover(SIGSEGV);
    check(watches(SIGBUS));
    (void)sigaction(SIGSEGV, &before, NULL);
}

TEST(signal_is_watched_again_once_the_handler_over_ours_has_gone)
{
    struct sigaction before, none = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGSEGV, NULL, &before);
    start_and_cover(SIGSEGV);
    (void)sigaction(SIGSEGV, &none, NULL);
    check(watches(SIGSEGV));
    check(watches(SIGSEGV));
    check(look().actions[0].sa_handler == SIG_DFL);
    (void)sigaction(SIGSEGV, &before, NULL);
}

/* Looks at ours, puts something over it, and puts it back when we have stopped.  A handler that was
 * there before all is still the one that a fault goes to, once. */
static void put_ours_back(void (*over)(int signal))
{
    struct sigaction ours, action = {.sa_handler = over};
    (void)signal(SIGSEGV, handle);
    if (aio__overflow_start(lookup, GUARD) < 0)
        _exit(100);
    (void)sigaction(SIGSEGV, &action, &ours);
    aio__overflow_stop();
    (void)sigaction(SIGSEGV, &ours, NULL);
    fault_in_coro();
}

static void put_ours_back_from_under_a_handler(void)
{
    put_ours_back(look_at_neighbour);
}

static void put_ours_back_from_under_nothing(void)
{
    put_ours_back(SIG_DFL);
}

TEST(fault_is_passed_on_where_somebody_else_put_ours_back)
{
    check_string(run_child(put_ours_back_from_under_a_handler).text, "handled");
    check_string(run_child(put_ours_back_from_under_nothing).text, "handled");
}

static void *watch_in_thread(void *arg)
{
    struct dispositions before = look(), *during = arg;
    if (check_int(aio__overflow_start(lookup, GUARD), 0)) {
        *during = look();
        aio__overflow_stop();
    }
    struct dispositions after = look();
    check(same_stack(&after.stack, &before.stack));
    return NULL;
}

TEST(each_thread_has_an_alternate_stack_of_its_own)
{
    struct dispositions other = {.stack = {.ss_size = 0}};
    pthread_t helper;
    if (check_int(aio__overflow_start(lookup, GUARD), 0)) {
        struct dispositions before = look();
        if (check_int(pthread_create(&helper, NULL, watch_in_thread, &other), 0)) {
            (void)pthread_join(helper, NULL);
            check(other.stack.ss_sp != before.stack.ss_sp);
            struct dispositions after = look();
            check(same(&before, &after));
        }
        aio__overflow_stop();
    }
}

/* ---- without means --------------------------------------------------------------------------- */

static void check_start_fails(const char *call, unsigned long nth, int error)
{
    struct dispositions before = look();
    faults_fail(call, nth, error, FAULTS_ONCE);
    check_int(aio__overflow_start(lookup, GUARD), -error);
    faults_clear();
    struct dispositions after = look();
    check(same(&before, &after));
}

TEST(start_that_fails_leaves_everything_as_it_was)
{
    stack_t none = {.ss_flags = SS_DISABLE}, previous;
    (void)sigaltstack(&none, &previous);
    check_start_fails("mmap", 1, ENOMEM);
    check_start_fails("mprotect", 1, ENOMEM);
    check_start_fails("sigaltstack", 2, EPERM);
    check_start_fails("sigaction", 1, EINVAL);
    check_start_fails("sigaction", 2, EINVAL);
    check_start_fails("sigaction", 3, EINVAL);
    check_start_fails("sigaction", 4, EINVAL);
    (void)sigaltstack(&previous, NULL);
}
