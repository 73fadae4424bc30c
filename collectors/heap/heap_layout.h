/*
 * Where the parts of a heap lie in a segment, and how large they may grow.
 */
#ifndef PROFTOP_COLLECTORS_HEAP_HEAP_LAYOUT_H
#define PROFTOP_COLLECTORS_HEAP_HEAP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/wire/wire_heap.h"

/* Proftop's own copy of the geometry: what it goes by, whatever the segment says later. Offsets are
 * from the start of the heap's part. */
struct heap_layout {
    size_t bytes; /* of the part, sparse */
    size_t lanes, modules, dirty, heads;
    struct wire_area rows, nodes, index, blocks;
};

/* Fills it for the largest heap that proftop's own limit on file sizes lets it follow. Context: any
 * thread. */
void heap_layout_init(struct heap_layout *ret_layout);

/*
 * Writes the geometry into the head at `part`, which begins at `offset` of its segment. `modest`:
 * the target's address space is limited, so take little of it. Context: any thread.
 */
void heap_layout_write(const struct heap_layout *layout, void *part, size_t offset, bool modest);

#endif
