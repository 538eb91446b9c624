/*
 * The switch of x86-64, System V ABI (ELF and Mach-O): see switch.h, and
 * switch_x86_64.h for the layout of a context.
 *
 * Unwinding works at every instruction.  Once rsp is the other stack's, the other
 * registers are said to lie in the context that they are being loaded from, so a
 * profiler's signal in the midst of a switch sees one stack or the other.
 *
 * The note at the end claims indirect branch tracking (all entries begin with
 * endbr64) and not the shadow stack, which this switch does not exchange: the
 * linker then turns that off for the program.
 */

#if defined(__APPLE__)
#define NAME(name) _##name
#define HIDDEN .private_extern
#define SIZE(name)
#define TYPE(name)
#else
#define NAME(name) name
#define HIDDEN .hidden
#define TYPE(name) .type name, @function
#define SIZE(name) .size name, . - name
#endif

#define RSP 0
#define RBX 8
#define RBP 16
#define R12 24
#define R13 32
#define R14 40
#define R15 48
#define MXCSR 56
#define FCW 60

/* DW_CFA_expression, register (by DWARF's number), DW_OP_breg4 (rsi) + offset. */
#define LIES_IN_CONTEXT(number, offset) .cfi_escape 0x10, number, 2, 0x74, offset

        .text

/* void aio__context_switch(aio__context *from, const aio__context *to) */
        .p2align 5
        .globl NAME(aio__context_switch)
        HIDDEN NAME(aio__context_switch)
        TYPE(aio__context_switch)
NAME(aio__context_switch):
        .cfi_startproc
        endbr64
        movq    %rsp, RSP(%rdi)
        movq    %rbx, RBX(%rdi)
        movq    %rbp, RBP(%rdi)
        movq    %r12, R12(%rdi)
        movq    %r13, R13(%rdi)
        movq    %r14, R14(%rdi)
        movq    %r15, R15(%rdi)
        stmxcsr MXCSR(%rdi)
        fnstcw  FCW(%rdi)
        ldmxcsr MXCSR(%rsi)
        fldcw   FCW(%rsi)
        movq    RSP(%rsi), %rsp
        LIES_IN_CONTEXT(3, RBX)
        LIES_IN_CONTEXT(6, RBP)
        LIES_IN_CONTEXT(12, R12)
        LIES_IN_CONTEXT(13, R13)
        LIES_IN_CONTEXT(14, R14)
        LIES_IN_CONTEXT(15, R15)
        movq    RBX(%rsi), %rbx
        movq    RBP(%rsi), %rbp
        movq    R12(%rsi), %r12
        movq    R13(%rsi), %r13
        movq    R14(%rsi), %r14
        movq    R15(%rsi), %r15
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
        endbr64
        leaq    first_frame(%rip), %rax
        movq    %rax, -24(%rsi)
        movq    $0, -16(%rsi)
        movq    $0, -8(%rsi)
        leaq    -24(%rsi), %rax
        movq    %rax, RSP(%rdi)
        movq    %rdx, RBX(%rdi)
        movq    $0, RBP(%rdi)
        movq    %rcx, R12(%rdi)
        stmxcsr MXCSR(%rdi)
        fnstcw  FCW(%rdi)
        ret
        .cfi_endproc
        SIZE(aio__context_make)

/* Where the first switch returns to: rbx entry, r12 its argument, rbp 0, and a zero where a return
 * address would be. */
        .p2align 4
        TYPE(first_frame)
first_frame:
        .cfi_startproc
        .cfi_undefined rip
        endbr64
        movq    %r12, %rdi
        call    *%rbx
        ud2
        .cfi_endproc
        SIZE(first_frame)

#if !defined(__APPLE__)
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4               /* size of the name */
        .long   16              /* size of the property */
        .long   5               /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000002      /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   4
        .long   1               /* IBT */
        .long   0

        .section .note.GNU-stack, "", @progbits
#endif
