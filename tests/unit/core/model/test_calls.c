/*
 * Tests of the exact calls' storage and arithmetic: records, processes, counters, buckets, sums,
 * percentiles.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "tests/unit/core/model/model_builder.h"

enum { N_DURATIONS = 20000 };

/* As a call of that duration adds to its record. */
static void add_call(struct call_stats *stats, int64_t ns)
{
    struct call_stats call = {
        .calls = 1, .total_ns = ns, .self_ns = ns, .sum_ns = ns, .min_ns = ns, .max_ns = ns};
    call.buckets[calls_bucket(ns)] = 1;
    call_stats_add(stats, &call);
}

static void test_record_get_tells_stacks_and_threads_apart(void **state)
{
    (void)state;
    struct calls *calls = calls_new();
    assert_false(calls_are_measured(calls));
    calls_record_get(calls, 1, 2, false)->stats.calls = 12;
    calls_record_get(calls, 2, 1, false)->stats.calls = 21;
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(calls_record_get(calls, i + 10, 1, false)->stats.max_ns, 0);
    assert_int_equal(calls->records->len, 5002);
    assert_int_equal(calls_record_get(calls, 1, 2, false)->stats.calls, 12);
    assert_int_equal(calls_record_get(calls, 2, 1, false)->stats.calls, 21);
    assert_int_equal(calls->records->len, 5002);
    assert_true(calls_are_measured(calls));
    calls_free(calls);
}

static void test_record_get_gives_no_new_one_when_full(void **state)
{
    (void)state;
    struct calls *calls = calls_new();
    for (uint32_t i = 0; i < CALLS_RECORDS_MAX; i++)
        if (!calls_record_get(calls, i, 7, false))
            fail_msg("no record %u", i);
    assert_null(calls_record_get(calls, CALLS_RECORDS_MAX, 7, false));
    assert_non_null(calls_record_get(calls, 5, 7, false));
    assert_int_equal(calls->records->len, CALLS_RECORDS_MAX);
    calls_free(calls);
}

static void test_processes_and_counters_are_found_again(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    const char *jobs = profile_text(p, "jobs"), *bytes = profile_text(p, "bytes");
    calls_process_get(p->calls, 3)->missed = 5;
    assert_string_equal(calls_process_get(p->calls, 0)->trouble, "");
    assert_int_equal(calls_process_get(p->calls, 3)->missed, 5);
    assert_int_equal(p->calls->processes->len, 2);
    calls_counter_get(p->calls, 0, jobs)->value = 1;
    calls_counter_get(p->calls, 1, jobs)->value = 2;
    calls_counter_get(p->calls, 0, bytes)->value = 3;
    assert_int_equal(calls_counter_get(p->calls, 0, jobs)->value, 1);
    assert_int_equal(calls_counter_get(p->calls, 1, jobs)->value, 2);
    assert_int_equal(calls_counter_get(p->calls, 0, bytes)->value, 3);
    assert_int_equal(p->calls->counters->len, 3);
    profile_free(p);
}

static void test_marks_stand_in_order_of_time_and_have_an_end(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    static const int64_t times[] = {30, 10, 20, 20, 5, 40};
    static const char *const texts[] = {"e", "b", "c", "d", "a", "f"};
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++)
        assert_true(calls_mark_add(p->calls, &(struct calls_mark){times[i], 7, texts[i]}));
    const GArray *marks = p->calls->marks;
    for (guint i = 0; i < marks->len; i++) /* equal ones as they came */
        assert_int_equal(g_array_index(marks, struct calls_mark, i).text[0], 'a' + i);
    assert_int_equal(g_array_index(marks, struct calls_mark, 0).thread, 7);
    while (marks->len < CALLS_MARKS_MAX)
        assert_true(calls_mark_add(p->calls, &(struct calls_mark){50, 0, "g"}));
    assert_false(calls_mark_add(p->calls, &(struct calls_mark){1, 0, "too late"}));
    assert_int_equal(marks->len, CALLS_MARKS_MAX);
    assert_int_equal(g_array_index(marks, struct calls_mark, 0).time_ns, 5);
    profile_free(p);
}

static void test_count_is_of_all_records_and_stops_at_the_largest_number(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    assert_int_equal(calls_count(p->calls), 0);
    calls_record_get(p->calls, 1, 0, false)->stats.calls = 3;
    calls_record_get(p->calls, 1, 0, true)->stats.calls = 4;
    calls_record_get(p->calls, 2, 1, false)->stats.calls = 5;
    assert_int_equal(calls_count(p->calls), 12);
    calls_record_get(p->calls, 3, 1, false)->stats.calls = INT64_MAX - 2;
    assert_int_equal(calls_count(p->calls), INT64_MAX);
    profile_free(p);
}

static void test_losses_are_the_numbers_of_a_process(void **state)
{
    (void)state;
    const struct calls_process process = {
        .missed = 1, .untimed = 2, .implicit_exits = 3, .orphan_exits = 4};
    int64_t sum = 0;
    for (unsigned i = 0; i < CALLS_LOSSES; i++) {
        sum += calls_loss(&process, i);
        assert_true((calls_loss(&process, i) == process.missed) ==
                    (strcmp(calls_losses[i].what, "not counted") == 0));
        assert_true((calls_loss(&process, i) == process.orphan_exits) ==
                    (strcmp(calls_losses[i].thing, "return") == 0));
    }
    assert_int_equal(sum, 1 + 2 + 3 + 4);
}

static void test_bucket_holds_what_is_below_its_bound(void **state)
{
    (void)state;
    assert_int_equal(calls_bucket(-5), 0);
    assert_int_equal(calls_bucket(0), 0);
    for (unsigned i = 0; i < CALLS_BUCKETS - 1; i++) {
        int64_t bound = calls_bucket_bound_ns(i);
        assert_int_equal(bound, INT64_C(1) << i);
        assert_int_equal(calls_bucket(bound - 1), i);
        assert_int_equal(calls_bucket(bound), i + 1);
    }
    assert_int_equal(calls_bucket_bound_ns(CALLS_BUCKETS - 1), -1);
    assert_int_equal(calls_bucket(INT64_MAX), CALLS_BUCKETS - 1);
}

static void test_add_widens_min_and_max_by_ended_calls_only(void **state)
{
    (void)state;
    struct call_stats sum = {0};
    call_stats_add(&sum, &(struct call_stats){.calls = 2, .open = 2, .total_ns = 50});
    assert_int_equal(sum.min_ns, 0);
    add_call(&sum, 40);
    assert_int_equal(sum.min_ns, 40); /* not the 0 of those that are open */
    add_call(&sum, 7);
    call_stats_add(&sum, &(struct call_stats){.calls = 1, .open = 1});
    add_call(&sum, 12);
    assert_int_equal(sum.min_ns, 7);
    assert_int_equal(sum.max_ns, 40);
    assert_int_equal(sum.calls, 6);
    assert_int_equal(sum.open, 3);
    assert_int_equal(sum.total_ns, 50 + 40 + 7 + 12);
    assert_true(fabs(call_stats_average_ns(&sum) - 59.0 / 3) < 1e-9);
    add_call(&sum, 0);
    assert_int_equal(sum.min_ns, 0); /* that one did end */
}

static void test_add_stops_at_the_largest_number(void **state)
{
    (void)state;
    struct call_stats sum = {0}, most = {.calls = INT64_MAX,
                                         .total_ns = INT64_MAX,
                                         .self_ns = INT64_MAX,
                                         .sum_ns = INT64_MAX,
                                         .cost_ns = INT64_MAX,
                                         .min_ns = 1,
                                         .max_ns = INT64_MAX};
    for (int i = 0; i < CALLS_BUCKETS; i++)
        most.buckets[i] = INT64_MAX;
    call_stats_add(&sum, &most);
    call_stats_add(&sum, &most);
    assert_memory_equal(&sum, &most, sizeof sum);
    double median = call_stats_percentile_ns(&sum, 0.5);
    assert_true(median >= 1 && median <= 9.3e18);
    assert_true(call_stats_is_doubtful(&sum));
}

static void test_nothing_is_told_of_calls_that_have_not_ended(void **state)
{
    (void)state;
    struct call_stats stats = {.calls = 4, .open = 4, .total_ns = 1000, .self_ns = 1000};
    assert_true(call_stats_average_ns(&stats) < 0);
    assert_true(call_stats_percentile_ns(&stats, 0.5) < 0);
    assert_false(call_stats_is_doubtful(&stats));
    stats.open = 9; /* nonsense of a file */
    assert_true(call_stats_average_ns(&stats) < 0);
}

static int compare_durations(const void *a, const void *b)
{
    const int64_t *l = a, *r = b;
    return (*l > *r) - (*l < *r);
}

/* How far the estimate is off, as a factor from 1 on. */
static double factor_off(const struct call_stats *stats, const int64_t *sorted, double share)
{
    double exact = (double)sorted[(size_t)(share * (N_DURATIONS - 1))];
    double estimate = call_stats_percentile_ns(stats, share);
    assert_true(estimate >= (double)stats->min_ns && estimate <= (double)stats->max_ns);
    return MAX(exact / estimate, estimate / exact);
}

/* Asserts that percentiles of `durations`, which are sorted for it, are no further off than that.
 */
static void check_percentiles(int64_t *durations, double factor)
{
    struct call_stats stats = {0};
    for (int i = 0; i < N_DURATIONS; i++)
        add_call(&stats, durations[i]);
    qsort(durations, N_DURATIONS, sizeof *durations, compare_durations);
    const double shares[] = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++)
        if (factor_off(&stats, durations, shares[i]) > factor)
            fail_msg("the %g quantile is off by %g", shares[i],
                     factor_off(&stats, durations, shares[i]));
    assert_true(fabs(call_stats_percentile_ns(&stats, 0) - (double)durations[0]) < 1);
    double last = (double)durations[N_DURATIONS - 1];
    assert_true(fabs(call_stats_percentile_ns(&stats, 1) - last) < 1);
}

static void test_percentiles_of_log_uniform_durations_are_close(void **state)
{
    (void)state;
    int64_t durations[N_DURATIONS];
    srand48(11);
    for (int i = 0; i < N_DURATIONS; i++)
        durations[i] = (int64_t)pow(10, 2 + 6 * drand48()); /* 100 ns to 100 ms */
    check_percentiles(durations, 1.10);
}

static void test_percentiles_of_uniform_durations_are_close(void **state)
{
    (void)state;
    int64_t durations[N_DURATIONS];
    srand48(12);
    for (int i = 0; i < N_DURATIONS; i++)
        durations[i] = 1000 + (int64_t)(9000 * drand48());
    check_percentiles(durations, 1.10);
}

static void test_percentiles_of_two_kinds_of_durations_are_close(void **state)
{
    (void)state;
    int64_t durations[N_DURATIONS];
    srand48(13);
    for (int i = 0; i < N_DURATIONS; i++) /* 4 of 5 are hits of a cache, at about 80 ns */
        durations[i] = drand48() < 0.8 ? 75 + (int64_t)(10 * drand48())
                                       : 2000000 + (int64_t)(100000 * drand48());
    check_percentiles(durations, 1.60);
}

static void test_percentiles_of_equal_durations_are_exact(void **state)
{
    (void)state;
    struct call_stats stats = {0};
    for (int i = 0; i < 10; i++)
        add_call(&stats, 777);
    assert_true(fabs(call_stats_percentile_ns(&stats, 0.5) - 777) < 1e-9);
    assert_true(fabs(call_stats_percentile_ns(&stats, 0.99) - 777) < 1e-9);
}

static void test_doubtful_when_probes_took_a_tenth_of_what_is_left(void **state)
{
    (void)state;
    struct call_stats stats = {.calls = 10, .sum_ns = 1000, .cost_ns = 100};
    assert_false(call_stats_is_doubtful(&stats));
    stats.cost_ns = 101;
    assert_true(call_stats_is_doubtful(&stats));
    stats = (struct call_stats){.calls = 10, .cost_ns = 1};
    assert_true(call_stats_is_doubtful(&stats));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_get_tells_stacks_and_threads_apart),
        cmocka_unit_test(test_record_get_gives_no_new_one_when_full),
        cmocka_unit_test(test_processes_and_counters_are_found_again),
        cmocka_unit_test(test_marks_stand_in_order_of_time_and_have_an_end),
        cmocka_unit_test(test_count_is_of_all_records_and_stops_at_the_largest_number),
        cmocka_unit_test(test_losses_are_the_numbers_of_a_process),
        cmocka_unit_test(test_bucket_holds_what_is_below_its_bound),
        cmocka_unit_test(test_add_widens_min_and_max_by_ended_calls_only),
        cmocka_unit_test(test_add_stops_at_the_largest_number),
        cmocka_unit_test(test_nothing_is_told_of_calls_that_have_not_ended),
        cmocka_unit_test(test_percentiles_of_log_uniform_durations_are_close),
        cmocka_unit_test(test_percentiles_of_uniform_durations_are_close),
        cmocka_unit_test(test_percentiles_of_two_kinds_of_durations_are_close),
        cmocka_unit_test(test_percentiles_of_equal_durations_are_exact),
        cmocka_unit_test(test_doubtful_when_probes_took_a_tenth_of_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
