/*
 * The incremental call tree.
 *
 * Each stack of the profile is placed once: its functions, outermost first (innermost first when
 * inverted), become a path, and the stack remembers the path's last node. From then on a sample
 * costs one walk from that node to the root. A stack placed before its symbols were there is placed
 * anew once they are: its weight is taken off the old path and put on the new one.
 */
#include "core/model/calltree.h"

#include <string.h>

#include "core/base/hash.h"

/* Where a stack stands, and what this tree has counted for it (so that it can be moved). */
struct calltree_leaf {
    uint32_t node; /* PROFILE_NONE: not placed yet */
    struct weight weight;
};

/*
 * A place in the hash table of children: open addressing, and no key but part of the hash. With
 * millions of nodes a table that keeps keys would be larger than the tree; the tag spares most
 * looks at nodes, each a cache miss.
 */
struct calltree_slot {
    uint32_t id; /* 0: empty */
    uint32_t tag;
};

enum { SLOTS_FIRST = 1 << 10 };

static void add_root(struct calltree *tree)
{
    struct calltree_node root = {.parent = PROFILE_NONE,
                                 .first_child = PROFILE_NONE,
                                 .next_sibling = PROFILE_NONE,
                                 .function = PROFILE_NONE};
    g_array_append_val(tree->nodes, root);
}

struct calltree *calltree_new(const struct profile *profile, const struct calltree_options *options)
{
    struct calltree *tree = g_new0(struct calltree, 1);
    tree->options = *options;
    tree->profile = profile;
    tree->nodes = g_array_new(FALSE, TRUE, sizeof(struct calltree_node));
    tree->function_self = g_array_new(FALSE, TRUE, sizeof(struct weight));
    tree->function_total = g_array_new(FALSE, TRUE, sizeof(struct weight));
    tree->slots = g_new0(struct calltree_slot, SLOTS_FIRST);
    tree->n_slots = SLOTS_FIRST;
    tree->leaves = g_array_new(FALSE, TRUE, sizeof(struct calltree_leaf));
    tree->unresolved = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    tree->seen = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    tree->next_change = UINT64_MAX;
    add_root(tree);
    return tree;
}

void calltree_free(struct calltree *tree)
{
    if (!tree)
        return;
    g_array_unref(tree->nodes);
    g_array_unref(tree->function_self);
    g_array_unref(tree->function_total);
    g_free(tree->slots);
    g_array_unref(tree->leaves);
    g_array_unref(tree->unresolved);
    g_array_unref(tree->seen);
    g_free(tree);
}

static struct calltree_node *node_at(struct calltree *tree, uint32_t id)
{
    return &g_array_index(tree->nodes, struct calltree_node, id);
}

/* Notes that the path being followed leads through `function`; returns whether it did so before. */
static bool pass_through(struct calltree *tree, uint32_t function)
{
    if (function >= tree->seen->len)
        g_array_set_size(tree->seen, function + 1);
    uint64_t *seen = &g_array_index(tree->seen, uint64_t, function);
    bool before = *seen == tree->path;
    *seen = tree->path;
    return before;
}

/* Where the child of `parent` for `function` stands, or would stand: then id is 0, and the tag is
 * set. */
static struct calltree_slot *slot_of(const struct calltree *tree, uint32_t parent,
                                     uint32_t function)
{
    uint64_t hash = hash_mix(0, (uint64_t)parent << 32 | function);
    uint32_t mask = tree->n_slots - 1, tag = (uint32_t)hash;
    struct calltree_slot *slot = &tree->slots[(uint32_t)(hash >> 32) & mask];
    for (; slot->id; slot = &tree->slots[(uint32_t)(slot - tree->slots + 1) & mask]) {
        const struct calltree_node *node = calltree_node(tree, slot->id);
        if (slot->tag == tag && node->parent == parent && node->function == function)
            return slot;
    }
    slot->tag = tag;
    return slot;
}

static void grow_slots(struct calltree *tree)
{
    g_free(tree->slots);
    tree->n_slots *= 2;
    tree->slots = g_new0(struct calltree_slot, tree->n_slots);
    for (uint32_t id = CALLTREE_ROOT + 1; id < tree->nodes->len; id++) {
        const struct calltree_node *node = calltree_node(tree, id);
        slot_of(tree, node->parent, node->function)->id = id;
    }
}

/* The child of `parent` for `function`, made when it is not there yet. */
static uint32_t child_of(struct calltree *tree, uint32_t parent, uint32_t function)
{
    bool recursive = pass_through(tree, function);
    struct calltree_slot *slot = slot_of(tree, parent, function);
    if (slot->id)
        return slot->id;
    uint32_t id = slot->id = tree->nodes->len;
    struct calltree_node node = {.parent = parent,
                                 .first_child = PROFILE_NONE,
                                 .next_sibling = node_at(tree, parent)->first_child,
                                 .function = function,
                                 .depth = node_at(tree, parent)->depth + 1,
                                 .recursive = recursive};
    g_array_append_val(tree->nodes, node);
    node_at(tree, parent)->first_child = id;
    if (tree->nodes->len > tree->n_slots / 4 * 3)
        grow_slots(tree);
    return id;
}

static uint32_t step_down(struct calltree *tree, uint32_t node, uint32_t function)
{
    if (tree->options.fold_recursion && node != CALLTREE_ROOT &&
        node_at(tree, node)->function == function)
        return node;
    return child_of(tree, node, function);
}

/* Follows one frame's lines, which are innermost first, in the tree's direction. */
static uint32_t step_frame(struct calltree *tree, uint32_t node, uint32_t frame, bool *all_resolved)
{
    const struct line *lines = profile_frame_lines(tree->profile, frame);
    uint32_t n = profile_get_frame(tree->profile, frame)->n_lines;
    for (uint32_t i = 0; i < n; i++)
        node = step_down(tree, node, lines[tree->options.inverted ? i : n - 1 - i].function);
    if (profile_get_frame(tree->profile, frame)->state != FRAME_RESOLVED)
        *all_resolved = false;
    return node;
}

static uint32_t place(struct calltree *tree, uint32_t stack, bool *ret_all_resolved)
{
    const uint32_t *frames = profile_stack_frames(tree->profile, stack);
    uint32_t n = profile_get_stack(tree->profile, stack)->n_frames;
    uint32_t node = CALLTREE_ROOT;
    tree->path++;
    *ret_all_resolved = true;
    for (uint32_t i = 0; i < n; i++)
        node = step_frame(tree, node, frames[tree->options.inverted ? i : n - 1 - i],
                          ret_all_resolved);
    return node;
}

static void weight_add(struct weight *to, int64_t count, int64_t value)
{
    to->count += count;
    to->value += value;
}

static struct weight *function_weight(GArray *weights, uint32_t function)
{
    return &g_array_index(weights, struct weight, function);
}

/* Room for all functions that the profile knows. */
static void size_function_weights(struct calltree *tree)
{
    guint n = tree->profile->functions->len;
    if (tree->function_self->len < n) {
        g_array_set_size(tree->function_self, n);
        g_array_set_size(tree->function_total, n);
    }
}

/* Adds (or with negative numbers takes off) along the path that ends in `node`. */
static void add_to_path(struct calltree *tree, uint32_t node, int64_t count, int64_t value)
{
    bool by_function = !tree->options.inverted;
    if (by_function && node != CALLTREE_ROOT)
        weight_add(function_weight(tree->function_self, node_at(tree, node)->function), count,
                   value);
    for (; node != CALLTREE_ROOT; node = node_at(tree, node)->parent) {
        struct calltree_node *n = node_at(tree, node);
        weight_add(&n->total, count, value);
        if (by_function && !n->recursive)
            weight_add(function_weight(tree->function_total, n->function), count, value);
    }
    weight_add(&node_at(tree, CALLTREE_ROOT)->total, count, value);
}

static struct calltree_leaf *leaf_of(struct calltree *tree, uint32_t stack)
{
    guint old = tree->leaves->len;
    if (stack >= old) {
        g_array_set_size(tree->leaves, MAX(stack + 1, tree->profile->stacks->len));
        for (guint i = old; i < tree->leaves->len; i++)
            g_array_index(tree->leaves, struct calltree_leaf, i).node = PROFILE_NONE;
    }
    return &g_array_index(tree->leaves, struct calltree_leaf, stack);
}

/* What ends in a node, for now only there: propagate() takes it up the tree. */
static void add_at_leaf(struct calltree *tree, uint32_t node, int64_t count, int64_t value)
{
    weight_add(&node_at(tree, node)->total, count, value);
    if (!tree->options.inverted && node != CALLTREE_ROOT)
        weight_add(function_weight(tree->function_self, node_at(tree, node)->function), count,
                   value);
}

/* From what ends in each node to its total: children have larger ids than their parents. */
static void propagate(struct calltree *tree)
{
    for (uint32_t id = tree->nodes->len; id-- > CALLTREE_ROOT + 1;) {
        const struct calltree_node *node = node_at(tree, id);
        struct weight total = node->total;
        if (total.count == 0 && total.value == 0)
            continue;
        weight_add(&node_at(tree, node->parent)->total, total.count, total.value);
        if (!tree->options.inverted && !node->recursive)
            weight_add(function_weight(tree->function_total, node->function), total.count,
                       total.value);
    }
}

static void add_to_stack(struct calltree *tree, uint32_t stack, int64_t count, int64_t value)
{
    struct calltree_leaf *leaf = leaf_of(tree, stack);
    if (leaf->node == PROFILE_NONE) {
        bool resolved;
        leaf->node = place(tree, stack, &resolved);
        if (!resolved)
            g_array_append_val(tree->unresolved, stack);
    }
    weight_add(&leaf->weight, count, value);
    if (tree->bulk)
        add_at_leaf(tree, leaf->node, count, value);
    else
        add_to_path(tree, leaf->node, count, value);
}

/* Moves stacks whose names have come in since they were placed. */
static bool move_resolved(struct calltree *tree)
{
    if (tree->resolved_generation == tree->profile->resolved_generation)
        return false;
    tree->resolved_generation = tree->profile->resolved_generation;
    GArray *waiting = tree->unresolved;
    bool moved = waiting->len > 0;
    tree->unresolved = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (guint i = 0; i < waiting->len; i++) {
        uint32_t stack = g_array_index(waiting, uint32_t, i);
        struct calltree_leaf *leaf = leaf_of(tree, stack);
        bool resolved;
        add_to_path(tree, leaf->node, -leaf->weight.count, -leaf->weight.value);
        leaf->node = place(tree, stack, &resolved);
        add_to_path(tree, leaf->node, leaf->weight.count, leaf->weight.value);
        if (!resolved)
            g_array_append_val(tree->unresolved, stack);
    }
    g_array_unref(waiting);
    return moved;
}

static bool accepts(const struct calltree *tree, uint32_t thread)
{
    const struct calltree_options *o = &tree->options;
    if (o->thread != PROFILE_NONE)
        return thread == o->thread;
    return o->process == PROFILE_NONE ||
           profile_get_thread(tree->profile, thread)->process == o->process;
}

static bool windowed(const struct calltree *tree)
{
    if (tree->options.of != CALLTREE_OF_SAMPLES)
        return false;
    return tree->options.window_ns > 0 || tree->options.since_ns > 0;
}

/* Empties the weights and keeps the shape. */
static void reset_weights(struct calltree *tree)
{
    for (guint i = 0; i < tree->nodes->len; i++)
        node_at(tree, i)->total = (struct weight){0, 0};
    for (guint i = 0; i < tree->leaves->len; i++)
        g_array_index(tree->leaves, struct calltree_leaf, i).weight = (struct weight){0, 0};
    g_array_set_size(tree->function_self, 0);
    g_array_set_size(tree->function_total, 0);
}

/* The whole run, from the profile's sums: at the first update, or when changes were missed. */
static void load_entries(struct calltree *tree)
{
    const struct profile *p = tree->profile;
    for (uint32_t i = 0; i < p->entries->len; i++) {
        const struct entry *entry = profile_get_entry(p, i);
        if (!accepts(tree, entry->thread))
            continue;
        const int64_t *values = profile_entry_values(p, i);
        int64_t count = p->count_metric == PROFILE_NONE ? 0 : values[p->count_metric];
        add_to_stack(tree, entry->stack, count, values[p->main_metric]);
    }
    tree->next_change = p->n_changes;
}

/* As much of `value` as still fits, so that no sum of some of them overflows. */
static int64_t take(int64_t *room, int64_t value)
{
    value = CLAMP(value, -*room, *room);
    *room -= value < 0 ? -value : value;
    return value;
}

/* The heap's sites as they are now: they can shrink, so there are no changes to follow. */
static void load_sites(struct calltree *tree)
{
    const struct heap *heap = tree->profile->heap;
    enum heap_column column = tree->options.column, blocks = heap_columns[column].blocks;
    int64_t count_room = INT64_MAX, value_room = INT64_MAX;
    for (guint i = 0; i < heap->sites->len; i++) {
        const struct heap_site *site = &g_array_index(heap->sites, struct heap_site, i);
        if (tree->options.process != PROFILE_NONE && site->process != tree->options.process)
            continue;
        int64_t value = take(&value_room, site->values[column]);
        int64_t count = blocks == HEAP_COLUMNS ? 0 : take(&count_room, site->values[blocks]);
        if (value || count)
            add_to_stack(tree, site->stack, count, value);
    }
}

/* The calls as they are now. */
static void load_calls(struct calltree *tree)
{
    const struct calls *calls = tree->profile->calls;
    int64_t count_room = INT64_MAX, value_room = INT64_MAX;
    for (guint i = 0; i < calls->records->len; i++) {
        const struct call_record *record = &g_array_index(calls->records, struct call_record, i);
        if (!accepts(tree, record->thread))
            continue;
        int64_t count = take(&count_room, record->stats.calls), value = count;
        if (tree->options.call_weight == CALL_WEIGHT_TIME)
            value = take(&value_room, record->stats.self_ns);
        if (value || count)
            add_to_stack(tree, record->stack, count, value);
    }
}

static const struct change *change_at(const struct calltree *tree, uint64_t i)
{
    return &tree->profile->changes[i % tree->profile->changes_size];
}

static void apply(struct calltree *tree, uint64_t change, int sign)
{
    const struct change *c = change_at(tree, change);
    const struct entry *entry = profile_get_entry(tree->profile, c->entry);
    if (accepts(tree, entry->thread) && c->time_ns >= tree->options.since_ns)
        add_to_stack(tree, entry->stack, sign * c->count, sign * c->value);
}

/*
 * Takes off what has left the sliding window, and also what the profile is about to forget: it
 * could not be taken off afterwards. A quarter of the ring is the margin for what comes in before
 * the next update.
 */
static bool expire(struct calltree *tree, int64_t now_ns)
{
    if (tree->options.window_ns == 0)
        return false;
    bool changed = false;
    int64_t begin = now_ns - tree->options.window_ns;
    uint64_t keep = PROFILE_CHANGES_MAX / 4 * 3;
    while (tree->first_in_window < tree->next_change &&
           (change_at(tree, tree->first_in_window)->time_ns < begin ||
            tree->next_change - tree->first_in_window > keep)) {
        apply(tree, tree->first_in_window++, -1);
        changed = true;
    }
    return changed;
}

/* Changes that have left the sliding window before they were ever applied. */
static void skip_expired(struct calltree *tree, int64_t now_ns)
{
    int64_t begin = now_ns - tree->options.window_ns;
    while (tree->options.window_ns > 0 && tree->next_change < tree->profile->n_changes &&
           change_at(tree, tree->next_change)->time_ns < begin)
        tree->next_change++;
    tree->first_in_window = tree->next_change;
}

/* Weighs a tree of the heap or of calls anew. */
static void restart_sums(struct calltree *tree)
{
    reset_weights(tree);
    size_function_weights(tree);
    tree->bulk = true;
    if (tree->options.of == CALLTREE_OF_HEAP)
        load_sites(tree);
    else
        load_calls(tree);
    propagate(tree);
    tree->bulk = false;
}

/* Weighs everything anew: at first, for another look, or when the profile has dropped changes that
 * still counted. */
static void restart(struct calltree *tree, int64_t now_ns)
{
    reset_weights(tree);
    size_function_weights(tree);
    tree->bulk = true;
    tree->next_change = tree->profile->first_change;
    skip_expired(tree, now_ns);
    if (!windowed(tree))
        load_entries(tree);
    for (; tree->next_change < tree->profile->n_changes; tree->next_change++)
        apply(tree, tree->next_change, 1);
    propagate(tree);
    tree->bulk = false;
}

void calltree_look(struct calltree *tree, const struct calltree_options *options)
{
    g_assert(options->inverted == tree->options.inverted &&
             options->fold_recursion == tree->options.fold_recursion);
    g_assert(options->of != CALLTREE_OF_HEAP || options->column < HEAP_COLUMNS);
    g_assert(options->of != CALLTREE_OF_CALLS || options->call_weight < CALL_WEIGHTS);
    tree->options = *options;
    tree->next_change = UINT64_MAX;
}

/* Of what only sums are known, and no changes that one could follow. */
static bool update_sums(struct calltree *tree)
{
    const struct profile *p = tree->profile;
    bool of_heap = tree->options.of == CALLTREE_OF_HEAP;
    uint64_t generation = of_heap ? p->heap->generation : p->calls->generation;
    bool changed = tree->next_change != generation;
    size_function_weights(tree);
    if (changed)
        restart_sums(tree);
    tree->next_change = generation;
    changed |= move_resolved(tree);
    tree->generation += changed;
    return changed;
}

bool calltree_update(struct calltree *tree, int64_t now_ns)
{
    const struct profile *p = tree->profile;
    bool changed = false;
    if (tree->options.of != CALLTREE_OF_SAMPLES)
        return update_sums(tree);
    bool first = tree->next_change == UINT64_MAX;
    bool missed = tree->next_change < p->first_change ||
                  (tree->options.window_ns > 0 && tree->first_in_window < p->first_change);
    size_function_weights(tree);
    if (first || missed) {
        restart(tree, now_ns);
        changed = true;
    }
    for (; tree->next_change < p->n_changes; tree->next_change++) {
        apply(tree, tree->next_change, 1);
        changed = true;
    }
    changed |= expire(tree, now_ns);
    changed |= move_resolved(tree);
    tree->generation += changed;
    return changed;
}

int64_t calltree_covered_since_ns(const struct calltree *tree)
{
    const struct profile *p = tree->profile;
    if (!windowed(tree) || p->n_changes == p->first_change)
        return 0;
    bool shortened = tree->options.window_ns > 0 && tree->first_in_window < p->n_changes;
    int64_t oldest = shortened ? change_at(tree, tree->first_in_window)->time_ns : 0;
    if (!shortened && p->first_change > 0)
        oldest = change_at(tree, p->first_change)->time_ns;
    return MAX(oldest, tree->options.since_ns);
}

static struct calltree_metric heap_metric(enum heap_column of)
{
    const struct heap_column_info *column = &heap_columns[of];
    return (struct calltree_metric){
        .name = column->words,
        .unit = column->is_bytes ? "bytes" : "count",
        .counted = column->is_bytes && column->blocks < HEAP_COLUMNS ? "blocks" : NULL};
}

static struct calltree_metric calls_metric(enum call_weight weight)
{
    return (struct calltree_metric){.name = call_weights[weight].words,
                                    .unit = call_weights[weight].unit,
                                    .counted = weight == CALL_WEIGHT_CALLS ? NULL : "calls"};
}

struct calltree_metric calltree_metric(const struct calltree *tree)
{
    const struct profile *p = tree->profile;
    if (tree->options.of == CALLTREE_OF_HEAP)
        return heap_metric(tree->options.column);
    if (tree->options.of == CALLTREE_OF_CALLS)
        return calls_metric(tree->options.call_weight);
    const char *counted = p->count_metric == PROFILE_NONE ? NULL : "samples";
    if (p->main_metric >= p->n_metrics)
        return (struct calltree_metric){.name = "", .unit = "", .counted = counted};
    const struct metric *metric = &p->metrics[p->main_metric];
    return (struct calltree_metric){.name = strcmp(metric->type, "cpu") == 0 ? "CPU time"
                                                                             : metric->type,
                                    .unit = metric->unit,
                                    .counted = counted};
}

struct weight calltree_self(const struct calltree *tree, uint32_t node)
{
    struct weight self = calltree_node(tree, node)->total;
    for (uint32_t child = calltree_node(tree, node)->first_child; child != PROFILE_NONE;
         child = calltree_node(tree, child)->next_sibling) {
        const struct weight *called = &calltree_node(tree, child)->total;
        weight_add(&self, -called->count, -called->value);
    }
    return self;
}

static struct weight weight_of(const GArray *weights, uint32_t function)
{
    if (function >= weights->len)
        return (struct weight){0, 0};
    return g_array_index(weights, struct weight, function);
}

struct weight calltree_function_self(const struct calltree *tree, uint32_t function)
{
    return weight_of(tree->function_self, function);
}

struct weight calltree_function_total(const struct calltree *tree, uint32_t function)
{
    return weight_of(tree->function_total, function);
}
