/*
 * A call tree over a profile, kept up to date: what the Functions table and the icicle are drawn
 * from.
 *
 * A tree has its own view of the profile (which threads, which window of time, which direction).
 * calltree_update applies only what changed since the last call: it costs O(new samples x depth),
 * not O(stacks).
 *
 * Context of all: one thread at a time, holding what guards the profile.
 */
#ifndef PROFTOP_CORE_MODEL_CALLTREE_H
#define PROFTOP_CORE_MODEL_CALLTREE_H

#include "core/model/profile.h"

struct weight {
    int64_t count; /* samples; 0 when the profile does not count them. Of the heap: blocks. Of
                      calls: calls */
    int64_t value; /* of the profile's main metric. Of the heap: of the tree's column. Of calls: of
                      the tree's weight */
};

/* What a tree is of. */
enum calltree_subject {
    CALLTREE_OF_SAMPLES, /* of the profile's main metric */
    CALLTREE_OF_HEAP,    /* of its sites: `column` */
    CALLTREE_OF_CALLS,   /* of its exact calls: `call_weight` */
};

enum { CALLTREE_ROOT = 0 };

struct calltree_node {
    uint32_t parent;   /* PROFILE_NONE for the root */
    uint32_t function; /* PROFILE_NONE for the root */
    uint32_t first_child, next_sibling;
    uint32_t depth : 31;    /* root 0 */
    uint32_t recursive : 1; /* the same function stands further up the path */
    struct weight total; /* of all stacks through here; calltree_self tells those that end here */
};

struct calltree_options {
    bool inverted;       /* bottom-up: leaves first, callers below them */
    bool fold_recursion; /* a function calling itself directly is one node */
    uint32_t process;    /* only this process and its threads; PROFILE_NONE: all */
    uint32_t thread;     /* only this thread; PROFILE_NONE: all */
    int64_t since_ns;    /* only changes from then on (CLOCK_MONOTONIC); 0: the whole run */
    int64_t window_ns;   /* only the last so many ns; 0: no sliding window */
    /* Trees of the heap and of calls are of the whole run; those of the heap also of all threads of
     * `process`: sites know no window and no thread. An update after sites or calls have changed
     * weighs all of them anew, O(sites + nodes), without placing a stack twice. */
    enum calltree_subject of;
    enum heap_column column; /* of the heap: what value is. Count: the blocks that belong to it;
                                0 when none do */
    enum call_weight call_weight; /* of calls: what value is. Count: calls */
};

struct calltree {
    struct calltree_options options;
    GArray *nodes;          /* struct calltree_node; [CALLTREE_ROOT] is the root */
    GArray *function_self;  /* struct weight by function id; with `inverted` not kept */
    GArray *function_total; /* likewise; recursion counts once */
    uint64_t generation;    /* grows with each update that changed something */
    /* Private. */
    const struct profile *profile;
    struct calltree_slot *slots; /* hash table of nodes by (parent, function) */
    uint32_t n_slots;            /* a power of two, more than the nodes by a third or more */
    GArray *leaves;              /* struct calltree_leaf by stack id */
    GArray *unresolved;          /* stacks that were placed before all their frames had names */
    GArray *seen;                /* by function: the last path that led through it */
    bool bulk;                   /* weights stay at the leaves until all are there */
    uint64_t path;               /* number of the path that is being followed */
    uint64_t next_change;        /* first change of the profile not yet applied; of the heap and of
                                    calls: the generation it shows */
    uint64_t first_in_window;    /* oldest change still inside the window */
    uint32_t resolved_generation;
};

/* A tree over `profile`, which is borrowed and must outlive it. Nothing is in it before the first
 * update. */
struct calltree *calltree_new(const struct profile *profile,
                              const struct calltree_options *options);

/* NULL is allowed; the profile stays. */
void calltree_free(struct calltree *tree);

/*
 * Looks at other threads, another window of time or another column; direction and folding must
 * stay. The nodes
 * stay, with their ids, and the next update weighs them anew: O(stacks + nodes), without placing a
 * stack twice.
 */
void calltree_look(struct calltree *tree, const struct calltree_options *options);

/*
 * Brings the tree up to date with the profile as of `now_ns` (CLOCK_MONOTONIC; for window_ns).
 * Where the profile has already forgotten changes that the window would need, the window begins
 * later: calltree_covered_ns tells. Returns whether anything changed. Context: holder of the
 * profile's lock.
 */
bool calltree_update(struct calltree *tree, int64_t now_ns);

/* Start of the time that the tree really covers (CLOCK_MONOTONIC), 0 = the whole run. */
int64_t calltree_covered_since_ns(const struct calltree *tree);

/* What a tree's weights are, for people. */
struct calltree_metric {
    const char *name;    /* of values: "CPU time", "live bytes", "calls", "call time", else a file's
                            type; "" unknown */
    const char *unit;    /* of values, as in pprof: "nanoseconds", "bytes", "count"; "" unknown */
    const char *counted; /* of counts: "samples", "blocks", "calls"; NULL: there are none besides
                            values */
};

/* The metric of a tree; texts live as long as the profile. */
struct calltree_metric calltree_metric(const struct calltree *tree);

/* The node of that id, valid until the next update. */
static inline const struct calltree_node *calltree_node(const struct calltree *tree, uint32_t id)
{
    return &g_array_index(tree->nodes, struct calltree_node, id);
}

/* Weight of the stacks that end in a node: its total less its children's. O(children). */
struct weight calltree_self(const struct calltree *tree, uint32_t node);

/* Weight of a function itself, zero for one the tree has not met. Not for inverted trees. */
struct weight calltree_function_self(const struct calltree *tree, uint32_t function);
/* Likewise, with what it called. */
struct weight calltree_function_total(const struct calltree *tree, uint32_t function);

#endif
