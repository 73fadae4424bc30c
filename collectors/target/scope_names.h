/*
 * Names of scopes. A text is known by where it lies, which is quick, and then by what it says: so
 * equal texts have one number, wherever they are, and a text that was changed gets another one.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_NAMES_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_NAMES_H

#include <stdint.h>

#include "collectors/target/scopes.h"

/* The number of a text that has lain at the same place before; 0: it has not, or was forgotten
 * again. Does not touch the segment. Context: any thread, async-signal-safe. */
uint32_t scope_names_known(struct scopes *scopes, const char *text);

/* The number of a wire_calls_name with this text, or its first WIRE_CALLS_NAME_MAX bytes; made now
 * if need be. 0: no room. Keeps errno. Context: any thread, async-signal-safe. */
uint32_t scope_names_make(struct scopes *scopes, const char *text);

#endif
