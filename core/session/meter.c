/*
 * Rates from differences of sums, and memory from /proc.
 */
#include "core/session/meter.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SECOND_NS = 1000000000, LEAST_CPU_NS = 10 * 1000 * 1000, PROCESSES_MAX = 256 };

int64_t meter_rusage_ns(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND_NS +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

void meter_init(struct meter *meter, const struct meter_reading *now)
{
    meter->first = meter->last = *now;
    meter->own_cpu_first_ns = meter_rusage_ns(RUSAGE_SELF);
}

int64_t meter_own_cpu_ns(const struct meter *meter)
{
    return meter_rusage_ns(RUSAGE_SELF) - meter->own_cpu_first_ns;
}

void meter_push(float history[SESSION_HISTORY], uint32_t *n, float value)
{
    if (*n == SESSION_HISTORY) {
        memmove(history, history + 1, (SESSION_HISTORY - 1) * sizeof *history);
        --*n;
    }
    history[(*n)++] = value;
}

bool meter_update(struct meter *meter, const struct meter_reading *now, bool sampling,
                  struct session_status *status)
{
    int64_t elapsed_ns = now->time_ns - meter->last.time_ns;
    if (elapsed_ns < SECOND_NS)
        return false;
    int64_t cpu_ns = now->target_cpu_ns - meter->last.target_cpu_ns;
    status->cpu_percent = sampling ? 100.0 * (double)cpu_ns / (double)elapsed_ns : -1;
    if (cpu_ns >= LEAST_CPU_NS)
        status->rate_real_hz = (double)(now->samples - meter->last.samples) * 1e9 / (double)cpu_ns;
    if (now->target_cpu_ns > 0)
        status->cost_percent = 100.0 * (double)meter_own_cpu_ns(meter) / (double)now->target_cpu_ns;
    if (sampling)
        meter_push(status->cpu_history, &status->n_history, (float)status->cpu_percent);
    meter->last = *now;
    return true;
}

static int64_t rss_of(int pid)
{
    char path[32];
    long long size, resident = -1;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%lld %lld", &size, &resident) != 2)
        resident = -1;
    fclose(file);
    return resident < 0 ? -1 : resident * sysconf(_SC_PAGESIZE);
}

int64_t meter_rss_bytes(const GArray *pids)
{
    int64_t sum = -1;
    for (guint i = 0; i < pids->len && i < PROCESSES_MAX; i++) {
        int64_t bytes = rss_of(g_array_index(pids, int, i));
        if (bytes >= 0)
            sum = MAX(sum, 0) + bytes;
    }
    return sum;
}
