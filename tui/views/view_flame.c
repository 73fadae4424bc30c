/*
 * Flame: the icicle of the same data, callers above callees (or, bottom-up, the other way round).
 *
 * Reading it needs no colour: boxes have edges, the cursor and what is highlighted are also told by
 * the lines below.
 */
#include "tui/views/view.h"

#include "core/base/text.h"
#include "core/formats/flame_svg.h"
#include "tui/views/flame_nav.h"
#include "tui/views/lens_flame.h"

#include <string.h>

enum { LABEL_COLUMNS_MIN = 3 }; /* less would be a dot and nothing else */

struct flame {
    struct lens *lens;
    struct flame_nav nav;
    uint32_t shown_zoom; /* that `top` was chosen for */
    uint32_t highlight;  /* function; PROFILE_NONE */
    int top;             /* first row (depth) shown */
    int columns;         /* laid out over so many */
    struct area boxes_area;
    GString *text;
};

static void *create(const struct app_options *options, struct lens *lens)
{
    (void)options;
    struct flame *view = g_new0(struct flame, 1);
    view->lens = lens;
    view->highlight = PROFILE_NONE;
    view->columns = 80;
    view->text = g_string_new(NULL);
    flame_nav_init(&view->nav, lens);
    return view;
}

static void destroy(void *data)
{
    struct flame *view = data;
    if (!view)
        return;
    flame_nav_clear(&view->nav);
    g_string_free(view->text, TRUE);
    g_free(view);
}

static const struct calltree_node *node_of(const struct flame *view, uint32_t id)
{
    return calltree_node(view->lens->flame, id);
}

static const char *name_of(const struct flame *view, uint32_t id)
{
    const struct calltree_node *node = node_of(view, id);
    return id == CALLTREE_ROOT ? "all" : lens_function_name(view->lens, node->function);
}

static void refresh(void *data)
{
    struct flame *view = data;
    lens_update_flame(view->lens);
    if (view->lens->focus != PROFILE_NONE) {
        flame_nav_focus(&view->nav, view->lens->focus);
        view->highlight = view->lens->focus;
        view->lens->focus = PROFILE_NONE;
    }
    flame_nav_layout(&view->nav, view->columns);
}

/* --- drawing --- */

static struct style box_style(const struct flame *view, const struct theme *theme, uint32_t id)
{
    uint32_t function = node_of(view, id)->function;
    if (id == view->nav.cursor)
        return theme_style(theme, ROLE_CURSOR);
    if (id == CALLTREE_ROOT)
        return theme_style(theme, ROLE_NORMAL);
    const struct profile *p = view->lens->profile;
    if (function == view->highlight || lens_matches(view->lens, name_of(view, id)))
        return theme_style(theme, ROLE_MATCH);
    const struct function *f = profile_get_function(p, function);
    double shade;
    double hue = flame_hue(profile_get_module(p, f->module)->name, f->name, &shade);
    return theme_box(theme, hue, shade);
}

/* Name, and the weight behind it where there is room for both. */
static void draw_label(struct flame *view, struct surface *surface, struct span span,
                       struct style style, uint32_t id)
{
    const char *name = name_of(view, id);
    g_string_truncate(view->text, 0);
    lens_append_flame_weight(view->lens, view->text, node_of(view, id)->total);
    int name_columns = surface_text_columns(name);
    int used = surface_text_name(surface, span, style, name);
    if (span.cols >= name_columns + 2 + surface_text_columns(view->text->str))
        surface_text(surface, (struct span){span.y, span.x + used + 2, span.cols - used - 2}, style,
                     view->text->str);
}

static void draw_box(struct flame *view, const struct canvas *canvas, struct span span, uint32_t id)
{
    struct style style = box_style(view, canvas->theme, id);
    surface_fill(canvas->surface, span, style, ' ');
    surface_put(canvas->surface, span.y, span.x, style, theme_glyph(canvas->theme, GLYPH_EDGE));
    span.x++;
    span.cols--;
    if (span.cols >= LABEL_COLUMNS_MIN)
        draw_label(view, canvas->surface, span, style, id);
}

/* Without colours a box needs an edge on its right too when nothing follows it. */
static void draw_right_edge(const struct canvas *canvas, int y, int x)
{
    if (canvas->theme->colors == 0 && x < canvas->surface->cols &&
        surface_cell(canvas->surface, y, x)->ch == ' ')
        surface_put(canvas->surface, y, x, theme_style(canvas->theme, ROLE_NORMAL),
                    theme_glyph(canvas->theme, GLYPH_EDGE));
}

static bool row_in_sight(const struct flame *view, int row)
{
    return row >= view->top && row < view->top + view->boxes_area.rows;
}

static void draw_callers(struct flame *view, const struct canvas *canvas)
{
    int zoom_depth = (int)node_of(view, view->nav.zoom)->depth;
    for (int row = view->top; row < zoom_depth && row_in_sight(view, row); row++) {
        struct span span = {view->boxes_area.y + row - view->top, 0, canvas->surface->cols};
        uint32_t id = flame_nav_caller_at(&view->nav, (uint32_t)row);
        draw_box(view, canvas, span, id);
        if (id != view->nav.cursor && canvas->theme->colors > 0)
            surface_restyle(canvas->surface, span, theme_style(canvas->theme, ROLE_FAINT));
    }
}

static void draw_boxes(struct flame *view, const struct canvas *canvas)
{
    int zoom_depth = (int)node_of(view, view->nav.zoom)->depth;
    for (guint i = 0; i < view->nav.boxes->len; i++) {
        const struct flame_box *box = &g_array_index(view->nav.boxes, struct flame_box, i);
        int row = zoom_depth + (int)box->row;
        if (!row_in_sight(view, row))
            continue;
        int x = (int)(box->x + 0.5);
        int end = (int)(box->x + box->width + 0.5);
        int y = view->boxes_area.y + row - view->top;
        draw_box(view, canvas, (struct span){y, x, end - x}, box->node);
        bool last =
            i + 1 == view->nav.boxes->len ||
            g_array_index(view->nav.boxes, struct flame_box, i + 1).row != box->row ||
            g_array_index(view->nav.boxes, struct flame_box, i + 1).x > box->x + box->width + 0.5;
        if (last)
            draw_right_edge(canvas, y, end);
    }
}

static void append_amount(struct flame *view, const char *what, int64_t value)
{
    g_string_append_printf(view->text, "%s ", what);
    lens_append_share(view->text, value, lens_flame_total(view->lens).value);
    g_string_append(view->text, " %, ");
    lens_append_flame_value(view->lens, view->text, value);
    g_string_append(view->text, "  ");
}

static void append_share_of_parent(struct flame *view, const struct calltree_node *node)
{
    if (node->parent == PROFILE_NONE)
        return;
    lens_append_share(view->text, node->total.value, node_of(view, node->parent)->total.value);
    g_string_append(view->text,
                    view->lens->inverted ? " % of the frame above  " : " % of caller  ");
}

static void append_count(struct flame *view, int64_t count)
{
    const struct lens *lens = view->lens;
    struct calltree_metric metric = calltree_metric(lens->flame);
    if (!metric.counted || strcmp(metric.counted, metric.name) == 0)
        return;
    text_append_count(view->text, count);
    size_t length = strlen(metric.counted); /* a plural */
    g_string_append_printf(view->text, " %.*s", (int)(count == 1 ? length - 1 : length),
                           metric.counted);
}

/* What the frame under the cursor costs. */
static void draw_figures(struct flame *view, const struct canvas *canvas, int y)
{
    const struct calltree_node *node = node_of(view, view->nav.cursor);
    g_string_truncate(view->text, 0);
    append_amount(view, "total", node->total.value);
    if (!view->lens->inverted)
        append_amount(view, "self", calltree_self(view->lens->flame, view->nav.cursor).value);
    append_share_of_parent(view, node);
    append_count(view, node->total.count);
    if (node->recursive)
        g_string_append(view->text, "  recursive");
    surface_text(canvas->surface, (struct span){y, 1, canvas->surface->cols - 2},
                 theme_style(canvas->theme, ROLE_NORMAL), view->text->str);
}

/* Who the frame under the cursor is. */
static void draw_identity(struct flame *view, const struct canvas *canvas, int y)
{
    g_string_assign(view->text, view->nav.cursor == CALLTREE_ROOT ? "all" : "");
    if (view->nav.cursor != CALLTREE_ROOT)
        lens_append_identity(view->lens, view->text, node_of(view, view->nav.cursor)->function);
    surface_text(canvas->surface, (struct span){y, 1, canvas->surface->cols - 2},
                 theme_style(canvas->theme, ROLE_STRONG), view->text->str);
}

static int deepest_row(const struct flame *view)
{
    const GArray *boxes = view->nav.boxes;
    int rows = (int)node_of(view, view->nav.zoom)->depth;
    if (boxes->len > 0)
        rows += (int)g_array_index(boxes, struct flame_box, boxes->len - 1).row;
    return rows;
}

static void append_highlight(struct flame *view)
{
    g_string_append_printf(view->text, ", highlighted: %s ",
                           lens_function_name(view->lens, view->highlight));
    lens_append_share(view->text, lens_flame_of_function(view->lens, view->highlight),
                      lens_flame_total(view->lens).value);
    g_string_append(view->text, " % in all");
}

/* Which of the rows are in sight, when not all of them are. */
static void append_rows(const struct flame *view, GString *text)
{
    int rows = deepest_row(view) + 1, last = view->top + view->boxes_area.rows;
    if (view->top > 0 || last < rows)
        g_string_append_printf(text, ", rows %d-%d of %d", view->top + 1, MIN(last, rows), rows);
}

/* How much of what is below the zoomed frame has boxes; 1 when there is nothing below. */
static double drawn_share(const struct flame *view)
{
    const struct calltree_node *zoom = node_of(view, view->nav.zoom);
    int64_t below = zoom->total.value - calltree_self(view->lens->flame, view->nav.zoom).value;
    double drawn = 0;
    for (guint i = 0; i < view->nav.boxes->len; i++) {
        const struct flame_box *box = &g_array_index(view->nav.boxes, struct flame_box, i);
        if (box->row == 1)
            drawn += box->width;
    }
    double wanted = (double)below / (double)zoom->total.value * view->columns;
    return wanted >= 1 ? drawn / wanted : 1;
}

/* Blank space on the right is no idle time: what would stand there is narrower than a column. */
static void append_undrawn(const struct flame *view, GString *text)
{
    enum { LEAST_PERCENT = 10 };
    int percent = (int)(100 * (1 - drawn_share(view)) + 0.5);
    if (percent >= LEAST_PERCENT)
        g_string_append_printf(text, ", %d %% too narrow to draw", percent);
}

/* Said as soon as there is a choice. */
static void append_weight(const struct flame *view, GString *text)
{
    const struct lens *lens = view->lens;
    if (!lens_flame_has_choice(lens))
        return;
    g_string_append(text, calltree_metric(lens->flame).name);
    lens_append_flame_scope(lens, text);
    g_string_append(text, ", ");
}

/* How to read the picture: weight, direction, folding, zoom, what is highlighted, how much is in
 * sight. */
static void draw_mode(struct flame *view, const struct canvas *canvas, int y)
{
    GString *text = view->text;
    bool wide = canvas->surface->cols >= 60;
    g_string_truncate(text, 0);
    append_weight(view, text);
    g_string_append(text, view->lens->inverted ? "bottom-up" : "top-down");
    if (canvas->surface->cols >= 100 || (wide && view->nav.zoom == CALLTREE_ROOT))
        g_string_append(text, view->lens->inverted ? ": callers below" : ": callees below");
    if (view->lens->fold)
        g_string_append(text, ", recursion folded");
    append_rows(view, text);
    if (view->nav.zoom != CALLTREE_ROOT)
        g_string_append_printf(text, wide ? ", zoomed to %s" : ", zoomed",
                               name_of(view, view->nav.zoom));
    append_undrawn(view, text);
    if (view->highlight != PROFILE_NONE)
        append_highlight(view);
    struct style style = theme_style(canvas->theme, ROLE_HEADER);
    struct span row = {y, 0, canvas->surface->cols};
    surface_fill(canvas->surface, row, style, ' ');
    surface_text(canvas->surface, (struct span){y, 1, row.cols - 2}, style, text->str);
}

/* A new zoom begins near the top: the rows belong to what is below it, not to its callers. */
static void follow_zoom(struct flame *view)
{
    enum { CALLERS_SHOWN = 2 };
    if (view->nav.zoom == view->shown_zoom)
        return;
    view->shown_zoom = view->nav.zoom;
    view->top = MAX((int)node_of(view, view->nav.zoom)->depth - CALLERS_SHOWN, 0);
}

static void keep_cursor_in_sight(struct flame *view)
{
    int row = (int)node_of(view, view->nav.cursor)->depth;
    int rows = view->boxes_area.rows;
    view->top = CLAMP(view->top, MAX(row - rows + 1, 0), row);
    view->top = MIN(view->top, MAX(deepest_row(view) - rows + 1, 0));
}

static void draw_empty(struct flame *view, const struct canvas *canvas)
{
    struct span span = {canvas->area.y + 2, 2, canvas->surface->cols - 3};
    g_string_assign(view->text, lens_no_samples(view->lens));
    if (!lens_flame_is_of_samples(view->lens))
        g_string_printf(view->text, "Nothing to show: no %s here (w weighs by something else).",
                        calltree_metric(view->lens->flame).name);
    surface_text(canvas->surface, span, theme_style(canvas->theme, ROLE_NORMAL), view->text->str);
}

static void draw(void *data, const struct canvas *canvas)
{
    struct flame *view = data;
    const struct area *area = &canvas->area;
    if (view->columns != canvas->surface->cols) {
        view->columns = canvas->surface->cols;
        flame_nav_layout(&view->nav, view->columns);
    }
    bool roomy = area->rows >= 8;
    view->boxes_area = (struct area){area->y + 1, area->rows - (roomy ? 3 : 2)};
    if (lens_flame_total(view->lens).value <= 0) {
        draw_empty(view, canvas);
        return;
    }
    follow_zoom(view);
    keep_cursor_in_sight(view);
    draw_mode(view, canvas, area->y);
    draw_callers(view, canvas);
    draw_boxes(view, canvas);
    if (roomy)
        draw_identity(view, canvas, area->y + area->rows - 2);
    draw_figures(view, canvas, area->y + area->rows - 1);
}

/* --- requests --- */

static enum view_reaction zoom_in(struct flame *view)
{
    flame_nav_zoom_in(&view->nav);
    return VIEW_REFRESH;
}

static enum view_reaction zoom_out(struct flame *view)
{
    if (!flame_nav_zoom_out(&view->nav))
        view->highlight = PROFILE_NONE;
    return VIEW_REFRESH;
}

static enum view_reaction toggle_highlight(struct flame *view)
{
    uint32_t function = node_of(view, view->nav.cursor)->function;
    view->highlight = function == view->highlight ? PROFILE_NONE : function;
    return VIEW_HANDLED;
}

static enum view_reaction page(struct flame *view, enum request request)
{
    int step = view->boxes_area.rows;
    if (request == REQUEST_HALF_UP || request == REQUEST_HALF_DOWN)
        step /= 2;
    bool up = request == REQUEST_PAGE_UP || request == REQUEST_HALF_UP;
    for (int i = 0; i < MAX(step, 1); i++)
        flame_nav_move(&view->nav, up ? REQUEST_UP : REQUEST_DOWN);
    return VIEW_HANDLED;
}

static GString *picture(void *data)
{
    const struct flame *view = data;
    GString *scope = g_string_new(NULL);
    lens_append_owner(view->lens, scope);
    if (view->lens->window != LENS_WHOLE && lens_flame_is_of_samples(view->lens)) {
        g_string_append(scope, scope->len ? ", " : "");
        lens_append_window(view->lens, scope);
    }
    GString *svg =
        flame_svg(view->lens->flame,
                  &(struct flame_svg_options){.scope = scope->str, .zoom = view->nav.zoom});
    g_string_free(scope, TRUE);
    return svg;
}

static enum view_reaction request(void *data, enum request request)
{
    struct flame *view = data;
    switch (request) {
    case REQUEST_ZOOM_IN:
        return zoom_in(view);
    case REQUEST_ZOOM_OUT:
        return zoom_out(view);
    case REQUEST_BOTTOM_UP:
        view->lens->inverted = !view->lens->inverted;
        flame_nav_reset(&view->nav); /* a path means nothing the other way round */
        return VIEW_REBUILD;
    case REQUEST_WEIGHT:
        return lens_next_flame_weight(view->lens) ? VIEW_REFRESH : VIEW_NO_HEAP;
    case REQUEST_FOLD:
        view->lens->fold = !view->lens->fold;
        return VIEW_REBUILD;
    case REQUEST_HIGHLIGHT:
        return toggle_highlight(view);
    case REQUEST_EXPORT:
        return VIEW_EXPORT;
    case REQUEST_PAGE_UP:
    case REQUEST_PAGE_DOWN:
    case REQUEST_HALF_UP:
    case REQUEST_HALF_DOWN:
        return page(view, request);
    default:
        return flame_nav_move(&view->nav, request) ? VIEW_HANDLED : VIEW_PASS;
    }
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    struct flame *view = data;
    if (y < view->boxes_area.y || y >= view->boxes_area.y + view->boxes_area.rows)
        return VIEW_PASS;
    uint32_t row = (uint32_t)(view->top + y - view->boxes_area.y);
    uint32_t zoom_depth = node_of(view, view->nav.zoom)->depth;
    if (row < zoom_depth) {
        flame_nav_set_cursor(&view->nav, flame_nav_caller_at(&view->nav, row));
        return twice ? zoom_in(view) : VIEW_HANDLED;
    }
    const struct flame_box *box = flame_layout_at(view->nav.boxes, row - zoom_depth, x + 0.5);
    if (!box)
        return VIEW_HANDLED;
    flame_nav_set_cursor(&view->nav, box->node);
    return twice ? zoom_in(view) : VIEW_HANDLED;
}

static void wheel(void *data, int rows)
{
    struct flame *view = data;
    for (int i = 0; i < ABS(rows); i++)
        flame_nav_move(&view->nav, rows < 0 ? REQUEST_UP : REQUEST_DOWN);
}

static bool search(void *data, int direction)
{
    struct flame *view = data;
    int n = (int)view->nav.boxes->len;
    int step = direction == VIEW_SEARCH_BACK ? -1 : 1;
    int from = MAX(flame_nav_box_of(&view->nav, view->nav.cursor), 0) + direction;
    for (int i = 0; i < n; i++) {
        int at = ((from + i * step) % n + n) % n;
        uint32_t id = g_array_index(view->nav.boxes, struct flame_box, at).node;
        if (!lens_matches(view->lens, name_of(view, id)))
            continue;
        flame_nav_set_cursor(&view->nav, id);
        return true;
    }
    return false;
}

static uint32_t selected(const void *data)
{
    const struct flame *view = data;
    return node_of(view, view->nav.cursor)->function;
}

const struct view_ops view_flame = {
    .name = "Flame",
    .number = 2,
    .context = KEYS_FLAME,
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .draw = draw,
    .request = request,
    .click = click,
    .wheel = wheel,
    .search = search,
    .picture = picture,
    .selected = selected,
};
