/*
 * See timer_feed.h and timer_maps.h. The maps are read again when a sample is of a later
 * generation, and when its walk meets code that no known mapping holds: a library was loaded. Both
 * within a budget, as a process may do either all the time; what cannot be known then is said to be
 * unknown.
 */
#include "collectors/timer/timer_feed.h"

#include <time.h>

#include "core/session/existing.h"
#include "core/target/proc_tasks.h"

enum {
    THREADS_MOST = 65536, /* of one process: it may invent as many as it likes */
    BUDGET_SHARE = 100,   /* one part in so many of the time that passes */
    BUDGET_MOST_NS = 50 * 1000 * 1000,
    WAIT_LEAST_NS = 10 * 1000 * 1000,
    WAIT_MOST_NS = 1000 * 1000 * 1000,
    ALL_REGISTERS = (1 << WIRE_SAMPLE_REGISTERS) - 1,
};

/* ---- maps ---- */

void timer_feed_tell_maps(const struct timer_process *process, const struct timer_context *context)
{
    const GArray *ranges = process->maps.ranges;
    ingest_unmap_all(context->ingest, process->pid);
    for (guint i = 0; i < ranges->len; i++)
        existing_tell_map(context->ingest, process->pid,
                          &g_array_index(ranges, struct proc_map, i));
}

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

static int64_t own_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static bool has_budget(struct timer_budget *budget)
{
    int64_t now = now_ns();
    int64_t passed_ns = budget->filled_ns ? now - budget->filled_ns : INT64_MAX;
    budget->left_ns = MIN(budget->left_ns + passed_ns / BUDGET_SHARE, BUDGET_MOST_NS);
    budget->filled_ns = now;
    return budget->left_ns > 0;
}

static bool may_read(const struct timer_process *process, struct timer_budget *budget)
{
    return has_budget(budget) && now_ns() >= process->maps_next_ns;
}

/* After a reading that told nothing new, the next one waits, ever longer. */
static void set_wait(struct timer_process *process, bool is_new)
{
    process->maps_wait_ns =
        is_new ? 0 : CLAMP(2 * process->maps_wait_ns, WAIT_LEAST_NS, WAIT_MOST_NS);
    process->maps_next_ns = now_ns() + process->maps_wait_ns;
}

static uint64_t generation_of(const struct timer_process *process)
{
    return __atomic_load_n(&process->hello->sampler->map_generation, __ATOMIC_ACQUIRE);
}

static void read_maps(struct timer_process *process, const struct timer_context *context)
{
    if (process->is_gone || !may_read(process, context->budget))
        return;
    int64_t begin_ns = own_cpu_ns();
    uint64_t known = process->maps.generation;
    uint64_t generation = generation_of(process);
    GArray *ranges = timer_maps_read(process->pid);
    if (generation_of(process) != generation)
        generation = TIMER_MAPS_UNSURE;
    bool is_new = ranges && timer_maps_update(&process->maps, ranges, generation);
    if (is_new)
        timer_feed_tell_maps(process, context);
    if (ranges)
        g_array_unref(ranges);
    set_wait(process, is_new || (ranges && process->maps.generation != known));
    context->budget->left_ns -= own_cpu_ns() - begin_ns;
}

/* ---- threads ---- */

void timer_feed_tell_thread(const struct timer_process *process, struct timer_thread *thread,
                            const struct timer_context *context)
{
    if (!thread->is_told)
        ingest_fork(context->ingest, process->pid, process->pid, thread->tid);
    thread->is_told = true;
}

void timer_feed_tell_name(const struct timer_process *process, struct timer_thread *thread,
                          const struct timer_context *context)
{
    char *name = proc_task_name(process->pid, thread->tid);
    if (name)
        ingest_name(context->ingest, process->pid, thread->tid, name, false);
    thread->is_named = true;
    g_free(name);
}

/* The sample's thread; the number that it carries where that is not known by another. */
static int tid_of(struct timer_process *process, const struct timer_sample *sample,
                  const struct timer_context *context)
{
    int tid = timer_tids_find(&process->tids, sample->tid, sample->thread_serial);
    if (tid || sample->tid == 0 || process->is_gone || !has_budget(context->budget))
        return tid ? tid : sample->tid;
    int64_t begin_ns = own_cpu_ns();
    tid = timer_tids_look(&process->tids, sample->tid, sample->thread_serial);
    context->budget->left_ns -= own_cpu_ns() - begin_ns;
    return tid ? tid : sample->tid;
}

static struct timer_thread *thread_of(struct timer_process *process,
                                      const struct timer_sample *sample,
                                      const struct timer_context *context)
{
    int tid = tid_of(process, sample, context);
    struct timer_thread *thread = timer_books_find(&process->books, tid);
    bool is_too_many = g_hash_table_size(process->books.threads) >= THREADS_MOST;
    if (!thread)
        thread = timer_books_get(&process->books, tid && !is_too_many ? tid : process->pid);
    process->had_threads |= thread->tid != process->pid;
    if (thread->serial && thread->serial != sample->thread_serial) /* another one of that number */
        thread->base_ns = thread->accounted_ns = thread->used_ns = 0;
    thread->serial = sample->thread_serial;
    return thread;
}

/* ---- samples ---- */

static struct unwind_input input_of(const struct timer_sample *sample)
{
    struct unwind_input input = {
        .regs.known = ALL_REGISTERS,
        .stack = sample->stack,
        .stack_size = sample->stack_size,
        .stack_address = sample->registers[UNWIND_RSP],
        .may_go_on = sample->is_cut || sample->stack_size == 0,
    };
    memcpy(input.regs.r, sample->registers, sizeof input.regs.r);
    return input;
}

/* Leaves out of a sample what may have been in code that is not mapped any more. */
static void limit_to_believable(const struct timer_process *process,
                                const struct timer_sample *sample, struct ingest_sample *s)
{
    if (timer_maps_is_of(&process->maps, sample->map_generation))
        return;
    int64_t size = timer_maps_believable(&process->maps, sample);
    s->has_user = size >= 0;
    if (size >= 0 && (size_t)size < s->user.stack_size) {
        s->user.stack_size = (size_t)size;
        s->user.may_go_on = true;
    }
}

void timer_feed_sample(struct timer_process *process, const struct timer_sample *sample,
                       const struct timer_context *context)
{
    struct timer_thread *thread = thread_of(process, sample, context);
    timer_feed_tell_thread(process, thread, context);
    if (!thread->is_named)
        timer_feed_tell_name(process, thread, context);
    *context->last_ns = CLAMP(sample->time_ns, *context->last_ns, context->now_ns);
    if (!timer_maps_is_of(&process->maps, sample->map_generation))
        read_maps(process, context);
    uint64_t unmapped = 0;
    struct ingest_sample s = {
        .pid = process->pid,
        .tid = thread->tid,
        .time_ns = *context->last_ns,
        .weight_ns = timer_books_sample(&process->books, thread, sample->cpu_ns),
        .has_user = true,
        .user = input_of(sample),
        .ret_unmapped = &unmapped,
    };
    limit_to_believable(process, sample, &s);
    ingest_sample(context->ingest, &s);
    if (unmapped == 0)
        return;
    read_maps(process, context);
    s.ret_unmapped = NULL;
    s.user = input_of(sample);
    limit_to_believable(process, sample, &s);
    ingest_sample(context->ingest, &s);
}
