/*
 * Rows and shares for reports: everything but how they look.
 */
#include "tui/cli/report.h"

#include <string.h>

#include "tui/cli/report_calls.h"

enum report_view report_view_find(const char *name)
{
    static const char *const names[REPORT_VIEWS] = {
        [REPORT_FUNCTIONS] = "functions", [REPORT_TREE] = "tree",
        [REPORT_THREADS] = "threads",     [REPORT_CALLS] = "calls",
        [REPORT_MEMORY] = "memory",       [REPORT_LEAKS] = "leaks",
        [REPORT_PEAK] = "peak",           [REPORT_TEMPORARY] = "temporary"};
    for (int i = 0; i < REPORT_VIEWS; i++)
        if (strcmp(names[i], name) == 0)
            return (enum report_view)i;
    return REPORT_VIEWS;
}

bool report_view_is_of_heap(enum report_view view)
{
    return view >= REPORT_MEMORY && view < REPORT_VIEWS;
}

double report_percent(int64_t part, int64_t whole)
{
    return whole == 0 || part == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static gint compare_threads(gconstpointer left, gconstpointer right, gpointer data)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int64_t value_a = profile_get_thread(data, a)->value;
    int64_t value_b = profile_get_thread(data, b)->value;
    if (value_a != value_b)
        return value_a < value_b ? 1 : -1;
    return (a > b) - (a < b);
}

/* What functions allocated themselves; where nothing was measured there is nothing to say. */
static struct calltree *allocated_tree(const struct profile *profile)
{
    const struct calltree_options options = {.process = PROFILE_NONE,
                                             .thread = PROFILE_NONE,
                                             .of = CALLTREE_OF_HEAP,
                                             .column = HEAP_ALLOC_BYTES};
    if (!heap_is_measured(profile->heap))
        return NULL;
    struct calltree *tree = calltree_new(profile, &options);
    calltree_update(tree, 0);
    return tree;
}

/* Exact calls beside what was sampled. */
static struct call_rows *counted_calls(const struct profile *profile)
{
    if (!calls_are_measured(profile->calls))
        return NULL;
    struct call_rows *rows = call_rows_new(profile);
    call_rows_query(rows, &(struct call_query){.process = PROFILE_NONE, .thread = PROFILE_NONE});
    return rows;
}

void report_init(struct report *r, const struct profile *profile,
                 const struct report_options *options)
{
    GArray *called = report_calls_functions(profile); /* though no sample met them */
    const struct function_query query = {
        .sort = options->sort, .ascending = options->ascending, .also = called};
    const struct calltree_options whole = {.process = PROFILE_NONE, .thread = PROFILE_NONE};
    *r = (struct report){.profile = profile, .options = options};
    r->tree = calltree_new(profile, &whole);
    calltree_update(r->tree, 0);
    r->total = calltree_node(r->tree, CALLTREE_ROOT)->total.value;
    r->functions = g_array_new(FALSE, FALSE, sizeof(struct function_row));
    function_rows_query(r->tree, &query, r->functions);
    g_array_unref(called);
    r->threads = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < profile->threads->len; i++)
        g_array_append_val(r->threads, i);
    g_array_sort_with_data(r->threads, compare_threads, (gpointer)profile);
    r->allocated = options->view == REPORT_FUNCTIONS ? allocated_tree(profile) : NULL;
    r->calls = options->view == REPORT_FUNCTIONS ? counted_calls(profile) : NULL;
}

void report_clear(struct report *r)
{
    calltree_free(r->tree);
    calltree_free(r->allocated);
    call_rows_free(r->calls);
    g_array_unref(r->functions);
    g_array_unref(r->threads);
}

const struct call_stats *report_calls_of(const struct report *r, uint32_t function)
{
    const struct call_row *row = r->calls ? call_rows_find(r->calls, function) : NULL;
    return row ? &row->stats : NULL;
}

unsigned report_rows(const struct report *r, unsigned n)
{
    return r->options->top == 0 ? n : MIN(n, r->options->top);
}

static gint compare_nodes(gconstpointer left, gconstpointer right, gpointer data)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int64_t value_a = calltree_node(data, a)->total.value;
    int64_t value_b = calltree_node(data, b)->total.value;
    if (value_a != value_b)
        return value_a < value_b ? 1 : -1;
    return (a > b) - (a < b);
}

GArray *report_children(const struct report *r, uint32_t node, unsigned *ret_n_cut)
{
    GArray *children = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    unsigned n_cut = 0;
    uint32_t child = calltree_node(r->tree, node)->first_child;
    for (; child != PROFILE_NONE; child = calltree_node(r->tree, child)->next_sibling) {
        double percent = report_percent(calltree_node(r->tree, child)->total.value, r->total);
        if (percent >= REPORT_TREE_PERCENT_MIN)
            g_array_append_val(children, child);
        else
            n_cut++;
    }
    g_array_sort_with_data(children, compare_nodes, r->tree);
    if (ret_n_cut)
        *ret_n_cut = n_cut;
    return children;
}

int64_t report_complete_stacks(const struct profile_info *info)
{
    return MAX(info->samples - info->truncated - info->broken, 0);
}
