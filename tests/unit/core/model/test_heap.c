/*
 * Tests of the heap's storage: sites, processes, totals and the timeline.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "tests/unit/core/model/model_builder.h"

static void test_site_get_tells_stacks_and_processes_apart(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    heap_site_get(heap, 1, 2)->values[HEAP_ALLOCS] = 12;
    heap_site_get(heap, 2, 1)->values[HEAP_ALLOCS] = 21;
    for (uint32_t i = 0; i < 5000; i++)
        heap_site_get(heap, i + 10, 1);
    assert_int_equal(heap->sites->len, 5002);
    assert_int_equal(heap_site_get(heap, 1, 2)->values[HEAP_ALLOCS], 12);
    assert_int_equal(heap_site_get(heap, 2, 1)->values[HEAP_ALLOCS], 21);
    assert_int_equal(heap_site_get(heap, 5009, 1)->oldest_ns, -1);
    assert_int_equal(heap->sites->len, 5002);
    heap_free(heap);
}

static void test_columns_have_names_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < HEAP_COLUMNS; i++) {
        assert_int_equal(heap_column_find(heap_columns[i].name), i);
        assert_int_equal(heap_column_find(heap_columns[i].type), i);
        assert_true(heap_columns[i].is_bytes || (int)heap_columns[i].blocks == i);
    }
    assert_int_equal(heap_column_find("nothing"), HEAP_COLUMNS);
}

static void test_measured_when_calls_were_or_would_have_been_seen(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    assert_false(heap_is_measured(heap));
    heap_process_get(heap, 3);
    assert_false(heap_is_measured(heap));
    heap_process_get(heap, 3)->mode = HEAP_EXACT;
    assert_true(heap_is_measured(heap)); /* nothing was allocated: that is a result */
    heap_process_get(heap, 3)->trouble = "it has an allocator of its own";
    assert_false(heap_is_measured(heap));
    heap_process_get(heap, 3)->allocs = 1;
    assert_true(heap_is_measured(heap));
    heap_free(heap);
}

static void test_totals_leave_out_what_was_not_measured(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    *heap_process_get(heap, 1) = (struct heap_process){.process = 1,
                                                       .mode = HEAP_EXACT,
                                                       .trouble = "",
                                                       .allocs = 10,
                                                       .live_bytes = 100,
                                                       .peak_bytes = INT64_MAX};
    *heap_process_get(heap, 2) = (struct heap_process){.process = 2,
                                                       .mode = HEAP_OFF,
                                                       .was_sampled = true,
                                                       .trouble = "",
                                                       .allocs = 5,
                                                       .live_bytes = 7,
                                                       .peak_bytes = 9};
    *heap_process_get(heap, 3) =
        (struct heap_process){.process = 3, .mode = HEAP_EXACT, .trouble = "no", .live_bytes = 1};
    struct heap_totals totals;
    heap_get_totals(heap, PROFILE_NONE, &totals);
    assert_int_equal(totals.allocs, 15);
    assert_int_equal(totals.live_bytes, 107);
    assert_int_equal(totals.peak_bytes, INT64_MAX);
    assert_int_equal(totals.n_measured, 2);
    assert_int_equal(totals.n_troubled, 1);
    assert_true(totals.is_estimate);
    heap_get_totals(heap, 1, &totals);
    assert_int_equal(totals.allocs, 10);
    assert_false(totals.is_estimate);
    heap_get_totals(heap, 4, &totals);
    assert_int_equal(totals.n_measured, 0);
    assert_null(heap_process_find(heap, 4));
    heap_free(heap);
}

static const struct heap_moment *moment_at(const struct heap *heap, guint i)
{
    return &g_array_index(heap->moments, struct heap_moment, i);
}

/* However long it goes on: few moments, in order, none further apart than two steps, and the
 * highest one is still there. */
static void test_moments_thin_out_and_keep_the_peak(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    const int64_t ms = 1000000;
    for (int i = 0; i < 100000; i++)
        heap_add_moment(heap, &(struct heap_moment){.time_ns = i * 25 * ms,
                                                    .live_bytes = i == 33333 ? 1 << 20 : i % 100,
                                                    .rss_bytes = -1});
    assert_in_range(heap->moments->len, HEAP_MOMENTS_MAX / 3, HEAP_MOMENTS_MAX);
    int64_t largest = 0;
    for (guint i = 0; i < heap->moments->len; i++) {
        largest = MAX(largest, moment_at(heap, i)->live_bytes);
        if (i > 0) {
            int64_t gap = moment_at(heap, i)->time_ns - moment_at(heap, i - 1)->time_ns;
            assert_true(gap > 0 && gap <= 2 * heap->moment_step_ns);
        }
    }
    assert_int_equal(largest, 1 << 20);
    guint n = heap->moments->len;
    heap_add_moment(heap, &(struct heap_moment){.time_ns = 5, .live_bytes = INT64_MAX});
    heap_add_moment(heap, &(struct heap_moment){.time_ns = -5, .live_bytes = INT64_MAX});
    assert_int_equal(heap->moments->len, n);
    assert_true(moment_at(heap, n - 1)->live_bytes < INT64_MAX);
    heap_free(heap);
}

static void test_moments_far_apart_end(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    for (int64_t i = 0; i < 1000; i++)
        heap_add_moment(heap, &(struct heap_moment){.time_ns = i * (INT64_MAX / 1000)});
    assert_true(heap->moments->len <= HEAP_MOMENTS_MAX);
    heap_free(heap);
}

static void test_site_add_sums_and_widens_ages(void **state)
{
    (void)state;
    struct heap_site sum = {.stack = 1, .youngest_ns = -1, .oldest_ns = -1};
    struct heap_site a = {.stack = 2, .youngest_ns = 50, .oldest_ns = 60, .variance_bytes2 = 9};
    struct heap_site b = {.stack = 3, .youngest_ns = 40, .oldest_ns = 45, .variance_bytes2 = 16};
    struct heap_site none = {.stack = 4, .youngest_ns = -1, .oldest_ns = -1};
    a.values[HEAP_OWN_PEAK_BYTES] = 7;
    b.values[HEAP_OWN_PEAK_BYTES] = INT64_MAX;
    a.sizes[15] = b.lifetimes[7] = 3;
    a.sampled = 2;
    heap_site_add(&sum, &a);
    heap_site_add(&sum, &none);
    heap_site_add(&sum, &b);
    assert_int_equal(sum.stack, 1);
    assert_int_equal(sum.values[HEAP_OWN_PEAK_BYTES], INT64_MAX);
    assert_int_equal(sum.sizes[15], 3);
    assert_int_equal(sum.lifetimes[7], 3);
    assert_int_equal(sum.sampled, 2);
    assert_int_equal(sum.youngest_ns, 40);
    assert_int_equal(sum.oldest_ns, 60);
    assert_true(fabs(heap_error(sum.variance_bytes2) - 5) < 1e-9);
}

static void test_room_ends_with_sites_or_their_frames(void **state)
{
    (void)state;
    struct heap *heap = heap_new();
    assert_true(heap_has_room(heap));
    heap->n_frames = HEAP_SITE_FRAMES_MAX - 1;
    assert_true(heap_has_room(heap));
    heap->n_frames++;
    assert_false(heap_has_room(heap));
    heap->n_frames = 0;
    heap->sites->len = HEAP_SITES_MAX - 1; /* never looked at */
    assert_true(heap_has_room(heap));
    heap->sites->len++;
    assert_false(heap_has_room(heap));
    heap->sites->len = 0;
    heap_free(heap);
}

static void test_bounds_of_classes_end_with_none(void **state)
{
    (void)state;
    assert_int_equal(heap_size_bound(0), 16);
    assert_int_equal(heap_size_bound(HEAP_SIZE_CLASSES - 2), 256 << 10);
    assert_int_equal(heap_size_bound(HEAP_SIZE_CLASSES - 1), -1);
    assert_int_equal(heap_lifetime_bound_ns(0), 1000);
    assert_int_equal(heap_lifetime_bound_ns(HEAP_LIFETIMES - 2), 1000000000);
    assert_int_equal(heap_lifetime_bound_ns(HEAP_LIFETIMES - 1), -1);
    assert_int_equal(heap_lifetime_bound_ns(UINT_MAX), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site_get_tells_stacks_and_processes_apart),
        cmocka_unit_test(test_columns_have_names_of_their_own),
        cmocka_unit_test(test_measured_when_calls_were_or_would_have_been_seen),
        cmocka_unit_test(test_totals_leave_out_what_was_not_measured),
        cmocka_unit_test(test_moments_thin_out_and_keep_the_peak),
        cmocka_unit_test(test_moments_far_apart_end),
        cmocka_unit_test(test_site_add_sums_and_widens_ages),
        cmocka_unit_test(test_room_ends_with_sites_or_their_frames),
        cmocka_unit_test(test_bounds_of_classes_end_with_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
