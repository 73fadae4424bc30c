/*
 * Calls, as the collector counts them in the segments of the target's processes, and the changing
 * of code that makes functions be counted.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_CALLS_SOURCE_H
#define PROFTOP_COLLECTORS_CALLS_CALLS_SOURCE_H

#include "core/session/calls_source.h"

extern const struct calls_source_ops calls_source_ops;

#endif
