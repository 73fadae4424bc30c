/*
 * How long calls took: a histogram of durations.
 *
 * Context of all: UI thread.
 */
#ifndef PROFTOP_TUI_VIEWS_CALL_HISTOGRAM_H
#define PROFTOP_TUI_VIEWS_CALL_HISTOGRAM_H

#include "core/model/calls.h"
#include "tui/widgets/w_chart.h"

/* Draws it as bars under a title; neighbours share a bar where there are too few rows. Returns the
 * rows used; none when there are fewer than 2. */
int call_histogram_draw(const struct call_stats *stats, struct surface *surface,
                        const struct theme *theme, const struct box *box);

/* On one line: "1.02 µs ▁▂█▁ 16.4 µs  most: < 2.05 µs". Free with g_free. */
char *call_histogram_text(const struct call_stats *stats, const struct theme *theme);

#endif
