/*
 * Memory: the table of what was allocated where, what of it is live, and what was at the peak.
 *
 * Rows are functions and lines; the cursor stays with its row while rows move, as in Functions.
 */
#include "tui/views/view.h"

#include "core/base/text.h"
#include "tui/views/lens_heap.h"
#include "tui/views/memory_details.h"
#include "tui/views/memory_rows.h"
#include "tui/views/memory_summary.h"
#include "tui/views/memory_troubles.h"
#include "tui/widgets/w_table.h"

#include <string.h>

enum column {
    COLUMN_LIVE,
    COLUMN_BLOCKS,
    COLUMN_PEAK,
    COLUMN_OWN_PEAK,
    COLUMN_ALLOCS,
    COLUMN_BYTES,
    COLUMN_ERROR,
    COLUMN_AVERAGE,
    COLUMN_TEMPORARY,
    COLUMN_REALLOC,
    COLUMN_REMOTE,
    COLUMN_RATE,
    COLUMN_LEAKED,
    COLUMN_NAME,
    COLUMN_SOURCE,
    COLUMN_MODULE,
    COLUMNS,
};

static const struct table_column columns[COLUMNS] = {
    [COLUMN_LIVE] = {.title = "LIVE", .width = 8, .right = true},
    [COLUMN_BLOCKS] = {.title = "BLOCKS", .width = 7, .right = true, .priority = 8},
    [COLUMN_PEAK] = {.title = "PEAK", .width = 8, .right = true, .priority = 2},
    [COLUMN_OWN_PEAK] = {.title = "OWN PEAK", .width = 9, .right = true, .priority = 9},
    [COLUMN_ALLOCS] = {.title = "ALLOCS", .width = 7, .right = true, .priority = 4},
    [COLUMN_BYTES] = {.title = "BYTES", .width = 8, .right = true, .priority = 3},
    [COLUMN_ERROR] = {.title = "\u00b1", .width = 5, .right = true, .priority = 3},
    [COLUMN_AVERAGE] = {.title = "AVG", .width = 8, .right = true, .priority = 10},
    [COLUMN_TEMPORARY] = {.title = "TEMP%", .width = 6, .right = true, .priority = 6},
    [COLUMN_REALLOC] = {.title = "REALLOC", .width = 8, .right = true, .priority = 12},
    [COLUMN_REMOTE] = {.title = "REMOTE", .width = 7, .right = true, .priority = 13},
    [COLUMN_RATE] = {.title = "ALLOC/s", .width = 8, .right = true, .priority = 7},
    [COLUMN_LEAKED] = {.title = "LEAK", .width = 8, .right = true, .priority = 1},
    [COLUMN_NAME] = {.title = "FUNCTION", .width = 20, .most = 64, .scrolls = true},
    [COLUMN_SOURCE] = {.title = "SOURCE", .width = 16, .most = 32, .priority = 5},
    [COLUMN_MODULE] = {.title = "MODULE", .width = 12, .most = 24, .priority = 11},
};

static const unsigned sort_of_column[COLUMNS] = {
    [COLUMN_LIVE] = HEAP_LIVE_BYTES,
    [COLUMN_BLOCKS] = HEAP_LIVE_BLOCKS,
    [COLUMN_PEAK] = HEAP_PEAK_BYTES,
    [COLUMN_OWN_PEAK] = HEAP_OWN_PEAK_BYTES,
    [COLUMN_ALLOCS] = HEAP_ALLOCS,
    [COLUMN_BYTES] = HEAP_ALLOC_BYTES,
    [COLUMN_ERROR] = HEAP_ALLOC_BYTES,
    [COLUMN_AVERAGE] = HEAP_SORT_AVERAGE,
    [COLUMN_TEMPORARY] = MEMORY_SORT_TEMPORARY,
    [COLUMN_REALLOC] = HEAP_REALLOCS,
    [COLUMN_REMOTE] = HEAP_REMOTE_FREES,
    [COLUMN_RATE] = MEMORY_SORT_RATE,
    [COLUMN_LEAKED] = MEMORY_SORT_LEAKED,
    [COLUMN_NAME] = HEAP_SORT_FUNCTION,
    [COLUMN_SOURCE] = HEAP_SORT_SOURCE,
    [COLUMN_MODULE] = HEAP_SORT_MODULE,
};

/* A step of horizontal scroll. */
enum { SKIP_STEP = 8 };

struct memory {
    struct lens *lens;
    struct memory_rows rows;
    struct memory_details details;
    struct table_column columns[COLUMNS];
    struct table table;
    struct list list;
    enum column sorted;
    bool ascending;
    bool is_selected; /* else the cursor rests on the first row */
    uint32_t function, line;
    bool whole;     /* details instead of the table */
    int rows_y;     /* where the first row is drawn */
    bool estimated; /* a site was sampled */
    GString *text;
};

static const struct memory_row *row_at(const struct memory *view, int i)
{
    return memory_rows_at(&view->rows, i);
}

static void *create(const struct app_options *options, struct lens *lens)
{
    (void)options;
    struct memory *view = g_new0(struct memory, 1);
    view->lens = lens;
    memory_rows_init(&view->rows, lens->profile);
    memory_details_init(&view->details, lens, &view->rows);
    memcpy(view->columns, columns, sizeof columns);
    view->table = (struct table){.columns = view->columns, .n_columns = COLUMNS};
    view->text = g_string_new(NULL);
    list_fit(&view->list, 0, 1);
    return view;
}

static void destroy(void *data)
{
    struct memory *view = data;
    if (!view)
        return;
    memory_details_clear(&view->details);
    memory_rows_clear(&view->rows);
    g_string_free(view->text, TRUE);
    g_free(view);
}

static void refresh(void *data)
{
    struct memory *view = data;
    const struct lens *lens = view->lens;
    const struct memory_query query = {.sort = sort_of_column[view->sorted],
                                       .ascending = view->ascending,
                                       .filter = lens->filter,
                                       .process = lens_heap_process(lens)};
    struct heap_totals totals;
    heap_get_totals(lens->profile->heap, query.process, &totals);
    view->estimated = totals.is_estimate;
    memory_rows_refresh(&view->rows, &query, lens->updated_ns, lens->live && !lens->ended);
    view->list.count = (int)view->rows.rows->len;
    int row = view->is_selected ? memory_rows_find(&view->rows, view->function, view->line) : 0;
    if (row >= 0)
        list_move_to(&view->list, row);
    else
        list_fit(&view->list, view->list.count, view->list.height);
}

/* The cursor was moved: it now belongs to the row it stands on. */
static void select_cursor(struct memory *view)
{
    if (view->list.count == 0)
        return;
    const struct heap_row *row = row_at(view, view->list.cursor)->row;
    view->is_selected = true;
    view->function = row->function;
    view->line = row->line;
}

static bool is_text(enum column column)
{
    return column >= COLUMN_NAME;
}

static void sort_by(struct memory *view, enum column column)
{
    view->sorted = column;
    view->ascending = is_text(column);
}

/* --- drawing --- */

static bool is_of_column(enum column column, enum heap_column *ret_of)
{
    if (sort_of_column[column] >= HEAP_COLUMNS || column == COLUMN_ERROR)
        return false;
    *ret_of = (enum heap_column)sort_of_column[column];
    return true;
}

static void append_own_peak(struct memory *view, const struct theme *theme,
                            const struct heap_row *row)
{
    if (row->own_peak_is_bound)
        g_string_append(view->text, theme->ascii ? "<" : "\u2264");
    lens_append_site_value(view->text, &row->sum, HEAP_OWN_PEAK_BYTES);
}

/* Standard error of the bytes allocated, in per cent; nothing of a row that is exact. */
static void append_error(struct memory *view, const struct heap_site *sum)
{
    double bytes = (double)sum->values[HEAP_ALLOC_BYTES];
    if (sum->sampled > 0 && bytes > 0)
        g_string_append_printf(view->text, "%.0f%%",
                               100.0 * heap_error(sum->variance_bytes2) / bytes);
}

static void append_rate(struct memory *view, double per_second)
{
    if (per_second < 0)
        g_string_append_c(view->text, '-');
    else
        text_append_count(view->text, (int64_t)(per_second + 0.5));
}

static void append_name_cells(struct memory *view, enum column column, const struct heap_row *row)
{
    const struct profile *p = view->lens->profile;
    if (column == COLUMN_NAME)
        g_string_append(view->text, lens_function_name(view->lens, row->function));
    else if (column == COLUMN_SOURCE)
        text_append_source(view->text, profile_get_function(p, row->function)->file, row->line);
    else
        g_string_append(
            view->text,
            profile_get_module(p, profile_get_function(p, row->function)->module)->name);
}

static void append_leaked(struct memory *view, const struct memory_row *row)
{
    if (row->row->sum.sampled > 0 && row->leaked_bytes > 0)
        g_string_append_c(view->text, '~');
    text_append_bytes(view->text, row->leaked_bytes);
}

static void append_figure(struct memory *view, enum column column, const struct memory_row *row)
{
    const struct heap_site *sum = &row->row->sum;
    enum heap_column of;
    if (column == COLUMN_BYTES) /* has its error beside it */
        text_append_bytes(view->text, sum->values[HEAP_ALLOC_BYTES]);
    else if (is_of_column(column, &of))
        lens_append_site_value(view->text, sum, of);
    else if (column == COLUMN_ERROR)
        append_error(view, sum);
    else if (column == COLUMN_AVERAGE)
        text_append_bytes(view->text, heap_site_average(sum));
    else if (column == COLUMN_TEMPORARY)
        g_string_append_printf(view->text, "%.1f", heap_site_temporary_percent(sum));
    else if (column == COLUMN_RATE)
        append_rate(view, row->allocs_per_second);
    else if (row->leaked_bytes >= 0)
        append_leaked(view, row);
}

static void draw_cell(struct memory *view, const struct canvas *canvas, struct table_at at,
                      const struct memory_row *row)
{
    enum column column = (enum column)at.column;
    enum role role = column == COLUMN_NAME ? ROLE_STRONG : ROLE_NORMAL;
    g_string_truncate(view->text, 0);
    if (is_text(column))
        append_name_cells(view, column, row->row);
    else if (column == COLUMN_OWN_PEAK)
        append_own_peak(view, canvas->theme, row->row);
    else
        append_figure(view, column, row);
    if (column == COLUMN_NAME && lens_matches(view->lens, view->text->str))
        role = ROLE_MATCH;
    table_draw_cell(&view->table, canvas->surface, at, theme_style(canvas->theme, role),
                    view->text->str);
}

/* Room for the "~" of estimates. */
static void widen_estimates(struct memory *view)
{
    static const enum column estimates[] = {COLUMN_LIVE, COLUMN_PEAK, COLUMN_OWN_PEAK,
                                            COLUMN_LEAKED};
    for (size_t i = 0; i < G_N_ELEMENTS(estimates); i++)
        view->columns[estimates[i]].width++;
}

static void choose_columns(struct memory *view, const struct theme *theme, int width)
{
    memcpy(view->columns, columns, sizeof columns);
    if (view->estimated)
        widen_estimates(view);
    view->columns[COLUMN_ERROR].hidden = !view->estimated;
    view->columns[COLUMN_ERROR].title = theme->ascii ? "+-" : columns[COLUMN_ERROR].title;
    view->columns[COLUMN_RATE].hidden = !view->lens->live || view->lens->ended;
    view->columns[COLUMN_LEAKED].hidden = !view->rows.some_have_ended;
    view->columns[view->sorted].priority = 0; /* what it is sorted by is always to be seen */
    view->table.sorted = (int)view->sorted;
    view->table.ascending = view->ascending;
    table_arrange(&view->table, width);
}

static const char *empty_text(const struct memory *view)
{
    if (view->lens->filter)
        return "No function matches the filter (c clears it).";
    return view->lens->ended ? "Nothing was allocated." : "Nothing has been allocated yet.";
}

static void draw_rows(struct memory *view, const struct canvas *canvas)
{
    struct surface *surface = canvas->surface;
    choose_columns(view, canvas->theme, surface->cols);
    table_draw_titles(&view->table, surface, canvas->theme, canvas->area.y);
    view->rows_y = canvas->area.y + 1;
    list_fit(&view->list, (int)view->rows.rows->len, canvas->area.rows - 1);
    if (view->list.count == 0 && canvas->area.rows > 2)
        surface_text(surface, (struct span){view->rows_y + 1, 2, surface->cols - 3},
                     theme_style(canvas->theme, ROLE_NORMAL), empty_text(view));
    memory_troubles_draw(view->lens, canvas, 1 + view->list.count + (view->list.count ? 1 : 3));
    for (int i = 0; i < canvas->area.rows - 1 && view->list.top + i < view->list.count; i++) {
        int y = view->rows_y + i;
        for (int column = 0; column < COLUMNS; column++)
            if (view->table.places[column].cols)
                draw_cell(view, canvas, (struct table_at){y, column},
                          row_at(view, view->list.top + i));
        if (view->list.top + i == view->list.cursor)
            surface_restyle(surface, (struct span){y, 0, surface->cols},
                            theme_style(canvas->theme, ROLE_CURSOR));
    }
}

/* Rows for the details below a table: none on small screens. */
static int details_rows(int rows)
{
    enum { ROWS_MIN = 12, MOST = 14, ONE_IN = 3 };
    return rows < ROWS_MIN ? 0 : MIN(rows / ONE_IN + 1, MOST);
}

static void draw(void *data, const struct canvas *canvas)
{
    enum { TABLE_ROWS_MIN = 5 };
    struct memory *view = data;
    struct canvas part = *canvas;
    int used = memory_summary_draw(view->lens, canvas, TABLE_ROWS_MIN, view->rows.some_exact);
    part.area = (struct area){canvas->area.y + used, canvas->area.rows - used};
    if (!lens_heap_is_measured(view->lens)) {
        memory_unmeasured_draw(view->lens, &part);
        return;
    }
    int details = view->whole ? part.area.rows : details_rows(part.area.rows);
    if (view->list.count > 0 && details > 0) {
        const struct memory_row *row = row_at(view, view->list.cursor);
        memory_details_look(&view->details, row,
                            memory_row_column(row->row, sort_of_column[view->sorted]));
        struct canvas below = part;
        below.area = (struct area){part.area.y + part.area.rows - details, details};
        memory_details_draw(&view->details, &below, row, view->whole);
        part.area.rows -= details;
    }
    if (part.area.rows > 0)
        draw_rows(view, &part);
}

/* --- requests --- */

static void scroll_names(struct memory *view, int step)
{
    int longest = 0;
    int end = MIN(view->list.top + view->list.height, view->list.count);
    for (int i = view->list.top; i < end; i++)
        longest = MAX(longest, surface_text_columns(
                                   lens_function_name(view->lens, row_at(view, i)->row->function)));
    int most = MAX(longest - view->table.places[COLUMN_NAME].cols, 0);
    view->table.skip = CLAMP(view->table.skip + step, 0, most);
}

static enum view_reaction open_flame(struct memory *view)
{
    if (view->list.count == 0)
        return VIEW_HANDLED;
    select_cursor(view);
    const struct heap_row *row = row_at(view, view->list.cursor)->row;
    view->lens->focus = view->function;
    lens_weigh_flame(view->lens, (struct lens_weight){
                                     .of = CALLTREE_OF_HEAP,
                                     .column = memory_row_column(row, sort_of_column[view->sorted]),
                                 });
    return VIEW_OPEN_FLAME;
}

static enum view_reaction sort_step(struct memory *view, int step)
{
    int next = (int)view->sorted;
    do
        next = (next + step + COLUMNS) % COLUMNS;
    while (view->columns[next].hidden || next == COLUMN_ERROR);
    sort_by(view, (enum column)next);
    return VIEW_REFRESH;
}

static enum view_reaction clear_filter(struct memory *view)
{
    lens_clear_filter(view->lens);
    return VIEW_REFRESH;
}

static enum view_reaction move(struct memory *view, enum request request)
{
    if (view->whole)
        return memory_details_request(&view->details, request) ? VIEW_HANDLED : VIEW_PASS;
    if (!list_request(&view->list, request))
        return VIEW_PASS;
    if (request == REQUEST_HOME)
        view->is_selected = false;
    else
        select_cursor(view);
    return VIEW_HANDLED;
}

static enum view_reaction request(void *data, enum request request)
{
    struct memory *view = data;
    switch (request) {
    case REQUEST_OPEN_FLAME:
        return open_flame(view);
    case REQUEST_DETAILS:
        view->whole = !view->whole;
        select_cursor(view);
        return VIEW_HANDLED;
    case REQUEST_SORT_LEFT:
        return sort_step(view, -1);
    case REQUEST_SORT_RIGHT:
    case REQUEST_SORT_NEXT:
        return sort_step(view, 1);
    case REQUEST_SORT_INVERT:
        view->ascending = !view->ascending;
        return VIEW_REFRESH;
    case REQUEST_FILTER:
        return VIEW_PROMPT_FILTER;
    case REQUEST_FILTER_CLEAR:
        return clear_filter(view);
    case REQUEST_LEFT:
    case REQUEST_RIGHT:
        scroll_names(view, request == REQUEST_LEFT ? -SKIP_STEP : SKIP_STEP);
        return VIEW_HANDLED;
    default:
        return move(view, request);
    }
}

static enum view_reaction click_title(struct memory *view, int x)
{
    int column = table_column_at(&view->table, x);
    if (column < 0 || column == COLUMN_ERROR)
        return VIEW_HANDLED;
    if (column == (int)view->sorted)
        view->ascending = !view->ascending;
    else
        sort_by(view, (enum column)column);
    return VIEW_REFRESH;
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    struct memory *view = data;
    if (view->whole)
        return VIEW_PASS;
    int row = list_row_at(&view->list, y - view->rows_y);
    if (y == view->rows_y - 1)
        return click_title(view, x);
    if (row < 0)
        return VIEW_PASS;
    list_move_to(&view->list, row);
    select_cursor(view);
    return twice ? open_flame(view) : VIEW_HANDLED;
}

static void wheel(void *data, int rows)
{
    struct memory *view = data;
    if (view->whole) {
        for (int i = 0; i < ABS(rows); i++)
            memory_details_request(&view->details, rows < 0 ? REQUEST_UP : REQUEST_DOWN);
        return;
    }
    list_scroll(&view->list, rows);
    select_cursor(view);
}

static bool row_matches(void *data, int row)
{
    struct memory *view = data;
    return lens_matches(view->lens,
                        lens_function_name(view->lens, row_at(view, row)->row->function));
}

static bool search(void *data, int direction)
{
    struct memory *view = data;
    if (!list_find(&view->list, direction, row_matches, view))
        return false;
    select_cursor(view);
    return true;
}

static uint32_t selected(const void *data)
{
    const struct memory *view = data;
    return view->list.count > 0 ? row_at(view, view->list.cursor)->row->function : PROFILE_NONE;
}

const struct view_ops view_memory = {
    .name = "Memory",
    .number = 3,
    .context = KEYS_FUNCTIONS,
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .draw = draw,
    .request = request,
    .click = click,
    .wheel = wheel,
    .search = search,
    .selected = selected,
};
