/*
 * What stands above a flame graph: what was measured, when, how, how completely; and its figures as
 * people read them. All texts are escaped for XML.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_FORMATS_FLAME_HEADING_H
#define PROFTOP_CORE_FORMATS_FLAME_HEADING_H

#include "core/model/calltree.h"

/* Appends the command line, or that there is none. */
void flame_heading_title(const struct profile *profile, GString *out);

/* Appends one line about the measurement. `scope` says what part of the run; "" all of it. */
void flame_heading_subtitle(const struct calltree *tree, const char *scope, GString *out);

/* Appends a value of the main metric ("3.90 s"). */
void flame_heading_value(const struct profile *profile, GString *out, int64_t value);

/* Name of the main metric for people: "CPU time", "samples", else its type. Not escaped. */
const char *flame_heading_metric(const struct profile *profile);

/* Unit of the main metric, as in pprof; "" without a metric. Not escaped. */
const char *flame_heading_unit(const struct profile *profile);

#endif
