/*
 * The help: all keys of the view on screen, then all others, from the one table.
 */
#include "tui/views/app_state.h"

#include "tui/widgets/w_popup.h"

#include <string.h>

enum {
    TEXT_COLUMN = 17,   /* where explanations begin */
    FRAME_COLUMNS = 4,  /* of the box around the lines */
    NEAR_COLUMNS = 100, /* of a screen that the box nearly fills */
};

/* A key and what it does, over as many lines as it takes in `width` columns. */
static void add_key(GPtrArray *lines, const char *keys, const char *help, int width)
{
    char *head = g_strdup_printf("  %-14s ", keys);
    while ((int)strlen(help) > width - TEXT_COLUMN) {
        const char *blank = help + width - TEXT_COLUMN;
        while (blank > help && *blank != ' ')
            blank--;
        if (blank == help)
            break;
        g_ptr_array_add(lines, g_strdup_printf("%s%.*s", head, (int)(blank - help), help));
        help = blank + 1;
        g_free(head);
        head = g_strnfill(TEXT_COLUMN, ' ');
    }
    g_ptr_array_add(lines, g_strconcat(head, help, NULL));
    g_free(head);
}

static void add_context(GPtrArray *lines, enum key_context context, int width)
{
    size_t n;
    const struct key_entry *table = keys_table(&n);
    g_ptr_array_add(lines, g_strdup_printf("%s:", keys_context_name(context)));
    for (size_t i = 0; i < n; i++) {
        if (table[i].context != context)
            continue;
        const char *keys = table[i].request == REQUEST_VIEW ? "0 ... 9" : table[i].keys;
        add_key(lines, keys, table[i].help, width);
    }
}

/* The box is as wide as its widest line in sight: it must not change while it is scrolled. */
static void keep_width(GPtrArray *lines, guint top)
{
    int widest = 0;
    for (guint i = 0; i < lines->len; i++)
        widest = MAX(widest, surface_text_columns(g_ptr_array_index(lines, i)));
    char *line = g_ptr_array_index(lines, top);
    g_ptr_array_index(lines, top) = g_strdup_printf("%-*s", widest, line);
    g_free(line);
}

static GPtrArray *help_lines(const struct app *app, int width)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    enum key_context mine = app->ops[app->current]->context;
    bool done[KEY_CONTEXTS] = {[KEYS_ALL] = false};
    for (; mine != KEYS_ALL; mine = keys_context_base(mine)) {
        if (lines->len > 0)
            g_ptr_array_add(lines, g_strdup(""));
        add_context(lines, mine, width);
        done[mine] = true;
    }
    for (int context = 0; context < KEY_CONTEXTS; context++) {
        if (done[context])
            continue;
        g_ptr_array_add(lines, g_strdup(""));
        add_context(lines, (enum key_context)context, width);
    }
    return lines;
}

void app_help_draw(struct app *app, struct surface *surface, const struct theme *theme)
{
    GPtrArray *lines = help_lines(app, surface->cols - FRAME_COLUMNS);
    struct list *list = &app->help_list;
    int height = surface->rows - 2;
    list_fit(list, (int)lines->len, height);
    keep_width(lines, (guint)list->top);
    /* The list scrolls as a page: its cursor is not shown, so it stays with the top. */
    const char *title =
        list->count > height ? " Keys (? leaves, arrows scroll) " : " Keys (? leaves) ";
    if (surface->cols < NEAR_COLUMNS)
        surface_clear(surface); /* the slivers beside the box would only confuse */
    popup_draw(surface, theme, title, (const char *const *)lines->pdata + list->top,
               MIN(list->count - list->top, height));
    g_ptr_array_unref(lines);
}
