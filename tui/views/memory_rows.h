/*
 * Rows of the Memory view: the model's, with what only a screen knows or shows: rates, leaks, and
 * orders by them.
 *
 * Sites may be many: they are queried when something asks for another selection or order, else at
 * most twice a second, and only when the heap has changed. Leaks are those that reports list, of
 * each process from its end on.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_MEMORY_ROWS_H
#define PROFTOP_TUI_VIEWS_MEMORY_ROWS_H

#include "core/model/heap_rows.h"

/* Orders beside those of the model (enum heap_sort). */
enum memory_sort {
    MEMORY_SORT_TEMPORARY = HEAP_SORTS, /* share of the blocks */
    MEMORY_SORT_RATE,
    MEMORY_SORT_LEAKED,
};

struct memory_row {
    const struct heap_row *row; /* until the next refresh */
    double allocs_per_second;   /* over the last second or so; < 0 unknown */
    int64_t leaked_bytes; /* not freed by processes that have ended, less what the built-in rules
                             suppress; < 0: none has ended */
};

struct memory_query {
    unsigned sort; /* enum heap_column, heap_sort or memory_sort */
    bool ascending;
    GRegex *filter; /* NULL: all */
    uint32_t process;
};

struct memory_rows {
    const struct profile *profile;
    GArray *rows;           /* struct memory_row */
    bool some_have_ended;   /* leaked_bytes is known */
    bool some_exact;        /* heap_has_exact_sites() */
    unsigned n_queries;     /* grows with each query: rows are others then */
    struct heap_rows *heap; /* for heap_row_stacks */
    /* Private. */
    struct memory_query query; /* the last; holds a reference to its filter */
    uint64_t generation;       /* then */
    int64_t queried_ns, rated_ns;
    GHashTable *rates; /* struct memory_rate by row, as of rated_ns */
    struct leak_rules *leak_rules;
    GHashTable *leaked; /* int64_t by row; NULL: not looked for yet */
    uint64_t leaked_generation;
    uint32_t leaked_process;
};

/* Without rows; `profile` is borrowed. */
void memory_rows_init(struct memory_rows *rows, const struct profile *profile);

/* Frees what it holds. */
void memory_rows_clear(struct memory_rows *rows);

/* Brings the rows up to date as of `now_ns`. `live`: rates are wanted. */
void memory_rows_refresh(struct memory_rows *rows, const struct memory_query *query, int64_t now_ns,
                         bool live);

/* The row of that index. */
static inline const struct memory_row *memory_rows_at(const struct memory_rows *rows, int i)
{
    return &g_array_index(rows->rows, struct memory_row, i);
}

/* Index of the row of a function and line, -1 when there is none. */
int memory_rows_find(const struct memory_rows *rows, uint32_t function, uint32_t line);

/* The column of the heap that says most about a row in that order: what Flame and call paths are
 * weighed by. Bytes allocated where the row has none of it. */
enum heap_column memory_row_column(const struct heap_row *row, unsigned sort);

#endif
