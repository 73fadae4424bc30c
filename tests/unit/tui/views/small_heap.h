/*
 * A heap for the small profile: `sort` keeps most of what it allocates, `copy` (two stacks) frees
 * it all but a little.
 */
#ifndef PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_HEAP_H
#define PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_HEAP_H

#include "tests/unit/tui/views/small_profile.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

struct small_site {
    int64_t allocs, bytes, live_blocks, live_bytes, peak_bytes, own_peak_bytes, temporary;
};

/* The site of that stack, functions leaf first, in process `process`. */
static inline struct heap_site *small_heap_site(struct small_profile *small, uint32_t process,
                                                const int *functions, size_t n)
{
    uint32_t frames[8];
    for (size_t i = 0; i < n; i++)
        frames[i] = small->frames[functions[i]];
    return heap_site_get(small->profile->heap, profile_stack(small->profile, frames, n), process);
}

static inline void small_heap_set(struct small_profile *small, struct heap_site *site,
                                  const struct small_site *to)
{
    site->values[HEAP_ALLOCS] = to->allocs;
    site->values[HEAP_ALLOC_BYTES] = to->bytes;
    site->values[HEAP_LIVE_BLOCKS] = to->live_blocks;
    site->values[HEAP_LIVE_BYTES] = to->live_bytes;
    site->values[HEAP_PEAK_BYTES] = to->peak_bytes;
    site->values[HEAP_OWN_PEAK_BYTES] = to->own_peak_bytes;
    site->values[HEAP_TEMPORARY] = to->temporary;
    site->sizes[2] = to->allocs;
    site->lifetimes[1] = to->allocs - to->live_blocks;
    heap_touch(small->profile->heap);
}

static const struct small_site small_site_sort = {2000,     60 * MIB, 1500, 40 * MIB,
                                                  45 * MIB, 46 * MIB, 100};
static const struct small_site small_site_copy = {900, 90 * MIB, 3, 2 * MIB, 5 * MIB, 6 * MIB, 450};
static const struct small_site small_site_walk = {100, 10 * MIB, 0, 0, 0, 1 * MIB, 50};

/* The first process's heap, exact, with moments for a timeline. */
static inline void small_heap_fill(struct small_profile *small)
{
    struct heap *heap = small->profile->heap;
    uint32_t process = profile_get_thread(small->profile, small->threads[0])->process;
    small_heap_set(small,
                   small_heap_site(small, process, (int[]){SMALL_SORT, SMALL_RUN, SMALL_MAIN}, 3),
                   &small_site_sort);
    small_heap_set(small,
                   small_heap_site(small, process, (int[]){SMALL_COPY, SMALL_RUN, SMALL_MAIN}, 3),
                   &small_site_copy);
    small_heap_set(
        small,
        small_heap_site(small, process, (int[]){SMALL_COPY, SMALL_WALK, SMALL_WALK, SMALL_MAIN}, 4),
        &small_site_walk);
    *heap_process_get(heap, process) = (struct heap_process){.process = process,
                                                             .mode = HEAP_EXACT,
                                                             .trouble = "",
                                                             .allocs = 3000,
                                                             .alloc_bytes = 160 * MIB,
                                                             .frees = 1497,
                                                             .live_bytes = 42 * MIB,
                                                             .live_blocks = 1503,
                                                             .peak_bytes = 50 * MIB,
                                                             .peak_time_ns = INT64_C(7000000000)};
    heap->moment_step_ns = INT64_C(1000000000);
    for (int i = 0; i < 12; i++)
        heap_add_moment(heap, &(struct heap_moment){i * heap->moment_step_ns,
                                                    (i <= 7 ? 7 * i : 50 - (i - 7) * 2) * MIB, -1});
}

#endif
