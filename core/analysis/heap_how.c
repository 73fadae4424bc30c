/*
 * How a heap was measured: its processes tell whether samples were taken, its sites whether
 * something was recorded without.
 */
#include "core/analysis/heap_how.h"

static bool is_in_sight(uint32_t process, uint32_t wanted)
{
    return wanted == PROFILE_NONE || process == wanted;
}

bool heap_has_exact_sites(const struct heap *heap, uint32_t process)
{
    for (guint i = 0; i < heap->sites->len; i++) {
        const struct heap_site *site = &g_array_index(heap->sites, struct heap_site, i);
        if (site->sampled == 0 && site->values[HEAP_ALLOCS] > 0 &&
            is_in_sight(site->process, process))
            return true;
    }
    return false;
}

const char *heap_how(const struct heap *heap, uint32_t process, bool some_exact)
{
    bool was_sampled = false, is_sampled_last = false;
    for (guint i = 0; i < heap->processes->len; i++) {
        const struct heap_process *p = &g_array_index(heap->processes, struct heap_process, i);
        if (!is_in_sight(p->process, process) || !heap_process_is_measured(p))
            continue;
        bool sampled = p->was_sampled || p->mode == HEAP_SAMPLED;
        was_sampled |= sampled;
        is_sampled_last |= sampled && p->mode != HEAP_EXACT;
    }
    if (!was_sampled)
        return heap_mode_name(HEAP_EXACT);
    if (!some_exact)
        return heap_mode_name(HEAP_SAMPLED);
    return is_sampled_last ? "exact, then sampled" : "sampled, then exact";
}
