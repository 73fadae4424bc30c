/* What the program counts by itself: the last value, the least and the greatest, by name. */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_COUNTERS_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_COUNTERS_H

#include <stdint.h>

#include "collectors/target/scopes.h"

/* Sets the counter of that name, of which 63 bytes count. Without room it does nothing but note
 * that. Keeps errno. Context: any thread, async-signal-safe. */
void scope_counters_set(struct scopes *scopes, const char *name, int64_t value);

#endif
