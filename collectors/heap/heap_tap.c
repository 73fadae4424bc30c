/* See heap_tap.h. */
#include "collectors/heap/heap_tap.h"

#include <sys/resource.h>

#include "core/model/heap.h"
#include "core/target/proc_maps.h"

void heap_hello_free(struct heap_hello *hello)
{
    if (!hello)
        return;
    listener_process_unref(hello->process);
    g_array_unref(hello->maps);
    g_free(hello);
}

static void free_hello(gpointer hello)
{
    heap_hello_free(hello);
}

static bool has_tight_memory(int pid)
{
    struct rlimit limit;
    return prlimit(pid, RLIMIT_AS, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* With the lock. */
static void fill_heap(struct heap_tap *tap, int pid, size_t offset, struct heap_hello *hello)
{
    if (tap->ticks_per_ns == 0)
        tap->ticks_per_ns = tsc_ticks_per_ns(&tap->start);
    heap_layout_write(&tap->layout, hello->part, offset, has_tight_memory(pid));
    for (int i = 0; i < WIRE_HEAP_LIFETIMES - 1; i++)
        hello->heap->lifetime_ticks[i] =
            (uint64_t)((double)heap_lifetime_bound_ns((unsigned)i) * tap->ticks_per_ns);
    hello->heap->lifetime_ticks[WIRE_HEAP_LIFETIMES - 1] = UINT64_MAX;
    hello->heap->sample_bytes = tap->sample_bytes;
    hello->heap->mode = tap->mode;
}

/* The process waits for the answer, so its maps are of one moment. Context: listener's thread. */
static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct heap_tap *tap = data;
    if (tap->only_pid && process->pid != tap->only_pid)
        return;
    struct heap_hello *hello = g_new0(struct heap_hello, 1);
    hello->process = listener_process_ref(process);
    hello->maps = proc_maps_list(process->pid);
    pthread_mutex_lock(&tap->lock);
    if (process->features & WIRE_FEATURE_HEAP) {
        hello->part = (uint8_t *)process->segment + offset;
        hello->heap = (struct wire_heap *)(void *)hello->part;
        fill_heap(tap, process->pid, offset, hello);
        process->segment->heap_offset = offset;
    }
    g_ptr_array_add(tap->hellos, hello);
    pthread_mutex_unlock(&tap->lock);
}

void heap_tap_init(struct heap_tap *tap, struct listener *listener, int only_pid)
{
    *tap = (struct heap_tap){
        .listener = listener,
        .start = tsc_now(),
        .only_pid = only_pid,
        .hellos = g_ptr_array_new_with_free_func(free_hello),
    };
    heap_layout_init(&tap->layout);
    pthread_mutex_init(&tap->lock, NULL);
    listener_add_tap(listener, &(struct listener_tap){.bytes = tap->layout.bytes,
                                                      .features = WIRE_FEATURE_HEAP,
                                                      .on_process = on_process,
                                                      .data = tap});
}

void heap_tap_clear(struct heap_tap *tap)
{
    listener_remove_tap(tap->listener, tap);
    g_ptr_array_unref(tap->hellos);
    pthread_mutex_destroy(&tap->lock);
}

void heap_tap_set_mode(struct heap_tap *tap, enum wire_heap_mode mode, uint64_t sample_bytes)
{
    pthread_mutex_lock(&tap->lock);
    tap->mode = mode;
    tap->sample_bytes = sample_bytes;
    pthread_mutex_unlock(&tap->lock);
}

double heap_tap_ticks_per_ns(struct heap_tap *tap)
{
    pthread_mutex_lock(&tap->lock);
    if (tap->ticks_per_ns == 0)
        tap->ticks_per_ns = tsc_ticks_per_ns(&tap->start);
    double ticks_per_ns = tap->ticks_per_ns;
    pthread_mutex_unlock(&tap->lock);
    return ticks_per_ns;
}

GPtrArray *heap_tap_fetch(struct heap_tap *tap)
{
    pthread_mutex_lock(&tap->lock);
    GPtrArray *hellos = tap->hellos;
    tap->hellos = g_ptr_array_new_with_free_func(free_hello);
    pthread_mutex_unlock(&tap->lock);
    return hellos;
}
