/*
 * A new file that appears whole under its name, or not at all.
 *
 * Context: one thread at a time.
 */
#ifndef PROFTOP_CORE_FORMATS_NEW_FILE_H
#define PROFTOP_CORE_FORMATS_NEW_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct new_file;

/*
 * Begins a file that will be `path`: in a hidden temporary one beside it, mode 0600, since what was
 * measured shows command lines and paths. What already exists at `path` is an error unless
 * `overwrite`, and anything but a regular file is always one. NULL with an error. Context: one
 * thread.
 */
struct new_file *new_file_new(const char *path, bool overwrite, GError **error);

/* Appends. After an error only new_file_free may follow. */
bool new_file_write(struct new_file *file, const void *data, size_t size, GError **error);

/* Writes what is left to the disk and gives the file its name. */
bool new_file_commit(struct new_file *file, GError **error);

/* Frees; what was not committed is removed. NULL is allowed. */
void new_file_free(struct new_file *file);

#endif
