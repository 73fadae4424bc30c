/*
 * Rows of the Memory view: throttled queries, rates from how counts grew, leaks of ended processes.
 */
#include "tui/views/memory_rows.h"

#include "core/analysis/heap_how.h"
#include "core/analysis/leaks.h"
#include "tui/views/lens_heap.h"

#define RATE_INTERVAL_NS INT64_C(1000000000)
#define RATE_STALE_NS    INT64_C(3000000000) /* the view was not shown: begin anew */

struct memory_rate {
    gint64 key;
    int64_t allocs;
    double per_second;
};

void memory_rows_init(struct memory_rows *rows, const struct profile *profile)
{
    *rows = (struct memory_rows){
        .profile = profile,
        .rows = g_array_new(FALSE, FALSE, sizeof(struct memory_row)),
        .heap = heap_rows_new(profile),
        .rates = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free),
        .leak_rules = leak_rules_new(true),
    };
}

void memory_rows_clear(struct memory_rows *rows)
{
    g_clear_pointer(&rows->rows, g_array_unref);
    g_clear_pointer(&rows->heap, heap_rows_free);
    g_clear_pointer(&rows->rates, g_hash_table_unref);
    g_clear_pointer(&rows->leaked, g_hash_table_unref);
    g_clear_pointer(&rows->leak_rules, leak_rules_free);
    g_clear_pointer(&rows->query.filter, g_regex_unref);
}

static gint64 key_of(uint32_t function, uint32_t line)
{
    return (gint64)((uint64_t)function << 32 | line);
}

/* --- leaks --- */

static unsigned count_ended(const struct memory_rows *rows)
{
    const GArray *processes = rows->profile->heap->processes;
    unsigned n = 0;
    for (guint i = 0; i < processes->len; i++) {
        const struct heap_process *p = &g_array_index(processes, struct heap_process, i);
        if (rows->query.process == PROFILE_NONE || rows->query.process == p->process)
            n += heap_process_has_ended(rows->profile, p->process);
    }
    return n;
}

/* They change with the heap, not with the order of rows. */
static bool knows_leaks(const struct memory_rows *rows)
{
    return rows->leaked && rows->leaked_generation == rows->generation &&
           rows->leaked_process == rows->query.process;
}

static void find_leaks(struct memory_rows *rows)
{
    if (knows_leaks(rows))
        return;
    g_clear_pointer(&rows->leaked, g_hash_table_unref);
    rows->leaked = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    rows->leaked_generation = rows->generation;
    rows->leaked_process = rows->query.process;
    rows->some_have_ended = count_ended(rows) > 0;
    if (!rows->some_have_ended)
        return;
    const struct leaks_query query = {.rules = rows->leak_rules,
                                      .only_process = rows->query.process != PROFILE_NONE,
                                      .process = rows->query.process};
    struct leaks *leaks = leaks_find(rows->profile, &query);
    rows->some_have_ended = leaks->n_processes > 0; /* were measured, that is */
    for (guint i = 0; i < leaks->rows->len; i++) {
        const struct leak *leak = &g_array_index(leaks->rows, struct leak, i);
        gint64 key = key_of(leak->function, leak->line);
        int64_t bytes = leak->sum.values[HEAP_LIVE_BYTES];
        g_hash_table_insert(rows->leaked, g_memdup2(&key, sizeof key),
                            g_memdup2(&bytes, sizeof bytes));
    }
    leaks_free(leaks);
}

static int64_t leaked_of(const struct memory_rows *rows, const struct heap_row *row)
{
    gint64 key = key_of(row->function, row->line);
    const int64_t *bytes = g_hash_table_lookup(rows->leaked, &key);
    return !rows->some_have_ended ? -1 : bytes ? *bytes : 0;
}

/* --- rates --- */

static void rate_row(struct memory_rows *rows, const struct heap_row *row, double seconds)
{
    gint64 key = key_of(row->function, row->line);
    int64_t allocs = row->sum.values[HEAP_ALLOCS];
    struct memory_rate *rate = g_hash_table_lookup(rows->rates, &key);
    if (!rate) {
        rate = g_new0(struct memory_rate, 1);
        rate->key = key;
        g_hash_table_insert(rows->rates, &rate->key, rate);
    }
    rate->per_second = seconds > 0 ? (double)(allocs - rate->allocs) / seconds : -1;
    rate->allocs = allocs;
}

/* Returns whether there are new rates. */
static bool rate_rows(struct memory_rows *rows, int64_t now_ns)
{
    int64_t passed = now_ns - rows->rated_ns;
    if (rows->rated_ns && passed < RATE_INTERVAL_NS)
        return false;
    bool first = rows->rated_ns == 0 || passed > RATE_STALE_NS;
    if (first)
        g_hash_table_remove_all(rows->rates);
    for (guint i = 0; i < rows->rows->len; i++)
        rate_row(rows, memory_rows_at(rows, (int)i)->row, first ? 0 : (double)passed / 1e9);
    rows->rated_ns = now_ns;
    return true;
}

static double rate_of(const struct memory_rows *rows, const struct heap_row *row)
{
    gint64 key = key_of(row->function, row->line);
    const struct memory_rate *rate = g_hash_table_lookup(rows->rates, &key);
    return rate ? rate->per_second : -1;
}

/* --- order --- */

static enum heap_column column_of_sort(unsigned sort)
{
    if (sort < HEAP_COLUMNS)
        return (enum heap_column)sort;
    switch (sort) {
    case HEAP_SORT_AVERAGE:
        return HEAP_ALLOC_BYTES;
    case MEMORY_SORT_TEMPORARY:
        return HEAP_TEMPORARY;
    case MEMORY_SORT_RATE:
        return HEAP_ALLOCS;
    default:
        return HEAP_LIVE_BYTES;
    }
}

enum heap_column memory_row_column(const struct heap_row *row, unsigned sort)
{
    enum heap_column column = column_of_sort(sort);
    return row->sum.values[column] > 0 ? column : HEAP_ALLOC_BYTES;
}

static double sort_value(const struct memory_row *row, unsigned sort)
{
    if (sort == MEMORY_SORT_TEMPORARY)
        return heap_site_temporary_percent(&row->row->sum);
    return sort == MEMORY_SORT_RATE ? row->allocs_per_second : (double)row->leaked_bytes;
}

static int compare_rows(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct memory_query *query = data;
    double x = sort_value(a, query->sort), y = sort_value(b, query->sort);
    return query->ascending ? (x > y) - (x < y) : (x < y) - (x > y);
}

/* --- all --- */

static void query_heap(struct memory_rows *rows)
{
    bool by_model = rows->query.sort < HEAP_SORTS;
    const struct heap_query query = {
        .sort = by_model ? rows->query.sort : (unsigned)HEAP_ALLOC_BYTES,
        .ascending = by_model && rows->query.ascending,
        .filter = rows->query.filter,
        .process = rows->query.process,
        .only = HEAP_COLUMNS,
    };
    const GArray *found = heap_rows_query(rows->heap, &query);
    find_leaks(rows);
    rows->some_exact = heap_has_exact_sites(rows->profile->heap, rows->query.process);
    g_array_set_size(rows->rows, found->len);
    for (guint i = 0; i < found->len; i++) {
        const struct heap_row *row = &g_array_index(found, struct heap_row, i);
        g_array_index(rows->rows, struct memory_row, i) =
            (struct memory_row){row, -1, leaked_of(rows, row)};
    }
    rows->n_queries++;
}

static void apply_rates(struct memory_rows *rows)
{
    for (guint i = 0; i < rows->rows->len; i++) {
        struct memory_row *row = &g_array_index(rows->rows, struct memory_row, i);
        row->allocs_per_second = rate_of(rows, row->row);
    }
    if (rows->query.sort >= HEAP_SORTS)
        g_array_sort_with_data(rows->rows, compare_rows, &rows->query);
}

/* Takes over another query; returns whether it is one. Rates of rows that were not in sight before
 * are not known. */
static bool take_query(struct memory_rows *rows, const struct memory_query *query)
{
    struct memory_query *old = &rows->query;
    bool same_rows = old->filter == query->filter && old->process == query->process;
    bool same = same_rows && old->sort == query->sort && old->ascending == query->ascending;
    if (same && rows->n_queries > 0)
        return false;
    if (!same_rows)
        rows->rated_ns = 0;
    GRegex *filter = query->filter ? g_regex_ref(query->filter) : NULL;
    g_clear_pointer(&old->filter, g_regex_unref);
    *old = *query;
    old->filter = filter;
    return true;
}

void memory_rows_refresh(struct memory_rows *rows, const struct memory_query *query, int64_t now_ns,
                         bool live)
{
    const struct profile *p = rows->profile;
    bool is_new = take_query(rows, query);
    uint64_t generation = p->heap->generation + p->resolved_generation + count_ended(rows);
    bool changed = generation != rows->generation;
    bool due = now_ns - rows->queried_ns >= LENS_HEAP_INTERVAL_NS;
    if (changed && !due && !is_new)
        return;
    if (changed || is_new) {
        rows->generation = generation;
        rows->queried_ns = now_ns;
        query_heap(rows);
    }
    bool rated = live && rate_rows(rows, now_ns);
    if (changed || is_new || rated)
        apply_rates(rows);
}

int memory_rows_find(const struct memory_rows *rows, uint32_t function, uint32_t line)
{
    for (guint i = 0; i < rows->rows->len; i++) {
        const struct heap_row *row = memory_rows_at(rows, (int)i)->row;
        if (row->function == function && row->line == line)
            return (int)i;
    }
    return -1;
}
