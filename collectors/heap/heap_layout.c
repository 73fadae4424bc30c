/* See heap_layout.h. */
#include "collectors/heap/heap_layout.h"

#include <stdint.h>
#include <sys/resource.h>

enum {
    PAGE = 4096,
    HEADS = 1 << 22,        /* 16 MiB, of which a small heap touches little */
    HEADS_MODEST = 1 << 16, /* 256 KiB */
    ROWS_FIRST = 1 << 10,
    ROWS_MAX = 1 << 19,
    NODES_FIRST = 1 << 13,
    NODES_MAX = 1 << 22,
    LINES_FIRST = 1 << 12, /* of index: 65,536 slots, enough for most programs */
    LINES_MAX = 1 << 19,   /* twice as many slots as nodes */
    LINE_BYTES = WIRE_INDEX_SLOTS * sizeof(uint32_t),
    BLOCKS_FIRST = 1 << 14,
    BLOCKS_MAX = 1 << 26,
    BLOCKS_LEAST = 1 << 20,
};

static size_t add_part(struct heap_layout *layout, size_t bytes)
{
    size_t offset = layout->bytes;
    layout->bytes += (bytes + PAGE - 1) / PAGE * PAGE;
    return offset;
}

static struct wire_area add_area(struct heap_layout *layout, size_t record_bytes, uint32_t n_first,
                                 uint32_t n_max)
{
    return (struct wire_area){
        .offset = add_part(layout, record_bytes * n_max), .n_first = n_first, .n_max = n_max};
}

static void lay_out(struct heap_layout *layout, uint32_t blocks_max)
{
    *layout = (struct heap_layout){0};
    add_part(layout, sizeof(struct wire_heap));
    layout->lanes = add_part(layout, WIRE_HEAP_LANES * sizeof(struct wire_heap_lane));
    layout->modules = add_part(layout, WIRE_MODULES * sizeof(struct wire_module));
    layout->dirty = add_part(layout, ROWS_MAX / 8);
    layout->heads = add_part(layout, HEADS * sizeof(uint32_t));
    layout->rows = add_area(layout, sizeof(struct wire_heap_row), ROWS_FIRST, ROWS_MAX);
    layout->nodes = add_area(layout, sizeof(struct wire_heap_node), NODES_FIRST, NODES_MAX);
    layout->index = add_area(layout, LINE_BYTES, LINES_FIRST, LINES_MAX);
    layout->blocks = add_area(layout, sizeof(struct wire_heap_block), BLOCKS_FIRST, blocks_max);
}

void heap_layout_init(struct heap_layout *ret_layout)
{
    struct rlimit files = {.rlim_cur = RLIM_INFINITY};
    uint32_t blocks_max = BLOCKS_MAX;
    getrlimit(RLIMIT_FSIZE, &files);
    lay_out(ret_layout, blocks_max);
    while (ret_layout->bytes > files.rlim_cur && blocks_max > BLOCKS_LEAST)
        lay_out(ret_layout, blocks_max /= 2);
}

static struct wire_area moved(struct wire_area area, size_t offset)
{
    area.offset += offset;
    return area;
}

void heap_layout_write(const struct heap_layout *layout, void *part, size_t offset, bool modest)
{
    struct wire_heap *heap = part;
    heap->n_heads = modest ? HEADS_MODEST : HEADS;
    heap->lanes_offset = offset + layout->lanes;
    heap->modules_offset = offset + layout->modules;
    heap->dirty_offset = offset + layout->dirty;
    heap->heads_offset = offset + layout->heads;
    heap->rows = moved(layout->rows, offset);
    heap->nodes = moved(layout->nodes, offset);
    heap->index = moved(layout->index, offset);
    heap->blocks = moved(layout->blocks, offset);
    heap->n_modules = 1;
}
