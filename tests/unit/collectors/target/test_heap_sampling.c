/*
 * Sampling of blocks: what is recorded stands for what was allocated, without a bias.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "collectors/target/heap_sampling.c"

enum { SAMPLE_BYTES = 1000 };

static void test_probability_is_that_of_libm(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < 200000; size = size * 5 / 4 + 1) {
        double x = (double)size / SAMPLE_BYTES, expected = -expm1(-x);
        double got = heap_sampling_probability(size, SAMPLE_BYTES);
        assert_true(fabs(got - expected) <= 1e-12 * expected);
    }
    assert_true(heap_sampling_probability(0, SAMPLE_BYTES) == 0);
    assert_true(heap_sampling_probability(UINT64_MAX, 1) == 1);
}

static void test_logarithm_is_that_of_libm(void **state)
{
    (void)state;
    for (double x = 0x1p-53; x <= 1; x *= 1.37)
        assert_true(fabs(logarithm(x) - log(x)) <= 1e-12 * (1 + fabs(log(x))));
}

/* Addresses as an allocator gives them. */
static void test_mean_weight_is_the_inverse_of_the_probability(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 100, 999, 3000, 20000};
    for (int i = 0; i < 5; i++) {
        double sum = 0, n = 200000, p = heap_sampling_probability(sizes[i], SAMPLE_BYTES);
        for (int k = 0; k < n; k++)
            sum +=
                (double)heap_sampling_weight(sizes[i], 0x55550000 + 48 * (uint64_t)k, SAMPLE_BYTES);
        /* a fraction has a standard deviation of at most 1/2 */
        assert_true(fabs(sum / n - 1 / p) < 4 * 0.5 / sqrt(n));
    }
}

static void test_mean_gap_is_the_distance_asked_for(void **state)
{
    (void)state;
    uint64_t random = 1;
    double sum = 0, n = 400000;
    for (int k = 0; k < n; k++)
        sum += (double)heap_sampling_gap(&random, SAMPLE_BYTES);
    assert_true(fabs(sum / n - SAMPLE_BYTES) < 5 * SAMPLE_BYTES / sqrt(n) + 1);
}

/* Blocks of a few sizes in turn; the estimate of their bytes less the truth. */
static double run_once(uint64_t seed, double *ret_variance)
{
    static const uint64_t sizes[] = {16, 24, 100, 700, 5000};
    uint64_t random = seed * 2654435761u | 1;
    int64_t left = heap_sampling_gap(&random, SAMPLE_BYTES);
    double error = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t size = sizes[i % 5];
        error -= (double)size;
        left -= (int64_t)size;
        if (left >= 0)
            continue;
        left = heap_sampling_gap(&random, SAMPLE_BYTES);
        double weight = (double)heap_sampling_weight(size, seed * 1000003 + i * 32, SAMPLE_BYTES);
        error += weight * (double)size;
        *ret_variance += (weight - 1) * weight * (double)(size * size);
    }
    return error;
}

static void test_estimates_have_no_bias_over_many_runs(void **state)
{
    (void)state;
    double sum = 0, variance = 0, squares = 0;
    int n = 1000;
    for (int seed = 1; seed <= n; seed++) {
        double error = run_once((uint64_t)seed, &variance);
        sum += error;
        squares += error * error;
    }
    assert_true(fabs(sum) < 4 * sqrt(squares));
    /* and the variance that is told is the one that there is */
    assert_true(fabs(variance / squares - 1) < 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probability_is_that_of_libm),
        cmocka_unit_test(test_logarithm_is_that_of_libm),
        cmocka_unit_test(test_mean_weight_is_the_inverse_of_the_probability),
        cmocka_unit_test(test_mean_gap_is_the_distance_asked_for),
        cmocka_unit_test(test_estimates_have_no_bias_over_many_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
