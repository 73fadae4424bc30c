/*
 * The table of a text report of the heap.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_HEAP_TABLE_H
#define PROFTOP_TUI_CLI_REPORT_HEAP_TABLE_H

#include <stdio.h>

#include "tui/cli/report_heap.h"

/* Prints the report's rows in the columns of its view, and how many were left out. Context: as
 * report_heap_init. */
void report_heap_table(FILE *out, const struct report_heap *report);

#endif
