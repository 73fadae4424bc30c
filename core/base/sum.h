/*
 * Sums that stop instead of overflowing.
 */
#ifndef PROFTOP_CORE_BASE_SUM_H
#define PROFTOP_CORE_BASE_SUM_H

#include <stdint.h>

/* Adds to a sum, which stops at the largest (smallest) number instead of overflowing: numbers come
 * from a target or from a file. Context: any thread. */
static inline void sum_add(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = more > 0 ? INT64_MAX : INT64_MIN;
}

#endif
