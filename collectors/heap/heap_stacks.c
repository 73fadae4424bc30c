/*
 * See heap_stacks.h.
 *
 * A module's record gives the place it had in memory and its build-id. The kernel's name for the
 * file, by which CPU samples know it too, is found among what was mapped when the process said
 * hello, else among what is mapped now, each time checked by build-id; a library that is gone again
 * by then is looked for under the loader's name.
 */
#include "collectors/heap/heap_stacks.h"

#include <string.h>

#include "core/session/existing.h"
#include "core/target/proc_maps.h"

enum { MAPS_MAX = 4096 };

_Static_assert((int)WIRE_HEAP_DEPTH_MAX == (int)PROFILE_USER_FRAMES_MAX,
               "a walk fits into a stack");

static bool is_same_file(const struct ingest *ingest, uint32_t module,
                         const struct wire_module *record)
{
    uint8_t id[sizeof record->build_id];
    size_t wanted = MIN(record->build_id_size, sizeof record->build_id);
    size_t n = ingest_build_id(ingest, module, id, wanted);
    return n == wanted && memcmp(id, record->build_id, wanted) == 0;
}

/* The file with code inside of the module's range; PROFILE_NONE: there is none, or another one. A
 * hostile process may have mapped more than MAPS_MAX. */
static uint32_t find_among(const GArray *maps, struct ingest *ingest, int pid,
                           const struct wire_module *record)
{
    for (guint i = 0; i < maps->len && i < MAPS_MAX; i++) {
        const struct proc_map *map = &g_array_index(maps, struct proc_map, i);
        if (map->start < record->start || map->end > record->end ||
            strcmp(map->path, "//anon") == 0)
            continue;
        const struct ingest_mmap mapped = existing_mmap_of(pid, map);
        uint32_t module = ingest_file(ingest, &mapped);
        if (is_same_file(ingest, module, record))
            return module;
    }
    return PROFILE_NONE;
}

static uint32_t find_by_name(struct ingest *ingest, int pid, struct wire_module *record)
{
    record->path[sizeof record->path - 1] = '\0';
    const char *path = record->path[0] == '/' ? record->path : "";
    if (!*path)
        return PROFILE_NONE;
    return ingest_file(ingest, &(struct ingest_mmap){.pid = pid,
                                                     .start = record->start,
                                                     .size = record->end - record->start,
                                                     .path = path});
}

static uint32_t find_module(struct heap_stacks *stacks, struct ingest *ingest,
                            struct wire_module *record)
{
    int pid = stacks->hello->process->pid;
    uint32_t module =
        find_among(stacks->maps ? stacks->maps : stacks->hello->maps, ingest, pid, record);
    if (module != PROFILE_NONE)
        return module;
    g_clear_pointer(&stacks->maps, g_array_unref);
    stacks->maps = proc_maps_list(pid);
    module = find_among(stacks->maps, ingest, pid, record);
    return module != PROFILE_NONE ? module : find_by_name(ingest, pid, record);
}

void heap_stacks_find_modules(struct heap_stacks *stacks, struct ingest *ingest)
{
    const struct wire_module *records =
        (const void *)(stacks->hello->part + stacks->layout->modules);
    uint32_t n = __atomic_load_n(&stacks->hello->heap->n_modules, __ATOMIC_ACQUIRE);
    n = MIN(n, (uint32_t)WIRE_MODULES);
    for (guint i = stacks->modules->len; i < n; i++) {
        struct wire_module record = records[i];
        uint32_t module = i == 0 ? PROFILE_NONE : find_module(stacks, ingest, &record);
        g_array_append_val(stacks->modules, module);
    }
}

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
    const struct wire_module *records =
        (const void *)(stacks->hello->part + stacks->layout->modules);
    uint32_t module = node->module < stacks->modules->len
                          ? g_array_index(stacks->modules, uint32_t, node->module)
                          : PROFILE_NONE;
    uint64_t address = node->address - 1;
    if (module != PROFILE_NONE)
        address -= records[node->module].bias;
    return ingest_frame(ingest, stacks->hello->process->pid, module, address);
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
        .modules = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .frames = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
    };
}

void heap_stacks_clear(struct heap_stacks *stacks)
{
    if (stacks->maps)
        g_array_unref(stacks->maps);
    g_array_unref(stacks->modules);
    g_array_unref(stacks->frames);
}
