/* Rates and costs from sums. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#include "core/session/meter.h"

static const int64_t second = 1000000000;

static void test_nothing_before_a_second_is_over(void **state)
{
    (void)state;
    struct meter meter;
    struct session_status status = {.cpu_percent = -1};
    meter_init(&meter, &(struct meter_reading){.time_ns = 0});
    assert_false(meter_update(
        &meter, &(struct meter_reading){.time_ns = second - 1, .target_cpu_ns = 5}, true, &status));
    assert_true(status.cpu_percent < 0);
    assert_int_equal(status.n_history, 0);
}

static void test_cpu_and_rate_are_of_the_last_second(void **state)
{
    (void)state;
    struct meter meter;
    struct session_status status = {0};
    meter_init(&meter, &(struct meter_reading){.time_ns = 0});
    meter_update(&meter, &(struct meter_reading){second, 2 * second, 1998}, true, &status);
    assert_true(status.cpu_percent > 199.9 && status.cpu_percent < 200.1);
    assert_true(status.rate_real_hz > 998.9 && status.rate_real_hz < 999.1);
    meter_update(&meter, &(struct meter_reading){2 * second, 2 * second + second / 2, 1998 + 100},
                 true, &status);
    assert_true(status.cpu_percent > 49.9 && status.cpu_percent < 50.1);
    assert_true(status.rate_real_hz > 199.9 && status.rate_real_hz < 200.1);
    assert_int_equal(status.n_history, 2);
}

static void test_unsampled_second_is_unknown_not_zero(void **state)
{
    (void)state;
    struct meter meter;
    struct session_status status = {0};
    meter_init(&meter, &(struct meter_reading){.time_ns = 0});
    meter_update(&meter, &(struct meter_reading){.time_ns = second}, false, &status);
    assert_true(status.cpu_percent < 0);
    assert_int_equal(status.n_history, 0);
}

static void test_history_keeps_the_latest(void **state)
{
    (void)state;
    struct meter meter;
    struct session_status status = {0};
    meter_init(&meter, &(struct meter_reading){.time_ns = 0});
    for (int i = 1; i <= SESSION_HISTORY + 5; i++)
        meter_update(&meter, &(struct meter_reading){i * second, i * (second / 2), i * 100}, true,
                     &status);
    assert_int_equal(status.n_history, SESSION_HISTORY);
    assert_true(status.cpu_history[SESSION_HISTORY - 1] > 49);
}

static void test_rss_of_this_process_and_of_none(void **state)
{
    (void)state;
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(int));
    assert_int_equal(meter_rss_bytes(pids), -1);
    int pid = getpid();
    g_array_append_val(pids, pid);
    assert_true(meter_rss_bytes(pids) > 100000);
    g_array_unref(pids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_before_a_second_is_over),
        cmocka_unit_test(test_cpu_and_rate_are_of_the_last_second),
        cmocka_unit_test(test_unsampled_second_is_unknown_not_zero),
        cmocka_unit_test(test_history_keeps_the_latest),
        cmocka_unit_test(test_rss_of_this_process_and_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
