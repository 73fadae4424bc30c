/*
 * List position: cursor and scrolling, shared by tables, trees and text.
 */
#include "tui/widgets/w_list.h"

static void keep_in_sight(struct list *list)
{
    list->cursor = CLAMP(list->cursor, 0, MAX(list->count - 1, 0));
    if (list->cursor < list->top)
        list->top = list->cursor;
    if (list->cursor >= list->top + list->height)
        list->top = list->cursor - list->height + 1;
    list->top = CLAMP(list->top, 0, MAX(list->count - list->height, 0));
}

void list_fit(struct list *list, int count, int height)
{
    list->count = count;
    list->height = MAX(height, 1);
    keep_in_sight(list);
}

void list_move_to(struct list *list, int row)
{
    list->cursor = row;
    keep_in_sight(list);
}

bool list_request(struct list *list, enum request request)
{
    switch (request) {
    case REQUEST_UP:
        list_move_to(list, list->cursor - 1);
        return true;
    case REQUEST_DOWN:
        list_move_to(list, list->cursor + 1);
        return true;
    case REQUEST_PAGE_UP:
        list_move_to(list, list->cursor - list->height);
        return true;
    case REQUEST_PAGE_DOWN:
        list_move_to(list, list->cursor + list->height);
        return true;
    case REQUEST_HALF_UP:
        list_move_to(list, list->cursor - MAX(list->height / 2, 1));
        return true;
    case REQUEST_HALF_DOWN:
        list_move_to(list, list->cursor + MAX(list->height / 2, 1));
        return true;
    case REQUEST_HOME:
        list_move_to(list, 0);
        return true;
    case REQUEST_END:
        list_move_to(list, list->count - 1);
        return true;
    default:
        return false;
    }
}

void list_scroll(struct list *list, int rows)
{
    list->top = CLAMP(list->top + rows, 0, MAX(list->count - list->height, 0));
    list->cursor = CLAMP(list->cursor, list->top, list->top + list->height - 1);
    keep_in_sight(list);
}

bool list_scroll_request(struct list *list, enum request request)
{
    int half = MAX(list->height / 2, 1);
    switch (request) {
    case REQUEST_UP:
    case REQUEST_DOWN:
        list_scroll(list, request == REQUEST_UP ? -1 : 1);
        return true;
    case REQUEST_PAGE_UP:
    case REQUEST_PAGE_DOWN:
        list_scroll(list, request == REQUEST_PAGE_UP ? -list->height : list->height);
        return true;
    case REQUEST_HALF_UP:
    case REQUEST_HALF_DOWN:
        list_scroll(list, request == REQUEST_HALF_UP ? -half : half);
        return true;
    case REQUEST_HOME:
    case REQUEST_END:
        list_scroll(list, request == REQUEST_HOME ? -list->count : list->count);
        return true;
    default:
        return false;
    }
}

int list_row_at(const struct list *list, int y)
{
    int row = list->top + y;
    return y >= 0 && y < list->height && row < list->count ? row : -1;
}

bool list_find(struct list *list, int direction, bool (*matches)(void *data, int row), void *data)
{
    int n = list->count;
    int from = list->cursor + direction, step = direction < 0 ? -1 : 1;
    for (int i = 0; i < n; i++) {
        int row = ((from + i * step) % n + n) % n;
        if (!matches(data, row))
            continue;
        list_move_to(list, row);
        return true;
    }
    return false;
}
