/*
 * See scopes.h. To look a name up takes time as well, which calls_probe.c knows nothing of: it is
 * added to what a scope costs.
 */
#include "collectors/target/scopes.h"

#include <time.h>

#include "collectors/target/scope_names.h"
#include "collectors/target/segment_part.h"

enum { READINGS = 5, BATCHES = 16, LOOK_UPS = 32 };

/* Mapped once; a fork wipes it. */
static struct scopes *shared;

struct scopes *scopes_get(void)
{
    return shared && __atomic_load_n(&shared->calls, __ATOMIC_ACQUIRE) ? shared : NULL;
}

/* Both clocks are read between two readings of the first; the closest such pair is the best. */
struct scopes_moment scopes_now(void)
{
    struct scopes_moment best = {0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        struct timespec now = {0};
        uint64_t before = calls_ticks();
        if (before == 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
            return (struct scopes_moment){0};
        uint64_t width = calls_ticks() - before;
        if (width >= best_width)
            continue;
        best_width = width;
        best.ticks = before + width / 2;
        best.ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    }
    return best;
}

static void add_to_probe(struct calls *calls)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < BATCHES; i++) {
        uint64_t start = calls_ticks();
        for (int k = 0; k < LOOK_UPS; k++)
            scope_names_number(shared, SCOPES_NO_NAME);
        uint64_t took = calls_ticks() - start;
        least = took < least ? took : least;
    }
    calls->probes[WIRE_CALLS_BY_SCOPE].pair += least / LOOK_UPS;
    calls->wire->probes[WIRE_CALLS_BY_SCOPE] = calls->probes[WIRE_CALLS_BY_SCOPE];
}

void scopes_start(void)
{
    struct calls *calls = calls_get();
    if (!calls)
        return;
    if (!shared)
        shared = segment_private_map(sizeof *shared);
    if (!shared) {
        calls_note_trouble(calls, WIRE_CALLS_NO_ROOM);
        return;
    }
    shared->start = scopes_now();
    shared->n_names = 1;
    __atomic_store_n(&shared->calls, calls, __ATOMIC_RELEASE);
    if (calls_clock != CALLS_CLOCK_NONE)
        add_to_probe(calls);
}
