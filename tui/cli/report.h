/*
 * What text and JSON reports share: which view, which rows, shares of what.
 *
 * Context, where nothing else is said: main thread, the profile at rest or locked.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_H
#define PROFTOP_TUI_CLI_REPORT_H

#include "core/model/function_rows.h"

enum report_view {
    REPORT_FUNCTIONS,
    REPORT_TREE,
    REPORT_THREADS,
    REPORT_VIEWS,
};

/* Branches of a reported call tree with less of the whole are left out. */
#define REPORT_TREE_PERCENT_MIN 0.5

struct report_options {
    enum report_view view;
    enum function_sort sort;
    bool ascending;
    unsigned top; /* rows of functions or threads; 0: all */
};

/* The view of that name, or REPORT_VIEWS. Context: any thread. */
enum report_view report_view_find(const char *name);

/* `part` of `whole` in per cent; 0 of nothing. Context: any thread. */
double report_percent(int64_t part, int64_t whole);

/* A profile made ready to be reported. All of it belongs to the report. */
struct report {
    const struct profile *profile; /* borrowed */
    const struct report_options *options;
    struct calltree *tree; /* all of the run */
    GArray *functions;     /* struct function_row, as the options sort them */
    GArray *threads;       /* uint32_t, most of the main metric first */
    int64_t total;         /* of the main metric */
};

/* Context: holder of the profile's lock, until report_clear. */
void report_init(struct report *report, const struct profile *profile,
                 const struct report_options *options);

/* Frees what report_init made; the profile stays. */
void report_clear(struct report *report);

/* How many of `n` rows are to be shown. */
unsigned report_rows(const struct report *report, unsigned n);

/* Children of a tree node that are worth showing (uint32_t), heaviest first; free with
 * g_array_unref. `ret_n_cut` counts the others; NULL: not asked. */
GArray *report_children(const struct report *report, uint32_t node, unsigned *ret_n_cut);

/* Stacks that reach their first function. */
int64_t report_complete_stacks(const struct profile_info *info);

#endif
