/*
 * Functions: the table of all functions, by what they cost, and what is known of the calls of one.
 *
 * The selection is a function, not a row: it stays with it while rows move. Before anything is
 * selected the cursor rests on the first row, whichever that is.
 */
#include "tui/views/view.h"

#include "tui/views/call_details.h"
#include "tui/views/call_troubles.h"
#include "tui/views/functions_table.h"
#include "tui/widgets/w_paragraph.h"

/* A step of horizontal scroll. */
enum { SKIP_STEP = 8 };

struct functions {
    struct lens *lens;
    struct functions_rows rows;
    struct functions_table table;
    struct call_details details;
    unsigned sort; /* enum function_sort or functions_sort */
    bool ascending;
    struct list list;
    uint32_t selected; /* function; PROFILE_NONE: the first row */
    bool whole;        /* details instead of the table */
    int rows_y;        /* where the first row is drawn */
    GString *text;
};

static const struct function_row *row_at(const struct functions *view, int i)
{
    return functions_rows_at(&view->rows, i);
}

static int n_rows(const struct functions *view)
{
    return (int)view->rows.rows->len;
}

static void *create(const struct app_options *options, struct lens *lens)
{
    (void)options;
    struct functions *view = g_new0(struct functions, 1);
    view->lens = lens;
    functions_rows_init(&view->rows, lens);
    functions_table_init(&view->table, &view->rows);
    call_details_init(&view->details, lens);
    view->selected = PROFILE_NONE;
    view->text = g_string_new(NULL);
    list_fit(&view->list, 0, 1);
    return view;
}

static void destroy(void *data)
{
    struct functions *view = data;
    if (!view)
        return;
    functions_rows_clear(&view->rows);
    functions_table_clear(&view->table);
    call_details_clear(&view->details);
    g_string_free(view->text, TRUE);
    g_free(view);
}

static uint32_t selected(const void *data)
{
    const struct functions *view = data;
    return view->list.count > 0 ? row_at(view, view->list.cursor)->function : PROFILE_NONE;
}

static void refresh(void *data)
{
    struct functions *view = data;
    functions_rows_query(&view->rows, view->sort, view->ascending);
    view->list.count = n_rows(view);
    int row = view->selected == PROFILE_NONE ? 0 : functions_rows_find(&view->rows, view->selected);
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

static bool names_ascend(unsigned sort)
{
    return sort == FUNCTION_SORT_NAME || sort == FUNCTION_SORT_MODULE ||
           sort == FUNCTION_SORT_SOURCE;
}

static void sort_by(struct functions *view, unsigned sort)
{
    view->sort = sort;
    view->ascending = names_ascend(sort);
}

/* --- drawing --- */

/* All of the selected function's name, which the table may have cut, and what a mark means. */
static void draw_identity(struct functions *view, const struct canvas *canvas, int y)
{
    if (view->list.count == 0)
        return;
    g_string_truncate(view->text, 0);
    lens_append_identity(view->lens, view->text, selected(view));
    surface_text(canvas->surface, (struct span){y, 1, canvas->surface->cols - 2},
                 theme_style(canvas->theme, ROLE_FAINT), view->text->str);
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
static void draw_notes(const struct functions *view, const struct canvas *canvas, int end)
{
    const char *text = lens_why_unsampled(view->lens);
    int y = view->rows_y + view->list.count + (view->list.count == 0 ? 3 : 1);
    int cols = canvas->surface->cols - 4;
    if (text) {
        paragraph_draw(canvas->surface, (struct span){y, 2, cols}, end - y,
                       theme_style(canvas->theme, ROLE_WARNING), text);
        y += paragraph_rows(text, cols) + 1;
    }
    struct canvas below = *canvas;
    below.area = (struct area){y, end - y};
    call_troubles_draw(view->lens, &below, 0);
}

static void draw_rows(struct functions *view, const struct canvas *canvas)
{
    int rows = canvas->area.rows - 1, cols = canvas->surface->cols;
    functions_table_arrange(&view->table, cols, view->sort, view->ascending);
    table_draw_titles(&view->table.table, canvas->surface, canvas->theme, canvas->area.y);
    view->rows_y = canvas->area.y + 1;
    list_fit(&view->list, n_rows(view), rows);
    if (view->list.count == 0)
        draw_empty(view, canvas);
    for (int i = 0; i < rows && view->list.top + i < view->list.count; i++) {
        int y = view->rows_y + i;
        functions_table_draw_row(&view->table, canvas, y, row_at(view, view->list.top + i));
        if (view->list.top + i == view->list.cursor)
            surface_restyle(canvas->surface, (struct span){y, 0, cols},
                            theme_style(canvas->theme, ROLE_CURSOR));
    }
    draw_notes(view, canvas, view->rows_y + rows);
}

/* Rows below the table: who the selected function is, and, where there are calls, what is known of
 * them; none on small screens, all where only that is wanted. */
static int details_rows(const struct functions *view, int rows)
{
    enum { IDENTITY_FROM = 11, CALLS_FROM = 16, LEAST = 6, MOST = 14, ONE_IN = 3 };
    if (view->list.count == 0)
        return 0;
    if (view->whole)
        return rows;
    if (view->rows.has_calls && rows >= CALLS_FROM)
        return CLAMP(rows / ONE_IN, LEAST, MOST);
    return rows >= IDENTITY_FROM ? 1 : 0;
}

static void draw(void *data, const struct canvas *canvas)
{
    struct functions *view = data;
    struct canvas table = *canvas, below = *canvas;
    int rows = details_rows(view, canvas->area.rows);
    table.area.rows -= rows;
    below.area = (struct area){canvas->area.y + table.area.rows, rows};
    call_details_look(&view->details, selected(view));
    if (table.area.rows > 0)
        draw_rows(view, &table);
    if (rows == 1 && !view->whole)
        draw_identity(view, canvas, below.area.y);
    else if (rows > 0)
        call_details_draw(&view->details, &below, view->whole);
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
    int most = MAX(longest_name(view) - view->table.table.places[FUNCTIONS_NAME].cols, 0);
    view->table.table.skip = CLAMP(view->table.table.skip + step, 0, most);
}

/* By what the table is sorted by, as far as Flame can be weighed by it. */
static struct lens_weight weight_of_sort(unsigned sort)
{
    if (sort == FUNCTIONS_SORT_ALLOC)
        return (struct lens_weight){.of = CALLTREE_OF_HEAP, .column = HEAP_ALLOC_BYTES};
    if (!functions_sort_is_of_calls(sort))
        return (struct lens_weight){.of = CALLTREE_OF_SAMPLES};
    enum call_sort by = functions_sort_of_calls(sort);
    bool by_number = by == CALL_SORT_CALLS || by == CALL_SORT_RATE;
    return (struct lens_weight){.of = CALLTREE_OF_CALLS,
                                .call_weight = by_number ? CALL_WEIGHT_CALLS : CALL_WEIGHT_TIME};
}

static enum view_reaction open_flame(struct functions *view)
{
    if (view->list.count == 0)
        return VIEW_HANDLED;
    select_cursor(view);
    view->lens->focus = view->selected;
    lens_weigh_flame(view->lens, weight_of_sort(view->sort));
    return VIEW_OPEN_FLAME;
}

static enum view_reaction sort_step(struct functions *view, int step)
{
    sort_by(view, functions_table_next_sort(&view->table, view->sort, step));
    return VIEW_REFRESH;
}

static enum view_reaction clear_filter(struct functions *view)
{
    lens_clear_filter(view->lens);
    return VIEW_REFRESH;
}

static enum view_reaction move(struct functions *view, enum request request)
{
    if (view->whole)
        return call_details_request(&view->details, request) ? VIEW_HANDLED : VIEW_PASS;
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
    int column = table_column_at(&view->table.table, x);
    if (column < 0)
        return VIEW_HANDLED;
    unsigned sort = functions_table_sort(column);
    if (sort == view->sort)
        view->ascending = !view->ascending;
    else
        sort_by(view, sort);
    return VIEW_REFRESH;
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    struct functions *view = data;
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
    struct functions *view = data;
    if (view->whole) {
        for (int i = 0; i < ABS(rows); i++)
            call_details_request(&view->details, rows < 0 ? REQUEST_UP : REQUEST_DOWN);
        return;
    }
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
    .selected = selected,
};
