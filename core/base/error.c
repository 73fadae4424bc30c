#include "core/base/error.h"

G_DEFINE_QUARK(proftop-error-quark, proftop_error)
