/*
 * What a thread keeps for recording: its lane of counters, its last stack, free block records.
 *
 * A state lasts: it outlives its thread, so that destructors of thread-local variables still find
 * it, and is taken over by a later thread once its own has gone. So states grow with the threads
 * that live at once, not with those that ever were.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_THREADS_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/heap_segment.h"
#include "collectors/target/stack_walk.h"

enum { HEAP_MERGED_SEEN = 64 };

/* Only its thread changes it. On a page that a fork wipes. */
struct heap_thread {
    struct heap *heap; /* NULL: there is none, or a fork has wiped this */
    int32_t plain;     /* so many calls to come need only be counted, in `counted`, as long as their
                          bytes do not use up `left` */
    struct wire_heap_lane *counted; /* the lane, or `nowhere` in mode off */
    struct wire_heap_lane *lane;
    uintptr_t guard; /* the stack address of the hook that runs; 0: none */
    bool shares_lane;
    bool is_lost;       /* see heap_fork.h: when the hook that runs has ended, there is no heap */
    uint16_t serial;    /* of the thread among all that were */
    int64_t left;       /* bytes to the next sample */
    uintptr_t plain_sp; /* in a call that need only be counted: a stack address of it; or 0 */
    uint64_t random;    /* never 0 */
    /* Of an operator new that has called the allocator behind it: whose call the malloc() is that
     * comes next. sp == 0: none. */
    struct stack_frame new_caller;
    uint64_t new_bytes;
    uint64_t new_alignment;
    void *deleting;       /* what an operator delete has taken out already */
    uint32_t last_block;  /* number + 1 of the last block, if it was allocated just before */
    uint32_t locked_head; /* + 1: of the table of blocks, which this thread has locked */
    uint32_t free_block;  /* number + 1 of the first record of its free ones */
    uint32_t n_free;
    uint32_t fresh_block, fresh_end; /* numbers that were never used */
    uint64_t owner;                  /* serial above, tid below; changed by who takes it over */
    struct heap_thread *next;
    uint32_t forks; /* under way in the midst of a hook, one in the handlers of the other */
    struct wire_heap_lane nowhere;
    uint32_t merged_seen[HEAP_MERGED_SEEN]; /* stacks that went into row 0, by hash */
    struct stack_walk walk;
};

extern __thread struct heap_thread *heap_thread_own __attribute__((visibility("hidden")));

/* The calling thread's state, made now; NULL: no heap, or no memory for it. Keeps errno.
 * Context: any thread. */
struct heap_thread *heap_thread_claim(void);

/* The calling thread's state; NULL as heap_thread_claim(). Context: any thread. */
static inline struct heap_thread *heap_thread_self(void)
{
    struct heap_thread *thread = heap_thread_own;
    if (__builtin_expect(thread && thread->heap, 1))
        return thread;
    return heap_thread_claim();
}

/*
 * A state for one call of a thread that has none: it shares lane 0. `thread` is to be zero.
 * heap_thread_end_passing() gives back what it holds then.
 * Context: any thread.
 */
void heap_thread_begin_passing(struct heap_thread *thread, struct heap *heap);

/* The end of that. Context: as heap_thread_begin_passing(). */
void heap_thread_end_passing(struct heap_thread *thread);

/* Adds to a counter of the thread's lane. Context: the thread. */
static inline void heap_lane_add(struct heap_thread *thread, uint64_t *counter, uint64_t n)
{
    if (__builtin_expect(thread->shares_lane, 0))
        __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
    else
        __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

#endif
