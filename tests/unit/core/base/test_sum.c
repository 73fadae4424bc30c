/*
 * Tests of sums that stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/sum.h"

static int64_t sum_of(int64_t a, int64_t b)
{
    sum_add(&a, b);
    return a;
}

static void test_sum_stops_at_both_ends(void **state)
{
    (void)state;
    assert_int_equal(sum_of(40, 2), 42);
    assert_int_equal(sum_of(40, -50), -10);
    assert_int_equal(sum_of(INT64_MAX - 1, 1), INT64_MAX);
    assert_int_equal(sum_of(INT64_MAX - 1, 2), INT64_MAX);
    assert_int_equal(sum_of(INT64_MIN + 1, -2), INT64_MIN);
    assert_int_equal(sum_of(INT64_MAX, INT64_MIN), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_stops_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
