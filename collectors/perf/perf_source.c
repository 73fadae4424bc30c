/*
 * The engine "perf": drains the rings in order of time and keeps events on every task.
 */
#include "collectors/perf/perf_source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "collectors/perf/perf_record.h"
#include "collectors/perf/perf_tasks.h"
#include "core/base/error.h"
#include "core/target/proc_tasks.h"

enum {
    JITTER_INTERVAL_NS = 500 * 1000 * 1000,
    SETTLE_NS = 200 * 1000, /* records younger than this may still have older ones to come */
};

struct perf_source {
    struct perf_events events;
    struct perf_tasks tasks;
    struct pollfd *polls; /* one per ring, and one for the caller's wake_fd */
    int64_t next_jitter_ns;
    bool enabled;
    char description[64];
};

/* ---- refusal ---- */

static int paranoid_level(void)
{
    char *text = NULL;
    int level = -1;
    if (g_file_get_contents("/proc/sys/kernel/perf_event_paranoid", &text, NULL, NULL))
        level = (int)strtol(text, NULL, 10);
    g_free(text);
    return level;
}

static void set_forbidden(GError **error, int code)
{
    int level = paranoid_level();
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
                "the kernel refuses perf_event_open (%s; kernel.perf_event_paranoid is %d): %s",
                g_strerror(code), level,
                level > 2
                    ? "allow it with 'sysctl kernel.perf_event_paranoid=2' or with CAP_PERFMON"
                    : "allow it with CAP_PERFMON, or in a container with a seccomp profile "
                      "that permits it");
}

static void set_refused(GError **error, int code)
{
    if (code == EACCES || code == EPERM)
        set_forbidden(error, code);
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

/* Opens all that a start would open, on proftop itself, where nothing comes of it. 0 or -errno. */
static int try_out(struct perf_clock_options *clock)
{
    struct perf_events events;
    int code = perf_events_find_features(clock, 0);
    if (code < 0)
        return code;
    perf_events_init(&events, clock);
    code = perf_events_open_rings(&events);
    if (code == 0)
        code = perf_events_open_task(&events, 0);
    perf_events_clear(&events);
    return code;
}

static bool perf_probe(const struct source_options *options, GPtrArray *notes, GError **error)
{
    struct perf_clock_options clock = {.rate_hz = 99, .inherit = true, .at_exec = true};
    /* attaching is asked of the process itself, at the start */
    int code = options->attached ? perf_events_find_features(&clock, 0) : try_out(&clock);
    if (code < 0) {
        set_refused(error, -code);
        return false;
    }
    if (!clock.kernel)
        g_ptr_array_add(notes, g_strdup("time in the kernel is not visible: it needs "
                                        "kernel.perf_event_paranoid <= 1 or CAP_PERFMON"));
    return true;
}

/* ---- start and stop ---- */

static void perf_stop(void *source)
{
    struct perf_source *s = source;
    perf_events_clear(&s->events);
    perf_tasks_clear(&s->tasks);
    g_free(s->polls);
    g_free(s);
}

/* What it stands on, when that is less than all. */
static void describe(struct perf_source *s)
{
    const struct perf_clock_options *clock = &s->events.clock;
    char stack[32] = "";
    if (clock->stack_bytes < PERF_STACK_BYTES_MOST) /* the locked memory limit allows no more */
        g_snprintf(stack, sizeof stack, ", %u KiB of stack", clock->stack_bytes >> 10);
    g_snprintf(s->description, sizeof s->description, "perf%s%s",
               clock->kernel ? "" : ", user only", stack);
}

/* Says how many descriptors its threads take, if there is one left to count them with. */
static void set_too_few(GError **error, int pid, const struct perf_source *s)
{
    GArray *tids = proc_tasks_list(pid);
    size_t needed = (tids->len + 8) * PERF_CLOCKS * s->events.n_cpus + 64;
    if (tids->len == 0)
        set_refused(error, EMFILE);
    else
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "process %d has %u thread%s: to sample them on %zu CPUs takes %zu descriptors, "
                    "raise the limit with 'ulimit -n %zu'",
                    pid, tids->len, tids->len == 1 ? "" : "s", s->events.n_cpus, needed, needed);
    g_array_unref(tids);
}

/* What is in the way of sampling this process, when others could be. */
static void set_attach_refused(GError **error, int code, int pid, const struct perf_source *s)
{
    if (code == ESRCH)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "process %d ended while proftop was attaching to it", pid);
    else if (code == EACCES || code == EPERM)
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
                    "the kernel does not let this user sample process %d: run proftop as root, or "
                    "with CAP_PERFMON and CAP_SYS_PTRACE",
                    pid);
    else if (code == EMFILE)
        set_too_few(error, pid, s);
    else
        set_refused(error, code);
}

/* Events on what is there: the child that will exec, or all threads of what runs. */
static bool open_target(struct perf_source *s, const struct source_options *options, GError **error)
{
    int code;
    if (options->attached) {
        code = perf_tasks_attach(&s->tasks, &s->events, options->pid);
        if (code < 0)
            set_attach_refused(error, -code, options->pid, s);
        return code == 0;
    }
    code = perf_events_open_task(&s->events, options->pid);
    perf_tasks_get(&s->tasks, options->pid);
    if (code < 0)
        set_refused(error, -code);
    return code == 0;
}

static bool open_all(struct perf_source *s, const struct source_options *options, GError **error)
{
    int code = perf_events_open_rings(&s->events);
    if (code == 0)
        return open_target(s, options, error);
    set_refused(error, -code);
    return false;
}

static void *perf_start(const struct source_options *options, GError **error)
{
    struct perf_source *s = g_new0(struct perf_source, 1);
    struct perf_clock_options clock = {
        .rate_hz = options->rate_hz, .inherit = options->children, .at_exec = !options->attached};
    perf_events_find_features(&clock, 0); /* that it finds some is what the probe is for */
    perf_events_init(&s->events, &clock);
    perf_tasks_init(&s->tasks);
    if (!open_all(s, options, error)) {
        perf_stop(s);
        return NULL;
    }
    s->enabled = true;
    s->polls = g_new0(struct pollfd, s->events.n_cpus + 1);
    for (size_t i = 0; i < s->events.n_cpus; i++)
        s->polls[i] = (struct pollfd){.fd = s->events.rings[i].fd, .events = POLLIN};
    describe(s);
    return s;
}

/* ---- tasks ---- */

/*
 * A new task inherits its parent's events. After a change of rate those may be the old ones, when
 * it was born before its parent got the new ones: then it gets its own.
 */
static void note_fork(struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    if (!perf_record_task(record, &r))
        return;
    struct perf_task parent = *perf_tasks_get(&s->tasks, r.parent_tid);
    struct perf_task *task = perf_tasks_get(&s->tasks, r.tid);
    int64_t born_ns = perf_record_time(record);
    if (task->opened_ns > born_ns)
        return; /* it has got its own already */
    if (born_ns < parent.opened_ns) {
        perf_tasks_open(&s->tasks, &s->events, r.tid, s->enabled);
        task->events_of = r.tid;
    } else {
        task->opened_ns = parent.opened_ns;
        task->events_of = parent.events_of;
    }
}

/* The thread that executes a program becomes the process's first, whoever it was and whatever
 * events it has. */
static void note_exec(struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task *task = perf_tasks_find(&s->tasks, perf_record_origin(record).tid);
    if (task && record->misc & PERF_RECORD_MISC_COMM_EXEC)
        task->events_of = 0;
}

static void note_exit(struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    if (perf_record_task(record, &r))
        perf_tasks_remove(&s->tasks, r.tid);
}

static void note_task(struct perf_source *s, const struct perf_event_header *record)
{
    if (record->type == PERF_RECORD_FORK)
        note_fork(s, record);
    else if (record->type == PERF_RECORD_COMM)
        note_exec(s, record);
    else if (record->type == PERF_RECORD_EXIT)
        note_exit(s, record);
}

/* ---- draining ---- */

static bool take_sample(struct perf_source *s, const struct perf_event_header *record,
                        struct ingest *ingest)
{
    struct perf_sample p;
    bool count = s->events.clock.count;
    if (!perf_record_sample(record, count, &p))
        return false;
    struct perf_task *task = perf_tasks_get(&s->tasks, p.sample.tid);
    struct perf_event *event = perf_events_find(&s->events, p.event_id);
    p.sample.weight_ns = count ? (int64_t)perf_task_advance(task, event, p.count_ns)
                               : 1000000000 / s->events.clock.rate_hz;
    if (perf_task_is_echo(task, event))
        return false;
    ingest_sample(ingest, &p.sample);
    return true;
}

/* The birth of a child that is not followed: no more will be heard of it. */
static bool is_foreign(const struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_task_record r;
    return record->type == PERF_RECORD_FORK && !s->events.clock.inherit &&
           perf_record_task(record, &r) && r.pid != r.parent_pid;
}

/* Whether another event has told the same. */
static bool is_echo(const struct perf_source *s, const struct perf_event_header *record)
{
    struct perf_origin origin = perf_record_origin(record);
    const struct perf_task *task = perf_tasks_find(&s->tasks, origin.tid);
    return record->type != PERF_RECORD_LOST && task &&
           perf_task_is_echo(task, perf_events_find(&s->events, origin.event_id));
}

/* Returns whether it was a sample. */
static bool take_record(struct perf_source *s, const struct perf_event_header *record,
                        struct ingest *ingest)
{
    if (record->type == PERF_RECORD_SAMPLE)
        return take_sample(s, record, ingest);
    if (is_foreign(s, record) || is_echo(s, record))
        return false;
    perf_record_ingest(record, ingest);
    note_task(s, record);
    return false;
}

/* The ring whose next record is the oldest, if that is older than the horizon; else NULL. */
static struct perf_ring *oldest_ring(struct perf_source *s, int64_t horizon_ns)
{
    struct perf_ring *oldest = NULL;
    for (size_t i = 0; i < s->events.n_cpus; i++) {
        struct perf_ring *ring = &s->events.rings[i];
        const struct perf_event_header *record = perf_ring_peek(ring);
        int64_t time_ns = record ? perf_record_time(record) : INT64_MAX;
        if (time_ns < horizon_ns) {
            horizon_ns = time_ns;
            oldest = ring;
        }
    }
    return oldest;
}

static void jitter(struct perf_source *s)
{
    int64_t now = g_get_monotonic_time() * 1000;
    if (now < s->next_jitter_ns)
        return;
    s->next_jitter_ns = now + JITTER_INTERVAL_NS;
    perf_events_jitter(&s->events);
}

/* What tasks used after their last samples: all that was counted and nobody has accounted for. An
 * ended task's counts are added to those of the event it had inherited, so whose it was is not
 * known any more. */
static void take_rest(struct perf_source *s, struct ingest *ingest)
{
    double rest_ns = s->events.clock.count ? perf_events_unaccounted_ns(&s->events) : 0;
    if (rest_ns >= 1)
        ingest_unsampled(ingest, &(struct ingest_time){.time_ns = g_get_monotonic_time() * 1000,
                                                       .cpu_ns = (int64_t)rest_ns});
}

static size_t perf_drain(void *source, struct ingest *ingest, bool last)
{
    struct perf_source *s = source;
    int64_t horizon_ns = last ? INT64_MAX : g_get_monotonic_time() * 1000 - SETTLE_NS;
    size_t samples = 0;
    for (size_t i = 0; i < s->events.n_cpus; i++)
        perf_ring_refresh(&s->events.rings[i]);
    struct perf_ring *ring;
    while ((ring = oldest_ring(s, horizon_ns))) {
        samples += take_record(s, perf_ring_peek(ring), ingest);
        perf_ring_next(ring);
    }
    if (last)
        take_rest(s, ingest);
    else
        jitter(s);
    return samples;
}

static void perf_wait(void *source, int wake_fd, int timeout_ms)
{
    struct perf_source *s = source;
    s->polls[s->events.n_cpus] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    poll(s->polls, s->events.n_cpus + 1, timeout_ms);
}

/* ---- control ---- */

static void perf_set_enabled(void *source, bool enabled)
{
    struct perf_source *s = source;
    s->enabled = enabled;
    perf_events_enable(&s->events, 0, enabled);
}

/* The period of inherited events cannot be changed: every task gets new ones, and the old ones go.
 */
static bool perf_set_rate(void *source, uint32_t rate_hz, GError **error)
{
    struct perf_source *s = source;
    struct perf_clock_options old = s->events.clock;
    guint n_old = s->events.all->len;
    int code = 0;
    s->events.clock.rate_hz = rate_hz;
    s->events.clock.at_exec = false;
    GList *tids = g_hash_table_get_keys(s->tasks.by_tid);
    for (GList *at = tids; at && code == 0; at = at->next)
        code = perf_tasks_open(&s->tasks, &s->events, GPOINTER_TO_INT(at->data), s->enabled);
    for (GList *at = tids; at && code == 0; at = at->next)
        perf_tasks_get(&s->tasks, GPOINTER_TO_INT(at->data))->events_of = GPOINTER_TO_INT(at->data);
    g_list_free(tids);
    if (code == 0) {
        perf_events_retire(&s->events, n_old);
        return true;
    }
    s->events.clock = old;
    perf_events_forget(&s->events, n_old);
    set_refused(error, -code);
    return false;
}

static const char *perf_describe(const void *source)
{
    const struct perf_source *s = source;
    return s->description;
}

const struct source_ops perf_source_ops = {
    .name = "perf",
    .why_unsampled = "it is in threads that ended before or soon after a sample, a higher rate "
                     "(-F) sees more of it",
    .probe = perf_probe,
    .start = perf_start,
    .drain = perf_drain,
    .wait = perf_wait,
    .set_enabled = perf_set_enabled,
    .set_rate = perf_set_rate,
    .describe = perf_describe,
    .stop = perf_stop,
};
