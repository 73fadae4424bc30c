/*
 * Functions: the table of all functions, by what they cost.
 *
 * The selection is a function, not a row: it stays with it while rows move. Before anything is
 * selected the cursor rests on the first row, whichever that is.
 */
#include "tui/views/view.h"

#include "core/base/text.h"
#include "core/model/function_rows.h"
#include "tui/views/lens_heap.h"
#include "tui/widgets/w_paragraph.h"
#include "tui/widgets/w_table.h"

#include <string.h>

enum column {
    COLUMN_SELF_SHARE,
    COLUMN_SELF_BAR,
    COLUMN_SELF,
    COLUMN_TOTAL_SHARE,
    COLUMN_TOTAL,
    COLUMN_SAMPLES,
    COLUMN_ALLOC,
    COLUMN_NAME,
    COLUMN_MODULE,
    COLUMN_SOURCE,
    COLUMNS,
};

static const struct table_column columns[COLUMNS] = {
    [COLUMN_SELF_SHARE] = {.title = "SELF%", .width = 6, .right = true},
    [COLUMN_SELF_BAR] = {.title = "", .width = 6, .priority = 5},
    [COLUMN_SELF] = {.title = "SELF", .width = 8, .right = true, .priority = 3},
    [COLUMN_TOTAL_SHARE] = {.title = "TOTAL%", .width = 7, .right = true, .priority = 1},
    [COLUMN_TOTAL] = {.title = "TOTAL", .width = 8, .right = true, .priority = 4},
    [COLUMN_SAMPLES] = {.title = "SAMPLES", .width = 8, .right = true, .priority = 6},
    [COLUMN_ALLOC] = {.title = "ALLOC", .width = 8, .right = true, .priority = 4},
    [COLUMN_NAME] = {.title = "FUNCTION", .width = 24, .most = 64, .scrolls = true},
    [COLUMN_MODULE] = {.title = "MODULE", .width = 14, .most = 24, .priority = 2},
    [COLUMN_SOURCE] = {.title = "SOURCE", .width = 16, .most = 32, .priority = 7},
};

/* By the bytes that a function allocated: the view's own order, beside those of the model. */
#define SORT_ALLOC FUNCTION_SORTS

static const enum function_sort sort_of_column[COLUMNS] = {
    [COLUMN_SELF_SHARE] = FUNCTION_SORT_SELF,
    [COLUMN_SELF_BAR] = FUNCTION_SORT_SELF,
    [COLUMN_SELF] = FUNCTION_SORT_SELF,
    [COLUMN_TOTAL_SHARE] = FUNCTION_SORT_TOTAL,
    [COLUMN_TOTAL] = FUNCTION_SORT_TOTAL,
    [COLUMN_SAMPLES] = FUNCTION_SORT_SAMPLES,
    [COLUMN_ALLOC] = SORT_ALLOC,
    [COLUMN_NAME] = FUNCTION_SORT_NAME,
    [COLUMN_MODULE] = FUNCTION_SORT_MODULE,
    [COLUMN_SOURCE] = FUNCTION_SORT_SOURCE,
};

/* The columns that can be sorted by, from left to right. */
static const enum column sorted_columns[] = {
    COLUMN_SELF_SHARE, COLUMN_TOTAL_SHARE, COLUMN_SAMPLES, COLUMN_ALLOC,
    COLUMN_NAME,       COLUMN_MODULE,      COLUMN_SOURCE,
};

/* A step of horizontal scroll. */
enum { SKIP_STEP = 8 };

struct functions {
    struct lens *lens;
    GArray *rows;            /* struct function_row */
    enum function_sort sort; /* SORT_ALLOC too */
    bool ascending;
    const GArray *allocated; /* lens_allocated; NULL: not measured */
    struct table_column columns[COLUMNS];
    struct table table;
    struct list list;
    uint32_t selected; /* function; PROFILE_NONE: the first row */
    int rows_y;        /* where the first row is drawn */
    GString *text;     /* of the cell being drawn */
};

static const struct function_row *row_at(const struct functions *view, int i)
{
    return &g_array_index(view->rows, struct function_row, i);
}

static void *create(const struct app_options *options, struct lens *lens)
{
    (void)options;
    struct functions *view = g_new0(struct functions, 1);
    view->lens = lens;
    view->rows = g_array_new(FALSE, FALSE, sizeof(struct function_row));
    view->selected = PROFILE_NONE;
    view->text = g_string_new(NULL);
    memcpy(view->columns, columns, sizeof columns);
    view->table = (struct table){.columns = view->columns, .n_columns = COLUMNS};
    list_fit(&view->list, 0, 1);
    return view;
}

static void destroy(void *data)
{
    struct functions *view = data;
    if (!view)
        return;
    g_array_unref(view->rows);
    g_string_free(view->text, TRUE);
    g_free(view);
}

static int row_of_function(const struct functions *view, uint32_t function)
{
    for (guint i = 0; i < view->rows->len; i++)
        if (row_at(view, (int)i)->function == function)
            return (int)i;
    return -1;
}

static int64_t allocated_by(const struct functions *view, uint32_t function)
{
    if (!view->allocated || function >= view->allocated->len)
        return 0;
    return g_array_index(view->allocated, int64_t, function);
}

static int compare_allocated(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct functions *view = data;
    const struct function_row *x = a, *y = b;
    int64_t of_x = allocated_by(view, x->function), of_y = allocated_by(view, y->function);
    return view->ascending ? (of_x > of_y) - (of_x < of_y) : (of_x < of_y) - (of_x > of_y);
}

static void query_rows(struct functions *view)
{
    bool by_alloc = view->sort == SORT_ALLOC;
    const struct function_query query = {
        .sort = by_alloc ? FUNCTION_SORT_SELF : view->sort,
        .ascending = view->ascending && !by_alloc,
        .filter = view->lens->filter,
    };
    view->allocated = lens_allocated(view->lens);
    function_rows_query(view->lens->tree, &query, view->rows);
    if (by_alloc)
        g_array_sort_with_data(view->rows, compare_allocated, view);
}

static void refresh(void *data)
{
    struct functions *view = data;
    query_rows(view);
    view->list.count = (int)view->rows->len;
    int row = view->selected == PROFILE_NONE ? 0 : row_of_function(view, view->selected);
    if (row >= 0)
        list_move_to(&view->list, row);
    else
        list_fit(&view->list, view->list.count, view->list.height);
}

/* The cursor was moved: it now belongs to the function it stands on. */
static void select_cursor(struct functions *view)
{
    if (view->list.count == 0)
        return;
    view->selected = row_at(view, view->list.cursor)->function;
}

static bool names_ascend(enum function_sort sort)
{
    return sort == FUNCTION_SORT_NAME || sort == FUNCTION_SORT_MODULE ||
           sort == FUNCTION_SORT_SOURCE;
}

static void sort_by(struct functions *view, enum function_sort sort)
{
    view->sort = sort;
    view->ascending = names_ascend(sort);
}

/* --- drawing --- */

static const char *share_text(struct functions *view, int64_t part)
{
    g_string_truncate(view->text, 0);
    lens_append_share(view->text, part, lens_total(view->lens).value);
    return view->text->str;
}

static const char *amount_text(struct functions *view, struct weight weight)
{
    g_string_truncate(view->text, 0);
    lens_append_weight(view->lens, view->text, weight);
    return view->text->str;
}

static const char *count_text(struct functions *view, int64_t count)
{
    g_string_truncate(view->text, 0);
    text_append_count(view->text, count);
    return view->text->str;
}

static const char *alloc_text(struct functions *view, uint32_t function)
{
    g_string_truncate(view->text, 0);
    int64_t bytes = allocated_by(view, function);
    if (bytes > 0)
        text_append_bytes(view->text, bytes);
    else if (view->allocated)
        g_string_append_c(view->text, '0');
    return view->text->str;
}

static const char *source_text(struct functions *view, uint32_t function)
{
    g_string_truncate(view->text, 0);
    lens_append_source(view->lens, view->text, function);
    return view->text->str;
}

static void draw_bar(const struct functions *view, const struct canvas *canvas, int y,
                     const struct function_row *row)
{
    struct table_place place = view->table.places[COLUMN_SELF_BAR];
    int64_t total = lens_total(view->lens).value;
    if (place.cols == 0 || total <= 0)
        return;
    int eighths = (int)((double)row->self.value / (double)total * place.cols * 8 + 0.5);
    for (int i = 0; i < place.cols; i++)
        surface_put(canvas->surface, y, place.x + i, theme_style(canvas->theme, ROLE_BAR),
                    theme_bar(canvas->theme, eighths - i * 8));
}

static void put(struct functions *view, const struct canvas *canvas, struct table_at at,
                const char *text)
{
    table_draw_cell(&view->table, canvas->surface, at, theme_style(canvas->theme, ROLE_NORMAL),
                    text);
}

static void draw_name(struct functions *view, const struct canvas *canvas, int y, uint32_t function)
{
    const char *name = lens_function_name(view->lens, function);
    bool found = lens_matches(view->lens, name);
    struct style style = theme_style(canvas->theme, found ? ROLE_MATCH : ROLE_STRONG);
    table_draw_cell(&view->table, canvas->surface, (struct table_at){y, COLUMN_NAME}, style, name);
}

static void draw_row(struct functions *view, const struct canvas *canvas, int y,
                     const struct function_row *row)
{
    const struct profile *p = view->lens->profile;
    uint32_t module = profile_get_function(p, row->function)->module;
    put(view, canvas, (struct table_at){y, COLUMN_SELF_SHARE}, share_text(view, row->self.value));
    draw_bar(view, canvas, y, row);
    put(view, canvas, (struct table_at){y, COLUMN_SELF}, amount_text(view, row->self));
    put(view, canvas, (struct table_at){y, COLUMN_TOTAL_SHARE}, share_text(view, row->total.value));
    put(view, canvas, (struct table_at){y, COLUMN_TOTAL}, amount_text(view, row->total));
    put(view, canvas, (struct table_at){y, COLUMN_SAMPLES}, count_text(view, row->self.count));
    put(view, canvas, (struct table_at){y, COLUMN_ALLOC}, alloc_text(view, row->function));
    draw_name(view, canvas, y, row->function);
    put(view, canvas, (struct table_at){y, COLUMN_MODULE}, profile_get_module(p, module)->name);
    put(view, canvas, (struct table_at){y, COLUMN_SOURCE}, source_text(view, row->function));
}

/* All of the selected function's name, which the table may have cut, and what a mark means. */
static void draw_details(struct functions *view, const struct canvas *canvas, int y)
{
    if (view->list.count == 0)
        return;
    uint32_t id = row_at(view, view->list.cursor)->function;
    g_string_truncate(view->text, 0);
    lens_append_identity(view->lens, view->text, id);
    surface_text(canvas->surface, (struct span){y, 1, canvas->surface->cols - 2},
                 theme_style(canvas->theme, ROLE_FAINT), view->text->str);
}

/* Index into sorted_columns. */
static int sorted_column(const struct functions *view)
{
    int i = 0;
    while (sort_of_column[sorted_columns[i]] != view->sort)
        i++;
    return i;
}

static void choose_columns(struct functions *view, int width)
{
    enum lens_unit unit = view->lens->unit;
    view->columns[COLUMN_SELF].hidden = unit == LENS_SHARE;
    view->columns[COLUMN_TOTAL].hidden = unit == LENS_SHARE;
    view->columns[COLUMN_SAMPLES].hidden =
        unit != LENS_VALUE || view->lens->profile->count_metric == PROFILE_NONE;
    view->columns[COLUMN_ALLOC].hidden = !view->allocated;
    view->table.sorted = (int)sorted_columns[sorted_column(view)];
    view->table.ascending = view->ascending;
    table_arrange(&view->table, width);
}

static void draw_empty(const struct functions *view, const struct canvas *canvas)
{
    const char *text = lens_no_samples(view->lens);
    if (view->lens->filter)
        text = "No function matches the filter (c clears it).";
    surface_text(canvas->surface, (struct span){canvas->area.y + 2, 2, canvas->surface->cols - 3},
                 theme_style(canvas->theme, ROLE_NORMAL), text);
}

/* Below what rows there are: they are few when nothing is sampled. */
static void draw_why_unsampled(const struct functions *view, const struct canvas *canvas, int end)
{
    const char *text = lens_why_unsampled(view->lens);
    int y = view->rows_y + view->list.count + (view->list.count == 0 ? 3 : 1);
    if (text)
        paragraph_draw(canvas->surface, (struct span){y, 2, canvas->surface->cols - 4}, end - y,
                       theme_style(canvas->theme, ROLE_WARNING), text);
}

static void draw(void *data, const struct canvas *canvas)
{
    struct functions *view = data;
    int rows = canvas->area.rows - 1;
    bool details = rows >= 10;
    rows -= details ? 1 : 0;
    choose_columns(view, canvas->surface->cols);
    table_draw_titles(&view->table, canvas->surface, canvas->theme, canvas->area.y);
    view->rows_y = canvas->area.y + 1;
    list_fit(&view->list, (int)view->rows->len, rows);
    if (view->list.count == 0)
        draw_empty(view, canvas);
    for (int i = 0; i < rows && view->list.top + i < view->list.count; i++) {
        int y = view->rows_y + i;
        draw_row(view, canvas, y, row_at(view, view->list.top + i));
        if (view->list.top + i == view->list.cursor)
            surface_restyle(canvas->surface, (struct span){y, 0, canvas->surface->cols},
                            theme_style(canvas->theme, ROLE_CURSOR));
    }
    draw_why_unsampled(view, canvas, view->rows_y + rows);
    if (details)
        draw_details(view, canvas, canvas->area.y + canvas->area.rows - 1);
}

/* --- requests --- */

static int longest_name(const struct functions *view)
{
    int longest = 0;
    int end = MIN(view->list.top + view->list.height, view->list.count);
    for (int i = view->list.top; i < end; i++)
        longest =
            MAX(longest,
                surface_text_columns(lens_function_name(view->lens, row_at(view, i)->function)));
    return longest;
}

static void scroll_names(struct functions *view, int step)
{
    int most = MAX(longest_name(view) - view->table.places[COLUMN_NAME].cols, 0);
    view->table.skip = CLAMP(view->table.skip + step, 0, most);
}

static enum view_reaction open_flame(struct functions *view)
{
    if (view->list.count == 0)
        return VIEW_HANDLED;
    select_cursor(view);
    view->lens->focus = view->selected;
    lens_weigh_flame(view->lens, view->sort == SORT_ALLOC, HEAP_ALLOC_BYTES);
    return VIEW_OPEN_FLAME;
}

static enum view_reaction sort_step(struct functions *view, int step)
{
    enum { N = G_N_ELEMENTS(sorted_columns) };
    int next = (sorted_column(view) + step + N) % N;
    if (sorted_columns[next] == COLUMN_ALLOC && !view->allocated)
        next = (next + step + N) % N;
    sort_by(view, sort_of_column[sorted_columns[next]]);
    return VIEW_REFRESH;
}

static enum view_reaction clear_filter(struct functions *view)
{
    lens_clear_filter(view->lens);
    return VIEW_REFRESH;
}

static enum view_reaction move(struct functions *view, enum request request)
{
    if (!list_request(&view->list, request))
        return VIEW_PASS;
    if (request == REQUEST_HOME)
        view->selected = PROFILE_NONE;
    else
        select_cursor(view);
    return VIEW_HANDLED;
}

static enum view_reaction request(void *data, enum request request)
{
    struct functions *view = data;
    switch (request) {
    case REQUEST_OPEN_FLAME:
        return open_flame(view);
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
        scroll_names(view, -SKIP_STEP);
        return VIEW_HANDLED;
    case REQUEST_RIGHT:
        scroll_names(view, SKIP_STEP);
        return VIEW_HANDLED;
    default:
        return move(view, request);
    }
}

static enum view_reaction click_title(struct functions *view, int x)
{
    int column = table_column_at(&view->table, x);
    if (column < 0)
        return VIEW_HANDLED;
    enum function_sort sort = sort_of_column[column];
    if (sort == view->sort)
        view->ascending = !view->ascending;
    else
        sort_by(view, sort);
    return VIEW_REFRESH;
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    struct functions *view = data;
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
    struct functions *view = data;
    list_scroll(&view->list, rows);
    select_cursor(view);
}

static bool row_matches(void *data, int row)
{
    struct functions *view = data;
    return lens_matches(view->lens, lens_function_name(view->lens, row_at(view, row)->function));
}

static bool search(void *data, int direction)
{
    struct functions *view = data;
    if (!list_find(&view->list, direction, row_matches, view))
        return false;
    select_cursor(view);
    return true;
}

const struct view_ops view_functions = {
    .name = "Functions",
    .number = 1,
    .context = KEYS_FUNCTIONS,
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .draw = draw,
    .request = request,
    .click = click,
    .wheel = wheel,
    .search = search,
};
