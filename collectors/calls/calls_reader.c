/* See calls_reader.h. Everything in the segment is hostile: it is copied first, and what comes out
 * of a copy is clamped. */
#include "collectors/calls/calls_reader.h"

#include <math.h>
#include <string.h>

#include "collectors/calls/calls_paths.h"
#include "collectors/calls/open_calls.h"
#include "core/base/sum.h"
#include "core/model/calls.h"

enum {
    RECORDS_AT_ONCE = 1000, /* under one hold of the lock */
    THREADS_MAX = 20000,    /* of one process that get rows of their own */
};

_Static_assert((int)CALLS_LAYOUT_MARKS <= (int)CALLS_MARKS_MAX,
               "a profile has room for a process's marks");

/* More than any program has: 146 years in nanoseconds. */
#define VALUE_MAX (INT64_MAX >> 1)

/* Figures of a record that are added up. */
struct figures {
    int64_t calls, open, total_ns, self_ns, sum_ns, cost_ns;
};

/* What the profile has of a record. */
struct known_record {
    uint32_t at;       /* of calls->records; PROFILE_NONE: not met yet */
    bool has_no_place; /* CALLS_RECORDS_MAX */
    struct figures figures;
    uint64_t buckets[WIRE_CALLS_BUCKETS]; /* whole; the segment has the lower halves */
    struct open_call open;                /* as of this update */
};

struct calls_reader {
    uint32_t process;
    struct calls_hello *hello;
    const struct calls_reader_options *options;
    struct calls_paths paths;
    GArray *numbers; /* uint32_t, by number of a record: + 1 into `records`; 0: nothing known */
    GArray *records; /* struct known_record */
    GArray *within;  /* uint64_t, by number: ticks of the calls and of all in them */
    GArray *open;    /* struct open_call */
    GArray *unnamed; /* frames of functions with changed code, without names as yet */
    struct calls_process before; /* sums of the process's earlier images */
    GArray *counters;            /* const char *: names, as they were first read */
    GHashTable *threads;
    uint32_t n_marks;
    uint32_t ways;  /* bits by enum wire_calls_way: that functions were counted by */
    int64_t merged; /* calls that the profile had no room for */
};

static int64_t value_of(uint64_t number)
{
    return (int64_t)MIN(number, (uint64_t)VALUE_MAX);
}

static int64_t ns_of(const struct calls_reader *reader, uint64_t ticks)
{
    double ns = (double)ticks / reader->options->ticks_per_ns;
    return ns < (double)VALUE_MAX ? (int64_t)llround(ns) : VALUE_MAX;
}

static uint64_t ticks_now(const struct calls_reader *reader)
{
    struct tsc_moment now = tsc_now();
    return reader->options->clock == WIRE_CALLS_TSC ? now.ticks : (uint64_t)now.time_ns;
}

/* CLOCK_MONOTONIC. */
static int64_t time_of_ticks(const struct calls_reader *reader, uint64_t ticks)
{
    const struct tsc_moment *start = &reader->options->start;
    if (reader->options->clock == WIRE_CALLS_MONOTONIC)
        return value_of(ticks);
    return start->time_ns +
           (int64_t)((double)(int64_t)(ticks - start->ticks) / reader->options->ticks_per_ns);
}

/* ---- buckets ---- */

/*
 * A bucket of ticks lies in one or two of nanoseconds: its calls are divided between them as if
 * their durations were spread evenly over its width, on the logarithmic scale on which both are.
 */
struct division {
    unsigned low; /* bucket of the profile for the shorter ones; the others go to the next */
    double low_share;
};

static struct division divide(const struct calls_reader *reader, unsigned bucket)
{
    double from = bucket + WIRE_CALLS_FIRST_BUCKET_BITS - 1 - log2(reader->options->ticks_per_ns);
    double low = floor(from); /* durations are between 2^from and twice as long */
    if (low < 0)
        return (struct division){.low = 0, .low_share = 1};
    return (struct division){.low = (unsigned)low + 1, .low_share = low + 1 - from};
}

static void add_bucket(struct call_stats *stats, struct division division, uint64_t before,
                       uint64_t now)
{
    int64_t low = (int64_t)((double)now * division.low_share) -
                  (int64_t)((double)before * division.low_share);
    unsigned last = CALLS_BUCKETS - 1;
    sum_add(&stats->buckets[MIN(division.low, last)], low);
    sum_add(&stats->buckets[MIN(division.low + 1, last)], (int64_t)(now - before) - low);
}

static void add_buckets(const struct calls_reader *reader, struct known_record *known,
                        const struct wire_calls_record *record, struct call_stats *stats)
{
    for (unsigned i = 0; i < WIRE_CALLS_BUCKETS; i++) {
        uint64_t before = known->buckets[i];
        uint32_t more = record->buckets[i] - (uint32_t)before;
        if (more == 0)
            continue;
        known->buckets[i] += more;
        add_bucket(stats, divide(reader, i), before, known->buckets[i]);
    }
}

/* ---- records ---- */

/*
 * As of now. What a call took is told twice: by its own clock, and by what it took itself and what
 * each call in it did. Both are less the probes' cost, which is known to a few ticks: over millions
 * of calls within one that difference may be larger than the call. So totals are the latter, as
 * they then add up; and so is the sum, where all calls have ended and none is within another.
 */
static struct figures figures_of(const struct calls_reader *reader, uint32_t i,
                                 const struct wire_calls_record *record,
                                 const struct open_call *open)
{
    uint64_t within = g_array_index(reader->within, uint64_t, i);
    bool adds_up = !record->is_recursive && open->calls == 0;
    return (struct figures){
        .calls = value_of(record->calls) + open->calls,
        .open = open->calls,
        .total_ns = record->is_recursive ? 0 : ns_of(reader, within), /* it is another's */
        .self_ns = ns_of(reader, record->self + open->self),
        .sum_ns = ns_of(reader, adds_up ? within : record->sum),
        .cost_ns = ns_of(reader, record->cost),
    };
}

static void add_ticks(GArray *within, uint32_t i, uint64_t more)
{
    uint64_t *sum = &g_array_index(within, uint64_t, i);
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

/* A context has a smaller number than what it calls: so all that is in a call has been added to it
 * when its turn comes. */
static void sum_within(struct calls_reader *reader, uint32_t n)
{
    const struct wire_calls_record *records = calls_paths_records(&reader->paths);
    g_array_set_size(reader->within, 0);
    g_array_set_size(reader->within, n);
    for (guint k = 0; k < reader->open->len; k++) {
        const struct open_call *open = &g_array_index(reader->open, struct open_call, k);
        if (open->record < n)
            add_ticks(reader->within, open->record, open->self);
    }
    for (uint32_t i = n; i-- > 1;) {
        uint64_t self = __atomic_load_n(&records[i].self, __ATOMIC_RELAXED);
        uint32_t context = records[i].context;
        add_ticks(reader->within, i, self);
        if (context > 0 && context < i)
            add_ticks(reader->within, context, g_array_index(reader->within, uint64_t, i));
    }
}

static void add_difference(struct call_stats *sum, const struct figures *now, struct figures *known)
{
    sum_add(&sum->calls, now->calls - known->calls);
    sum_add(&sum->open, now->open - known->open);
    sum_add(&sum->total_ns, now->total_ns - known->total_ns);
    sum_add(&sum->self_ns, now->self_ns - known->self_ns);
    sum_add(&sum->sum_ns, now->sum_ns - known->sum_ns);
    sum_add(&sum->cost_ns, now->cost_ns - known->cost_ns);
    *known = *now;
}

/* `has_ended`: some of the calls that `sum` has ended before. */
static void widen(const struct calls_reader *reader, struct call_stats *sum,
                  const struct wire_calls_record *record, const struct figures *now)
{
    bool has_ended = sum->calls > sum->open;
    int64_t average_ns = record->calls > 0 ? now->sum_ns / value_of(record->calls) : 0;
    int64_t min_ns = MIN(ns_of(reader, record->min), average_ns);
    if (!has_ended || min_ns < sum->min_ns)
        sum->min_ns = min_ns;
    sum->max_ns = MAX(sum->max_ns, MAX(ns_of(reader, record->max), average_ns));
}

static struct known_record *known_record(struct calls_reader *reader, uint32_t i)
{
    if (i >= reader->numbers->len)
        g_array_set_size(reader->numbers, MAX(i + 1, calls_paths_n_records(&reader->paths)));
    uint32_t *number = &g_array_index(reader->numbers, uint32_t, i);
    if (*number == 0) {
        const struct known_record none = {.at = PROFILE_NONE};
        g_array_append_val(reader->records, none);
        *number = reader->records->len;
    }
    return &g_array_index(reader->records, struct known_record, *number - 1);
}

/* 0: of several threads, whose lives were too short for a row each, or that are too many. */
static uint32_t thread_of(struct calls_reader *reader, struct profile *profile, int64_t tid)
{
    if (tid > 0 && (g_hash_table_contains(reader->threads, GINT_TO_POINTER((int)tid)) ||
                    g_hash_table_size(reader->threads) < THREADS_MAX)) {
        g_hash_table_add(reader->threads, GINT_TO_POINTER((int)tid));
        return profile_thread(profile, reader->process, (int)tid);
    }
    uint32_t thread = profile_thread(profile, reader->process, 0);
    profile_get_thread(profile, thread)->name = profile_text(profile, "several threads");
    profile_get_thread(profile, thread)->ended = true;
    return thread;
}

/* Where the profile keeps it; NULL: there is no room. With the lock. */
static struct call_record *place_of(struct calls_reader *reader, struct ingest *ingest,
                                    struct profile *profile, uint32_t i,
                                    const struct wire_calls_record *record)
{
    struct known_record *known = known_record(reader, i);
    if (known->at != PROFILE_NONE)
        return &g_array_index(profile->calls->records, struct call_record, known->at);
    if (known->has_no_place)
        return NULL;
    uint32_t stack = calls_paths_get(&reader->paths, ingest, profile, i);
    uint32_t thread = thread_of(reader, profile, record->tid);
    struct call_record *place =
        calls_record_get(profile->calls, stack, thread, record->is_recursive);
    if (!place) {
        known->has_no_place = true;
        return NULL;
    }
    known->at = (uint32_t)(place - &g_array_index(profile->calls->records, struct call_record, 0));
    if (record->way == WIRE_CALLS_BY_PATCH) {
        uint32_t leaf = profile_stack_frames(profile, stack)[0];
        g_array_append_val(reader->unnamed, leaf);
    }
    return place;
}

static double pair_ns(const struct calls_reader *reader, unsigned way)
{
    const struct wire_calls_probe *probes = reader->hello->wire->probes;
    return way < WIRE_CALLS_WAYS ? (double)probes[way].pair / reader->options->ticks_per_ns : 0;
}

/* With the lock. */
static void note_probes(struct calls_reader *reader, struct profile *profile, unsigned way,
                        int64_t calls)
{
    double took_ns = (double)calls * pair_ns(reader, way);
    reader->ways |= 1U << way;
    if (took_ns > 0 && took_ns < (double)VALUE_MAX)
        sum_add(&profile->calls->probes_ns, (int64_t)took_ns);
}

/* With the lock. */
static void update_record(struct calls_reader *reader, struct ingest *ingest,
                          struct profile *profile, uint32_t i)
{
    bool is_known = i < reader->numbers->len && g_array_index(reader->numbers, uint32_t, i) != 0;
    struct wire_calls_record record = calls_paths_records(&reader->paths)[i];
    if (!is_known && record.calls == 0) /* claimed, and not used yet */
        return;
    struct known_record *known = known_record(reader, i);
    struct figures now = figures_of(reader, i, &record, &known->open);
    known->open = (struct open_call){0};
    if (now.calls == known->figures.calls && now.open == 0 && known->figures.open == 0)
        return;
    struct call_record *place = place_of(reader, ingest, profile, i, &record);
    known = known_record(reader, i);
    if (!place) {
        sum_add(&reader->merged, now.calls - known->figures.calls);
        known->figures = now;
        return;
    }
    if (now.calls > now.open)
        widen(reader, &place->stats, &record, &now);
    add_buckets(reader, known, &record, &place->stats);
    note_probes(reader, profile, record.way, now.calls - known->figures.calls);
    add_difference(&place->stats, &now, &known->figures);
}

static void update_records(struct calls_reader *reader, struct ingest *ingest)
{
    uint32_t n = calls_paths_n_records(&reader->paths);
    sum_within(reader, n);
    for (uint32_t from = 1; from < n; from += RECORDS_AT_ONCE) {
        struct profile *profile = ingest_lock(ingest);
        for (uint32_t i = from; i < n && i < from + RECORDS_AT_ONCE; i++)
            update_record(reader, ingest, profile, i);
        calls_touch(profile->calls);
        ingest_unlock(ingest);
    }
}

/* Says which functions are counted because their code was changed. With the lock. */
static void name_counted(struct calls_reader *reader, struct profile *profile)
{
    for (guint i = reader->unnamed->len; i-- > 0;) {
        uint32_t frame = g_array_index(reader->unnamed, uint32_t, i);
        const struct line *line = profile_frame_lines(profile, frame);
        if (profile_get_frame(profile, frame)->state != FRAME_RESOLVED)
            continue;
        g_hash_table_add(profile->calls->counted, GUINT_TO_POINTER(line->function));
        g_array_remove_index_fast(reader->unnamed, i);
    }
}

/* When what is open is taken to be. */
static uint64_t end_of_open(const struct calls_reader *reader, bool ended)
{
    uint64_t end = __atomic_load_n(&reader->hello->wire->end_ticks, __ATOMIC_RELAXED);
    return ended && end != 0 ? end : ticks_now(reader);
}

static void read_open(struct calls_reader *reader, bool ended)
{
    uint32_t n = calls_paths_n_records(&reader->paths);
    open_calls_read(reader->hello, end_of_open(reader, ended), reader->open);
    for (guint i = 0; i < reader->open->len; i++) {
        const struct open_call *open = &g_array_index(reader->open, struct open_call, i);
        if (open->record < n)
            known_record(reader, open->record)->open = *open;
    }
}

/* ---- the process ---- */

/* All that there is to say, in sentences. Free with g_free. */
static char *trouble_of(uint32_t trouble)
{
    static const struct {
        uint32_t bit;
        const char *text;
    } troubles[] = {
        {WIRE_CALLS_NO_ROOM, "not all calls could be counted: address space, system calls or "
                             "threads are at their limit"},
        {WIRE_CALLS_NO_CLOCK,
         "times are not all known: the program has forbidden the processor's clock"},
        {WIRE_CALLS_NO_CODE, "no more code can be changed here: the system does not let it be "
                             "mapped, or forks are more than eight deep"},
    };
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++)
        if (trouble & troubles[i].bit)
            g_string_append_printf(text, "%s%s", text->len ? "; " : "", troubles[i].text);
    return g_string_free(text, FALSE);
}

/* With the lock. */
static void update_process(struct calls_reader *reader, struct profile *profile)
{
    const struct wire_calls_lane *lanes =
        (const void *)(reader->hello->part + reader->hello->layout->lanes);
    struct calls_process sum = reader->before;
    for (int i = 0; i < WIRE_CALLS_LANES; i++) {
        struct wire_calls_lane lane = lanes[i];
        sum_add(&sum.implicit_exits, value_of(lane.implicit_exits));
        sum_add(&sum.orphan_exits, value_of(lane.orphan_exits));
        sum_add(&sum.missed, value_of(lane.missed));
        sum_add(&sum.untimed, value_of(lane.untimed));
        lane.name[sizeof lane.name - 1] = '\0';
        if (lane.tid > 0 && lane.name[0]) {
            uint32_t thread = thread_of(reader, profile, lane.tid);
            profile_get_thread(profile, thread)->name = profile_text(profile, lane.name);
        }
    }
    char *trouble = trouble_of(reader->hello->wire->trouble);
    sum_add(&sum.missed, reader->merged);
    sum.process = reader->process;
    sum.trouble = profile_text(profile, trouble);
    g_free(trouble);
    for (int i = 0; i < WIRE_CALLS_WAYS; i++)
        if (reader->ways & 1U << i)
            sum.pair_ns = MAX(sum.pair_ns, pair_ns(reader, (unsigned)i));
    if (calls_paths_n_records(&reader->paths) > 1 || *sum.trouble || sum.missed > 0)
        *calls_process_get(profile->calls, reader->process) = sum;
}

/* With the lock. */
static void update_marks(struct calls_reader *reader, struct profile *profile)
{
    const struct wire_calls_mark *marks =
        (const void *)(reader->hello->part + reader->hello->layout->marks);
    uint32_t n = __atomic_load_n(&reader->hello->wire->n_marks, __ATOMIC_ACQUIRE);
    n = MIN(n, (uint32_t)CALLS_LAYOUT_MARKS);
    for (; reader->n_marks < n && profile->calls->marks->len < CALLS_MARKS_MAX; reader->n_marks++) {
        struct wire_calls_mark from = marks[reader->n_marks];
        from.text[sizeof from.text - 1] = '\0';
        int64_t time_ns = time_of_ticks(reader, from.ticks) - reader->options->run_start_ns;
        const struct calls_mark mark = {
            .time_ns = MAX(time_ns, 0),
            .thread = thread_of(reader, profile, from.tid),
            .text = profile_text(profile, from.text),
        };
        calls_mark_add(profile->calls, &mark);
    }
}

/* Its name is read once: what changes it later is no counter. With the lock. */
static const char *counter_name(struct calls_reader *reader, struct profile *profile, uint32_t i,
                                const struct wire_calls_counter *counter)
{
    if (i == reader->counters->len) {
        char *raw = g_strndup(counter->name, sizeof counter->name);
        const char *name = profile_text(profile, raw);
        g_free(raw);
        g_array_append_val(reader->counters, name);
    }
    return g_array_index(reader->counters, const char *, i);
}

/* With the lock. */
static void update_counters(struct calls_reader *reader, struct profile *profile)
{
    const struct wire_calls_counter *counters =
        (const void *)(reader->hello->part + reader->hello->layout->counters);
    uint32_t n = __atomic_load_n(&reader->hello->wire->n_counters, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < MIN(n, (uint32_t)WIRE_CALLS_COUNTERS); i++) {
        struct wire_calls_counter from = counters[i];
        struct calls_counter *counter = calls_counter_get(profile->calls, reader->process,
                                                          counter_name(reader, profile, i, &from));
        counter->value = from.value;
        counter->min = from.min;
        counter->max = from.max;
        counter->updates = value_of(from.updates);
    }
}

void calls_reader_update(struct calls_reader *reader, struct ingest *ingest, bool ended)
{
    read_open(reader, ended);
    /* after the frames and before the records: the modules of all these are there */
    module_records_find(&reader->paths.modules, ingest);
    update_records(reader, ingest);
    struct profile *profile = ingest_lock(ingest);
    update_process(reader, profile);
    update_marks(reader, profile);
    update_counters(reader, profile);
    name_counted(reader, profile);
    ingest_unlock(ingest);
}

/* ---- life ---- */

struct calls_reader *calls_reader_new(struct calls_hello *hello,
                                      const struct calls_reader_options *options,
                                      struct ingest *ingest)
{
    struct calls_reader *reader = g_new0(struct calls_reader, 1);
    struct profile *profile = ingest_lock(ingest);
    reader->hello = hello;
    reader->options = options;
    reader->process = profile_process(profile, hello->process->pid);
    for (guint i = 0; i < profile->calls->processes->len; i++) {
        const struct calls_process *before =
            &g_array_index(profile->calls->processes, struct calls_process, i);
        if (before->process == reader->process)
            reader->before = *before;
    }
    ingest_unlock(ingest);
    reader->numbers = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    reader->records = g_array_new(FALSE, FALSE, sizeof(struct known_record));
    reader->counters = g_array_new(FALSE, FALSE, sizeof(const char *));
    reader->threads = g_hash_table_new(NULL, NULL);
    reader->open = g_array_new(FALSE, FALSE, sizeof(struct open_call));
    reader->within = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    reader->unnamed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    calls_paths_init(&reader->paths, hello, options->scopes);
    return reader;
}

void calls_reader_free(struct calls_reader *reader)
{
    if (!reader)
        return;
    calls_paths_clear(&reader->paths);
    calls_hello_free(reader->hello);
    g_array_unref(reader->numbers);
    g_array_unref(reader->records);
    g_array_unref(reader->counters);
    g_hash_table_unref(reader->threads);
    g_array_unref(reader->open);
    g_array_unref(reader->within);
    g_array_unref(reader->unnamed);
    g_free(reader);
}

uint32_t calls_reader_process(const struct calls_reader *reader)
{
    return reader->process;
}
