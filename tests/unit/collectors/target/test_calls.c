/*
 * Exact calls of a program that is compiled with -finstrument-functions: how often its functions
 * were called, and that times are what they must be.
 */
#include "tests/unit/collectors/target/calls_fixture.h"

enum { NAP_NS = 10000000 };

static int set_up(void **state)
{
    return set_up_for(state, "scenes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Ticks of that many nanoseconds, at least: processors' clocks have 1 to 5 GHz. */
static uint64_t least_ticks(uint64_t ns)
{
    return ns;
}

static void test_calls_are_exact_when_a_function_is_recursive(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "fib");
    check_all(fixture);
    struct sum fib = sum_of(fixture, "fib");
    assert_int_equal(fib.n_records, 2);
    assert_true(fib.total <= account_of(fixture, "fib")->ticks);
    assert_true(fib.max <= fib.total);
}

static void test_totals_have_time_once_when_functions_call_each_other(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "mutual");
    check_all(fixture);
    struct sum even = sum_of(fixture, "even"), odd = sum_of(fixture, "odd");
    assert_true(even.total <= account_of(fixture, "even")->ticks);
    assert_true(odd.total <= account_of(fixture, "even")->ticks);
    assert_int_equal(sum_of_lanes(fixture).implicit_exits, 0);
}

static void test_calls_are_exact_when_recursion_is_deep(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "deep");
    check_all(fixture);
    assert_int_equal(calls->n_records, 3);
    assert_int_equal(sum_of_lanes(fixture).depth, 0);
    assert_int_equal(sum_of_lanes(fixture).missed, 0);
}

static void test_time_is_that_of_the_wait_when_a_function_waits(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "nap");
    check_all(fixture);
    struct sum nap = sum_of(fixture, "nap");
    assert_int_equal(nap.calls, 1);
    assert_true(nap.total >= least_ticks(NAP_NS));
    assert_true(nap.self == nap.total && nap.min == nap.total && nap.max == nap.total);
    assert_true(calls->end_ticks != 0);
    assert_int_equal(calls->is_ready, 1);
}

static void test_calls_add_up_when_a_function_is_called_again(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "three_naps");
    check_all(fixture);
    struct sum nap = sum_of(fixture, "nap");
    assert_int_equal(nap.calls, 3);
    assert_true(nap.min >= least_ticks(NAP_NS) && nap.total >= 3 * nap.min);
    assert_true(nap.total / nap.calls <= nap.max);
}

static void test_self_is_small_when_the_time_is_in_what_is_called(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "nested");
    check_all(fixture);
    check_sums(fixture);
    struct sum outer = sum_of(fixture, "outer"), nap = sum_of(fixture, "nap");
    assert_true(outer.total >= nap.total);
    assert_int_equal(outer.self, outer.total - nap.total);
    assert_true(outer.self < nap.total / 10);
    assert_true(outer.total <= account_of(fixture, "outer")->ticks);
}

static void test_self_adds_up_to_the_total_when_functions_work(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "tree");
    check_all(fixture);
    check_sums(fixture);
    struct sum tree = sum_of(fixture, "tree"), burn = sum_of(fixture, "burn");
    uint64_t ticks = account_of(fixture, "tree")->ticks;
    assert_true(tree.total <= ticks && tree.total >= ticks - ticks / 10);
    assert_true(burn.self == burn.total && burn.self >= tree.total - tree.total / 10);
    assert_true(sum_of(fixture, "branch").total < tree.total);
}

static void test_nothing_is_recorded_when_counting_is_off(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_disabled = true;
    const struct wire_calls *calls = watch(fixture, "nap");
    assert_int_equal(calls->trouble, 0);
    assert_int_equal(calls->n_records, 1);
    assert_int_equal(sum_of_lanes(fixture).orphan_exits, 0);
}

static void test_calls_are_exact_when_libc_calls_back(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "qsort");
    check_all(fixture);
    const struct wire_calls_record *records = records_of(fixture);
    uint64_t sort = account_of(fixture, "sort")->address;
    for (uint32_t i = 1; i <= 2; i++) /* compare() is called by sort() alone */
        if (records[i].function != sort)
            assert_int_equal(records[records[i].context].function, sort);
}

static void test_calls_are_exact_when_frames_change(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "frames");
    check_all(fixture);
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.implicit_exits, 0);
    assert_int_equal(lane.orphan_exits, 0);
    assert_int_equal(lane.depth, 0);
}

/* The calls of functions at the same address, by the library that they were in. */
static void test_calls_are_told_apart_when_a_library_takes_anothers_place(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "reuse");
    const struct wire_module *modules = (const void *)(fixture->part + fixture->layout.modules);
    const struct wire_calls_record *records = records_of(fixture);
    uint64_t n_first = 0, n_second = 0;
    assert_int_equal(calls->trouble, 0);
    for (uint32_t i = 1; i < calls->n_records; i++) {
        assert_true(records[i].module > 0 && records[i].module < calls->n_modules);
        const struct wire_module *module = &modules[records[i].module];
        bool is_first = g_str_has_suffix(module->path, "/first-cyg.so");
        const char *name = is_first ? "first_outer" : "second_outer";
        if (records[i].function != account_of(fixture, name)->address)
            continue;
        *(is_first ? &n_first : &n_second) += records[i].calls;
    }
    assert_int_equal(n_first, account_of(fixture, "first_outer")->calls);
    assert_int_equal(n_second, account_of(fixture, "second_outer")->calls);
}

static void test_probes_are_measured_when_the_process_begins(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "nap");
    for (int i = 0; i <= WIRE_CALLS_BY_SCOPE; i++) {
        assert_true(calls->probes[i].pair > 0 && calls->probes[i].pair < 5000);
        assert_true(calls->probes[i].inner <= 2 * calls->probes[i].pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_calls_are_exact_when_a_function_is_recursive),
        TEST(test_totals_have_time_once_when_functions_call_each_other),
        TEST(test_calls_are_exact_when_recursion_is_deep),
        TEST(test_time_is_that_of_the_wait_when_a_function_waits),
        TEST(test_calls_add_up_when_a_function_is_called_again),
        TEST(test_self_is_small_when_the_time_is_in_what_is_called),
        TEST(test_self_adds_up_to_the_total_when_functions_work),
        TEST(test_nothing_is_recorded_when_counting_is_off),
        TEST(test_calls_are_exact_when_libc_calls_back),
        TEST(test_calls_are_exact_when_frames_change),
        TEST(test_calls_are_told_apart_when_a_library_takes_anothers_place),
        TEST(test_probes_are_measured_when_the_process_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
