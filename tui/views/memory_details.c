/*
 * Details of a row: a title, a line of facts, histograms, call paths.
 *
 * On a wide screen the histograms are bars beside the paths, else a small chart on a line each.
 */
#include "tui/views/memory_details.h"

#include "core/base/text.h"
#include "tui/views/lens_heap.h"
#include "tui/widgets/w_bar.h"
#include "tui/widgets/w_bars.h"

enum {
    PANEL_COLUMNS = 34, /* of the bars */
    PANEL_FROM_COLUMNS = 110,
    HISTOGRAM_MIN_ROWS = 5, /* with fewer, paths matter more */
    FRAMES_MAX = 200,       /* of one path: lines, and what is read of it */
    PATHS_MAX = 200,
};

static const char *const lifetime_names[HEAP_LIFETIMES] = {
    "< 1 us", "< 10 us", "< 100 us", "< 1 ms", "< 10 ms", "< 100 ms", "< 1 s", ">= 1 s",
};

void memory_details_init(struct memory_details *details, const struct lens *lens,
                         const struct memory_rows *rows)
{
    *details = (struct memory_details){
        .lens = lens,
        .rows = rows,
        .sites = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .lines = g_ptr_array_new_with_free_func(g_free),
        .function = PROFILE_NONE,
    };
}

void memory_details_clear(struct memory_details *details)
{
    g_clear_pointer(&details->sites, g_array_unref);
    g_clear_pointer(&details->lines, g_ptr_array_unref);
}

static const struct heap_site *site_at(const struct memory_details *details, guint i)
{
    uint32_t site = g_array_index(details->sites, uint32_t, i);
    return &g_array_index(details->lens->profile->heap->sites, struct heap_site, site);
}

/* --- call paths --- */

/* The logical frames of a path from the row's function on, innermost first; at most FRAMES_MAX. */
static int path_lines(const struct memory_details *details, const struct heap_site *site,
                      struct line *lines)
{
    const struct profile *p = details->lens->profile;
    const struct stack *stack = profile_get_stack(p, site->stack);
    const uint32_t *frames = profile_stack_frames(p, site->stack);
    bool found = false;
    int n = 0;
    for (uint32_t i = 0; i < stack->n_frames; i++)
        for (uint32_t k = 0; k < profile_get_frame(p, frames[i])->n_lines && n < FRAMES_MAX; k++) {
            lines[n] = profile_frame_lines(p, frames[i])[k];
            found |= lines[n].function == details->function;
            n += found;
        }
    return n;
}

/* "42.1 MiB  80.1 %". */
static void append_path_weight(const struct memory_details *details, const struct heap_site *site,
                               GString *out)
{
    int64_t value = site->values[details->column];
    lens_append_site_value(out, site, details->column);
    g_string_append(out, "  ");
    lens_append_share(out, value, details->whole);
    g_string_append(out, " %");
}

/* On one line: who called the row's function, and who called that. */
static char *path_text(const struct memory_details *details, const struct theme *theme, guint i)
{
    struct line lines[FRAMES_MAX];
    int n = path_lines(details, site_at(details, i), lines);
    GString *out = g_string_new(NULL);
    append_path_weight(details, site_at(details, i), out);
    g_string_append(out, "  ");
    for (int k = 1; k < n; k++)
        g_string_append_printf(out, "%s%s",
                               k == 1         ? "by "
                               : theme->ascii ? " <- "
                                              : " \u2190 ",
                               lens_function_name(details->lens, lines[k].function));
    if (n <= 1)
        g_string_append(out, "(no caller is known)");
    return g_string_free(out, FALSE);
}

/* A frame a line. */
static void add_whole_path(struct memory_details *details, guint i)
{
    const struct profile *p = details->lens->profile;
    struct line lines[FRAMES_MAX];
    int n = path_lines(details, site_at(details, i), lines);
    GString *text = g_string_new(NULL);
    append_path_weight(details, site_at(details, i), text);
    g_ptr_array_add(details->lines, g_strdup(text->str));
    for (int k = 0; k < n; k++) {
        g_string_printf(text, "    %s  ", lens_function_name(details->lens, lines[k].function));
        text_append_source(text, profile_get_function(p, lines[k].function)->file, lines[k].line);
        g_ptr_array_add(details->lines, g_strdup(text->str));
    }
    g_string_free(text, TRUE);
}

static void add_paths(struct memory_details *details, const struct theme *theme, bool whole)
{
    guint most = whole ? PATHS_MAX : (guint)details->list.height;
    for (guint i = 0; i < details->sites->len && i < most; i++) {
        if (whole)
            add_whole_path(details, i);
        else
            g_ptr_array_add(details->lines, path_text(details, theme, i));
    }
    if (whole && details->sites->len > most)
        g_ptr_array_add(details->lines, g_strdup_printf("and %u more", details->sites->len - most));
}

/* --- the lines --- */

static void draw_lines(struct memory_details *details, const struct canvas *canvas,
                       const struct box *box, bool whole)
{
    if (!whole)
        list_move_to(&details->list, 0);
    list_fit(&details->list, (int)details->lines->len, box->rows);
    for (int i = 0; i < box->rows && details->list.top + i < (int)details->lines->len; i++) {
        const char *line = g_ptr_array_index(details->lines, (guint)(details->list.top + i));
        bool head = whole && g_ascii_isdigit(*line);
        surface_text(canvas->surface, (struct span){box->y + i, box->x, box->cols},
                     theme_style(canvas->theme, head ? ROLE_STRONG : ROLE_NORMAL), line);
    }
}

bool memory_details_request(struct memory_details *details, enum request request)
{
    return list_scroll_request(&details->list, request);
}

/* --- histograms --- */

static char *size_name(int size)
{
    bool last = heap_size_bound((unsigned)size) < 0;
    GString *text = g_string_new(last ? "> " : "<= ");
    text_append_bytes(text, heap_size_bound((unsigned)(last ? size - 1 : size)));
    return g_string_free(text, FALSE);
}

static int64_t largest(const int64_t *values, int n, int *ret_at)
{
    int64_t most = 0;
    *ret_at = 0;
    for (int i = 0; i < n; i++)
        if (values[i] > most) {
            most = values[i];
            *ret_at = i;
        }
    return most;
}

/* "sizes <= 16 B ▁▂█▁ > 256 KiB  most: <= 64 B". */
static char *histogram_text(const struct theme *theme, const char *what, const int64_t *values,
                            char *const *names)
{
    int n = (int)g_strv_length((char **)names), at;
    float heights[HEAP_SIZE_CLASSES];
    int64_t most = largest(values, n, &at);
    if (most == 0)
        return g_strdup_printf("%-9s none yet", what);
    for (int i = 0; i < n; i++)
        heights[i] = (float)values[i];
    char *chart = bar_spark(theme, heights, n, n, 0);
    char *text = g_strdup_printf("%-9s %8s %s %-10s  most: %s", what, names[0], chart, names[n - 1],
                                 names[at]);
    g_free(chart);
    return text;
}

/* A histogram as bars from its first to its last class that has something; returns its rows. */
static int draw_histogram_bars(const struct canvas *canvas, const struct box *box,
                               const char *title, const int64_t *values, char *const *names)
{
    int first = 0, last = (int)g_strv_length((char **)names) - 1, at;
    int64_t most = largest(values, last + 1, &at);
    struct bars bars;
    if (most == 0 || box->rows < 2)
        return 0;
    while (values[first] == 0)
        first++;
    while (values[last] == 0)
        last--;
    bars_init(&bars);
    for (int i = first; i <= last; i++) {
        GString *count = g_string_new(NULL);
        text_append_count(count, values[i]);
        bars_add(&bars, g_strdup(names[i]), g_string_free(count, FALSE), (double)values[i]);
    }
    surface_text(canvas->surface, (struct span){box->y, box->x, box->cols},
                 theme_style(canvas->theme, ROLE_STRONG), title);
    struct box below = {box->y + 1, box->x, box->rows - 1, box->cols};
    bars_draw(&bars, canvas->surface, canvas->theme, &below, (double)most);
    bars_clear(&bars);
    return MIN(last - first + 2, box->rows);
}

static char **size_names(void)
{
    char **names = g_new0(char *, HEAP_SIZE_CLASSES + 1);
    for (int i = 0; i < HEAP_SIZE_CLASSES; i++)
        names[i] = size_name(i);
    return names;
}

static char **life_names(void)
{
    char **names = g_new0(char *, HEAP_LIFETIMES + 1);
    for (int i = 0; i < HEAP_LIFETIMES; i++)
        names[i] = g_strdup(lifetime_names[i]);
    return names;
}

/* Bars on the right; `box` is then what is left for the paths. */
static void draw_panel(const struct canvas *canvas, const struct heap_site *sum, struct box *box)
{
    char **sizes = size_names(), **lives = life_names();
    struct box panel = {box->y, canvas->surface->cols - PANEL_COLUMNS - 1, box->rows,
                        PANEL_COLUMNS};
    int rows = draw_histogram_bars(canvas, &panel, "blocks by size", sum->sizes, sizes);
    panel.y += rows;
    panel.rows -= rows;
    draw_histogram_bars(canvas, &panel, "freed after", sum->lifetimes, lives);
    box->cols -= PANEL_COLUMNS + 2;
    g_strfreev(sizes);
    g_strfreev(lives);
}

/* Both histograms as a line of text each. */
static void add_histogram_lines(GPtrArray *lines, const struct theme *theme,
                                const struct heap_site *sum)
{
    char **sizes = size_names(), **lives = life_names();
    g_ptr_array_add(lines, histogram_text(theme, "sizes", sum->sizes, sizes));
    g_ptr_array_add(lines, histogram_text(theme, "lifetimes", sum->lifetimes, lives));
    g_strfreev(sizes);
    g_strfreev(lives);
}

/* --- title and facts --- */

static void draw_title(const struct memory_details *details, const struct canvas *canvas,
                       const struct heap_row *row, int y)
{
    const struct lens *lens = details->lens;
    const struct function *f = profile_get_function(lens->profile, row->function);
    struct style style = theme_style(canvas->theme, ROLE_HEADER);
    int cols = canvas->surface->cols;
    GString *text = g_string_new(f->name);
    g_string_append_printf(text, "  %s  ", profile_get_module(lens->profile, f->module)->name);
    text_append_source(text, f->file, row->line);
    char *right =
        g_strdup_printf("%u call path%s by %s", details->sites->len,
                        details->sites->len == 1 ? "" : "s", heap_columns[details->column].words);
    int right_cols = surface_text_columns(right);
    surface_fill(canvas->surface, (struct span){y, 0, cols}, style, ' ');
    if (cols < 2 * right_cols)
        right_cols = 0;
    surface_text(canvas->surface, (struct span){y, 1, cols - right_cols - 4}, style, text->str);
    surface_text(canvas->surface, (struct span){y, cols - right_cols - 1, right_cols}, style,
                 right);
    g_free(right);
    g_string_free(text, TRUE);
}

static void add_ages(struct bar *bar, const struct heap_site *sum)
{
    if (sum->oldest_ns < 0)
        return;
    GString *text = g_string_new("live for ");
    text_append_durations(text, sum->youngest_ns, sum->oldest_ns);
    bar_add(bar, 3, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void add_count(struct bar *bar, int priority, const char *what, int64_t count)
{
    GString *text = g_string_new(what);
    text_append_count(text, count);
    bar_add(bar, priority, ROLE_NORMAL, g_string_free(text, FALSE));
}

/* What was allocated in all, with the error of its estimate. */
static void add_allocated(struct bar *bar, const struct theme *theme, const struct heap_site *sum)
{
    GString *text = g_string_new("allocated ");
    text_append_bytes(text, sum->values[HEAP_ALLOC_BYTES]);
    if (sum->sampled > 0) {
        g_string_append(text, theme->ascii ? " +- " : " \u00b1 ");
        text_append_bytes(text, (int64_t)heap_error(sum->variance_bytes2));
        g_string_append(text, " from ");
        text_append_count(text, sum->sampled);
        g_string_append(text, sum->sampled == 1 ? " sample" : " samples");
    }
    bar_add(bar, 0, ROLE_NORMAL, g_string_free(text, FALSE));
}

static void draw_facts(const struct canvas *canvas, const struct heap_row *row, int y)
{
    const struct heap_site *sum = &row->sum;
    struct bar bar;
    bar_init(&bar);
    add_allocated(&bar, canvas->theme, sum);
    GString *blocks = g_string_new("in ");
    text_append_count(blocks, sum->values[HEAP_ALLOCS]);
    g_string_append(blocks, sum->values[HEAP_ALLOCS] == 1 ? " block" : " blocks");
    bar_add(&bar, 1, ROLE_NORMAL, g_string_free(blocks, FALSE));
    bar_add(&bar, 2, ROLE_NORMAL,
            g_strdup_printf("temporary %.1f %%", heap_site_temporary_percent(sum)));
    add_ages(&bar, sum);
    add_count(&bar, 4, "by realloc ", sum->values[HEAP_REALLOCS]);
    add_count(&bar, 5, "freed by other threads ", sum->values[HEAP_REMOTE_FREES]);
    if (row->own_peak_is_bound)
        bar_add(&bar, 6, ROLE_NORMAL, g_strdup("own peak: an upper bound"));
    bar_draw(&bar, canvas->surface, canvas->theme, y);
    bar_clear(&bar);
}

/* --- all --- */

void memory_details_look(struct memory_details *details, const struct memory_row *row,
                         enum heap_column column)
{
    bool same_row = row->row->function == details->function && row->row->line == details->line;
    if (!same_row)
        list_move_to(&details->list, 0);
    if (same_row && column == details->column && details->n_queries == details->rows->n_queries)
        return;
    details->function = row->row->function;
    details->line = row->row->line;
    details->column = column;
    details->n_queries = details->rows->n_queries;
    details->whole = row->row->sum.values[column];
    heap_row_stacks(details->rows->heap, row->row, column, details->sites);
}

void memory_details_draw(struct memory_details *details, const struct canvas *canvas,
                         const struct memory_row *row, bool whole)
{
    struct area area = canvas->area;
    if (area.rows < 2)
        return;
    draw_title(details, canvas, row->row, area.y);
    draw_facts(canvas, row->row, area.y + 1);
    struct box box = {area.y + 2, 1, area.rows - 2, canvas->surface->cols - 2};
    details->list.height = box.rows;
    g_ptr_array_set_size(details->lines, 0);
    if (canvas->surface->cols >= PANEL_FROM_COLUMNS && box.rows >= HISTOGRAM_MIN_ROWS)
        draw_panel(canvas, &row->row->sum, &box);
    else if (whole || box.rows >= HISTOGRAM_MIN_ROWS - 1)
        add_histogram_lines(details->lines, canvas->theme, &row->row->sum);
    add_paths(details, canvas->theme, whole);
    draw_lines(details, canvas, &box, whole);
}
