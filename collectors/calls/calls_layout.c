/* See calls_layout.h. */
#include "collectors/calls/calls_layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

enum {
    PAGE = 4096,
    RECORDS_FIRST = 1 << 8, /* 48 KiB */
    RECORDS_MAX = 1 << 20,
    CHUNKS_FIRST = 1 << 4, /* 64 KiB: 1,008 open calls */
    CHUNKS_MAX = 1 << 16,
    NAMES_FIRST = 1 << 6,
    NAMES_MAX = 1 << 14,
    TIGHT = 1 << 5, /* where files are limited, so many times less */
};

static size_t add_part(struct calls_layout *layout, size_t bytes)
{
    size_t offset = layout->bytes;
    layout->bytes += (bytes + PAGE - 1) / PAGE * PAGE;
    return offset;
}

static struct wire_area add_area(struct calls_layout *layout, size_t record_bytes, uint32_t n_first,
                                 uint32_t n_max)
{
    return (struct wire_area){
        .offset = add_part(layout, record_bytes * n_max), .n_first = n_first, .n_max = n_max};
}

void calls_layout_init(struct calls_layout *ret_layout)
{
    struct calls_layout *layout = ret_layout;
    struct rlimit files = {.rlim_cur = RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &files);
    uint32_t divisor = files.rlim_cur != RLIM_INFINITY ? TIGHT : 1;
    *layout = (struct calls_layout){0};
    add_part(layout, sizeof(struct wire_calls));
    layout->lanes = add_part(layout, WIRE_CALLS_LANES * sizeof(struct wire_calls_lane));
    layout->modules = add_part(layout, WIRE_MODULES * sizeof(struct wire_module));
    layout->counters = add_part(layout, WIRE_CALLS_COUNTERS * sizeof(struct wire_calls_counter));
    layout->marks = add_part(layout, CALLS_LAYOUT_MARKS * sizeof(struct wire_calls_mark));
    layout->sites = add_part(layout, WIRE_CALLS_SITES * sizeof(struct wire_calls_site));
    layout->mappings = add_part(layout, WIRE_CALLS_MAPPINGS * sizeof(struct wire_calls_mapping));
    layout->returns = add_part(layout, WIRE_CALLS_RETURNS * sizeof(struct wire_calls_return));
    layout->code = add_part(layout, WIRE_CALLS_CODE_BYTES);
    layout->records =
        add_area(layout, sizeof(struct wire_calls_record), RECORDS_FIRST, RECORDS_MAX / divisor);
    layout->chunks =
        add_area(layout, sizeof(struct wire_calls_chunk), CHUNKS_FIRST, CHUNKS_MAX / divisor);
    layout->names = add_area(layout, sizeof(struct wire_calls_name), NAMES_FIRST, NAMES_MAX);
}

static struct wire_area moved(struct wire_area area, size_t offset)
{
    area.offset += offset;
    return area;
}

void calls_layout_write(const struct calls_layout *layout, void *part, size_t offset)
{
    struct wire_calls *wire = part;
    wire->lanes_offset = offset + layout->lanes;
    wire->modules_offset = offset + layout->modules;
    wire->counters_offset = offset + layout->counters;
    wire->marks_offset = offset + layout->marks;
    wire->sites_offset = offset + layout->sites;
    wire->mappings_offset = offset + layout->mappings;
    wire->returns_offset = offset + layout->returns;
    wire->code_offset = offset + layout->code;
    wire->n_marks_max = CALLS_LAYOUT_MARKS;
    wire->records = moved(layout->records, offset);
    wire->chunks = moved(layout->chunks, offset);
    wire->names = moved(layout->names, offset);
    wire->n_modules = wire->n_records = wire->n_chunks = wire->n_names = 1;
}
