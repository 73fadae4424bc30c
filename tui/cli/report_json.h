/*
 * A profile as one JSON object.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_JSON_H
#define PROFTOP_TUI_CLI_REPORT_JSON_H

#include <stdio.h>

#include "tui/cli/report.h"

/*
 * Prints the object: how it was measured, functions and threads, and with REPORT_TREE the call
 * tree. Values are in the metric's unit; keys end in _ns when that is nanoseconds, else in _value.
 * Errors are left to ferror(out). Context: holder of the profile's lock.
 */
void report_json(FILE *out, const struct profile *profile, const struct report_options *options);

#endif
