/*
 * What text and JSON reports share: which view, which rows, shares of what.
 *
 * Context, where nothing else is said: main thread, the profile at rest or locked.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_H
#define PROFTOP_TUI_CLI_REPORT_H

#include "core/analysis/leaks.h"
#include "core/model/call_rows.h"
#include "core/model/function_rows.h"
#include "core/model/heap_rows.h"

enum report_view {
    REPORT_FUNCTIONS,
    REPORT_TREE,
    REPORT_THREADS,
    REPORT_CALLS,
    REPORT_MEMORY, /* from here on of the heap: report_view_is_of_heap() */
    REPORT_LEAKS,
    REPORT_PEAK,
    REPORT_TEMPORARY,
    REPORT_VIEWS,
};

/* Branches of a reported call tree with less of the whole are left out. */
#define REPORT_TREE_PERCENT_MIN 0.5

struct report_options {
    enum report_view view;
    enum function_sort sort;
    unsigned heap_sort; /* enum heap_column or heap_sort; HEAP_SORTS: as the view has it */
    unsigned call_sort; /* enum call_sort; CALL_SORTS: as the view has it */
    bool by_thread;     /* calls: each thread by itself */
    bool ascending;
    unsigned top;                   /* rows; 0: all */
    const struct leak_rules *rules; /* leaks that do not count; NULL: none. Borrowed */
};

/* The view of that name, or REPORT_VIEWS. Context: any thread. */
enum report_view report_view_find(const char *name);

/* Whether it shows what was allocated. Context: any thread. */
bool report_view_is_of_heap(enum report_view view);

/* `part` of `whole` in per cent; 0 of nothing. Context: any thread. */
double report_percent(int64_t part, int64_t whole);

/* A profile made ready to be reported. All of it belongs to the report. */
struct report {
    const struct profile *profile; /* borrowed */
    const struct report_options *options;
    struct calltree *tree;      /* all of the run */
    GArray *functions;          /* struct function_row, as the options sort them */
    GArray *threads;            /* uint32_t, most of the main metric first */
    int64_t total;              /* of the main metric */
    struct calltree *allocated; /* of bytes allocated; NULL: the heap was not measured */
    struct call_rows *calls;    /* of all threads; NULL: no calls were counted */
};

/* Context: holder of the profile's lock, until report_clear. */
void report_init(struct report *report, const struct profile *profile,
                 const struct report_options *options);

/* Frees what report_init made; the profile stays. */
void report_clear(struct report *report);

/* The calls of a function; NULL: none were counted. */
const struct call_stats *report_calls_of(const struct report *report, uint32_t function);

/* How many of `n` rows are to be shown. */
unsigned report_rows(const struct report *report, unsigned n);

/* Children of a tree node that are worth showing (uint32_t), heaviest first; free with
 * g_array_unref. `ret_n_cut` counts the others; NULL: not asked. */
GArray *report_children(const struct report *report, uint32_t node, unsigned *ret_n_cut);

/* Stacks that reach their first function. */
int64_t report_complete_stacks(const struct profile_info *info);

#endif
