/*
 * The switch of 64-bit ARM (ELF and Mach-O): see switch.h, and switch_aarch64.h
 * for the layout of a context.
 *
 * Return addresses are signed while they lie in memory, with the stack pointer as
 * the modifier; where the processor can't do that, these instructions do nothing.
 * paciasp is a landing pad too.
 *
 * Unwinding works at every instruction.  Once sp is the other stack's, the other
 * registers are said to lie in the context that they are being loaded from, so a
 * profiler's signal in the midst of a switch sees one stack or the other.
 */

#if defined(__APPLE__)
#define NAME(name) _##name
#define HIDDEN .private_extern
#define TYPE(name)
#define SIZE(name)
#else
#define NAME(name) name
#define HIDDEN .hidden
#define TYPE(name) .type name, %function
#define SIZE(name) .size name, . - name
#endif

#define SP 96
#define FPCR 104
#define D8 112

/* DW_CFA_expression, register (by DWARF's number), DW_OP_breg1 (x1) + offset; from 64 on that takes
 * two bytes. */
#define LIES_IN_CONTEXT(number, offset) .cfi_escape 0x10, number, 2, 0x71, offset
#define LIES_FAR_IN_CONTEXT(number, offset) .cfi_escape 0x10, number, 3, 0x71, 0x80 + offset, 0

        .text

/* void aio__context_switch(aio__context *from, const aio__context *to) */
        .p2align 5
        .globl NAME(aio__context_switch)
        HIDDEN NAME(aio__context_switch)
        TYPE(aio__context_switch)
NAME(aio__context_switch):
        .cfi_startproc
        hint    #25             /* paciasp */
        .cfi_negate_ra_state
        mov     x9, sp
        mrs     x10, fpcr
        ldp     x11, x12, [x1, #SP]
        stp     x19, x20, [x0]
        stp     x21, x22, [x0, #16]
        stp     x23, x24, [x0, #32]
        stp     x25, x26, [x0, #48]
        stp     x27, x28, [x0, #64]
        stp     x29, x30, [x0, #80]
        stp     x9, x10, [x0, #SP]
        stp     d8, d9, [x0, #D8]
        stp     d10, d11, [x0, #D8 + 16]
        stp     d12, d13, [x0, #D8 + 32]
        stp     d14, d15, [x0, #D8 + 48]
        cmp     x10, x12
        b.eq    1f
        msr     fpcr, x12       /* slow: only where it differs */
1:
        mov     sp, x11
        LIES_IN_CONTEXT(19, 0)
        LIES_IN_CONTEXT(20, 8)
        LIES_IN_CONTEXT(21, 16)
        LIES_IN_CONTEXT(22, 24)
        LIES_IN_CONTEXT(23, 32)
        LIES_IN_CONTEXT(24, 40)
        LIES_IN_CONTEXT(25, 48)
        LIES_IN_CONTEXT(26, 56)
        LIES_FAR_IN_CONTEXT(27, 64)
        LIES_FAR_IN_CONTEXT(28, 72)
        LIES_FAR_IN_CONTEXT(29, 80)
        LIES_FAR_IN_CONTEXT(30, 88)
        ldp     x29, x30, [x1, #80]
        ldp     x19, x20, [x1]
        ldp     x21, x22, [x1, #16]
        ldp     x23, x24, [x1, #32]
        ldp     x25, x26, [x1, #48]
        ldp     x27, x28, [x1, #64]
        ldp     d8, d9, [x1, #D8]
        ldp     d10, d11, [x1, #D8 + 16]
        ldp     d12, d13, [x1, #D8 + 32]
        ldp     d14, d15, [x1, #D8 + 48]
        .cfi_restore x30
        hint    #29             /* autiasp */
        .cfi_negate_ra_state
        ret
        .cfi_endproc
        SIZE(aio__context_switch)

/* void aio__context_make(aio__context *context, void *top, void (*entry)(void *), void *arg) */
        .p2align 4
        .globl NAME(aio__context_make)
        HIDDEN NAME(aio__context_make)
        TYPE(aio__context_make)
NAME(aio__context_make):
        .cfi_startproc
        hint    #34             /* bti c */
        adr     x17, first_frame
        mov     x16, x1
        hint    #8              /* pacia1716: signs x17 as that stack's return address */
        mrs     x9, fpcr
        stp     x2, x3, [x0]
        stp     xzr, x17, [x0, #80]
        stp     x1, x9, [x0, #SP]
        ret
        .cfi_endproc
        SIZE(aio__context_make)

/* Where the first switch returns to: x19 entry, x20 its argument, x29 0. */
        .p2align 4
        TYPE(first_frame)
first_frame:
        .cfi_startproc
        .cfi_undefined x30
        hint    #36             /* bti j */
        mov     x0, x20
        blr     x19
        brk     #0
        .cfi_endproc
        SIZE(first_frame)

#if !defined(__APPLE__)
        .section .note.gnu.property, "a"
        .p2align 3
        .word   4               /* size of the name */
        .word   16              /* size of the property */
        .word   5               /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .word   0xc0000000      /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .word   4
        .word   3               /* BTI, PAC */
        .word   0

        .section .note.GNU-stack, "", %progbits
#endif
