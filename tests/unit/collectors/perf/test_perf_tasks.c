/* Weights from counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "collectors/perf/perf_tasks.h"

static int set_up(void **state)
{
    struct perf_tasks *tasks = g_new0(struct perf_tasks, 1);
    perf_tasks_init(tasks);
    *state = tasks;
    return 0;
}

static int tear_down(void **state)
{
    perf_tasks_clear(*state);
    g_free(*state);
    return 0;
}

static bool about(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6;
}

static void test_weight_is_the_advance_times_the_clocks_part(void **state)
{
    struct perf_event event = {.id = 7, .which = 0};
    struct perf_task *task = perf_tasks_get(*state, 100);
    assert_true(about(perf_task_advance(task, &event, 1000), 1000 * perf_clock_share(0)));
    assert_true(about(perf_task_advance(task, &event, 1500), 500 * perf_clock_share(0)));
    assert_int_equal(event.accounted_ns, 1500);
}

/* Both clocks see all of the time: together their weights are that time, once. */
static void test_both_clocks_together_account_for_the_time_once(void **state)
{
    struct perf_event first = {.id = 1, .which = 0}, second = {.id = 2, .which = 1};
    struct perf_task *task = perf_tasks_get(*state, 100);
    double sum = perf_task_advance(task, &first, 300) + perf_task_advance(task, &second, 700) +
                 perf_task_advance(task, &first, 1000) + perf_task_advance(task, &second, 1000);
    assert_true(about(sum, 1000));
}

static void test_tasks_have_counters_of_their_own(void **state)
{
    struct perf_event event = {.id = 7, .which = 0};
    perf_task_advance(perf_tasks_get(*state, 100), &event, 1000);
    assert_true(about(perf_task_advance(perf_tasks_get(*state, 101), &event, 400),
                      400 * perf_clock_share(0)));
    assert_int_equal(event.accounted_ns, 1400);
}

static void test_echo_is_what_was_inherited_beside_own_events(void **state)
{
    struct perf_event own = {.fd = 5, .tid = 101}, inherited = {.fd = 6, .tid = 100},
                      retired = {.fd = -1, .tid = 100};
    struct perf_task *task = perf_tasks_get(*state, 101);
    assert_false(perf_task_is_echo(task, &inherited)); /* it has no other */
    task->events_of = 101;
    assert_true(perf_task_is_echo(task, &inherited));
    assert_false(perf_task_is_echo(task, &own));
    assert_false(perf_task_is_echo(task, &retired)); /* from before there were own ones */
    assert_false(perf_task_is_echo(task, NULL));
}

static void test_counter_that_fell_weighs_nothing(void **state)
{
    struct perf_event event = {.id = 7, .which = 0};
    struct perf_task *task = perf_tasks_get(*state, 100);
    perf_task_advance(task, &event, 1000);
    assert_true(about(perf_task_advance(task, &event, 10), 0));
    assert_int_equal(event.accounted_ns, 1000);
}

static void test_unknown_event_weighs_nothing(void **state)
{
    assert_true(about(perf_task_advance(perf_tasks_get(*state, 100), NULL, 1000), 0));
}

static void test_removed_task_begins_anew(void **state)
{
    struct perf_event event = {.id = 7, .which = 1};
    perf_task_advance(perf_tasks_get(*state, 100), &event, 1000);
    perf_tasks_remove(*state, 100);
    assert_null(perf_tasks_find(*state, 100));
    assert_true(about(perf_task_advance(perf_tasks_get(*state, 100), &event, 50),
                      50 * perf_clock_share(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_weight_is_the_advance_times_the_clocks_part, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_both_clocks_together_account_for_the_time_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_tasks_have_counters_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_echo_is_what_was_inherited_beside_own_events, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_counter_that_fell_weighs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_event_weighs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_task_begins_anew, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
