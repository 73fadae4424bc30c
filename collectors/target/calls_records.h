/*
 * Records of calls, as a thread finds them: by function and context in an index of its own.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_RECORDS_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/calls_threads.h"

enum { CALLS_INDEX_BITS = 7 }; /* at first */

/* Where the search for it begins. Context: any. */
static inline uint64_t calls_hash(uint64_t function, uint32_t context, uint32_t shift)
{
    return ((function ^ (uint64_t)context << 40 ^ context) * UINT64_C(0x9e3779b97f4a7c15)) >> shift;
}

/* The node of a function in a context; NULL: there is none yet. Context: the thread; general
 * registers only. */
static inline struct calls_node *calls_node_find(const struct calls_index *index, uint64_t function,
                                                 uint32_t context)
{
    uint64_t mask = (UINT64_C(1) << (64 - index->shift)) - 1;
    uint64_t i = calls_hash(function, context, index->shift);
    for (;; i = (i + 1) & mask) {
        struct calls_node *node = index->places[i];
        if (!node || (node->function == function && node->context == context))
            return node;
    }
}

/* What is looked for. */
struct calls_key {
    uint64_t function;
    uint32_t context;
    enum wire_calls_way way;
};

/*
 * The node of it, made if need be, with its record, or that of recursive calls. NULL: no room,
 * which is noted. Keeps errno.
 * Context: the thread, within a hook.
 */
struct calls_node *calls_node_make(struct calls_thread *thread, const struct calls_key *key,
                                   bool is_recursive);

/* Forgets the nodes of modules that have gone. Context: the thread, within a hook. */
void calls_nodes_forget(struct calls_thread *thread);

/* The records are of several threads from now on. Context: the thread that takes the state over. */
void calls_nodes_share(struct calls_thread *thread);

#endif
