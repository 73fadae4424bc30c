/*
 * What text and JSON reports of the heap share: rows, their error, reasons, bounds of histograms.
 *
 * Context, where nothing else is said: main thread, the profile at rest or locked.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_HEAP_H
#define PROFTOP_TUI_CLI_REPORT_HEAP_H

#include "tui/cli/report.h"

/* The heap of a profile made ready to be reported. All of it belongs to the report. */
struct report_heap {
    const struct profile *profile; /* borrowed */
    const struct report_options *options;
    struct heap_totals totals;
    bool is_measured;
    GArray *rows;               /* struct heap_row, as the view has them; of leaks too */
    struct heap_rows *grouped;  /* NULL in the view of leaks */
    struct leaks *leaks;        /* by function and line; NULL in the other views */
    struct leaks *leaks_stacks; /* by stack */
};

/* Context: holder of the profile's lock, until report_heap_clear. */
void report_heap_init(struct report_heap *report, const struct profile *profile,
                      const struct report_options *options);

/* Frees what report_heap_init made; the profile stays. */
void report_heap_clear(struct report_heap *report);

/* How many of `n` rows are to be shown. */
unsigned report_heap_rows(const struct report_heap *report, unsigned n);

/* The first process whose heap was not, or not wholly, seen, and why; NULL: there is none that
 * says so. Free with g_free. */
char *report_heap_trouble(const struct profile *profile);

/* Why nothing of the heap was measured, in words. Free with g_free. */
char *report_heap_why(const struct profile *profile);

/* How the heap of a process was measured: "exact", "sampled", "not measured", ... Context: any
 * thread. */
const char *report_heap_how(const struct heap_process *process);

/* The process of that record. */
const struct process *report_heap_owner(const struct profile *profile,
                                        const struct heap_process *process);

/*
 * Standard error of a site's column: of bytes allocated as it was measured; of other bytes as of a
 * part of these taken at random, whose variance is that share of theirs. -1: the value has none,
 * since it is exact, or counts blocks, whose error is not measured. Context: any thread.
 */
double report_heap_error(const struct heap_site *site, enum heap_column column);

/* "shop.c:12"; "" where the source is not known. Free with g_free. Context: any thread. */
char *report_heap_source(const struct function *function, uint32_t line);

/* One function on a stack, inlined ones included. */
struct report_frame {
    const struct function *function;
    const struct module *module;
    uint32_t line; /* 0 unknown */
};

/* The functions of a stack, innermost first (struct report_frame); free with g_array_unref. Valid
 * as long as the profile stays as it is. */
GArray *report_stack_frames(const struct profile *profile, uint32_t stack);

#endif
