/*
 * Layout of an icicle (or flame) graph: rectangles from a call tree, for the terminal and for SVG
 * alike.
 */
#ifndef PROFTOP_CORE_MODEL_FLAME_LAYOUT_H
#define PROFTOP_CORE_MODEL_FLAME_LAYOUT_H

#include "core/model/calltree.h"

struct flame_box {
    uint32_t node;
    uint32_t row;    /* 0 = the node laid out, which fills the width */
    double x, width; /* in the caller's unit: columns, pixels */
};

/*
 * Lays out `node` and what it calls (what calls it, in an inverted tree) over `width` units.
 *
 * Children stand in order of their functions' names, so that a live picture does not jump; a child
 * narrower than `min_width` is left out with all below it. Boxes come row by row, from left to
 * right. `boxes` (struct flame_box) is emptied first. Time O(visible boxes x their children).
 * Context: holder of the profile's lock.
 */
void flame_layout(const struct calltree *tree, uint32_t node, double width, double min_width,
                  GArray *boxes);

/* Box at (row, x), or NULL. */
const struct flame_box *flame_layout_at(const GArray *boxes, uint32_t row, double x);

/*
 * Hue of a function in degrees [0, 360): the same for the same module and name in every run;
 * functions of one module lie in one band of the circle (module-tinted). `ret_shade` in [0, 1)
 * tells neighbours in the band apart.
 */
double flame_hue(const char *module, const char *function, double *ret_shade);

#endif
