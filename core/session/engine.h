/*
 * The CPU engine of a session: which one it is, and what is to be said about its being that one.
 *
 * Context: the thread that owns the session, while the sampling thread does not run.
 */
#ifndef PROFTOP_CORE_SESSION_ENGINE_H
#define PROFTOP_CORE_SESSION_ENGINE_H

#include "core/model/profile.h"
#include "core/session/source.h"

/*
 * The first of `sources` (NULL at the end) that can run here; its notes, and why a better one can't
 * run, as the last one, go into the profile's. NULL when none can, with the error of the first,
 * which is the one that counts.
 */
const struct source_ops *engine_choose(const struct source_ops *const *sources,
                                       const struct source_options *asked, struct profile *profile,
                                       GError **error);

/* Notes that the command itself is not sampled when the engine needs the collector, which is not in
 * it because of `reason` (the end of a sentence). Returns the note, NULL when there is no need. */
const char *engine_note_command(const struct source_ops *engine, const char *reason,
                                struct profile *profile);

/* At the end: notes why so much of the CPU time has no samples, if it is much. */
void engine_note_unsampled(const struct source_ops *engine, int64_t unsampled_ns, int64_t cpu_ns,
                           struct profile *profile);

#endif
