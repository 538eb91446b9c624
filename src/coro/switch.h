/*
 * Contexts: the contract that each processor's switch keeps.
 *
 * A context is what a function call must preserve, and where to go on: the
 * callee-saved registers, the stack pointer, and the control words of the
 * floating-point unit (rounding, exceptions), which are a task's own as well.
 * The signal mask is not part of it: that is a system call, and all tasks share
 * the thread's.
 *
 *     aio__context_make(&c, top, entry, arg)
 *         The first switch to c calls entry(arg) on the stack that ends at `top` (16-byte aligned);
 *         entry never returns.  The caller's floating-point control words go with it.
 *     aio__context_switch(&from, &to)
 *         Saves into `from`, goes on where `to` was saved.
 *
 * The registers lie in the context, not on the stack: contexts are dense, so a
 * switch among many tasks touches one cache line of each (measured at 10,000
 * tasks: 11 ns against 15).  It ends with a `ret`, not a jump, and is called from
 * one place (aio__coro_switch), so that the processor predicts it: 3.4 ns; from
 * two places 12, and a jump makes every return above it mispredict.
 *
 * Unwinders stop at the entry: the return address and the frame pointer there
 * are zero, and the unwind information says that there is no caller.
 */
#ifndef AIO_CORO_SWITCH_H
#define AIO_CORO_SWITCH_H

/* The build names the processor's header; it defines aio__context. */
#include AIO__SWITCH_HEADER

void aio__context_make(aio__context *context, void *top, void (*entry)(void *arg), void *arg);
void aio__context_switch(aio__context *from, const aio__context *to);

#endif
