/*
 * See handler_frame.h. A frame is the return address into libc, the ucontext_t, the siginfo_t, and
 * above them the vector registers, to which the context points. Nothing else in it points into
 * itself, and the kernel takes it back from wherever the stack pointer is.
 */
#include "collectors/target/handler_frame.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "collectors/target/sigstack_hooks.h"

enum {
    RED_ZONE_BYTES = 128,  /* below the stack pointer: the function's own */
    FRAME_ALIGNMENT = 64,  /* of the vector registers */
    LEGACY_BYTES = 512,    /* the registers that are always there */
    SOFTWARE_OFFSET = 464, /* in them: a struct _fpx_sw_bytes */
};

struct frame {
    uintptr_t restorer;
    ucontext_t context; /* larger than the kernel's: only what comes first is looked at */
};

static uint32_t stays;

void handler_frame_leave(void)
{
    __atomic_store_n(&stays, 1, __ATOMIC_RELAXED);
}

/* Where the vector registers of a frame end. */
static uintptr_t frame_end(const struct frame *frame)
{
    uintptr_t registers = (uintptr_t)frame->context.uc_mcontext.fpregs;
    struct _fpx_sw_bytes software;
    memcpy(&software, (const char *)registers + SOFTWARE_OFFSET, sizeof software);
    return registers +
           (software.magic1 == FP_XSTATE_MAGIC1 ? software.extended_size : (size_t)LEGACY_BYTES);
}

/*
 * Copies the frame at `frame` to where it belongs and returns how far that is away; 0: it is where
 * it belongs. On an interrupted stack that has no room this faults, as the kernel would have.
 */
__attribute__((visibility("hidden"))) intptr_t proftop_move_frame(struct frame *frame);

intptr_t proftop_move_frame(struct frame *frame)
{
    uintptr_t interrupted = (uintptr_t)frame->context.uc_mcontext.gregs[REG_RSP];
    uintptr_t registers = (uintptr_t)frame->context.uc_mcontext.fpregs;
    if (__atomic_load_n(&stays, __ATOMIC_RELAXED) || !sigstack_holds((uintptr_t)frame) ||
        sigstack_holds(interrupted) || registers < (uintptr_t)frame || !sigstack_holds(registers))
        return 0;
    uintptr_t bytes = frame_end(frame) - (uintptr_t)frame;
    uintptr_t home = interrupted - RED_ZONE_BYTES - bytes;
    home -= (home - (uintptr_t)frame) % FRAME_ALIGNMENT;
    memcpy((void *)home, frame, bytes);
    ((struct frame *)home)->context.uc_mcontext.fpregs =
        (fpregset_t)(home + (registers - (uintptr_t)frame));
    return (intptr_t)(home - (uintptr_t)frame);
}

/* The stack pointer and the two arguments that point into the frame move with it. */
__asm__(".text\n"
        ".globl proftop_handler_entry\n"
        ".hidden proftop_handler_entry\n"
        ".type proftop_handler_entry, @function\n"
        "proftop_handler_entry:\n"
        ".cfi_startproc\n"
        "push %rdi\n"
        "push %rsi\n"
        "push %rdx\n"
        ".cfi_adjust_cfa_offset 24\n"
        "lea 24(%rsp), %rdi\n"
        "call proftop_move_frame\n"
        "pop %rdx\n"
        "pop %rsi\n"
        "pop %rdi\n"
        ".cfi_adjust_cfa_offset -24\n"
        "add %rax, %rdx\n"
        "add %rax, %rsi\n"
        "add %rax, %rsp\n"
        "jmp proftop_call_handler\n"
        ".cfi_endproc\n"
        ".size proftop_handler_entry, . - proftop_handler_entry\n");
