/*
 * The switch itself: what it keeps, and what unwinders see of it.
 *
 * What must be set and looked at register by register is assembly here as well;
 * on other processors than those two the tests that need it find nothing to do.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

#include "base/compat.h"
#include "base/util.h"
#include "coro/coro.h"
#include "support/test.h"

#define SIZE ((size_t)65536)
#define REGISTERS 18

/*
 * Switches with all callee-saved registers set to `pattern`, and stores what they are afterwards
 * in `found`; control_get() and control_set() are the floating-point control words.
 */
#if defined(__x86_64__)
#if defined(__APPLE__)
#define NAME(name) "_" #name
#else
#define NAME(name) #name
#endif
void switch_patterned(aio__coro *from, aio__coro *to, const uint64_t *pattern, uint64_t *found);
__asm__(".text\n" NAME(switch_patterned) ":\n"
        "pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n pushq %rcx\n"
        "movq (%rdx), %rbx\n movq 8(%rdx), %rbp\n movq 16(%rdx), %r12\n"
        "movq 24(%rdx), %r13\n movq 32(%rdx), %r14\n movq 40(%rdx), %r15\n"
        "call " NAME(aio__coro_switch) "\n"
        "popq %rcx\n"
        "movq %rbx, (%rcx)\n movq %rbp, 8(%rcx)\n movq %r12, 16(%rcx)\n"
        "movq %r13, 24(%rcx)\n movq %r14, 32(%rcx)\n movq %r15, 40(%rcx)\n"
        "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n ret\n");
#define PATTERNS 6

static uint64_t control_get(void)
{
    uint32_t mxcsr;
    uint16_t fcw;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(fcw));
    return ((uint64_t)fcw << 32) | (mxcsr & ~UINT32_C(63));
}

static void control_set(uint64_t control)
{
    uint32_t mxcsr = (uint32_t)control;
    uint16_t fcw = (uint16_t)(control >> 32);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(fcw));
}

/* Rounding of both units to zero. */
#define CONTROL_OTHER (UINT64_C(0x0f7f) << 32 | 0x7f80)
#elif defined(__aarch64__) && !defined(__APPLE__)
void switch_patterned(aio__coro *from, aio__coro *to, const uint64_t *pattern, uint64_t *found);
__asm__(".text\n switch_patterned:\n"
        "hint #34\n"
        "stp x29, x30, [sp, #-192]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n"
        "stp x23, x24, [sp, #48]\n stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n str x3, [sp, #160]\n"
        "ldp x19, x20, [x2]\n ldp x21, x22, [x2, #16]\n ldp x23, x24, [x2, #32]\n"
        "ldp x25, x26, [x2, #48]\n ldp x27, x28, [x2, #64]\n"
        "ldp d8, d9, [x2, #80]\n ldp d10, d11, [x2, #96]\n ldp d12, d13, [x2, #112]\n"
        "ldp d14, d15, [x2, #128]\n"
        "bl aio__coro_switch\n"
        "ldr x3, [sp, #160]\n"
        "stp x19, x20, [x3]\n stp x21, x22, [x3, #16]\n stp x23, x24, [x3, #32]\n"
        "stp x25, x26, [x3, #48]\n stp x27, x28, [x3, #64]\n"
        "stp d8, d9, [x3, #80]\n stp d10, d11, [x3, #96]\n stp d12, d13, [x3, #112]\n"
        "stp d14, d15, [x3, #128]\n"
        "ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n ldp d8, d9, [sp, #96]\n"
        "ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        "ldp x29, x30, [sp], #192\n ret\n");
#define PATTERNS 18

static uint64_t control_get(void)
{
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}

static void control_set(uint64_t control)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

/* Rounding to zero. */
#define CONTROL_OTHER (UINT64_C(3) << 22)
#else
#define PATTERNS 0
#define CONTROL_OTHER 0
static void switch_patterned(aio__coro *from, aio__coro *to, const uint64_t *pattern,
                             uint64_t *found)
{
    (void)pattern, (void)found;
    aio__coro_switch(from, to);
}

static uint64_t control_get(void)
{
    return 0;
}

static void control_set(uint64_t control)
{
    (void)control;
}
#endif

/* A thread and one coroutine, that take turns. */
struct pair {
    aio__coro thread, coro;
    aio__stack_pool *pool;
    unsigned long turns;
    bool over;
    uint64_t control;
    unsigned long wrong;
    int frames, depth;
    char text[32];
    atomic_bool stop;
    pthread_t main;
};

/* Makes the coroutine; false without memory. */
static bool pair_open(struct pair *pair, size_t size, void (*entry)(void *arg))
{
    memset(pair, 0, sizeof *pair);
    aio__coro_adopt(&pair->thread);
    pair->pool = aio__stack_pool_open(16384);
    if (!check(pair->pool != NULL))
        return false;
    return check_int(aio__coro_create(&pair->coro, pair->pool, size, entry, pair), 0);
}

static void pair_close(struct pair *pair)
{
    aio__stack_pool_close(pair->pool);
    aio__coro_disown(&pair->thread);
}

static _Noreturn void leave(struct pair *pair)
{
    pair->over = true;
    aio__coro_exit(&pair->coro, pair->pool, &pair->thread);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Switches once with patterns of this turn's own: how many registers were not kept. */
static unsigned long wrong_registers(aio__coro *from, aio__coro *to, uint64_t seed)
{
    uint64_t pattern[REGISTERS], found[REGISTERS];
    for (unsigned i = 0; i < REGISTERS; i++)
        pattern[i] = found[i] = (seed * REGISTERS + i) * UINT64_C(0x9e3779b97f4a7c15);
    if (PATTERNS != 0)
        memset(found, 0, PATTERNS * sizeof found[0]);
    switch_patterned(from, to, pattern, found);
    unsigned long wrong = 0;
    for (unsigned i = 0; i < REGISTERS; i++)
        wrong += found[i] != pattern[i];
    return wrong;
}

static void keep_registers(void *arg)
{
    struct pair *pair = arg;
    for (unsigned long i = 0; i < pair->turns; i++)
        pair->wrong += wrong_registers(&pair->coro, &pair->thread, i * 2 + 1);
    leave(pair);
}

TEST(switch_keeps_all_callee_saved_registers)
{
    struct pair pair;
    if (pair_open(&pair, SIZE, keep_registers)) {
        pair.turns = test_scale(500000);
        for (unsigned long i = 0; !pair.over; i++)
            pair.wrong += wrong_registers(&pair.thread, &pair.coro, i * 2);
        check_int(pair.wrong, 0);
    }
    pair_close(&pair);
}

/* ---- floating-point control words ------------------------------------------------------------ */

static void change_control(void *arg)
{
    struct pair *pair = arg;
    pair->control = control_get();
    control_set(CONTROL_OTHER);
    for (unsigned long i = 0; i < pair->turns; i++) {
        aio__coro_switch(&pair->coro, &pair->thread);
        pair->wrong += control_get() != CONTROL_OTHER;
    }
    leave(pair);
}

TEST(each_stack_has_its_own_floating_point_control)
{
    struct pair pair;
    uint64_t control = control_get();
    if (pair_open(&pair, SIZE, change_control)) {
        pair.turns = 1000;
        while (!pair.over) {
            aio__coro_switch(&pair.thread, &pair.coro);
            pair.wrong += control_get() != control;
        }
        check_int(pair.wrong, 0);
        check(pair.control == control);
    }
    pair_close(&pair);
}

static void note_control(void *arg)
{
    struct pair *pair = arg;
    pair->control = control_get();
    leave(pair);
}

TEST(coroutine_begins_with_the_floating_point_control_of_its_maker)
{
    struct pair pair;
    uint64_t control = control_get();
    control_set(CONTROL_OTHER);
    bool made = pair_open(&pair, SIZE, note_control);
    control_set(control);
    if (made) {
        aio__coro_switch(&pair.thread, &pair.coro);
        check(pair.control == CONTROL_OTHER);
        check(control_get() == control);
    }
    pair_close(&pair);
}

/* ---- alignment ------------------------------------------------------------------------------- */

static void print(void *arg)
{
    struct pair *pair = arg;
    long double number = 1.5L;
    (void)snprintf(pair->text, sizeof pair->text, "%.2Lf %.1f", number, 0.5);
    leave(pair);
}

TEST(stack_is_aligned_for_vector_registers_and_long_double)
{
    struct pair pair;
    if (pair_open(&pair, SIZE, print)) {
        aio__coro_switch(&pair.thread, &pair.coro);
        check_string(pair.text, "1.50 0.5");
    }
    pair_close(&pair);
}

/* ---- the signal mask ------------------------------------------------------------------------- */

static bool blocked(int signal)
{
    sigset_t mask;
    return pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, signal) == 1;
}

static void block_usr1(void *arg)
{
    struct pair *pair = arg;
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
    aio__coro_switch(&pair->coro, &pair->thread);
    pair->wrong += blocked(SIGUSR1);
    leave(pair);
}

TEST(signal_mask_is_the_threads_and_goes_from_stack_to_stack)
{
    struct pair pair;
    sigset_t before;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    if (pair_open(&pair, SIZE, block_usr1)) {
        aio__coro_switch(&pair.thread, &pair.coro);
        check(blocked(SIGUSR1));
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        aio__coro_switch(&pair.thread, &pair.coro);
        check_int(pair.wrong, 0);
    }
    pair_close(&pair);
}

/* ---- unwinding ------------------------------------------------------------------------------- */

struct trace {
    int frames;
    bool thread, coro; /* the side's function was among them */
};

static AIO__NOINLINE void unwound_thread_side(struct pair *pair);
static AIO__NOINLINE void unwound_coro_side(struct pair *pair);

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
    struct trace *trace = arg;
    uintptr_t function = (uintptr_t)_Unwind_GetRegionStart(context);
    trace->thread = trace->thread || function == (uintptr_t)unwound_thread_side;
    trace->coro = trace->coro || function == (uintptr_t)unwound_coro_side;
    return ++trace->frames > 200 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static struct trace unwind(void)
{
    struct trace trace = {.frames = 0};
    (void)_Unwind_Backtrace(note_frame, &trace);
    return trace;
}

static AIO__NOINLINE void note_depth(struct pair *pair, int depth)
{
    if (depth > 0)
        note_depth(pair, depth - 1);
    else
        pair->frames = unwind().frames;
    pair->depth++;
}

static void unwind_in_depth(void *arg)
{
    note_depth(arg, 5);
    leave(arg);
}

TEST(unwinding_ends_where_the_coroutine_began)
{
    struct pair pair;
    if (pair_open(&pair, SIZE, unwind_in_depth)) {
        aio__coro_switch(&pair.thread, &pair.coro);
        /* Six of note_depth(), unless the compiler joined some; the rest of the way is short. */
        check(pair.frames >= 2);
        check(pair.frames <= 6 + 6);
    }
    pair_close(&pair);
}

#if defined(AIO_CORO_SWITCH_X86_64_H) && !defined(AIO__ASAN) && !defined(AIO__TSAN)

/* The processor's trap flag raises SIGTRAP after every instruction: at each, unwinding must come to
 * the function whose stack this is, and to its end.  (valgrind ignores the flag.) */
static const aio__stack *stepped;
static unsigned long lost;

static void on_step(int signal)
{
    char *here = (char *)&signal;
    bool on_coro = here >= stepped->base && here < stepped->base + stepped->size;
    struct trace trace = unwind();
    lost += trace.frames > 100 || trace.coro != on_coro || trace.thread == on_coro;
}

static void trap(bool on)
{
    uint64_t flag = on ? 0x100 : 0;
    __asm__ volatile("subq $128, %%rsp\n\t"
                     "pushfq\n\t"
                     "andq $~0x100, (%%rsp)\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "addq $128, %%rsp"
                     :
                     : "r"(flag), "r"(__builtin_frame_address(0)) /* unwound from rbp: rsp is off */
                     : "cc", "memory");
}

static AIO__NOINLINE void unwound_coro_side(struct pair *pair)
{
    while (!pair->over)
        aio__coro_switch(&pair->coro, &pair->thread);
    pair->depth++;
}

static void be_unwound(void *arg)
{
    unwound_coro_side(arg);
    leave(arg);
}

static AIO__NOINLINE void unwound_thread_side(struct pair *pair)
{
    for (int i = 0; i < 3; i++) {
        trap(true);
        aio__coro_switch(&pair->thread, &pair->coro);
        trap(false);
    }
    pair->depth++;
}

TEST(unwinding_works_at_every_instruction_of_a_switch)
{
    struct pair pair;
    struct sigaction action = {.sa_handler = on_step}, previous;
    lost = 0;
    stepped = &pair.coro.stack;
    (void)unwind(); /* whatever it binds and allocates, it has done */
    (void)sigaction(SIGTRAP, &action, &previous);
    if (pair_open(&pair, SIZE, be_unwound)) {
        aio__coro_switch(&pair.thread, &pair.coro);
        unwound_thread_side(&pair);
        pair.over = true;
        aio__coro_switch(&pair.thread, &pair.coro);
        check_int(lost, 0);
    }
    (void)sigaction(SIGTRAP, &previous, NULL);
    pair_close(&pair);
}

#else

static AIO__NOINLINE void unwound_thread_side(struct pair *pair)
{
    pair->depth++;
}

static AIO__NOINLINE void unwound_coro_side(struct pair *pair)
{
    pair->depth--;
}

#endif

/* ---- signals --------------------------------------------------------------------------------- */

static _Atomic unsigned long handled;

static void on_storm(int signal)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%d", signal);
    atomic_fetch_add(&handled, text[0] != '\0');
}

/* Raises signals in the main thread until it is told to stop. */
static void *storm(void *arg)
{
    struct pair *pair = arg;
    while (!atomic_load(&pair->stop))
        (void)pthread_kill(pair->main, SIGUSR1);
    return NULL;
}

static void weather_storm(void *arg)
{
    struct pair *pair = arg;
    for (unsigned long i = 0; i < pair->turns; i++)
        pair->wrong += wrong_registers(&pair->coro, &pair->thread, i * 2 + 1);
    leave(pair);
}

TEST(signals_may_come_at_any_time_on_the_smallest_stack)
{
    struct pair pair;
    struct sigaction action = {.sa_handler = on_storm, .sa_flags = SA_RESTART}, previous;
    pthread_t thread;
    (void)sigaction(SIGUSR1, &action, &previous);
    if (pair_open(&pair, AIO__STACK_MINIMUM, weather_storm)) {
        pair.turns = test_scale(50000);
        pair.main = pthread_self();
        if (check_int(pthread_create(&thread, NULL, storm, &pair), 0)) {
            for (unsigned long i = 0; !pair.over; i++)
                pair.wrong += wrong_registers(&pair.thread, &pair.coro, i * 2);
            atomic_store(&pair.stop, true);
            (void)pthread_join(thread, NULL);
            check_int(pair.wrong, 0);
        }
    }
    (void)sigaction(SIGUSR1, &previous, NULL);
    pair_close(&pair);
}
