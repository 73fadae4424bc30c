/*
 * --calls: which calls are to be counted exactly.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_CALLS_OPTION_H
#define PROFTOP_TUI_CLI_CALLS_OPTION_H

#include <stdbool.h>

#include "core/model/profile.h"
#include "core/session/calls_source.h"

struct calls_option {
    char **words;                /* of each --calls=WORD; NULL: not given */
    enum calls_policy policy;    /* after calls_option_finish */
    struct calls_filter *filter; /* likewise; NULL: no function by name */
};

enum { CALLS_ENTRIES = 1 };

/* Defaults. */
void calls_option_init(struct calls_option *option);

/* Frees what it holds. */
void calls_option_clear(struct calls_option *option);

/* The option as a table entry; `entries` has room for CALLS_ENTRIES. */
void calls_option_fill_entries(struct calls_option *option, GOptionEntry *entries);

/*
 * Makes policy and filter of the words. false, with PROFTOP_ERROR_USAGE: a filter is wrong, or
 * calls are asked for and ruled out at once, or `attached`, of a process that runs already, where
 * they cannot be counted.
 */
bool calls_option_finish(struct calls_option *option, bool attached, GError **error);

/* Whether somebody asked for calls to be counted. After calls_option_finish. */
bool calls_option_asks(const struct calls_option *option);

/* Notes in the profile of a run that has ended that the filter has left nothing, and why nothing
 * was counted although it was asked for by name, where nobody else says it. Nothing without a
 * filter. */
void calls_option_explain(const struct calls_option *option, struct profile *profile);

#endif
