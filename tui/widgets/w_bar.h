/*
 * A line of facts that gives way when it gets narrow: the least important facts leave first.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_BAR_H
#define PROFTOP_TUI_WIDGETS_W_BAR_H

#include "tui/term/surface.h"
#include "tui/term/theme.h"

struct bar_item {
    char *text; /* owned by the bar */
    enum role role;
    int priority; /* the highest leaves first; 0 stays */
    bool right;   /* stands at the right end */
    int least;    /* columns it can be cut to; 0: all of it or nothing */
};

struct bar {
    GArray *items; /* struct bar_item */
};

/* An empty line. Context: UI thread. */
void bar_init(struct bar *bar);

/* Frees what it holds. Context: UI thread. */
void bar_clear(struct bar *bar);

/* Adds a fact at the end of its side; `text` becomes the bar's (g_free). Context: UI thread. */
void bar_add(struct bar *bar, int priority, enum role role, char *text);

/* Like bar_add, at the right end. Context: UI thread. */
void bar_add_right(struct bar *bar, int priority, enum role role, char *text);

/* Adds a fact that always stays and is cut, down to `least` columns, before any other leaves.
 * Context: UI thread. */
void bar_add_cut(struct bar *bar, int least, enum role role, char *text);

/* Draws what fits on row `y`, from column 1 on. Context: UI thread. */
void bar_draw(const struct bar *bar, struct surface *surface, const struct theme *theme, int y);

/* A small chart of the last `width` values as UTF-8; each is scaled to `full`, or to the largest
 * if that is more. Free with g_free. Context: UI thread. */
char *bar_spark(const struct theme *theme, const float *values, int n, int width, float full);

#endif
