/*
 * The table of the Functions view: which columns there are, what they sort by, and what is in their
 * cells.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_FUNCTIONS_TABLE_H
#define PROFTOP_TUI_VIEWS_FUNCTIONS_TABLE_H

#include "tui/views/functions_rows.h"
#include "tui/views/view.h"
#include "tui/widgets/w_table.h"

enum functions_column {
    FUNCTIONS_SELF_SHARE,
    FUNCTIONS_SELF_BAR,
    FUNCTIONS_SELF,
    FUNCTIONS_TOTAL_SHARE,
    FUNCTIONS_TOTAL,
    FUNCTIONS_SAMPLES,
    FUNCTIONS_CALLS,
    FUNCTIONS_RATE,
    FUNCTIONS_AVERAGE,
    FUNCTIONS_CALL_TOTAL,
    FUNCTIONS_CALL_SELF,
    FUNCTIONS_MIN,
    FUNCTIONS_P50,
    FUNCTIONS_P99,
    FUNCTIONS_MAX,
    FUNCTIONS_ALLOC,
    FUNCTIONS_NAME,
    FUNCTIONS_MODULE,
    FUNCTIONS_SOURCE,
    FUNCTIONS_COLUMNS,
};

struct functions_table {
    const struct functions_rows *rows;
    struct table_column columns[FUNCTIONS_COLUMNS];
    struct table table;
    GString *text; /* of the cell being drawn */
};

/* A table of `rows`, which is borrowed and must stay where it is. */
void functions_table_init(struct functions_table *table, const struct functions_rows *rows);

/* Frees what it holds. */
void functions_table_clear(struct functions_table *table);

/* Decides which columns are shown in `width`; the one sorted by is among them, if it is one of
 * figures. */
void functions_table_arrange(struct functions_table *table, int width, unsigned sort,
                             bool ascending);

/* What a column sorts by: enum function_sort or functions_sort. Context: any thread. */
unsigned functions_table_sort(int column);

/* The order by the next column to the left (-1) or right (1) that says anything in this run. */
unsigned functions_table_next_sort(struct functions_table *table, unsigned sort, int step);

/* Draws a row at `y`. */
void functions_table_draw_row(struct functions_table *table, const struct canvas *canvas, int y,
                              const struct function_row *row);

#endif
