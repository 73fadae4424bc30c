/* See heap_segment.h. The geometry is copied out of the segment before it is checked, and used from
 * the copies alone. */
#include "collectors/target/heap_segment.h"

#include <unistd.h>

#include "collectors/target/collector.h"
#include "collectors/target/real_malloc.h"
#include "collectors/target/sampler.h"
#include "collectors/target/segment_part.h"

enum { HEADS_MIN = 1 << 10, HEADS_MAX = 1 << 28 };

/* Mapped once; a fork wipes it. */
static struct heap *shared;
bool heap_is_on;
bool heap_has_no_clock;

static struct {
    uint64_t allocs, alloc_bytes, frees;
    bool is_over;
} early;

struct heap *heap_get(void)
{
    return shared && __atomic_load_n(&shared->is_running, __ATOMIC_ACQUIRE) ? shared : NULL;
}

void heap_note_trouble(struct heap *heap, uint32_t trouble)
{
    uint32_t *word = &heap->wire->trouble;
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & trouble) != trouble)
        __atomic_fetch_or(word, trouble, __ATOMIC_RELAXED);
}

/* A filter that was there before the program began lets pass what allocators need. */
bool heap_may_call(const struct heap *heap)
{
    const struct sampler *sampler = sampler_get();
    if (sampler && !sampler->was_filtered &&
        __atomic_load_n(&sampler->wire->has_seccomp, __ATOMIC_RELAXED))
        return false;
    return __atomic_load_n(&heap->may_call, __ATOMIC_RELAXED);
}

void heap_forbid_calls(void)
{
    struct heap *heap = heap_get();
    if (!heap || getpid() != heap->pid)
        return;
    heap->may_call = heap->rules.may_call = 0;
    heap->rows.may_grow = heap->nodes.may_grow = false;
    heap->index.may_grow = heap->blocks.may_grow = false;
}

void heap_forbid_clock(void)
{
    struct heap *heap = heap_get();
    if (heap && getpid() != heap->pid)
        return;
    heap_has_no_clock = true;
    if (heap)
        heap_note_trouble(heap, WIRE_HEAP_NO_CLOCK);
}

static bool map_own_pages(void)
{
    if (!shared)
        shared = segment_private_map(sizeof *shared);
    return shared != NULL;
}

/* What proftop has set, read once. */
struct geometry {
    uint32_t n_heads;
    uint64_t lanes_offset, modules_offset, dirty_offset, heads_offset;
    struct wire_area rows, nodes, index, blocks;
};

static const uint64_t LANES_BYTES = WIRE_HEAP_LANES * sizeof(struct wire_heap_lane);
static const uint64_t MODULES_BYTES = WIRE_MODULES * sizeof(struct wire_module);

static struct geometry read_geometry(const struct wire_heap *wire)
{
    const volatile struct wire_heap *there = wire;
    return (struct geometry){
        .n_heads = there->n_heads,
        .lanes_offset = there->lanes_offset,
        .modules_offset = there->modules_offset,
        .dirty_offset = there->dirty_offset,
        .heads_offset = there->heads_offset,
        .rows = wire->rows,
        .nodes = wire->nodes,
        .index = wire->index,
        .blocks = wire->blocks,
    };
}

static bool map_areas(struct heap *heap, const struct geometry *geometry,
                      const struct segment_file *file)
{
    return segment_area_map(&heap->rows, file->fd, &geometry->rows, sizeof(struct wire_heap_row),
                            file->bytes) &&
           segment_area_map(&heap->nodes, file->fd, &geometry->nodes, sizeof(struct wire_heap_node),
                            file->bytes) &&
           segment_area_map(&heap->index, file->fd, &geometry->index,
                            sizeof(struct stack_tree_line), file->bytes) &&
           segment_area_map(&heap->blocks, file->fd, &geometry->blocks,
                            sizeof(struct wire_heap_block), file->bytes);
}

static uint64_t dirty_bytes(uint32_t n_rows)
{
    return ((uint64_t)n_rows + 63) / 64 * sizeof(uint64_t);
}

/* Takes back what there is of it. */
static void unmap_all(struct heap *heap, const struct geometry *geometry)
{
    segment_part_unmap(heap->lanes, LANES_BYTES);
    segment_part_unmap(heap->dirty, dirty_bytes(geometry->rows.n_max));
    segment_part_unmap(heap->heads, geometry->n_heads * sizeof *heap->heads);
    segment_part_unmap(heap->modules.table, MODULES_BYTES);
    segment_area_unmap(&heap->rows);
    segment_area_unmap(&heap->nodes);
    segment_area_unmap(&heap->index);
    segment_area_unmap(&heap->blocks);
    unwind_rules_clear(&heap->rules);
}

static bool map_all(struct heap *heap, const struct geometry *geometry,
                    const struct segment_file *file)
{
    uint32_t n_heads = geometry->n_heads;
    if (n_heads < HEADS_MIN || n_heads > HEADS_MAX || (n_heads & (n_heads - 1)))
        return false;
    heap->lanes = segment_part_map(file, geometry->lanes_offset, LANES_BYTES);
    heap->dirty = segment_part_map(file, geometry->dirty_offset, dirty_bytes(geometry->rows.n_max));
    heap->heads = segment_part_map(file, geometry->heads_offset, n_heads * sizeof *heap->heads);
    struct wire_module *table = segment_part_map(file, geometry->modules_offset, MODULES_BYTES);
    heap->modules.table = table;
    if (!heap->lanes || !heap->dirty || !heap->heads || !table || !map_areas(heap, geometry, file))
        return false;
    segment_modules_init(&heap->modules, &heap->wire->n_modules, table);
    stack_tree_init(&heap->tree, &heap->nodes, &heap->index, &heap->wire->n_nodes);
    heap->head_mask = n_heads - 1;
    heap->head_bits = (uint32_t)__builtin_ctz(n_heads);
    return unwind_rules_init(&heap->rules, &heap->modules);
}

void heap_each_part(struct heap *heap, void (*visit)(void *part, size_t bytes))
{
    visit(heap->wire, (size_t)segment_part_bytes(sizeof *heap->wire));
    visit(heap->lanes, (size_t)segment_part_bytes(LANES_BYTES));
    visit(heap->dirty, (size_t)segment_part_bytes(dirty_bytes(heap->rows.n_max)));
    visit(heap->heads,
          (size_t)segment_part_bytes(((uint64_t)heap->head_mask + 1) * sizeof *heap->heads));
    visit(heap->modules.table, (size_t)segment_part_bytes(MODULES_BYTES));
    segment_area_each(&heap->rows, visit);
    segment_area_each(&heap->nodes, visit);
    segment_area_each(&heap->index, visit);
    segment_area_each(&heap->blocks, visit);
}

static void fill(struct heap *heap)
{
    struct wire_heap *wire = heap->wire;
    for (int i = 0; i < WIRE_HEAP_LIFETIMES; i++)
        heap->lifetime_ticks[i] = wire->lifetime_ticks[i];
    heap->pid = getpid();
    heap->may_call = 1;
    heap->n_lanes = 1;
    if (wire->n_rows == 0)
        wire->n_rows = 1;
    if (!unwind_rules_available())
        heap_note_trouble(heap, WIRE_HEAP_NO_UNWIND_DATA);
    if (heap_has_no_clock) /* the parent's, before it forked */
        heap_note_trouble(heap, WIRE_HEAP_NO_CLOCK);
    heap_note_trouble(heap, real_malloc_trouble());
}

void heap_early_allocated(uint64_t bytes)
{
    if (early.is_over)
        return;
    early.allocs++;
    early.alloc_bytes += bytes;
}

void heap_early_freed(void)
{
    if (!early.is_over)
        early.frees++;
}

void heap_early_end(void)
{
    early.is_over = true;
}

/* Nobody's lane has no thread yet. A forked child has nothing of it. */
static void add_early(struct heap *heap)
{
    struct wire_heap_lane *lane = &heap->lanes[0];
    lane->allocs += early.allocs;
    lane->alloc_bytes += early.alloc_bytes;
    lane->frees += early.frees;
    heap->wire->early_allocs += early.allocs;
    early.allocs = early.alloc_bytes = early.frees = 0;
}

static bool is_asked_for(const struct wire_segment *segment, struct segment_file *file)
{
    return (segment->features & WIRE_FEATURE_HEAP) && segment->heap_offset != 0 &&
           segment_file_init(file, file->fd);
}

void heap_start(struct wire_segment *segment, int fd)
{
    struct segment_file file = {.fd = fd};
    if (!is_asked_for(segment, &file))
        return;
    struct wire_heap *wire = segment_part_map(&file, segment->heap_offset, sizeof *wire);
    if (!wire)
        return;
    if (!map_own_pages()) {
        __atomic_fetch_or(&wire->trouble, WIRE_HEAP_NO_ROOM, __ATOMIC_RELAXED);
        return;
    }
    struct geometry geometry = read_geometry(wire);
    shared->wire = wire;
    if (map_all(shared, &geometry, &file)) {
        fill(shared);
        if (shared->wire->mode != WIRE_HEAP_OFF)
            add_early(shared);
        __atomic_store_n(&shared->is_running, 1, __ATOMIC_RELEASE);
        heap_is_on = true;
        return;
    }
    heap_note_trouble(shared, WIRE_HEAP_NO_ROOM);
    unmap_all(shared, &geometry);
}
