/*
 * Exact calls where several parties call at once: threads, signal handlers in the midst of hooks,
 * forked children.
 */
#include "tests/unit/collectors/target/calls_fixture.h"

static int set_up(void **state)
{
    return set_up_for(state, "scenes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_calls_are_exact_when_threads_call_at_once(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "threads");
    check_all(fixture);
    assert_int_equal(sum_of(fixture, "work").n_records, 8);
    assert_int_equal(sum_of_lanes(fixture).tid, 8);
}

static void test_records_do_not_grow_when_threads_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "churn");
    check_all(fixture);
    assert_true(calls->n_records < 1000);
    assert_int_equal(sum_of_lanes(fixture).depth, 0);
}

static void check_signals(struct fixture *fixture, const char *scene)
{
    watch(fixture, scene);
    check_all(fixture);
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.orphan_exits, 0);
    assert_int_equal(lane.implicit_exits, 0);
    assert_int_equal(lane.missed, 0);
    assert_int_equal(lane.depth, 0);
}

static void test_calls_are_exact_when_handlers_interrupt_hooks(void **state)
{
    check_signals(*state, "signals");
}

static void test_calls_are_exact_when_handlers_have_a_stack_of_their_own(void **state)
{
    check_signals(*state, "signals_elsewhere");
}

static void test_calls_go_on_when_handlers_leave_hooks_for_good(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "escapes");
    check_calls(fixture); /* a record may be left half updated */
    struct wire_calls_lane lane = sum_of_lanes(fixture);
    assert_true(lane.implicit_exits > 0);
    assert_int_equal(lane.depth, 0);
    assert_true(calls->n_chunks < 10);
    assert_true(lane.tid <= 3);
}

static void test_children_change_nothing_when_they_are_forked(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "fork");
    check_all(fixture);
    assert_int_equal(sum_of_lanes(fixture).orphan_exits, 0);
}

static void test_children_live_when_a_handler_forks_in_a_hook(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "fork_in_handler");
    check_all(fixture);
}

static void test_children_live_when_a_handler_forks_in_a_new_thread(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "fork_in_new_threads");
    check_all(fixture);
}

static void test_memory_does_not_grow_when_there_are_no_more_lanes(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_calls *calls = watch(fixture, "crowd");
    assert_int_equal(calls->trouble, WIRE_CALLS_NO_ROOM);
    assert_true(sum_of_lanes(fixture).missed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_calls_are_exact_when_threads_call_at_once),
        TEST(test_records_do_not_grow_when_threads_come_and_go),
        TEST(test_calls_are_exact_when_handlers_interrupt_hooks),
        TEST(test_calls_are_exact_when_handlers_have_a_stack_of_their_own),
        TEST(test_calls_go_on_when_handlers_leave_hooks_for_good),
        TEST(test_children_change_nothing_when_they_are_forked),
        TEST(test_children_live_when_a_handler_forks_in_a_hook),
        TEST(test_children_live_when_a_handler_forks_in_a_new_thread),
        TEST(test_memory_does_not_grow_when_there_are_no_more_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
