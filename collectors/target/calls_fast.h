/*
 * Entering and leaving, as far as nothing unusual happens: inline, for all ways into calls.h.
 *
 * `guard` keeps signal handlers off the state while it changes. What is written in between is in an
 * order that can be broken off anywhere: a call is open once `top` says so, and counts once it has
 * its function.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_FAST_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/target/calls.h"
#include "collectors/target/calls_records.h"
#include "collectors/target/calls_threads.h"

/* Whatever calls_enter_fast() does not do. Context: any thread; general registers only. */
bool calls_enter_slowly(const struct calls_entry *entry, uintptr_t here);

/* Likewise, when `thread` is the calling thread's and has its guard set. Clears that. Context: the
 * thread, within a hook. */
bool calls_enter_guarded(struct calls_thread *thread, const struct calls_entry *entry);

/* Whatever calls_leave_fast() does not do. Context: any thread; general registers only. */
void calls_leave_slowly(uint64_t function, uintptr_t sp, uintptr_t here);

/* Closes all that is open, each as an exit that was not seen. Context: the thread, or one that has
 * taken over its state. */
void calls_close_all(struct calls_thread *thread, uint64_t now);

/* Adds to what only the thread writes. Context: the thread. */
static inline void calls_bump(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* What a call is to be added to. */
struct calls_target {
    struct calls_node *node;
    struct wire_calls_record *record;
    uint32_t number;
    uint32_t context; /* of what it calls */
};

/* Opens a call in the place behind `top`. */
static inline void calls_push(struct calls_thread *thread, struct calls_open *open,
                              const struct calls_entry *entry, const struct calls_target *target)
{
    struct wire_calls_frame *frame = calls_frame_of(open);
    open->sp = entry->sp;
    open->node = target->node;
    open->record = target->record;
    open->inner = 0;
    open->cost = 0;
    open->context = target->context;
    open->number = target->number;
    frame->sp = entry->sp;
    frame->inner = 0;
    frame->cost = 0;
    frame->return_address = entry->return_address;
    if (entry->way == WIRE_CALLS_BY_PATCH)
        calls_note_return(entry->sp, entry->return_address);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->top = open;
    thread->lane->depth = calls_depth_of(open);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    open->function = entry->function;
    uint64_t both = (uint64_t)target->context << 32 | target->number;
    uint64_t start = calls_ticks();
    open->start = start;
    frame->start = start;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n((uint64_t *)frame, both, __ATOMIC_RELAXED); /* record and context */
}

/* Whether new calls are counted. With the guard set: else a handler may fork, and the child has no
 * segment. */
static inline bool calls_is_enabled(const struct calls_thread *thread)
{
    return __atomic_load_n(thread->enabled, __ATOMIC_RELAXED) != 0;
}

/* calls_enter(), with a stack address of the hook. Context: any thread. */
static inline bool calls_enter_fast(const struct calls_entry *entry, uintptr_t here)
{
    struct calls_thread *thread = calls_thread_own;
    if (__builtin_expect(!thread || thread->guard != 0, 0))
        return calls_is_on && calls_enter_slowly(entry, here);
    if (__builtin_expect(!calls_guard(thread, here), 0))
        return calls_enter_slowly(entry, here);
    if (!calls_is_enabled(thread)) {
        calls_unguard(thread);
        return false;
    }
    struct calls_open *top = thread->top;
    struct calls_open *next = calls_next_place(top);
    if (__builtin_expect(top->sp < entry->sp + entry->replaces_equal || !next ||
                             *thread->generation != thread->seen_generation,
                         0))
        return calls_enter_guarded(thread, entry);
    struct calls_node *node = calls_node_find(thread->index, entry->function, top->context);
    if (__builtin_expect(!node, 0))
        return calls_enter_guarded(thread, entry);
    struct calls_node *itself = node->itself;
    struct calls_target target = {node, node->record, node->number, node->number};
    const struct calls_open *first = __atomic_load_n(&itself->first, __ATOMIC_RELAXED);
    if (!first) {
        if (__builtin_expect(!node->record, 0))
            return calls_enter_guarded(thread, entry);
        itself->first = next;
    } else {
        if (__builtin_expect(!node->recursive || first->function != entry->function, 0))
            return calls_enter_guarded(thread, entry);
        target.record = node->recursive;
        target.number = node->recursive_number;
        target.context = first->number;
    }
    calls_push(thread, next, entry, &target);
    calls_unguard(thread);
    return true;
}

/* By duration. */
static inline uint32_t calls_bucket_of_ticks(uint64_t ticks)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(ticks | 1);
    if (bits <= WIRE_CALLS_FIRST_BUCKET_BITS)
        return 0;
    bits -= WIRE_CALLS_FIRST_BUCKET_BITS;
    return bits < WIRE_CALLS_BUCKETS ? bits : WIRE_CALLS_BUCKETS - 1;
}

/* What may be less than nothing, as no less than 0. Context: any. */
static inline uint64_t calls_clamped(uint64_t ticks)
{
    return (int64_t)ticks > 0 ? ticks : 0;
}

/* Adds what may be less than nothing. */
static inline void calls_bump_signed(uint64_t *counter, uint64_t ticks)
{
    __atomic_store_n(counter, calls_clamped(*counter + ticks), __ATOMIC_RELAXED);
}

/* The probes' cost is an estimate: a short call may seem to take less than nothing. To take that
 * for 0 in each call would add up to time that was not spent; so only sums stop at 0. */
static inline void calls_add(struct wire_calls_record *record, const struct calls_open *open,
                             uint64_t ticks, uint64_t cost)
{
    uint64_t n = record->calls, net = calls_clamped(ticks);
    uint32_t *bucket = &record->buckets[calls_bucket_of_ticks(net)];
    if (n == 0 || net < record->min)
        __atomic_store_n(&record->min, net, __ATOMIC_RELAXED);
    if (net > record->max)
        __atomic_store_n(&record->max, net, __ATOMIC_RELAXED);
    __atomic_store_n(&record->calls, n + 1, __ATOMIC_RELAXED);
    calls_bump_signed(&record->sum, ticks);
    calls_bump_signed(&record->self, ticks - open->inner);
    calls_bump(&record->cost, cost);
    __atomic_store_n(bucket, *bucket + 1, __ATOMIC_RELAXED);
}

/* Closes the innermost call, at that time; not the bottom, to which another thread may have come
 * first that uses the same state. How much its probes have taken of its caller's is all of a pair,
 * or half when only that of the entry has run. */
static inline __attribute__((always_inline)) void calls_close(struct calls_thread *thread,
                                                              uint64_t now, bool is_half)
{
    struct calls_open *open = thread->top;
    if (__builtin_expect(calls_is_bottom(open), 0))
        return;
    struct calls_node *node = open->node, *itself = node->itself;
    const struct wire_calls_probe *probe = &thread->probes[node->way];
    struct wire_calls_record *record = open->record;
    bool is_whole = open->function != 0 && record;
    calls_frame_of(open)->record = 0;
    struct calls_open *around = calls_around(open);
    uint64_t cost = open->cost + probe->inner, raw = now - open->start;
    uint64_t net = __builtin_expect((int64_t)raw > 0, 1) ? raw - cost : 0;
    open->function = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->top = around;
    thread->lane->depth = calls_depth_of(around);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(!is_whole, 0))
        return;
    calls_add(record, open, net, cost);
    if (itself->first == open)
        itself->first = NULL;
    around->inner += net;
    around->cost += open->cost + (is_half ? probe->pair / 2 : probe->pair);
    struct wire_calls_frame *frame = calls_frame_of(around);
    frame->inner = calls_clamped(around->inner);
    frame->cost = around->cost;
}

/* Likewise, by its exit. */
static inline void calls_pop(struct calls_thread *thread, uint64_t now)
{
    calls_close(thread, now, false);
}

/* Whether a call has begun while counting was off: it is further down than all that is open. */
static inline bool calls_began_unseen(struct calls_thread *thread, uintptr_t sp, uintptr_t here)
{
    if (!calls_guard(thread, here))
        return true;
    bool is_unseen = !calls_is_enabled(thread) && thread->top->sp > sp;
    calls_unguard(thread);
    return is_unseen;
}

/* calls_leave(), with a stack address of the hook. Context: any thread. */
static inline void calls_leave_fast(uint64_t function, uintptr_t sp, uintptr_t here)
{
    struct calls_thread *thread = calls_thread_own;
    struct calls_open *top = thread ? __atomic_load_n(&thread->top, __ATOMIC_RELAXED) : NULL;
    if (__builtin_expect(!top, 0))
        return;
    if (__builtin_expect(thread->guard != 0 || top->function != function, 0)) {
        if (thread->guard != 0 || !calls_began_unseen(thread, sp, here))
            calls_leave_slowly(function, sp, here);
        return;
    }
    uint64_t now = calls_ticks();
    if (__builtin_expect(!calls_guard(thread, here), 0))
        return;
    if (__builtin_expect(thread->top->function == function, 1))
        calls_pop(thread, now);
    calls_unguard(thread);
}

#endif
