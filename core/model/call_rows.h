/*
 * Rows of exact calls: all records of a function, or of an edge from a caller to what it calls,
 * added up. The TUI, the text report and JSON share it.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_MODEL_CALL_ROWS_H
#define PROFTOP_CORE_MODEL_CALL_ROWS_H

#include "core/model/calls.h"
#include "core/model/profile.h"

struct call_row {
    uint32_t function; /* of the profile; of an edge, the other end */
    struct call_stats stats;
    double per_second; /* calls, lately; < 0: not known */
    bool is_recursive; /* of an edge: all its calls are recursive, and so add nothing to the total;
                          of a function: false */
};

enum call_sort {
    CALL_SORT_CALLS,
    CALL_SORT_RATE,
    CALL_SORT_TOTAL,
    CALL_SORT_SELF,
    CALL_SORT_AVERAGE,
    CALL_SORT_MIN,
    CALL_SORT_P50,
    CALL_SORT_P99,
    CALL_SORT_MAX,
    CALL_SORT_FUNCTION,
    CALL_SORT_MODULE,
    CALL_SORT_SOURCE,
    CALL_SORTS,
};

/* The column of that name (calls, rate, total, self, average, min, p50, p99, max, function, module,
 * source), or CALL_SORTS. Context: any thread. */
enum call_sort call_sort_find(const char *name);

struct call_query {
    enum call_sort sort;
    bool ascending;       /* smallest first, names from A to Z; else largest first, Z to A */
    const GRegex *filter; /* keeps rows whose function, module or file matches; NULL: all */
    uint32_t process;     /* only its calls; PROFILE_NONE: all */
    uint32_t thread;      /* only its calls; PROFILE_NONE: all */
    int64_t now_ns;       /* CLOCK_MONOTONIC, for calls per second; 0: the profile is of the past,
                             and they are over its whole duration */
};

struct call_rows;

/* Groups the calls of a profile, which is borrowed and must outlive it. Never NULL. */
struct call_rows *call_rows_new(const struct profile *profile);

/* NULL is allowed. */
void call_rows_free(struct call_rows *rows);

/*
 * All rows that the query keeps, in its order: struct call_row, valid until the next query. Equal
 * keys are ordered by total, then by age, so that rows do not jump. Records are grouped anew only
 * when they, their names or process and thread of the query have changed.
 */
const GArray *call_rows_query(struct call_rows *rows, const struct call_query *query);

/* The row of one function as of the last query, filter aside; NULL: it has no calls. */
const struct call_row *call_rows_find(const struct call_rows *rows, uint32_t function);

enum call_edges {
    CALL_EDGES_CALLEES, /* what the function called */
    CALL_EDGES_CALLERS, /* who called it; PROFILE_NONE: nobody that is counted */
};

/*
 * The edges of a function: `edges` (struct call_row) is emptied, and filled with one row for each
 * function at the other end, most calls first. Of process and thread of the last query. total_ns of
 * an edge is what it adds to that of the called function: recursive calls add nothing.
 */
void call_rows_edges(const struct call_rows *rows, uint32_t function, enum call_edges direction,
                     GArray *edges);

/* The function that a record's calls are of: the outermost line of the leaf frame. */
uint32_t call_record_function(const struct profile *profile, const struct call_record *record);

#endif
