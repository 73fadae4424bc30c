/*
 * Small profiles for tests: functions by name, stacks written outermost first.
 */
#ifndef PROFTOP_TESTS_MODEL_BUILDER_H
#define PROFTOP_TESTS_MODEL_BUILDER_H

#include <string.h>

#include "core/model/calltree.h"

static inline struct profile *builder_profile(void)
{
    struct profile *p = profile_new();
    p->count_metric = profile_add_metric(p, "samples", "count");
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    return p;
}

/* A resolved frame for a function of module "app". */
static inline uint32_t builder_frame(struct profile *p, const char *name)
{
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t function =
        profile_function(p, &(struct function_spec){.module = module, .name = name});
    uint32_t frame = profile_frame(p, module, 0x1000 + function * 16);
    if (profile_get_frame(p, frame)->state == FRAME_NEW) {
        struct line line = {.function = function};
        profile_resolve(p, frame, &line, 1, 0);
    }
    return frame;
}

/* A stack from words such as "main parse read". */
static inline uint32_t builder_stack(struct profile *p, const char *path)
{
    uint32_t frames[64];
    char **names = g_strsplit(path, " ", 64);
    size_t n = g_strv_length(names);
    for (size_t i = 0; i < n; i++)
        frames[n - 1 - i] = builder_frame(p, names[i]);
    g_strfreev(names);
    return profile_stack(p, frames, n);
}

/* One sample of `value` ns by thread `tid` of process `pid` at `time_ns`. */
static inline void builder_sample(struct profile *p, const char *path, int pid, int tid,
                                  int64_t time_ns, int64_t value)
{
    uint32_t thread = profile_thread(p, profile_process(p, pid), tid);
    profile_add(p, builder_stack(p, path), thread, time_ns, (int64_t[]){1, value});
}

/* The site of that stack in process `pid`: `allocs` blocks of `size` bytes, of which `live` are
 * left; its peak was when all were there. */
static inline struct heap_site *builder_site(struct profile *p, const char *path, int pid,
                                             int64_t allocs, int64_t size, int64_t live)
{
    uint32_t process = profile_process(p, pid);
    struct heap_site *site = heap_site_get(p->heap, builder_stack(p, path), process);
    site->values[HEAP_ALLOCS] = site->values[HEAP_PEAK_BLOCKS] = allocs;
    site->values[HEAP_ALLOC_BYTES] = site->values[HEAP_PEAK_BYTES] = allocs * size;
    site->values[HEAP_OWN_PEAK_BYTES] = allocs * size;
    site->values[HEAP_LIVE_BLOCKS] = live;
    site->values[HEAP_LIVE_BYTES] = live * size;
    heap_process_get(p->heap, process)->mode = HEAP_EXACT;
    heap_touch(p->heap);
    return site;
}

/* That many ended calls of the path's leaf by thread `tid` of process `pid`, each of which took
 * `self_ns` for itself and nothing for others; added to what is there. */
static inline struct call_record *builder_calls(struct profile *p, const char *path, int pid,
                                                int tid, int64_t calls, int64_t self_ns)
{
    uint32_t thread = profile_thread(p, profile_process(p, pid), tid);
    struct call_record *record = calls_record_get(p->calls, builder_stack(p, path), thread, false);
    struct call_stats more = {.calls = calls,
                              .total_ns = calls * self_ns,
                              .self_ns = calls * self_ns,
                              .sum_ns = calls * self_ns,
                              .min_ns = self_ns,
                              .max_ns = self_ns};
    more.buckets[calls_bucket(self_ns)] = calls;
    call_stats_add(&record->stats, &more);
    calls_touch(p->calls);
    return record;
}

/* Id of the function, by its name; PROFILE_NONE when there is none. */
static inline uint32_t builder_function(const struct profile *p, const char *name)
{
    for (uint32_t i = 0; i < p->functions->len; i++)
        if (strcmp(profile_get_function(p, i)->name, name) == 0)
            return i;
    return PROFILE_NONE;
}

static inline struct calltree_options builder_everything(void)
{
    return (struct calltree_options){.process = PROFILE_NONE, .thread = PROFILE_NONE};
}

#endif
