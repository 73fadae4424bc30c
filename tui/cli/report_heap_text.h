/*
 * What was allocated, as plain text.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_HEAP_TEXT_H
#define PROFTOP_TUI_CLI_REPORT_HEAP_TEXT_H

#include <stdio.h>

#include "tui/cli/report.h"

/* Prints the heap as a whole, or why it was not measured, in a line for the header of a report; of
 * a profile that knows nothing of a heap, nothing. Context: as below. */
void report_heap_text_brief(FILE *out, const struct profile *profile);

/* Prints a view of the heap, below the header of the report. Where nothing was measured it says
 * why. Context: main thread, the profile at rest or locked. */
void report_heap_text(FILE *out, const struct profile *profile,
                      const struct report_options *options);

#endif
