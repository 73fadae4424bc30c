/*
 * Recording of the program's allocations, in the heap's part of the segment (core/wire/wire_heap.h
 * says what that is). What is here is private to the process: addresses of the parts, and copies of
 * what proftop has set.
 *
 *   heap_segment.c   starts, and holds what the other files share
 *   heap_threads.c   a thread's state and its lane of counters
 *   heap_record.c    what one call of a hook means
 *   heap_blocks.c    the table of live blocks
 *   heap_accounts.c  what was allocated by stack, and the peak
 *   heap_sampling.c  which blocks are recorded when not all are, and what they stand for
 *   malloc_hooks.c   malloc() and its kind; new_hooks.c: operator new and delete
 *   real_malloc.c    the allocator behind them
 *   heap_fork.c      a child forked in the midst of a hook
 *   segment_area.c, segment_modules.c, stack_tree.c, stack_walk.c, unwind_rules.c   call stacks
 *
 * All of it lies on pages that a fork wipes, so a child has no heap until it has said hello itself
 * (but see heap_fork.h).
 * No lock is held across a fork.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_SEGMENT_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/segment_area.h"
#include "collectors/target/segment_modules.h"
#include "collectors/target/stack_tree.h"
#include "collectors/target/unwind_rules.h"
#include "core/wire/wire.h"
#include "core/wire/wire_heap.h"

struct heap_thread;

struct heap {
    uint32_t is_running;
    uint32_t may_call; /* no system call is forbidden, as far as is known */
    struct wire_heap *wire;
    struct wire_heap_lane *lanes;
    uint64_t *dirty;
    uint32_t *heads;
    uint32_t head_mask;
    uint32_t head_bits;
    uint64_t lifetime_ticks[WIRE_HEAP_LIFETIMES];
    int32_t pid;
    struct segment_area rows, nodes, index, blocks;
    struct stack_tree tree;
    struct unwind_rules rules;
    /* What all threads write. */
    _Alignas(64) uint64_t free_batches; /* of block records: tag above, number + 1 of the first */
    struct heap_thread *threads;        /* all states there are */
    struct heap_thread *cursor;         /* where to look for one whose thread has gone */
    uint32_t n_lanes;                   /* handed out; lane 0 is nobody's */
    uint32_t n_serials;
    uint32_t forks; /* under way in the midst of hooks: what they need goes into children */
    struct segment_modules modules;
};

/*
 * Starts recording when `segment` has a heap. In a forked child it does so anew. Where it cannot,
 * the reason stands in wire_heap.trouble and nothing else happens. May change errno.
 *
 * @fd  the segment's descriptor; not needed afterwards
 * Context: constructor or fork handler.
 */
void heap_start(struct wire_segment *segment, int fd);

/*
 * What the program's libraries do before heap_start() can, in constructors that run before ours: it
 * is counted, and heap_start() adds it to the counts. Until heap_early_end(), after which these do
 * nothing; while there is one thread.
 */
void heap_early_allocated(uint64_t bytes);
/* Likewise, a block given back. */
void heap_early_freed(void);
/* What comes now is not the program's, or heap_start() has been called. Context: constructor. */
void heap_early_end(void);

/* Whether there is or was a heap in this process or its parent: hooks need not ask more if not. */
extern bool heap_is_on __attribute__((visibility("hidden")));

/* The heap of this process; NULL while there is none, as in a child that was not followed.
 * Context: any, async-signal-safe. */
struct heap *heap_get(void);

/* Calls `visit` for each mapping of the segment. Context: any, async-signal-safe. */
void heap_each_part(struct heap *heap, void (*visit)(void *part, size_t bytes));

/* Notes for good that system calls may be forbidden from now on: nothing grows any more. In a vfork
 * child it does nothing. Context: any, async-signal-safe. */
void heap_forbid_calls(void);

/* Adds bits of enum wire_heap_trouble. Context: any, async-signal-safe. */
void heap_note_trouble(struct heap *heap, uint32_t trouble);

/* Whether system calls may be made. Context: any, async-signal-safe. */
bool heap_may_call(const struct heap *heap);

/* Notes for good that to read the processor's clock would be SIGSEGV (PR_SET_TSC). In a vfork child
 * it does nothing. Context: any, async-signal-safe. */
void heap_forbid_clock(void);

extern bool heap_has_no_clock __attribute__((visibility("hidden")));

/* Mean distance of samples, in bytes. Context: any. */
static inline uint64_t heap_sample_bytes(const struct heap *heap)
{
    uint64_t bytes = __atomic_load_n(&heap->wire->sample_bytes, __ATOMIC_RELAXED);
    return bytes ? bytes : 1;
}

/* The processor's clock; 0 when it must not be read. Context: any. */
static inline uint64_t heap_ticks(void)
{
    return __builtin_expect(heap_has_no_clock, 0) ? 0 : __builtin_ia32_rdtsc();
}

#endif
