/*
 * A source of data: what every engine under collectors/ looks like to the session.
 */
#ifndef PROFTOP_CORE_SESSION_SOURCE_H
#define PROFTOP_CORE_SESSION_SOURCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct coverage;
struct ingest;

struct source_options {
    int pid;
    bool attached; /* it runs already; else it waits at launch_prepare, not yet exec'd */
    uint32_t rate_hz;
    bool children;
    struct coverage *coverage; /* where its processes say hello; NULL: launched without collector */
};

struct source_ops {
    const char *name;
    bool needs_collector;      /* what has no collector inside is not sampled */
    const char *why_unsampled; /* what is usually the reason when CPU time has no samples */

    /*
     * Can it run here, for this user and kind of target (pid and coverage are not known yet)? Adds
     * one line to `notes` (char *, owned) for each thing it will not see and how to permit it.
     * false: it can't, and the error says why and what would permit it.
     */
    bool (*probe)(const struct source_options *options, GPtrArray *notes, GError **error);

    /* Arms it for options->pid, to begin at its exec or, attached, now. NULL with an error. Then
     * all calls but describe come from the sampling thread. */
    void *(*start)(const struct source_options *options, GError **error);

    /*
     * Hands everything that came in to `ingest`, in order of time. Returns how many samples those
     * were.
     * @last  the last call: hold nothing back.
     */
    size_t (*drain)(void *source, struct ingest *ingest, bool last);

    /* Waits until it is worth draining, `wake_fd` becomes readable, or timeout_ms is over. */
    void (*wait)(void *source, int wake_fd, int timeout_ms);

    /* Switches sampling off or on for every thread it follows. */
    void (*set_enabled)(void *source, bool enabled);

    /* New rate, for all threads it follows and for those to come. */
    bool (*set_rate)(void *source, uint32_t rate_hz, GError **error);

    /* What it stands on, for the header: "perf", "perf, user only". */
    const char *(*describe)(const void *source);

    void (*stop)(void *source);
};

#endif
