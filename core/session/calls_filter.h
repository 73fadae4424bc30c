/*
 * Which functions are to be counted: what the command line's --calls takes.
 *
 * A filter is a list of patterns between commas; a function is meant when one of them matches:
 *     NAME           a glob (* ? [..]) for the function's name: with a "(", for the whole demangled
 *                    name with its parameters; else for the name without them
 *     /REGEX/        a regular expression, found anywhere in the demangled name
 *     PATTERN@MODULE one of the above, in modules whose file name matches the glob MODULE
 *     @MODULE        all functions of such modules
 *     file:GLOB      functions whose source file's path, or its end behind a slash, matches
 *     !PATTERN       not these, whatever else matches
 */
#ifndef PROFTOP_CORE_SESSION_CALLS_FILTER_H
#define PROFTOP_CORE_SESSION_CALLS_FILTER_H

#include <glib.h>
#include <stdbool.h>

struct calls_filter;

/* What a filter is asked about. */
struct calls_candidate {
    const char *name;    /* demangled, whole */
    const char *brief;   /* without parameters and template arguments */
    const char *linkage; /* as in the symbol table */
    const char *module;  /* path of its file */
    const char *file;    /* source file; "" unknown */
};

/*
 * Parses a filter. PROFTOP_ERROR_USAGE when it is empty, or a regular expression is wrong. Context:
 * any thread.
 */
struct calls_filter *calls_filter_new(const char *text, GError **error);

/* The same of several lists (NULL-terminated), whose patterns count together: no pattern runs from
 * one into the next. None may be empty. Context: any thread. */
struct calls_filter *calls_filter_new_all(char *const *texts, GError **error);

/* NULL is allowed. */
void calls_filter_free(struct calls_filter *filter);

/* Whether the function is meant. Context: any thread. */
bool calls_filter_matches(const struct calls_filter *filter,
                          const struct calls_candidate *candidate);

/* Whether any function of the module may be meant: else nobody need look at its symbols. Context:
 * any thread. */
bool calls_filter_wants_module(const struct calls_filter *filter, const char *module);

/* Whether it asks for source files, so that line information has to be read. Context: any thread.
 */
bool calls_filter_wants_files(const struct calls_filter *filter);

/* Whether it named functions so far, but none that it did not rule out with a "!". Context: any
 * thread. */
bool calls_filter_excludes_all(const struct calls_filter *filter);

/* A pattern, or a list of them, for messages: cut to 60 bytes, with "..." behind. Free with g_free.
 * Context: any thread. */
char *calls_filter_shorten(const char *text);

/* The patterns that no function has matched so far (char *, borrowed, cut for messages), to tell
 * the user of names that do not exist. Free with g_ptr_array_unref. Context: one thread at a time.
 */
GPtrArray *calls_filter_unmatched(const struct calls_filter *filter);

#endif
