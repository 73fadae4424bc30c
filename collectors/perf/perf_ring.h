/*
 * One perf_event ring buffer: mapped, read in place.
 *
 * Context of all: one thread at a time (the sampling thread, once it runs).
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_RING_H
#define PROFTOP_COLLECTORS_PERF_PERF_RING_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERF_RECORD_BYTES_MAX = 1 << 16 };

struct perf_ring {
    int fd; /* of the event that owns the ring; belongs to the caller */
    struct perf_event_mmap_page *page;
    const uint8_t *data;
    size_t size;         /* bytes, a power of two */
    uint64_t head, tail; /* what perf_ring_refresh saw; how far it has been read */
    uint8_t *straight;   /* a record that wraps around the end is copied here */
};

/* Maps a ring of `size` bytes (a power of two of pages) over event `fd`. 0, or -errno. */
int perf_ring_init(struct perf_ring *ring, int fd, size_t size);

/* Unmaps it; the event stays open. */
void perf_ring_clear(struct perf_ring *ring);

/* Takes note of what has come in. */
void perf_ring_refresh(struct perf_ring *ring);

/* The next record, or NULL when all that was there at the last refresh is read. Valid until
 * perf_ring_next. */
const struct perf_event_header *perf_ring_peek(struct perf_ring *ring);

/*
 * The record at position `*at` of the stream, taken or not, and moves `*at` to the next one; NULL
 * behind the last that was there at the last refresh. `*at` begins with ring->tail. Valid until the
 * next call of this or perf_ring_peek.
 */
const struct perf_event_header *perf_ring_look(const struct perf_ring *ring, uint64_t *at);

/* Gives the room of the record that perf_ring_peek returned back to the kernel. */
void perf_ring_next(struct perf_ring *ring);

#endif
