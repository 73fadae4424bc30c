/*
 * What counts calls, beside the CPU engine: the interface between the session and
 * collectors/calls.
 *
 * Context of all operations: sampling thread, start excepted.
 */
#ifndef PROFTOP_CORE_SESSION_CALLS_SOURCE_H
#define PROFTOP_CORE_SESSION_CALLS_SOURCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/session/calls_filter.h"
#include "core/unwind/unwinder.h"

struct coverage;
struct ingest;

/* What is counted. Functions that were asked for by name or key are unless it is off. */
enum calls_policy {
    CALLS_POLICY_OFF,  /* nothing */
    CALLS_POLICY_AUTO, /* what calls the collector by itself: -finstrument-functions, proftop.h */
    CALLS_POLICY_ALL,  /* and all functions with patchable entries */
};

struct calls_source_options {
    struct coverage *coverage; /* where the target's processes say hello */
    int only_pid;              /* 0: children too */
    enum calls_policy policy;
    const struct calls_filter *filter; /* of functions to be patched from the start; NULL: none.
                                          Borrowed as long as the source lives */
    int wake_fd;      /* an eventfd: written when a process waits for its code to be changed */
    int64_t start_ns; /* of the run, CLOCK_MONOTONIC */
};

/* How it goes. */
struct calls_source_status {
    enum calls_policy policy;
    uint32_t n_patched;       /* functions whose code is changed now, in all processes */
    uint32_t n_refused;       /* that were asked for and cannot be, so far */
    const char *last_refusal; /* "NAME: why"; valid until the next call; NULL */
};

struct calls_source_ops {
    /* Listens for processes from now on. Never NULL. Context: before the target runs. */
    void *(*start)(const struct calls_source_options *options);

    /* Takes note of the processes that have said hello. Before the CPU engine's drain, which tells
     * the profile of them, so that drain() finds them there. */
    void (*fetch)(void *source);

    /* Takes what has changed in all segments over into the profile, without its lock. `last`: the
     * last call: open calls too are as they were at the end. */
    void (*drain)(void *source, struct ingest *ingest, bool last);

    /* Counts something else from now on. */
    void (*set_policy)(void *source, enum calls_policy policy);

    /* Counts a function of the profile by itself from now on, or no longer: in all processes that
     * have it. What cannot be done is noted, see get_status. */
    void (*set_function)(void *source, struct ingest *ingest, uint32_t function, bool on);

    void (*get_status)(const void *source, struct calls_source_status *ret_status);

    /* For unwinding: what a thread's changed return addresses were. `ret_hijack` is left alone when
     * there are none; else it holds until the next call. */
    void (*get_hijack)(void *source, int pid, int tid, struct unwind_hijack *ret_hijack);

    void (*stop)(void *source);
};

#endif
