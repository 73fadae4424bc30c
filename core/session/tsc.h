/*
 * The time stamp counter, by which the collector tells the age of blocks, in nanoseconds.
 */
#ifndef PROFTOP_CORE_SESSION_TSC_H
#define PROFTOP_CORE_SESSION_TSC_H

#include <stdint.h>

/* A moment by both clocks. */
struct tsc_moment {
    uint64_t ticks;
    int64_t time_ns; /* CLOCK_MONOTONIC */
};

/* Now. Context: any thread. */
struct tsc_moment tsc_now(void);

/* Ticks in a nanosecond, as measured since `start`; waits until that is 2 ms ago, which makes it
 * exact to 0.01 %. Context: any thread. */
double tsc_ticks_per_ns(const struct tsc_moment *start);

#endif
