/* See calls_tap.h. */
#include "collectors/calls/calls_tap.h"

#include <unistd.h>

#include "core/target/proc_maps.h"

void calls_hello_free(struct calls_hello *hello)
{
    if (!hello)
        return;
    listener_process_unref(hello->process);
    g_array_unref(hello->maps);
    g_free(hello);
}

static void free_hello(gpointer hello)
{
    calls_hello_free(hello);
}

/* The process waits for the answer, so its maps are of one moment. Context: listener's thread. */
static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct calls_tap *tap = data;
    uint64_t one = 1;
    if ((tap->only_pid && process->pid != tap->only_pid) ||
        !(process->features & WIRE_FEATURE_CALLS))
        return;
    struct calls_hello *hello = g_new0(struct calls_hello, 1);
    hello->process = listener_process_ref(process);
    hello->maps = proc_maps_list(process->pid);
    hello->part = (uint8_t *)process->segment + offset;
    hello->wire = (struct wire_calls *)(void *)hello->part;
    hello->layout = &tap->layout;
    calls_layout_write(hello->layout, hello->part, offset);
    pthread_mutex_lock(&tap->lock);
    /* a forked child has its parent's code, and goes on in the midst of it */
    hello->is_waiting = tap->is_to_wait && !process->is_forked;
    hello->wire->clock = tap->clock;
    hello->wire->enabled = tap->is_on;
    hello->wire->go = !hello->is_waiting;
    process->segment->calls_offset = offset;
    g_ptr_array_add(tap->hellos, hello);
    pthread_mutex_unlock(&tap->lock);
    if (hello->is_waiting && write(tap->wake_fd, &one, sizeof one) != sizeof one)
        __atomic_store_n(&hello->wire->go, 1, __ATOMIC_RELEASE); /* nobody would come */
}

void calls_tap_init(struct calls_tap *tap, struct listener *listener, int only_pid, int wake_fd)
{
    *tap = (struct calls_tap){
        .listener = listener,
        .start = tsc_now(),
        .clock = tsc_is_invariant() ? WIRE_CALLS_TSC : WIRE_CALLS_MONOTONIC,
        .only_pid = only_pid,
        .wake_fd = wake_fd,
        .hellos = g_ptr_array_new_with_free_func(free_hello),
    };
    calls_layout_init(&tap->layout);
    pthread_mutex_init(&tap->lock, NULL);
    listener_add_tap(listener, &(struct listener_tap){.bytes = tap->layout.bytes,
                                                      .features = WIRE_FEATURE_CALLS,
                                                      .on_process = on_process,
                                                      .data = tap});
}

void calls_tap_clear(struct calls_tap *tap)
{
    listener_remove_tap(tap->listener, tap);
    g_ptr_array_unref(tap->hellos);
    pthread_mutex_destroy(&tap->lock);
}

void calls_tap_set(struct calls_tap *tap, bool is_on, bool is_to_wait)
{
    pthread_mutex_lock(&tap->lock);
    tap->is_on = is_on;
    tap->is_to_wait = is_to_wait;
    pthread_mutex_unlock(&tap->lock);
}

GPtrArray *calls_tap_fetch(struct calls_tap *tap)
{
    pthread_mutex_lock(&tap->lock);
    GPtrArray *hellos = tap->hellos;
    tap->hellos = g_ptr_array_new_with_free_func(free_hello);
    pthread_mutex_unlock(&tap->lock);
    return hellos;
}
