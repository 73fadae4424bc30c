/*
 * What the program tells by itself, with proftop.h: its counters, and the moments that it marked.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_TOLD_PANEL_H
#define PROFTOP_TUI_VIEWS_TOLD_PANEL_H

#include "tui/views/lens.h"
#include "tui/views/view.h"

/* How many of `rows` rows it takes; 0: there is nothing to show, or too little room. */
int told_panel_rows(const struct lens *lens, int rows);

/* Draws what processes and threads in sight tell into the area, which has as many rows as
 * told_panel_rows() said: counters on the left, the latest marks on the right. */
void told_panel_draw(const struct lens *lens, const struct canvas *canvas);

#endif
