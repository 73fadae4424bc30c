/*
 * --leaks, --fail-on leak, --suppressions: what a program did not free.
 *
 * Context: main thread, the profile at rest.
 */
#ifndef PROFTOP_TUI_CLI_LEAK_CHECK_H
#define PROFTOP_TUI_CLI_LEAK_CHECK_H

#include "core/analysis/leak_rules.h"
#include "tui/cli/measure.h"

struct leak_check {
    gboolean report; /* --leaks */
    char *fail_on;
    char **suppressions;      /* files; NULL: none */
    struct leak_rules *rules; /* after leak_check_finish, when anything is to be checked */
};

enum { LEAK_CHECK_ENTRIES = 3 };

/* Exit status of --fail-on, in place of 0. */
enum { LEAK_CHECK_FOUND = 3, LEAK_CHECK_NOT_MADE = 1 };

/* Frees what it holds. */
void leak_check_clear(struct leak_check *check);

/* The options as table entries; `entries` has room for LEAK_CHECK_ENTRIES. */
void leak_check_fill_entries(struct leak_check *check, GOptionEntry *entries);

/* Built-in suppressions and those of the files (NULL-terminated; NULL: none). NULL: the error says
 * which file, and which line, is wrong. Free with leak_rules_free. */
struct leak_rules *leak_check_load_rules(char **files, GError **error);

/*
 * Checks the options, reads the suppressions, and has the whole heap measured when something asks
 * for it. Errors: PROFTOP_ERROR_USAGE, and those of the files.
 */
bool leak_check_finish(struct leak_check *check, struct measure_options *measure, GError **error);

/*
 * What --leaks prints, and what --fail-on makes of an exit status: another one only in place of 0.
 * A check that could not be made, or not of every process, fails, and says why.
 */
int leak_check_judge(const struct leak_check *check, const struct profile *profile, int status);

#endif
