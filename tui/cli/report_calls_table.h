/*
 * The tables of a text report of exact calls.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_CALLS_TABLE_H
#define PROFTOP_TUI_CLI_REPORT_CALLS_TABLE_H

#include <stdio.h>

#include "tui/cli/report_calls.h"

/* Prints rows (struct call_row) with the figures of each, how many were left out, and what the mark
 * of doubtful times means where there is one. Context: as report_calls_init. */
void report_calls_table(FILE *out, const struct report_calls *report, const GArray *rows);

/* Prints what the mark of doubtful times means. Context: any thread. */
void report_calls_print_doubt(FILE *out);

/* Prints who called the first of these rows, and what they called. They are those of the report's
 * last query. Context: likewise. */
void report_calls_edges(FILE *out, const struct report_calls *report, const GArray *rows);

#endif
