/*
 * What is known about the calls of one function: all figures, a histogram of how long they took,
 * who called it and what it called.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_CALL_DETAILS_H
#define PROFTOP_TUI_VIEWS_CALL_DETAILS_H

#include "tui/views/lens_calls.h"
#include "tui/views/view.h"
#include "tui/widgets/w_list.h"

struct call_details {
    const struct lens *lens;
    uint32_t function;        /* looked at; PROFILE_NONE: none */
    GArray *callers, *called; /* struct call_row: its edges */
    unsigned n_queries;       /* of lens->calls, when they were made */
    struct list list;         /* of lines of edges: how far they are scrolled */
};

/* Of no function; `lens` is borrowed. */
void call_details_init(struct call_details *details, const struct lens *lens);

/* Frees what it holds. */
void call_details_clear(struct call_details *details);

/* Looks at a function, as of the lens's last query of calls. Cheap when nothing has changed. */
void call_details_look(struct call_details *details, uint32_t function);

/* Draws it in an area; `whole`: all the screen is for it, and it can be scrolled. */
void call_details_draw(struct call_details *details, const struct canvas *canvas, bool whole);

/* Scrolls; false when the request is no movement. */
bool call_details_request(struct call_details *details, enum request request);

#endif
