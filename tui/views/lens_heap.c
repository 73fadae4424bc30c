/*
 * Heap in the lens: values and reasons.
 */
#include "tui/views/lens_heap.h"

#include "core/base/text.h"
#include "core/model/heap_rows.h"

uint32_t lens_heap_process(const struct lens *lens)
{
    if (lens->thread != PROFILE_NONE)
        return profile_get_thread(lens->profile, lens->thread)->process;
    return lens->process;
}

bool lens_heap_is_measured(const struct lens *lens)
{
    struct heap_totals totals;
    heap_get_totals(lens->profile->heap, lens_heap_process(lens), &totals);
    return totals.n_measured > 0;
}

/* The first process in sight that has a reason of its own. */
static const struct heap_process *troubled_process(const struct lens *lens)
{
    const GArray *processes = lens->profile->heap->processes;
    uint32_t only = lens_heap_process(lens);
    for (guint i = 0; i < processes->len; i++) {
        const struct heap_process *p = &g_array_index(processes, struct heap_process, i);
        if (*p->trouble && (only == PROFILE_NONE || p->process == only))
            return p;
    }
    return NULL;
}

void lens_append_why_no_heap(const struct lens *lens, GString *out)
{
    const struct heap_process *troubled = troubled_process(lens);
    const char *why = lens->profile->heap->why_not;
    bool running = lens->status && !lens->ended;
    if (running && lens->status->heap_policy == HEAP_POLICY_OFF)
        g_string_append(out, "it is switched off (M switches it on)");
    else if (*why)
        g_string_append(out, why);
    else if (troubled)
        g_string_append(out, troubled->trouble);
    else if (lens_heap_process(lens) != PROFILE_NONE)
        g_string_append(out, "nothing of this process is known (7 chooses another)");
    else if (!lens->live)
        g_string_append(out, "this file has no heap data");
    else
        g_string_append(out, lens->ended ? "the target ended before it could be"
                                         : "the collector has not said hello yet");
}

char *lens_no_heap(const struct lens *lens)
{
    GString *text = g_string_new("the heap is not measured: ");
    lens_append_why_no_heap(lens, text);
    return g_string_free(text, FALSE);
}

/* Bytes or a count. */
static void append_value(GString *out, enum heap_column column, int64_t value)
{
    if (heap_columns[column].is_bytes)
        text_append_bytes(out, value);
    else
        text_append_count(out, value);
}

void lens_append_site_value(GString *out, const struct heap_site *site, enum heap_column column)
{
    if (site->sampled > 0 && site->values[column] > 0)
        g_string_append_c(out, '~');
    append_value(out, column, site->values[column]);
}

/* By way of the model's rows, which remember who allocated with each stack. */
static void add_allocated(struct lens *lens)
{
    const struct heap_query query = {
        .sort = HEAP_ALLOC_BYTES, .process = lens->allocated_process, .only = HEAP_ALLOC_BYTES};
    if (!lens->allocating)
        lens->allocating = heap_rows_new(lens->profile);
    const GArray *rows = heap_rows_query(lens->allocating, &query);
    g_array_set_size(lens->allocated, 0);
    g_array_set_size(lens->allocated, lens->profile->functions->len);
    for (guint i = 0; i < rows->len; i++) {
        const struct heap_row *row = &g_array_index(rows, struct heap_row, i);
        g_array_index(lens->allocated, int64_t, row->function) += row->sum.values[HEAP_ALLOC_BYTES];
    }
}

const GArray *lens_allocated(struct lens *lens)
{
    const struct heap *heap = lens->profile->heap;
    uint64_t generation = heap->generation + lens->profile->resolved_generation;
    uint32_t process = lens_heap_process(lens);
    bool due = lens->updated_ns - lens->allocated_ns >= LENS_HEAP_INTERVAL_NS;
    if (!lens_heap_is_measured(lens))
        return NULL;
    if (process != lens->allocated_process || lens->allocated->len == 0 ||
        (due && generation != lens->allocated_generation)) {
        lens->allocated_process = process;
        lens->allocated_generation = generation;
        lens->allocated_ns = lens->updated_ns;
        add_allocated(lens);
    }
    return lens->allocated;
}
