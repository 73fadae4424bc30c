/*
 * An array in the segment that grows by doubling (struct wire_area), mapped piece by piece as it
 * fills. Chunk 0 is records [0, n_first), chunk k > 0 is [n_first << (k - 1), n_first << k).
 *
 * The segment's descriptor is closed once the first chunks are mapped; later ones are had by
 * mremap() of what is mapped already. Mappings stay out of children and of core files. A struct
 * segment_area must itself lie in memory that a fork wipes.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SEGMENT_AREA_H
#define PROFTOP_COLLECTORS_TARGET_SEGMENT_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/wire/wire_parts.h"

enum { SEGMENT_AREA_CHUNKS = 33 }; /* any uint32_t has its place among so many */

struct segment_area {
    uintptr_t bases[SEGMENT_AREA_CHUNKS]; /* address of chunk k, less its first record's distance
                                          from record 0; 0: not mapped */
    size_t record_bytes;
    uint32_t n_first;
    uint32_t n_max;
    uint32_t first_shift; /* n_first == 1 << first_shift */
    bool may_grow;        /* the owner's: system calls are allowed. True at first */
};

/*
 * Maps the first chunk. Changes errno.
 *
 * @fd             the segment
 * @wire           where in it; copied before it is checked
 * @segment_bytes  its size, as the kernel says
 *
 * False when the geometry makes no sense or memory is short; then nothing is mapped.
 * Context: one thread.
 */
bool segment_area_map(struct segment_area *area, int fd, const struct wire_area *wire,
                      size_t record_bytes, uint64_t segment_bytes);

/* Calls `visit` for each mapping, with its address and size. Context: any, async-signal-safe. */
void segment_area_each(const struct segment_area *area, void (*visit)(void *mapping, size_t bytes));

/* Unmaps all chunks; the area is then empty. Context: one thread, no other uses it. */
void segment_area_unmap(struct segment_area *area);

/* The number of the chunk that holds record `i`. Context: any. */
static inline uint32_t segment_area_chunk(const struct segment_area *area, uint32_t i)
{
    return 63 - (uint32_t)__builtin_clzll((uint64_t)(i >> area->first_shift) << 1 | 1);
}

/* Record `i`; NULL when it is not mapped (or beyond n_max). Context: any, async-signal-safe. */
static inline void *segment_area_at(const struct segment_area *area, uint32_t i)
{
    uintptr_t base = __atomic_load_n(&area->bases[segment_area_chunk(area, i)], __ATOMIC_ACQUIRE);
    return __builtin_expect(base != 0, 1) ? (void *)(base + i * area->record_bytes) : NULL;
}

/*
 * Record `i`, whose chunk is mapped first if need be, and those before it. NULL when that cannot
 * be: beyond n_max, no address space, or `may_grow` is false. Keeps errno.
 * Context: any thread, at the same time as others; async-signal-safe.
 */
void *segment_area_need(struct segment_area *area, uint32_t i);

#endif
