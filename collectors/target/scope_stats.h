/*
 * What the program asks for about its own scopes: the records of all threads, read back from the
 * segment and added up by name.
 *
 * Records are never set back, as proftop follows them: a reset is to remember what they were.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_STATS_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "collectors/target/proftop.h"
#include "collectors/target/scopes.h"

/*
 * proftop_stats(). 0 also when system calls are forbidden, or memory is short.
 *
 * @bytes_each  size of the caller's struct proftop_stat, which may be of another version
 * Keeps errno. Context: any thread, not a signal handler.
 */
size_t scope_stats_get(struct scopes *scopes, struct proftop_stat *out, size_t n,
                       size_t bytes_each);

/* proftop_reset(). Keeps errno. Context: as scope_stats_get(). */
void scope_stats_reset(struct scopes *scopes);

/* Forgets that there was a reset. May change errno. Context: fork handler. */
void scope_stats_forget(struct scopes *scopes);

#endif
