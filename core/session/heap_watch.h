/*
 * The heap's part of a session: its source, what of it the status shows, and its size over time.
 *
 * Context, where nothing else is said: sampling thread, or the one that owns the session before it
 * runs.
 */
#ifndef PROFTOP_CORE_SESSION_HEAP_WATCH_H
#define PROFTOP_CORE_SESSION_HEAP_WATCH_H

#include "core/session/session.h"

struct heap_watch;

/* What it stands on; all borrowed. */
struct heap_watch_options {
    const struct session_options *session;
    struct coverage *coverage; /* NULL: nobody says hello */
    int pid;                   /* of the first process */
    int64_t start_ns;          /* of the run, CLOCK_MONOTONIC */
};

/*
 * Begins to listen for processes. NULL when there is nothing to listen to; the profile's heap then
 * says why.
 */
struct heap_watch *heap_watch_new(const struct heap_watch_options *options,
                                  struct profile *profile);

/* Ends the measurement; NULL is allowed. */
void heap_watch_free(struct heap_watch *watch);

/* Notes who has said hello; before the CPU engine's drain. NULL is allowed, here and below. */
void heap_watch_fetch(struct heap_watch *watch);

/* Takes over what has changed; after it. `last`: everything. */
void heap_watch_drain(struct heap_watch *watch, struct ingest *ingest, bool last);

/* Carries out what was asked for. */
void heap_watch_set_policy(struct heap_watch *watch, struct profile *profile,
                           enum heap_policy policy);

/* Once a second: fills the heap's part of `status`. With the session's lock. */
void heap_watch_update(struct heap_watch *watch, const struct profile *profile, int64_t now_ns,
                       struct session_status *status);

/*
 * What the resident memory of the processes consists of: at most 32 of them, and less often where
 * it takes long, since it holds up a process that is just mapping memory. false: not now.
 */
bool heap_watch_read_memory(struct heap_watch *watch, const GArray *pids, int64_t now_ns,
                            struct memory_use *ret_use);

#endif
