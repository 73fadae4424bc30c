/*
 * Lines of a text report: built in one buffer, in columns.
 *
 * Texts are padded by the columns they take, not their bytes. All text in a profile is cleaned, so
 * a character takes one column, or two when it is wide.
 *
 * Context of all: any thread.
 */
#ifndef PROFTOP_TUI_CLI_REPORT_LINE_H
#define PROFTOP_TUI_CLI_REPORT_LINE_H

#include <glib.h>
#include <stdint.h>
#include <stdio.h>

/* The columns that a text takes. */
int line_text_width(const char *text);

/* Appends `n` blanks; none when `n` is negative. */
void line_add_spaces(GString *line, int n);

/* Appends a text on the left of `width` columns, cut to them with "..." at its end, and a gap. */
void line_add_left(GString *line, const char *text, int width);

/* Appends a text on the right of `width` columns, never cut, and a gap. */
void line_add_right(GString *line, const char *text, int width);

/* Appends all digits of a count, as line_add_right. */
void line_add_count(GString *line, int64_t count, int width);

/* Writes the line, without blanks at its end, and empties it. */
void line_print(FILE *out, GString *line);

/* Says how many of all `all` rows come behind the first `n`; nothing when none do. `thing` names
 * one of them, and with `plural` behind it several. */
void line_print_rest(FILE *out, unsigned all, unsigned n, const char *thing, const char *plural);

enum { LINE_FACT_COLUMN = 11 }; /* where the values of facts begin */

/* Prints a line of a report's header: "key        value"; nothing when the value is "". */
void line_print_fact(FILE *out, const char *key, const char *value);

#endif
