/*
 * The context of x86-64, System V ABI: one cache line.
 *
 * switch_x86_64.S knows these offsets.  The return address lies where rsp points.
 */
#ifndef AIO_CORO_SWITCH_X86_64_H
#define AIO_CORO_SWITCH_X86_64_H

#include <stdint.h>

typedef struct aio__context {
    uint64_t rsp, rbx, rbp, r12, r13, r14, r15;
    uint32_t mxcsr; /* of SSE: rounding, exceptions, denormals; its low 6 bits are status */
    uint16_t fcw;   /* of the x87: rounding, precision, exceptions */
    uint16_t unused;
} aio__context;

_Static_assert(sizeof(aio__context) == 64, "the assembly file knows this layout");

#endif
