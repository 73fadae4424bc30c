/*
 * A profile as plain text, for terminals, logs and pipes.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_TEXT_H
#define PROFTOP_TUI_CLI_REPORT_TEXT_H

#include <stdio.h>

#include "tui/cli/report.h"

/*
 * Prints how it was measured and the view of the options, in aligned columns and UTF-8. Errors are
 * left to ferror(out). Context: holder of the profile's lock.
 */
void report_text(FILE *out, const struct profile *profile, const struct report_options *options);

#endif
