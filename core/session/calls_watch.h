/*
 * The calls' part of a session: its source, what people ask of it, what of it the status shows.
 *
 * Context, where nothing else is said: sampling thread, or the one that owns the session before it
 * runs. NULL is allowed as watch everywhere: then nothing happens.
 */
#ifndef PROFTOP_CORE_SESSION_CALLS_WATCH_H
#define PROFTOP_CORE_SESSION_CALLS_WATCH_H

#include "core/session/session.h"

struct calls_watch;

/* What it stands on; all borrowed. */
struct calls_watch_options {
    const struct session_options *session;
    struct coverage *coverage; /* NULL: nobody says hello */
    int pid;                   /* of the first process */
    int wake_fd;               /* an eventfd that wakes the sampling thread */
    int64_t start_ns;          /* of the run, CLOCK_MONOTONIC */
};

/* Begins to listen for processes. NULL when there is nothing to listen to; the profile's calls then
 * say why. */
struct calls_watch *calls_watch_new(const struct calls_watch_options *options,
                                    struct profile *profile);

/* Ends the measurement. */
void calls_watch_free(struct calls_watch *watch);

/* Notes who has said hello, and changes code that is to be changed before it begins; before the CPU
 * engine's drain. */
void calls_watch_fetch(struct calls_watch *watch);

/* Carries out what was asked for and takes over what has changed; after it. `last`: everything. */
void calls_watch_drain(struct calls_watch *watch, struct ingest *ingest, bool last);

/* Asks for another policy. Context: any thread, with the session's lock. */
void calls_watch_ask_policy(struct calls_watch *watch, enum calls_policy policy);

/* Asks for a function to be counted, or no longer. Context: likewise. */
void calls_watch_ask_function(struct calls_watch *watch, uint32_t function, bool on);

/* Fills the calls' part of `status`. With the session's lock. */
void calls_watch_update(struct calls_watch *watch, struct profile *profile,
                        struct session_status *status);

/* For unwinding: what a thread's changed return addresses were; see calls_source_ops. `watch` is a
 * struct calls_watch. */
void calls_watch_get_hijack(void *watch, int pid, int tid, struct unwind_hijack *ret_hijack);

#endif
