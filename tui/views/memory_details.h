/*
 * What is known about one row of the Memory view: its call paths, heaviest first, how large its
 * blocks are, how long they live.
 *
 * Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_MEMORY_DETAILS_H
#define PROFTOP_TUI_VIEWS_MEMORY_DETAILS_H

#include "tui/views/lens.h"
#include "tui/views/memory_rows.h"
#include "tui/views/view.h"
#include "tui/widgets/w_list.h"

struct memory_details {
    const struct lens *lens;
    const struct memory_rows *rows;
    enum heap_column column; /* that paths are weighed by */
    GArray *sites;           /* of the row: uint32_t, heaviest first */
    int64_t whole;           /* of `column`, all paths */
    GPtrArray *lines;        /* as last drawn */
    struct list list;        /* how far they are scrolled */
    /* Which row, and as of which query. */
    uint32_t function, line;
    unsigned n_queries;
};

/* Of no row. Both are borrowed. */
void memory_details_init(struct memory_details *details, const struct lens *lens,
                         const struct memory_rows *rows);

/* Frees what it holds. */
void memory_details_clear(struct memory_details *details);

/* Looks at a row, weighed by `column`. Cheap when nothing has changed. */
void memory_details_look(struct memory_details *details, const struct memory_row *row,
                         enum heap_column column);

/* Draws the row that was looked at in an area: the paths a line each, or, with `whole`, all their
 * frames, to scroll through. */
void memory_details_draw(struct memory_details *details, const struct canvas *canvas,
                         const struct memory_row *row, bool whole);

/* Scrolls whole paths; false when the request is no movement. */
bool memory_details_request(struct memory_details *details, enum request request);

#endif
