/*
 * Which of the target's processes have the collector inside, and why others have not.
 *
 * Context, where nothing else is said: the thread that owns the session.
 */
#ifndef PROFTOP_CORE_SESSION_COVERAGE_H
#define PROFTOP_CORE_SESSION_COVERAGE_H

#include <pthread.h>

#include "core/model/profile.h"
#include "core/session/listener.h"

struct coverage;

/* A listener with a table of who has said hello. NULL with an error. Context: any thread. */
struct coverage *coverage_new(GError **error);

/* Ends the listener; NULL is allowed. */
void coverage_free(struct coverage *coverage);

/* Its listener, for launching and for sources that fill segments. */
struct listener *coverage_listener(const struct coverage *coverage);

/*
 * Once a second: a process that has lived through one whole round without a hello is marked as not
 * covered; segments of processes that ended are let go. Context: sampling thread, with the
 * profile's lock.
 */
void coverage_update(struct coverage *coverage, struct profile *profile);

#endif
