/*
 * What was allocated by stack: the rows of the segment, the heap's size and its peak.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HEAP_ACCOUNTS_H
#define PROFTOP_COLLECTORS_TARGET_HEAP_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/heap_threads.h"

/* The row of the stack that `node` ends, made if there is none yet; WIRE_ROW_OTHER when there is no
 * room for it, or node is 0. Context: the thread. */
uint32_t heap_accounts_of_node(struct heap_thread *thread, uint32_t node);

/* Counts a block that has come. Context: any thread. */
void heap_accounts_add(struct heap *heap, const struct wire_heap_block *block, bool is_realloc);

struct heap_end {
    uint64_t ticks;    /* now */
    bool is_temporary; /* see wire_heap_row */
    bool is_remote;
};

/* Counts a block that has gone. Context: any thread. */
void heap_accounts_remove(struct heap *heap, const struct wire_heap_block *block,
                          const struct heap_end *end);

#endif
