/*
 * One process's calls: from its segment to records in the profile.
 *
 * What the segment says is added up by differences, so that the images of a process that runs exec
 * share the records of equal paths. Calls that have not ended are added with their time so far,
 * which is taken off again at the next update.
 *
 * Context: sampling thread.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_CALLS_READER_H
#define PROFTOP_COLLECTORS_CALLS_CALLS_READER_H

#include "collectors/calls/calls_tap.h"
#include "core/session/ingest.h"

struct calls_reader;

/* What readers share. */
struct calls_reader_options {
    struct tsc_moment start; /* any moment by both clocks */
    enum wire_calls_clock clock;
    double ticks_per_ns;  /* 1 with WIRE_CALLS_MONOTONIC */
    int64_t run_start_ns; /* CLOCK_MONOTONIC: what marks are counted from */
    GHashTable *scopes;   /* see struct calls_paths */
};

/* Takes the hello over; the options are borrowed. Its process is looked up in the profile now: it
 * must have been told of. */
struct calls_reader *calls_reader_new(struct calls_hello *hello,
                                      const struct calls_reader_options *options,
                                      struct ingest *ingest);

/* NULL is allowed; what the profile has stays. */
void calls_reader_free(struct calls_reader *reader);

/* The process's id in the profile. */
uint32_t calls_reader_process(const struct calls_reader *reader);

/*
 * Takes over what is new. Without the profile's lock.
 *
 * @ended  the process has: what is open ended with it
 */
void calls_reader_update(struct calls_reader *reader, struct ingest *ingest, bool ended);

#endif
