/*
 * What of the exact calls the views look at: rows by function, how many calls there are a second,
 * why there are none, what is missing.
 *
 * Calls know threads and processes, but no windows of time: figures are of the whole run.
 *
 * Everything here needs the holder of the profile's lock. Context: UI thread.
 */
#ifndef PROFTOP_TUI_VIEWS_LENS_CALLS_H
#define PROFTOP_TUI_VIEWS_LENS_CALLS_H

#include "core/model/call_rows.h"
#include "tui/views/lens.h"

/* The rows of the calls in sight as of the last query. */
struct lens_calls {
    struct call_rows *rows;    /* for call_rows_edges; NULL: no query yet */
    const GArray *sorted;      /* struct call_row; NULL likewise */
    unsigned n_queries;        /* grows with each: rows are others then */
    struct call_query query;   /* the last */
    uint64_t generation;       /* of calls and names, then */
    int64_t queried_ns;        /* when that was */
    int64_t metered_ns, calls; /* when all calls were added up last, and their sum; 0 not yet */
    double per_second;         /* between the last two times; < 0: not known */
};

/* Nothing is known yet. Never NULL. */
struct lens_calls *lens_calls_new(void);

/* NULL is allowed. */
void lens_calls_free(struct lens_calls *calls);

/* Whether any call of the profile was counted. */
bool lens_has_calls(const struct lens *lens);

/* Whether the calls of a process are in sight. */
bool lens_calls_include(const struct lens *lens, uint32_t process);

/* Whether calls of a function are counted because somebody asked for that. */
bool lens_counts_function(const struct lens *lens, uint32_t function);

/* Rows of all functions with calls in sight, in that order: lens->calls is up to date then, though
 * it may be half a second old where nothing but the calls has changed. */
void lens_query_calls(struct lens *lens, enum call_sort sort, bool ascending);

/* The calls of a function as of the last query; NULL: there are none. Valid until the next. */
const struct call_row *lens_calls_of(const struct lens *lens, uint32_t function);

/* Once a second, or more seldom where there are many records, adds up all calls for
 * lens->calls->per_second. */
void lens_meter_calls(struct lens *lens);

/* Appends why there are no exact calls, one sentence without its full stop. */
void lens_append_why_no_calls(const struct lens *lens, GString *out);

/* Adds up over the processes in sight: calls that were not counted, and that have no time. */
void lens_call_losses(const struct lens *lens, int64_t *ret_missed, int64_t *ret_untimed);

/* Appends how many calls there are a second, "12.4 M", "0.2"; nothing where that is not known.
 * Context: any thread. */
void lens_append_call_rate(GString *out, double per_second);

/* Appends an average, smallest, largest duration; nothing where there is none (-1). Context: any
 * thread. */
void lens_append_call_time(GString *out, double ns);

#endif
