/*
 * Labels of call records and comments about calls, both ways.
 */
#include "core/formats/snapshot_calls.h"

#include <math.h>

#include "core/formats/comment_words.h"

const char *const call_label_keys[CALL_LABELS] = {
    [CALL_LABEL_TOTAL] = "call_total_ns",
    [CALL_LABEL_SUM] = "call_sum_ns",
    [CALL_LABEL_COST] = "call_cost_ns",
    [CALL_LABEL_MIN] = "call_min_ns",
    [CALL_LABEL_MAX] = "call_max_ns",
    [CALL_LABEL_OPEN] = "calls_open",
    [CALL_LABEL_RECURSIVE] = "call_is_recursive",
    [CALL_LABEL_BUCKETS + 0] = "call_lt_1ns",
    [CALL_LABEL_BUCKETS + 1] = "call_lt_2ns",
    [CALL_LABEL_BUCKETS + 2] = "call_lt_4ns",
    [CALL_LABEL_BUCKETS + 3] = "call_lt_8ns",
    [CALL_LABEL_BUCKETS + 4] = "call_lt_16ns",
    [CALL_LABEL_BUCKETS + 5] = "call_lt_32ns",
    [CALL_LABEL_BUCKETS + 6] = "call_lt_64ns",
    [CALL_LABEL_BUCKETS + 7] = "call_lt_128ns",
    [CALL_LABEL_BUCKETS + 8] = "call_lt_256ns",
    [CALL_LABEL_BUCKETS + 9] = "call_lt_512ns",
    [CALL_LABEL_BUCKETS + 10] = "call_lt_1024ns",
    [CALL_LABEL_BUCKETS + 11] = "call_lt_2048ns",
    [CALL_LABEL_BUCKETS + 12] = "call_lt_4096ns",
    [CALL_LABEL_BUCKETS + 13] = "call_lt_8192ns",
    [CALL_LABEL_BUCKETS + 14] = "call_lt_16384ns",
    [CALL_LABEL_BUCKETS + 15] = "call_lt_32768ns",
    [CALL_LABEL_BUCKETS + 16] = "call_lt_65536ns",
    [CALL_LABEL_BUCKETS + 17] = "call_lt_131072ns",
    [CALL_LABEL_BUCKETS + 18] = "call_lt_262144ns",
    [CALL_LABEL_BUCKETS + 19] = "call_lt_524288ns",
    [CALL_LABEL_BUCKETS + 20] = "call_lt_1048576ns",
    [CALL_LABEL_BUCKETS + 21] = "call_lt_2097152ns",
    [CALL_LABEL_BUCKETS + 22] = "call_lt_4194304ns",
    [CALL_LABEL_BUCKETS + 23] = "call_lt_8388608ns",
    [CALL_LABEL_BUCKETS + 24] = "call_lt_16777216ns",
    [CALL_LABEL_BUCKETS + 25] = "call_lt_33554432ns",
    [CALL_LABEL_BUCKETS + 26] = "call_lt_67108864ns",
    [CALL_LABEL_BUCKETS + 27] = "call_lt_134217728ns",
    [CALL_LABEL_BUCKETS + 28] = "call_lt_268435456ns",
    [CALL_LABEL_BUCKETS + 29] = "call_lt_536870912ns",
    [CALL_LABEL_BUCKETS + 30] = "call_lt_1073741824ns",
    [CALL_LABEL_BUCKETS + 31] = "call_lt_2147483648ns",
    [CALL_LABEL_BUCKETS + 32] = "call_lt_4294967296ns",
    [CALL_LABEL_BUCKETS + 33] = "call_lt_8589934592ns",
    [CALL_LABEL_BUCKETS + 34] = "call_lt_17179869184ns",
    [CALL_LABEL_BUCKETS + 35] = "call_lt_34359738368ns",
    [CALL_LABEL_BUCKETS + 36] = "call_lt_68719476736ns",
    [CALL_LABEL_BUCKETS + 37] = "call_lt_137438953472ns",
    [CALL_LABEL_BUCKETS + 38] = "call_lt_274877906944ns",
    [CALL_LABEL_BUCKETS + 39] = "call_ge_274877906944ns",
};

_Static_assert(CALL_LABELS - CALL_LABEL_BUCKETS == CALLS_BUCKETS, "each bucket has a label");

/* --- labels --- */

/* Where a label's number stands; NULL: it is no number of the statistics. */
static int64_t *number_of(struct call_stats *stats, unsigned label)
{
    switch (label) {
    case CALL_LABEL_TOTAL:
        return &stats->total_ns;
    case CALL_LABEL_SUM:
        return &stats->sum_ns;
    case CALL_LABEL_COST:
        return &stats->cost_ns;
    case CALL_LABEL_MIN:
        return &stats->min_ns;
    case CALL_LABEL_MAX:
        return &stats->max_ns;
    case CALL_LABEL_OPEN:
        return &stats->open;
    case CALL_LABEL_RECURSIVE:
        return NULL;
    default:
        return &stats->buckets[label - CALL_LABEL_BUCKETS];
    }
}

int64_t call_label_get(const struct call_record *record, unsigned label)
{
    struct call_stats *stats = (struct call_stats *)&record->stats; /* is not changed */
    return label == CALL_LABEL_RECURSIVE ? record->is_recursive : *number_of(stats, label);
}

void call_label_set(struct call_record *record, unsigned label, int64_t number)
{
    if (label == CALL_LABEL_RECURSIVE)
        record->is_recursive = number > 0;
    else
        *number_of(&record->stats, label) = MAX(number, 0);
}

int64_t call_value_get(const struct call_record *record, enum call_weight weight)
{
    return weight == CALL_WEIGHT_CALLS ? record->stats.calls : record->stats.self_ns;
}

void call_value_set(struct call_record *record, enum call_weight weight, int64_t value)
{
    if (weight == CALL_WEIGHT_CALLS)
        record->stats.calls = MAX(value, 0);
    else
        record->stats.self_ns = MAX(value, 0);
}

bool call_record_is_kept(const struct call_record *record)
{
    return record->stats.calls > 0;
}

/* --- comments --- */

static const char TYPES_KEY[] = "call_sample_types=", WHY_NOT_KEY[] = "calls_why_not=",
                  PROCESS_KEY[] = "calls_process=", MARK_KEY[] = "calls_mark=",
                  COUNTER_KEY[] = "calls_counter=", COUNTED_KEY[] = "calls_counted=";

static bool any_is_kept(const struct calls *calls)
{
    for (guint i = 0; i < calls->records->len; i++)
        if (call_record_is_kept(&g_array_index(calls->records, struct call_record, i)))
            return true;
    return false;
}

static void write_process(const struct calls_process *process, GPtrArray *comments)
{
    char pair_ns[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_dtostr(pair_ns, sizeof pair_ns, process->pair_ns);
    g_ptr_array_add(comments,
                    g_strdup_printf("%s%u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                    " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s",
                                    PROCESS_KEY, process->process, process->implicit_exits,
                                    process->orphan_exits, process->missed, process->untimed,
                                    pair_ns, process->trouble));
}

static void write_mark(const struct calls_mark *mark, GPtrArray *comments)
{
    g_ptr_array_add(comments, g_strdup_printf("%s%" G_GINT64_FORMAT " %u %s", MARK_KEY,
                                              mark->time_ns, mark->thread, mark->text));
}

static void write_counter(const struct calls_counter *counter, GPtrArray *comments)
{
    g_ptr_array_add(comments,
                    g_strdup_printf("%s%u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                    " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s",
                                    COUNTER_KEY, counter->process, counter->value, counter->min,
                                    counter->max, counter->updates, counter->name));
}

void snapshot_calls_write(const struct profile *p, GPtrArray *comments)
{
    const struct calls *calls = p->calls;
    if (any_is_kept(calls))
        g_ptr_array_add(comments, g_strdup_printf("%s%d", TYPES_KEY, CALL_WEIGHTS));
    if (*calls->why_not)
        g_ptr_array_add(comments, g_strconcat(WHY_NOT_KEY, calls->why_not, NULL));
    for (guint i = 0; i < calls->processes->len; i++)
        write_process(&g_array_index(calls->processes, struct calls_process, i), comments);
    for (guint i = 0; i < calls->marks->len; i++)
        write_mark(&g_array_index(calls->marks, struct calls_mark, i), comments);
    for (guint i = 0; i < calls->counters->len; i++)
        write_counter(&g_array_index(calls->counters, struct calls_counter, i), comments);
}

char *snapshot_calls_counted(uint64_t function_id)
{
    return g_strdup_printf("%s%" G_GUINT64_FORMAT, COUNTED_KEY, function_id);
}

unsigned snapshot_calls_types(const char *comment)
{
    const char *text = comment_value(comment, TYPES_KEY);
    int64_t number;
    return text && comment_take_number(&text, 1, 1000, &number) ? (unsigned)number : 0;
}

uint64_t snapshot_calls_get_counted(const char *comment)
{
    const char *text = comment_value(comment, COUNTED_KEY);
    int64_t number;
    return text && comment_take_number(&text, 1, INT64_MAX, &number) ? (uint64_t)number : 0;
}

/* The number of a process or thread, of which there are `n`. */
static bool take_position(const char **text, guint n, uint32_t *ret_position)
{
    int64_t number;
    if (!comment_take_number(text, 0, (int64_t)n - 1, &number))
        return false;
    *ret_position = (uint32_t)number;
    return true;
}

static bool take_count(const char **text, int64_t *ret_count)
{
    return comment_take_number(text, 0, INT64_MAX, ret_count);
}

static bool take_any(const char **text, int64_t *ret_number)
{
    return comment_take_number(text, INT64_MIN, INT64_MAX, ret_number);
}

static bool take_real(const char **text, double *ret_real)
{
    char *end;
    double real = g_ascii_strtod(*text, &end);
    if (end == *text || *end != ' ' || !isfinite(real) || real < 0)
        return false;
    *ret_real = real;
    *text = end + 1;
    return true;
}

static bool read_process(struct profile *p, const char *text)
{
    struct calls_process record = {0};
    guint before = p->calls->processes->len;
    if (!take_position(&text, p->processes->len, &record.process) ||
        !take_count(&text, &record.implicit_exits) || !take_count(&text, &record.orphan_exits) ||
        !take_count(&text, &record.missed) || !take_count(&text, &record.untimed) ||
        !take_real(&text, &record.pair_ns))
        return false;
    struct calls_process *place = calls_process_get(p->calls, record.process);
    if (p->calls->processes->len == before)
        return false; /* a second time */
    record.trouble = profile_text(p, text);
    *place = record;
    return true;
}

static bool read_why_not(struct profile *p, const char *text)
{
    p->calls->why_not = profile_text(p, text);
    return true;
}

static bool read_mark(struct profile *p, const char *text)
{
    struct calls_mark mark;
    if (!take_count(&text, &mark.time_ns) || !take_position(&text, p->threads->len, &mark.thread))
        return false;
    mark.text = profile_text(p, text);
    return calls_mark_add(p->calls, &mark);
}

static bool read_counter(struct profile *p, const char *text)
{
    struct calls_counter counter;
    guint before = p->calls->counters->len;
    if (!take_position(&text, p->processes->len, &counter.process) ||
        !take_any(&text, &counter.value) || !take_any(&text, &counter.min) ||
        !take_any(&text, &counter.max) || !take_count(&text, &counter.updates))
        return false;
    counter.name = profile_text(p, text);
    struct calls_counter *place = calls_counter_get(p->calls, counter.process, counter.name);
    if (p->calls->counters->len == before)
        return false; /* a second time */
    *place = counter;
    return true;
}

bool snapshot_calls_read(struct profile *profile, const char *comment)
{
    static const struct {
        const char *key;
        bool (*read)(struct profile *profile, const char *text);
    } readers[] = {{WHY_NOT_KEY, read_why_not},
                   {PROCESS_KEY, read_process},
                   {MARK_KEY, read_mark},
                   {COUNTER_KEY, read_counter}};
    for (size_t i = 0; i < G_N_ELEMENTS(readers); i++) {
        const char *value = comment_value(comment, readers[i].key);
        if (value)
            return readers[i].read(profile, value);
    }
    return snapshot_calls_types(comment) > 0 || snapshot_calls_get_counted(comment) > 0;
}
