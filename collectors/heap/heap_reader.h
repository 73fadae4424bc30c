/*
 * One process's heap: from its segment to sites in the profile.
 *
 * What the segment says is added up by differences, so that the images of a process that runs exec,
 * and libraries that come and go, share the sites of equal stacks.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_HEAP_HEAP_READER_H
#define PROFTOP_COLLECTORS_HEAP_HEAP_READER_H

#include "collectors/heap/heap_tap.h"
#include "core/session/ingest.h"

struct heap_reader;

/* What a reader needs to know about clocks. */
struct heap_clock {
    struct tsc_moment start; /* any moment by both clocks */
    double ticks_per_ns;
    int64_t run_start_ns; /* CLOCK_MONOTONIC: what peaks are counted from */
};

/* Takes the hello over. Its process is looked up in the profile now: it must have been told of. */
struct heap_reader *heap_reader_new(struct heap_hello *hello, const struct heap_layout *layout,
                                    struct ingest *ingest);

/* NULL is allowed; what the profile has stays. */
void heap_reader_free(struct heap_reader *reader);

/* The process's number, and its id in the profile. */
int heap_reader_pid(const struct heap_reader *reader);
/* Likewise. */
uint32_t heap_reader_process(const struct heap_reader *reader);

enum heap_extent {
    HEAP_CHANGED, /* rows that are marked as changed */
    HEAP_AT_PEAK, /* and, when there has been a new peak, what all others had then */
    HEAP_WHOLE,   /* all: a process that was killed may not have come to mark its last row */
};

/* Takes over what is new. Without the profile's lock. */
void heap_reader_update(struct heap_reader *reader, struct ingest *ingest,
                        const struct heap_clock *clock, enum heap_extent extent);

/* Ages of the live blocks, as of now, unless there are more than `most`. Without the profile's
 * lock.
 */
void heap_reader_look_at_blocks(struct heap_reader *reader, struct ingest *ingest,
                                const struct heap_clock *clock, uint32_t most);

/* The process runs another program now: what was live is gone with its memory. */
void heap_reader_end_image(struct heap_reader *reader, struct ingest *ingest);

/* It has ended: what is live has been leaked. */
void heap_reader_end(struct heap_reader *reader, struct ingest *ingest);

/* From now on. `sample_bytes`, the mean distance of samples, must be the same each time that the
 * mode is to be sampled. Nothing happens when its collector records no heap. */
void heap_reader_set_mode(struct heap_reader *reader, enum wire_heap_mode mode,
                          uint64_t sample_bytes);

/* Addresses of at most `n` live blocks, spread over the heap; returns how many. */
size_t heap_reader_addresses(const struct heap_reader *reader, uint64_t *ret_addresses, size_t n);

#endif
