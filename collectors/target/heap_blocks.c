/*
 * See heap_blocks.h. A chain is changed by one store, so it is whole at any moment. While the
 * program has one thread, nothing is locked: hooks within hooks do not come here.
 *
 * Free records are kept by the thread that freed them; more than enough go to all threads, in
 * batches: the first record of a batch holds the number of the next batch (`ticks`) and how many
 * there are (`size`).
 */
#include "collectors/target/heap_blocks.h"

#include <errno.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BATCH = 512,
    FRESH_AT_ONCE = 16,
    CHAIN_MAX = 1 << 20,
    SPINS = 200,            /* before giving way */
    TRIES_MAX = 100 * 1000, /* where there is no clock */
};

#define LOCKED         (UINT32_C(1) << 31)
#define PATIENCE_TICKS (UINT64_C(1) << 27) /* about 50 ms */

static struct wire_heap_block *block_at(const struct heap *heap, uint32_t record)
{
    return record ? segment_area_at(&heap->blocks, record - 1) : NULL;
}

/* ---- free records ---- */

static uint32_t take_fresh(struct heap_thread *thread)
{
    struct heap *heap = thread->heap;
    if (thread->fresh_block == thread->fresh_end) {
        uint32_t *n = &heap->wire->n_blocks;
        if (__atomic_load_n(n, __ATOMIC_RELAXED) >= heap->blocks.n_max)
            return 0;
        thread->fresh_block = __atomic_fetch_add(n, FRESH_AT_ONCE, __ATOMIC_RELAXED);
        thread->fresh_end = thread->fresh_block + FRESH_AT_ONCE;
    }
    uint32_t number = thread->fresh_block;
    if (!segment_area_at(&heap->blocks, number) && !segment_area_need(&heap->blocks, number))
        return 0; /* tried again for the next block */
    thread->fresh_block++;
    return number + 1;
}

static bool take_batch(struct heap_thread *thread)
{
    struct heap *heap = thread->heap;
    uint64_t first = __atomic_load_n(&heap->free_batches, __ATOMIC_ACQUIRE), rest;
    struct wire_heap_block *block;
    do {
        block = block_at(heap, (uint32_t)first);
        if (!block)
            return false;
        rest = ((first >> 32) + 1) << 32 | (uint32_t)block->ticks;
    } while (!__atomic_compare_exchange_n(&heap->free_batches, &first, rest, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    thread->free_block = (uint32_t)first;
    thread->n_free = (uint32_t)block->size;
    return true;
}

static void give_batch(struct heap *heap, uint32_t record, uint32_t n)
{
    struct wire_heap_block *block = block_at(heap, record);
    uint64_t first = __atomic_load_n(&heap->free_batches, __ATOMIC_ACQUIRE), now;
    if (!block)
        return; /* emptied in a child */
    block->size = n;
    do {
        block->ticks = (uint32_t)first;
        now = ((first >> 32) + 1) << 32 | record;
    } while (!__atomic_compare_exchange_n(&heap->free_batches, &first, now, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
}

/* Keeps the first BATCH of the free records and gives the others away. */
static void give_surplus(struct heap_thread *thread)
{
    struct wire_heap_block *last = block_at(thread->heap, thread->free_block);
    for (uint32_t i = 1; last && i < BATCH; i++)
        last = block_at(thread->heap, last->next);
    if (last && block_at(thread->heap, last->next))
        give_batch(thread->heap, last->next, thread->n_free - BATCH);
    if (last)
        last->next = 0;
    thread->n_free = BATCH;
}

uint32_t heap_blocks_new(struct heap_thread *thread)
{
    struct wire_heap_block *block = block_at(thread->heap, thread->free_block);
    if (!block && __atomic_load_n(&thread->heap->free_batches, __ATOMIC_RELAXED) != 0 &&
        take_batch(thread))
        block = block_at(thread->heap, thread->free_block);
    if (!block)
        return take_fresh(thread);
    uint32_t record = thread->free_block;
    thread->free_block = block->next;
    thread->n_free--;
    return record;
}

void heap_blocks_release(struct heap_thread *thread, uint32_t record)
{
    struct wire_heap_block *block = block_at(thread->heap, record);
    if (!block)
        return;
    block->next = thread->free_block;
    thread->free_block = record;
    if (++thread->n_free >= 2 * BATCH)
        give_surplus(thread);
}

void heap_blocks_release_all(struct heap_thread *thread)
{
    if (block_at(thread->heap, thread->free_block))
        give_batch(thread->heap, thread->free_block, thread->n_free);
    thread->free_block = thread->n_free = 0;
}

/* ---- the lock of a chain ---- */

/* The head's value without its lock, which is now ours. */
static uint32_t wait_for(struct heap *heap, uint32_t *head)
{
    bool may_call = heap_may_call(heap);
    uint64_t start = heap_ticks();
    int saved_errno = errno;
    uint32_t value;
    for (int i = 0;; i++) {
        value = __atomic_load_n(head, __ATOMIC_RELAXED);
        if (!(value & LOCKED) && __atomic_compare_exchange_n(head, &value, value | LOCKED, false,
                                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            break;
        if (heap_ticks() - start > PATIENCE_TICKS || (i >= TRIES_MAX && heap_has_no_clock))
            break; /* its owner was torn away */
        if (may_call && i >= SPINS)
            syscall(SYS_sched_yield);
        else
            __builtin_ia32_pause();
    }
    errno = saved_errno;
    return value & ~LOCKED;
}

static uint32_t lock(struct heap_thread *thread, uint32_t *head)
{
    uint32_t value = __atomic_load_n(head, __ATOMIC_RELAXED);
    if (__libc_single_threaded)
        return value & ~LOCKED;
    if ((value & LOCKED) || !__atomic_compare_exchange_n(head, &value, value | LOCKED, false,
                                                         __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        value = wait_for(thread->heap, head);
    thread->locked_head = (uint32_t)(head - thread->heap->heads) + 1;
    return value;
}

static void unlock(struct heap_thread *thread, uint32_t *head, uint32_t value)
{
    __atomic_store_n(head, value, __ATOMIC_RELEASE);
    thread->locked_head = 0;
}

void heap_blocks_unlock(struct heap_thread *thread)
{
    struct heap *heap = thread->heap;
    if (thread->locked_head && thread->locked_head - 1 <= heap->head_mask)
        __atomic_fetch_and(&heap->heads[thread->locked_head - 1], ~LOCKED, __ATOMIC_RELEASE);
    thread->locked_head = 0;
}

/* ---- chains ---- */

/* Takes the block at `address` out of the chain that starts with `*first`, which it may change.
 * Returns its record, or 0. With the lock. */
static uint32_t unlink_block(const struct heap *heap, uint32_t *first, uint64_t address)
{
    uint32_t *link = first;
    for (int i = 0; i < CHAIN_MAX; i++) {
        uint32_t record = *link;
        struct wire_heap_block *block = block_at(heap, record);
        if (!block)
            return 0;
        if ((block->address & ~WIRE_BLOCK_SAMPLED) == address) {
            __atomic_store_n(link, block->next, __ATOMIC_RELAXED);
            return record;
        }
        link = &block->next;
    }
    return 0;
}

static void write_block(struct wire_heap_block *to, const struct wire_heap_block *from,
                        uint32_t next)
{
    to->size = from->size;
    to->serial = from->serial;
    to->ticks = from->ticks;
    to->row = from->row;
    to->next = next;
    __atomic_store_n(&to->address, from->address, __ATOMIC_RELEASE);
}

/* A copy, and the record as a free one. */
static void read_block(const struct heap *heap, uint32_t record, struct wire_heap_block *ret_block)
{
    struct wire_heap_block *block = block_at(heap, record);
    *ret_block = *block;
    __atomic_store_n(&block->address, 0, __ATOMIC_RELEASE);
}

bool heap_blocks_put(struct heap_thread *thread, uint32_t record,
                     const struct wire_heap_block *block, struct wire_heap_block *ret_old)
{
    struct heap *heap = thread->heap;
    uint64_t address = block->address & ~WIRE_BLOCK_SAMPLED;
    uint32_t *head = heap_blocks_head(heap, address);
    uint32_t first = lock(thread, head);
    uint32_t old = first ? unlink_block(heap, &first, address) : 0;
    write_block(block_at(heap, record), block, first);
    unlock(thread, head, record);
    if (!old)
        return false;
    read_block(heap, old, ret_old);
    heap_blocks_release(thread, old);
    return true;
}

uint32_t heap_blocks_take(struct heap_thread *thread, uint64_t address,
                          struct wire_heap_block *ret_block)
{
    struct heap *heap = thread->heap;
    uint32_t *head = heap_blocks_head(heap, address);
    if (heap_blocks_is_absent(heap, address))
        return 0;
    uint32_t first = lock(thread, head);
    uint32_t record = unlink_block(heap, &first, address);
    if (record)
        read_block(heap, record, ret_block);
    unlock(thread, head, first);
    return record;
}
