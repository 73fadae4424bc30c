/*
 * What reports print, as text.
 */
#ifndef PROFTOP_TESTS_REPORT_OUTPUT_H
#define PROFTOP_TESTS_REPORT_OUTPUT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/cli/report.h"

typedef void report_fn(FILE *, const struct profile *, const struct report_options *);

/* What the report prints; free with g_free. */
static inline char *print(report_fn *report, const struct profile *p, struct report_options options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    report(out, p, &options);
    fclose(out);
    char *copy = g_strdup(text); /* gcc takes the stream's own buffer for a dangling local */
    free(text);
    return copy;
}

static inline void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in:\n%s", what, text);
}

#endif
