/*
 * What was allocated, as JSON.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_HEAP_JSON_H
#define PROFTOP_TUI_CLI_REPORT_HEAP_JSON_H

#include <jansson.h>

#include "tui/cli/report.h"

/* Adds a view of the heap to the object of a report: "heap", and "sites" or "leaks". The page
 * proftop-report.1 tells their keys. Context: main thread, the profile at rest or locked. */
void report_heap_json(json_t *object, const struct profile *profile,
                      const struct report_options *options);

#endif
