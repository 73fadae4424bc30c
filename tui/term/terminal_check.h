/*
 * Can there be a screen at all? Asked before a program is started that would then be without one.
 */
#ifndef PROFTOP_TUI_TERM_TERMINAL_CHECK_H
#define PROFTOP_TUI_TERM_TERMINAL_CHECK_H

#include <glib.h>
#include <stdbool.h>

/*
 * Whether TERM names a terminal that can show full screens. Sends nothing to `fd`, the terminal.
 * Leaves the entry that it found in curses' cur_term.
 * false: the error says how to mend it. Context: UI thread.
 */
bool terminal_check(int fd, GError **error);

#endif
