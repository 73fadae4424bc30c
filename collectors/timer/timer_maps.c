/*
 * See timer_maps.h. Return addresses are words of the stack, so a stack in which no word lies where
 * code has changed cannot be walked through such code.
 */
#include "collectors/timer/timer_maps.h"

#include <string.h>

#include "core/unwind/unwinder.h"

enum { CHANGED_MAX = 256 }; /* places; beyond that they are all one */

static struct proc_map *range_at(const GArray *ranges, guint i)
{
    return &g_array_index(ranges, struct proc_map, i);
}

GArray *timer_maps_read(int pid)
{
    GArray *ranges = proc_maps_list(pid);
    if (ranges->len > 0)
        return ranges;
    g_array_unref(ranges);
    return NULL;
}

static GArray *no_ranges(void)
{
    return g_array_new(FALSE, FALSE, sizeof(struct proc_map));
}

void timer_maps_init(struct timer_maps *maps)
{
    *maps = (struct timer_maps){
        .ranges = no_ranges(), .changed = no_ranges(), .generation = TIMER_MAPS_UNSURE};
}

void timer_maps_clear(struct timer_maps *maps)
{
    g_array_unref(maps->ranges);
    g_array_unref(maps->changed);
}

static void set_ranges(struct timer_maps *maps, GArray *ranges, uint64_t generation)
{
    g_array_ref(ranges);
    g_array_unref(maps->ranges);
    maps->ranges = ranges;
    maps->generation = generation & WIRE_UNLOADING_MASK ? TIMER_MAPS_UNSURE : generation;
}

void timer_maps_begin(struct timer_maps *maps, GArray *ranges, uint64_t generation)
{
    g_array_set_size(maps->changed, 0);
    set_ranges(maps, ranges, generation);
}

void timer_maps_inherit(struct timer_maps *maps, const struct timer_maps *parent)
{
    set_ranges(maps, parent->ranges, TIMER_MAPS_UNSURE);
    g_array_set_size(maps->changed, 0);
    g_array_append_vals(maps->changed, parent->changed->data, parent->changed->len);
}

/* ---- what changed ---- */

static int by_start(const void *a, const void *b)
{
    const struct proc_map *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static bool is_same(const struct proc_map *a, const struct proc_map *b)
{
    return a->start == b->start && a->end == b->end && a->file_offset == b->file_offset &&
           a->device == b->device && a->inode == b->inode && strcmp(a->path, b->path) == 0;
}

/* Joins what touches; when it is still too much, all of it. */
static void join_changed(struct timer_maps *maps)
{
    GArray *changed = maps->changed;
    guint n = 0;
    g_array_sort(changed, by_start);
    for (guint i = 0; i < changed->len; i++) {
        struct proc_map *range = range_at(changed, i);
        struct proc_map *before = n ? range_at(changed, n - 1) : NULL;
        if (before && range->start <= before->end)
            before->end = MAX(before->end, range->end);
        else
            *range_at(changed, n++) = *range;
    }
    if (n > CHANGED_MAX) {
        range_at(changed, 0)->end = range_at(changed, n - 1)->end;
        n = 1;
    }
    g_array_set_size(changed, n);
}

static void note_changed(struct timer_maps *maps, const struct proc_map *range)
{
    struct proc_map place = {.start = range->start, .end = range->end};
    g_array_append_val(maps->changed, place);
}

/* Notes where the two readings, both sorted, differ. */
static bool note_differences(struct timer_maps *maps, const GArray *a, const GArray *b)
{
    guint n_before = maps->changed->len, i = 0, j = 0;
    while (i < a->len || j < b->len) {
        const struct proc_map *left = i < a->len ? range_at(a, i) : NULL;
        const struct proc_map *right = j < b->len ? range_at(b, j) : NULL;
        if (left && right && is_same(left, right)) {
            i++;
            j++;
        } else if (!right || (left && left->start <= right->start)) {
            note_changed(maps, left);
            i++;
        } else {
            note_changed(maps, right);
            j++;
        }
    }
    bool differs = maps->changed->len > n_before;
    if (differs)
        join_changed(maps);
    return differs;
}

bool timer_maps_update(struct timer_maps *maps, GArray *ranges, uint64_t generation)
{
    bool differs = note_differences(maps, maps->ranges, ranges);
    set_ranges(maps, ranges, generation);
    return differs;
}

/* ---- what a sample can be told ---- */

bool timer_maps_is_of(const struct timer_maps *maps, uint64_t generation)
{
    /* where a library was just being unloaded, nothing can have taken its place yet */
    return maps->generation != TIMER_MAPS_UNSURE &&
           (generation & ~(uint64_t)WIRE_UNLOADING_MASK) == maps->generation;
}

static bool has_changed(const struct timer_maps *maps, uint64_t address)
{
    guint low = 0, high = maps->changed->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (range_at(maps->changed, middle)->end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < maps->changed->len && range_at(maps->changed, low)->start <= address;
}

int64_t timer_maps_believable(const struct timer_maps *maps, const struct timer_sample *sample)
{
    if (has_changed(maps, sample->registers[UNWIND_RIP]))
        return -1;
    for (uint32_t at = 0; at + sizeof(uint64_t) <= sample->stack_size; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, sample->stack + at, sizeof word);
        if (has_changed(maps, word - 1)) /* a call may be the last instruction of its range */
            return at;
    }
    return sample->stack_size;
}
