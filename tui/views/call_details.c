/*
 * Details of a function's calls: a title, lines of facts, the histogram, its edges.
 *
 * On a wide screen the histogram stands beside the edges, else above them, or on one line. Callers
 * and what it called stand side by side where there is room for names.
 */
#include "tui/views/call_details.h"

#include "core/base/text.h"
#include "tui/views/call_histogram.h"
#include "tui/widgets/w_bar.h"
#include "tui/widgets/w_paragraph.h"

enum {
    PANEL_COLUMNS = 34, /* of the histogram */
    PANEL_FROM_COLUMNS = 110,
    PANEL_MIN_ROWS = 4,
    GAP = 2,
    HALF_MIN_COLUMNS = 36, /* of one of two lists of edges side by side */
    HALF_MIN_WHOLE = 64,   /* the same where there are rows enough for one below the other */
};

void call_details_init(struct call_details *details, const struct lens *lens)
{
    *details = (struct call_details){
        .lens = lens,
        .function = PROFILE_NONE,
        .callers = g_array_new(FALSE, FALSE, sizeof(struct call_row)),
        .called = g_array_new(FALSE, FALSE, sizeof(struct call_row)),
    };
}

void call_details_clear(struct call_details *details)
{
    g_clear_pointer(&details->callers, g_array_unref);
    g_clear_pointer(&details->called, g_array_unref);
}

void call_details_look(struct call_details *details, uint32_t function)
{
    const struct lens_calls *calls = details->lens->calls;
    bool same = function == details->function;
    if (!same)
        list_move_to(&details->list, 0);
    if (same && details->n_queries == calls->n_queries)
        return;
    details->function = function;
    details->n_queries = calls->n_queries;
    g_array_set_size(details->callers, 0);
    g_array_set_size(details->called, 0);
    if (!calls->rows || function == PROFILE_NONE)
        return;
    call_rows_edges(calls->rows, function, CALL_EDGES_CALLERS, details->callers);
    call_rows_edges(calls->rows, function, CALL_EDGES_CALLEES, details->called);
}

/* --- title and facts --- */

static void draw_title(const struct call_details *details, const struct canvas *canvas, int y)
{
    struct style style = theme_style(canvas->theme, ROLE_HEADER);
    int cols = canvas->surface->cols;
    bool counted = lens_counts_function(details->lens, details->function);
    char *right = g_strdup_printf("%s%sexact calls, whole run",
                                  counted ? theme_glyph_text(canvas->theme, GLYPH_COUNTED) : "",
                                  counted ? " " : "");
    int right_cols = surface_text_columns(right);
    GString *text = g_string_new(NULL);
    lens_append_identity(details->lens, text, details->function);
    surface_fill(canvas->surface, (struct span){y, 0, cols}, style, ' ');
    if (cols < 2 * right_cols)
        right_cols = 0;
    surface_text(canvas->surface, (struct span){y, 1, cols - right_cols - 4}, style, text->str);
    surface_text(canvas->surface, (struct span){y, cols - right_cols - 1, right_cols}, style,
                 right);
    g_string_free(text, TRUE);
    g_free(right);
}

static void add_time(struct bar *bar, int priority, const char *what, double ns)
{
    if (ns < 0)
        return;
    GString *text = g_string_new(what);
    lens_append_call_time(text, ns);
    bar_add(bar, priority, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_count(struct bar *bar, int priority, const char *what, int64_t count)
{
    GString *text = g_string_new(what);
    text_append_count(text, count);
    bar_add(bar, priority, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_rate(struct bar *bar, double per_second)
{
    if (per_second < 0)
        return;
    GString *text = g_string_new(NULL);
    lens_append_call_rate(text, per_second);
    g_string_append(text, "/s");
    bar_add(bar, 3, ROLE_NORMAL, g_string_free(text, FALSE));
}

/* How often, and what that took in all. */
static void draw_sums(const struct canvas *canvas, const struct call_row *row, int y)
{
    const struct call_stats *stats = &row->stats;
    struct bar bar;
    bar_init(&bar);
    add_count(&bar, 0, stats->calls == 1 ? "call " : "calls ", stats->calls);
    add_rate(&bar, row->per_second);
    if (stats->open > 0)
        add_count(&bar, 2, "open ", stats->open);
    add_time(&bar, 0, "total ", (double)stats->total_ns);
    add_time(&bar, 1, "self ", (double)stats->self_ns);
    if (stats->cost_ns > 0)
        add_time(&bar, 5, "taken off for probes ", (double)stats->cost_ns);
    bar_draw(&bar, canvas->surface, canvas->theme, y);
    bar_clear(&bar);
}

/* How long one takes. */
static void draw_durations(const struct canvas *canvas, const struct call_stats *stats, int y)
{
    bool some_ended = stats->calls > stats->open;
    struct bar bar;
    bar_init(&bar);
    add_time(&bar, 0, "avg ", call_stats_average_ns(stats));
    add_time(&bar, 2, "min ", some_ended ? (double)stats->min_ns : -1);
    add_time(&bar, 3, "p50 ~", call_stats_percentile_ns(stats, 0.5));
    add_time(&bar, 2, "p99 ~", call_stats_percentile_ns(stats, 0.99));
    add_time(&bar, 1, "max ", some_ended ? (double)stats->max_ns : -1);
    if (!some_ended)
        bar_add(&bar, 0, ROLE_NORMAL, g_strdup("none of them has ended yet"));
    if (call_stats_is_doubtful(stats))
        bar_add(&bar, 1, ROLE_WARNING, g_strdup("! doubtful: much was taken off for probes"));
    bar_draw(&bar, canvas->surface, canvas->theme, y);
    bar_clear(&bar);
}

/* --- edges --- */

/* Where the figures of an edge stand in a list; 0 columns: not there. */
struct edge_columns {
    int calls, rate, average, total;
};

static struct edge_columns edge_columns(int cols)
{
    return (struct edge_columns){
        .calls = 7, .rate = cols >= 64 ? 8 : 0, .average = cols >= 48 ? 9 : 0, .total = 8};
}

/* Where to write next: a cell of the row, right-aligned. */
struct pen {
    struct surface *surface;
    struct span rest; /* of the row */
    struct style style;
};

static void write_figure(struct pen *pen, int cols, const char *text)
{
    if (cols == 0)
        return;
    surface_text_right(pen->surface, (struct span){pen->rest.y, pen->rest.x, cols}, pen->style,
                       text);
    pen->rest.x += cols + 1;
    pen->rest.cols -= cols + 1;
}

static void write_edge_title(struct pen *pen, const char *title)
{
    struct edge_columns columns = edge_columns(pen->rest.cols);
    write_figure(pen, columns.calls, "CALLS");
    write_figure(pen, columns.rate, "CALLS/s");
    write_figure(pen, columns.average, "AVG ");
    write_figure(pen, columns.total, "TOTAL");
    surface_text(pen->surface, pen->rest, pen->style, title);
}

static void write_edge(const struct call_details *details, struct pen *pen,
                       const struct call_row *row)
{
    struct edge_columns columns = edge_columns(pen->rest.cols);
    GString *text = g_string_new(NULL);
    text_append_count(text, row->stats.calls);
    write_figure(pen, columns.calls, text->str);
    g_string_truncate(text, 0);
    lens_append_call_rate(text, row->per_second);
    write_figure(pen, columns.rate, text->str);
    g_string_truncate(text, 0);
    lens_append_call_time(text, call_stats_average_ns(&row->stats));
    g_string_append_c(text, call_stats_is_doubtful(&row->stats) ? '!' : ' ');
    write_figure(pen, columns.average, text->str);
    g_string_truncate(text, 0);
    if (row->is_recursive)
        g_string_append(text, "recurses");
    else
        lens_append_call_time(text, (double)row->stats.total_ns);
    write_figure(pen, columns.total, text->str);
    const char *name = row->function == PROFILE_NONE
                           ? "(not counted)"
                           : lens_function_name(details->lens, row->function);
    surface_text_name(pen->surface, pen->rest, pen->style, name);
    g_string_free(text, TRUE);
}

/* One of the two lists. */
struct edge_list {
    const char *title;
    const GArray *edges;
};

static int list_lines(const struct edge_list *list)
{
    return 1 + MAX((int)list->edges->len, 1);
}

/* Its lines from `from` on, in a box. */
static void draw_list(const struct call_details *details, const struct canvas *canvas,
                      const struct box *box, const struct edge_list *list, int from)
{
    for (int i = MAX(-from, 0); i < box->rows && from + i < list_lines(list); i++) {
        int line = from + i;
        struct pen pen = {canvas->surface,
                          {box->y + i, box->x, box->cols},
                          theme_style(canvas->theme, line == 0 ? ROLE_STRONG : ROLE_NORMAL)};
        if (line == 0)
            write_edge_title(&pen, list->title);
        else if (list->edges->len > 0)
            write_edge(details, &pen,
                       &g_array_index(list->edges, struct call_row, (guint)line - 1));
        else
            surface_text(canvas->surface, pen.rest, theme_style(canvas->theme, ROLE_FAINT),
                         "        (nothing that is counted)");
    }
}

static void draw_edges(struct call_details *details, const struct canvas *canvas,
                       const struct box *box, bool whole)
{
    struct edge_list callers = {"CALLED BY", details->callers};
    struct edge_list called = {"CALLED", details->called};
    int half = (box->cols - GAP) / 2, upper = list_lines(&callers) + 1;
    bool side_by_side = half >= (whole ? HALF_MIN_WHOLE : HALF_MIN_COLUMNS);
    int lines =
        side_by_side ? MAX(list_lines(&callers), list_lines(&called)) : upper + list_lines(&called);
    list_fit(&details->list, lines, box->rows);
    if (side_by_side) {
        struct box left = {box->y, box->x, box->rows, half};
        struct box right = {box->y, box->x + half + GAP, box->rows, half};
        draw_list(details, canvas, &left, &callers, details->list.top);
        draw_list(details, canvas, &right, &called, details->list.top);
        return;
    }
    draw_list(details, canvas, box, &callers, details->list.top);
    draw_list(details, canvas, box, &called, details->list.top - upper);
}

bool call_details_request(struct call_details *details, enum request request)
{
    return list_scroll_request(&details->list, request);
}

/* --- all --- */

/* Draws the histogram, and leaves in `box` what is left for the edges. */
static void draw_histogram(const struct canvas *canvas, const struct call_stats *stats,
                           struct box *box, bool whole)
{
    if (canvas->surface->cols >= PANEL_FROM_COLUMNS && box->rows >= PANEL_MIN_ROWS) {
        struct box panel = {box->y, box->x + box->cols - PANEL_COLUMNS, box->rows, PANEL_COLUMNS};
        if (call_histogram_draw(stats, canvas->surface, canvas->theme, &panel) > 0)
            box->cols -= PANEL_COLUMNS + GAP;
        return;
    }
    int used = 0;
    if (whole && box->rows >= 3 * PANEL_MIN_ROWS) {
        struct box above = {box->y, box->x, box->rows / 2, MIN(box->cols, 2 * PANEL_COLUMNS)};
        used = call_histogram_draw(stats, canvas->surface, canvas->theme, &above);
        used += used > 0;
    } else if (box->rows >= PANEL_MIN_ROWS) {
        char *text = call_histogram_text(stats, canvas->theme);
        surface_text(canvas->surface, (struct span){box->y, box->x, box->cols},
                     theme_style(canvas->theme, ROLE_NORMAL), text);
        g_free(text);
        used = 1;
    }
    box->y += used;
    box->rows -= used;
}

static void draw_no_calls(const struct call_details *details, const struct canvas *canvas)
{
    const struct lens *lens = details->lens;
    bool counts = lens->live && !lens->ended && lens->status->calls_policy != CALLS_POLICY_OFF;
    GString *text = g_string_new(NULL);
    if (counts && lens_counts_function(lens, details->function)) {
        g_string_append(text, "It has not been called since its calls are counted.");
    } else if (!lens_has_calls(lens)) {
        g_string_append(text, "No calls are counted: ");
        lens_append_why_no_calls(lens, text);
        g_string_append_c(text, '.');
    } else {
        g_string_append(text, "Its calls are not counted");
        g_string_append(text, counts ? " (x counts them from now on)." : ".");
    }
    struct span first = {canvas->area.y + 1, 1, canvas->surface->cols - 2};
    paragraph_draw(canvas->surface, first, canvas->area.rows - 1,
                   theme_style(canvas->theme, ROLE_NORMAL), text->str);
    g_string_free(text, TRUE);
}

void call_details_draw(struct call_details *details, const struct canvas *canvas, bool whole)
{
    enum { FACTS = 3 }; /* lines, the title included */
    const struct area *area = &canvas->area;
    if (area->rows < FACTS || details->function == PROFILE_NONE)
        return;
    draw_title(details, canvas, area->y);
    const struct call_row *row = lens_calls_of(details->lens, details->function);
    if (!row) {
        draw_no_calls(details, canvas);
        return;
    }
    draw_sums(canvas, row, area->y + 1);
    draw_durations(canvas, &row->stats, area->y + 2);
    struct box box = {area->y + FACTS, 1, area->rows - FACTS, canvas->surface->cols - 2};
    draw_histogram(canvas, &row->stats, &box, whole);
    if (box.rows > 0)
        draw_edges(details, canvas, &box, whole);
}
