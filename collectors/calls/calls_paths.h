/*
 * From the records of a segment to call paths: stacks of the profile.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_CALLS_PATHS_H
#define PROFTOP_COLLECTORS_CALLS_CALLS_PATHS_H

#include "collectors/calls/calls_tap.h"
#include "core/session/module_records.h"

struct calls_paths {
    const struct calls_hello *hello;
    struct module_records modules;
    GArray *frames;     /* uint32_t of the profile, by record; PROFILE_NONE: not made yet */
    GHashTable *scopes; /* frame of a scope, by its name: shared by all processes; borrowed */
};

/* All are borrowed. */
void calls_paths_init(struct calls_paths *paths, const struct calls_hello *hello,
                      GHashTable *scopes);

/* Frees what it holds. */
void calls_paths_clear(struct calls_paths *paths);

/* The profile's stack for a record: the function, and those around it. With the profile's lock. */
uint32_t calls_paths_get(struct calls_paths *paths, struct ingest *ingest, struct profile *profile,
                         uint32_t record);

/* The records of the process */
const struct wire_calls_record *calls_paths_records(const struct calls_paths *paths);

/* How many of them there are, as far as they can be. */
uint32_t calls_paths_n_records(const struct calls_paths *paths);

#endif
