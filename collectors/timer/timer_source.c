/*
 * See timer_source.h. Samples are taken out of all segments, sorted by time, and fed; processes and
 * threads that nobody tells of are looked for in rounds, once a second or as seldom as it takes to
 * keep their cost small.
 */
#include "collectors/timer/timer_source.h"

#include <poll.h>
#include <sys/resource.h>
#include <time.h>

#include "collectors/timer/timer_feed.h"
#include "collectors/timer/timer_process.h"
#include "core/base/error.h"
#include "core/session/coverage.h"
#include "core/session/meter.h"
#include "core/target/proc_tasks.h"

enum {
    SECOND_NS = 1000000000,
    FIRST_ROUND_NS = SECOND_NS / 4,
    ROUND_SHARE = 100, /* a round takes one part in so many of the time, at most */
    BATCH_BYTES = 32 << 20,
    THREADS_ASKED = 256,  /* for their children */
    SAMPLES_AT_ONCE = 16, /* of each CPU, in its half of the slots */
};

struct timer_source {
    struct timer_tap tap;
    GHashTable *processes; /* pid -> struct timer_process */
    struct timer_budget budget;
    uint32_t rate_hz;
    int root_pid;
    bool children;
    bool is_enabled;
    int64_t last_ns; /* time of the latest sample */
    uint64_t n_hellos;
    int64_t next_round_ns;
    int64_t waited_ns;   /* CPU time of proftop's children, when the measurement began */
    int64_t finished_ns; /* of processes that have ended: handed out */
    int64_t n_unsampled[WIRE_UNSAMPLED_REASONS]; /* likewise: threads without a timer */
};

/* A sample and whose it is, in one batch. */
struct taken {
    struct timer_process *process;
    struct timer_sample *sample;
};

/* ---- can it run? ---- */

/* How often the kernel looks whether a timer has expired. */
static uint32_t tick_hz(void)
{
    struct timespec tick;
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        return 100;
    return (uint32_t)(SECOND_NS / tick.tv_nsec);
}

static bool timer_probe(const struct source_options *options, GPtrArray *notes, GError **error)
{
    if (options->attached) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED,
                    "the timer engine needs the collector inside the program from its start: "
                    "attaching needs perf_event");
        return false;
    }
    g_ptr_array_add(notes, g_strdup("time in the kernel counts for the function that called it: "
                                    "the timer engine has no kernel frames"));
    g_ptr_array_add(notes, g_strdup_printf("samples come with the kernel's tick, at most %u a "
                                           "second for each thread: work in step with it is "
                                           "measured wrong",
                                           tick_hz()));
    g_ptr_array_add(notes, g_strdup("programs and threads that the collector cannot be in are "
                                    "not sampled: their CPU time is shown as [not sampled]"));
    return true;
}

/* ---- start and stop ---- */

static uint64_t period_of(uint32_t rate_hz)
{
    return SECOND_NS / rate_hz;
}

static void free_process(gpointer process)
{
    timer_process_free(process);
}

static struct timer_process *find(const struct timer_source *s, int pid)
{
    return g_hash_table_lookup(s->processes, GINT_TO_POINTER(pid));
}

static struct timer_process *add(struct timer_source *s, int pid, int64_t clock_ns)
{
    struct timer_process *process = timer_process_new(pid, clock_ns);
    g_hash_table_insert(s->processes, GINT_TO_POINTER(pid), process);
    timer_process_set_enabled(process, s->is_enabled);
    return process;
}

/* The launched command, which waits to be let go: what it has used so far is proftop's own. */
static void add_root(struct timer_source *s)
{
    struct timer_process *root = add(s, s->root_pid, MAX(proc_process_cpu_ns(s->root_pid), 0));
    struct timer_thread *first = timer_books_get(&root->books, s->root_pid);
    first->accounted_ns = first->used_ns = MAX(proc_task_cpu_ns(s->root_pid, s->root_pid), 0);
}

static void *timer_start(const struct source_options *options, GError **error)
{
    if (!options->coverage) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_FOUND,
                    "the timer engine needs the collector, and libproftop.so was not found beside "
                    "proftop or in ../lib/proftop: install it, or permit perf_event");
        return NULL;
    }
    struct timer_source *s = g_new0(struct timer_source, 1);
    s->processes = g_hash_table_new_full(NULL, NULL, NULL, free_process);
    s->rate_hz = options->rate_hz;
    s->root_pid = options->pid;
    s->children = options->children;
    s->is_enabled = true;
    s->waited_ns = meter_rusage_ns(RUSAGE_CHILDREN);
    add_root(s);
    timer_tap_init(&s->tap, coverage_listener(options->coverage),
                   options->children ? 0 : options->pid, period_of(options->rate_hz));
    return s;
}

/* The timers go on, but nothing is copied any more. */
static void timer_stop(void *source)
{
    struct timer_source *s = source;
    GHashTableIter at;
    gpointer value;
    timer_tap_clear(&s->tap);
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value))
        timer_process_set_enabled(value, false);
    g_hash_table_unref(s->processes);
    g_free(s);
}

/* ---- samples ---- */

static void free_taken(gpointer data)
{
    g_free(((struct taken *)data)->sample);
}

static GArray *new_batch(void)
{
    GArray *batch = g_array_new(FALSE, FALSE, sizeof(struct taken));
    g_array_set_clear_func(batch, free_taken);
    return batch;
}

static int by_time(const void *a, const void *b)
{
    const struct timer_sample *left = ((const struct taken *)a)->sample;
    const struct timer_sample *right = ((const struct taken *)b)->sample;
    return (left->time_ns > right->time_ns) - (left->time_ns < right->time_ns);
}

static size_t feed(GArray *batch, const struct timer_context *context)
{
    size_t n = batch->len;
    g_array_sort(batch, by_time);
    for (size_t i = 0; i < n; i++) {
        const struct taken *taken = &g_array_index(batch, struct taken, i);
        timer_feed_sample(taken->process, taken->sample, context);
    }
    g_array_set_size(batch, 0);
    return n;
}

/* Adds what the process has to the batch. Returns how many bytes of stack those are. */
static size_t take(struct timer_process *process, bool all, GArray *batch,
                   const struct timer_context *context)
{
    size_t bytes = 0;
    GPtrArray *samples = g_ptr_array_new();
    timer_process_take(process, all, samples, context);
    for (guint i = 0; i < samples->len; i++) {
        struct taken taken = {.process = process, .sample = g_ptr_array_index(samples, i)};
        bytes += taken.sample->stack_size;
        g_array_append_val(batch, taken);
    }
    g_ptr_array_unref(samples);
    return bytes;
}

/* Samples of all processes. Whoever has ended before is looked at has had its last. */
static size_t take_all(struct timer_source *s, bool last, const struct timer_context *context)
{
    GArray *batch = new_batch();
    size_t n = 0, bytes = 0;
    GHashTableIter at;
    gpointer value;
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        struct timer_process *process = value;
        bool is_alive = timer_process_read_clock(process);
        bytes += take(process, last || !is_alive, batch, context);
        if (is_alive)
            timer_process_read_clock(process); /* the samples are older than this reading */
        if (bytes >= BATCH_BYTES) {
            n += feed(batch, context);
            bytes = 0;
        }
    }
    n += feed(batch, context);
    g_array_unref(batch);
    return n;
}

/* ---- processes that begin and end ---- */

/* A process that is not known yet, a child of what is known, else of the first one. */
static struct timer_process *introduce(struct timer_source *s, int pid, int parent_pid,
                                       const struct timer_context *context)
{
    int parent = find(s, parent_pid) ? parent_pid : s->root_pid;
    ingest_fork(context->ingest, pid, parent, pid);
    return add(s, pid, 0);
}

static void finish(struct timer_source *s, struct timer_process *process,
                   const struct timer_context *context)
{
    timer_process_end(process, context);
    timer_process_count_unsampled(process, s->n_unsampled);
    s->finished_ns += process->books.accounted_ns;
}

static size_t begin(struct timer_source *s, struct timer_hello *hello,
                    const struct timer_context *context)
{
    int pid = hello->process->pid;
    struct timer_process *process = find(s, pid);
    size_t n = 0;
    s->n_hellos++;
    if (process && process->is_gone) { /* its number is in use again */
        finish(s, process, context);
        g_hash_table_remove(s->processes, GINT_TO_POINTER(pid));
        process = NULL;
    }
    if (!process)
        process = introduce(s, pid, hello->parent_pid, context);
    else { /* exec: what is left of the last image comes first */
        GArray *batch = new_batch();
        timer_process_set_clock(process, hello->clock_ns);
        take(process, true, batch, context);
        n = feed(batch, context);
        g_array_unref(batch);
    }
    timer_process_begin(process, hello, find(s, hello->parent_pid), context);
    timer_process_set_period(process, period_of(s->rate_hz));
    timer_process_set_enabled(process, s->is_enabled);
    return n;
}

static size_t begin_all(struct timer_source *s, const struct timer_context *context)
{
    size_t n = 0;
    GPtrArray *hellos = timer_tap_fetch(&s->tap);
    g_ptr_array_set_free_func(hellos, NULL);
    for (guint i = 0; i < hellos->len; i++)
        n += begin(s, g_ptr_array_index(hellos, i), context);
    g_ptr_array_unref(hellos);
    return n;
}

static void finish_gone(struct timer_source *s, const struct timer_context *context)
{
    GHashTableIter at;
    gpointer value;
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        struct timer_process *process = value;
        if (!process->is_gone)
            continue;
        finish(s, process, context);
        g_hash_table_iter_remove(&at);
    }
}

/* ---- rounds ---- */

static void add_children(struct timer_source *s, int pid, const struct timer_context *context)
{
    GArray *children = proc_children(pid, THREADS_ASKED);
    for (guint i = 0; i < children->len; i++) {
        int child = g_array_index(children, int, i);
        if (find(s, child))
            continue;
        struct timer_process *process = introduce(s, child, pid, context);
        timer_process_round(process, context);
    }
    g_array_unref(children);
}

static void look_around(struct timer_source *s, const struct timer_context *context)
{
    GList *pids = g_hash_table_get_keys(s->processes);
    for (GList *at = pids; at; at = at->next) {
        int pid = GPOINTER_TO_INT(at->data);
        timer_process_round(find(s, pid), context);
        if (s->children)
            add_children(s, pid, context);
    }
    g_list_free(pids);
}

static void look_around_sometimes(struct timer_source *s, const struct timer_context *context)
{
    int64_t begin_ns = g_get_monotonic_time() * 1000;
    if (begin_ns < s->next_round_ns)
        return;
    int64_t wait_ns = s->next_round_ns ? SECOND_NS : FIRST_ROUND_NS;
    if (s->next_round_ns)
        look_around(s, context);
    int64_t end_ns = g_get_monotonic_time() * 1000;
    s->next_round_ns = end_ns + MAX(wait_ns, ROUND_SHARE * (end_ns - begin_ns));
}

/* ---- the end ---- */

static void note_unsampled(struct timer_source *s, const struct timer_context *context)
{
    static const char *const reasons[WIRE_UNSAMPLED_REASONS] = {
        [WIRE_UNSAMPLED_NO_TIMER] = "the kernel gave them no timer (raise 'ulimit -i')",
        [WIRE_UNSAMPLED_SMALL_SIGSTACK] = "their own signal stack is too small",
        [WIRE_UNSAMPLED_BLOCKED] = "they block the signal",
        [WIRE_UNSAMPLED_NO_MEMORY] = "there was no memory for it",
        [WIRE_UNSAMPLED_SIGNAL_TAKEN] = "this libc does not keep the signal that the timers need",
        [WIRE_UNSAMPLED_SECCOMP] = "the program gives up rights (no_new_privs, seccomp)",
    };
    for (int i = 0; i < WIRE_UNSAMPLED_REASONS; i++) {
        if (s->n_unsampled[i] == 0)
            continue;
        char *note =
            g_strdup_printf("%" G_GINT64_FORMAT " %s not sampled: %s", s->n_unsampled[i],
                            s->n_unsampled[i] == 1 ? "thread was" : "threads were", reasons[i]);
        ingest_note(context->ingest, note);
        g_free(note);
    }
}

/*
 * What nobody saw: processes that came and went between two looks. Their parents have waited for
 * them, and proftop for the first of those, so the kernel's sum has them all.
 */
static void tell_unseen(const struct timer_source *s, const struct timer_context *context)
{
    int64_t unseen_ns = meter_rusage_ns(RUSAGE_CHILDREN) - s->waited_ns - s->finished_ns;
    if (unseen_ns > 0)
        ingest_unsampled(context->ingest,
                         &(struct ingest_time){.time_ns = context->now_ns, .cpu_ns = unseen_ns});
}

static void settle(struct timer_source *s, const struct timer_context *context)
{
    GHashTableIter at;
    gpointer value;
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        timer_process_settle(value, context);
        timer_process_count_unsampled(value, s->n_unsampled);
    }
    if (s->children && s->is_enabled)
        tell_unseen(s, context);
    note_unsampled(s, context);
}

static size_t take_part(struct timer_source *s, bool last, const struct timer_context *context)
{
    size_t n = begin_all(s, context);
    n += take_all(s, last, context);
    finish_gone(s, context);
    return n;
}

/* What the first process left running may just be on its way here: a daemon is forked, and at once
 * its parent ends. */
static size_t await_latecomers(struct timer_source *s, const struct timer_context *context)
{
    enum { PATIENCE_MS = 3, TIMES = 5 };
    size_t n = 0;
    for (int i = 0; i < TIMES && s->children && !find(s, s->root_pid); i++) {
        uint64_t n_before = s->n_hellos;
        poll(NULL, 0, PATIENCE_MS);
        n += take_part(s, true, context);
        if (s->n_hellos == n_before)
            break;
    }
    return n;
}

/* ---- the session's calls ---- */

static size_t timer_drain(void *source, struct ingest *ingest, bool last)
{
    struct timer_source *s = source;
    struct timer_context context = {.ingest = ingest,
                                    .budget = &s->budget,
                                    .now_ns = g_get_monotonic_time() * 1000,
                                    .last_ns = &s->last_ns};
    size_t n = take_part(s, last, &context);
    look_around_sometimes(s, &context);
    if (last) {
        n += await_latecomers(s, &context);
        settle(s, &context);
    }
    return n;
}

/* The slots must not run full meanwhile. */
static void timer_wait(void *source, int wake_fd, int timeout_ms)
{
    const struct timer_source *s = source;
    int full_ms = (int)(1000 * SAMPLES_AT_ONCE / MIN(s->rate_hz, tick_hz()));
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    poll(&wake, 1, CLAMP(timeout_ms, 1, MAX(full_ms, 1)));
}

static void timer_set_enabled(void *source, bool enabled)
{
    struct timer_source *s = source;
    GHashTableIter at;
    gpointer value;
    s->is_enabled = enabled;
    timer_tap_set(&s->tap, period_of(s->rate_hz), enabled);
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value))
        timer_process_set_enabled(value, enabled);
}

static bool timer_set_rate(void *source, uint32_t rate_hz, GError **error)
{
    struct timer_source *s = source;
    GHashTableIter at;
    gpointer value;
    (void)error;
    s->rate_hz = rate_hz;
    timer_tap_set(&s->tap, period_of(rate_hz), s->is_enabled);
    g_hash_table_iter_init(&at, s->processes);
    while (g_hash_table_iter_next(&at, NULL, &value))
        timer_process_set_period(value, period_of(rate_hz));
    return true;
}

static const char *timer_describe(const void *source)
{
    (void)source;
    return "timer";
}

const struct source_ops timer_source_ops = {
    .name = "timer",
    .needs_collector = true,
    .why_unsampled = "it is in programs and threads that could not be sampled, or that ended "
                     "before the kernel's tick came",
    .probe = timer_probe,
    .start = timer_start,
    .drain = timer_drain,
    .wait = timer_wait,
    .set_enabled = timer_set_enabled,
    .set_rate = timer_set_rate,
    .describe = timer_describe,
    .stop = timer_stop,
};
