/*
 * A chart of columns over several rows: values over time.
 *
 * Context: UI thread.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_CHART_H
#define PROFTOP_TUI_WIDGETS_W_CHART_H

#include "tui/term/surface.h"
#include "tui/term/theme.h"

/* A rectangle of cells. */
struct box {
    int y, x, rows, cols;
};

struct chart {
    const double *values; /* evenly spaced in time */
    int n;
    double full; /* value of the highest column */
};

/* Draws the chart over all of the box's width: each column has the largest of the values that fall
 * on it. A column of a value above 0 is never empty. */
void chart_draw(struct surface *surface, const struct theme *theme, const struct box *box,
                const struct chart *chart);

/* The column of the box on which value `i` of `n` falls, as an offset from its left. */
int chart_column(const struct box *box, int i, int n);

#endif
