/*
 * The unwinder: from a sample's registers and its copy of the user stack to the stack of calls,
 * outside the target.
 *
 * Every step is taken by unwind information (.eh_frame, .debug_frame), else by what checks out
 * against stack and code; a walk that does not reach the root says why, and is never glued to it.
 * The outer frames of a thread's last walk are taken over where they must be the same
 * (last_walk.h).
 */
#ifndef PROFTOP_CORE_UNWIND_UNWINDER_H
#define PROFTOP_CORE_UNWIND_UNWINDER_H

#include "core/base/address_map.h"

enum { UNWIND_FRAMES_MAX = 1024 };

/* Indexes of unwind_regs.r, by DWARF number, that callers need. */
enum { UNWIND_RSP = 7, UNWIND_RIP = 16 };

enum unwind_end {
    UNWIND_ROOT, /* the outermost frame: so says the unwind information, or it is a known start */
    UNWIND_TRUNCATED, /* the stack copy ended before the root, or the stack goes on elsewhere */
    UNWIND_BROKEN,    /* no or bad unwind information, or a damaged stack */
    UNWIND_DEPTH,     /* more than UNWIND_FRAMES_MAX frames */
};

/*
 * The general registers by their DWARF numbers: rax rdx rcx rbx rsi rdi rbp rsp r8..r15, rip (16).
 * Registers that the sample does not have are 0 and not `known`; rip and rsp must be known.
 */
struct unwind_regs {
    uint64_t r[17];
    uint32_t known; /* bit = register */
};

enum { UNWIND_CANDIDATES_MAX = 32 };

/* Where a thread is that goes through what was put in front of an instruction. */
struct unwind_detour {
    uint64_t address; /* of that instruction; 0: the word on top of the stack says it */
    uint64_t pushed;  /* bytes that are on the stack only for the detour */
};

/* Return addresses that are kept elsewhere: in their place on the stack is that of code which they
 * all go through. It is no frame of its own. */
struct unwind_hijack {
    uint64_t address; /* of that code's first instruction; 0: there is none of all this */
    /* By its place: which ones it may have been, at most n, the likeliest first. One alone is taken
     * as it is, of several the one that leads furthest. The number of them; 0: it is not known. */
    size_t (*return_addresses)(void *data, uint64_t slot, uint64_t *ret_addresses, size_t n);
    /* Whether `address`, of code without a file, is on such a detour; or what was read as a return
     * address, in code at `from` (else 0), stands for one: then that is filled in. NULL: never. */
    bool (*detour)(void *data, uint64_t from, uint64_t address, struct unwind_detour *ret_detour);
    void *data;
};

struct unwind_input {
    struct unwind_regs regs;
    const uint8_t *stack; /* borrowed for the walk */
    size_t stack_size;
    uint64_t stack_address;      /* of stack[0]; rsp, as perf copies it */
    bool may_go_on;              /* there may be more stack above the copy */
    struct unwind_hijack hijack; /* all 0: none */
};

struct unwind_result {
    const uint64_t *pc; /* leaf first; owned by the unwinder, valid until its next walk */
    size_t n;           /* 1..UNWIND_FRAMES_MAX */
    enum unwind_end end;
    size_t n_guessed;  /* frames that were found without unwind information */
    uint64_t unmapped; /* code that no mapping holds, in which the walk ended; 0: none */
};

struct unwinder;

/*
 * An unwinder for one process image. Borrows the map, which must outlive it and may change between
 * walks. The map holds the executable mappings; those without a file (JIT) count as code. Context:
 * any thread; an unwinder and its map are used by one thread at a time.
 */
struct unwinder *unwinder_new(const struct address_map *map);

/* NULL is allowed. */
void unwinder_free(struct unwinder *unwinder);

/*
 * Walks one sample. The result's addresses are ready for symbol lookup: the interrupted instruction
 * itself in the leaf, in a signal trampoline and in the frame below one; elsewhere the return
 * address less 1, which lies in the call.
 *
 * @thread_key  tells threads apart, for taking over frames of the last walk
 * Bounded in time whatever the input. Context: as for unwinder_new.
 */
void unwinder_walk(struct unwinder *unwinder, uint32_t thread_key, const struct unwind_input *input,
                   struct unwind_result *ret);

/* Switches the taking over of frames off or on (the default), for measuring. Context: as for
 * unwinder_new. */
void unwinder_set_reuse(struct unwinder *unwinder, bool reuse);

/*
 * Registers out of PERF_SAMPLE_REGS_USER: `values` holds one word for each bit of `mask` (bits:
 * PERF_REG_X86_*, the sample_regs_user of the event), lowest first. False when rip or rsp is
 * missing. Context: any thread.
 */
bool unwind_regs_from_perf(const uint64_t *values, uint64_t mask, struct unwind_regs *ret_regs);

#endif
