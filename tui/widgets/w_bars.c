/*
 * Bars: the columns of labels and of values are as wide as the widest of them.
 */
#include "tui/widgets/w_bars.h"

enum { GAP = 1, BAR_MIN = 3 };

static void clear_item(void *data)
{
    struct bars_item *item = data;
    g_free(item->label);
    g_free(item->value);
}

void bars_init(struct bars *bars)
{
    bars->items = g_array_new(FALSE, FALSE, sizeof(struct bars_item));
    g_array_set_clear_func(bars->items, clear_item);
}

void bars_clear(struct bars *bars)
{
    g_clear_pointer(&bars->items, g_array_unref);
}

void bars_add(struct bars *bars, char *label, char *value, double amount)
{
    struct bars_item item = {label, value, amount};
    g_array_append_val(bars->items, item);
}

static const struct bars_item *item_at(const struct bars *bars, guint i)
{
    return &g_array_index(bars->items, struct bars_item, i);
}

static void draw_bar(struct surface *surface, const struct theme *theme, struct span span,
                     double share)
{
    int eighths = (int)(CLAMP(share, 0.0, 1.0) * span.cols * 8 + 0.5);
    for (int i = 0; i < span.cols; i++)
        surface_put(surface, span.y, span.x + i, theme_style(theme, ROLE_BAR),
                    theme_bar(theme, eighths - i * 8));
}

void bars_draw(const struct bars *bars, struct surface *surface, const struct theme *theme,
               const struct box *box, double full)
{
    int labels = 0, values = 0;
    for (guint i = 0; i < bars->items->len; i++) {
        labels = MAX(labels, surface_text_columns(item_at(bars, i)->label));
        values = MAX(values, surface_text_columns(item_at(bars, i)->value));
    }
    int room = box->cols - labels - values - 2 * GAP;
    if (room < BAR_MIN)
        room = 0;
    struct style style = theme_style(theme, ROLE_NORMAL);
    for (int i = 0; i < box->rows && i < (int)bars->items->len; i++) {
        const struct bars_item *item = item_at(bars, (guint)i);
        int y = box->y + i, x = box->x + labels + GAP;
        surface_text(surface, (struct span){y, box->x, MIN(labels, box->cols)}, style, item->label);
        surface_text_right(surface, (struct span){y, x, MIN(values, box->x + box->cols - x)}, style,
                           item->value);
        if (room > 0)
            draw_bar(surface, theme, (struct span){y, x + values + GAP, room},
                     full > 0 ? item->amount / full : 0);
    }
}
