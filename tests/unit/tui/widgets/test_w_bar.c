/* Bars: what leaves first when it gets narrow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/widgets/w_bar.h"

static const struct theme plain = {0, false};

static char *drawn(int cols)
{
    struct bar bar;
    bar_init(&bar);
    bar_add_cut(&bar, 6, ROLE_STRONG, g_strdup("./a-long-command"));
    bar_add(&bar, 2, ROLE_NORMAL, g_strdup("pid 42"));
    bar_add_right(&bar, 1, ROLE_NORMAL, g_strdup("live"));
    bar_add_right(&bar, 3, ROLE_NORMAL, g_strdup("lost 0"));
    struct surface *surface = surface_new(1, cols, false);
    bar_draw(&bar, surface, &plain, 0);
    char *dump = surface_dump(surface);
    surface_free(surface);
    bar_clear(&bar);
    return dump;
}

static void assert_drawn(int cols, const char *expected)
{
    char *dump = drawn(cols);
    assert_string_equal(dump, expected);
    g_free(dump);
}

static void test_all_is_shown_when_there_is_room(void **state)
{
    (void)state;
    assert_drawn(50, " ./a-long-command  pid 42            live  lost 0\n");
}

static void test_title_is_cut_before_anything_leaves(void **state)
{
    (void)state;
    assert_drawn(34, " ./a-long-…  pid 42  live  lost 0\n");
}

static void test_least_important_leaves_first_when_narrow(void **state)
{
    (void)state;
    assert_drawn(24, " ./a-lon…  pid 42  live\n");
    assert_drawn(16, " ./a-lon…  live\n");
}

static void test_spark_scales_to_the_largest_value(void **state)
{
    (void)state;
    const float values[] = {0, 50, 100, 200};
    char *spark = bar_spark(&plain, values, 4, 3, 100.0f);
    assert_string_equal(spark, "▂▄█");
    g_free(spark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_shown_when_there_is_room),
        cmocka_unit_test(test_title_is_cut_before_anything_leaves),
        cmocka_unit_test(test_least_important_leaves_first_when_narrow),
        cmocka_unit_test(test_spark_scales_to_the_largest_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
