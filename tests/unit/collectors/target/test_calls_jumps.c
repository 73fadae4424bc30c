/*
 * Exact calls of functions that are left without their exit: by longjmp(), by exceptions through C,
 * by the end of their thread.
 */
#include "tests/unit/collectors/target/calls_fixture.h"

static int set_up(void **state)
{
    return set_up_for(state, "scenes");
}

static int set_up_cxx(void **state)
{
    return set_up_for(state, "unwinds");
}

static void test_depth_is_constant_when_longjmp_leaves_calls(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "longjmp");
    check_all(fixture);
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.implicit_exits, 3 * account_of(fixture, "third")->calls);
    assert_int_equal(lane.orphan_exits, 0);
    assert_int_equal(lane.depth, 0);
    assert_int_equal(calls->n_chunks, 2);
    assert_int_equal(calls->n_records, 5);
}

static void test_calls_are_exact_when_exceptions_go_through_c(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "throws");
    check_all(fixture);
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.implicit_exits, 2 * account_of(fixture, "c_outer")->calls);
    assert_int_equal(lane.orphan_exits, 0);
    assert_int_equal(lane.depth, 0);
    assert_true(sum_of(fixture, "c_outer").total <= sum_of(fixture, "catches").total);
}

static void test_calls_end_at_the_catch_when_its_function_goes_on(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "loops");
    check_all(fixture);
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.implicit_exits, 2 * account_of(fixture, "c_outer")->calls);
    assert_int_equal(lane.depth, 0);
}

static void test_calls_are_closed_when_their_thread_ends(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "thread_ends");
    check_all(fixture);
    assert_int_equal(sum_of_lanes(fixture).depth, 0);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_CXX(name) cmocka_unit_test_setup_teardown(name, set_up_cxx, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_depth_is_constant_when_longjmp_leaves_calls),
        TEST_CXX(test_calls_are_exact_when_exceptions_go_through_c),
        TEST_CXX(test_calls_end_at_the_catch_when_its_function_goes_on),
        TEST(test_calls_are_closed_when_their_thread_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
