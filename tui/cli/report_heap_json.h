/*
 * What was allocated, as JSON.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_HEAP_JSON_H
#define PROFTOP_TUI_CLI_REPORT_HEAP_JSON_H

#include <jansson.h>

#include "tui/cli/report.h"

/* Adds the heap as a whole to the object of a report, as "heap". The page proftop-report.1 tells
 * its keys. Context: main thread, the profile at rest or locked. */
void report_heap_json_whole(json_t *object, const struct profile *profile);

/* Adds what a view of the heap shows: "sites", "leaks", and the timeline in "heap", which must be
 * there. Nothing where nothing was measured. Context: as above. */
void report_heap_json(json_t *object, const struct profile *profile,
                      const struct report_options *options);

#endif
