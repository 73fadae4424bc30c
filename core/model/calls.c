/*
 * The exact calls of a profile: records by path, thread and whether they are recursive, what is
 * known of processes, counters, and the arithmetic of call statistics.
 */
#include "core/model/calls.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/base/sum.h"

enum { DOUBTFUL_PERCENT = 10 };

const struct call_weight_info call_weights[CALL_WEIGHTS] = {
    [CALL_WEIGHT_CALLS] = {"calls", "count", "calls"},
    [CALL_WEIGHT_TIME] = {"call_time", "nanoseconds", "call time"},
};

const struct calls_loss_info calls_losses[CALLS_LOSSES] = {
    {offsetof(struct calls_process, missed), "call", "not counted"},
    {offsetof(struct calls_process, untimed), "call", "counted without time"},
    {offsetof(struct calls_process, implicit_exits), "call",
     "left without return (longjmp, exceptions, threads that end)"},
    {offsetof(struct calls_process, orphan_exits), "return", "from what was not seen called"},
};

enum call_weight call_weight_find(const char *type)
{
    for (int i = 0; i < CALL_WEIGHTS; i++)
        if (strcmp(call_weights[i].type, type) == 0)
            return (enum call_weight)i;
    return CALL_WEIGHTS;
}

/* What a counter is found by. */
struct counter_key {
    const char *name; /* interned: equal texts have the same address */
    uint32_t process;
};

static guint hash_counter(gconstpointer key)
{
    const struct counter_key *k = key;
    return (guint)(hash_mix(hash_mix(0, k->process), (uint64_t)(uintptr_t)k->name) >> 32);
}

static gboolean equal_counters(gconstpointer a, gconstpointer b)
{
    const struct counter_key *ka = a, *kb = b;
    return ka->name == kb->name && ka->process == kb->process;
}

struct calls *calls_new(void)
{
    struct calls *calls = g_new0(struct calls, 1);
    /* Not cleared: room for more is then not yet memory, and there may be a million. */
    calls->records = g_array_new(FALSE, FALSE, sizeof(struct call_record));
    calls->processes = g_array_new(FALSE, TRUE, sizeof(struct calls_process));
    calls->marks = g_array_new(FALSE, TRUE, sizeof(struct calls_mark));
    calls->counters = g_array_new(FALSE, TRUE, sizeof(struct calls_counter));
    calls->counted = g_hash_table_new(g_direct_hash, g_direct_equal);
    calls->why_not = "";
    calls->index = g_hash_table_new(hash_u64, g_direct_equal);
    calls->process_index = g_hash_table_new(g_direct_hash, g_direct_equal);
    calls->counter_index = g_hash_table_new_full(hash_counter, equal_counters, g_free, NULL);
    return calls;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    GArray *arrays[] = {calls->records, calls->processes, calls->marks, calls->counters};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    GHashTable *tables[] = {calls->counted, calls->index, calls->process_index,
                            calls->counter_index};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
        g_hash_table_unref(tables[i]);
    g_free(calls);
}

bool calls_are_measured(const struct calls *calls)
{
    return calls->records->len > 0;
}

int64_t calls_count(const struct calls *calls)
{
    int64_t sum = 0;
    for (guint i = 0; i < calls->records->len; i++)
        sum_add(&sum, g_array_index(calls->records, struct call_record, i).stats.calls);
    return sum;
}

struct call_record *calls_record_get(struct calls *calls, uint32_t stack, uint32_t thread,
                                     bool is_recursive)
{
    gpointer key = (gpointer)(uintptr_t)((uint64_t)stack << 32 | thread << 1 | is_recursive);
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(calls->index, key));
    if (!at) {
        if (calls->records->len >= CALLS_RECORDS_MAX)
            return NULL;
        struct call_record record = {
            .stack = stack, .thread = thread, .is_recursive = is_recursive};
        g_array_append_val(calls->records, record);
        at = calls->records->len;
        g_hash_table_insert(calls->index, key, GUINT_TO_POINTER(at));
    }
    return &g_array_index(calls->records, struct call_record, at - 1);
}

void calls_touch(struct calls *calls)
{
    calls->generation++;
}

struct calls_process *calls_process_get(struct calls *calls, uint32_t process)
{
    gpointer key = GUINT_TO_POINTER(process);
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(calls->process_index, key));
    if (!at) {
        struct calls_process record = {.process = process, .trouble = ""};
        g_array_append_val(calls->processes, record);
        at = calls->processes->len;
        g_hash_table_insert(calls->process_index, key, GUINT_TO_POINTER(at));
    }
    return &g_array_index(calls->processes, struct calls_process, at - 1);
}

struct calls_counter *calls_counter_get(struct calls *calls, uint32_t process, const char *name)
{
    struct counter_key key = {.name = name, .process = process};
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(calls->counter_index, &key));
    if (!at) {
        struct calls_counter counter = {.process = process, .name = name};
        g_array_append_val(calls->counters, counter);
        at = calls->counters->len;
        g_hash_table_insert(calls->counter_index, g_memdup2(&key, sizeof key),
                            GUINT_TO_POINTER(at));
    }
    return &g_array_index(calls->counters, struct calls_counter, at - 1);
}

int64_t calls_loss(const struct calls_process *process, unsigned loss)
{
    return *(const int64_t *)((const char *)process + calls_losses[loss].field);
}

/* Most come in order, so the search begins at the end. */
bool calls_mark_add(struct calls *calls, const struct calls_mark *mark)
{
    guint at = calls->marks->len;
    if (at >= CALLS_MARKS_MAX)
        return false;
    while (at > 0 && g_array_index(calls->marks, struct calls_mark, at - 1).time_ns > mark->time_ns)
        at--;
    g_array_insert_val(calls->marks, at, *mark);
    return true;
}

int64_t calls_bucket_bound_ns(unsigned bucket)
{
    return bucket < CALLS_BUCKETS - 1 ? INT64_C(1) << bucket : -1;
}

unsigned calls_bucket(int64_t duration_ns)
{
    if (duration_ns <= 0)
        return 0;
    unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)duration_ns);
    return MIN(bits, CALLS_BUCKETS - 1);
}

static int64_t ended(const struct call_stats *stats)
{
    return stats->calls > stats->open ? stats->calls - stats->open : 0;
}

void call_stats_add(struct call_stats *sum, const struct call_stats *more)
{
    if (ended(more) > 0) {
        sum->min_ns = ended(sum) > 0 ? MIN(sum->min_ns, more->min_ns) : more->min_ns;
        sum->max_ns = MAX(sum->max_ns, more->max_ns);
    }
    sum_add(&sum->calls, more->calls);
    sum_add(&sum->open, more->open);
    sum_add(&sum->total_ns, more->total_ns);
    sum_add(&sum->self_ns, more->self_ns);
    sum_add(&sum->sum_ns, more->sum_ns);
    sum_add(&sum->cost_ns, more->cost_ns);
    for (int i = 0; i < CALLS_BUCKETS; i++)
        sum_add(&sum->buckets[i], more->buckets[i]);
}

double call_stats_average_ns(const struct call_stats *stats)
{
    int64_t n = ended(stats);
    return n > 0 ? (double)stats->sum_ns / (double)n : -1;
}

/* A duration within a bucket, `part` of the way from its lower end to its upper one, both no
 * further than the shortest and the longest call. */
static double within_bucket(const struct call_stats *stats, unsigned bucket, double part)
{
    double lower = bucket > 0 ? (double)calls_bucket_bound_ns(bucket - 1) : 0;
    double upper =
        bucket < CALLS_BUCKETS - 1 ? (double)calls_bucket_bound_ns(bucket) : (double)stats->max_ns;
    double min = (double)stats->min_ns, max = (double)MAX(stats->max_ns, stats->min_ns);
    lower = CLAMP(lower, min, max);
    upper = CLAMP(upper, min, max);
    return lower + (upper - lower) * part;
}

double call_stats_percentile_ns(const struct call_stats *stats, double share)
{
    double n = 0, below = 0;
    for (int i = 0; i < CALLS_BUCKETS; i++)
        n += (double)stats->buckets[i];
    if (ended(stats) == 0 || !(n > 0))
        return -1;
    double rank = CLAMP(share, 0.0, 1.0) * n;
    for (unsigned i = 0; i < CALLS_BUCKETS; i++) {
        double in_bucket = (double)stats->buckets[i];
        if (in_bucket > 0 && below + in_bucket >= rank)
            return within_bucket(stats, i, (rank - below) / in_bucket);
        below += in_bucket;
    }
    return (double)stats->max_ns;
}

bool call_stats_is_doubtful(const struct call_stats *stats)
{
    return (double)stats->cost_ns * 100 > (double)stats->sum_ns * DOUBTFUL_PERCENT;
}
