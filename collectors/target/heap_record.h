/*
 * What one call of a hook means. A hook brackets the allocator's own function:
 *
 *     struct heap_call call;
 *     bool is_seen = heap_call_begin(&call, &caller, size);
 *     block = real...(...);
 *     if (is_seen)
 *         heap_call_end(&call, block);
 *
 * A block that is given back is taken out of the table before the allocator has it, one that is
 * allocated is put in after: so no other thread can have the same address in between.
 *
 * A hook within a hook (a signal handler's, or the allocator's own) is passed on.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_RECORD_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/heap_blocks.h"
#include "collectors/target/heap_threads.h"

enum {
    HEAP_PLAIN_CALLS = 64, /* after so many it is looked whether the mode is still the same */
};

/* A call of a hook, on its stack. */
struct heap_call {
    struct heap_thread *thread;
    struct stack_frame caller;
    uint64_t bytes;
    uint32_t old_record; /* realloc(): of the block that it was given, taken out; 0: not known */
    struct wire_heap_block old;
    bool old_was_last;
};

/* ---- allocating ---- */

/*
 * False when the call is not to be recorded and heap_call_end() not to be called. `bytes` is what
 * the program has asked for. Keeps errno.
 * Context: the thread; in a hook.
 */
bool heap_call_begin(struct heap_call *call, const struct stack_frame *caller, uint64_t bytes);

/* With what the allocator gave; NULL: it failed. Keeps errno. Context: as heap_call_begin(). */
void heap_call_end(struct heap_call *call, const void *block);

/* The same for realloc() of `old`, which is not NULL. Context: as heap_call_begin(). */
bool heap_call_begin_realloc(struct heap_call *call, const struct stack_frame *caller,
                             const void *old, uint64_t bytes);

/* As heap_call_end(); NULL for 0 bytes: `old` was freed. Context: as heap_call_begin(). */
void heap_call_end_realloc(struct heap_call *call, const void *block);

/* ---- freeing ---- */

/* Takes `block` out; not NULL. `sp` is the hook's caller's stack pointer. Keeps errno. Context: as
 * heap_call_begin(). */
void heap_note_free(const void *block, uintptr_t sp);

/* ---- operator new and delete, whose allocator may call malloc() and free() in turn ---- */

/* The next malloc() is this caller's, if it asks for as many bytes or at most `alignment` more.
 * False: heap_new_end() not to be called. Context: the thread. */
bool heap_new_begin(const struct stack_frame *caller, uint64_t bytes, uint64_t alignment);

/* Records the block if no malloc() has. Context: the thread. */
void heap_new_end(const struct stack_frame *caller, uint64_t bytes, const void *block);

/* As heap_note_free(); the free() of the same block that may follow is not counted, until
 * heap_delete_end(). Context: the thread. */
void heap_delete_begin(void *block, uintptr_t sp);

/* The operator delete has returned. Context: the thread. */
void heap_delete_end(void);

/* ---- the short way, for calls that need only be counted ---- */

/* Whether an allocation of `bytes` need only be counted. Context: the thread; in a hook. */
static inline bool heap_is_plain(const struct heap_thread *thread, uint64_t bytes)
{
    return thread && thread->plain > 0 && (int64_t)((uint64_t)thread->left - bytes) >= 0;
}

/* Says, in one instruction, that a short call is under way here. What it needs is looked at only
 * then, lest a signal handler fork in between. Context: the thread. */
static inline void heap_mark_plain(struct heap_thread *thread)
{
    __asm__ volatile("movq %%rsp, %0" : "=m"(thread->plain_sp)::"memory");
}

/* It has ended. Context: the thread. */
static inline void heap_unmark_plain(struct heap_thread *thread)
{
    __asm__ volatile("movq $0, %0" : "=m"(thread->plain_sp)::"memory");
}

/* The thread, marked, when an allocation of `bytes` need only be counted; else NULL:
 * heap_call_begin() is to be called. Context: the thread; in a hook. */
static inline struct heap_thread *heap_plain_begin(uint64_t bytes)
{
    struct heap_thread *thread = heap_thread_own;
    if (__builtin_expect(!thread, 0))
        return NULL;
    heap_mark_plain(thread);
    if (__builtin_expect(heap_is_plain(thread, bytes), 1))
        return thread;
    heap_unmark_plain(thread);
    return NULL;
}

/* Adds in one instruction, so that a signal handler cannot count in between. Context: any. */
static inline void heap_bump(uint64_t *counter, uint64_t n)
{
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
}

/* As heap_plain_begin(), of a free of `block`; NULL: heap_note_free() is to be called. */
static inline struct heap_thread *heap_plain_begin_free(const void *block)
{
    struct heap_thread *thread = heap_thread_own;
    if (__builtin_expect(!thread || !block, 0))
        return NULL;
    heap_mark_plain(thread);
    /* NULL in a child that was forked just now and has used the heap in its handler */
    const struct heap *heap = __atomic_load_n(&thread->heap, __ATOMIC_RELAXED);
    if (__builtin_expect(thread->plain > 0 && heap && heap_blocks_is_absent(heap, (uintptr_t)block),
                         1))
        return thread;
    heap_unmark_plain(thread);
    return NULL;
}

/* ---- forks ---- */

/* Whether the caller, a signal handler, has interrupted a hook of the thread. `sp` is a stack
 * address of it. Keeps errno. Context: the thread, async-signal-safe. */
bool heap_is_in_hook(const struct heap_thread *thread, uintptr_t sp);

#endif
