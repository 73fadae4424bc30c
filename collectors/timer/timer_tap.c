/*
 * See timer_tap.h. The process that says hello waits for the answer: it uses no CPU time, maps
 * nothing and cannot be gone, so whatever is read of it here is of one moment.
 */
#include "collectors/timer/timer_tap.h"

#include <sys/sysinfo.h>

#include "collectors/timer/timer_maps.h"
#include "collectors/timer/timer_tids.h"
#include "core/target/proc_status.h"
#include "core/target/proc_tasks.h"

enum { SLOTS_PER_CPU = 32, SLOTS_LEAST = 64, SLOTS_MOST = 1024, SAMPLER_BYTES = 4096 };

void timer_hello_free(struct timer_hello *hello)
{
    if (!hello)
        return;
    listener_process_unref(hello->process);
    if (hello->ranges)
        g_array_unref(hello->ranges);
    g_free(hello->name);
    g_free(hello);
}

static void free_hello(gpointer hello)
{
    timer_hello_free(hello);
}

/* With the lock. */
static void fill_sampler(const struct timer_tap *tap, const struct proc_status *status,
                         uint64_t slots_offset, struct wire_sampler *sampler)
{
    sampler->period_ns = tap->period_ns;
    sampler->enabled = tap->is_enabled;
    sampler->has_seccomp = status->has_seccomp;
    sampler->stack_bytes = WIRE_SLOT_STACK_BYTES_MAX;
    sampler->n_slots = tap->n_slots;
    sampler->slots_offset = slots_offset;
}

/* Context: the listener's thread. */
static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct timer_tap *tap = data;
    struct proc_status status = {0};
    if (tap->only_pid && process->pid != tap->only_pid)
        return;
    struct timer_hello *hello = g_new0(struct timer_hello, 1);
    proc_status_read(process->pid, &status);
    hello->process = listener_process_ref(process);
    hello->inner_pid = timer_tids_inner(process->pid, process->pid);
    hello->parent_pid = status.parent_pid;
    hello->clock_ns = proc_process_cpu_ns(process->pid);
    hello->cpu_ns = proc_task_cpu_ns(process->pid, process->pid);
    hello->name = proc_task_name(process->pid, process->pid);
    hello->ranges = process->is_forked ? NULL : timer_maps_read(process->pid);
    pthread_mutex_lock(&tap->lock);
    if (process->features & WIRE_FEATURE_CPU_TIMER) {
        uint8_t *part = (uint8_t *)process->segment + offset;
        hello->sampler = (struct wire_sampler *)(void *)part;
        hello->slots = part + SAMPLER_BYTES;
        hello->n_slots = tap->n_slots;
        fill_sampler(tap, &status, offset + SAMPLER_BYTES, hello->sampler);
        process->segment->sampler_offset = offset;
    }
    g_ptr_array_add(tap->hellos, hello);
    pthread_mutex_unlock(&tap->lock);
}

void timer_tap_init(struct timer_tap *tap, struct listener *listener, int only_pid,
                    uint64_t period_ns)
{
    *tap = (struct timer_tap){
        .listener = listener,
        .n_slots = (uint32_t)CLAMP(SLOTS_PER_CPU * get_nprocs(), SLOTS_LEAST, SLOTS_MOST),
        .only_pid = only_pid,
        .period_ns = period_ns,
        .is_enabled = true,
        .hellos = g_ptr_array_new_with_free_func(free_hello),
    };
    pthread_mutex_init(&tap->lock, NULL);
    listener_add_tap(listener, &(struct listener_tap){
                                   .bytes = SAMPLER_BYTES + (size_t)tap->n_slots * WIRE_SLOT_BYTES,
                                   .features = WIRE_FEATURE_CPU_TIMER,
                                   .on_process = on_process,
                                   .data = tap,
                               });
}

void timer_tap_clear(struct timer_tap *tap)
{
    listener_remove_tap(tap->listener, tap);
    g_ptr_array_unref(tap->hellos);
    pthread_mutex_destroy(&tap->lock);
}

void timer_tap_set(struct timer_tap *tap, uint64_t period_ns, bool is_enabled)
{
    pthread_mutex_lock(&tap->lock);
    tap->period_ns = period_ns;
    tap->is_enabled = is_enabled;
    pthread_mutex_unlock(&tap->lock);
}

GPtrArray *timer_tap_fetch(struct timer_tap *tap)
{
    pthread_mutex_lock(&tap->lock);
    GPtrArray *hellos = tap->hellos;
    tap->hellos = g_ptr_array_new_with_free_func(free_hello);
    pthread_mutex_unlock(&tap->lock);
    return hellos;
}
