/*
 * Guards the terminal: whatever ends the program, the terminal is usable afterwards; and signals
 * that concern the screen arrive as bytes on a pipe, to be read in the main loop.
 *
 * There is one terminal, so there is one guard, kept in file-scope data.
 */
#ifndef PROFTOP_TUI_TERM_TTY_GUARD_H
#define PROFTOP_TUI_TERM_TTY_GUARD_H

#include <glib.h>
#include <stdbool.h>

/*
 * Remembers the terminal's modes and takes over SIGHUP, SIGTERM, SIGWINCH and the fatal signals.
 * After a fatal signal `reset` (escape sequences; borrowed until tty_guard_end) is written to `fd`
 * and the modes are set back, then the signal takes its course. Returns the pipe's read end, where
 * each signal arrives as one byte, or -1 with an error. Context: UI thread.
 */
int tty_guard_begin(int fd, const char *reset, GError **error);

/* Gives the signals back to whoever had them. Does not touch the terminal. Context: UI thread. */
void tty_guard_end(void);

#endif
