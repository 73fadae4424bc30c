/*
 * Snapshots: profiles in files, as gzipped pprof protocol buffers (https://github.com/google/pprof,
 * profile.proto).
 *
 * What proftop saves reads back identical; files of other writers open too. man/proftop-snapshot.5
 * describes the labels and comments that proftop adds.
 *
 * Context: any thread; what needs the profile's lock says so.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_H

#include "core/model/profile.h"

/*
 * Writes the profile to `path`, which must not exist yet unless `overwrite`: to a temporary file
 * beside it, mode 0600, then rename, so that a full disk leaves nothing half-written. Context:
 * holder of the profile's lock.
 */
bool snapshot_save(const struct profile *profile, const char *path, bool overwrite, GError **error);

/* Whether snapshot_save() could begin at `path` now; leaves nothing there. Context: any thread. */
bool snapshot_check_place(const char *path, bool overwrite, GError **error);

/*
 * A name for a snapshot that does not exist yet: "proftop-COMM-DATE.pb.gz" in `folder` (NULL: the
 * current directory), with "-2", "-3", ... where that is taken; COMM is the last part of `command`,
 * which may be hostile. Free with g_free.
 */
char *snapshot_default_name(const char *folder, const char *command);

/* The same for a file of another kind: `suffix` instead of ".pb.gz". */
char *snapshot_name(const char *folder, const char *command, const char *suffix);

/* The same in the current directory, after the program whose profile it is: the first word of its
 * command. */
char *snapshot_name_after(const struct profile *profile, const char *suffix);

/*
 * Reads a snapshot of any pprof writer, gzipped or not. Every byte is untrusted: sizes, counts and
 * indexes are checked, and the error says what is wrong and at which offset. NULL with an error
 * (PROFTOP_ERROR_CORRUPT, or the system's).
 */
struct profile *snapshot_load(const char *path, GError **error);

/* The same from memory; `name` is used in messages. */
struct profile *snapshot_parse(const uint8_t *data, size_t size, const char *name, GError **error);

#endif
