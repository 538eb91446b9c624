/*
 * The context of 64-bit ARM (AAPCS64).
 *
 * switch_aarch64.S knows these offsets.
 */
#ifndef AIO_CORO_SWITCH_AARCH64_H
#define AIO_CORO_SWITCH_AARCH64_H

#include <stdint.h>

typedef struct aio__context {
    uint64_t x[12]; /* x19 ... x30: x29 is the frame pointer; x30 the return address, signed */
    uint64_t sp;
    uint64_t fpcr; /* rounding, exceptions, denormals */
    uint64_t d[8]; /* d8 ... d15 */
} aio__context;

_Static_assert(sizeof(aio__context) == 176, "the assembly file knows this layout");

#endif
