/*
 * A table: titles with a sort mark, rows with a cursor, columns that give way when it gets narrow.
 *
 * The caller describes the columns and draws what is in each cell; the table decides which columns
 * there is room for and where they stand.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_TABLE_H
#define PROFTOP_TUI_WIDGETS_W_TABLE_H

#include "tui/term/surface.h"
#include "tui/term/theme.h"
#include "tui/widgets/w_list.h"

enum { TABLE_COLUMNS_MAX = 24 };

struct table_column {
    const char *title;
    int width;    /* columns of text; the least width of the one that grows */
    int most;     /* grows up to this when there is room; 0: does not grow */
    bool right;   /* right-aligned */
    int priority; /* the highest goes first when it gets narrow; 0: always stays */
    bool scrolls; /* obeys the horizontal scroll; unscrolled, it is cut in the middle */
    bool hidden;  /* not wanted now */
};

/* Where a column stands; cols 0: not shown. */
struct table_place {
    int x, cols;
};

/* A cell: row of the surface, index of the column. */
struct table_at {
    int y, column;
};

struct table {
    const struct table_column *columns;
    int n_columns;
    int sorted; /* column with the sort mark; -1 none */
    bool ascending;
    int skip; /* columns of text scrolled away */
    struct table_place places[TABLE_COLUMNS_MAX];
};

/* Decides which columns fit into `width` and where. Context: UI thread. */
void table_arrange(struct table *table, int width);

/* Draws the titles on row `y`. Context: UI thread. */
void table_draw_titles(const struct table *table, struct surface *surface,
                       const struct theme *theme, int y);

/* Draws a cell's text, aligned and scrolled as its column is. Nothing if it is not shown.
 * Context: UI thread. */
void table_draw_cell(const struct table *table, struct surface *surface, struct table_at at,
                     struct style style, const char *text);

/* The column at `x`, or -1. Context: UI thread. */
int table_column_at(const struct table *table, int x);

#endif
