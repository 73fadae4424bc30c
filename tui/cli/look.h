/*
 * Options about how things look, for the commands with a screen.
 *
 * Context: main thread.
 */
#ifndef PROFTOP_TUI_CLI_LOOK_H
#define PROFTOP_TUI_CLI_LOOK_H

#include <glib.h>

struct look {
    gboolean ascii;
    gboolean color; /* after look_finish */
    char *color_when;
};

enum { LOOK_ENTRIES = 2 };

/* Defaults. */
void look_init(struct look *look);
/* Frees what it holds. */
void look_clear(struct look *look);

/* --ascii and --color; `entries` has room for LOOK_ENTRIES. */
void look_fill_entries(struct look *look, GOptionEntry *entries);

/*
 * Decides about colour: --color, else NO_COLOR (https://no-color.org: any value that is not empty),
 * else yes. false: --color has an unknown value.
 */
gboolean look_finish(struct look *look, GError **error);

#endif
