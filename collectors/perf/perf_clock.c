/*
 * Opening of the sampling events.
 */
#include "collectors/perf/perf_clock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "collectors/perf/perf_record.h"

static const double phi = 1.6180339887498949; /* (1 + sqrt 5) / 2 */
static const double spread =
    0.008; /* drifts by a period in a quarter of a second, and keeps 99 % of the rate */

uint64_t perf_clock_period(uint32_t rate_hz, int which)
{
    double asked = 1e9 / rate_hz;
    return (uint64_t)(asked * (which == 0 ? phi : phi * phi));
}

double perf_clock_share(int which)
{
    return which == 0 ? 1 / phi : 1 / (phi * phi);
}

uint64_t perf_clock_jitter(uint64_t period, GRand *random)
{
    return (uint64_t)((double)period / g_rand_double_range(random, 1 - spread, 1 + spread));
}

static struct perf_event_attr clock_attr(const struct perf_clock_options *o, int which,
                                         uint64_t period)
{
    bool first = which == 0;
    return (struct perf_event_attr){
        .size = sizeof(struct perf_event_attr),
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .sample_period = period,
        .sample_type = PERF_SAMPLE_LAYOUT | (o->count ? PERF_SAMPLE_READ : 0),
        .sample_regs_user = perf_user_registers,
        .sample_stack_user = o->stack_bytes,
        .disabled = 1,
        .enable_on_exec = o->at_exec,
        .inherit = 1,
        .inherit_thread = !o->inherit,
        /* Never inherit_stat: a task that ends then writes its counts into the rings of all CPUs
         * from the one it is on. A ring can only take one writer; records get lost, uncounted. */
        .exclude_kernel = !o->kernel,
        .exclude_hv = 1,
        .exclude_callchain_user = 1,
        .exclude_callchain_kernel = !o->kernel,
        .sample_id_all = 1,
        .mmap = first,
        .mmap2 = first,
        .comm = first,
        .comm_exec = first,
        .task = first,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .watermark = 1,
        .wakeup_watermark = o->wakeup_bytes,
    };
}

int perf_clock_open(const struct perf_clock_options *options, int tid, int cpu, int which,
                    uint64_t period)
{
    struct perf_event_attr attr = clock_attr(options, which, period);
    long fd = syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

int perf_clock_open_owner(const struct perf_clock_options *options, int cpu)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_DUMMY,
        .disabled = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .use_clockid = 1, /* as the clocks: one ring has one kind of time */
        .clockid = CLOCK_MONOTONIC,
        .watermark = 1,
        .wakeup_watermark = options->wakeup_bytes,
    };
    long fd = syscall(SYS_perf_event_open, &attr, 0, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}
