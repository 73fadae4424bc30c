/*
 * The table of live blocks: chains of records, each chain with a lock that is held for some ten
 * instructions. The lock of a thread that was torn out of them (siglongjmp() from a handler) is
 * opened by that thread's next call, at the latest taken over after some time.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_BLOCKS_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/heap_threads.h"

/* The head of an address's chain. Neighbours in memory have neighbouring heads, so that a small
 * heap touches few pages of them. Context: any. */
static inline uint32_t *heap_blocks_head(const struct heap *heap, uint64_t address)
{
    uint64_t near = address >> 5, far = near >> heap->head_bits;
    return &heap->heads[(near + far * UINT64_C(0x9e3779b1)) & heap->head_mask];
}

/* Whether there is surely no record of the address. Context: any. */
static inline bool heap_blocks_is_absent(const struct heap *heap, uint64_t address)
{
    return __atomic_load_n(heap_blocks_head(heap, address), __ATOMIC_RELAXED) == 0;
}

/* A free record: its number + 1; 0: no room. Context: the thread. */
uint32_t heap_blocks_new(struct heap_thread *thread);

/* Gives a record back that is in no chain. Context: the thread. */
void heap_blocks_release(struct heap_thread *thread, uint32_t record);

/* Gives all of the thread's free records to all threads. Context: the thread. */
void heap_blocks_release_all(struct heap_thread *thread);

/*
 * Puts a block into the table, as `record`. True when there was one of its address already, whose
 * free nobody saw: that one is taken out, copied to `ret_old`, and its record released.
 * Context: the thread.
 */
bool heap_blocks_put(struct heap_thread *thread, uint32_t record,
                     const struct wire_heap_block *block, struct wire_heap_block *ret_old);

/*
 * Takes the block at `address` out of the table. Returns its record (number + 1), which the caller
 * releases or puts in again, and a copy of it; 0: there is none.
 * Context: the thread.
 */
uint32_t heap_blocks_take(struct heap_thread *thread, uint64_t address,
                          struct wire_heap_block *ret_block);

/* Opens the chain that the thread was torn out of, if any. Context: the thread. */
void heap_blocks_unlock(struct heap_thread *thread);

#endif
