/*
 * What of the calls is missing, process by process, and why.
 */
#ifndef PROFTOP_TUI_VIEWS_CALL_TROUBLES_H
#define PROFTOP_TUI_VIEWS_CALL_TROUBLES_H

#include "tui/views/lens.h"
#include "tui/views/view.h"

/* Draws the troubles of the processes in sight, a paragraph each, from `from` rows into the area
 * on; nothing where there are none. Context: UI thread with the lock. */
void call_troubles_draw(const struct lens *lens, const struct canvas *canvas, int from);

#endif
