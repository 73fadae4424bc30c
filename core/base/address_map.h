/*
 * What is mapped where in one process, now: sorted ranges that do not overlap.
 *
 * The ingest thread owns one per process image and applies the kernel's mmap events in time order,
 * so that a library mapped over another's place takes it over from that moment on.
 *
 * Context: a map is used by one thread at a time; different maps are independent.
 */
#ifndef PROFTOP_CORE_BASE_ADDRESS_MAP_H
#define PROFTOP_CORE_BASE_ADDRESS_MAP_H

#include "core/base/elf_file.h"

struct mapping {
    uint64_t start, end;  /* [start, end) */
    uint64_t file_offset; /* of `start` */
    struct elf_file *elf; /* a reference; NULL: anonymous, JIT, unreadable */
    uint32_t module;      /* the profile's module id; belongs to the caller */
};

struct address_map;

/* An empty map. Context: any thread; a map is used by one thread at a time. */
struct address_map *address_map_new(void);

/* A deep copy, as fork makes one; takes new references to the files. */
struct address_map *address_map_copy(const struct address_map *map);

/* Drops its references to the files; NULL is allowed. */
void address_map_free(struct address_map *map);

/* Removes everything, as exec does. */
void address_map_clear(struct address_map *map);

/* Maps a range: cuts, splits or removes what was there. Takes its own reference to `mapping->elf`.
 * start < end. */
void address_map_insert(struct address_map *map, const struct mapping *mapping);

/* The mapping that holds `address`, or NULL. Valid until the next change. O(log n). */
const struct mapping *address_map_find(const struct address_map *map, uint64_t address);

/*
 * Address as linked of `address`, which lies in the mapping. false: the mapping has no file, or no
 * segment of its file holds that place. Context: any thread.
 */
bool mapping_vaddr(const struct mapping *mapping, uint64_t address, uint64_t *ret_vaddr);

/* Grows by one with each change: lets caches over the map notice. */
uint64_t address_map_generation(const struct address_map *map);

#endif
