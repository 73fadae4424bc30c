/*
 * A directory that nobody else can enter, for the socket and the files of one run.
 */
#ifndef PROFTOP_CORE_SESSION_PRIVATE_DIRECTORY_H
#define PROFTOP_CORE_SESSION_PRIVATE_DIRECTORY_H

#include <glib.h>

/*
 * Makes a new, empty directory of mode 0700: in $XDG_RUNTIME_DIR/proftop when that variable names a
 * directory of ours that others cannot write to, else in /tmp. Returns its path (free with g_free),
 * or NULL: PROFTOP_ERROR_NOT_PERMITTED when $XDG_RUNTIME_DIR/proftop is a symbolic link, someone
 * else's or open to others. Directories whose proftop was killed are removed on the way. Context:
 * any thread.
 */
char *private_directory_make(GError **error);

#endif
