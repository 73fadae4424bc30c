/*
 * See heap_source.h. Segments are read while their processes run, and once more after their end:
 * what a killed process had live is there until then.
 */
#include "collectors/heap/heap_source.h"

#include "collectors/heap/heap_reader.h"
#include "core/session/coverage.h"

enum {
    SECOND_NS = 1000000000,
    BLOCKS_OFTEN = 200000,     /* that are looked at once a second; with more, at the end only */
    CREDIT_CPU_NS = SECOND_NS, /* of the target: a budget of this is there from the start, so
                                  that no run is judged by how it begins */
    BUDGET_SAMPLES = 100, /* the least over which a share is taken: one of 5 % is then known to 2 */
};

/*
 * Mean distance of samples, in allocated bytes. A figure of B bytes is known to about the root of B
 * times this, so the smaller the better; but each sample costs a walk of the stack. What a program
 * allocates in a second of CPU time is taken as so many samples, which cost it about 0.1 %.
 */
#define SAMPLES_PER_SECOND 4000
#define SAMPLE_BYTES_LEAST (UINT64_C(32) << 10)
#define SAMPLE_BYTES_USUAL (UINT64_C(512) << 10) /* while nothing is known of the program */
#define SAMPLE_BYTES_MOST  (UINT64_C(1) << 20)

struct heap_source {
    struct heap_tap tap;
    struct heap_clock clock;
    GPtrArray *hellos;  /* struct heap_hello that the profile may not know of yet */
    GPtrArray *readers; /* struct heap_reader, oldest first */
    enum heap_policy policy;
    enum heap_mode mode;
    uint64_t sample_bytes; /* fixed once it is used: weights of blocks go by it */
    bool has_sampled;
    double budget_percent;
    struct heap_cpu_time seen; /* when the cost was looked at last */
    double cost_percent;       /* < 0: unknown */
    int64_t next_round_ns;
};

static enum heap_mode first_mode(enum heap_policy policy)
{
    switch (policy) {
    case HEAP_POLICY_OFF:
        return HEAP_OFF;
    case HEAP_POLICY_SAMPLED:
        return HEAP_SAMPLED;
    default:
        return HEAP_EXACT;
    }
}

static enum wire_heap_mode wire_mode(enum heap_mode mode)
{
    switch (mode) {
    case HEAP_EXACT:
        return WIRE_HEAP_EXACT;
    case HEAP_SAMPLED:
        return WIRE_HEAP_SAMPLED;
    default:
        return WIRE_HEAP_OFF;
    }
}

static void free_reader(gpointer reader)
{
    heap_reader_free(reader);
}

static void free_hello(gpointer hello)
{
    heap_hello_free(hello);
}

static void set_mode(struct heap_source *s, enum heap_mode mode)
{
    s->mode = mode;
    s->has_sampled |= mode == HEAP_SAMPLED;
    heap_tap_set_mode(&s->tap, wire_mode(mode), s->sample_bytes);
    for (guint i = 0; i < s->readers->len; i++)
        heap_reader_set_mode(g_ptr_array_index(s->readers, i), wire_mode(mode), s->sample_bytes);
}

static void *heap_start(const struct heap_source_options *options)
{
    struct heap_source *s = g_new0(struct heap_source, 1);
    s->policy = options->policy;
    s->budget_percent = options->budget_percent;
    s->cost_percent = -1;
    s->hellos = g_ptr_array_new_with_free_func(free_hello);
    s->readers = g_ptr_array_new_with_free_func(free_reader);
    s->sample_bytes = SAMPLE_BYTES_USUAL;
    heap_tap_init(&s->tap, coverage_listener(options->coverage), options->only_pid);
    set_mode(s, first_mode(options->policy));
    s->clock = (struct heap_clock){.start = s->tap.start, .run_start_ns = options->start_ns};
    return s;
}

/* Whatever it recorded in segments stays there. */
static void heap_stop(void *source)
{
    struct heap_source *s = source;
    set_mode(s, HEAP_OFF);
    heap_tap_clear(&s->tap);
    g_ptr_array_unref(s->hellos);
    g_ptr_array_unref(s->readers);
    g_free(s);
}

static void heap_fetch(void *source)
{
    struct heap_source *s = source;
    GPtrArray *hellos = heap_tap_fetch(&s->tap);
    g_ptr_array_extend_and_steal(s->hellos, hellos);
}

/* ---- processes that begin and end ---- */

/* Another program in a process that is known: its first program's heap is history. */
static void replace_image(struct heap_source *s, struct ingest *ingest, int pid)
{
    for (guint i = s->readers->len; i-- > 0;) {
        struct heap_reader *reader = g_ptr_array_index(s->readers, i);
        if (heap_reader_pid(reader) != pid)
            continue;
        heap_reader_update(reader, ingest, &s->clock, HEAP_WHOLE);
        heap_reader_end_image(reader, ingest);
        g_ptr_array_remove_index(s->readers, i);
    }
}

static void begin_all(struct heap_source *s, struct ingest *ingest)
{
    while (s->hellos->len > 0) {
        struct heap_hello *hello = g_ptr_array_steal_index(s->hellos, 0);
        if (!hello->process->is_forked)
            replace_image(s, ingest, hello->process->pid);
        struct heap_reader *reader = heap_reader_new(hello, &s->tap.layout, ingest);
        /* it may have changed since the process was let on */
        heap_reader_set_mode(reader, wire_mode(s->mode), s->sample_bytes);
        g_ptr_array_add(s->readers, reader);
    }
}

static bool has_ended(struct ingest *ingest, const struct heap_reader *reader)
{
    const struct profile *profile = ingest_lock(ingest);
    bool ended = profile_get_process(profile, heap_reader_process(reader))->ended;
    ingest_unlock(ingest);
    return ended;
}

static void end_gone(struct heap_source *s, struct ingest *ingest)
{
    for (guint i = s->readers->len; i-- > 0;) {
        struct heap_reader *reader = g_ptr_array_index(s->readers, i);
        if (!has_ended(ingest, reader))
            continue;
        heap_reader_update(reader, ingest, &s->clock, HEAP_WHOLE);
        heap_reader_look_at_blocks(reader, ingest, &s->clock, UINT32_MAX);
        heap_reader_end(reader, ingest);
        g_ptr_array_remove_index(s->readers, i);
    }
}

/* Processes without the collector: why, instead of nothing. */
static void note_uncovered(struct ingest *ingest)
{
    struct profile *profile = ingest_lock(ingest);
    for (uint32_t i = 0; i < profile->processes->len; i++) {
        const char *coverage = profile_get_process(profile, i)->coverage;
        if (*coverage && !heap_process_find(profile->heap, i))
            heap_process_get(profile->heap, i)->trouble = coverage;
    }
    ingest_unlock(ingest);
}

/* ---- the budget ---- */

static void note_switch(const struct heap_source *s, struct ingest *ingest)
{
    char *note = g_strdup_printf(
        "allocations are sampled since %.1f s: recording each one took %.0f %% of the CPU time, "
        "more than the budget of %g %% (see --budget and --memory=exact)",
        (double)(g_get_monotonic_time() * 1000 - s->clock.run_start_ns) / SECOND_NS,
        s->cost_percent, s->budget_percent);
    ingest_note(ingest, note);
    g_free(note);
}

/* While no block has a weight yet, the distance of samples may be made to fit the program. */
static void fit_samples(struct heap_source *s, struct ingest *ingest, int64_t target_ns)
{
    struct heap_totals totals;
    if (s->has_sampled || target_ns < CREDIT_CPU_NS / 10)
        return;
    heap_get_totals(ingest_lock(ingest)->heap, PROFILE_NONE, &totals);
    ingest_unlock(ingest);
    double per_second = (double)totals.alloc_bytes / (double)target_ns * SECOND_NS;
    uint64_t bytes = (uint64_t)(per_second / SAMPLES_PER_SECOND);
    s->sample_bytes = CLAMP(bytes, SAMPLE_BYTES_LEAST, SAMPLE_BYTES_MOST);
}

static void keep_budget(struct heap_source *s, struct ingest *ingest,
                        const struct heap_cpu_time *cpu)
{
    double budget_ns = s->budget_percent / 100 * (double)(cpu->target_ns + CREDIT_CPU_NS);
    if (cpu->samples - s->seen.samples < BUDGET_SAMPLES || cpu->target_ns <= s->seen.target_ns)
        return;
    s->cost_percent = 100 * (double)(cpu->hooks_ns - s->seen.hooks_ns) /
                      (double)(cpu->target_ns - s->seen.target_ns);
    s->seen = *cpu;
    fit_samples(s, ingest, cpu->target_ns);
    if (s->policy == HEAP_POLICY_AUTO && s->mode == HEAP_EXACT &&
        s->cost_percent > s->budget_percent && (double)cpu->hooks_ns > budget_ns) {
        note_switch(s, ingest);
        set_mode(s, HEAP_SAMPLED);
    }
}

/* ---- the session's calls ---- */

static void heap_drain(void *source, struct ingest *ingest, const struct heap_cpu_time *cpu,
                       bool last)
{
    struct heap_source *s = source;
    int64_t now_ns = g_get_monotonic_time() * 1000;
    bool is_round = last || now_ns >= s->next_round_ns;
    enum heap_extent extent = last ? HEAP_WHOLE : is_round ? HEAP_AT_PEAK : HEAP_CHANGED;
    if (s->hellos->len > 0 && s->clock.ticks_per_ns == 0)
        s->clock.ticks_per_ns = heap_tap_ticks_per_ns(&s->tap);
    begin_all(s, ingest);
    end_gone(s, ingest);
    for (guint i = 0; i < s->readers->len; i++)
        heap_reader_update(g_ptr_array_index(s->readers, i), ingest, &s->clock, extent);
    keep_budget(s, ingest, cpu);
    if (!is_round)
        return;
    s->next_round_ns = now_ns + SECOND_NS;
    note_uncovered(ingest);
    for (guint i = 0; i < s->readers->len; i++)
        heap_reader_look_at_blocks(g_ptr_array_index(s->readers, i), ingest, &s->clock,
                                   last ? UINT32_MAX : BLOCKS_OFTEN);
}

static void heap_set_policy(void *source, enum heap_policy policy)
{
    struct heap_source *s = source;
    s->policy = policy;
    set_mode(s, first_mode(policy));
}

static void heap_get_status(const void *source, struct heap_source_status *ret_status)
{
    const struct heap_source *s = source;
    *ret_status = (struct heap_source_status){
        .policy = s->policy, .mode = s->mode, .cost_percent = s->cost_percent};
}

static size_t heap_block_addresses(void *source, int pid, uint64_t *ret_addresses, size_t n)
{
    const struct heap_source *s = source;
    for (guint i = s->readers->len; i-- > 0;) {
        const struct heap_reader *reader = g_ptr_array_index(s->readers, i);
        if (heap_reader_pid(reader) == pid)
            return heap_reader_addresses(reader, ret_addresses, n);
    }
    return 0;
}

const struct heap_source_ops heap_source_ops = {
    .start = heap_start,
    .fetch = heap_fetch,
    .drain = heap_drain,
    .set_policy = heap_set_policy,
    .get_status = heap_get_status,
    .block_addresses = heap_block_addresses,
    .stop = heap_stop,
};
