/*
 * The events that are open, and the rings they write to.
 *
 * One ring per CPU: an inherited event can only write to the ring of its CPU. Each ring belongs to
 * an event on proftop itself that counts nothing, so that it outlives every thread of the target;
 * the events that sample are redirected into it.
 *
 * Context of all: one thread at a time (the sampling thread, once it runs).
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_EVENTS_H
#define PROFTOP_COLLECTORS_PERF_PERF_EVENTS_H

#include "collectors/perf/perf_clock.h"
#include "collectors/perf/perf_ring.h"

enum { PERF_STACK_BYTES_MOST = 63 << 10 }; /* a record is at most 64 KiB */

/* An event that we opened (children have copies of it). */
struct perf_event {
    int fd;  /* -1: retired; samples of it may still be in the rings */
    int tid; /* that it was opened for */
    uint64_t id;
    int which;
    uint64_t accounted_ns; /* of its count, in all tasks: by samples, and by what was left at their
                              ends */
};

struct perf_events {
    struct perf_clock_options clock;
    struct perf_ring *rings;
    int *cpus; /* of the rings */
    size_t n_cpus;
    GArray *all;       /* struct perf_event */
    GHashTable *by_id; /* event id -> its index in `all` + 1 */
    GRand *random;
    guint next_jitter; /* private: whose turn it is */
};

/*
 * Finds out what the kernel grants for events on `tid`: kernel frames, counters in samples; notes
 * it in `clock`. 0, or -errno when it grants nothing.
 */
int perf_events_find_features(struct perf_clock_options *clock, int tid);

/* No events yet. `clock` is copied. */
void perf_events_init(struct perf_events *events, const struct perf_clock_options *clock);

/* Closes everything. */
void perf_events_clear(struct perf_events *events);

/*
 * Opens the rings, the largest that the locked memory limit (perf_event_mlock_kb, RLIMIT_MEMLOCK)
 * grants. They belong to the calling thread, which must outlive them. 0, or -errno with nothing
 * open.
 */
int perf_events_open_rings(struct perf_events *events);

/* Opens both clocks on every CPU for one more task, disabled. 0, or -errno (-ESRCH: it has ended)
 * with none of them open. */
int perf_events_open_task(struct perf_events *events, int tid);

/* Switches events `first` and later on or off, in threads and children too. */
void perf_events_enable(struct perf_events *events, guint first, bool on);

/* Takes the first `n` events out of use: others have taken their place. */
void perf_events_retire(struct perf_events *events, guint n);

/* Closes and forgets all but the first `n`: they were opened in vain. */
void perf_events_forget(struct perf_events *events, guint n);

/* New periods for what we opened, and so for every thread and child to come: for all of it, or for
 * some in turn when it is much. */
void perf_events_jitter(struct perf_events *events);

/* The event that a sample or count came from; NULL: not one of ours. Valid until the next one is
 * opened. */
struct perf_event *perf_events_find(const struct perf_events *events, uint64_t id);

/* CPU time that the open events have counted and nobody has accounted for, ns. */
double perf_events_unaccounted_ns(const struct perf_events *events);

#endif
