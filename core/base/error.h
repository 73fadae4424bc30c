/*
 * Errors of proftop: GLib's GError with one domain.
 *
 * A function that can fail for a reason outside the program returns false (or NULL) and sets a
 * GError whose message is one line: what is wrong and, where there is a remedy, how to mend it.
 * Results (`ret_...`) are untouched then. Our own mistakes are assertions; running out of memory
 * aborts (GLib's rule).
 */
#ifndef PROFTOP_CORE_BASE_ERROR_H
#define PROFTOP_CORE_BASE_ERROR_H

#include <glib.h>
#include <stdbool.h>

enum proftop_error {
    PROFTOP_ERROR_FAILED = 1,     /* anything without a code of its own */
    PROFTOP_ERROR_USAGE,          /* the command line is wrong: exit status 2 */
    PROFTOP_ERROR_NOT_FOUND,      /* no such command: exit status 127, as a shell says it */
    PROFTOP_ERROR_NOT_EXECUTABLE, /* found, but cannot be run: exit status 126 */
    PROFTOP_ERROR_NOT_PERMITTED,  /* the kernel refuses; the message says what would permit it */
    PROFTOP_ERROR_CORRUPT,        /* a file's content is not what it claims to be */
};

#define PROFTOP_ERROR proftop_error_quark()

/* The error domain. Context: any thread. */
GQuark proftop_error_quark(void);

/*
 * Sets the error to a message as printf makes it. Always false, for the caller to return. Context:
 * any thread.
 */
bool proftop_error_set(GError **error, enum proftop_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/*
 * Sets PROFTOP_ERROR_FAILED to "WHAT: " and the text of errno as it is at the call. Always false,
 * for the caller to return. Context: any thread.
 */
bool proftop_error_set_errno(GError **error, const char *what);

#endif
