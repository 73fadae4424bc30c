/*
 * Once a second: what the target uses and what watching it costs.
 */
#ifndef PROFTOP_CORE_SESSION_METER_H
#define PROFTOP_CORE_SESSION_METER_H

#include "core/session/session.h"

/* Sums that only grow; their differences over a second are what is shown. */
struct meter_reading {
    int64_t time_ns; /* CLOCK_MONOTONIC */
    int64_t target_cpu_ns;
    int64_t samples;
};

struct meter {
    struct meter_reading first, last;
    int64_t own_cpu_first_ns;
};

/* Begins: `now` is the first reading. Context: sampling thread. */
void meter_init(struct meter *meter, const struct meter_reading *now);

/*
 * Takes a reading when a second has passed since the last one, and then fills the rate, CPU, cost
 * and history of `status`. `sampling`: whether CPU time was being measured. Returns whether it did.
 * Context: sampling thread, with the session's lock.
 */
bool meter_update(struct meter *meter, const struct meter_reading *now, bool sampling,
                  struct session_status *status);

/* CPU time, user and system, that getrusage() tells of RUSAGE_SELF or RUSAGE_CHILDREN, ns. Context:
 * any thread. */
int64_t meter_rusage_ns(int who);

/* CPU time of this process since meter_init, ns. Context: any thread. */
int64_t meter_own_cpu_ns(const struct meter *meter);

/* Resident bytes of the processes that have not ended, at most 256 of them; -1 when none can be
 * read. */
int64_t meter_rss_bytes(const GArray *pids);

/* Adds a value to one of the status's histories, which forgets its oldest when it is full. Context:
 * any thread, with the session's lock. */
void meter_push(float history[SESSION_HISTORY], uint32_t *n, float value);

#endif
