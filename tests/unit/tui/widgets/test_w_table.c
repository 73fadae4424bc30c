/* Tables and lists: columns that give way, scrolling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/widgets/w_table.h"

static const struct theme plain = {0, true};

static const struct table_column columns[] = {
    {.title = "N", .width = 4, .right = true},
    {.title = "EXTRA", .width = 6, .priority = 1},
    {.title = "NAME", .width = 8, .most = 12, .scrolls = true},
};

static char *drawn(struct table *table, int cols)
{
    struct surface *surface = surface_new(2, cols, true);
    table_arrange(table, cols);
    table_draw_titles(table, surface, &plain, 0);
    struct style style = {-1, -1, 0};
    table_draw_cell(table, surface, (struct table_at){1, 0}, style, "42");
    table_draw_cell(table, surface, (struct table_at){1, 1}, style, "x");
    table_draw_cell(table, surface, (struct table_at){1, 2}, style, "a_long_function_name");
    char *dump = surface_dump(surface);
    surface_free(surface);
    return dump;
}

static void assert_drawn(struct table table, int cols, const char *expected)
{
    char *dump = drawn(&table, cols);
    assert_string_equal(dump, expected);
    g_free(dump);
}

static void test_name_grows_when_there_is_room(void **state)
{
    (void)state;
    struct table table = {.columns = columns, .n_columns = 3, .sorted = -1};
    assert_drawn(table, 40, "   N EXTRA  NAME\n  42 x      a_long~_name\n");
}

static void test_column_leaves_when_narrow(void **state)
{
    (void)state;
    struct table table = {.columns = columns, .n_columns = 3, .sorted = 0};
    assert_drawn(table, 16, "  Nv NAME\n  42 a_lon~_name\n");
}

static void test_skip_scrolls_names_only(void **state)
{
    (void)state;
    struct table table = {.columns = columns, .n_columns = 3, .sorted = -1, .skip = 7};
    assert_drawn(table, 17, "   N NAME\n  42 ~unction_na~\n");
}

static void test_column_is_found_by_its_place(void **state)
{
    (void)state;
    struct table table = {.columns = columns, .n_columns = 3, .sorted = -1};
    table_arrange(&table, 40);
    assert_int_equal(table_column_at(&table, 2), 0);
    assert_int_equal(table_column_at(&table, 7), 1);
    assert_int_equal(table_column_at(&table, 39), -1);
}

static void test_list_keeps_the_cursor_in_sight(void **state)
{
    (void)state;
    struct list list = {0};
    list_fit(&list, 100, 10);
    list_move_to(&list, 50);
    assert_int_equal(list.top, 41);
    list_request(&list, REQUEST_END);
    assert_int_equal(list.cursor, 99);
    assert_int_equal(list.top, 90);
    list_fit(&list, 5, 10);
    assert_int_equal(list.cursor, 4);
    assert_int_equal(list.top, 0);
    list_fit(&list, 0, 10);
    assert_int_equal(list.cursor, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_grows_when_there_is_room),
        cmocka_unit_test(test_column_leaves_when_narrow),
        cmocka_unit_test(test_skip_scrolls_names_only),
        cmocka_unit_test(test_column_is_found_by_its_place),
        cmocka_unit_test(test_list_keeps_the_cursor_in_sight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
