/* Moments that the program has marked. */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_MARKS_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_MARKS_H

#include <stdint.h>

#include "collectors/target/scopes.h"

/* Marks this moment, as the thread's whose ID is given. `text` may be NULL, and be cut. Keeps
 * errno. Context: any thread, async-signal-safe. */
void scope_marks_add(struct scopes *scopes, int32_t tid, const char *text);

#endif
