/*
 * Labelled horizontal bars, one a row: label, bar, value.
 *
 * Context: UI thread.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_BARS_H
#define PROFTOP_TUI_WIDGETS_W_BARS_H

#include "tui/widgets/w_chart.h"

struct bars {
    GArray *items; /* struct bars_item */
};

struct bars_item {
    char *label, *value; /* owned */
    double amount;
};

/* None. */
void bars_init(struct bars *bars);

/* Frees what it holds. */
void bars_clear(struct bars *bars);

/* Adds a bar; both texts become the bars' (g_free). */
void bars_add(struct bars *bars, char *label, char *value, double amount);

/* Draws the bars that the box has rows for; the longest is that of `full`. */
void bars_draw(const struct bars *bars, struct surface *surface, const struct theme *theme,
               const struct box *box, double full);

#endif
