/*
 * The engine "timer": CPU samples from timers inside the target, which the collector sets for each
 * thread; for where perf_event is refused.
 *
 * What it cannot see: the kernel (time there counts for the function that called it), work in step
 * with the kernel's tick, which delivers the timers, and whatever runs without the collector. CPU
 * time without samples is handed out as not sampled, so that the sums are the kernel's.
 */
#ifndef PROFTOP_COLLECTORS_TIMER_TIMER_SOURCE_H
#define PROFTOP_COLLECTORS_TIMER_TIMER_SOURCE_H

#include "core/session/source.h"

extern const struct source_ops timer_source_ops;

#endif
