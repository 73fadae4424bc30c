/*
 * What pprof's schema has no place for, as key=value comments: how the measurement went, the
 * processes and threads, kinds of modules. man/proftop-snapshot.5 lists the keys.
 *
 * Context: the thread that reads or writes the file.
 */
#ifndef PROFTOP_CORE_FORMATS_SNAPSHOT_COMMENTS_H
#define PROFTOP_CORE_FORMATS_SNAPSHOT_COMMENTS_H

#include "core/model/profile.h"

/* Appends all comments of the profile (char *, free with g_free), but for those of modules and of
 * counted functions, in their one order. Context: holder of the profile's lock. */
void snapshot_comments_write(const struct profile *profile, GPtrArray *comments);

/* The comment for a module whose kind is not MODULE_FILE; free with g_free. */
char *snapshot_comments_module(uint64_t mapping_id, enum module_kind kind);

/*
 * Takes the comments (const char *) of a file into an empty profile. Without proftop's own mark
 * among them all are kept as they are. `kinds` gets mapping id -> enum module_kind + 1 (direct
 * pointers). Errors: PROFTOP_ERROR_CORRUPT when processes are their own ancestors.
 */
bool snapshot_comments_read(struct profile *profile, const GPtrArray *comments, GHashTable *kinds,
                            GError **error);

/*
 * For each process the how manyth with its pid it is, from 1 (uint32_t): pids get reused, and this
 * tells the users apart. Free with g_array_unref.
 */
GArray *snapshot_process_uses(const struct profile *profile);

#endif
