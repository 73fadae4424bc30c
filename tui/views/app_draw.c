/*
 * The picture: header, tabs, the view, the last line, and what lies over them.
 */
#include "tui/views/app_state.h"

#include "tui/widgets/w_paragraph.h"
#include "tui/widgets/w_popup.h"

#include <string.h>

static void draw_too_small(struct surface *surface, const struct theme *theme)
{
    char *text = g_strdup_printf("terminal too small (need %dx%d)", APP_COLS_MIN, APP_ROWS_MIN);
    surface_text(surface, (struct span){surface->rows / 2, 0, surface->cols},
                 theme_style(theme, ROLE_NORMAL), text);
    g_free(text);
}

/* --- tabs --- */

static int tab_columns(const struct view_ops *ops, bool with_name)
{
    return with_name ? surface_text_columns(ops->name) + 4 : 3;
}

/* Whether all tabs can have their names, with some room left for the scope. */
static bool names_fit(const struct app *app, int cols)
{
    int width = 0;
    for (int i = 0; i < app->n_views; i++)
        width += tab_columns(app->ops[i], true);
    return width + 14 <= cols;
}

int app_tab_at(const struct app *app, int cols, int x)
{
    bool all_names = names_fit(app, cols);
    int at = 0;
    for (int i = 0; i < app->n_views; i++) {
        at += tab_columns(app->ops[i], all_names || i == app->current);
        if (x < at)
            return i;
    }
    return -1;
}

/* What part of the profile the views show. */
static char *scope_text(const struct app *app)
{
    const struct lens *lens = &app->lens;
    GString *text = g_string_new(NULL);
    if (lens->thread != PROFILE_NONE || lens->process != PROFILE_NONE) {
        g_string_append(text, "only ");
        lens_append_owner(lens, text);
        g_string_append(text, "  ");
    }
    if (lens->filter)
        g_string_append_printf(text, "filter: %s  ", lens->filter_text);
    lens_append_window(lens, text);
    return g_string_free(text, FALSE);
}

static void draw_tabs(const struct app *app, struct surface *surface, const struct theme *theme,
                      int y)
{
    bool all_names = names_fit(app, surface->cols);
    int x = 0;
    for (int i = 0; i < app->n_views; i++) {
        bool active = i == app->current;
        int columns = tab_columns(app->ops[i], all_names || active);
        char *text = all_names || active
                         ? g_strdup_printf(" %d %s ", app->ops[i]->number, app->ops[i]->name)
                         : g_strdup_printf(" %d ", app->ops[i]->number);
        surface_text(surface, (struct span){y, x, columns},
                     theme_style(theme, active ? ROLE_TAB_ACTIVE : ROLE_TAB), text);
        g_free(text);
        x += columns;
    }
    char *scope = scope_text(app);
    bool narrowed = app->lens.filter || app->lens.thread != PROFILE_NONE ||
                    app->lens.process != PROFILE_NONE || app->lens.window != LENS_WHOLE;
    surface_text_right(surface, (struct span){y, x + 1, surface->cols - x - 2},
                       theme_style(theme, narrowed ? ROLE_WARNING : ROLE_NORMAL), scope);
    g_free(scope);
}

/* --- last line --- */

/* The first key of an entry and its short text. */
static char *hint_text(const struct key_entry *entry)
{
    return g_strdup_printf("%.*s %s", (int)strcspn(entry->keys, " "), entry->keys, entry->hint);
}

/* Help and quit come first: they are what a stranger needs. */
static bool is_always_shown(const struct key_entry *entry)
{
    return entry->request == REQUEST_HELP || entry->request == REQUEST_QUIT;
}

static int draw_first_hints(struct surface *surface, const struct theme *theme)
{
    static const char hints[] = "? help  q quit";
    struct span span = {surface->rows - 1, 1, (int)sizeof hints - 1};
    return 1 + surface_text(surface, span, theme_style(theme, ROLE_STRONG), hints) + 2;
}

/* Hints of one context as long as they fit; returns the column behind them. */
static int draw_hints_of(struct surface *surface, const struct theme *theme,
                         enum key_context context, int x)
{
    size_t n;
    const struct key_entry *table = keys_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (table[i].context != context || !*table[i].hint || is_always_shown(&table[i]))
            continue;
        char *text = hint_text(&table[i]);
        int columns = surface_text_columns(text);
        if (x + columns < surface->cols)
            x += surface_text(surface, (struct span){surface->rows - 1, x, columns},
                              theme_style(theme, ROLE_FAINT), text) +
                 2;
        g_free(text);
    }
    return x;
}

static void draw_hints(const struct app *app, struct surface *surface, const struct theme *theme)
{
    if (app->mode == MODE_TYPING) {
        draw_hints_of(surface, theme, KEYS_TYPING, 1);
        return;
    }
    int x = draw_first_hints(surface, theme);
    enum key_context context = app->ops[app->current]->context;
    for (; context != KEYS_ALL; context = keys_context_base(context))
        x = draw_hints_of(surface, theme, context, x);
    draw_hints_of(surface, theme, KEYS_ALL, x);
}

/* Over the view's last lines where one is not enough: the remedy stands at the end. */
static void draw_message(const struct app *app, struct surface *surface, const struct theme *theme)
{
    enum { ROWS_MAX = 5 };
    int cols = surface->cols - 2, rows = paragraph_rows(app->message, cols);
    rows = MIN(rows, MIN(ROWS_MAX, surface->rows));
    for (int y = surface->rows - rows; y < surface->rows; y++)
        surface_fill(surface, (struct span){y, 0, surface->cols}, theme_style(theme, ROLE_NORMAL),
                     ' ');
    paragraph_draw(surface, (struct span){surface->rows - rows, 1, cols}, rows,
                   theme_style(theme, app->message_role), app->message);
}

static void draw_last_line(const struct app *app, struct surface *surface,
                           const struct theme *theme)
{
    int y = surface->rows - 1;
    if (app->mode == MODE_SEARCH || app->mode == MODE_FILTER)
        prompt_draw(&app->prompt, surface, theme, y, app->prompt_remark);
    else if (app->message && app->now_ns < app->message_until_ns)
        draw_message(app, surface, theme);
    else
        draw_hints(app, surface, theme);
}

static void draw_quit_question(struct surface *surface, const struct theme *theme)
{
    char *lines[8];
    int shown = 0;
    size_t n;
    const struct key_entry *table = keys_table(&n);
    for (size_t i = 0; i < n && shown < (int)G_N_ELEMENTS(lines); i++)
        if (table[i].context == KEYS_QUIT)
            lines[shown++] = hint_text(&table[i]);
    popup_draw(surface, theme, " The target still runs ", (const char *const *)lines, shown);
    for (int i = 0; i < shown; i++)
        g_free(lines[i]);
}

static void tell_size(struct app *app, const struct canvas *canvas)
{
    int rows = canvas->area.rows - 1; /* without the view's title */
    int cols = canvas->surface->cols;
    if (!app->options->resize_target || (rows == app->body_rows && cols == app->body_cols))
        return;
    app->body_rows = rows;
    app->body_cols = cols;
    app->options->resize_target(app->options->arg, rows, cols);
}

void app_draw(struct app *app, struct surface *surface, const struct theme *theme)
{
    surface_clear(surface);
    app->rows = surface->rows;
    app->cols = surface->cols;
    if (surface->rows < APP_ROWS_MIN || surface->cols < APP_COLS_MIN) {
        draw_too_small(surface, theme);
        return;
    }
    int header = app_header_rows(surface->rows);
    struct canvas canvas = {surface, theme, {header + 1, surface->rows - header - 2}};
    app_lock(app);
    app_header_draw(app, surface, theme);
    draw_tabs(app, surface, theme, header);
    app->ops[app->current]->draw(app->data[app->current], &canvas);
    app_unlock(app);
    draw_last_line(app, surface, theme);
    if (app->mode == MODE_HELP)
        app_help_draw(app, surface, theme);
    if (app->mode == MODE_QUITTING)
        draw_quit_question(surface, theme);
    tell_size(app, &canvas);
}
