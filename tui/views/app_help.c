/*
 * The help: all keys of the view on screen, then all others, from the one table.
 */
#include "tui/views/app_state.h"

#include "tui/widgets/w_popup.h"

static void add_context(GPtrArray *lines, enum key_context context)
{
    size_t n;
    const struct key_entry *table = keys_table(&n);
    g_ptr_array_add(lines, g_strdup_printf("%s:", keys_context_name(context)));
    for (size_t i = 0; i < n; i++) {
        if (table[i].context != context)
            continue;
        const char *keys = table[i].request == REQUEST_VIEW ? "0 ... 9" : table[i].keys;
        g_ptr_array_add(lines, g_strdup_printf("  %-14s %s", keys, table[i].help));
    }
}

static GPtrArray *help_lines(const struct app *app)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    enum key_context mine = app->ops[app->current]->context;
    add_context(lines, mine);
    for (int context = 0; context < KEY_CONTEXTS; context++) {
        if (context == (int)mine)
            continue;
        g_ptr_array_add(lines, g_strdup(""));
        add_context(lines, (enum key_context)context);
    }
    return lines;
}

void app_help_draw(struct app *app, struct surface *surface, const struct theme *theme)
{
    GPtrArray *lines = help_lines(app);
    struct list *list = &app->help_list;
    int height = surface->rows - 2;
    list_fit(list, (int)lines->len, height);
    /* The list scrolls as a page: its cursor is not shown, so it stays with the top. */
    const char *title =
        list->count > height ? " Keys (Up Down PgUp PgDn scroll, ? leaves) " : " Keys (? leaves) ";
    popup_draw(surface, theme, title, (const char *const *)lines->pdata + list->top,
               MIN(list->count - list->top, height));
    g_ptr_array_unref(lines);
}
