/*
 * See calls_probe.h. Empty calls of functions that do not exist, through the real hooks, with a
 * state that belongs to no segment. The least of several batches is what the probes take when
 * nothing else happens.
 */
#include "collectors/target/calls_probe.h"

#include <stdbool.h>

#include "collectors/target/calls.h"
#include "collectors/target/calls_segment.h"
#include "collectors/target/calls_threads.h"

enum { BATCHES = 24, CALLS = 32 };

void proftop_own_enter_hook(void *function, void *call_site);
void proftop_own_exit_hook(void *function, void *call_site);

/* One empty call by each way. */
static void call_by_hook(void)
{
    proftop_own_enter_hook((void *)calls_probe_measure, NULL);
    proftop_own_exit_hook((void *)calls_probe_measure, NULL);
}

static void call_by_patch(void)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
    struct calls_entry entry = {
        .function = 2, .sp = sp, .way = WIRE_CALLS_BY_PATCH, .replaces_equal = true};
    if (calls_enter(&entry))
        calls_leave_at(sp);
}

static void call_by_scope(void)
{
    struct calls_entry entry = {
        .function = 1, .sp = (uintptr_t)__builtin_frame_address(0), .way = WIRE_CALLS_BY_SCOPE};
    if (calls_enter(&entry))
        calls_leave_scope();
}

static void (*const ways[WIRE_CALLS_WAYS])(void) = {
    [WIRE_CALLS_BY_HOOK] = call_by_hook,
    [WIRE_CALLS_BY_PATCH] = call_by_patch,
    [WIRE_CALLS_BY_SCOPE] = call_by_scope,
};

/* What the loop takes. */
static void call_nothing(void)
{
    __asm__ volatile("");
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void measure_batch(struct calls_thread *thread, void (*call)(void),
                          struct wire_calls_probe *probe)
{
    struct wire_calls_record *record = &thread->nowhere_record;
    uint64_t sum = record->sum, start = calls_ticks();
    for (int i = 0; i < CALLS; i++)
        call();
    probe->pair = least(probe->pair, (calls_ticks() - start) / CALLS);
    probe->inner = least(probe->inner, (record->sum - sum) / CALLS);
}

static struct wire_calls_probe measure(struct calls_thread *thread, void (*call)(void))
{
    struct wire_calls_probe probe = {UINT64_MAX, UINT64_MAX}, nothing = probe;
    for (int i = 0; i < BATCHES; i++) {
        measure_batch(thread, call, &probe);
        measure_batch(thread, call_nothing, &nothing);
    }
    probe.pair -= least(nothing.pair, probe.pair);
    return probe;
}

void calls_probe_measure(struct wire_calls_probe *ret_probes)
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
    for (int i = 0; i < WIRE_CALLS_WAYS; i++)
        if (ways[i])
            ret_probes[i] = measure(thread, ways[i]);
    calls_thread_own = own;
    calls_thread_free_scratch(thread);
}
