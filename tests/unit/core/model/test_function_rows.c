/* Sorting and filtering of the Functions table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/model/function_rows.h"
#include "tests/unit/core/model/model_builder.h"

struct fixture {
    struct profile *profile;
    struct calltree *tree;
    GArray *rows;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->profile = builder_profile();
    builder_sample(f->profile, "main b", 1, 1, 0, 30);
    builder_sample(f->profile, "main c", 1, 1, 0, 20);
    builder_sample(f->profile, "main a", 1, 1, 0, 50);
    struct calltree_options everything = builder_everything();
    f->tree = calltree_new(f->profile, &everything);
    calltree_update(f->tree, 0);
    f->rows = g_array_new(FALSE, FALSE, sizeof(struct function_row));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    g_array_unref(f->rows);
    calltree_free(f->tree);
    profile_free(f->profile);
    g_free(f);
    return 0;
}

/* The functions' names in order, joined. */
static char *order(struct fixture *f, struct function_query query)
{
    GString *names = g_string_new(NULL);
    function_rows_query(f->tree, &query, f->rows);
    for (guint i = 0; i < f->rows->len; i++) {
        uint32_t function = g_array_index(f->rows, struct function_row, i).function;
        g_string_append_printf(names, "%s%s", i ? " " : "",
                               profile_get_function(f->profile, function)->name);
    }
    return g_string_free(names, FALSE);
}

static void check_order(void **state, struct function_query query, const char *expected)
{
    char *names = order(*state, query);
    assert_string_equal(names, expected);
    g_free(names);
}

static void test_numbers_come_largest_first(void **state)
{
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_SELF}, "a b c main");
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_TOTAL}, "main a b c");
}

static void test_ascending_turns_the_order(void **state)
{
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_SELF, .ascending = true},
                "main c b a");
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_NAME, .ascending = true},
                "a b c main");
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_NAME}, "main c b a");
}

static void test_filter_keeps_matches(void **state)
{
    GRegex *regex = g_regex_new("^[ab]$", 0, 0, NULL);
    check_order(state, (struct function_query){.filter = regex}, "a b");
    g_regex_unref(regex);
}

static void test_filter_matches_modules_too(void **state)
{
    GRegex *regex = g_regex_new("^app$", 0, 0, NULL);
    check_order(state, (struct function_query){.filter = regex}, "a b c main");
    g_regex_unref(regex);
}

static void test_rows_that_are_asked_for_need_no_weight(void **state)
{
    struct fixture *f = *state;
    builder_stack(f->profile, "main b z");
    GArray *also = g_array_new(FALSE, TRUE, sizeof(bool));
    g_array_set_size(also, builder_function(f->profile, "z") + 1);
    g_array_index(also, bool, builder_function(f->profile, "z")) = true;
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_TOTAL}, "main a b c");
    check_order(state, (struct function_query){.sort = FUNCTION_SORT_TOTAL, .also = also},
                "main a b c z");
    GRegex *regex = g_regex_new("^[az]$", 0, 0, NULL);
    check_order(state,
                (struct function_query){.sort = FUNCTION_SORT_TOTAL, .filter = regex, .also = also},
                "a z");
    g_regex_unref(regex);
    g_array_unref(also);
}

static void test_sort_names_are_found(void **state)
{
    (void)state;
    assert_int_equal(function_sort_find("self"), FUNCTION_SORT_SELF);
    assert_int_equal(function_sort_find("total"), FUNCTION_SORT_TOTAL);
    assert_int_equal(function_sort_find("samples"), FUNCTION_SORT_SAMPLES);
    assert_int_equal(function_sort_find("function"), FUNCTION_SORT_NAME);
    assert_int_equal(function_sort_find("module"), FUNCTION_SORT_MODULE);
    assert_int_equal(function_sort_find("source"), FUNCTION_SORT_SOURCE);
    assert_int_equal(function_sort_find("nonsense"), FUNCTION_SORTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers_come_largest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ascending_turns_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filter_keeps_matches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filter_matches_modules_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_that_are_asked_for_need_no_weight, set_up,
                                        tear_down),
        cmocka_unit_test(test_sort_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
