/*
 * Bar: facts side by side, left and right, dropped by importance.
 */
#include "tui/widgets/w_bar.h"

static void clear_item(void *item)
{
    g_free(((struct bar_item *)item)->text);
}

void bar_init(struct bar *bar)
{
    bar->items = g_array_new(FALSE, FALSE, sizeof(struct bar_item));
    g_array_set_clear_func(bar->items, clear_item);
}

void bar_clear(struct bar *bar)
{
    g_clear_pointer(&bar->items, g_array_unref);
}

static void add(struct bar *bar, struct bar_item item)
{
    g_array_append_val(bar->items, item);
}

void bar_add(struct bar *bar, int priority, enum role role, char *text)
{
    add(bar, (struct bar_item){text, role, priority, false, 0});
}

void bar_add_right(struct bar *bar, int priority, enum role role, char *text)
{
    add(bar, (struct bar_item){text, role, priority, true, 0});
}

void bar_add_cut(struct bar *bar, int least, enum role role, char *text)
{
    add(bar, (struct bar_item){text, role, 0, false, least});
}

static struct bar_item *item_at(const struct bar *bar, guint i)
{
    return &g_array_index(bar->items, struct bar_item, i);
}

static int least_width(const struct bar_item *item)
{
    int columns = surface_text_columns(item->text);
    return item->least ? MIN(item->least, columns) : columns;
}

/* Two blanks behind each fact. */
static int width_up_to(const struct bar *bar, int priority, bool right_only)
{
    int width = 0;
    for (guint i = 0; i < bar->items->len; i++) {
        const struct bar_item *item = item_at(bar, i);
        if (item->priority <= priority && (item->right || !right_only))
            width += least_width(item) + 2;
    }
    return width;
}

/* The highest priority with which everything up to it fits. */
static int fitting_priority(const struct bar *bar, int cols)
{
    int priority = 0;
    for (guint i = 0; i < bar->items->len; i++)
        priority = MAX(priority, item_at(bar, i)->priority);
    while (priority > 0 && width_up_to(bar, priority, false) > cols)
        priority--;
    return priority;
}

void bar_draw(const struct bar *bar, struct surface *surface, const struct theme *theme, int y)
{
    int priority = fitting_priority(bar, surface->cols);
    int end = surface->cols - 1;
    int left = 1;
    int right = MAX(end + 2 - width_up_to(bar, priority, true), left);
    int slack = MAX(surface->cols - width_up_to(bar, priority, false), 0);
    for (guint i = 0; i < bar->items->len; i++) {
        const struct bar_item *item = item_at(bar, i);
        if (item->priority > priority)
            continue;
        int *x = item->right ? &right : &left;
        int limit = item->right ? end : MIN(end, right - 2);
        struct span span = {y, *x, limit - *x};
        if (item->least)
            span.cols = MIN(span.cols, least_width(item) + slack);
        *x += surface_text(surface, span, theme_style(theme, item->role), item->text) + 2;
    }
}

char *bar_spark(const struct theme *theme, const float *values, int n, int width, float full)
{
    GString *out = g_string_new(NULL);
    int first = MAX(n - width, 0);
    for (int i = first; i < n; i++)
        full = MAX(full, values[i]);
    for (int i = first; i < n; i++) {
        int level = full > 0 ? (int)(values[i] / full * 8.0f + 0.5f) : 0;
        g_string_append_unichar(out, theme_spark(theme, level));
    }
    return g_string_free(out, FALSE);
}
