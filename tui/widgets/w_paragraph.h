/*
 * Text that takes as many lines as it needs, broken between words.
 *
 * Context: UI thread.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_PARAGRAPH_H
#define PROFTOP_TUI_WIDGETS_W_PARAGRAPH_H

#include "tui/term/surface.h"

/* How many lines of `cols` columns a text takes; 0 when it is empty. */
int paragraph_rows(const char *text, int cols);

/* Draws its first `rows` lines; `first` is where the first of them goes. */
void paragraph_draw(struct surface *surface, struct span first, int rows, struct style style,
                    const char *text);

#endif
