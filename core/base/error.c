/*
 * The error domain, and the error that most system calls end in.
 */
#include "core/base/error.h"

#include <errno.h>
#include <stdarg.h>

bool proftop_error_set(GError **error, enum proftop_error code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(PROFTOP_ERROR, (gint)code, format, arguments));
    va_end(arguments);
    return false;
}

bool proftop_error_set_errno(GError **error, const char *what)
{
    int number = errno; /* looking up its text may change it */
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: %s", what, g_strerror(number));
    return false;
}

/* clang-format off */
G_DEFINE_QUARK(proftop-error-quark, proftop_error)
