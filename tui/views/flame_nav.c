/*
 * Movement in the icicle.
 */
#include "tui/views/flame_nav.h"

static const struct calltree_node *node_of(const struct flame_nav *nav, uint32_t id)
{
    return calltree_node(nav->lens->flame, id);
}

static const struct flame_box *box_at(const struct flame_nav *nav, int i)
{
    return &g_array_index(nav->boxes, struct flame_box, i);
}

void flame_nav_init(struct flame_nav *nav, const struct lens *lens)
{
    *nav = (struct flame_nav){
        .lens = lens,
        .generation = lens->generation,
        .cursor_path = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .history = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .boxes = g_array_new(FALSE, FALSE, sizeof(struct flame_box)),
    };
}

void flame_nav_clear(struct flame_nav *nav)
{
    g_clear_pointer(&nav->cursor_path, g_array_unref);
    g_clear_pointer(&nav->history, g_array_unref);
    g_clear_pointer(&nav->boxes, g_array_unref);
}

void flame_nav_reset(struct flame_nav *nav)
{
    nav->zoom = nav->cursor = CALLTREE_ROOT;
    nav->zoom_depth = 0;
    g_array_set_size(nav->cursor_path, 0);
    g_array_set_size(nav->history, 0);
}

static void remember_path(struct flame_nav *nav)
{
    g_array_set_size(nav->cursor_path, 0);
    for (uint32_t id = nav->cursor; id != CALLTREE_ROOT; id = node_of(nav, id)->parent)
        g_array_prepend_val(nav->cursor_path, node_of(nav, id)->function);
    nav->zoom_depth = node_of(nav, nav->zoom)->depth;
}

static uint32_t child_of_function(const struct flame_nav *nav, uint32_t parent, uint32_t function)
{
    for (uint32_t id = node_of(nav, parent)->first_child; id != PROFILE_NONE;
         id = node_of(nav, id)->next_sibling)
        if (node_of(nav, id)->function == function)
            return id;
    return PROFILE_NONE;
}

/* Follows the remembered path in the new tree as far as it goes. */
static void find_again(struct flame_nav *nav)
{
    nav->generation = nav->lens->generation;
    nav->zoom = nav->cursor = CALLTREE_ROOT;
    g_array_set_size(nav->history, 0);
    for (guint i = 0; i < nav->cursor_path->len; i++) {
        uint32_t function = g_array_index(nav->cursor_path, uint32_t, i);
        uint32_t child = child_of_function(nav, nav->cursor, function);
        if (child == PROFILE_NONE)
            break;
        nav->cursor = child;
        if (node_of(nav, child)->depth <= nav->zoom_depth)
            nav->zoom = child;
    }
}

static uint32_t with_weight(const struct flame_nav *nav, uint32_t id)
{
    while (id != CALLTREE_ROOT && node_of(nav, id)->total.value <= 0)
        id = node_of(nav, id)->parent;
    return id;
}

/* The cursor stands on a box or on a caller of the zoomed frame; else it climbs until it does. */
static void keep_cursor_in_sight(struct flame_nav *nav)
{
    uint32_t zoom_depth = node_of(nav, nav->zoom)->depth;
    while (nav->cursor != CALLTREE_ROOT) {
        uint32_t depth = node_of(nav, nav->cursor)->depth;
        if (depth < zoom_depth && flame_nav_caller_at(nav, depth) == nav->cursor)
            return;
        if (depth >= zoom_depth && flame_nav_box_of(nav, nav->cursor) >= 0)
            return;
        nav->cursor = node_of(nav, nav->cursor)->parent;
    }
}

void flame_nav_layout(struct flame_nav *nav, int columns)
{
    if (nav->generation != nav->lens->generation)
        find_again(nav);
    nav->zoom = with_weight(nav, nav->zoom);
    nav->cursor = with_weight(nav, nav->cursor);
    flame_layout(nav->lens->flame, nav->zoom, columns, 1.0, nav->boxes);
    keep_cursor_in_sight(nav);
    remember_path(nav);
}

int flame_nav_box_of(const struct flame_nav *nav, uint32_t node)
{
    for (guint i = 0; i < nav->boxes->len; i++)
        if (box_at(nav, (int)i)->node == node)
            return (int)i;
    return -1;
}

uint32_t flame_nav_caller_at(const struct flame_nav *nav, uint32_t depth)
{
    uint32_t id = nav->zoom;
    while (node_of(nav, id)->depth > depth)
        id = node_of(nav, id)->parent;
    return id;
}

void flame_nav_set_cursor(struct flame_nav *nav, uint32_t node)
{
    nav->cursor = node;
    remember_path(nav);
}

/* The box `step` further in the cursor's row, or the cursor itself. */
static uint32_t beside(const struct flame_nav *nav, int step)
{
    int i = flame_nav_box_of(nav, nav->cursor);
    int next = i + step;
    if (i < 0 || next < 0 || next >= (int)nav->boxes->len ||
        box_at(nav, next)->row != box_at(nav, i)->row)
        return nav->cursor;
    return box_at(nav, next)->node;
}

static uint32_t heaviest_box_below(const struct flame_nav *nav)
{
    uint32_t zoom_depth = node_of(nav, nav->zoom)->depth;
    if (node_of(nav, nav->cursor)->depth < zoom_depth)
        return flame_nav_caller_at(nav, node_of(nav, nav->cursor)->depth + 1);
    uint32_t best = nav->cursor;
    int64_t weight = -1;
    for (guint i = 0; i < nav->boxes->len; i++) {
        uint32_t id = box_at(nav, (int)i)->node;
        const struct calltree_node *node = node_of(nav, id);
        if (node->parent == nav->cursor && node->total.value > weight) {
            best = id;
            weight = node->total.value;
        }
    }
    return best;
}

static uint32_t deepest_of_heaviest(struct flame_nav *nav)
{
    uint32_t before;
    do {
        before = nav->cursor;
        nav->cursor = heaviest_box_below(nav);
    } while (nav->cursor != before);
    return before;
}

bool flame_nav_move(struct flame_nav *nav, enum request request)
{
    uint32_t to;
    switch (request) {
    case REQUEST_UP:
        to = nav->cursor == CALLTREE_ROOT ? CALLTREE_ROOT : node_of(nav, nav->cursor)->parent;
        break;
    case REQUEST_DOWN:
        to = heaviest_box_below(nav);
        break;
    case REQUEST_LEFT:
        to = beside(nav, -1);
        break;
    case REQUEST_RIGHT:
        to = beside(nav, 1);
        break;
    case REQUEST_HOME:
        to = CALLTREE_ROOT;
        break;
    case REQUEST_END:
        to = deepest_of_heaviest(nav);
        break;
    default:
        return false;
    }
    flame_nav_set_cursor(nav, to);
    return true;
}

static void zoom_to(struct flame_nav *nav, uint32_t node)
{
    if (node == nav->zoom)
        return;
    g_array_append_val(nav->history, nav->zoom);
    nav->zoom = node;
}

void flame_nav_zoom_in(struct flame_nav *nav)
{
    zoom_to(nav, nav->cursor);
    remember_path(nav);
}

bool flame_nav_zoom_out(struct flame_nav *nav)
{
    if (nav->zoom == CALLTREE_ROOT && nav->history->len == 0)
        return false;
    uint32_t to = CALLTREE_ROOT;
    if (nav->history->len > 0) {
        to = g_array_index(nav->history, uint32_t, nav->history->len - 1);
        g_array_set_size(nav->history, nav->history->len - 1);
    }
    nav->zoom = to;
    remember_path(nav);
    return true;
}

bool flame_nav_focus(struct flame_nav *nav, uint32_t function)
{
    uint32_t best = PROFILE_NONE;
    int64_t weight = 0;
    if (nav->generation != nav->lens->generation)
        find_again(nav);
    for (uint32_t id = 0; id < nav->lens->flame->nodes->len; id++) {
        const struct calltree_node *node = node_of(nav, id);
        if (node->function == function && node->total.value > weight) {
            best = id;
            weight = node->total.value;
        }
    }
    if (best == PROFILE_NONE)
        return false;
    zoom_to(nav, best);
    flame_nav_set_cursor(nav, best);
    return true;
}
