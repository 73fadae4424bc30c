/*
 * The engine "perf": opening, draining in order of time, weighing.
 *
 * A sample weighs what its event's counter has advanced since the same event's last sample in the
 * same thread: exact, whatever the period was and however late the sample came.
 */
#include "collectors/perf/perf_source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "collectors/perf/perf_clock.h"
#include "collectors/perf/perf_record.h"
#include "collectors/perf/perf_ring.h"
#include "core/base/error.h"

enum {
    RING_BYTES_MOST = 4 << 20,
    RING_BYTES_LEAST = 128 << 10,
    STACK_BYTES_MOST = 63 << 10, /* a record is at most 64 KiB */
    STACK_BYTES_LEAST = 8 << 10,
    JITTER_INTERVAL_NS = 500 * 1000 * 1000,
    SETTLE_NS = 200 * 1000, /* records younger than this may still have older ones to come */
};

/* An event that we opened (children have copies of it). */
struct opened {
    int fd;
    uint64_t id;
    int which;
    uint64_t accounted_ns; /* of its count, in all tasks: by samples, and by what was left at their
                              ends */
    bool owns_ring;        /* stays open, disabled, when a change of rate replaces it */
    bool retired;
};

/* Last value of an event's counter in a thread. */
struct count {
    uint64_t event_id, last_ns;
};

struct task {
    int pid;
    int64_t opened_ns; /* when it, or the parent it inherits from, got events at a change of rate;
                          0: at launch */
    GArray *counts;    /* struct count */
    bool is_opened;    /* its events are its own, not inherited */
    guint n_read;      /* of its events that have left their last count */
    double rest_ns;    /* CPU time after the last samples, from those */
};

struct perf_source {
    int pid; /* of the first task */
    struct perf_clock_options clock;
    struct perf_ring *rings;
    struct pollfd *polls; /* one per ring, and one for the caller's wake_fd */
    int *cpus;            /* of the rings */
    size_t n_cpus;
    GArray *events;          /* struct opened */
    GHashTable *event_of_id; /* event id -> its index in events + 1 */
    GHashTable *tasks;       /* tid -> struct task */
    GRand *random;
    int64_t next_jitter_ns;
    bool enabled;
};

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Refusal ---------------------------------------------------------------------------------- */

static int paranoid_level(void)
{
    char *text = NULL;
    int level = -1;
    if (g_file_get_contents("/proc/sys/kernel/perf_event_paranoid", &text, NULL, NULL))
        level = atoi(text);
    g_free(text);
    return level;
}

static void set_refused(GError **error, int code)
{
    if (code == EACCES || code == EPERM)
        g_set_error(
            error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
            "the kernel refuses perf_event_open (%s; kernel.perf_event_paranoid is %d): allow it "
            "with 'sysctl kernel.perf_event_paranoid=2', with CAP_PERFMON, or in a container with "
            "a "
            "seccomp profile that permits it",
            g_strerror(code), paranoid_level());
    else if (code == ENOSYS || code == ENOENT)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
                    "this kernel has no perf_event support (CONFIG_PERF_EVENTS)");
    else if (code == EMFILE || code == ENFILE)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "too few file descriptors for sampling: raise 'ulimit -n'");
    else
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "cannot open a sampling event: %s",
                    g_strerror(code));
}

/* Finds out what the kernel grants: kernel frames, counters in samples. 0 or -errno. */
static int find_features(struct perf_clock_options *clock, int tid)
{
    int fd = -EINVAL;
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

static bool perf_probe(GPtrArray *notes, GError **error)
{
    struct perf_clock_options clock = {
        .rate_hz = 99, .stack_bytes = STACK_BYTES_LEAST, .inherit = true, .at_exec = true};
    int code = find_features(&clock, 0);
    if (code < 0) {
        set_refused(error, -code);
        return false;
    }
    if (!clock.kernel)
        g_ptr_array_add(
            notes,
            g_strdup("time in the kernel is not visible: needs kernel.perf_event_paranoid <= 1 or "
                     "CAP_PERFMON"));
    return true;
}

/* Opening ---------------------------------------------------------------------------------- */

/* One event, its output in the ring of its CPU when there is one yet. 0 or -errno. */
static int open_event(struct perf_source *s, int tid, size_t cpu, int which)
{
    uint64_t period = perf_clock_period(s->clock.rate_hz, which);
    struct opened event = {.which = which};
    event.fd =
        perf_clock_open(&s->clock, tid, s->cpus[cpu], which, perf_clock_jitter(period, s->random));
    if (event.fd < 0)
        return event.fd;
    if (ioctl(event.fd, PERF_EVENT_IOC_ID, &event.id) < 0 ||
        (s->rings[cpu].page && ioctl(event.fd, PERF_EVENT_IOC_SET_OUTPUT, s->rings[cpu].fd) < 0)) {
        int code = -errno;
        close(event.fd);
        return code;
    }
    g_array_append_val(s->events, event);
    g_hash_table_insert(s->event_of_id, g_memdup2(&event.id, sizeof event.id),
                        GUINT_TO_POINTER(s->events->len));
    return 0;
}

/* Closes all but the first `n` events. */
static void close_events(struct perf_source *s, guint n)
{
    for (guint i = n; i < s->events->len; i++) {
        const struct opened *event = &g_array_index(s->events, struct opened, i);
        g_hash_table_remove(s->event_of_id, &event->id);
        if (event->fd >= 0)
            close(event->fd);
    }
    g_array_set_size(s->events, n);
}

/* First clock of a CPU: it owns the ring. */
static int open_ring(struct perf_source *s, size_t cpu, int tid, size_t ring_bytes)
{
    int code = open_event(s, tid, cpu, 0);
    if (code < 0)
        return code;
    struct opened *owner = &g_array_index(s->events, struct opened, s->events->len - 1);
    owner->owns_ring = true;
    code = perf_ring_init(&s->rings[cpu], owner->fd, ring_bytes);
    return code < 0 ? code : open_event(s, tid, cpu, 1);
}

static void close_rings(struct perf_source *s)
{
    for (size_t i = 0; i < s->n_cpus; i++)
        perf_ring_clear(&s->rings[i]);
    close_events(s, 0);
    s->n_cpus = 0;
}

static int open_rings(struct perf_source *s, int tid, size_t ring_bytes)
{
    s->clock.stack_bytes = CLAMP((uint32_t)(ring_bytes / 32), STACK_BYTES_LEAST, STACK_BYTES_MOST);
    s->clock.wakeup_bytes = (uint32_t)(ring_bytes / 2);
    for (int cpu = 0; cpu < get_nprocs_conf(); cpu++) {
        s->cpus[s->n_cpus] = cpu;
        s->rings[s->n_cpus] = (struct perf_ring){.fd = -1};
        int code = open_ring(s, s->n_cpus, tid, ring_bytes);
        if (code == -ENODEV && !s->rings[s->n_cpus].page)
            continue; /* that CPU is off line */
        s->n_cpus++;
        if (code < 0) {
            close_rings(s);
            return code;
        }
    }
    return s->n_cpus ? 0 : -ENODEV;
}

/* Takes the largest rings that the locked memory limit (perf_event_mlock_kb, RLIMIT_MEMLOCK)
 * grants. */
static int open_largest_rings(struct perf_source *s, int tid)
{
    int code = -EPERM;
    for (size_t bytes = RING_BYTES_MOST; bytes >= RING_BYTES_LEAST; bytes /= 2) {
        code = open_rings(s, tid, bytes);
        if (code != -EPERM && code != -ENOMEM)
            break;
    }
    return code;
}

static void task_free(gpointer data)
{
    struct task *task = data;
    g_array_unref(task->counts);
    g_free(task);
}

static struct task *task_of(struct perf_source *s, int pid, int tid)
{
    struct task *task = g_hash_table_lookup(s->tasks, GINT_TO_POINTER(tid));
    if (task)
        return task;
    task = g_new0(struct task, 1);
    task->pid = pid;
    task->counts = g_array_new(FALSE, FALSE, sizeof(struct count));
    g_hash_table_insert(s->tasks, GINT_TO_POINTER(tid), task);
    return task;
}

static void perf_stop(void *source)
{
    struct perf_source *s = source;
    close_rings(s);
    g_array_unref(s->events);
    g_hash_table_unref(s->event_of_id);
    g_hash_table_unref(s->tasks);
    g_rand_free(s->random);
    g_free(s->rings);
    g_free(s->polls);
    g_free(s->cpus);
    g_free(s);
}

static struct perf_source *source_new(const struct source_options *options)
{
    struct perf_source *s = g_new0(struct perf_source, 1);
    size_t most = (size_t)get_nprocs_conf();
    s->rings = g_new0(struct perf_ring, most);
    s->polls = g_new0(struct pollfd, most + 1);
    s->cpus = g_new0(int, most);
    s->events = g_array_new(FALSE, FALSE, sizeof(struct opened));
    s->event_of_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    s->tasks = g_hash_table_new_full(NULL, NULL, NULL, task_free);
    s->random = g_rand_new();
    s->enabled = true;
    s->pid = options->pid;
    s->clock = (struct perf_clock_options){.rate_hz = options->rate_hz,
                                           .stack_bytes = STACK_BYTES_LEAST,
                                           .inherit = options->children,
                                           .at_exec = true};
    return s;
}

static void *perf_start(const struct source_options *options, GError **error)
{
    struct perf_source *s = source_new(options);
    int code = find_features(&s->clock, options->pid);
    if (code == 0)
        code = open_largest_rings(s, options->pid);
    if (code < 0) {
        set_refused(error, -code);
        perf_stop(s);
        return NULL;
    }
    for (size_t i = 0; i < s->n_cpus; i++)
        s->polls[i] = (struct pollfd){.fd = s->rings[i].fd, .events = POLLIN};
    task_of(s, options->pid, options->pid)->is_opened = true;
    return s;
}

/* Draining --------------------------------------------------------------------------------- */

static struct opened *event_of(struct perf_source *s, uint64_t id)
{
    guint i = GPOINTER_TO_UINT(g_hash_table_lookup(s->event_of_id, &id));
    return i ? &g_array_index(s->events, struct opened, i - 1) : NULL;
}

/* What an event's counter has advanced in a task since it was last asked, times the clock's part.
 */
static double advance(struct perf_source *s, struct task *task, uint64_t event_id,
                      uint64_t count_ns)
{
    struct opened *event = event_of(s, event_id);
    guint i = 0;
    while (i < task->counts->len &&
           g_array_index(task->counts, struct count, i).event_id != event_id)
        i++;
    if (i == task->counts->len) {
        struct count new = {.event_id = event_id};
        g_array_append_val(task->counts, new);
    }
    struct count *c = &g_array_index(task->counts, struct count, i);
    uint64_t more_ns = count_ns > c->last_ns ? count_ns - c->last_ns : 0;
    c->last_ns = count_ns;
    if (!event)
        return 0;
    event->accounted_ns += more_ns;
    return (double)more_ns * perf_clock_share(event->which);
}

static int64_t weigh(struct perf_source *s, const struct perf_sample *sample)
{
    if (!s->clock.count)
        return 1000000000 / s->clock.rate_hz;
    struct task *task = task_of(s, sample->sample.pid, sample->sample.tid);
    return (int64_t)advance(s, task, sample->event_id, sample->count_ns);
}

static bool take_sample(struct perf_source *s, const struct perf_event_header *record,
                        struct ingest *ingest)
{
    struct perf_sample sample;
    if (!perf_record_sample(record, s->clock.count, &sample))
        return false;
    sample.sample.weight_ns = weigh(s, &sample);
    ingest_sample(ingest, &sample.sample);
    return true;
}

/* Reaches the copies in threads and children too. */
static void enable_event(const struct opened *event, bool on)
{
    if (!event->retired)
        ioctl(event->fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

/* Opens both clocks on every CPU for a task that runs; a task that has just ended is no error. */
static int open_task(struct perf_source *s, int tid)
{
    struct task *task = g_hash_table_lookup(s->tasks, GINT_TO_POINTER(tid));
    guint first = s->events->len;
    int code = 0;
    for (size_t cpu = 0; cpu < s->n_cpus && code == 0; cpu++)
        for (int which = 0; which < PERF_CLOCKS && code == 0; which++)
            code = open_event(s, tid, cpu, which);
    task->opened_ns = now_ns();
    task->is_opened = true;
    for (guint i = first; i < s->events->len && s->enabled; i++)
        enable_event(&g_array_index(s->events, struct opened, i), true);
    return code == -ESRCH ? 0 : code;
}

/*
 * A new task inherits its parent's events. After a change of rate those may be the old ones, when
 * it was born before its parent got the new ones: then it gets its own.
 */
static void note_fork(struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    if (!perf_record_task(record, &r))
        return;
    int64_t parent_opened_ns = task_of(s, r.parent_pid, r.parent_tid)->opened_ns;
    struct task *task = task_of(s, r.pid, r.tid);
    if (task->opened_ns == 0 && perf_record_time(record) < parent_opened_ns)
        open_task(s, r.tid);
    else if (task->opened_ns == 0)
        task->opened_ns = parent_opened_ns;
}

/* With counters, the task's last counts come after its end; a task that we opened ourselves leaves
 * none. */
static void note_exit(struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    if (!perf_record_task(record, &r))
        return;
    const struct task *task = g_hash_table_lookup(s->tasks, GINT_TO_POINTER(r.tid));
    if (task && (!s->clock.count || task->is_opened))
        g_hash_table_remove(s->tasks, GINT_TO_POINTER(r.tid));
}

/* One of the events of a task that has ended says its last count; after the last of them the task
 * is done. */
static void take_last_count(struct perf_source *s, const struct perf_event_header *record,
                            struct ingest *ingest)
{
    struct perf_read_record r;
    if (!perf_record_read(record, &r))
        return;
    struct task *task = task_of(s, r.pid, r.tid);
    task->rest_ns += advance(s, task, r.event_id, r.count_ns);
    if (++task->n_read < s->n_cpus * PERF_CLOCKS)
        return;
    if (task->rest_ns >= 1)
        ingest_unsampled(ingest, r.pid, r.tid, perf_record_time(record), (int64_t)task->rest_ns);
    g_hash_table_remove(s->tasks, GINT_TO_POINTER(r.tid));
}

/* What the first task used after its last samples: all that the counters say and nobody has
 * accounted for. */
static void account_rest(struct perf_source *s, struct ingest *ingest)
{
    double rest_ns = 0;
    for (guint i = 0; i < s->events->len; i++) {
        const struct opened *event = &g_array_index(s->events, struct opened, i);
        uint64_t count_ns;
        if (event->fd >= 0 && read(event->fd, &count_ns, sizeof count_ns) == sizeof count_ns &&
            count_ns > event->accounted_ns)
            rest_ns += (double)(count_ns - event->accounted_ns) * perf_clock_share(event->which);
    }
    if (rest_ns >= 1)
        ingest_unsampled(ingest, s->pid, s->pid, now_ns(), (int64_t)rest_ns);
}

/* The birth of a child that is not followed: no more will be heard of it. */
static bool is_foreign(const struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    return record->type == PERF_RECORD_FORK && !s->clock.inherit && perf_record_task(record, &r) &&
           r.pid != r.parent_pid;
}

/* Returns whether it was a sample. */
static bool take_record(struct perf_source *s, const struct perf_event_header *record,
                        struct ingest *ingest)
{
    if (record->type == PERF_RECORD_SAMPLE)
        return take_sample(s, record, ingest);
    if (record->type == PERF_RECORD_READ)
        take_last_count(s, record, ingest);
    if (is_foreign(s, record))
        return false;
    perf_record_ingest(record, ingest);
    if (record->type == PERF_RECORD_FORK)
        note_fork(s, record);
    else if (record->type == PERF_RECORD_EXIT)
        note_exit(s, record);
    return false;
}

/* The ring whose next record is the oldest, if that is older than the horizon; else NULL. */
static struct perf_ring *oldest_ring(struct perf_source *s, int64_t horizon_ns)
{
    struct perf_ring *oldest = NULL;
    for (size_t i = 0; i < s->n_cpus; i++) {
        const struct perf_event_header *record = perf_ring_peek(&s->rings[i]);
        if (!record)
            continue;
        int64_t time = perf_record_time(record);
        if (time < horizon_ns) {
            horizon_ns = time;
            oldest = &s->rings[i];
        }
    }
    return oldest;
}

/* New periods for what we opened, and so for every thread and child to come. */
static void jitter(struct perf_source *s)
{
    int64_t now = now_ns();
    if (now < s->next_jitter_ns)
        return;
    s->next_jitter_ns = now + JITTER_INTERVAL_NS;
    for (guint i = 0; i < s->events->len; i++) {
        const struct opened *event = &g_array_index(s->events, struct opened, i);
        uint64_t period =
            perf_clock_jitter(perf_clock_period(s->clock.rate_hz, event->which), s->random);
        if (!event->retired)
            ioctl(event->fd, PERF_EVENT_IOC_PERIOD, &period);
    }
}

static size_t perf_drain(void *source, struct ingest *ingest, bool last)
{
    struct perf_source *s = source;
    int64_t horizon_ns = last ? INT64_MAX : now_ns() - SETTLE_NS;
    size_t samples = 0;
    for (size_t i = 0; i < s->n_cpus; i++)
        perf_ring_refresh(&s->rings[i]);
    struct perf_ring *ring;
    while ((ring = oldest_ring(s, horizon_ns))) {
        samples += take_record(s, perf_ring_peek(ring), ingest);
        perf_ring_next(ring);
    }
    if (!last)
        jitter(s);
    else if (s->clock.count)
        account_rest(s, ingest);
    return samples;
}

static void perf_wait(void *source, int wake_fd, int timeout_ms)
{
    struct perf_source *s = source;
    s->polls[s->n_cpus] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    poll(s->polls, s->n_cpus + 1, timeout_ms);
}

/* Control ---------------------------------------------------------------------------------- */

static void perf_set_enabled(void *source, bool enabled)
{
    struct perf_source *s = source;
    s->enabled = enabled;
    for (guint i = 0; i < s->events->len; i++)
        enable_event(&g_array_index(s->events, struct opened, i), enabled);
}

/*
 * Everything opened before `end` is closed, but for the owners of rings, which are switched off.
 * The entries stay: samples of these events may still be in the rings.
 */
static void retire_events(struct perf_source *s, guint end)
{
    for (guint i = 0; i < end; i++) {
        struct opened *event = &g_array_index(s->events, struct opened, i);
        enable_event(event, false);
        event->retired = true;
        if (!event->owns_ring && event->fd >= 0)
            close(event->fd);
        if (!event->owns_ring)
            event->fd = -1;
    }
}

static bool perf_set_rate(void *source, uint32_t rate_hz, GError **error)
{
    struct perf_source *s = source;
    guint n_old = s->events->len;
    uint32_t old_rate_hz = s->clock.rate_hz;
    int code = 0;
    s->clock.rate_hz = rate_hz;
    s->clock.at_exec = false;
    GList *tids = g_hash_table_get_keys(s->tasks);
    for (GList *at = tids; at && code == 0; at = at->next)
        code = open_task(s, GPOINTER_TO_INT(at->data));
    g_list_free(tids);
    if (code == 0) {
        retire_events(s, n_old);
        return true;
    }
    s->clock.rate_hz = old_rate_hz;
    close_events(s, n_old);
    set_refused(error, -code);
    return false;
}

static const char *perf_describe(const void *source)
{
    const struct perf_source *s = source;
    return s->clock.kernel ? "perf" : "perf, user only";
}

const struct source_ops perf_source_ops = {
    .name = "perf",
    .probe = perf_probe,
    .start = perf_start,
    .drain = perf_drain,
    .wait = perf_wait,
    .set_enabled = perf_set_enabled,
    .set_rate = perf_set_rate,
    .describe = perf_describe,
    .stop = perf_stop,
};
