/* Charts over several rows, and labelled bars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/widgets/w_bars.h"

static const struct theme theme = {.colors = 0};
static const struct theme ascii_theme = {.colors = 0, .ascii = true};

static void assert_dump(struct surface *surface, const char *expected)
{
    char *dump = surface_dump(surface);
    assert_string_equal(dump, expected);
    g_free(dump);
    surface_free(surface);
}

static void test_chart_fills_its_box(void **state)
{
    (void)state;
    struct surface *surface = surface_new(2, 4, false);
    const double values[] = {0, 4, 8, 1};
    chart_draw(surface, &theme, &(struct box){0, 0, 2, 4}, &(struct chart){values, 4, 8});
    assert_dump(surface, "  \u2588\n\u2581\u2588\u2588\u2582\n");
}

static void test_chart_keeps_the_largest_of_what_shares_a_column(void **state)
{
    (void)state;
    struct surface *surface = surface_new(1, 2, true);
    const double values[] = {0, 8, 0, 0, 0, 0};
    chart_draw(surface, &ascii_theme, &(struct box){0, 0, 1, 2}, &(struct chart){values, 6, 8});
    assert_dump(surface, "#_\n");
}

static void test_least_value_is_seen_and_nothing_leaves_the_box(void **state)
{
    (void)state;
    struct surface *surface = surface_new(1, 3, false);
    const double values[] = {0.001, 99};
    chart_draw(surface, &theme, &(struct box){0, 0, 1, 2}, &(struct chart){values, 2, 8});
    assert_dump(surface, "\u2581\u2588\n");
}

static void test_column_of_a_value_is_where_it_is_drawn(void **state)
{
    (void)state;
    const struct box box = {0, 0, 1, 10};
    assert_int_equal(chart_column(&box, 0, 3), 0);
    assert_int_equal(chart_column(&box, 1, 3), 4); /* columns 0-3 are of value 0 */
    assert_int_equal(chart_column(&box, 2, 3), 7);
    assert_int_equal(chart_column(&box, 99, 100), 9);
}

static void test_bars_align_labels_and_values(void **state)
{
    (void)state;
    struct surface *surface = surface_new(3, 16, true);
    struct bars bars;
    bars_init(&bars);
    bars_add(&bars, g_strdup("a"), g_strdup("10 B"), 10);
    bars_add(&bars, g_strdup("long"), g_strdup("5 B"), 5);
    bars_add(&bars, g_strdup("none"), g_strdup("0 B"), 0);
    bars_draw(&bars, surface, &ascii_theme, &(struct box){0, 0, 2, 16}, 10);
    bars_clear(&bars);
    assert_dump(surface, "a    10 B ######\nlong  5 B ###\n\n");
}

static void test_bars_without_room_leave_the_figures(void **state)
{
    (void)state;
    struct surface *surface = surface_new(1, 10, true);
    struct bars bars;
    bars_init(&bars);
    bars_add(&bars, g_strdup("heap"), g_strdup("1 B"), 1);
    bars_draw(&bars, surface, &ascii_theme, &(struct box){0, 0, 1, 10}, 1);
    bars_clear(&bars);
    assert_dump(surface, "heap 1 B\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chart_fills_its_box),
        cmocka_unit_test(test_chart_keeps_the_largest_of_what_shares_a_column),
        cmocka_unit_test(test_least_value_is_seen_and_nothing_leaves_the_box),
        cmocka_unit_test(test_column_of_a_value_is_where_it_is_drawn),
        cmocka_unit_test(test_bars_align_labels_and_values),
        cmocka_unit_test(test_bars_without_room_leave_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
