/*
 * A new gzipped file that appears whole under its name, or not at all.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_PACKED_FILE_H
#define PROFTOP_CORE_FORMATS_PACKED_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct packed_file;

/* Begins one, as new_file_new does (core/formats/new_file.h). NULL with an error. Context: one
 * thread. */
struct packed_file *packed_file_new(const char *path, bool overwrite, GError **error);

/* Appends. After an error only packed_file_free may follow. */
bool packed_file_write(struct packed_file *file, const void *data, size_t size, GError **error);

/* Writes what is left to the disk and gives the file its name. */
bool packed_file_commit(struct packed_file *file, GError **error);

/* Frees; what was not committed is removed. NULL is allowed. */
void packed_file_free(struct packed_file *file);

#endif
