/*
 * Allocations, as the collector's hooks count them in the segments of the target's processes.
 */
#ifndef PROFTOP_COLLECTORS_HEAP_HEAP_SOURCE_H
#define PROFTOP_COLLECTORS_HEAP_HEAP_SOURCE_H

#include "core/session/heap_source.h"

extern const struct heap_source_ops heap_source_ops;

#endif
