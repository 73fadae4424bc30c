/*
 * The tree of calls in the segment (struct wire_heap_node), and the index by which the node of a
 * call is found again. Lock-free; nodes are never taken out.
 *
 * The index is lines of 16 slots. Level k is chunk k of the area: a call belongs into one line of
 * each level, and stands in the first that had room. So the index grows without moving anything.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_STACK_TREE_H
#define PROFTOP_COLLECTORS_TARGET_STACK_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/segment_area.h"
#include "core/wire/wire_heap.h"

enum { STACK_TREE_NODES_MAX = 1 << 22 };

struct stack_tree {
    struct segment_area *nodes;
    struct segment_area *index;
    uint32_t *n_nodes; /* in the segment: wire_heap.n_nodes */
    uint32_t nodes_max;
};

/* A line of the index. */
struct stack_tree_line {
    uint32_t slots[WIRE_INDEX_SLOTS]; /* node in the low 22 bits, tag above; 0: empty */
};

/*
 * @nodes, @index  areas with their first chunk mapped; must outlive the tree
 * @n_nodes        set to WIRE_ROOTS unless it is more
 * Context: one thread.
 */
void stack_tree_init(struct stack_tree *tree, struct segment_area *nodes,
                     struct segment_area *index, uint32_t *n_nodes);

/*
 * The node of the call from `parent` that returns to `address` in module `module`; made if there is
 * none yet. 0: no room. Keeps errno.
 * Context: any thread, at the same time as others.
 */
uint32_t stack_tree_child(struct stack_tree *tree, uint32_t parent, uint64_t address,
                          uint32_t module);

#endif
