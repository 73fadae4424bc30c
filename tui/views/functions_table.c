/*
 * Columns and cells of the Functions view. A cell says nothing where nothing is known.
 *
 * Of calls: "•" behind their number, they are counted on request; "!" behind the average, its times
 * are doubtful; "~", an estimate.
 */
#include "tui/views/functions_table.h"

#include "core/base/text.h"

#include <string.h>

enum { WIDE_COLUMNS = 160, NAME_COLUMNS = 24, NAME_COLUMNS_WIDE = 36 };

static const struct table_column columns[FUNCTIONS_COLUMNS] = {
    [FUNCTIONS_SELF_SHARE] = {.title = "SELF%", .width = 6, .right = true},
    [FUNCTIONS_SELF_BAR] = {.title = "", .width = 6, .priority = 13},
    [FUNCTIONS_SELF] = {.title = "SELF", .width = 8, .right = true, .priority = 8},
    [FUNCTIONS_TOTAL_SHARE] = {.title = "TOTAL%", .width = 7, .right = true, .priority = 4},
    [FUNCTIONS_TOTAL] = {.title = "TOTAL", .width = 8, .right = true, .priority = 12},
    [FUNCTIONS_SAMPLES] = {.title = "SAMPLES", .width = 8, .right = true, .priority = 16},
    [FUNCTIONS_CALLS] = {.title = "CALLS", .width = 8, .right = true, .priority = 1},
    [FUNCTIONS_RATE] = {.title = "CALLS/s", .width = 8, .right = true, .priority = 9},
    [FUNCTIONS_AVERAGE] = {.title = "AVG", .width = 9, .right = true, .priority = 2},
    [FUNCTIONS_CALL_TOTAL] = {.title = "CALL TIME", .width = 10, .right = true, .priority = 3},
    [FUNCTIONS_CALL_SELF] = {.title = "CALL SELF", .width = 10, .right = true, .priority = 5},
    [FUNCTIONS_MIN] = {.title = "MIN", .width = 8, .right = true, .priority = 15},
    [FUNCTIONS_P50] = {.title = "P50", .width = 8, .right = true, .priority = 14},
    [FUNCTIONS_P99] = {.title = "P99", .width = 8, .right = true, .priority = 6},
    [FUNCTIONS_MAX] = {.title = "MAX", .width = 8, .right = true, .priority = 10},
    [FUNCTIONS_ALLOC] = {.title = "ALLOC", .width = 8, .right = true, .priority = 11},
    [FUNCTIONS_NAME] = {.title = "FUNCTION", .width = NAME_COLUMNS, .most = 64, .scrolls = true},
    [FUNCTIONS_MODULE] = {.title = "MODULE", .width = 14, .most = 24, .priority = 7},
    [FUNCTIONS_SOURCE] = {.title = "SOURCE", .width = 16, .most = 32, .priority = 17},
};

#define BY_CALLS(sort) (FUNCTIONS_SORT_CALLS + CALL_SORT_##sort)

static const unsigned sort_of_column[FUNCTIONS_COLUMNS] = {
    [FUNCTIONS_SELF_SHARE] = FUNCTION_SORT_SELF,
    [FUNCTIONS_SELF_BAR] = FUNCTION_SORT_SELF,
    [FUNCTIONS_SELF] = FUNCTION_SORT_SELF,
    [FUNCTIONS_TOTAL_SHARE] = FUNCTION_SORT_TOTAL,
    [FUNCTIONS_TOTAL] = FUNCTION_SORT_TOTAL,
    [FUNCTIONS_SAMPLES] = FUNCTION_SORT_SAMPLES,
    [FUNCTIONS_CALLS] = BY_CALLS(CALLS),
    [FUNCTIONS_RATE] = BY_CALLS(RATE),
    [FUNCTIONS_AVERAGE] = BY_CALLS(AVERAGE),
    [FUNCTIONS_CALL_TOTAL] = BY_CALLS(TOTAL),
    [FUNCTIONS_CALL_SELF] = BY_CALLS(SELF),
    [FUNCTIONS_MIN] = BY_CALLS(MIN),
    [FUNCTIONS_P50] = BY_CALLS(P50),
    [FUNCTIONS_P99] = BY_CALLS(P99),
    [FUNCTIONS_MAX] = BY_CALLS(MAX),
    [FUNCTIONS_ALLOC] = FUNCTIONS_SORT_ALLOC,
    [FUNCTIONS_NAME] = FUNCTION_SORT_NAME,
    [FUNCTIONS_MODULE] = FUNCTION_SORT_MODULE,
    [FUNCTIONS_SOURCE] = FUNCTION_SORT_SOURCE,
};

void functions_table_init(struct functions_table *table, const struct functions_rows *rows)
{
    memset(table, 0, sizeof *table);
    table->rows = rows;
    memcpy(table->columns, columns, sizeof columns);
    table->table = (struct table){.columns = table->columns, .n_columns = FUNCTIONS_COLUMNS};
    table->text = g_string_new(NULL);
}

void functions_table_clear(struct functions_table *table)
{
    g_string_free(table->text, TRUE);
}

/* --- which columns --- */

unsigned functions_table_sort(int column)
{
    return sort_of_column[column];
}

/* The first of the columns that stand for that order: where the mark goes. */
static int column_of_sort(unsigned sort)
{
    int column = 0;
    while (sort_of_column[column] != sort)
        column++;
    return column;
}

/* Those that say nothing in this run, or in this unit. */
static void hide_columns(struct functions_table *table)
{
    const struct lens *lens = table->rows->lens;
    table->columns[FUNCTIONS_SELF].hidden = lens->unit == LENS_SHARE;
    table->columns[FUNCTIONS_TOTAL].hidden = lens->unit == LENS_SHARE;
    table->columns[FUNCTIONS_SAMPLES].hidden =
        lens->unit != LENS_VALUE || lens->profile->count_metric == PROFILE_NONE;
    table->columns[FUNCTIONS_ALLOC].hidden = !table->rows->allocated;
    for (int i = FUNCTIONS_CALLS; i <= FUNCTIONS_MAX; i++)
        table->columns[i].hidden = !table->rows->has_calls;
}

void functions_table_arrange(struct functions_table *table, int width, unsigned sort,
                             bool ascending)
{
    int sorted = column_of_sort(sort);
    for (int i = 0; i < FUNCTIONS_COLUMNS; i++)
        table->columns[i].priority = i == sorted && i < FUNCTIONS_NAME ? 0 : columns[i].priority;
    bool wide = table->rows->has_calls && width >= WIDE_COLUMNS;
    table->columns[FUNCTIONS_NAME].width = wide ? NAME_COLUMNS_WIDE : NAME_COLUMNS;
    hide_columns(table);
    table->table.sorted = sorted;
    table->table.ascending = ascending;
    table_arrange(&table->table, width);
    struct table_place *name = &table->table.places[FUNCTIONS_NAME];
    name->cols = MIN(name->cols, MAX(width - name->x, 1)); /* the one sorted by may be wide */
}

unsigned functions_table_next_sort(struct functions_table *table, unsigned sort, int step)
{
    int next = column_of_sort(sort);
    hide_columns(table);
    do
        next = (next + step + FUNCTIONS_COLUMNS) % FUNCTIONS_COLUMNS;
    while (table->columns[next].hidden || next != column_of_sort(sort_of_column[next]));
    return sort_of_column[next];
}

/* --- cells of CPU time --- */

static void append_share(struct functions_table *table, int64_t part)
{
    int64_t whole = lens_total(table->rows->lens).value;
    if (whole > 0)
        lens_append_share(table->text, part, whole);
}

static void append_weight(struct functions_table *table, struct weight weight)
{
    if (lens_total(table->rows->lens).value > 0)
        lens_append_weight(table->rows->lens, table->text, weight);
}

static void append_allocated(struct functions_table *table, uint32_t function)
{
    int64_t bytes = functions_rows_allocated(table->rows, function);
    if (bytes > 0)
        text_append_bytes(table->text, bytes);
    else if (table->rows->allocated)
        g_string_append_c(table->text, '0');
}

static void draw_bar(const struct functions_table *table, const struct canvas *canvas, int y,
                     const struct function_row *row)
{
    struct table_place place = table->table.places[FUNCTIONS_SELF_BAR];
    int64_t total = lens_total(table->rows->lens).value;
    if (place.cols == 0 || total <= 0)
        return;
    int eighths = (int)((double)row->self.value / (double)total * place.cols * 8 + 0.5);
    for (int i = 0; i < place.cols; i++)
        surface_put(canvas->surface, y, place.x + i, theme_style(canvas->theme, ROLE_BAR),
                    theme_bar(canvas->theme, eighths - i * 8));
}

/* --- cells of calls --- */

/* "1.20 M•": the mark has a column of its own. */
static void append_calls(struct functions_table *table, const struct theme *theme,
                         uint32_t function, const struct call_row *calls)
{
    const char *mark = theme_glyph_text(theme, GLYPH_COUNTED);
    if (calls)
        text_append_count(table->text, calls->stats.calls);
    g_string_append(table->text, lens_counts_function(table->rows->lens, function) ? mark : " ");
}

/* "3.20 µs!"; "open" as long as no call has ended. */
static void append_average(struct functions_table *table, const struct call_stats *stats)
{
    double average = call_stats_average_ns(stats);
    lens_append_call_time(table->text, average);
    if (average < 0 && stats->open > 0)
        g_string_append(table->text, "open");
    g_string_append_c(table->text, call_stats_is_doubtful(stats) ? '!' : ' ');
}

static void append_percentile(struct functions_table *table, const struct call_stats *stats,
                              double share)
{
    double ns = call_stats_percentile_ns(stats, share);
    g_string_append(table->text, ns < 0 ? "" : "~");
    lens_append_call_time(table->text, ns);
}

static void append_call_figure(struct functions_table *table, enum functions_column column,
                               const struct call_row *row)
{
    const struct call_stats *stats = &row->stats;
    bool some_ended = stats->calls > stats->open;
    switch (column) {
    case FUNCTIONS_RATE:
        lens_append_call_rate(table->text, row->per_second);
        return;
    case FUNCTIONS_AVERAGE:
        append_average(table, stats);
        return;
    case FUNCTIONS_CALL_TOTAL:
        lens_append_call_time(table->text, (double)stats->total_ns);
        return;
    case FUNCTIONS_CALL_SELF:
        lens_append_call_time(table->text, (double)stats->self_ns);
        return;
    case FUNCTIONS_MIN:
        lens_append_call_time(table->text, some_ended ? (double)stats->min_ns : -1);
        return;
    case FUNCTIONS_MAX:
        lens_append_call_time(table->text, some_ended ? (double)stats->max_ns : -1);
        return;
    default:
        append_percentile(table, stats, column == FUNCTIONS_P50 ? 0.5 : 0.99);
        return;
    }
}

/* Times that are doubtful are faint, beside the mark. */
static void draw_calls(struct functions_table *table, const struct canvas *canvas, int y,
                       uint32_t function)
{
    const struct call_row *row = lens_calls_of(table->rows->lens, function);
    bool doubtful = row && call_stats_is_doubtful(&row->stats);
    for (int i = FUNCTIONS_CALLS; i <= FUNCTIONS_MAX; i++) {
        if (!table->table.places[i].cols)
            continue;
        g_string_truncate(table->text, 0);
        if (i == FUNCTIONS_CALLS)
            append_calls(table, canvas->theme, function, row);
        else if (row)
            append_call_figure(table, (enum functions_column)i, row);
        bool faint = doubtful && i >= FUNCTIONS_AVERAGE;
        table_draw_cell(&table->table, canvas->surface, (struct table_at){y, i},
                        theme_style(canvas->theme, faint ? ROLE_FAINT : ROLE_NORMAL),
                        table->text->str);
    }
}

/* --- rows --- */

static void append_cell(struct functions_table *table, enum functions_column column,
                        const struct function_row *row)
{
    const struct profile *p = table->rows->lens->profile;
    switch (column) {
    case FUNCTIONS_SELF_SHARE:
        append_share(table, row->self.value);
        return;
    case FUNCTIONS_SELF:
        append_weight(table, row->self);
        return;
    case FUNCTIONS_TOTAL_SHARE:
        append_share(table, row->total.value);
        return;
    case FUNCTIONS_TOTAL:
        append_weight(table, row->total);
        return;
    case FUNCTIONS_SAMPLES:
        text_append_count(table->text, row->self.count);
        return;
    case FUNCTIONS_ALLOC:
        append_allocated(table, row->function);
        return;
    case FUNCTIONS_MODULE:
        g_string_append(
            table->text,
            profile_get_module(p, profile_get_function(p, row->function)->module)->name);
        return;
    case FUNCTIONS_SOURCE:
        lens_append_source(table->rows->lens, table->text, row->function);
        return;
    default:
        return;
    }
}

static void draw_name(struct functions_table *table, const struct canvas *canvas, int y,
                      uint32_t function)
{
    const char *name = lens_function_name(table->rows->lens, function);
    bool found = lens_matches(table->rows->lens, name);
    struct style style = theme_style(canvas->theme, found ? ROLE_MATCH : ROLE_STRONG);
    table_draw_cell(&table->table, canvas->surface, (struct table_at){y, FUNCTIONS_NAME}, style,
                    name);
}

void functions_table_draw_row(struct functions_table *table, const struct canvas *canvas, int y,
                              const struct function_row *row)
{
    struct style style = theme_style(canvas->theme, ROLE_NORMAL);
    for (int i = 0; i < FUNCTIONS_COLUMNS; i++) {
        bool is_plain = i != FUNCTIONS_SELF_BAR && i != FUNCTIONS_NAME &&
                        (i < FUNCTIONS_CALLS || i > FUNCTIONS_MAX);
        if (!is_plain || !table->table.places[i].cols)
            continue;
        g_string_truncate(table->text, 0);
        append_cell(table, (enum functions_column)i, row);
        table_draw_cell(&table->table, canvas->surface, (struct table_at){y, i}, style,
                        table->text->str);
    }
    draw_bar(table, canvas, y, row);
    draw_calls(table, canvas, y, row->function);
    draw_name(table, canvas, y, row->function);
}
