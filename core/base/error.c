/*
 * The error domain, and the error that most system calls end in.
 */
#include "core/base/error.h"

#include <errno.h>

bool proftop_error_set_errno(GError **error, const char *what)
{
    int number = errno; /* looking up its text may change it */
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: %s", what, g_strerror(number));
    return false;
}

/* clang-format off */
G_DEFINE_QUARK(proftop-error-quark, proftop_error)
