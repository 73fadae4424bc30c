/*
 * What proftop.h needs in the target: what is shared by its parts, private to the process.
 *
 *   scope_api.c       the table of functions that programs find
 *   scopes.c          starts
 *   scope_names.c     names of scopes, and their numbers
 *   scope_marks.c     marked moments
 *   scope_counters.c  what the program counts by itself
 *   scope_allocs.c    what a block of code allocates, and blocks of the program's own allocators
 *   scope_stats.c     what the program asks for about its scopes
 *
 * Calls of scopes are counted as those of functions are: calls.h.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPES_H
#define PROFTOP_COLLECTORS_TARGET_SCOPES_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/calls_segment.h"
#include "core/wire/wire_calls.h"

enum {
    SCOPES_NAMES_MAX = 1 << 14,
    SCOPES_TEXTS = 2 * SCOPES_NAMES_MAX,
    SCOPES_RECENT = 1 << 12,
};

/* That of a scope that has been given none. */
#define SCOPES_NO_NAME "(no name)"

/* Of a counter: whether it has its name. */
enum scopes_counter_state { SCOPES_NO_COUNTER, SCOPES_NAMING_COUNTER, SCOPES_COUNTER };

/* A moment by both clocks. */
struct scopes_moment {
    uint64_t ticks, ns;
};

struct scope_sums;

/*
 * Children inherit it, but it is of no use to them: as long as there are no calls there are no
 * scopes, and then it begins anew. So a child that is forked in a signal handler, in the midst of
 * what is here, finds nothing gone when it goes on with that. What touches the segment has the
 * guard of calls_fast.h set for the same reason.
 */
struct scopes {
    struct calls *calls;
    struct scopes_moment start;
    uint32_t n_names;               /* handed out, maybe more than there is room for */
    uint32_t n_marks;               /* likewise */
    uint32_t stats_lock;            /* 1: somebody adds up */
    uint32_t n_reset;               /* of `reset` */
    struct scope_sums *reset;       /* by name: at the last proftop_reset(); NULL: none */
    uint64_t recent[SCOPES_RECENT]; /* numbers by where the text lay */
    uint32_t texts[SCOPES_TEXTS];   /* numbers by what it says; open addressing, 0: free */
    uint32_t counter_states[WIRE_CALLS_COUNTERS];      /* enum scopes_counter_state */
    char names[SCOPES_NAMES_MAX][WIRE_CALLS_NAME_MAX]; /* as in the segment */
};

/* Starts, when calls are counted; after calls_start(). May change errno. Context: constructor or
 * fork handler. */
void scopes_start(void);

/* NULL: nothing is counted in this process. Context: any, async-signal-safe. */
struct scopes *scopes_get(void);

/* Now. ns is 0 when the clock must not be read. Context: any thread, async-signal-safe. */
struct scopes_moment scopes_now(void);

#endif
