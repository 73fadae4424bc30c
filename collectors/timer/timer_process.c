/*
 * A process's life and accounts; how a sample is fed is in timer_feed.c.
 *
 * Its segment is hostile. What is read from it: numbers that are clamped, and slots
 * (timer_slots.c). What the kernel says of it can be believed, and limits what it claims.
 */
#include "collectors/timer/timer_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/sysinfo.h>

#include "collectors/timer/timer_feed.h"
#include "core/target/proc_status.h"
#include "core/target/proc_tasks.h"

enum {
    DROPPED_MOST = 1000000, /* that are believed at once */
    UNSAMPLED_MOST = 1000000,
    CLOCK_SHARE = 100,    /* of the time that passes, to read the clock */
    NAMES_AT_ONCE = 256,  /* that are asked for in one round */
    ROUNDS_AFTER_END = 2, /* a thread's last samples come after it was seen last */
};

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

struct timer_process *timer_process_new(int pid, int64_t clock_ns)
{
    struct timer_process *process = g_new0(struct timer_process, 1);
    process->pid = pid;
    process->clock_ns = clock_ns;
    process->clock_read_ns = now_ns();
    process->paused_ns = -1;
    timer_books_init(&process->books, clock_ns);
    timer_maps_init(&process->maps);
    timer_tids_init(&process->tids, pid, 0);
    timer_books_get(&process->books, pid)->is_told = true;
    return process;
}

void timer_process_free(struct timer_process *process)
{
    if (!process)
        return;
    timer_hello_free(process->hello);
    timer_books_clear(&process->books);
    timer_maps_clear(&process->maps);
    timer_tids_clear(&process->tids);
    g_free(process);
}

static struct wire_sampler *sampler_of(const struct timer_process *process)
{
    return process->hello ? process->hello->sampler : NULL;
}

/* ---- clock ---- */

void timer_process_set_clock(struct timer_process *process, int64_t clock_ns)
{
    if (clock_ns < process->clock_ns)
        return;
    process->clock_ns = clock_ns;
    process->clock_read_ns = now_ns();
    process->books.credit_ns = 0;
    if (process->paused_ns < 0)
        timer_books_set_clock(&process->books, clock_ns);
}

/* What it may have used since its clock was read. */
static void give_credit(struct timer_process *process)
{
    process->books.credit_ns = MAX(now_ns() - process->clock_read_ns, 0) * get_nprocs();
}

static bool exists(int pid)
{
    return kill(pid, 0) == 0 || errno == EPERM;
}

static int64_t read_clock(struct timer_process *process)
{
    int64_t begin_ns = now_ns();
    int64_t clock_ns = proc_process_cpu_ns(process->pid);
    int64_t end_ns = now_ns();
    process->clock_next_ns = end_ns + CLOCK_SHARE * (end_ns - begin_ns);
    return clock_ns;
}

bool timer_process_read_clock(struct timer_process *process)
{
    bool is_early = now_ns() < process->clock_next_ns;
    if (is_early && !process->is_gone && exists(process->pid)) {
        give_credit(process);
        return true;
    }
    int64_t clock_ns = process->is_gone ? -1 : read_clock(process);
    if (clock_ns >= process->clock_ns) {
        timer_process_set_clock(process, clock_ns);
        return true;
    }
    /* gone, or already another process of that number; it may have gone on after the last look */
    process->is_gone = true;
    give_credit(process);
    return false;
}

static void tell_unsampled(const struct timer_process *process, int tid, int64_t cpu_ns,
                           const struct timer_context *context)
{
    if (cpu_ns > 0)
        ingest_unsampled(context->ingest, &(struct ingest_time){.pid = process->pid,
                                                                .tid = tid,
                                                                .time_ns = context->now_ns,
                                                                .cpu_ns = cpu_ns});
}

/* What no thread that exists has used. */
static void tell_rest(struct timer_process *process, bool all, const struct timer_context *context)
{
    int64_t rest_ns = timer_books_ended_rest(&process->books, all);
    tell_unsampled(process, process->had_threads ? 0 : process->pid, rest_ns, context);
}

/* ---- images ---- */

static void count_unsampled(const struct wire_sampler *sampler,
                            int64_t counts[WIRE_UNSAMPLED_REASONS])
{
    for (int i = 0; sampler && i < WIRE_UNSAMPLED_REASONS; i++) {
        uint64_t n = __atomic_load_n(&sampler->unsampled_threads[i], __ATOMIC_RELAXED);
        counts[i] += (int64_t)MIN(n, (uint64_t)UNSAMPLED_MOST);
    }
}

void timer_process_count_unsampled(const struct timer_process *process,
                                   int64_t counts[WIRE_UNSAMPLED_REASONS])
{
    for (int i = 0; i < WIRE_UNSAMPLED_REASONS; i++)
        counts[i] += process->n_unsampled[i];
    count_unsampled(sampler_of(process), counts);
}

/* What it is known to have used is its own; the rest is in the process's clock. */
static void tell_thread_end(struct timer_process *process, struct timer_thread *thread,
                            const struct timer_context *context)
{
    int64_t rest_ns = timer_books_thread_rest(&process->books, thread, thread->used_ns, true);
    tell_unsampled(process, thread->tid, rest_ns, context);
    if (thread->is_told && thread->tid != process->pid)
        ingest_exit(context->ingest, process->pid, thread->tid);
}

/* All threads but the first are gone, or all. */
static void end_threads(struct timer_process *process, const struct timer_context *context)
{
    GHashTableIter at;
    gpointer value;
    g_hash_table_iter_init(&at, process->books.threads);
    while (g_hash_table_iter_next(&at, NULL, &value))
        tell_thread_end(process, value, context);
    g_hash_table_remove_all(process->books.threads);
}

static void take_segment(struct timer_process *process, struct timer_hello *hello)
{
    count_unsampled(sampler_of(process), process->n_unsampled);
    timer_hello_free(process->hello);
    process->hello = hello;
    process->dropped = 0;
    process->slots = (struct timer_slots){0};
    if (!hello->sampler)
        return;
    process->slots = (struct timer_slots){.base = hello->slots, .n = hello->n_slots};
}

static void begin_maps(struct timer_process *process, const struct timer_process *parent,
                       const struct timer_context *context)
{
    const struct timer_hello *hello = process->hello;
    process->maps_next_ns = process->maps_wait_ns = 0;
    if (hello->process->is_forked && parent)
        timer_maps_inherit(&process->maps, &parent->maps);
    if (!hello->ranges)
        return;
    timer_maps_begin(&process->maps, hello->ranges, 0);
    timer_feed_tell_maps(process, context);
}

void timer_process_begin(struct timer_process *process, struct timer_hello *hello,
                         const struct timer_process *parent, const struct timer_context *context)
{
    end_threads(process, context);
    take_segment(process, hello);
    timer_tids_clear(&process->tids);
    timer_tids_init(&process->tids, process->pid, hello->inner_pid);
    timer_process_set_clock(process, hello->clock_ns);
    ingest_name(context->ingest, process->pid, process->pid, hello->name ? hello->name : "",
                !hello->process->is_forked);
    tell_rest(process, true, context); /* until its timer was armed */
    process->had_threads = false;
    struct timer_thread *first = timer_books_get(&process->books, process->pid);
    first->is_told = first->is_named = true;
    first->base_ns = first->accounted_ns = first->used_ns = MAX(hello->cpu_ns, 0);
    begin_maps(process, parent, context);
}

/* ---- samples ---- */

void timer_process_take(struct timer_process *process, bool all, GPtrArray *samples,
                        const struct timer_context *context)
{
    const struct wire_sampler *sampler = sampler_of(process);
    if (!sampler)
        return;
    timer_slots_take(&process->slots, all, samples);
    uint64_t dropped = __atomic_load_n(&sampler->dropped, __ATOMIC_RELAXED);
    uint64_t more = dropped - process->dropped;
    process->dropped = dropped;
    if (more > 0)
        ingest_lost(context->ingest, (int64_t)MIN(more, (uint64_t)DROPPED_MOST));
}

/* ---- rounds ---- */

/* Of all threads: when they have no place in /proc, one more round without. */
static void list_threads(struct timer_process *process, const GArray *tids)
{
    GHashTableIter at;
    gpointer value;
    g_hash_table_iter_init(&at, process->books.threads);
    while (g_hash_table_iter_next(&at, NULL, &value))
        ((struct timer_thread *)value)->rounds_gone++;
    for (guint i = 0; i < tids->len; i++)
        timer_books_get(&process->books, g_array_index(tids, int, i))->rounds_gone = 0;
    process->had_threads |= tids->len > 1;
}

/* Whether a thread that exists may have a name that is not known. */
static bool wants_name(const struct timer_process *process, const struct timer_thread *thread)
{
    bool is_first = thread->tid == process->pid; /* a new image may have come unseen */
    return thread->rounds_gone == 0 && (!thread->is_named || thread->was_sampled || is_first);
}

static void tell_threads(struct timer_process *process, const struct timer_context *context)
{
    GHashTableIter at;
    gpointer value;
    int n_named = 0;
    g_hash_table_iter_init(&at, process->books.threads);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        struct timer_thread *thread = value;
        timer_feed_tell_thread(process, thread, context);
        if (n_named < NAMES_AT_ONCE && wants_name(process, thread)) {
            timer_feed_tell_name(process, thread, context);
            thread->was_sampled = false;
            n_named++;
        }
        if (thread->rounds_gone < ROUNDS_AFTER_END || thread->tid == process->pid)
            continue;
        tell_thread_end(process, thread, context);
        g_hash_table_iter_remove(&at);
    }
}

static void tell_not_sampled(struct timer_process *process, const GArray *tids, bool all,
                             const struct timer_context *context)
{
    for (guint i = 0; i < tids->len; i++) {
        int tid = g_array_index(tids, int, i);
        int64_t used_ns = proc_task_cpu_ns(process->pid, tid);
        struct timer_thread *thread = timer_books_get(&process->books, tid);
        if (used_ns < 0)
            continue;
        int64_t rest_ns = timer_books_thread_rest(&process->books, thread, used_ns, all);
        tell_unsampled(process, tid, rest_ns, context);
    }
    tell_rest(process, all, context);
}

void timer_process_round(struct timer_process *process, const struct timer_context *context)
{
    struct proc_status status;
    if (!proc_status_read(process->pid, &status) || (status.is_zombie && status.n_threads <= 1)) {
        process->is_gone = true;
        return;
    }
    struct wire_sampler *sampler = sampler_of(process);
    if (sampler && status.has_seccomp)
        __atomic_store_n(&sampler->has_seccomp, 1, __ATOMIC_RELAXED);
    GArray *tids = proc_tasks_list(process->pid);
    if (tids->len > 0) {
        list_threads(process, tids);
        tell_threads(process, context);
        if (process->paused_ns < 0 && timer_books_has_news(&process->books))
            tell_not_sampled(process, tids, false, context);
    }
    g_array_unref(tids);
}

/* ---- end ---- */

void timer_process_settle(struct timer_process *process, const struct timer_context *context)
{
    timer_process_set_clock(process, proc_process_cpu_ns(process->pid));
    GArray *tids = proc_tasks_list(process->pid);
    if (process->paused_ns < 0)
        tell_not_sampled(process, tids, true, context);
    g_array_unref(tids);
}

void timer_process_end(struct timer_process *process, const struct timer_context *context)
{
    end_threads(process, context);
    tell_rest(process, true, context);
    ingest_exit(context->ingest, process->pid, process->pid);
}

/* ---- control ---- */

/* What each thread has used by now is nobody's business. */
static void forget_used(struct timer_process *process)
{
    GArray *tids = proc_tasks_list(process->pid);
    for (guint i = 0; i < tids->len; i++) {
        int tid = g_array_index(tids, int, i);
        struct timer_thread *thread = timer_books_get(&process->books, tid);
        int64_t used_ns = proc_task_cpu_ns(process->pid, tid);
        thread->accounted_ns = thread->used_ns = MAX(thread->accounted_ns, used_ns);
    }
    g_array_unref(tids);
}

void timer_process_set_enabled(struct timer_process *process, bool is_enabled)
{
    struct wire_sampler *sampler = sampler_of(process);
    if (sampler)
        __atomic_store_n(&sampler->enabled, is_enabled, __ATOMIC_RELAXED);
    if (is_enabled == (process->paused_ns < 0))
        return;
    timer_process_set_clock(process, proc_process_cpu_ns(process->pid));
    if (!is_enabled) {
        process->paused_ns = process->clock_ns;
        return;
    }
    timer_books_leave_out(&process->books, process->paused_ns, process->clock_ns);
    process->paused_ns = -1;
    forget_used(process);
}

void timer_process_set_period(struct timer_process *process, uint64_t period_ns)
{
    struct wire_sampler *sampler = sampler_of(process);
    if (sampler)
        __atomic_store_n(&sampler->period_ns, period_ns, __ATOMIC_RELAXED);
}
