/*
 * Opening and closing of events and rings.
 */
#include "collectors/perf/perf_events.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum {
    RING_BYTES_MOST = 32 << 20,
    RING_BYTES_AT_1_KHZ = 4 << 20, /* 64 whole stacks: the reader may be 32 ms late */
    RING_BYTES_LEAST = 128 << 10,
    STACK_BYTES_LEAST = 8 << 10,
    JITTER_AT_ONCE = 64, /* each may have to interrupt another CPU */
};

static struct perf_event *event_at(const struct perf_events *events, guint i)
{
    return &g_array_index(events->all, struct perf_event, i);
}

int perf_events_find_features(struct perf_clock_options *clock, int tid)
{
    int fd = -EINVAL;
    clock->stack_bytes = STACK_BYTES_LEAST;
    for (int attempt = 0; attempt < 4; attempt++) {
        clock->kernel = attempt < 2;
        clock->count = attempt % 2 == 0;
        fd = perf_clock_open(clock, tid, -1, 0, perf_clock_period(clock->rate_hz, 0));
        if (fd >= 0) {
            close(fd);
            return 0;
        }
        if (fd == -EACCES || fd == -EPERM)
            attempt |= 1; /* counters are not the reason */
    }
    return fd;
}

void perf_events_init(struct perf_events *events, const struct perf_clock_options *clock)
{
    size_t most = (size_t)get_nprocs_conf();
    *events = (struct perf_events){.clock = *clock};
    events->rings = g_new0(struct perf_ring, most);
    events->cpus = g_new0(int, most);
    events->all = g_array_new(FALSE, FALSE, sizeof(struct perf_event));
    events->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    events->random = g_rand_new();
}

void perf_events_forget(struct perf_events *events, guint n)
{
    for (guint i = n; i < events->all->len; i++) {
        const struct perf_event *event = event_at(events, i);
        g_hash_table_remove(events->by_id, &event->id);
        if (event->fd >= 0)
            close(event->fd);
    }
    g_array_set_size(events->all, n);
}

static void close_rings(struct perf_events *events)
{
    perf_events_forget(events, 0);
    for (size_t i = 0; i < events->n_cpus; i++) {
        int fd = events->rings[i].fd;
        perf_ring_clear(&events->rings[i]);
        close(fd);
    }
    events->n_cpus = 0;
}

void perf_events_clear(struct perf_events *events)
{
    close_rings(events);
    g_array_unref(events->all);
    g_hash_table_unref(events->by_id);
    g_rand_free(events->random);
    g_free(events->rings);
    g_free(events->cpus);
}

/* One event, its output in the ring of its CPU. 0 or -errno. */
static int open_event(struct perf_events *events, int tid, size_t cpu, int which)
{
    uint64_t period = perf_clock_period(events->clock.rate_hz, which);
    struct perf_event event = {.tid = tid, .which = which};
    event.fd = perf_clock_open(&events->clock, tid, events->cpus[cpu], which,
                               perf_clock_jitter(period, events->random));
    if (event.fd < 0)
        return event.fd;
    if (ioctl(event.fd, PERF_EVENT_IOC_ID, &event.id) < 0 ||
        ioctl(event.fd, PERF_EVENT_IOC_SET_OUTPUT, events->rings[cpu].fd) < 0) {
        int code = -errno;
        close(event.fd);
        return code;
    }
    g_array_append_val(events->all, event);
    g_hash_table_insert(events->by_id, g_memdup2(&event.id, sizeof event.id),
                        GUINT_TO_POINTER(events->all->len));
    return 0;
}

static int open_ring(struct perf_events *events, int cpu, size_t ring_bytes)
{
    int fd = perf_clock_open_owner(&events->clock, cpu);
    if (fd < 0)
        return fd;
    int code = perf_ring_init(&events->rings[events->n_cpus], fd, ring_bytes);
    if (code < 0)
        close(fd);
    else
        events->cpus[events->n_cpus++] = cpu;
    return code;
}

static int open_rings(struct perf_events *events, size_t ring_bytes)
{
    events->clock.stack_bytes =
        CLAMP((uint32_t)(ring_bytes / 16), STACK_BYTES_LEAST, PERF_STACK_BYTES_MOST);
    events->clock.wakeup_bytes = (uint32_t)(ring_bytes / 2);
    for (int cpu = 0; cpu < get_nprocs_conf(); cpu++) {
        int code = open_ring(events, cpu, ring_bytes);
        if (code == -ENODEV)
            continue; /* that CPU is off line */
        if (code < 0) {
            close_rings(events);
            return code;
        }
    }
    return events->n_cpus ? 0 : -ENODEV;
}

static size_t wanted_ring_bytes(uint32_t rate_hz)
{
    size_t bytes = RING_BYTES_AT_1_KHZ;
    while (bytes < RING_BYTES_MOST && bytes / RING_BYTES_AT_1_KHZ * 1000 < rate_hz)
        bytes *= 2;
    return bytes;
}

int perf_events_open_rings(struct perf_events *events)
{
    int code = -EPERM;
    for (size_t bytes = wanted_ring_bytes(events->clock.rate_hz); bytes >= RING_BYTES_LEAST;
         bytes /= 2) {
        code = open_rings(events, bytes);
        if (code != -EPERM && code != -ENOMEM)
            break;
    }
    return code;
}

int perf_events_open_task(struct perf_events *events, int tid)
{
    int code = 0;
    guint first = events->all->len;
    for (size_t cpu = 0; cpu < events->n_cpus && code == 0; cpu++)
        for (int which = 0; which < PERF_CLOCKS && code == 0; which++)
            code = open_event(events, tid, cpu, which);
    if (code < 0)
        perf_events_forget(events, first);
    return code;
}

void perf_events_enable(struct perf_events *events, guint first, bool on)
{
    for (guint i = first; i < events->all->len; i++)
        if (event_at(events, i)->fd >= 0)
            ioctl(event_at(events, i)->fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

void perf_events_retire(struct perf_events *events, guint n)
{
    for (guint i = 0; i < n; i++) {
        struct perf_event *event = event_at(events, i);
        if (event->fd >= 0)
            close(event->fd);
        event->fd = -1;
    }
}

static void jitter(struct perf_events *events, const struct perf_event *event)
{
    uint64_t period =
        perf_clock_jitter(perf_clock_period(events->clock.rate_hz, event->which), events->random);
    if (event->fd >= 0)
        ioctl(event->fd, PERF_EVENT_IOC_PERIOD, &period);
}

void perf_events_jitter(struct perf_events *events)
{
    guint n = events->all->len;
    for (guint i = 0; i < MIN(n, (guint)JITTER_AT_ONCE); i++) {
        events->next_jitter = (events->next_jitter + 1) % n;
        jitter(events, event_at(events, events->next_jitter));
    }
}

struct perf_event *perf_events_find(const struct perf_events *events, uint64_t id)
{
    guint i = GPOINTER_TO_UINT(g_hash_table_lookup(events->by_id, &id));
    return i ? event_at(events, i - 1) : NULL;
}

double perf_events_unaccounted_ns(const struct perf_events *events)
{
    double sum_ns = 0;
    for (guint i = 0; i < events->all->len; i++) {
        const struct perf_event *event = event_at(events, i);
        uint64_t count_ns;
        if (event->fd >= 0 && read(event->fd, &count_ns, sizeof count_ns) == sizeof count_ns &&
            count_ns > event->accounted_ns)
            sum_ns += (double)(count_ns - event->accounted_ns) * perf_clock_share(event->which);
    }
    return sum_ns;
}
