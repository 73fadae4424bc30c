/*
 * Samples out of a segment's pool of slots. The process that fills it is hostile: each slot is
 * copied first, checked in the copy, and given back.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_SLOTS_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_SLOTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/wire/wire.h"

/* A sample, checked. */
struct timer_sample {
    int tid;                /* as the process sees it; 0: it said nothing that makes sense */
    uint32_t thread_serial; /* tells threads of one tid apart */
    int64_t time_ns;        /* CLOCK_MONOTONIC, as the process says */
    int64_t cpu_ns;         /* of the thread since its timer was armed, >= 0 */
    uint64_t map_generation;
    uint64_t registers[WIRE_SAMPLE_REGISTERS];
    bool is_cut;         /* there is more stack */
    uint32_t stack_size; /* at most WIRE_SLOT_STACK_BYTES_MAX */
    uint8_t stack[];     /* from rsp upwards */
};

/* A pool as this side knows it. */
struct timer_slots {
    uint8_t *base; /* of the first slot, in the mapped segment */
    uint32_t n;
    uint32_t n_used; /* no slot from here on has ever held a sample, as far as was seen */
};

/*
 * Appends a struct timer_sample (free with g_free) to `samples` for each slot that is ready, and
 * frees the slot; each slot is looked at once at most. Returns how many those were.
 * @all  also looks at slots that were never used, each of which then takes up a page: for the
 *       process's end
 */
guint timer_slots_take(struct timer_slots *slots, bool all, GPtrArray *samples);

#endif
