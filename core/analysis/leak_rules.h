/*
 * Which blocks that were never freed are none of the program's leaks: suppressions, as
 * LeakSanitizer reads them, and a built-in list for the C library.
 *
 * A file of rules has one on each line:
 *
 *     leak:PATTERN
 *
 * PATTERN is a part of a function's name, of its source file's or of its module's; with ^ in front
 * it must stand at the beginning, with $ behind it at the end, and * stands for anything. A rule
 * holds for a stack when it fits any of its frames. Empty lines and lines with # in front mean
 * nothing.
 */
#ifndef PROFTOP_CORE_ANALYSIS_LEAK_RULES_H
#define PROFTOP_CORE_ANALYSIS_LEAK_RULES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct leak_rule {
    const char *pattern; /* without "leak:" */
    const char *origin;  /* "FILE:LINE", or "built in" */
    const char *why;     /* of a built-in one: what it is for; else "" */
    /* Built-in ones may be narrower than a file can say: */
    bool innermost;     /* must fit the innermost frame, not any */
    const char *caller; /* with that, what must fit the next frame; NULL: anything */
};

struct leak_rules;

enum { LEAK_RULE_NONE = -1, LEAK_RULES_MAX = 10000 };

/* The built-in list alone, or nothing. Never NULL. Context: any thread. */
struct leak_rules *leak_rules_new(bool with_built_in);

/* NULL is allowed. Context: any thread. */
void leak_rules_free(struct leak_rules *rules);

/*
 * Adds the rules of a text, which `name` (a file's) stands for in messages and origins. Errors:
 * PROFTOP_ERROR_CORRUPT with the line that is no rule; then none of the text's is added.
 * Context: one thread.
 */
bool leak_rules_parse(struct leak_rules *rules, const char *text, size_t size, const char *name,
                      GError **error);

/* Adds the rules of a file. Errors: as leak_rules_parse(), and the system's. Context: one thread.
 */
bool leak_rules_load(struct leak_rules *rules, const char *path, GError **error);

/* How many there are. Context: any thread. */
unsigned leak_rules_count(const struct leak_rules *rules);

/* The rule of that number, valid until the next is added. Context: any thread. */
const struct leak_rule *leak_rules_get(const struct leak_rules *rules, unsigned number);

/* Whether a text has what a pattern wants. Context: any thread. */
bool leak_pattern_matches(const char *pattern, const char *text);

#endif
