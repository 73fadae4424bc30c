/*
 * Rows of the Memory view: the heap's sites grouped by the function and line that allocated. The
 * TUI, the text report and JSON share it.
 *
 * Functions that only allocate on behalf of their caller (operator new, strdup and the like; the
 * list is in allocators.c) are passed over: the row is of whoever called them.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_MODEL_HEAP_ROWS_H
#define PROFTOP_CORE_MODEL_HEAP_ROWS_H

#include "core/model/profile.h"

struct heap_row {
    uint32_t function; /* of the innermost inlined one, where there are inlined ones */
    uint32_t line;     /* in its file; 0 unknown */
    uint32_t n_stacks; /* sites in it: call stacks, each process's apart */
    struct heap_site
        sum; /* stack and process: of all of them, PROFILE_NONE where they have several */
    bool own_peak_is_bound; /* the own peak is a sum of peaks at different times: an upper bound */
};

/* What rows are sorted by: a column (enum heap_column), or one of these. */
enum heap_sort {
    HEAP_SORT_AVERAGE = HEAP_COLUMNS, /* size of an allocation */
    HEAP_SORT_STACKS,                 /* n_stacks */
    HEAP_SORT_FUNCTION,
    HEAP_SORT_MODULE,
    HEAP_SORT_SOURCE,
    HEAP_SORTS,
};

/* The column of that name (of heap_columns; or average, stacks, function, module, source) as
 * enum heap_column or enum heap_sort; HEAP_SORTS: there is none. Context: any thread. */
unsigned heap_sort_find(const char *name);

struct heap_query {
    unsigned sort;         /* enum heap_column or enum heap_sort */
    bool ascending;        /* smallest first, names from A to Z; else largest first, Z to A */
    const GRegex *filter;  /* keeps rows whose function, module or file matches; NULL: all */
    uint32_t process;      /* only its sites; PROFILE_NONE: all */
    enum heap_column only; /* only rows that have more than 0 of it; HEAP_COLUMNS: all rows */
};

struct heap_rows;

/* Groups the heap of a profile, which is borrowed and must outlive it. Never NULL. */
struct heap_rows *heap_rows_new(const struct profile *profile);

/* NULL is allowed. */
void heap_rows_free(struct heap_rows *rows);

/*
 * All rows that the query keeps, in its order: struct heap_row, valid until the next query. Equal
 * keys are ordered by bytes, then by age, so that rows do not jump. Sites are grouped anew only
 * when they or their names have changed: O(sites), else O(rows).
 */
const GArray *heap_rows_query(struct heap_rows *rows, const struct heap_query *query);

/*
 * The sites (uint32_t index into heap->sites) of one row of the last query, those with most of
 * `column` first; `sites` is emptied first.
 */
void heap_row_stacks(const struct heap_rows *rows, const struct heap_row *row,
                     enum heap_column column, GArray *sites);

/* Bytes of an average allocation, rounded; 0 when there was none. */
int64_t heap_site_average(const struct heap_site *site);

/* What was temporary of the blocks allocated, in per cent; 0 when there was none. */
double heap_site_temporary_percent(const struct heap_site *site);

/* Whether the process of a site has ended: what is live of it was never freed. */
bool heap_process_has_ended(const struct profile *profile, uint32_t process);

/* The function and line that allocated with that stack: what rows are grouped by. */
struct line heap_stack_line(const struct profile *profile, uint32_t stack);

#endif
