/*
 * What was called, as plain text.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_CALLS_TEXT_H
#define PROFTOP_TUI_CLI_REPORT_CALLS_TEXT_H

#include <stdio.h>

#include "tui/cli/report.h"

/* Prints in a line for the header of a report how much was counted; nothing when nothing was.
 * Context: as below. */
void report_calls_text_brief(FILE *out, const struct profile *profile);

/* Prints the calls, below the header of the report. Where none were counted it says why. Context:
 * main thread, the profile at rest or locked. */
void report_calls_text(FILE *out, const struct profile *profile,
                       const struct report_options *options);

#endif
