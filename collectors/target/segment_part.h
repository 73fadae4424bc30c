/*
 * Mapping parts of a segment that have a fixed size, from its descriptor, while a collector starts.
 * Parts stay out of children and of core files. (segment_area.h: those that grow.)
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SEGMENT_PART_H
#define PROFTOP_COLLECTORS_TARGET_SEGMENT_PART_H

#include <stdbool.h>
#include <stdint.h>

/* The segment as it is being mapped. */
struct segment_file {
    int fd;
    uint64_t bytes;
};

/* Asks the kernel how large the segment is. Changes errno. Context: constructor or fork handler. */
bool segment_file_init(struct segment_file *file, int fd);

/* What a part of so many bytes takes: whole pages. Context: any. */
uint64_t segment_part_bytes(uint64_t bytes);

/*
 * Maps a part for reading and writing. NULL: it is not within the segment, or memory is short.
 *
 * @offset  from the segment's start; whole pages, behind its head
 * @bytes   rounded up to whole pages
 * Changes errno. Context: constructor or fork handler.
 */
void *segment_part_map(const struct segment_file *file, uint64_t offset, uint64_t bytes);

/* Unmaps it; `part` may be NULL. Changes errno. Context: constructor or fork handler. */
void segment_part_unmap(void *part, uint64_t bytes);

/* Zeroes for a state of our own, which neither children nor core files get. NULL: no memory.
 * Changes errno. Context: any thread, async-signal-safe. */
void *segment_private_map(uint64_t bytes);

#endif
