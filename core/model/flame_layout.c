/*
 * Icicle layout, row by row: the boxes of a row are laid out under those of the row above.
 */
#include "core/model/flame_layout.h"

#include <math.h>
#include <string.h>

/* A child and its name, for sorting. */
struct child {
    uint32_t node;
    const char *name;
};

static gint compare_children(gconstpointer left, gconstpointer right)
{
    const struct child *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->node > b->node) - (a->node < b->node);
}

static void collect_children(const struct calltree *tree, uint32_t node, int64_t least,
                             GArray *children)
{
    g_array_set_size(children, 0);
    for (uint32_t id = calltree_node(tree, node)->first_child; id != PROFILE_NONE;
         id = calltree_node(tree, id)->next_sibling) {
        const struct calltree_node *n = calltree_node(tree, id);
        if (n->total.value <= 0 || n->total.value < least)
            continue;
        const struct function *f = profile_get_function(tree->profile, n->function);
        struct child child = {.node = id, .name = f->name};
        g_array_append_val(children, child);
    }
    g_array_sort(children, compare_children);
}

/* What stays the same during one layout. */
struct layout {
    const struct calltree *tree;
    double unit;      /* width of one of the metric's units */
    int64_t least;    /* a child with less is left out */
    GArray *children; /* struct child, emptied for each box */
    GArray *boxes;
};

static void lay_out_children(const struct layout *layout, const struct flame_box *box)
{
    double x = box->x;
    collect_children(layout->tree, box->node, layout->least, layout->children);
    for (guint i = 0; i < layout->children->len; i++) {
        uint32_t node = g_array_index(layout->children, struct child, i).node;
        double width = (double)calltree_node(layout->tree, node)->total.value * layout->unit;
        struct flame_box child = {.node = node, .row = box->row + 1, .x = x, .width = width};
        g_array_append_val(layout->boxes, child);
        x += width;
    }
}

void flame_layout(const struct calltree *tree, uint32_t node, double width, double min_width,
                  GArray *boxes)
{
    g_array_set_size(boxes, 0);
    int64_t total = calltree_node(tree, node)->total.value;
    if (total <= 0)
        return;
    struct layout layout = {.tree = tree,
                            .unit = width / (double)total,
                            .children = g_array_new(FALSE, FALSE, sizeof(struct child)),
                            .boxes = boxes};
    layout.least = (int64_t)ceil(min_width / layout.unit);
    struct flame_box first = {.node = node, .row = 0, .x = 0, .width = width};
    g_array_append_val(boxes, first);
    for (guint i = 0; i < boxes->len; i++) {
        struct flame_box box = g_array_index(boxes, struct flame_box, i);
        lay_out_children(&layout, &box);
    }
    g_array_unref(layout.children);
}

const struct flame_box *flame_layout_at(const GArray *boxes, uint32_t row, double x)
{
    for (guint i = 0; i < boxes->len; i++) {
        const struct flame_box *box = &g_array_index(boxes, struct flame_box, i);
        if (box->row == row && x >= box->x && x < box->x + box->width)
            return box;
    }
    return NULL;
}

/* FNV-1a, finished with a multiplication so that short names spread too. */
static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return (h ^ h >> 15) * 0x85EBCA6Bu;
}

double flame_hue(const char *module, const char *function, double *ret_shade)
{
    enum { BANDS = 12, BAND_DEGREES = 360 / BANDS };
    uint32_t in_band = hash_text(function);
    double band = (double)(hash_text(module) % BANDS) * BAND_DEGREES;
    *ret_shade = (double)(in_band >> 16) / 65536;
    return band + (double)(in_band & 0xFFFF) / 65536 * BAND_DEGREES * 0.8;
}
