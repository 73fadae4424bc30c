/* The two clocks: rates, shares, jitter. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>

#include "collectors/perf/perf_clock.h"

static void test_rates_of_both_clocks_add_up(void **state)
{
    (void)state;
    for (uint32_t rate = 1; rate <= 20000; rate = rate * 3 + 1) {
        double sum =
            1e9 / (double)perf_clock_period(rate, 0) + 1e9 / (double)perf_clock_period(rate, 1);
        assert_true(fabs(sum - rate) < rate * 1e-3);
    }
}

static void test_shares_add_up_to_one(void **state)
{
    (void)state;
    assert_true(fabs(perf_clock_share(0) + perf_clock_share(1) - 1) < 1e-12);
}

/* The share of a clock's weight must be that of its samples, or one clock would count for more. */
static void test_share_is_that_of_the_samples(void **state)
{
    (void)state;
    double rate = 1e9 / (double)perf_clock_period(1000, 0);
    assert_true(fabs(rate / 1000 - perf_clock_share(0)) < 1e-3);
}

static void test_jitter_keeps_the_rate(void **state)
{
    (void)state;
    GRand *random = g_rand_new_with_seed(1);
    uint64_t period = 1000000;
    double rates = 0;
    for (int i = 0; i < 10000; i++) {
        double rate = 1e6 / (double)perf_clock_jitter(period, random);
        assert_true(fabs(rate - 1) < 0.02);
        rates += rate;
    }
    assert_true(fabs(rates / 10000 - 1) < 0.001);
    g_rand_free(random);
}

/*
 * Work in step with the asked rate, or with any small fraction of it, must be met at all phases by
 * each clock: of 1000 samples every tenth of the phase gets its 100, give or take 15.
 */
static void test_clock_meets_round_periods_at_all_phases(void **state)
{
    (void)state;
    static const double periods_ms[] = {1, 4, 1000.0 / 999, 10, 2, 16.0 / 3};
    for (size_t i = 0; i < sizeof periods_ms / sizeof *periods_ms; i++)
        for (int which = 0; which < PERF_CLOCKS; which++) {
            int hits[10] = {0};
            for (int n = 0; n < 1000; n++) {
                double at = (double)perf_clock_period(999, which) / 1e6 * n / periods_ms[i];
                hits[(int)((at - floor(at)) * 10)]++;
            }
            for (int k = 0; k < 10; k++)
                assert_in_range(hits[k], 85, 115);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_of_both_clocks_add_up),
        cmocka_unit_test(test_shares_add_up_to_one),
        cmocka_unit_test(test_share_is_that_of_the_samples),
        cmocka_unit_test(test_jitter_keeps_the_rate),
        cmocka_unit_test(test_clock_meets_round_periods_at_all_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
