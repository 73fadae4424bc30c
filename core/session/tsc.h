/*
 * The time stamp counter, by which the collector tells the age of blocks and how long calls
 * take, in nanoseconds.
 */
#ifndef PROFTOP_CORE_SESSION_TSC_H
#define PROFTOP_CORE_SESSION_TSC_H

#include <stdbool.h>
#include <stdint.h>

/* A moment by both clocks. */
struct tsc_moment {
    uint64_t ticks;
    int64_t time_ns; /* CLOCK_MONOTONIC */
};

/* Whether it runs at one rate at all times and on all processors: so says the processor (CPUID
 * 80000007h, EDX bit 8: Intel SDM vol. 3, 18.17.1), or the kernel, which checks it against other
 * clocks, keeps time by it. Context: any thread. */
bool tsc_is_invariant(void);

/* Now. Context: any thread. */
struct tsc_moment tsc_now(void);

/* Ticks in a nanosecond, as measured since `start`; waits until that is 2 ms ago, which makes it
 * exact to 0.01 %. Context: any thread. */
double tsc_ticks_per_ns(const struct tsc_moment *start);

#endif
