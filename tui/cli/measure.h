/*
 * What the commands that measure a program have in common: options, launching it or attaching to
 * it, saving, exit status.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_MEASURE_H
#define PROFTOP_TUI_CLI_MEASURE_H

#include "core/session/session.h"
#include "tui/cli/calls_option.h"
#include "tui/cli/command.h"
#include "tui/cli/memory.h"

struct measure_options {
    int rate_hz;
    gboolean no_children;
    gboolean quiet;
    char *engine; /* name; NULL: auto */
    char *output; /* snapshot; NULL: a default name */
    char *attach; /* pid of a running process, as it was typed; NULL: launch a command */
    struct memory_options memory;
    struct calls_option calls;
    bool whole_heap; /* for a leak check: --memory=auto becomes exact */
};

/* Defaults. */
void measure_options_init(struct measure_options *options);

/* Frees what it holds. */
void measure_options_clear(struct measure_options *options);

enum { MEASURE_ENTRIES = 7 + MEMORY_ENTRIES + CALLS_ENTRIES };

/* The options above as table entries; `entries` has room for MEASURE_ENTRIES and the terminator. */
void measure_fill_entries(struct measure_options *options, GOptionEntry *entries);

/*
 * Checks the options and launches argv (NULL-terminated, at least one word) on `terminal_fd` (-1:
 * as it is), or, with options->attach and no word, attaches. The options must outlive the session.
 */
struct session *measure_start(struct measure_options *options,
                              const struct command_context *context, char **argv, int terminal_fd,
                              GError **error);

/* Ends the measurement, as session_finish, and puts into its profile what of the options explains
 * what it has not. */
void measure_finish(const struct measure_options *options, struct session *session,
                    int symbols_timeout_ms);

/* What snapshots are named after: the command, or the name of the process that is attached to. NULL
 * when there is neither. Free with g_free. */
char *measure_name(const struct measure_options *options, char **argv);

/*
 * Waits for the end of the command, `duration_ns` (0: no limit) or a signal that asks proftop to
 * end. Returns the signal, or 0.
 */
int measure_wait(struct session *session, int64_t duration_ns);

/* The signal that has asked proftop to end since measure_start() was called, or 0. */
int measure_signal(void);

/*
 * Saves the profile of a finished session, at options->output or a default name. When that cannot
 * be written, the temporary directory is tried, so that the measurement is not lost; the error then
 * says where it is. Returns the name, or NULL with an error. Free with g_free.
 */
char *measure_save(const struct measure_options *options, const struct profile *profile,
                   const char *name, GError **error);

/*
 * The target's exit status as a shell has it; 0 when it still runs, or ran already when proftop
 * came. 128 more than the signal that asked proftop to end (`signal_number`, 0: none), unless that
 * was the interrupt key, which is how to end the watching of a process that was attached to.
 */
int measure_exit_status(const struct profile *profile, int signal_number);

/* Says on stderr, a line each, what the profile notes about this run; and what of the heap was not
 * seen, and that no calls were counted, although it was asked for. */
void measure_say_notes(const struct measure_options *options, const struct profile *profile);

#endif
