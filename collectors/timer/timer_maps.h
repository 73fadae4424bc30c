/*
 * What code is mapped where in a process that is not watched by the kernel for us: read from /proc
 * now and then, and how far a sample can be believed to be of what was read.
 *
 * Mapping more code is harmless: what is not known is read again. Unloading is not, as other code
 * may take the place, so the collector counts it (wire_sampler.map_generation) and every sample
 * carries the count.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_MAPS_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_MAPS_H

#include <glib.h>
#include <stdbool.h>

#include "collectors/timer/timer_slots.h"
#include "core/target/proc_maps.h"

/* No generation: a library was unloaded while the maps were read, or they were taken over from
 * elsewhere. */
#define TIMER_MAPS_UNSURE UINT64_MAX

struct timer_maps {
    GArray *ranges;      /* struct proc_map, its path its own, lowest address first */
    GArray *changed;     /* struct proc_map without path: where readings have differed */
    uint64_t generation; /* of `ranges`: with nothing being unloaded, or TIMER_MAPS_UNSURE */
};

/* Reads a process's ranges; NULL when that is not possible. Free with g_array_unref. Context: any
 * thread. */
GArray *timer_maps_read(int pid);

/* Nothing mapped. Context of this and the rest: one thread at a time. */
void timer_maps_init(struct timer_maps *maps);

/* Frees what it holds. */
void timer_maps_clear(struct timer_maps *maps);

/* A new image: `ranges` (a reference is taken) and no doubts. */
void timer_maps_begin(struct timer_maps *maps, GArray *ranges, uint64_t generation);

/* Takes over what a forked process has from its parent. Of what generation that is, is not known.
 */
void timer_maps_inherit(struct timer_maps *maps, const struct timer_maps *parent);

/* A new reading of the same image; a reference is taken. Returns whether it differs. */
bool timer_maps_update(struct timer_maps *maps, GArray *ranges, uint64_t generation);

/* Whether a sample of that generation saw what was read, but for what was mapped afterwards. */
bool timer_maps_is_of(const struct timer_maps *maps, uint64_t generation);

/*
 * For a sample of another generation: how many bytes of its stack can be believed, up to the first
 * address of code that changed; -1 when the sample itself was in such code.
 */
int64_t timer_maps_believable(const struct timer_maps *maps, const struct timer_sample *sample);

#endif
