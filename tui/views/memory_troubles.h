/*
 * What of the heap is not measured, and why, in words.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_MEMORY_TROUBLES_H
#define PROFTOP_TUI_VIEWS_MEMORY_TROUBLES_H

#include "tui/views/lens.h"
#include "tui/views/view.h"

/* Draws why there is nothing at all, in the canvas's area. */
void memory_unmeasured_draw(const struct lens *lens, const struct canvas *canvas);

/* Draws which processes are not, or not wholly, seen, from the area's row `from` on; nothing when
 * all is seen. */
void memory_troubles_draw(const struct lens *lens, const struct canvas *canvas, int from);

#endif
