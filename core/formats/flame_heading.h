/*
 * What stands above a flame graph: what was measured, when, how, how completely; and its figures as
 * people read them. All texts are escaped for XML.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_FORMATS_FLAME_HEADING_H
#define PROFTOP_CORE_FORMATS_FLAME_HEADING_H

#include "core/model/calltree.h"

/* Appends the command line, or that there is none; and of the heap which column it is. */
void flame_heading_title(const struct calltree *tree, GString *out);

/* Appends one line about the measurement. `scope` says what part of the run; "" all of it. */
void flame_heading_subtitle(const struct calltree *tree, const char *scope, GString *out);

/* Appends a value of the tree's metric ("3.90 s"). */
void flame_heading_value(const struct calltree *tree, GString *out, int64_t value);

#endif
