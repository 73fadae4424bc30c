/*
 * See timer_slots.h. The collector takes the lowest free slot, so that few are ever used; to look
 * at the others would make the kernel give each a page. A slot that is never marked ready again,
 * because its process died in the middle, is passed over.
 */
#include "collectors/timer/timer_slots.h"

#include <string.h>

enum { LOOK_AHEAD = 4 }; /* a slot may be given up without having been ready */

static struct timer_sample *copy_slot(const uint8_t *slot)
{
    struct wire_sample head;
    memcpy(&head, slot, sizeof head);
    __asm__ volatile("" ::"r"(&head) : "memory"); /* from here on the copy is all there is */
    bool has_stack = !(head.flags & WIRE_SAMPLE_STACK_NONE);
    uint32_t size = has_stack ? MIN(head.stack_bytes, (uint32_t)WIRE_SLOT_STACK_BYTES_MAX) : 0;
    struct timer_sample *sample = g_malloc(sizeof *sample + size);
    sample->tid = MAX(head.tid, 0);
    sample->thread_serial = head.thread_serial;
    sample->time_ns = MAX(head.time_ns, 0);
    sample->cpu_ns = (int64_t)MIN(head.cpu_ns, (uint64_t)INT64_MAX / 4);
    sample->map_generation = head.map_generation;
    memcpy(sample->registers, head.registers, sizeof head.registers);
    sample->is_cut = head.flags & WIRE_SAMPLE_STACK_CUT;
    sample->stack_size = size;
    memcpy(sample->stack, slot + WIRE_SLOT_STACK_OFFSET, size);
    return sample;
}

guint timer_slots_take(struct timer_slots *slots, bool all, GPtrArray *samples)
{
    guint n_before = samples->len;
    uint32_t end = all ? slots->n : MIN(slots->n, slots->n_used + LOOK_AHEAD);
    for (uint32_t i = 0; i < end; i++) {
        uint8_t *slot = slots->base + (size_t)i * WIRE_SLOT_BYTES;
        uint32_t *state = (uint32_t *)(void *)slot;
        uint32_t seen = __atomic_load_n(state, __ATOMIC_ACQUIRE);
        if (seen != WIRE_SLOT_FREE && i >= slots->n_used) {
            slots->n_used = i + 1;
            end = all ? slots->n : MIN(slots->n, slots->n_used + LOOK_AHEAD);
        }
        if (seen != WIRE_SLOT_READY)
            continue;
        g_ptr_array_add(samples, copy_slot(slot));
        __atomic_store_n(state, WIRE_SLOT_FREE, __ATOMIC_RELEASE);
    }
    return samples->len - n_before;
}
