/*
 * Where one is in the icicle: the frame zoomed to, the frame under the cursor, and the boxes laid
 * out. Keeps both frames when the trees are made anew, by their paths of functions.
 *
 * The row of a frame is its depth: the callers of the zoomed frame stand above it, over all of the
 * width. Context of all: UI thread with the profile's lock.
 */
#ifndef PROFTOP_TUI_VIEWS_FLAME_NAV_H
#define PROFTOP_TUI_VIEWS_FLAME_NAV_H

#include "core/model/flame_layout.h"
#include "tui/term/keys.h"
#include "tui/views/lens.h"

struct flame_nav {
    const struct lens *lens;
    uint64_t generation; /* of the lens, when the nodes below were found */
    uint32_t zoom, cursor;
    GArray *cursor_path; /* uint32_t functions from the root to the cursor */
    uint32_t zoom_depth;
    GArray *history; /* uint32_t nodes zoomed to before */
    GArray *boxes;   /* struct flame_box of `zoom` and what is below */
};

/* Begins at the root. `lens` is borrowed. Context: UI thread. */
void flame_nav_init(struct flame_nav *nav, const struct lens *lens);

/* Frees what it holds. Context: UI thread. */
void flame_nav_clear(struct flame_nav *nav);

/* Back to the root, with nothing remembered. Context: UI thread with the lock. */
void flame_nav_reset(struct flame_nav *nav);

/* Lays out anew over `columns`, after the lens was updated or rebuilt. Context: UI thread with the
 * lock. */
void flame_nav_layout(struct flame_nav *nav, int columns);

/* Moves the cursor for REQUEST_UP, DOWN, LEFT, RIGHT, HOME, END; false for others. Context: UI
 * thread with the lock. */
bool flame_nav_move(struct flame_nav *nav, enum request request);

/* Puts the cursor on a node. Context: UI thread with the lock. */
void flame_nav_set_cursor(struct flame_nav *nav, uint32_t node);

/* Zooms to the cursor. Context: UI thread with the lock. */
void flame_nav_zoom_in(struct flame_nav *nav);

/* Back to the zoom before; false when all is shown already. Context: UI thread with the lock. */
bool flame_nav_zoom_out(struct flame_nav *nav);

/* Zooms to the heaviest occurrence of a function; false when there is none. Context: UI thread with
 * the lock. */
bool flame_nav_focus(struct flame_nav *nav, uint32_t function);

/* Index of the node's box, -1 when it is not laid out. Context: UI thread with the lock. */
int flame_nav_box_of(const struct flame_nav *nav, uint32_t node);

/* The caller of the zoomed frame that stands in a row above it. Context: UI thread with the lock.
 */
uint32_t flame_nav_caller_at(const struct flame_nav *nav, uint32_t depth);

#endif
