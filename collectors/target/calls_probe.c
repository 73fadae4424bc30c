/*
 * See calls_probe.h. Empty calls of functions that do not exist, through the real hooks, with a
 * state that belongs to no segment. The least of several batches is what the probes take when
 * nothing else happens: one call after the other, and calls within calls, of which a processor can
 * do more at the same time.
 */
#include "collectors/target/calls_probe.h"

#include <stdbool.h>
#include <stddef.h>

#include "collectors/target/calls.h"
#include "collectors/target/calls_segment.h"
#include "collectors/target/calls_threads.h"
#include "collectors/target/patch_entry.h"

enum { BATCHES = 16, CALLS = 32, DEPTH = 4, FRAME_BYTES = 64 };

void proftop_own_enter_hook(void *function, void *call_site);
void proftop_own_exit_hook(void *function, void *call_site);

/* How a call is entered and left whose frame is there. */
struct way {
    void (*enter)(uintptr_t sp);
    void (*leave)(uintptr_t sp);
};

static void enter_by_hook(uintptr_t sp)
{
    (void)sp;
    proftop_own_enter_hook((void *)calls_probe_measure, NULL);
}

static void leave_by_hook(uintptr_t sp)
{
    (void)sp;
    proftop_own_exit_hook((void *)calls_probe_measure, NULL);
}

/* It returns through the trampoline. */
static void call_patched(uintptr_t sp)
{
    (void)sp;
    patch_entry_empty();
}

static void enter_by_scope(uintptr_t sp)
{
    struct calls_entry entry = {.function = 1, .sp = sp, .way = WIRE_CALLS_BY_SCOPE};
    calls_enter(&entry);
}

static void leave_by_scope(uintptr_t sp)
{
    (void)sp;
    calls_leave_scope();
}

/* What all this takes without a hook. */
static void do_nothing(uintptr_t sp)
{
    __asm__ volatile("" ::"r"(sp));
}

static const struct way ways[WIRE_CALLS_WAYS] = {
    [WIRE_CALLS_BY_HOOK] = {enter_by_hook, leave_by_hook},
    [WIRE_CALLS_BY_PATCH] = {call_patched, do_nothing},
    [WIRE_CALLS_BY_SCOPE] = {enter_by_scope, leave_by_scope},
};

static const struct way nothing = {do_nothing, do_nothing};

static void call(const struct way *way, int depth)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
    for (int i = 0; i < depth; i++)
        way->enter(sp - (uintptr_t)i * FRAME_BYTES);
    for (int i = depth - 1; i >= 0; i--)
        way->leave(sp - (uintptr_t)i * FRAME_BYTES);
}

/* Ticks of a call, of so many at that depth. */
static uint64_t measure_batch(const struct way *way, int depth)
{
    uint64_t start = calls_ticks();
    for (int i = 0; i < CALLS; i += depth)
        call(way, depth);
    return (calls_ticks() - start) / CALLS;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t measure_pair(const struct way *way, int depth)
{
    uint64_t pair = UINT64_MAX, rest = UINT64_MAX;
    for (int i = 0; i < BATCHES; i++) {
        pair = least(pair, measure_batch(way, depth));
        rest = least(rest, measure_batch(&nothing, depth));
    }
    return pair - least(rest, pair);
}

/* What the hooks themselves see, when calls come one after the other. */
static uint64_t measure_inner(struct calls_thread *thread, const struct way *way)
{
    struct wire_calls_record *record = &thread->nowhere_record;
    uint64_t inner = UINT64_MAX;
    for (int i = 0; i < BATCHES; i++) {
        uint64_t sum = record->sum;
        measure_batch(way, 1);
        inner = least(inner, (record->sum - sum) / CALLS);
    }
    return inner;
}

void calls_probe_measure(struct wire_calls_probe *ret_probes, bool has_code)
{
    static const uint32_t enabled = 1;
    struct calls_thread *own = calls_thread_own;
    for (int i = 0; i < WIRE_CALLS_WAYS; i++)
        ret_probes[i] = (struct wire_calls_probe){0, 0};
    struct calls_thread *thread =
        calls_clock == CALLS_CLOCK_NONE ? NULL : calls_thread_new_scratch(&enabled);
    if (!thread)
        return;
    calls_thread_own = thread;
    for (int i = 0; i < WIRE_CALLS_WAYS; i++) {
        if (i == WIRE_CALLS_BY_PATCH && !has_code)
            continue;
        ret_probes[i].inner = measure_inner(thread, &ways[i]);
        ret_probes[i].pair = least(measure_pair(&ways[i], 1), measure_pair(&ways[i], DEPTH));
    }
    calls_thread_own = own;
    calls_thread_free_scratch(thread);
}
