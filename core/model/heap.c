/*
 * The heap of a profile: sites by (stack, process), records of processes, and the timeline.
 */
#include "core/model/heap.h"

#include <math.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/sum.h"
#include "core/model/entities.h"

enum { FIRST_MOMENT_STEP_NS = 10 * 1000 * 1000 };

const struct heap_column_info heap_columns[HEAP_COLUMNS] = {
    [HEAP_ALLOCS] = {"allocs", "alloc_objects", "allocations", false, HEAP_ALLOCS},
    [HEAP_ALLOC_BYTES] = {"bytes", "alloc_space", "bytes allocated", true, HEAP_ALLOCS},
    [HEAP_LIVE_BLOCKS] = {"live-blocks", "inuse_objects", "live blocks", false, HEAP_LIVE_BLOCKS},
    [HEAP_LIVE_BYTES] = {"live", "inuse_space", "live bytes", true, HEAP_LIVE_BLOCKS},
    [HEAP_PEAK_BLOCKS] = {"peak-blocks", "peak_objects", "blocks at the peak", false,
                          HEAP_PEAK_BLOCKS},
    [HEAP_PEAK_BYTES] = {"peak", "peak_space", "bytes at the peak", true, HEAP_PEAK_BLOCKS},
    [HEAP_OWN_PEAK_BYTES] = {"own-peak", "own_peak_space", "bytes at each site's own peak", true,
                             HEAP_COLUMNS},
    [HEAP_TEMPORARY] = {"temporary", "temp_objects", "temporary blocks", false, HEAP_TEMPORARY},
    [HEAP_REALLOCS] = {"reallocs", "realloc_objects", "reallocations", false, HEAP_REALLOCS},
    [HEAP_REMOTE_FREES] = {"remote-frees", "remote_free_objects", "blocks freed by another thread",
                           false, HEAP_REMOTE_FREES},
};

static const char *const mode_names[] = {
    [HEAP_OFF] = "off", [HEAP_EXACT] = "exact", [HEAP_SAMPLED] = "sampled"};

enum heap_column heap_column_find(const char *name)
{
    for (int i = 0; i < HEAP_COLUMNS; i++)
        if (strcmp(heap_columns[i].name, name) == 0 || strcmp(heap_columns[i].type, name) == 0)
            return (enum heap_column)i;
    return HEAP_COLUMNS;
}

int64_t heap_size_bound(unsigned size_class)
{
    return size_class < HEAP_SIZE_CLASSES - 1 ? INT64_C(16) << size_class : -1;
}

int64_t heap_lifetime_bound_ns(unsigned lifetime)
{
    int64_t bound = 1000;
    if (lifetime >= HEAP_LIFETIMES - 1)
        return -1;
    for (; lifetime > 0; lifetime--)
        bound *= 10;
    return bound;
}

const char *heap_mode_name(enum heap_mode mode)
{
    return mode_names[mode];
}

struct heap *heap_new(void)
{
    struct heap *heap = g_new0(struct heap, 1);
    /* Not cleared: room for more is then not yet memory, and there may be a million. */
    heap->sites = g_array_new(FALSE, FALSE, sizeof(struct heap_site));
    heap->processes = g_array_new(FALSE, TRUE, sizeof(struct heap_process));
    heap->moments = g_array_new(FALSE, TRUE, sizeof(struct heap_moment));
    heap->moment_step_ns = FIRST_MOMENT_STEP_NS;
    heap->why_not = "";
    heap->index = g_hash_table_new(hash_u64, g_direct_equal);
    heap->process_index = g_hash_table_new(g_direct_hash, g_direct_equal);
    return heap;
}

void heap_free(struct heap *heap)
{
    if (!heap)
        return;
    g_array_unref(heap->sites);
    g_array_unref(heap->processes);
    g_array_unref(heap->moments);
    g_hash_table_unref(heap->index);
    g_hash_table_unref(heap->process_index);
    g_free(heap);
}

bool heap_process_is_measured(const struct heap_process *process)
{
    return process->allocs > 0 || process->frees > 0 || process->failed > 0 ||
           (process->mode != HEAP_OFF && !*process->trouble);
}

bool heap_is_measured(const struct heap *heap)
{
    for (guint i = 0; i < heap->processes->len; i++)
        if (heap_process_is_measured(&g_array_index(heap->processes, struct heap_process, i)))
            return true;
    return false;
}

struct heap_site *heap_site_get(struct heap *heap, uint32_t stack, uint32_t process)
{
    gpointer key = (gpointer)(uintptr_t)((uint64_t)stack << 32 | process);
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(heap->index, key));
    if (!at) {
        struct heap_site site = {
            .stack = stack, .process = process, .youngest_ns = -1, .oldest_ns = -1};
        g_array_append_val(heap->sites, site);
        at = heap->sites->len;
        g_hash_table_insert(heap->index, key, GUINT_TO_POINTER(at));
    }
    return &g_array_index(heap->sites, struct heap_site, at - 1);
}

bool heap_has_room(const struct heap *heap)
{
    return heap->sites->len < HEAP_SITES_MAX && heap->n_frames < HEAP_SITE_FRAMES_MAX;
}

void heap_touch(struct heap *heap)
{
    heap->generation++;
}

/* Position of a process's record + 1; 0: there is none. */
static guint process_position(const struct heap *heap, uint32_t process)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(heap->process_index, GUINT_TO_POINTER(process)));
}

struct heap_process *heap_process_get(struct heap *heap, uint32_t process)
{
    guint at = process_position(heap, process);
    if (!at) {
        struct heap_process record = {.process = process, .trouble = "", .peak_time_ns = -1};
        g_array_append_val(heap->processes, record);
        at = heap->processes->len;
        g_hash_table_insert(heap->process_index, GUINT_TO_POINTER(process), GUINT_TO_POINTER(at));
    }
    return &g_array_index(heap->processes, struct heap_process, at - 1);
}

const struct heap_process *heap_process_find(const struct heap *heap, uint32_t process)
{
    guint at = process_position(heap, process);
    return at ? &g_array_index(heap->processes, struct heap_process, at - 1) : NULL;
}

static void add_process(struct heap_totals *t, const struct heap_process *p)
{
    sum_add(&t->allocs, p->allocs);
    sum_add(&t->alloc_bytes, p->alloc_bytes);
    sum_add(&t->frees, p->frees);
    sum_add(&t->unknown_frees, p->unknown_frees);
    sum_add(&t->failed, p->failed);
    sum_add(&t->unrecorded, p->unrecorded);
    sum_add(&t->early_allocs, p->early_allocs);
    sum_add(&t->merged_stacks, p->merged_stacks);
    sum_add(&t->live_bytes, p->live_bytes);
    sum_add(&t->live_blocks, p->live_blocks);
    sum_add(&t->peak_bytes, p->peak_bytes);
    t->n_measured++;
    t->is_estimate |= p->was_sampled || p->mode == HEAP_SAMPLED;
}

void heap_get_totals(const struct heap *heap, uint32_t process, struct heap_totals *ret_totals)
{
    struct heap_totals totals = {0};
    for (guint i = 0; i < heap->processes->len; i++) {
        const struct heap_process *p = &g_array_index(heap->processes, struct heap_process, i);
        if (process != PROFILE_NONE && p->process != process)
            continue;
        totals.n_troubled += *p->trouble != 0;
        if (heap_process_is_measured(p))
            add_process(&totals, p);
    }
    *ret_totals = totals;
}

/* Whether the last moment stands for the same step of time; then the larger one stays. */
static bool join_last(GArray *moments, int64_t step_ns, const struct heap_moment *moment)
{
    if (moments->len == 0)
        return false;
    struct heap_moment *last = &g_array_index(moments, struct heap_moment, moments->len - 1);
    if (moment->time_ns / step_ns > last->time_ns / step_ns)
        return false;
    if (moment->live_bytes > last->live_bytes && moment->time_ns >= last->time_ns)
        *last = *moment;
    return true;
}

static void widen_steps(struct heap *heap)
{
    GArray *kept = g_array_new(FALSE, TRUE, sizeof(struct heap_moment));
    heap->moment_step_ns *= 2;
    for (guint i = 0; i < heap->moments->len; i++) {
        const struct heap_moment *moment = &g_array_index(heap->moments, struct heap_moment, i);
        if (!join_last(kept, heap->moment_step_ns, moment))
            g_array_append_val(kept, *moment);
    }
    g_array_unref(heap->moments);
    heap->moments = kept;
}

void heap_add_moment(struct heap *heap, const struct heap_moment *moment)
{
    if (moment->time_ns < 0 || join_last(heap->moments, heap->moment_step_ns, moment))
        return;
    while (heap->moments->len >= HEAP_MOMENTS_MAX && heap->moment_step_ns <= INT64_MAX / 2)
        widen_steps(heap);
    if (!join_last(heap->moments, heap->moment_step_ns, moment))
        g_array_append_val(heap->moments, *moment);
}

double heap_error(double variance_bytes2)
{
    return variance_bytes2 > 0 ? sqrt(variance_bytes2) : 0;
}

static void add_all(int64_t *sums, const int64_t *more, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum_add(&sums[i], more[i]);
}

void heap_site_add(struct heap_site *sum, const struct heap_site *more)
{
    add_all(sum->values, more->values, HEAP_COLUMNS);
    add_all(sum->sizes, more->sizes, HEAP_SIZE_CLASSES);
    add_all(sum->lifetimes, more->lifetimes, HEAP_LIFETIMES);
    sum_add(&sum->sampled, more->sampled);
    sum->variance_bytes2 += more->variance_bytes2;
    if (more->youngest_ns >= 0 && (sum->youngest_ns < 0 || more->youngest_ns < sum->youngest_ns))
        sum->youngest_ns = more->youngest_ns;
    sum->oldest_ns = MAX(sum->oldest_ns, more->oldest_ns);
}
