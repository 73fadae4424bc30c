/*
 * See stack_tree.h. A node is written before its number is put into the index, and the number is
 * put into the first free slot of the first line with room, so a search may stop at a line that has
 * a free slot. Two threads that add the same call at once try for the same slot: the one that loses
 * finds the other's number there, and its own node stays unused.
 */
#include "collectors/target/stack_tree.h"

enum {
    NODE_BITS = 22,
    NODE_MASK = (1 << NODE_BITS) - 1,
};

#define ADDRESS_MASK ((UINT64_C(1) << 48) - 1)

static_assert(sizeof(struct stack_tree_line) == 64, "a line of the index is a cache line");

struct call {
    uint32_t parent, module;
    uint64_t address;
    uint64_t hash;
    uint32_t tag;  /* in place, above the node's number */
    uint32_t node; /* made for it; 0: none yet */
};

void stack_tree_init(struct stack_tree *tree, struct segment_area *nodes,
                     struct segment_area *index, uint32_t *n_nodes)
{
    uint32_t max = nodes->n_max < STACK_TREE_NODES_MAX ? nodes->n_max : STACK_TREE_NODES_MAX;
    *tree =
        (struct stack_tree){.nodes = nodes, .index = index, .n_nodes = n_nodes, .nodes_max = max};
    if (*n_nodes < WIRE_ROOTS)
        __atomic_store_n(n_nodes, WIRE_ROOTS, __ATOMIC_RELAXED);
}

/* Little of it has to wait for the parent, whose number is known last. */
static inline uint64_t hash_of(uint64_t address, uint32_t parent, uint32_t module)
{
    uint64_t hash = address * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= ((uint64_t)module << 32 | parent) * UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

static bool is_call(const struct stack_tree *tree, uint32_t number, const struct call *call)
{
    const struct wire_heap_node *node = segment_area_at(tree->nodes, number);
    return node && node->address == call->address && node->parent == call->parent &&
           node->module == call->module;
}

/* Takes a number and writes the node; false: no room. */
static bool make_node(struct stack_tree *tree, struct call *call)
{
    uint32_t number = __atomic_load_n(tree->n_nodes, __ATOMIC_RELAXED);
    if (call->node)
        return true;
    if (number >= tree->nodes_max || !segment_area_need(tree->nodes, number))
        return false;
    number = __atomic_fetch_add(tree->n_nodes, 1, __ATOMIC_RELAXED);
    struct wire_heap_node *node =
        number < tree->nodes_max ? segment_area_need(tree->nodes, number) : NULL;
    if (!node || number <= call->parent)
        return false;
    node->address = call->address & ADDRESS_MASK;
    node->module = (uint16_t)call->module;
    node->parent = call->parent;
    call->node = number;
    return true;
}

/* The call's number in a line, put there if there is room; 0: not there. `*ret_done` is whether
 * that is an answer: no other line need be searched. */
static uint32_t search_line(struct stack_tree *tree, struct stack_tree_line *line,
                            struct call *call, bool *ret_done)
{
    *ret_done = true;
    for (int i = 0; i < WIRE_INDEX_SLOTS; i++) {
        uint32_t slot = __atomic_load_n(&line->slots[i], __ATOMIC_ACQUIRE);
        if (slot == 0) {
            if (!make_node(tree, call))
                return 0;
            if (__atomic_compare_exchange_n(&line->slots[i], &slot, call->tag | call->node, false,
                                            __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
                return call->node;
        }
        if ((slot & ~NODE_MASK) == call->tag && is_call(tree, slot & NODE_MASK, call))
            return slot & NODE_MASK;
    }
    *ret_done = false;
    return 0;
}

/* The call's line in a level. Levels go by different bits, so that what one line of a level has no
 * room for goes to many lines of the next. */
static struct stack_tree_line *line_of(struct stack_tree *tree, uint32_t level, uint64_t hash)
{
    uint32_t first = level == 0 ? 0 : tree->index->n_first << (level - 1);
    uint32_t n = level == 0 ? tree->index->n_first : first;
    uint32_t bits = (uint32_t)(hash >> level);
    return segment_area_need(tree->index, first + (bits * (2 * level + 1) >> 3 & (n - 1)));
}

/* The call's number, if a line has it; 0: it has not. */
static inline uint32_t find_in(const struct stack_tree *tree, const struct stack_tree_line *line,
                               const struct call *call)
{
    for (int i = 0; i < WIRE_INDEX_SLOTS; i++) {
        uint32_t slot = __atomic_load_n(&line->slots[i], __ATOMIC_ACQUIRE);
        if ((slot & ~NODE_MASK) == call->tag && slot && is_call(tree, slot & NODE_MASK, call))
            return slot & NODE_MASK;
    }
    return 0;
}

/* Finds or makes it. */
static __attribute__((noinline)) uint32_t add(struct stack_tree *tree, struct call *call)
{
    uint32_t n_levels = segment_area_chunk(tree->index, tree->index->n_max - 1) + 1;
    for (uint32_t level = 0; level < n_levels; level++) {
        bool is_done;
        struct stack_tree_line *line = line_of(tree, level, call->hash);
        if (!line)
            return 0;
        uint32_t node = search_line(tree, line, call, &is_done);
        if (is_done)
            return node;
    }
    return 0;
}

uint32_t stack_tree_child(struct stack_tree *tree, uint32_t parent, uint64_t address,
                          uint32_t module)
{
    struct call call = {.parent = parent, .module = module, .address = address & ADDRESS_MASK};
    call.hash = hash_of(call.address, parent, module);
    call.tag = (uint32_t)(call.hash >> 32) & ~NODE_MASK;
    /* most are on the first level */
    uint32_t node = find_in(tree, line_of(tree, 0, call.hash), &call);
    return node ? node : add(tree, &call);
}
