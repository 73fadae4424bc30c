/*
 * What proftop was given by whoever started it and may change for itself: signal mask and
 * dispositions, limits, umask, niceness. Captured first thing in main, put back in the child that
 * becomes the target.
 */
#ifndef PROFTOP_CORE_TARGET_INHERITED_STATE_H
#define PROFTOP_CORE_TARGET_INHERITED_STATE_H

#include <stdbool.h>

struct inherited_state;

/*
 * Reads the state of this process. Heap object, freed with inherited_state_free(). Context: main,
 * before any thread (it turns the umask over for an instant).
 */
struct inherited_state *inherited_state_capture(void);

/*
 * Puts everything but the signal mask back. Context: a forked child before exec; async-signal-safe.
 */
void inherited_state_restore(const struct inherited_state *state);

/* Puts the signal mask back; the last step before exec. Context: as inherited_state_restore(). */
void inherited_state_restore_mask(const struct inherited_state *state);

/* NULL is allowed. Context: any thread. */
void inherited_state_free(struct inherited_state *state);

#endif
