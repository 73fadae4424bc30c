/*
 * The samples of a pprof file: which of its types are metrics, calls or the heap's, and what each
 * sample adds to the profile.
 *
 * Context: the thread that reads the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_SAMPLES_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_SAMPLES_H

#include "core/formats/snapshot_tables.h"

struct snapshot_samples;

/*
 * Looks at the sample types and adds the metrics among them to the profile, which has none. Both
 * are borrowed. Never NULL.
 *
 * @ours  proftop has written the file
 */
struct snapshot_samples *snapshot_samples_new(struct snapshot_tables *tables,
                                              struct profile *profile, bool ours);

/* NULL is allowed. What was read stays in the profile. */
void snapshot_samples_free(struct snapshot_samples *samples);

/*
 * Reads all samples. The frames of locations must be there before, and all processes and threads
 * that the comments tell of; others are made, the nameless ones with `default_name`. Errors:
 * PROFTOP_ERROR_CORRUPT.
 */
bool snapshot_samples_read(struct snapshot_samples *samples, const char *default_name,
                           GError **error);

#endif
