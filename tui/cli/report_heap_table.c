/*
 * The columns of each view of the heap, and its rows.
 *
 * Exact numbers have all their digits. An estimate of bytes has its standard error behind it, in
 * per cent; one of blocks, whose error nobody knows, has "~" in front.
 */
#include "tui/cli/report_heap_table.h"

#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "tui/cli/report_line.h"

enum {
    NAME_WIDTH_MAX = 48,
    SOURCE_WIDTH_MAX = 32,
    COUNT_WIDTH = 9,
    BYTES_WIDTH = 9,
    ERROR_WIDTH = 5, /* of " ±99%" */
    PERCENT_WIDTH = 5,
};

static void add_blocks(GString *cell, const struct heap_row *row, enum heap_column column)
{
    int64_t value = row->sum.values[column];
    if (row->sum.sampled == 0) {
        g_string_append_printf(cell, "%" G_GINT64_FORMAT, value);
        return;
    }
    if (value > 0)
        g_string_append_c(cell, '~');
    text_append_count(cell, value);
}

static void add_bytes(GString *cell, const struct heap_row *row, enum heap_column column)
{
    double error = report_heap_error(&row->sum, column);
    int64_t value = row->sum.values[column];
    if (column == HEAP_OWN_PEAK_BYTES && row->own_peak_is_bound)
        g_string_append(cell, "≤"); /* at most */
    text_append_bytes(cell, value);
    if (error >= 0 && value > 0)
        g_string_append_printf(cell, " ±%.0f%%", ceil(100 * error / (double)value));
}

static void add_average(GString *cell, const struct heap_row *row)
{
    text_append_bytes(cell, heap_site_average(&row->sum));
}

static void add_temporary_percent(GString *cell, const struct heap_row *row)
{
    g_string_append_printf(cell, "%.1f", heap_site_temporary_percent(&row->sum));
}

static void add_stacks(GString *cell, const struct heap_row *row)
{
    g_string_append_printf(cell, "%u", row->n_stacks);
}

/* Ages of live blocks, as far as they were looked at. */
static void add_oldest(GString *cell, const struct heap_row *row)
{
    if (row->sum.oldest_ns >= 0)
        text_append_duration(cell, row->sum.oldest_ns);
    else
        g_string_append_c(cell, '-');
}

/* A column: of the model's, or what a function writes. */
struct cell {
    const char *title;
    int width;
    enum heap_column column;
    void (*add)(GString *cell, const struct heap_row *row); /* NULL: the column */
};

enum { CELLS_MAX = 9 };

static const struct cell tables[REPORT_VIEWS][CELLS_MAX] = {
    [REPORT_MEMORY] = {{"ALLOCS", COUNT_WIDTH, HEAP_ALLOCS, NULL},
                       {"BYTES", BYTES_WIDTH, HEAP_ALLOC_BYTES, NULL},
                       {"AVG", BYTES_WIDTH, 0, add_average},
                       {"LIVE", BYTES_WIDTH, HEAP_LIVE_BYTES, NULL},
                       {"BLOCKS", COUNT_WIDTH, HEAP_LIVE_BLOCKS, NULL},
                       {"PEAK", BYTES_WIDTH, HEAP_PEAK_BYTES, NULL},
                       {"OWN-PEAK", BYTES_WIDTH + 1, HEAP_OWN_PEAK_BYTES, NULL},
                       {"TEMP%", PERCENT_WIDTH, 0, add_temporary_percent}},
    [REPORT_LEAKS] = {{"LEAKED", BYTES_WIDTH, HEAP_LIVE_BYTES, NULL},
                      {"BLOCKS", COUNT_WIDTH, HEAP_LIVE_BLOCKS, NULL},
                      {"OF", COUNT_WIDTH, HEAP_ALLOCS, NULL},
                      {"OLDEST", BYTES_WIDTH, 0, add_oldest},
                      {"STACKS", COUNT_WIDTH - 2, 0, add_stacks}},
    [REPORT_PEAK] = {{"PEAK", BYTES_WIDTH, HEAP_PEAK_BYTES, NULL},
                     {"BLOCKS", COUNT_WIDTH, HEAP_PEAK_BLOCKS, NULL},
                     {"OWN-PEAK", BYTES_WIDTH + 1, HEAP_OWN_PEAK_BYTES, NULL},
                     {"ALLOCS", COUNT_WIDTH, HEAP_ALLOCS, NULL},
                     {"STACKS", COUNT_WIDTH - 2, 0, add_stacks}},
    [REPORT_TEMPORARY] = {{"TEMP", COUNT_WIDTH, HEAP_TEMPORARY, NULL},
                          {"TEMP%", PERCENT_WIDTH, 0, add_temporary_percent},
                          {"ALLOCS", COUNT_WIDTH, HEAP_ALLOCS, NULL},
                          {"BYTES", BYTES_WIDTH, HEAP_ALLOC_BYTES, NULL},
                          {"AVG", BYTES_WIDTH, 0, add_average},
                          {"REALLOCS", COUNT_WIDTH, HEAP_REALLOCS, NULL}},
};

static int cell_width(const struct report_heap *h, const struct cell *cell)
{
    bool has_error = h->totals.is_estimate && !cell->add && heap_columns[cell->column].is_bytes;
    return cell->width + (has_error ? ERROR_WIDTH : 0);
}

static void add_cell(GString *text, const struct cell *cell, const struct heap_row *row)
{
    if (cell->add)
        cell->add(text, row);
    else if (heap_columns[cell->column].is_bytes)
        add_bytes(text, row, cell->column);
    else
        add_blocks(text, row, cell->column);
}

struct widths {
    int name, source;
};

static struct widths measure(const struct report_heap *h, unsigned n)
{
    struct widths w = {.name = (int)strlen("FUNCTION"), .source = (int)strlen("SOURCE")};
    for (unsigned i = 0; i < n; i++) {
        const struct heap_row *row = &g_array_index(h->rows, struct heap_row, i);
        const struct function *f = profile_get_function(h->profile, row->function);
        char *source = report_heap_source(f, row->line);
        w.name = MAX(w.name, MIN(line_text_width(f->brief), NAME_WIDTH_MAX));
        w.source = MAX(w.source, MIN(line_text_width(source), SOURCE_WIDTH_MAX));
        g_free(source);
    }
    return w;
}

static void append_where(GString *line, const struct report_heap *h, const struct heap_row *row,
                         struct widths w)
{
    const struct function *f = profile_get_function(h->profile, row->function);
    char *source = report_heap_source(f, row->line);
    line_add_left(line, f->brief, w.name);
    line_add_left(line, source, w.source);
    g_string_append(line, profile_get_module(h->profile, f->module)->name);
    g_free(source);
}

static void print_titles(FILE *out, const struct report_heap *h, struct widths w)
{
    GString *line = g_string_new(NULL);
    for (const struct cell *cell = tables[h->options->view]; cell->title; cell++)
        line_add_right(line, cell->title, cell_width(h, cell));
    line_add_left(line, "FUNCTION", w.name);
    line_add_left(line, "SOURCE", w.source);
    g_string_append(line, "MODULE");
    line_print(out, line);
    g_string_free(line, TRUE);
}

static void print_row(FILE *out, const struct report_heap *h, unsigned i, struct widths w)
{
    const struct heap_row *row = &g_array_index(h->rows, struct heap_row, i);
    GString *line = g_string_new(NULL), *text = g_string_new(NULL);
    for (const struct cell *cell = tables[h->options->view]; cell->title; cell++) {
        g_string_truncate(text, 0);
        add_cell(text, cell, row);
        line_add_right(line, text->str, cell_width(h, cell));
    }
    append_where(line, h, row, w);
    line_print(out, line);
    g_string_free(text, TRUE);
    g_string_free(line, TRUE);
}

void report_heap_table(FILE *out, const struct report_heap *h)
{
    unsigned n = report_heap_rows(h, h->rows->len);
    struct widths w = measure(h, n);
    print_titles(out, h, w);
    for (unsigned i = 0; i < n; i++)
        print_row(out, h, i, w);
    if (n < h->rows->len)
        fprintf(out, "... and %u more: --top 0 shows all\n", h->rows->len - n);
}
