/*
 * Rows of the Functions view: the model's by CPU time, with what each function allocated and its
 * exact calls. A function that was called is a row even when no sample is of it.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_FUNCTIONS_ROWS_H
#define PROFTOP_TUI_VIEWS_FUNCTIONS_ROWS_H

#include "core/model/function_rows.h"
#include "tui/views/lens_calls.h"

/* Orders beside those of the model (enum function_sort). */
enum functions_sort {
    FUNCTIONS_SORT_ALLOC = FUNCTION_SORTS,
    FUNCTIONS_SORT_CALLS, /* and from here on by a column of calls: + enum call_sort */
    FUNCTIONS_SORTS = FUNCTIONS_SORT_CALLS + CALL_SORTS,
};

struct functions_rows {
    struct lens *lens;
    GArray *rows;            /* struct function_row */
    const GArray *allocated; /* lens_allocated; NULL: not measured */
    bool has_calls;          /* there are exact calls, or they were asked for */
    /* Private. */
    GArray *ranks;      /* int by function: place in the order of calls */
    GArray *called;     /* bool by function: it has calls */
    unsigned n_queries; /* of lens->calls, when these two were made */
};

/* Without rows; `lens` is borrowed. */
void functions_rows_init(struct functions_rows *rows, struct lens *lens);

/* Frees what it holds. */
void functions_rows_clear(struct functions_rows *rows);

/* Brings the rows up to date. `sort`: enum function_sort or functions_sort; what is not known of a
 * function comes last in both directions. */
void functions_rows_query(struct functions_rows *rows, unsigned sort, bool ascending);

/* The row of that index. */
static inline const struct function_row *functions_rows_at(const struct functions_rows *rows, int i)
{
    return &g_array_index(rows->rows, struct function_row, i);
}

/* Index of the row of a function, -1 when there is none. */
int functions_rows_find(const struct functions_rows *rows, uint32_t function);

/* Bytes that a function allocated itself. */
int64_t functions_rows_allocated(const struct functions_rows *rows, uint32_t function);

/* Whether that is an order by a column of calls. Context: any thread. */
bool functions_sort_is_of_calls(unsigned sort);

/* What order that is: only of one by calls. Context: any thread. */
enum call_sort functions_sort_of_calls(unsigned sort);

#endif
