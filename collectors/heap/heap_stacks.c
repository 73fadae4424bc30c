/* See heap_stacks.h. */
#include "collectors/heap/heap_stacks.h"

_Static_assert((int)WIRE_HEAP_DEPTH_MAX == (int)PROFILE_USER_FRAMES_MAX,
               "a walk fits into a stack");

/* ---- frames ---- */

static const struct wire_heap_node *nodes_of(const struct heap_stacks *stacks)
{
    return (const void *)(stacks->hello->part + stacks->layout->nodes.offset);
}

static uint32_t n_nodes_of(const struct heap_stacks *stacks)
{
    uint32_t n = __atomic_load_n(&stacks->hello->heap->n_nodes, __ATOMIC_ACQUIRE);
    return MIN(n, stacks->layout->nodes.n_max);
}

/* The calls return to these addresses: what is looked up is just before. */
static uint32_t make_frame(const struct heap_stacks *stacks, struct ingest *ingest,
                           const struct wire_heap_node *node)
{
    struct module_record record = module_records_get(&stacks->modules, node->module);
    uint64_t address = node->address - 1;
    if (record.module != PROFILE_NONE)
        address -= record.bias;
    return ingest_frame(ingest, stacks->hello->process->pid, record.module, address);
}

static uint32_t frame_of_node(struct heap_stacks *stacks, struct ingest *ingest, uint32_t number,
                              const struct wire_heap_node *node)
{
    guint old = stacks->frames->len;
    if (number >= old) {
        g_array_set_size(stacks->frames, MAX(number + 1, n_nodes_of(stacks)));
        for (guint i = old; i < stacks->frames->len; i++)
            g_array_index(stacks->frames, uint32_t, i) = PROFILE_NONE;
    }
    uint32_t frame = g_array_index(stacks->frames, uint32_t, number);
    if (frame == PROFILE_NONE) {
        frame = make_frame(stacks, ingest, node);
        g_array_index(stacks->frames, uint32_t, number) = frame;
    }
    return frame;
}

/* What stands beyond the outermost frame; NULL: nothing is missing. */
static const char *mark_of_root(uint32_t root)
{
    switch (root) {
    case WIRE_ROOT_COMPLETE:
        return NULL;
    case WIRE_ROOT_TRUNCATED:
        return PROFILE_MARK_TRUNCATED;
    default:
        return PROFILE_MARK_BROKEN;
    }
}

/* A parent has a smaller number than its child, so the way up ends. */
uint32_t heap_stacks_get(struct heap_stacks *stacks, struct ingest *ingest, struct profile *profile,
                         uint32_t row, uint32_t node)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    const struct wire_heap_node *nodes = nodes_of(stacks);
    uint32_t n_nodes = n_nodes_of(stacks);
    size_t n = 0;
    const char *mark = NULL;
    while (node >= WIRE_ROOTS && node < n_nodes && n < PROFILE_USER_FRAMES_MAX) {
        struct wire_heap_node call = nodes[node];
        frames[n] = frame_of_node(stacks, ingest, node, &call);
        n += !ingest_is_collector(profile, frames[n]);
        node = call.parent < node ? call.parent : WIRE_ROOT_BROKEN;
    }
    if (row == WIRE_ROW_OTHER)
        mark = PROFILE_MARK_OTHER;
    else
        mark = mark_of_root(node);
    if (mark)
        frames[n++] = profile_mark(profile, mark);
    if (n == 0)
        frames[n++] = profile_mark(profile, PROFILE_MARK_UNKNOWN);
    return profile_stack(profile, frames, n);
}

void heap_stacks_init(struct heap_stacks *stacks, const struct heap_hello *hello,
                      const struct heap_layout *layout)
{
    *stacks = (struct heap_stacks){
        .layout = layout,
        .hello = hello,
        .frames = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
    };
    module_records_init(&stacks->modules, hello->process->pid,
                        (const void *)(hello->part + layout->modules),
                        hello->heap ? &hello->heap->n_modules : NULL, hello->maps);
}

void heap_stacks_clear(struct heap_stacks *stacks)
{
    module_records_clear(&stacks->modules);
    g_array_unref(stacks->frames);
}
