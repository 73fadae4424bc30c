/*
 * What measures the heap, beside the CPU engine: the interface between the session and
 * collectors/heap.
 *
 * Context of all operations: sampling thread, start excepted.
 */
#ifndef PROFTOP_CORE_SESSION_HEAP_SOURCE_H
#define PROFTOP_CORE_SESSION_HEAP_SOURCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/heap.h"
#include "core/session/heap_policy.h"

struct coverage;
struct ingest;

struct heap_source_options {
    struct coverage *coverage; /* where the target's processes say hello */
    int only_pid;              /* 0: children too */
    enum heap_policy policy;
    double budget_percent; /* of the target's CPU time */
    int64_t start_ns;      /* of the run, CLOCK_MONOTONIC */
};

/* CPU time of the target so far, as the CPU engine has sampled it. */
struct heap_cpu_time {
    int64_t samples;
    int64_t target_ns;
    int64_t hooks_ns; /* of these, in the collector's own functions */
};

/* How the measurement goes. */
struct heap_source_status {
    enum heap_policy policy;
    enum heap_mode mode; /* of new processes, and of those that run */
    double cost_percent; /* of the hooks, of the target's CPU time, lately; < 0: not known */
};

struct heap_source_ops {
    /* Listens for processes from now on. Never NULL. Context: before the target runs. */
    void *(*start)(const struct heap_source_options *options);

    /* Takes note of the processes that have said hello. Before the CPU engine's drain, which tells
     * the profile of them, so that drain() finds them there. */
    void (*fetch)(void *source);

    /*
     * Takes what has changed in all segments over into the profile, without its lock.
     *
     * @cpu   for the budget
     * @last  the last call: everything, ages of live blocks included
     */
    void (*drain)(void *source, struct ingest *ingest, const struct heap_cpu_time *cpu, bool last);

    /* Another policy, for all processes. */
    void (*set_policy)(void *source, enum heap_policy policy);

    void (*get_status)(const void *source, struct heap_source_status *ret_status);

    /* Addresses of some live blocks of a process, spread over its heap; returns how many (at most
     * `n`). For telling an allocator's memory from other. */
    size_t (*block_addresses)(void *source, int pid, uint64_t *ret_addresses, size_t n);

    void (*stop)(void *source);
};

#endif
