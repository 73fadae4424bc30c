/*
 * Text from outside made safe to show: names of symbols, threads, files come from the target.
 */
#ifndef PROFTOP_CORE_BASE_TEXT_H
#define PROFTOP_CORE_BASE_TEXT_H

#include <glib.h>
#include <stdint.h>

enum { TEXT_MAX = 4096 }; /* bytes of one cleaned text; a longer one is cut and ends in "..." */

/*
 * A copy that is valid UTF-8 without control characters (C0, DEL, C1), bidirectional overrides,
 * zero-width or unassigned characters: each such byte or character becomes \xNN or \u{NNNN}. Free
 * with g_free. Context: any thread.
 */
char *text_clean(const char *text);

/*
 * Appends a duration with three significant digits and its unit: "3.90 s", "12.4 ms", "0 s".
 * Context: any thread.
 */
void text_append_duration(GString *out, int64_t ns);

/* Appends "3.00 ms to 12.0 s"; one duration where both read the same. Context: any thread. */
void text_append_durations(GString *out, int64_t from_ns, int64_t to_ns);

/* Appends where in a source file: "shop.c:12", without the file's folder; no line where that is 0,
 * nothing where the file is "". Context: any thread. */
void text_append_source(GString *out, const char *file, uint32_t line);

/* Appends a size: "42.1 MiB", "512 B". Context: any thread. */
void text_append_bytes(GString *out, int64_t bytes);

/* Appends a count: "999", "12.4 k", "1.20 M". Context: any thread. */
void text_append_count(GString *out, int64_t count);

/* Appends a value of a metric by its pprof unit: nanoseconds, bytes, else a count. Context: any
 * thread. */
void text_append_value(GString *out, int64_t value, const char *unit);

/* A NULL-terminated argv as one line that a shell would take apart into the same words. Free with
 * g_free. Context: any thread. */
char *text_command_line(char **argv);

#endif
