/*
 * What was called, as JSON.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_CALLS_JSON_H
#define PROFTOP_TUI_CLI_REPORT_CALLS_JSON_H

#include <jansson.h>

#include "tui/cli/report.h"

/* Adds the calls as a whole to the object of a report, as "calls". The page proftop-report.1 tells
 * its keys. Context: main thread, the profile at rest or locked. */
void report_calls_json_whole(json_t *object, const struct profile *profile);

/* Adds what the view of calls shows: "called", or with by_thread "threads", and to "calls", which
 * must be there, the bounds of the classes, counters and marks. Rows are missing where nothing was
 * counted. Context: as above. */
void report_calls_json(json_t *object, const struct profile *profile,
                       const struct report_options *options);

#endif
