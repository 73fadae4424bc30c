/*
 * Subcommands: one file each, one line in the table of main.c.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_COMMAND_H
#define PROFTOP_TUI_CLI_COMMAND_H

#include <glib.h>

#include "core/target/inherited_state.h"

/* What every command gets from main. */
struct command_context {
    const struct inherited_state *state; /* how proftop was started */
};

struct command {
    const char *name;
    const char *summary; /* for `proftop --help` */
    /*
     * argv[0] is the command's name. Returns the exit status; on failure sets the error, and main
     * says it and chooses the status.
     */
    int (*run)(const struct command_context *context, int argc, char **argv, GError **error);
};

extern const struct command cmd_cc, cmd_export, cmd_live, cmd_record, cmd_report, cmd_view;

/* How a command's words are laid out, for parsing and --help. */
struct command_usage {
    const char *words;       /* what follows the options */
    const char *summary;     /* one sentence */
    gboolean launches;       /* its words are another program's: options end at the first of them */
    gboolean lists_commands; /* --help also lists the subcommands */
};

/*
 * Takes the options out of argv; `--` ends them and is removed.
 * false: the error is PROFTOP_ERROR_USAGE. --help prints and exits.
 */
gboolean command_parse(const struct command_usage *usage, const GOptionEntry *entries, int *argc,
                       char ***argv, GError **error);

#endif
