/*
 * From the nodes of a segment to stacks of the profile.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_HEAP_HEAP_STACKS_H
#define PROFTOP_COLLECTORS_HEAP_HEAP_STACKS_H

#include "collectors/heap/heap_tap.h"
#include "core/session/ingest.h"
#include "core/session/module_records.h"

struct heap_stacks {
    const struct heap_layout *layout;
    const struct heap_hello *hello;
    struct module_records modules;
    GArray *frames; /* uint32_t of the profile, by node; PROFILE_NONE: not made yet */
};

/* Both are borrowed. */
void heap_stacks_init(struct heap_stacks *stacks, const struct heap_hello *hello,
                      const struct heap_layout *layout);

/* Frees what it holds. */
void heap_stacks_clear(struct heap_stacks *stacks);

/* The profile's stack for a row's node; whatever is wrong with it shows as a mark. With the
 * profile's lock. */
uint32_t heap_stacks_get(struct heap_stacks *stacks, struct ingest *ingest, struct profile *profile,
                         uint32_t row, uint32_t node);

#endif
