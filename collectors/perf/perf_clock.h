/*
 * The sampling clock: pairs of task-clock events, and which of them a sample came from.
 *
 * Work that runs in step with a sampler is measured wrong, and the period of an inherited event
 * can't be changed from outside (PERF_EVENT_IOC_PERIOD reaches the opened event only, not the
 * copies in threads and children). So each task is sampled by two events at once, with periods of
 * the golden ratio phi and of phi^2 times the asked one. Their rates add up to the asked rate
 * (1/phi + 1/phi^2 = 1), and work of any round period meets them evenly at all its phases:
 * multiples of phi are the hardest to approximate by fractions. On top of that the opened events,
 * and so every thread and child created later, get a slightly different period now and then, so
 * that even work with a period of phi milliseconds drifts through the samples.
 *
 * Context of all: one thread at a time (the sampling thread, once it runs).
 */
#ifndef PROFTOP_COLLECTORS_PERF_PERF_CLOCK_H
#define PROFTOP_COLLECTORS_PERF_PERF_CLOCK_H

#include <glib.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

enum { PERF_CLOCKS = 2 };

struct perf_clock_options {
    uint32_t rate_hz;
    uint32_t stack_bytes;  /* of user stack copied with each sample */
    bool kernel;           /* also sample in the kernel, with kernel frames */
    bool inherit;          /* children too; threads always */
    bool count;            /* each sample carries the counter (inherited ones: Linux 6.12) */
    bool at_exec;          /* begin at the next exec; else disabled until PERF_EVENT_IOC_ENABLE */
    uint32_t wakeup_bytes; /* of data in the ring that wake its reader */
};

/* Period in ns of clock `which` for a rate, before jitter. */
uint64_t perf_clock_period(uint32_t rate_hz, int which);

/*
 * The part of a thread's CPU time that clock `which` accounts for: both clocks see all of it, so
 * each counts by its share of the samples. The parts add up to 1.
 */
double perf_clock_share(int which);

/*
 * A random period close to that one: its rate is the same in the mean and less than 1 % off, which
 * moves the phase by whole periods within a second, yet leaves threads that keep one such period at
 * the asked rate. Context: any thread (the random state is the caller's).
 */
uint64_t perf_clock_jitter(uint64_t period, GRand *random);

/*
 * Opens clock `which` for a thread on one CPU. The first clock also records maps, names, forks and
 * exits. Returns the descriptor (close-on-exec), or -errno.
 */
int perf_clock_open(const struct perf_clock_options *options, int tid, int cpu, int which,
                    uint64_t period);

/*
 * Opens an event on the calling thread that counts and records nothing: the owner of a CPU's ring,
 * into which clocks can be redirected. Returns the descriptor (close-on-exec), or -errno.
 */
int perf_clock_open_owner(const struct perf_clock_options *options, int cpu);

#endif
