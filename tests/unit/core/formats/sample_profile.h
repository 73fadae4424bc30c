/*
 * A profile with everything in it that a snapshot has to carry.
 */
#ifndef PROFTOP_TESTS_SAMPLE_PROFILE_H
#define PROFTOP_TESTS_SAMPLE_PROFILE_H

#include "core/model/profile.h"

static inline uint32_t sample_function(struct profile *p, uint32_t module, const char *linkage,
                                       const char *name, const char *brief)
{
    return profile_function(p, &(struct function_spec){.module = module,
                                                       .linkage = linkage,
                                                       .name = name,
                                                       .brief = brief,
                                                       .file = "/src/app.cc",
                                                       .decl_line = 7});
}

static inline void sample_info(struct profile *p)
{
    p->info.command = profile_text(p, "./app --fast \"a b\"");
    p->info.host = profile_text(p, "box");
    p->info.engine = profile_text(p, "perf");
    p->info.start_time_ns = 1700000000123456789;
    p->info.duration_ns = 2500000000;
    p->info.rate_asked_hz = 997;
    p->info.rate_real_hz = 996.3141592653589793;
    p->info.samples = 4;
    p->info.lost = 1;
    p->info.truncated = 2;
    p->info.broken = 3;
    p->info.front_end_cpu_ns = 12345678;
    p->info.attached_pid = 100;
    p->info.wait_status = 11; /* SIGSEGV */
    g_ptr_array_add(p->notes, (gpointer)profile_text(p, "kernel time is not visible"));
    g_ptr_array_add(p->comments, (gpointer)profile_text(p, "command=not ours"));
}

static inline void sample_threads(struct profile *p)
{
    uint32_t app = profile_process_new(p, 100, PROFILE_NONE);
    profile_get_process(p, app)->name = profile_text(p, "app");
    uint32_t child = profile_process_new(p, 101, app);
    profile_get_process(p, child)->name = profile_text(p, "child of app");
    profile_get_process(p, child)->coverage = profile_text(p, "it is setuid");
    profile_get_process(p, child)->ended = true;
    profile_process_new(p, 101, app); /* the pid once more */
    profile_thread(p, app, 100);
    uint32_t idle = profile_thread(p, app, 105);
    profile_get_thread(p, idle)->name = profile_text(p, "idle one");
    profile_thread(p, child, 101);
    profile_thread(p, child + 1, 101);
}

/* Frames: an inlined pair, a nameless one, one nobody looked at, the kernel, JIT code, a mark. */
static inline void sample_frames(struct profile *p, uint32_t frames[6])
{
    uint32_t libc = profile_module(p, "/usr/lib/libc.so.6", "beef", MODULE_FILE);
    uint32_t app = profile_module(p, "/opt/app", "0123456789abcdef", MODULE_FILE);
    uint32_t kernel = profile_module(p, "[kernel]", NULL, MODULE_KERNEL);
    uint32_t jit = profile_module(p, "[anon]", NULL, MODULE_JIT);
    struct line inlined[] = {
        {.function = sample_function(p, app, "_Z1fIiEvv", "void f<int>()", "f<…>"), .line = 12},
        {.function = sample_function(p, app, "main", "main", "main"), .line = 99},
    };
    struct line entry = {.function = profile_function(
                             p, &(struct function_spec){.module = kernel, .name = "do_syscall"})};
    frames[0] = profile_frame(p, app, 0x1234);
    profile_resolve(p, frames[0], inlined, 2, 0);
    frames[1] = profile_frame(p, libc, 0x29d90);
    profile_resolve(p, frames[1], NULL, 0, 0x29d00);
    frames[2] = profile_frame(p, libc, 0x30000);
    frames[3] = profile_frame(p, kernel, UINT64_MAX);
    profile_resolve(p, frames[3], &entry, 1, 0);
    frames[4] = profile_frame(p, jit, 0x7f0000001000);
    profile_resolve(p, frames[4], NULL, 0, 0);
    frames[5] = profile_mark(p, "[truncated]");
}

static inline struct profile *sample_profile(void)
{
    struct profile *p = profile_new();
    uint32_t f[6];
    p->count_metric = profile_add_metric(p, "samples", "count");
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    sample_info(p);
    sample_threads(p);
    sample_frames(p, f);
    uint32_t deep = profile_stack(p, (uint32_t[]){f[3], f[2], f[0], f[1], f[5]}, 5);
    uint32_t shallow = profile_stack(p, (uint32_t[]){f[4], f[0]}, 2);
    profile_add(p, shallow, 0, 10, (int64_t[]){1, 1000000});
    profile_add(p, deep, 2, 20, (int64_t[]){2, 2000000});
    profile_add(p, shallow, 3, 30, (int64_t[]){1, 1003000});
    return p;
}

/* Every field of a site has a number of its own, but for ages, which are not always known. */
static inline void sample_site(struct heap_site *site, int64_t first)
{
    for (int i = 0; i < HEAP_COLUMNS; i++)
        site->values[i] = first + i;
    for (int i = 0; i < HEAP_SIZE_CLASSES; i++)
        site->sizes[i] = first + 100 + i;
    for (int i = 0; i < HEAP_LIFETIMES; i++)
        site->lifetimes[i] = first + 200 + i;
    site->sampled = first + 300;
    site->variance_bytes2 = (double)(first + 400);
}

/* A heap beside what sample_profile() has: in three processes, one of them in trouble. */
static inline void sample_heap(struct profile *p)
{
    uint32_t module = profile_module(p, "/opt/heap_only.so", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(p, module, 0x99);
    profile_resolve(p, frame, NULL, 0, 0x90); /* no sample has it */
    sample_site(heap_site_get(p->heap, profile_stack(p, &frame, 1), 0), 1000);
    struct heap_site *site = heap_site_get(p->heap, 0, 2);
    sample_site(site, 5000);
    site->youngest_ns = 0;
    site->oldest_ns = 77;
    heap_site_get(p->heap, 1, 1); /* all zero */
    heap_touch(p->heap);
    *heap_process_get(p->heap, 2) = (struct heap_process){.process = 2,
                                                          .mode = HEAP_SAMPLED,
                                                          .was_sampled = true,
                                                          .trouble = "",
                                                          .allocs = 1,
                                                          .alloc_bytes = 2,
                                                          .frees = 3,
                                                          .unknown_frees = 4,
                                                          .failed = 5,
                                                          .unrecorded = 6,
                                                          .early_allocs = 12,
                                                          .merged_stacks = 7,
                                                          .live_bytes = 8,
                                                          .live_blocks = 9,
                                                          .peak_bytes = INT64_MAX,
                                                          .peak_time_ns = 11};
    struct heap_process *troubled = heap_process_get(p->heap, 1);
    troubled->ended = true;
    troubled->trouble = profile_text(p, "it has an allocator of its own; 2 words");
    p->heap->moment_step_ns = 20000000;
    for (int64_t i = 0; i < 5; i++)
        heap_add_moment(p->heap, &(struct heap_moment){.time_ns = i * 20000000,
                                                       .live_bytes = i * 1000,
                                                       .rss_bytes = i ? i * 4096 : -1});
}

/* Every number of a record is one of its own. */
static inline void sample_record(struct call_record *record, int64_t first)
{
    record->stats = (struct call_stats){.calls = first + 5,
                                        .open = 2,
                                        .total_ns = first + 20,
                                        .self_ns = first + 10,
                                        .sum_ns = first + 30,
                                        .cost_ns = first + 40,
                                        .min_ns = first + 1,
                                        .max_ns = first + 50};
    for (int i = 0; i < CALLS_BUCKETS; i++)
        record->stats.buckets[i] = first + 100 + i;
}

/* Two frames of what programs count by name: of one module, without an address. */
static inline uint32_t sample_scope(struct profile *p, const char *name)
{
    uint32_t module = profile_module(p, PROFILE_MODULE_SCOPES, NULL, MODULE_SPECIAL);
    uint32_t frame = profile_frame_unique(p, module, 0);
    struct line line = {
        .function = profile_function(p, &(struct function_spec){.module = module, .name = name})};
    profile_resolve(p, frame, &line, 1, 0);
    return frame;
}

/* Calls beside what sample_profile() has: in three threads, one of them of many that ended. */
static inline void sample_calls(struct profile *p)
{
    uint32_t outer = sample_scope(p, "order"), inner = sample_scope(p, "pay; by card");
    uint32_t thread = profile_thread(p, 0, 0);
    profile_get_thread(p, thread)->name = profile_text(p, "several threads");
    sample_record(calls_record_get(p->calls, 0, 2, false), 1000);
    sample_record(calls_record_get(p->calls, profile_stack(p, &outer, 1), 0, false), 2000);
    calls_record_get(p->calls, 1, 1, false); /* all zero: it tells nothing */
    struct call_record *record =
        calls_record_get(p->calls, profile_stack(p, (uint32_t[]){inner, outer}, 2), thread, false);
    sample_record(record, 3000);
    record->is_recursive = true;
    record = calls_record_get(p->calls, 1, 0, false); /* a stack that has samples too */
    record->stats = (struct call_stats){.calls = 1, .open = 1, .total_ns = 7, .self_ns = 7};
    calls_touch(p->calls);
    *calls_process_get(p->calls, 2) = (struct calls_process){.process = 2,
                                                             .trouble = "",
                                                             .implicit_exits = 1,
                                                             .orphan_exits = 2,
                                                             .missed = 3,
                                                             .untimed = INT64_MAX,
                                                             .pair_ns = 23.1415926535897932};
    calls_process_get(p->calls, 0)->trouble = profile_text(p, "no room; 2 words");
    for (int64_t i = 0; i < 3; i++) {
        struct calls_mark mark = {.time_ns = i * i * 1000,
                                  .thread = (uint32_t)i,
                                  .text = profile_text(p, i ? "phase two" : "")};
        g_array_append_val(p->calls->marks, mark);
    }
    struct calls_counter *counter = calls_counter_get(p->calls, 1, profile_text(p, "queue length"));
    counter->value = -5;
    counter->min = INT64_MIN;
    counter->max = INT64_MAX;
    counter->updates = 9;
    calls_counter_get(p->calls, 0, profile_text(p, "queue length"))->value = 6;
    const struct line *line = profile_frame_lines(p, inner);
    g_hash_table_add(p->calls->counted, GUINT_TO_POINTER(line->function));
}

#endif
