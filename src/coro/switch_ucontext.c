/*
 * The portable switch, by POSIX's makecontext() and swapcontext().
 *
 * Two system calls a switch and some 70 times slower than assembly: swapcontext()
 * exchanges the signal mask, and so that the mask stays the thread's, the one in
 * force is first written into the context that goes on.
 */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700
#endif

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "coro/switch.h"

/* makecontext() wants to know how large the stack is, but uses only where it ends; less than this,
 * and some systems refuse. */
#define STACK_SIZE 32768

/* What lies at the top of a new stack. */
struct start {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

/* makecontext() passes ints: a pointer goes in two. */
static void first_frame(unsigned high, unsigned low)
{
    uintptr_t address = (uintptr_t)(((uint64_t)high << 32) | low);
    const struct start *start = (const struct start *)address;
    start->entry(start->arg);
}

void aio__context_make(aio__context *context, void *top, void (*entry)(void *arg), void *arg)
{
    uintptr_t place = ((uintptr_t)top - sizeof(struct start)) & ~(uintptr_t)63;
    struct start *start = (struct start *)place;
    (void)getcontext(&start->context);
    start->entry = entry;
    start->arg = arg;
    start->context.uc_link = NULL;
    start->context.uc_stack.ss_sp = (void *)(place - STACK_SIZE);
    start->context.uc_stack.ss_size = STACK_SIZE;
    uint64_t address = place;
    makecontext(&start->context, (void (*)(void))first_frame, 2, (unsigned)(address >> 32),
                (unsigned)(address & UINT32_MAX));
    context->place = &start->context;
}

void aio__context_switch(aio__context *from, const aio__context *to)
{
    ucontext_t here;
    ucontext_t *there = to->place;
    from->place = &here;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &there->uc_sigmask);
    (void)swapcontext(&here, there);
}
