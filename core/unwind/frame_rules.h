/*
 * One step by unwind information: the only file that speaks to libunwind.
 *
 * libunwind's remote interface runs the CFI programs (unw_reg_states_iterate) and applies their
 * rows (unw_apply_reg_state). unw_step is not used: it takes a lock and two system calls a frame,
 * keeps at most 32,768 addresses, and guesses where unwind information ends. Rows are cached by
 * file and address as linked, so they stay good when the process maps and unmaps.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_UNWIND_FRAME_RULES_H
#define PROFTOP_CORE_UNWIND_FRAME_RULES_H

#include "core/base/elf_file.h"
#include "core/unwind/frame.h"

struct frame_rules;

enum frame_step {
    FRAME_STEPPED,
    FRAME_STEPPED_SIGNAL, /* the frame was a signal trampoline: the caller is the interrupted frame
                           */
    FRAME_ROOT,           /* the unwind information says that there is no caller */
    FRAME_NO_RULE,        /* no unwind information covers the address */
    FRAME_FAILED, /* there is some, but what it asks for cannot be had (see the view's flags) */
};

/* Context: a set of rules is used by one thread at a time. */
struct frame_rules *frame_rules_new(void);

/* NULL is allowed. */
void frame_rules_free(struct frame_rules *rules);

/* Starts a walk: gives it its allowance of memory accesses, the bound on what a hostile file can
 * cost. */
void frame_rules_begin(struct frame_rules *rules);

/*
 * Replaces `frame` by its caller when FRAME_STEPPED*, else leaves it.
 *
 * @elf    where the frame's code is from; a reference is kept
 * @vaddr  the address to look up, as linked: rip, or rip - 1 behind a call
 * @view   what may be read; its floor must be the frame's rsp
 */
enum frame_step frame_rules_step(struct frame_rules *rules, struct elf_file *elf, uint64_t vaddr,
                                 struct stack_view *view, struct frame *frame);

#endif
