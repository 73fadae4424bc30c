/*
 * --memory and --budget: how the heap is to be measured.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_MEMORY_H
#define PROFTOP_TUI_CLI_MEMORY_H

#include <stdbool.h>

#include "core/session/heap_source.h"

struct memory_options {
    char *how; /* the word of --memory=HOW; NULL: not given */
    double budget_percent;
};

enum { MEMORY_ENTRIES = 2 };

/* Defaults. */
void memory_options_init(struct memory_options *options);

/* Frees what it holds. */
void memory_options_clear(struct memory_options *options);

/* The options as table entries; `entries` has room for MEMORY_ENTRIES. */
void memory_fill_entries(struct memory_options *options, GOptionEntry *entries);

/*
 * What they ask for. false, with PROFTOP_ERROR_USAGE: there is no such way, or no such budget, or
 * `attached`, to a process that runs already, whose heap can't be measured, and yet asked to.
 */
bool memory_options_finish(const struct memory_options *options, bool attached,
                           enum heap_policy *ret_policy, GError **error);

#endif
