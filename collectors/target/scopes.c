/*
 * See scopes.h. To look a name up takes time as well, which calls_probe.c knows nothing of: so what
 * a scope costs is measured here once more, as a program has it.
 */
#include "collectors/target/scopes.h"

#include <sys/mman.h>
#include <time.h>

#include "collectors/target/calls_threads.h"
#include "collectors/target/scope_api.h"
#include "collectors/target/scope_names.h"
#include "collectors/target/scope_stats.h"

enum { READINGS = 5, BATCHES = 16, SCOPES = 32 };

/* Mapped once. */
static struct scopes *shared;

struct scopes *scopes_get(void)
{
    return shared && calls_get() ? shared : NULL;
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

/* Ticks of an empty scope. */
static uint64_t measure(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < BATCHES; i++) {
        uint64_t start = calls_ticks();
        for (int k = 0; k < SCOPES; k++)
            if (proftop_api_1.enter_scope(SCOPES_NO_NAME))
                proftop_api_1.leave_scope();
        uint64_t took = calls_ticks() - start;
        least = took < least ? took : least;
    }
    return least / SCOPES;
}

/* With a state that counts nowhere. */
static void correct_probe(struct calls *calls)
{
    static const uint32_t enabled = 1;
    struct calls_thread *own = calls_thread_own;
    struct calls_thread *thread =
        calls_clock == CALLS_CLOCK_NONE ? NULL : calls_thread_new_scratch(&enabled);
    if (!thread)
        return;
    calls_thread_own = thread;
    uint64_t pair = measure();
    calls_thread_own = own;
    calls_thread_free_scratch(thread);
    struct wire_calls_probe *probe = &calls->probes[WIRE_CALLS_BY_SCOPE];
    if (pair > probe->pair)
        probe->pair = pair;
    calls->wire->probes[WIRE_CALLS_BY_SCOPE] = *probe;
}

/* Zeroes; in a child the parent's are dropped. */
static bool map_zeroes(void)
{
    if (shared) {
        scope_stats_forget(shared);
        return madvise(shared, sizeof *shared, MADV_DONTNEED) == 0;
    }
    void *pages = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return false;
    madvise(pages, sizeof *shared, MADV_DONTDUMP);
    shared = pages;
    return true;
}

void scopes_start(void)
{
    struct calls *calls = calls_get();
    if (!calls)
        return;
    if (!map_zeroes()) {
        shared = NULL;
        calls_note_trouble(calls, WIRE_CALLS_NO_ROOM);
        return;
    }
    shared->calls = calls;
    shared->start = scopes_now();
    shared->n_names = 1;
    scope_names_make(shared, SCOPES_NO_NAME);
    correct_probe(calls);
}
