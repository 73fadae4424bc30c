/*
 * What text and JSON reports of exact calls share: which rows, whose, and what is to be said when
 * there are none.
 *
 * Context, where nothing else is said: main thread, the profile at rest or locked.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_CALLS_H
#define PROFTOP_TUI_CLI_REPORT_CALLS_H

#include "core/model/call_rows.h"
#include "tui/cli/report.h"

/* A profile's calls made ready to be reported. All of it belongs to the report. */
struct report_calls {
    const struct profile *profile; /* borrowed */
    const struct report_options *options;
    bool is_measured;
    struct call_rows *grouped;
    GArray *threads; /* uint32_t: those with calls, each with rows of its own; or PROFILE_NONE
                        alone: all threads together */
};

/* Context: as above, until report_calls_clear. */
void report_calls_init(struct report_calls *report, const struct profile *profile,
                       const struct report_options *options);

/* Frees what report_calls_init made; the profile stays. */
void report_calls_clear(struct report_calls *report);

/* The rows of a thread, PROFILE_NONE: of all, as the options sort them (struct call_row); valid
 * until the next query. */
const GArray *report_calls_query(struct report_calls *report, uint32_t thread);

/* How many of `n` rows are to be shown. */
unsigned report_calls_rows(const struct report_calls *report, unsigned n);

/* Which functions were called (bool by function). Free with g_array_unref. */
GArray *report_calls_functions(const struct profile *profile);

/* Whether the profile itself tells why no calls were counted. */
bool report_calls_has_why(const struct profile *profile);

/* Why no calls were counted, in words. Free with g_free. */
char *report_calls_why(const struct profile *profile);

/* Whether calls of a process were not, or not wholly, counted. Context: any thread. */
bool report_calls_lost(const struct calls_process *process);

/* The process of that record. */
const struct process *report_calls_owner(const struct profile *profile,
                                         const struct calls_process *process);

#endif
