/*
 * Rows of exact calls, and their edges.
 *
 * Numbers of calls have all their digits: they are exact. Percentiles are estimates from classes of
 * durations, which their titles mark.
 */
#include "tui/cli/report_calls_table.h"

#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "tui/cli/report_line.h"

enum {
    NAME_WIDTH_MAX = 64,
    MODULE_WIDTH_MAX = 28,
    COUNT_WIDTH = 10,
    RATE_WIDTH = 8,
    TIME_WIDTH = 8,
    EDGE_ROWS = 10, /* rows whose edges are shown */
    EDGES_MAX = 5,  /* of a row, in each direction */
};

/* ---- cells ---- */

static void add_calls(GString *cell, const struct call_row *row)
{
    g_string_append_printf(cell, "%" G_GINT64_FORMAT, row->stats.calls);
}

static void add_rate(GString *cell, const struct call_row *row)
{
    if (row->per_second < 0)
        g_string_append_c(cell, '-');
    else if (row->per_second < 100)
        g_string_append_printf(cell, "%.1f", row->per_second);
    else
        text_append_count(cell, (int64_t)fmin(row->per_second, 0x1p62));
}

/* "-" when there is none. */
static void add_known(GString *cell, double ns)
{
    if (ns < 0)
        g_string_append_c(cell, '-');
    else
        text_append_duration(cell, (int64_t)fmin(round(ns), 0x1p62));
}

static bool has_ended(const struct call_row *row)
{
    return call_stats_average_ns(&row->stats) >= 0;
}

static void add_total(GString *cell, const struct call_row *row)
{
    if (row->is_recursive)
        g_string_append(cell, "recurses");
    else
        text_append_duration(cell, row->stats.total_ns);
}

static void add_self(GString *cell, const struct call_row *row)
{
    text_append_duration(cell, row->stats.self_ns);
}

static void add_average(GString *cell, const struct call_row *row)
{
    add_known(cell, call_stats_average_ns(&row->stats));
    if (call_stats_is_doubtful(&row->stats))
        g_string_append_c(cell, '!');
}

static void add_min(GString *cell, const struct call_row *row)
{
    add_known(cell, has_ended(row) ? (double)row->stats.min_ns : -1);
}

static void add_median(GString *cell, const struct call_row *row)
{
    add_known(cell, call_stats_percentile_ns(&row->stats, 0.5));
}

static void add_p99(GString *cell, const struct call_row *row)
{
    add_known(cell, call_stats_percentile_ns(&row->stats, 0.99));
}

static void add_max(GString *cell, const struct call_row *row)
{
    add_known(cell, has_ended(row) ? (double)row->stats.max_ns : -1);
}

static const struct cell {
    const char *title;
    int width;
    void (*add)(GString *cell, const struct call_row *row);
} cells[] = {
    {"CALLS", COUNT_WIDTH, add_calls}, {"CALLS/s", RATE_WIDTH, add_rate},
    {"TOTAL", TIME_WIDTH, add_total},  {"SELF", TIME_WIDTH, add_self},
    {"AVG", TIME_WIDTH, add_average},  {"MIN", TIME_WIDTH, add_min},
    {"P50~", TIME_WIDTH, add_median},  {"P99~", TIME_WIDTH, add_p99},
    {"MAX", TIME_WIDTH, add_max},
};

/* ---- the table ---- */

static const struct call_row *row_at(const GArray *rows, guint i)
{
    return &g_array_index(rows, struct call_row, i);
}

static const struct function *function_of(const struct report_calls *c, const struct call_row *row)
{
    return profile_get_function(c->profile, row->function);
}

static const char *module_of(const struct report_calls *c, const struct function *f)
{
    return profile_get_module(c->profile, f->module)->name;
}

struct widths {
    int name, module;
};

static struct widths measure(const struct report_calls *c, const GArray *rows, unsigned n)
{
    struct widths w = {.name = (int)strlen("FUNCTION"), .module = (int)strlen("MODULE")};
    for (unsigned i = 0; i < n; i++) {
        const struct function *f = function_of(c, row_at(rows, i));
        w.name = MAX(w.name, MIN(line_text_width(f->brief), NAME_WIDTH_MAX));
        w.module = MAX(w.module, MIN(line_text_width(module_of(c, f)), MODULE_WIDTH_MAX));
    }
    return w;
}

static void print_titles(FILE *out, struct widths w)
{
    GString *line = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cells); i++)
        line_add_right(line, cells[i].title, cells[i].width);
    line_add_left(line, "FUNCTION", w.name);
    line_add_left(line, "MODULE", w.module);
    g_string_append(line, "SOURCE");
    line_print(out, line);
    g_string_free(line, TRUE);
}

static void print_row(FILE *out, const struct report_calls *c, const struct call_row *row,
                      struct widths w)
{
    const struct function *f = function_of(c, row);
    GString *line = g_string_new(NULL), *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cells); i++) {
        g_string_truncate(text, 0);
        cells[i].add(text, row);
        line_add_right(line, text->str, cells[i].width);
    }
    line_add_left(line, f->brief, w.name);
    line_add_left(line, module_of(c, f), w.module);
    text_append_source(line, f->file, f->decl_line);
    line_print(out, line);
    g_string_free(text, TRUE);
    g_string_free(line, TRUE);
}

void report_calls_print_doubt(FILE *out)
{
    fputs("! doubtful: what the probes took, and was taken off, is more than 10 % of it\n", out);
}

void report_calls_table(FILE *out, const struct report_calls *c, const GArray *rows)
{
    unsigned n = report_calls_rows(c, rows->len);
    struct widths w = measure(c, rows, n);
    bool is_marked = false;
    print_titles(out, w);
    for (unsigned i = 0; i < n; i++) {
        print_row(out, c, row_at(rows, i), w);
        is_marked = is_marked || call_stats_is_doubtful(&row_at(rows, i)->stats);
    }
    line_print_rest(out, rows->len, n, "function", "s");
    if (is_marked)
        report_calls_print_doubt(out);
}

/* ---- edges ---- */

static void print_edge(FILE *out, const struct report_calls *c, const char *how,
                       const struct call_row *edge)
{
    GString *line = g_string_new("      "), *text = g_string_new(NULL);
    line_add_left(line, how, (int)strlen("called by"));
    line_add_count(line, edge->stats.calls, COUNT_WIDTH);
    add_total(text, edge);
    line_add_right(line, text->str, TIME_WIDTH);
    g_string_append(line, edge->function == PROFILE_NONE ? "(nobody that is counted)"
                                                         : function_of(c, edge)->brief);
    line_print(out, line);
    g_string_free(text, TRUE);
    g_string_free(line, TRUE);
}

static void print_edges(FILE *out, const struct report_calls *c, uint32_t function,
                        enum call_edges direction)
{
    const char *how = direction == CALL_EDGES_CALLERS ? "called by" : "calls";
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    call_rows_edges(c->grouped, function, direction, edges);
    unsigned n = c->options->top == 0 ? edges->len : MIN(edges->len, EDGES_MAX);
    for (unsigned i = 0; i < n; i++)
        print_edge(out, c, how, row_at(edges, i));
    if (n < edges->len)
        fprintf(out, "      ... and %u more\n", edges->len - n);
    g_array_unref(edges);
}

void report_calls_edges(FILE *out, const struct report_calls *c, const GArray *rows)
{
    unsigned n = report_calls_rows(c, rows->len);
    if (c->options->top > 0)
        n = MIN(n, EDGE_ROWS);
    fputs(n ? "\ncallers and callees of the first rows: calls, total time\n" : "", out);
    for (unsigned i = 0; i < n; i++) {
        uint32_t function = row_at(rows, i)->function;
        fprintf(out, "  %s\n", function_of(c, row_at(rows, i))->brief);
        print_edges(out, c, function, CALL_EDGES_CALLERS);
        print_edges(out, c, function, CALL_EDGES_CALLEES);
    }
}
