/*
 * The error domain.
 */
#include "core/base/error.h"

/* clang-format off */
G_DEFINE_QUARK(proftop-error-quark, proftop_error)
