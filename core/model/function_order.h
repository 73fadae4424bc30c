/*
 * What rows of functions are filtered and sorted by: their texts.
 *
 * Context of all: holder of the profile's lock.
 */
#ifndef PROFTOP_CORE_MODEL_FUNCTION_ORDER_H
#define PROFTOP_CORE_MODEL_FUNCTION_ORDER_H

#include "core/model/profile.h"

enum function_text {
    FUNCTION_TEXT_NAME,
    FUNCTION_TEXT_MODULE,
    FUNCTION_TEXT_SOURCE, /* file, then line of the declaration; functions without a file last */
};

/* Whether the function's name, file or module's name matches; NULL: everything does. */
bool function_order_matches(const struct profile *profile, uint32_t function, const GRegex *filter);

/* Below 0: a comes before b, by that text from A to Z; 0: both read the same. */
int function_order_compare(const struct profile *profile, uint32_t a, uint32_t b,
                           enum function_text text);

#endif
