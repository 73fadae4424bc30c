/*
 * The terminal: shows a surface, delivers keys, mouse and signals. The only user of ncurses.
 */
#ifndef PROFTOP_TUI_TERM_SCREEN_H
#define PROFTOP_TUI_TERM_SCREEN_H

#include "tui/term/surface.h"
#include "tui/term/theme.h"

enum screen_event_kind {
    SCREEN_NOTHING, /* the time is over */
    SCREEN_KEY,
    SCREEN_CLICK,
    SCREEN_DOUBLE_CLICK,
    SCREEN_WHEEL_UP,
    SCREEN_WHEEL_DOWN,
    SCREEN_RESIZED,
    SCREEN_HANGUP,    /* the terminal is gone: call screen_abandon */
    SCREEN_TERMINATE, /* SIGTERM came */
};

struct screen_event {
    enum screen_event_kind kind;
    uint32_t key; /* see enum key_code */
    int y, x;     /* of the mouse */
};

struct screen;

/*
 * Opens standard input and output, or /dev/tty where they are no terminal, in full-screen mode.
 * Errors: PROFTOP_ERROR_FAILED when there is no terminal or TERM names one without cursor movement.
 * Context: UI thread, as for all of the following.
 */
struct screen *screen_open(bool color, bool ascii, GError **error);

/* Puts the terminal back as it was. NULL is fine. Context: UI thread. */
void screen_close(struct screen *screen);

/* Frees without touching the terminal, after a hang-up. Context: UI thread. */
void screen_abandon(struct screen *screen);

/* What the terminal can show. Context: UI thread. */
const struct theme *screen_theme(const struct screen *screen);

/* The surface to draw on, as large as the terminal is now; valid until the next screen_wait. Its
 * content is what was drawn last. Context: UI thread. */
struct surface *screen_surface(struct screen *screen);

/* Brings the terminal up to date with the surface; only cells that changed are sent. Context: UI
 * thread. */
void screen_show(struct screen *screen);

/* Forgets what the terminal shows, so that the next screen_show sends everything. Context: UI
 * thread. */
void screen_redraw(struct screen *screen);

/* Waits for the next event at most `timeout_ms`. Context: UI thread. */
struct screen_event screen_wait(struct screen *screen, int timeout_ms);

/* Gives the terminal back, stops the process (SIGTSTP), and returns when it continues. Context: UI
 * thread. */
void screen_suspend(struct screen *screen);

#endif
