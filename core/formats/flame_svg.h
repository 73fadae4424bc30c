/*
 * A flame graph as one SVG file: a picture for any program that shows SVG, and in a browser one to
 * zoom, search and turn around (flame_svg.js, flame_svg.css). Nothing is loaded from anywhere.
 */
#ifndef PROFTOP_CORE_FORMATS_FLAME_SVG_H
#define PROFTOP_CORE_FORMATS_FLAME_SVG_H

#include "core/model/calltree.h"

struct flame_svg_options {
    const char *scope; /* what part of the run this is; "" all of it */
    uint32_t zoom;     /* node that a browser shows first; CALLTREE_ROOT */
};

/*
 * The whole file, callers above callees, or as the tree is inverted. What is too narrow is left
 * out, so that it stays below a few megabytes whatever the tree, and the picture says how much that
 * is. Names may be hostile. Never NULL; free with g_string_free. Context: holder of the profile's
 * lock.
 */
GString *flame_svg(const struct calltree *tree, const struct flame_svg_options *options);

#endif
