/*
 * The program or a library as it lies in memory, and what may be read of it without fear: what its
 * own program headers say is bounded by the mapping that the loader made.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_MAPPED_FILE_H
#define PROFTOP_COLLECTORS_TARGET_MAPPED_FILE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct dl_find_object;

struct mapped_file {
    uintptr_t start, end;
    uintptr_t bias;             /* address in memory less address as linked */
    const ElfW(Phdr) * headers; /* NULL: they are not where they use to be */
    uint32_t n_headers;
};

/* A part of it, readable from `from` to `to`. */
struct mapped_range {
    uintptr_t from, to;
};

/*
 * Looks for libc's function that finds the mapping of an address without a lock; libc has it since
 * 2.35, and to be linked to it would keep programs with an older one from starting. Returns whether
 * there is one. Context: constructor or fork handler.
 */
bool mapped_file_resolve(void);

/* What is mapped at `address`; false: nothing, or mapped_file_resolve() has found no function.
 * Context: any, async-signal-safe. */
bool mapped_file_find(uintptr_t address, struct dl_find_object *ret_found);

/* Describes what was found, by its own program headers. Context: any, async-signal-safe. */
void mapped_file_init(struct mapped_file *file, const struct dl_find_object *found);

/* The loaded segment that `address` lies in, as far as the file fills it; all of the mapping when
 * there are no headers; nothing when no segment has it. Context: any, async-signal-safe. */
struct mapped_range mapped_file_segment(const struct mapped_file *file, uintptr_t address);

/* Whether [at, at + bytes) is in the range. Context: any. */
static inline bool mapped_range_has(const struct mapped_range *range, uintptr_t at, uint64_t bytes)
{
    return at >= range->from && at <= range->to && bytes <= range->to - at;
}

#endif
