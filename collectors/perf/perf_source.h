/*
 * CPU sampling through perf_event: the engine "perf". Nothing of it runs in the target.
 *
 * One ring per CPU, owned by the front end; each task of the target has two clock events per CPU
 * (perf_clock.h) that write into the ring of their CPU, and the kernel copies them to every thread
 * and child.
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_SOURCE_H
#define PROFTOP_COLLECTORS_PERF_PERF_SOURCE_H

#include "core/session/source.h"

extern const struct source_ops perf_source_ops;

#endif
