/*
 * Grouping, filtering and sorting of exact calls.
 *
 * Three steps, each done again only when what it is made from has changed: which function and
 * caller each record is of (names), the sums of the groups (records, and which of them a query
 * looks at), the rows (the query).
 *
 * Calls per second come from two copies of all records' counts that were taken a while ago. The
 * older one is what a rate is counted from; it gives way to the younger one when that is old enough
 * too. So rates are of the last one or two seconds, whichever process or thread is looked at.
 */
#include "core/model/call_rows.h"

#include <string.h>

#include "core/base/sum.h"
#include "core/model/function_order.h"

enum { NS_PER_S = 1000 * 1000 * 1000, RATE_INTERVAL_NS = NS_PER_S, RATE_FIRST_NS = NS_PER_S / 4 };

enum { DIRECTIONS = 2 }; /* enum call_edges */

/* Whose calls a record has. */
struct call_ends {
    uint32_t function, caller; /* PROFILE_NONE: nobody that is counted */
    uint32_t next[DIRECTIONS]; /* record with the same caller, the same function: from 1; 0: none */
};

/* How many calls each record had at one moment. */
struct call_counts {
    int64_t time_ns; /* CLOCK_MONOTONIC; 0: nothing was taken yet */
    GArray *calls;   /* int64_t by record; there were no more records */
};

struct call_group {
    struct call_row row;
    int64_t before; /* calls at the moment that rates are counted from */
    double key;     /* what the last query sorts it by */
};

struct call_rows {
    const struct profile *profile;
    GArray *ends;              /* struct call_ends by record */
    GArray *first[DIRECTIONS]; /* uint32_t by caller, by function, nobody before all of them: the
                                  first record of its list, from 1; 0: none */
    GArray *groups;            /* struct call_group */
    GArray *group_of;          /* uint32_t by function: from 1; 0: it has none */
    uint32_t resolved_generation;

    /* What the sums are of. */
    bool summed;
    uint64_t generation;
    uint32_t process, thread;

    struct call_counts older, younger;
    int64_t now_ns; /* of the last query */

    GArray *order; /* uint32_t groups that the last query kept */
    GArray *rows;  /* struct call_row, in that order */
};

struct sort_context {
    const struct call_rows *rows;
    const struct call_query *query;
};

static const char *const sort_names[CALL_SORTS] = {
    [CALL_SORT_CALLS] = "calls",     [CALL_SORT_RATE] = "rate",
    [CALL_SORT_TOTAL] = "total",     [CALL_SORT_SELF] = "self",
    [CALL_SORT_AVERAGE] = "average", [CALL_SORT_MIN] = "min",
    [CALL_SORT_P50] = "p50",         [CALL_SORT_P99] = "p99",
    [CALL_SORT_MAX] = "max",         [CALL_SORT_FUNCTION] = "function",
    [CALL_SORT_MODULE] = "module",   [CALL_SORT_SOURCE] = "source",
};

enum call_sort call_sort_find(const char *name)
{
    for (int i = 0; i < CALL_SORTS; i++)
        if (strcmp(sort_names[i], name) == 0)
            return (enum call_sort)i;
    return CALL_SORTS;
}

struct call_rows *call_rows_new(const struct profile *profile)
{
    struct call_rows *rows = g_new0(struct call_rows, 1);
    rows->profile = profile;
    rows->ends = g_array_new(FALSE, FALSE, sizeof(struct call_ends));
    for (int i = 0; i < DIRECTIONS; i++)
        rows->first[i] = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    rows->groups = g_array_new(FALSE, FALSE, sizeof(struct call_group));
    rows->group_of = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    rows->process = rows->thread = PROFILE_NONE;
    rows->older.calls = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->younger.calls = g_array_new(FALSE, FALSE, sizeof(int64_t));
    rows->order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    rows->rows = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    return rows;
}

void call_rows_free(struct call_rows *rows)
{
    if (!rows)
        return;
    GArray *arrays[] = {rows->ends,          rows->first[0], rows->first[1],
                        rows->groups,        rows->group_of, rows->older.calls,
                        rows->younger.calls, rows->order,    rows->rows};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    g_free(rows);
}

/* --- whose calls a record has --- */

static const struct call_record *record_at(const struct call_rows *rows, guint i)
{
    return &g_array_index(rows->profile->calls->records, struct call_record, i);
}

/* The function itself, not what was inlined into it. */
static uint32_t function_of_frame(const struct profile *p, uint32_t frame)
{
    return profile_frame_lines(p, frame)[profile_get_frame(p, frame)->n_lines - 1].function;
}

uint32_t call_record_function(const struct profile *profile, const struct call_record *record)
{
    return function_of_frame(profile, profile_stack_frames(profile, record->stack)[0]);
}

static struct call_ends ends_of(const struct profile *p, const struct call_record *record)
{
    bool is_called = profile_get_stack(p, record->stack)->n_frames > 1;
    return (struct call_ends){
        .function = call_record_function(p, record),
        .caller = is_called ? function_of_frame(p, profile_stack_frames(p, record->stack)[1])
                            : PROFILE_NONE};
}

/* The end that edges of a direction begin at. */
static uint32_t near_end(const struct call_ends *ends, enum call_edges direction)
{
    return direction == CALL_EDGES_CALLEES ? ends->caller : ends->function;
}

/* Puts a record into the lists of its ends. */
static void link_record(struct call_rows *rows, guint record)
{
    struct call_ends *ends = &g_array_index(rows->ends, struct call_ends, record);
    for (int i = 0; i < DIRECTIONS; i++) {
        guint at = near_end(ends, (enum call_edges)i) + 1; /* PROFILE_NONE: 0 */
        if (at >= rows->first[i]->len)
            g_array_set_size(rows->first[i], rows->profile->functions->len + 1);
        ends->next[i] = g_array_index(rows->first[i], uint32_t, at);
        g_array_index(rows->first[i], uint32_t, at) = record + 1;
    }
}

/* Finds the ends of new records; of all, when names have come in. */
static void place_records(struct call_rows *rows)
{
    const struct profile *p = rows->profile;
    if (rows->resolved_generation != p->resolved_generation) {
        g_array_set_size(rows->ends, 0);
        for (int i = 0; i < DIRECTIONS; i++)
            g_array_set_size(rows->first[i], 0);
    }
    rows->resolved_generation = p->resolved_generation;
    rows->summed &= rows->ends->len == p->calls->records->len;
    for (guint i = rows->ends->len; i < p->calls->records->len; i++) {
        struct call_ends ends = ends_of(p, record_at(rows, i));
        g_array_append_val(rows->ends, ends);
        link_record(rows, i);
    }
}

/* --- sums --- */

static bool accepts(const struct call_rows *rows, uint32_t thread)
{
    if (rows->thread != PROFILE_NONE && thread != rows->thread)
        return false;
    return rows->process == PROFILE_NONE ||
           profile_get_thread(rows->profile, thread)->process == rows->process;
}

static struct call_group *group_at(const struct call_rows *rows, uint32_t group)
{
    return &g_array_index(rows->groups, struct call_group, group - 1);
}

static uint32_t find_group(const struct call_rows *rows, uint32_t function)
{
    return function < rows->group_of->len ? g_array_index(rows->group_of, uint32_t, function) : 0;
}

static struct call_group *group_of_function(struct call_rows *rows, uint32_t function)
{
    if (function >= rows->group_of->len)
        g_array_set_size(rows->group_of, rows->profile->functions->len);
    uint32_t *group = &g_array_index(rows->group_of, uint32_t, function);
    if (!*group) {
        struct call_group empty = {.row = {.function = function}};
        g_array_append_val(rows->groups, empty);
        *group = rows->groups->len;
    }
    return group_at(rows, *group);
}

static int64_t calls_before(const struct call_rows *rows, guint record)
{
    const GArray *calls = rows->older.calls;
    return record < calls->len ? g_array_index(calls, int64_t, record) : 0;
}

static void sum_groups(struct call_rows *rows)
{
    g_array_set_size(rows->groups, 0);
    g_array_set_size(rows->group_of, 0);
    for (guint i = 0; i < rows->ends->len; i++) {
        const struct call_record *record = record_at(rows, i);
        if (!accepts(rows, record->thread))
            continue;
        uint32_t function = g_array_index(rows->ends, struct call_ends, i).function;
        struct call_group *group = group_of_function(rows, function);
        call_stats_add(&group->row.stats, &record->stats);
        sum_add(&group->before, calls_before(rows, i));
    }
}

static void update_sums(struct call_rows *rows, const struct call_query *query)
{
    uint64_t generation = rows->profile->calls->generation;
    if (rows->summed && rows->generation == generation && rows->process == query->process &&
        rows->thread == query->thread)
        return;
    rows->process = query->process;
    rows->thread = query->thread;
    rows->generation = generation;
    rows->summed = true;
    sum_groups(rows);
}

/* --- calls per second --- */

static void take_counts(struct call_rows *rows, struct call_counts *counts)
{
    guint n = rows->profile->calls->records->len;
    counts->time_ns = rows->now_ns;
    g_array_set_size(counts->calls, n);
    for (guint i = 0; i < n; i++)
        g_array_index(counts->calls, int64_t, i) = record_at(rows, i)->stats.calls;
}

/* Lets the older copy give way when the younger one is old enough. */
static void follow_counts(struct call_rows *rows)
{
    bool fresh = rows->older.time_ns == 0 || rows->now_ns < rows->younger.time_ns;
    if (fresh) {
        take_counts(rows, &rows->older);
        take_counts(rows, &rows->younger);
    } else if (rows->now_ns - rows->younger.time_ns >= RATE_INTERVAL_NS) {
        struct call_counts oldest = rows->older;
        rows->older = rows->younger;
        rows->younger = oldest;
        take_counts(rows, &rows->younger);
    } else {
        return;
    }
    rows->summed = false;
}

static void update_counts(struct call_rows *rows, const struct call_query *query)
{
    rows->now_ns = query->now_ns;
    if (query->now_ns > 0)
        follow_counts(rows);
}

/* Of calls, some of which there were before. Of the past, all count. */
static double rate_of(const struct call_rows *rows, int64_t calls, int64_t before)
{
    int64_t duration_ns = rows->profile->info.duration_ns;
    if (rows->now_ns <= 0)
        return duration_ns > 0 ? (double)calls * NS_PER_S / (double)duration_ns : -1;
    int64_t passed_ns = rows->now_ns - rows->older.time_ns;
    if (passed_ns < RATE_FIRST_NS)
        return -1;
    return (double)(calls > before ? calls - before : 0) * NS_PER_S / (double)passed_ns;
}

/* --- rows --- */

static double key_of(const struct call_row *row, enum call_sort sort)
{
    const struct call_stats *stats = &row->stats;
    switch (sort) {
    case CALL_SORT_CALLS:
        return (double)stats->calls;
    case CALL_SORT_RATE:
        return row->per_second;
    case CALL_SORT_TOTAL:
        return (double)stats->total_ns;
    case CALL_SORT_SELF:
        return (double)stats->self_ns;
    case CALL_SORT_AVERAGE:
        return call_stats_average_ns(stats);
    case CALL_SORT_MIN:
        return (double)stats->min_ns;
    case CALL_SORT_P50:
        return call_stats_percentile_ns(stats, 0.5);
    case CALL_SORT_P99:
        return call_stats_percentile_ns(stats, 0.99);
    case CALL_SORT_MAX:
        return (double)stats->max_ns;
    default:
        return 0; /* sorted by a text */
    }
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a < b) - (a > b); /* largest first */
}

static int compare_texts(const struct profile *p, uint32_t a, uint32_t b, enum call_sort sort)
{
    if (sort == CALL_SORT_FUNCTION)
        return function_order_compare(p, a, b, FUNCTION_TEXT_NAME);
    return function_order_compare(
        p, a, b, sort == CALL_SORT_MODULE ? FUNCTION_TEXT_MODULE : FUNCTION_TEXT_SOURCE);
}

static gint compare_groups(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct sort_context *context = data;
    const uint32_t *l = left, *r = right;
    const struct call_group *a = group_at(context->rows, *l), *b = group_at(context->rows, *r);
    enum call_sort sort = context->query->sort;
    bool by_text = sort >= CALL_SORT_FUNCTION;
    int order = by_text
                    ? compare_texts(context->rows->profile, a->row.function, b->row.function, sort)
                    : (a->key < b->key) - (a->key > b->key);
    /* As compared, numbers run down and texts run up. */
    if (order && context->query->ascending != by_text)
        order = -order;
    if (!order)
        order = compare_numbers(a->row.stats.total_ns, b->row.stats.total_ns);
    return order ? order : (*l > *r) - (*l < *r);
}

const GArray *call_rows_query(struct call_rows *rows, const struct call_query *query)
{
    place_records(rows);
    update_counts(rows, query);
    update_sums(rows, query);
    g_array_set_size(rows->order, 0);
    for (uint32_t i = 1; i <= rows->groups->len; i++) {
        struct call_group *group = group_at(rows, i);
        group->row.per_second = rate_of(rows, group->row.stats.calls, group->before);
        group->key = key_of(&group->row, query->sort);
        if (function_order_matches(rows->profile, group->row.function, query->filter))
            g_array_append_val(rows->order, i);
    }
    struct sort_context context = {.rows = rows, .query = query};
    g_array_sort_with_data(rows->order, compare_groups, &context);
    g_array_set_size(rows->rows, 0);
    for (guint i = 0; i < rows->order->len; i++)
        g_array_append_val(rows->rows,
                           group_at(rows, g_array_index(rows->order, uint32_t, i))->row);
    return rows->rows;
}

const struct call_row *call_rows_find(const struct call_rows *rows, uint32_t function)
{
    uint32_t group = find_group(rows, function);
    return group ? &group_at(rows, group)->row : NULL;
}

/* --- edges --- */

/* The edge to `function`, made on demand; `at` finds the position of its group, from 1. */
static struct call_group *edge_to(GArray *found, GHashTable *at, uint32_t function)
{
    gpointer key = GUINT_TO_POINTER(function);
    guint position = GPOINTER_TO_UINT(g_hash_table_lookup(at, key));
    if (!position) {
        struct call_group empty = {.row = {.function = function, .is_recursive = true}};
        g_array_append_val(found, empty);
        position = found->len;
        g_hash_table_insert(at, key, GUINT_TO_POINTER(position));
    }
    return &g_array_index(found, struct call_group, position - 1);
}

static gint compare_edges(gconstpointer left, gconstpointer right)
{
    const struct call_row *a = left, *b = right;
    int order = compare_numbers(a->stats.calls, b->stats.calls);
    if (!order)
        order = compare_numbers(a->stats.total_ns, b->stats.total_ns);
    return order ? order : (a->function > b->function) - (a->function < b->function);
}

/* Of the list of all records with that end: from 1; 0: there is none. */
static uint32_t first_record(const struct call_rows *rows, uint32_t function,
                             enum call_edges direction)
{
    const GArray *first = rows->first[direction];
    return function + 1 < first->len ? g_array_index(first, uint32_t, function + 1) : 0;
}

void call_rows_edges(const struct call_rows *rows, uint32_t function, enum call_edges direction,
                     GArray *edges)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(struct call_group));
    GHashTable *at = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (uint32_t i = first_record(rows, function, direction), next; i > 0; i = next) {
        const struct call_ends *ends = &g_array_index(rows->ends, struct call_ends, i - 1);
        next = ends->next[direction];
        if (!accepts(rows, record_at(rows, i - 1)->thread))
            continue;
        uint32_t far = direction == CALL_EDGES_CALLEES ? ends->function : ends->caller;
        struct call_group *edge = edge_to(found, at, far);
        call_stats_add(&edge->row.stats, &record_at(rows, i - 1)->stats);
        edge->row.is_recursive &= record_at(rows, i - 1)->is_recursive;
        sum_add(&edge->before, calls_before(rows, i - 1));
    }
    g_array_set_size(edges, 0);
    for (guint i = 0; i < found->len; i++) {
        struct call_group *edge = &g_array_index(found, struct call_group, i);
        edge->row.per_second = rate_of(rows, edge->row.stats.calls, edge->before);
        g_array_append_val(edges, edge->row);
    }
    g_array_sort(edges, compare_edges);
    g_hash_table_unref(at);
    g_array_unref(found);
}
