/*
 * What Flame is weighed by: CPU time, the heap, exact calls.
 *
 * Everything here needs the holder of the profile's lock. Context: UI thread.
 */
#ifndef PROFTOP_TUI_VIEWS_LENS_FLAME_H
#define PROFTOP_TUI_VIEWS_LENS_FLAME_H

#include "tui/views/lens.h"

/* Whether there is anything but the main metric to weigh Flame by. */
bool lens_flame_has_choice(const struct lens *lens);

/* Weighs Flame by the next of what was measured: the main metric; live, peak, allocated bytes,
 * allocated blocks, temporary ones; call time, calls. false: there is only one, and nothing has
 * changed. */
bool lens_next_flame_weight(struct lens *lens);

/* Appends a weight as Flame shows it, in the chosen unit. */
void lens_append_flame_weight(const struct lens *lens, GString *out, struct weight weight);

/* Appends a value of what Flame is weighed by. */
void lens_append_flame_value(const struct lens *lens, GString *out, int64_t value);

/* Appends of which threads and of what time Flame is, where that is not what is in sight otherwise:
 * " (whole run)". */
void lens_append_flame_scope(const struct lens *lens, GString *out);

/* Weight in Flame of all stacks that lead through a function. */
int64_t lens_flame_of_function(const struct lens *lens, uint32_t function);

#endif
