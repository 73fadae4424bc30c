/*
 * Who called: the stack of the calling thread as a node of the tree of calls. For allocation hooks,
 * so fast: what a thread's last walk found is kept with the words of the stack that it was read
 * from; a new walk goes by unwind rules only as far as the stack has changed, then looks whether
 * those words are still the same.
 *
 * Takes no lock and no memory of the program's. Never reads what might not be memory: the thread's
 * own stack is asked for page by page, once; any other stack (a coroutine's, a signal stack) at
 * each walk.
 *
 * Not for code that may interrupt itself: the caller keeps hooks in signal handlers out.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_STACK_WALK_H
#define PROFTOP_COLLECTORS_TARGET_STACK_WALK_H

#include <stdint.h>

#include "collectors/target/stack_memory.h"
#include "collectors/target/stack_tree.h"
#include "collectors/target/unwind_rules.h"

/* Where a walk starts: registers of a function that has called us, as they will be when that call
 * has returned. */
struct stack_frame {
    uintptr_t pc, sp, bp;
};

struct walk_frame;

/* Private to a thread. Its memory must be zero at first, and be wiped by a fork: what it has mapped
 * does not go into children. */
struct stack_walk {
    struct unwind_rules *rules;
    struct walk_frame *frames; /* of the last walk, the outermost first; NULL: none yet */
    uint32_t capacity;
    uint32_t depth;
    uint32_t generation; /* of modules, when it was made */
    uint32_t root;       /* how it ended: a root of the tree */
    uintptr_t end_slot;  /* holds 0, by which it ended; 0: something else ended it */
    struct stack_memory memory;
};

/*
 * Prepares the walks of the calling thread. No system call.
 *
 * @rules  shared by all threads; must outlive the walk
 * Context: the thread.
 */
void stack_walk_init(struct stack_walk *walk, struct unwind_rules *rules);

/* Gives the memory of the last walk back; may be done by another thread once the thread has ended.
 * The walk is then as if new, but for stack_walk_init(). Keeps errno. Context: any. */
void stack_walk_clear(struct stack_walk *walk);

/* madvise() of the memory of the last walk. Changes errno. Context: the thread, async-signal-safe.
 */
void stack_walk_advise(const struct stack_walk *walk, int advice);

/*
 * The node of the stack that starts with `from`; its address is from->pc. 0: the tree has no room.
 * Keeps errno.
 * Context: the thread.
 */
uint32_t stack_walk_node(struct stack_walk *walk, struct stack_tree *tree,
                         const struct stack_frame *from);

/* Where the caller of the function that this is written in goes on. That function gets a frame
 * pointer by it, and must not be inlined itself. */
#define STACK_FRAME_OF_CALLER()                                                                    \
    ({                                                                                             \
        const uintptr_t *frame_ = __builtin_frame_address(0);                                      \
        (struct stack_frame){.pc = frame_[1], .sp = (uintptr_t)(frame_ + 2), .bp = frame_[0]};     \
    })

#endif
