/*
 * Where the parts of exact calls lie in a segment, and how large they may grow.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_CALLS_LAYOUT_H
#define PROFTOP_COLLECTORS_CALLS_CALLS_LAYOUT_H

#include <stddef.h>

#include "core/wire/wire_calls.h"

enum { CALLS_LAYOUT_MARKS = 4096 };

/* Proftop's own copy of the geometry: what it goes by, whatever the segment says later. Offsets are
 * from the start of the calls' part. */
struct calls_layout {
    size_t bytes; /* of the part, sparse */
    size_t lanes, modules, counters, marks, sites, mappings, returns, code;
    struct wire_area records, chunks, names;
};

/* Fills it, smaller where proftop's own files are limited in size. Context: any thread. */
void calls_layout_init(struct calls_layout *ret_layout);

/* Writes the geometry into the head at `part`, which begins at `offset` of its segment. Context:
 * any thread. */
void calls_layout_write(const struct calls_layout *layout, void *part, size_t offset);

#endif
