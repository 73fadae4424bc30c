/*
 * Rows of the Functions view: what the model sorts by CPU time is put into the order of another
 * measurement here, without changing the order of those that are equal in it.
 */
#include "tui/views/functions_rows.h"

#include "tui/views/lens_heap.h"

enum { NO_RANK = G_MAXINT };

void functions_rows_init(struct functions_rows *rows, struct lens *lens)
{
    *rows = (struct functions_rows){
        .lens = lens,
        .rows = g_array_new(FALSE, FALSE, sizeof(struct function_row)),
        .ranks = g_array_new(FALSE, FALSE, sizeof(int)),
        .called = g_array_new(FALSE, FALSE, sizeof(bool)),
    };
}

void functions_rows_clear(struct functions_rows *rows)
{
    g_clear_pointer(&rows->rows, g_array_unref);
    g_clear_pointer(&rows->ranks, g_array_unref);
    g_clear_pointer(&rows->called, g_array_unref);
}

bool functions_sort_is_of_calls(unsigned sort)
{
    return sort >= FUNCTIONS_SORT_CALLS;
}

enum call_sort functions_sort_of_calls(unsigned sort)
{
    return (enum call_sort)(sort - FUNCTIONS_SORT_CALLS);
}

int functions_rows_find(const struct functions_rows *rows, uint32_t function)
{
    for (guint i = 0; i < rows->rows->len; i++)
        if (functions_rows_at(rows, (int)i)->function == function)
            return (int)i;
    return -1;
}

int64_t functions_rows_allocated(const struct functions_rows *rows, uint32_t function)
{
    if (!rows->allocated || function >= rows->allocated->len)
        return 0;
    return g_array_index(rows->allocated, int64_t, function);
}

/* --- orders --- */

static int compare_allocated(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct functions_rows *rows = data;
    int64_t x = functions_rows_allocated(rows, ((const struct function_row *)a)->function);
    int64_t y = functions_rows_allocated(rows, ((const struct function_row *)b)->function);
    return (x < y) - (x > y);
}

static int compare_allocated_ascending(gconstpointer a, gconstpointer b, gpointer data)
{
    return compare_allocated(b, a, data);
}

static int rank_of(const struct functions_rows *rows, uint32_t function)
{
    return function < rows->ranks->len ? g_array_index(rows->ranks, int, function) : NO_RANK;
}

static int compare_ranks(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct functions_rows *rows = data;
    int x = rank_of(rows, ((const struct function_row *)a)->function);
    int y = rank_of(rows, ((const struct function_row *)b)->function);
    return (x > y) - (x < y);
}

/* --- calls --- */

/* Which functions have calls, and in which order they come. */
static void rank_calls(struct functions_rows *rows)
{
    const struct lens_calls *calls = rows->lens->calls;
    guint n = rows->lens->profile->functions->len;
    if (calls->n_queries == rows->n_queries)
        return;
    rows->n_queries = calls->n_queries;
    g_array_set_size(rows->ranks, n);
    g_array_set_size(rows->called, n);
    for (guint i = 0; i < n; i++) {
        g_array_index(rows->ranks, int, i) = NO_RANK;
        g_array_index(rows->called, bool, i) = lens_counts_function(rows->lens, i);
    }
    for (guint i = 0; i < calls->sorted->len; i++) {
        uint32_t function = g_array_index(calls->sorted, struct call_row, i).function;
        g_array_index(rows->ranks, int, function) = (int)i;
        g_array_index(rows->called, bool, function) = true;
    }
}

static void query_calls(struct functions_rows *rows, unsigned sort, bool ascending)
{
    bool by_calls = functions_sort_is_of_calls(sort);
    rows->has_calls =
        lens_has_calls(rows->lens) || g_hash_table_size(rows->lens->profile->calls->counted) > 0;
    if (!rows->has_calls)
        return;
    lens_query_calls(rows->lens, by_calls ? functions_sort_of_calls(sort) : CALL_SORT_TOTAL,
                     by_calls && ascending);
    rank_calls(rows);
}

/* --- all --- */

void functions_rows_query(struct functions_rows *rows, unsigned sort, bool ascending)
{
    bool by_model = sort < FUNCTION_SORTS;
    rows->allocated = lens_allocated(rows->lens);
    query_calls(rows, sort, ascending);
    const struct function_query query = {
        .sort = by_model ? (enum function_sort)sort : FUNCTION_SORT_SELF,
        .ascending = by_model && ascending,
        .filter = rows->lens->filter,
        .also = rows->has_calls ? rows->called : NULL,
    };
    function_rows_query(rows->lens->tree, &query, rows->rows);
    if (sort == FUNCTIONS_SORT_ALLOC)
        g_array_sort_with_data(rows->rows,
                               ascending ? compare_allocated_ascending : compare_allocated, rows);
    else if (!by_model && rows->has_calls)
        g_array_sort_with_data(rows->rows, compare_ranks, rows);
}
