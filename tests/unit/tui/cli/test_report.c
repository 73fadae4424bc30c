/*
 * Tests of the text and JSON reports on a small profile with everything in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/core/formats/sample_profile.h"
#include "tests/unit/tui/cli/report_output.h"
#include "tui/cli/report_json.h"
#include "tui/cli/report_text.h"

static void test_text_says_how_it_was_measured(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *text = print(report_text, p, (struct report_options){.view = REPORT_FUNCTIONS});
    assert_says(text, "command    ./app --fast \"a b\"\n");
    assert_says(text, "engine     perf\n");
    assert_says(text, "started    2023-11-14 22:13:20 UTC on box\n");
    assert_says(text, "duration   2.50 s\n");
    assert_says(text, "CPU time   4.00 ms in 3 processes, 4 threads\n");
    assert_says(text, "rate       997 Hz asked, 996.3 Hz real\n");
    assert_says(text, "samples    4, 1 lost\n");
    assert_says(text, "2 truncated, 3 broken\n");
    assert_says(text, "exit       killed by signal 11 (Segmentation fault)\n");
    assert_says(text, "note       kernel time is not visible\n");
    assert_says(text, "note       the collector is not in child of app (pid 101): it is setuid\n");
    assert_says(text, "% of 4.00 ms CPU time, all threads\n");
    g_free(text);
    profile_free(p);
}

static void test_text_lists_functions_in_aligned_columns(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *text = print(report_text, p, (struct report_options){.view = REPORT_FUNCTIONS});
    const char *title = strstr(text, " SELF%"), *row = strstr(text, "   0.0        0 s   100.0");
    assert_non_null(title);
    assert_non_null(row);
    /* "f<…>" has six bytes in four columns: MODULE still stands below its title. */
    ptrdiff_t column = strstr(title, "MODULE") - title;
    assert_int_equal(strstr(row, "app ") - row, column + 2);
    assert_says(row, "app.cc:7\n");
    g_free(text);
    profile_free(p);
}

static void test_text_cuts_functions_to_top_and_says_so(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *text = print(report_text, p, (struct report_options){.view = REPORT_FUNCTIONS, .top = 2});
    assert_says(text, "do_syscall");
    assert_null(strstr(text, "libc.so.6"));
    assert_says(text, "... and 5 more functions: --top 0 shows all\n");
    g_free(text);
    profile_free(p);
}

static void test_text_tree_shows_callers_above_callees(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *text = print(report_text, p, (struct report_options){.view = REPORT_TREE});
    assert_says(text, " 100.0    4.00 ms     0.0  (all)\n");
    assert_says(text, "    main\n");
    assert_says(text, "      f<…>\n");
    const char *branch = strstr(text, "[truncated]");
    assert_non_null(branch);
    assert_true(strstr(branch, "do_syscall") > strstr(branch, "main"));
    g_free(text);
    profile_free(p);
}

static void test_text_tree_leaves_out_small_branches(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    uint32_t small = profile_stack(p, (uint32_t[]){profile_mark(p, "[tiny]")}, 1);
    profile_add(p, small, 0, 0, (int64_t[]){1, 1000});
    char *text = print(report_text, p, (struct report_options){.view = REPORT_TREE});
    assert_null(strstr(text, "[tiny]"));
    assert_says(text, "1 branch below 0.5 % is left out\n");
    g_free(text);
    profile_free(p);
}

static void test_text_lists_threads_heaviest_first(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *text = print(report_text, p, (struct report_options){.view = REPORT_THREADS});
    const char *child = strstr(text, "  50.0    2.00 ms");
    const char *idle = strstr(text, "idle one");
    assert_non_null(child);
    assert_non_null(idle);
    assert_true(child < idle);
    g_free(text);
    profile_free(p);
}

static void test_text_of_empty_profile_has_no_rows(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    for (enum report_view view = 0; view < REPORT_VIEWS; view++) {
        char *text = print(report_text, p, (struct report_options){.view = view});
        assert_says(text, "CPU time   0 s in 0 processes, 0 threads\n");
        g_free(text);
    }
    profile_free(p);
}

static json_t *parse_report(const struct profile *p, struct report_options options)
{
    json_error_t error;
    char *text = print(report_json, p, options);
    json_t *object = json_loads(text, 0, &error);
    if (!object)
        fail_msg("%s", error.text);
    g_free(text);
    return object;
}

static json_int_t number(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static void test_json_has_header_and_rows(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    json_t *object = parse_report(p, (struct report_options){.view = REPORT_FUNCTIONS});
    assert_string_equal(json_string_value(json_object_get(object, "command")),
                        "./app --fast \"a b\"");
    assert_int_equal(number(object, "duration_ns"), 2500000000);
    assert_int_equal(number(object, "total_ns"), 4003000);
    assert_int_equal(number(json_object_get(object, "exit"), "signal"), 11);
    assert_int_equal(number(json_object_get(object, "stacks"), "broken"), 3);
    json_t *functions = json_object_get(object, "functions");
    assert_int_equal(json_array_size(functions), 7);
    json_t *second = json_array_get(functions, 1);
    assert_string_equal(json_string_value(json_object_get(second, "function")), "do_syscall");
    assert_int_equal(number(second, "self_ns"), 2000000);
    assert_int_equal(number(second, "self_samples"), 2);
    assert_float_equal(json_real_value(json_object_get(second, "self_percent")), 49.9625, 1e-9);
    json_t *threads = json_object_get(object, "threads");
    assert_int_equal(json_array_size(threads), 4);
    assert_int_equal(number(json_array_get(threads, 0), "cpu_ns"), 2000000);
    assert_int_equal(number(json_array_get(threads, 0), "parent_pid"), 100);
    assert_null(json_object_get(object, "tree"));
    json_decref(object);
    profile_free(p);
}

static void test_json_tree_adds_up(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    json_t *object = parse_report(p, (struct report_options){.view = REPORT_TREE});
    json_t *tree = json_object_get(object, "tree"), *child;
    size_t i;
    json_int_t sum = number(tree, "self_ns");
    json_array_foreach(json_object_get(tree, "children"), i, child) sum +=
        number(child, "total_ns");
    assert_int_equal(sum, number(tree, "total_ns"));
    assert_int_equal(sum, 4003000);
    json_decref(object);
    profile_free(p);
}

static void test_json_names_values_by_unit(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "inuse_space", "bytes");
    uint32_t thread = profile_thread(p, profile_process_new(p, 1, PROFILE_NONE), 1);
    uint32_t stack = profile_stack(p, (uint32_t[]){profile_mark(p, "[mark]")}, 1);
    profile_add(p, stack, thread, 0, (int64_t[]){640});
    json_t *object = parse_report(p, (struct report_options){.view = REPORT_FUNCTIONS});
    json_t *row = json_array_get(json_object_get(object, "functions"), 0);
    assert_int_equal(number(row, "self_value"), 640);
    assert_null(json_object_get(row, "self_ns"));
    assert_null(json_object_get(row, "self_samples"));
    assert_true(json_is_null(json_object_get(object, "exit")));
    json_decref(object);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_says_how_it_was_measured),
        cmocka_unit_test(test_text_lists_functions_in_aligned_columns),
        cmocka_unit_test(test_text_cuts_functions_to_top_and_says_so),
        cmocka_unit_test(test_text_tree_shows_callers_above_callees),
        cmocka_unit_test(test_text_tree_leaves_out_small_branches),
        cmocka_unit_test(test_text_lists_threads_heaviest_first),
        cmocka_unit_test(test_text_of_empty_profile_has_no_rows),
        cmocka_unit_test(test_json_has_header_and_rows),
        cmocka_unit_test(test_json_tree_adds_up),
        cmocka_unit_test(test_json_names_values_by_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
