/*
 * Exact calls for the small profile:
 *
 *   main (open) -> run -> sort -> hash   hash has no samples, sort is what a probe costs much of
 *                         copy
 *   main (open) -> walk -> copy          by the other thread
 */
#ifndef PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_CALLS_H
#define PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_CALLS_H

#include "tests/unit/tui/views/small_profile.h"

/* Calls of one path, all of the same duration. */
struct small_calls {
    int64_t calls, duration_ns, self_ns, cost_ns;
};

/* The record of that path by one of the threads: functions leaf first. */
static inline struct call_record *small_calls_record(struct small_profile *small, int thread,
                                                     const uint32_t *frames, size_t n)
{
    struct profile *p = small->profile;
    return calls_record_get(p->calls, profile_stack(p, frames, n), small->threads[thread], false);
}

static inline void small_calls_set(struct small_profile *small, struct call_record *record,
                                   const struct small_calls *to)
{
    record->stats = (struct call_stats){.calls = to->calls,
                                        .total_ns = to->calls * to->duration_ns,
                                        .self_ns = to->self_ns,
                                        .sum_ns = to->calls * to->duration_ns,
                                        .cost_ns = to->cost_ns,
                                        .min_ns = to->duration_ns / 2,
                                        .max_ns = to->duration_ns * 4};
    record->stats.buckets[calls_bucket(to->duration_ns / 2)] = to->calls / 4;
    record->stats.buckets[calls_bucket(to->duration_ns)] += to->calls - to->calls / 4 - 1;
    record->stats.buckets[calls_bucket(to->duration_ns * 4)] += 1;
    calls_touch(small->profile->calls);
}

/* The frame of `hash`, which no sample is in. */
static inline uint32_t small_calls_hash(struct small_profile *small)
{
    struct profile *p = small->profile;
    uint32_t module = profile_module(p, "/bin/small", "", MODULE_FILE);
    struct function_spec spec = {
        .module = module, .linkage = "hash", .name = "hash", .brief = "hash", .file = ""};
    struct line line = {.function = profile_function(p, &spec)};
    uint32_t frame = profile_frame(p, module, 0x7000);
    if (profile_get_frame(p, frame)->state == FRAME_NEW)
        profile_resolve(p, frame, &line, 1, 0);
    return frame;
}

/* One call that goes on. */
static inline void small_calls_open(struct small_profile *small, int thread, int64_t so_far_ns)
{
    struct call_record *record =
        small_calls_record(small, thread, (uint32_t[]){small->frames[SMALL_MAIN]}, 1);
    record->stats = (struct call_stats){
        .calls = 1, .open = 1, .total_ns = so_far_ns, .self_ns = so_far_ns / 100};
    calls_touch(small->profile->calls);
}

static inline void small_calls_fill(struct small_profile *small)
{
    const uint32_t *f = small->frames;
    uint32_t hash = small_calls_hash(small);
    small_calls_open(small, 0, INT64_C(5000000000));
    small_calls_open(small, 1, INT64_C(3000000000));
    small_calls_set(
        small, small_calls_record(small, 0, (uint32_t[]){f[SMALL_RUN], f[SMALL_MAIN]}, 2),
        &(struct small_calls){.calls = 20, .duration_ns = 200000000, .self_ns = 700000000});
    small_calls_set(
        small,
        small_calls_record(small, 0, (uint32_t[]){f[SMALL_SORT], f[SMALL_RUN], f[SMALL_MAIN]}, 3),
        &(struct small_calls){
            .calls = 1200000, .duration_ns = 50, .self_ns = 42000000, .cost_ns = 40000000});
    small_calls_set(
        small,
        small_calls_record(small, 0, (uint32_t[]){hash, f[SMALL_SORT], f[SMALL_RUN], f[SMALL_MAIN]},
                           4),
        &(struct small_calls){.calls = 3000, .duration_ns = 6000, .self_ns = 18000000});
    small_calls_set(
        small,
        small_calls_record(small, 0, (uint32_t[]){f[SMALL_COPY], f[SMALL_RUN], f[SMALL_MAIN]}, 3),
        &(struct small_calls){.calls = 40000, .duration_ns = 30000, .self_ns = 1200000000});
    small_calls_set(
        small, small_calls_record(small, 1, (uint32_t[]){f[SMALL_WALK], f[SMALL_MAIN]}, 2),
        &(struct small_calls){.calls = 500, .duration_ns = 3000000, .self_ns = 1400000000});
    small_calls_set(
        small,
        small_calls_record(small, 1, (uint32_t[]){f[SMALL_COPY], f[SMALL_WALK], f[SMALL_MAIN]}, 3),
        &(struct small_calls){.calls = 1000, .duration_ns = 100000, .self_ns = 100000000});
}

#endif
