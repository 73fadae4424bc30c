/*
 * A framed box of lines in the middle of the screen.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_POPUP_H
#define PROFTOP_TUI_WIDGETS_W_POPUP_H

#include "tui/term/surface.h"
#include "tui/term/theme.h"

/*
 * Draws `n` lines in a box under `title`, as wide as its text, cut to the screen. Returns how many
 * lines fitted. Context: UI thread.
 */
int popup_draw(struct surface *surface, const struct theme *theme, const char *title,
               const char *const *lines, int n);

#endif
