/*
 * Where one is in a list: the row under the cursor and the first row shown.
 */
#ifndef PROFTOP_TUI_WIDGETS_W_LIST_H
#define PROFTOP_TUI_WIDGETS_W_LIST_H

#include "tui/term/keys.h"

struct list {
    int count;  /* rows there are */
    int height; /* rows that can be shown */
    int cursor; /* 0 .. count - 1 */
    int top;    /* first row shown */
};

/* Takes over new counts, keeps the cursor inside and in sight. Context: UI thread. */
void list_fit(struct list *list, int count, int height);

/* Puts the cursor on a row and scrolls just as far as needed. Context: UI thread. */
void list_move_to(struct list *list, int row);

/* Obeys a request for movement; false when it is none. Context: UI thread. */
bool list_request(struct list *list, enum request request);

/* Scrolls by rows, for the wheel; the cursor stays in sight. Context: UI thread. */
void list_scroll(struct list *list, int rows);

/* Obeys a request for movement by scrolling, where no cursor is shown; false when it is none.
 * Context: UI thread. */
bool list_scroll_request(struct list *list, enum request request);

/* The row that is shown `y` rows below the first one; -1: none. Context: any thread. */
int list_row_at(const struct list *list, int y);

/*
 * Moves the cursor to the nearest row that matches, around the ends: at or behind it (`direction`
 * 0), behind it (1) or before it (-1). false: none does. Context: UI thread.
 */
bool list_find(struct list *list, int direction, bool (*matches)(void *data, int row), void *data);

#endif
