/*
 * Tests of call trees weighed by exact calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/core/model/model_builder.h"

static struct calltree_options weight_options(enum call_weight weight)
{
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_CALLS;
    options.call_weight = weight;
    return options;
}

static struct calltree *tree_of(const struct profile *p, struct calltree_options options)
{
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    return tree;
}

static struct weight total_of(const struct calltree *tree, const char *name)
{
    return calltree_function_total(tree, builder_function(tree->profile, name));
}

static struct weight root_of(const struct calltree *tree)
{
    return calltree_node(tree, CALLTREE_ROOT)->total;
}

static struct profile *some_calls(void)
{
    struct profile *p = builder_profile();
    builder_calls(p, "main", 1, 1, 1, 1000);
    builder_calls(p, "main parse", 1, 1, 10, 20);
    builder_calls(p, "main parse parse", 1, 1, 5, 30)->is_recursive = true;
    builder_calls(p, "main draw", 1, 2, 2, 7);
    builder_calls(p, "main draw", 2, 1, 1, 400);
    builder_sample(p, "main parse", 1, 1, 0, 12345);
    return p;
}

static void test_values_are_self_time_and_counts_calls(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_TIME));
    assert_int_equal(root_of(tree).value, 1000 + 200 + 150 + 14 + 400);
    assert_int_equal(root_of(tree).count, 1 + 10 + 5 + 2 + 1);
    assert_int_equal(total_of(tree, "parse").value, 350); /* recursion counts once */
    uint32_t parse = builder_function(p, "parse");
    assert_int_equal(calltree_function_self(tree, parse).value, 350);
    assert_int_equal(calltree_function_self(tree, parse).count, 15);
    calltree_free(tree);
    profile_free(p);
}

static void test_values_are_calls_when_weighed_by_calls(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_CALLS));
    assert_int_equal(root_of(tree).value, 19);
    assert_int_equal(root_of(tree).count, 19);
    assert_int_equal(total_of(tree, "draw").value, 3);
    calltree_free(tree);
    profile_free(p);
}

static void test_root_is_the_sum_of_records_in_every_shape(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    for (int shape = 0; shape < 4; shape++) {
        struct calltree_options options = weight_options(CALL_WEIGHT_TIME);
        options.inverted = shape & 1;
        options.fold_recursion = shape & 2;
        struct calltree *tree = tree_of(p, options);
        assert_int_equal(root_of(tree).value, 1764);
        calltree_free(tree);
    }
    profile_free(p);
}

static void test_process_and_thread_filters_hold_and_windows_do_not(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    struct calltree_options options = weight_options(CALL_WEIGHT_TIME);
    options.process = profile_process(p, 2);
    options.since_ns = INT64_MAX;
    options.window_ns = 1;
    struct calltree *tree = tree_of(p, options);
    assert_int_equal(root_of(tree).value, 400);
    assert_int_equal(calltree_covered_since_ns(tree), 0);
    options.process = PROFILE_NONE;
    options.thread = profile_thread(p, profile_process(p, 1), 2);
    calltree_look(tree, &options);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(root_of(tree).value, 14);
    calltree_free(tree);
    profile_free(p);
}

static void test_update_follows_records_and_nothing_else(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_TIME));
    guint nodes = tree->nodes->len;
    assert_false(calltree_update(tree, 0));
    builder_sample(p, "main parse", 1, 1, 5, 777);
    heap_touch(p->heap);
    assert_false(calltree_update(tree, 10));
    builder_calls(p, "main parse", 1, 1, 1, 36);
    builder_calls(p, "main fresh", 1, 1, 1, 1);
    assert_true(calltree_update(tree, 10));
    assert_int_equal(tree->nodes->len, nodes + 1); /* only the new one was placed */
    assert_int_equal(root_of(tree).value, 1764 + 37);
    assert_int_equal(total_of(tree, "parse").value, 386);
    calltree_free(tree);
    profile_free(p);
}

static void test_look_turns_from_calls_to_heap_and_samples(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    builder_site(p, "main grow", 1, 2, 50, 1);
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_TIME));
    struct calltree_options options = weight_options(CALL_WEIGHT_CALLS);
    calltree_look(tree, &options);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(root_of(tree).value, 19);
    options.of = CALLTREE_OF_HEAP;
    options.column = HEAP_ALLOC_BYTES;
    calltree_look(tree, &options);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(root_of(tree).value, 100);
    options = builder_everything();
    calltree_look(tree, &options);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(root_of(tree).value, 12345);
    assert_int_equal(total_of(tree, "draw").value, 0);
    calltree_free(tree);
    profile_free(p);
}

/* Numbers of a hostile target: sums stop instead of overflowing. */
static void test_huge_values_do_not_overflow(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    builder_calls(p, "main parse", 1, 1, 1, 1)->stats.self_ns = INT64_MAX;
    builder_calls(p, "main draw", 1, 1, 1, 1)->stats.self_ns = INT64_MAX;
    builder_calls(p, "main other", 1, 1, 1, 1)->stats.calls = INT64_MAX;
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_TIME));
    assert_int_equal(root_of(tree).value, INT64_MAX);
    assert_int_equal(root_of(tree).count, INT64_MAX);
    calltree_free(tree);
    profile_free(p);
}

static void test_metric_says_what_weights_are(void **state)
{
    (void)state;
    struct profile *p = some_calls();
    struct calltree *tree = tree_of(p, weight_options(CALL_WEIGHT_TIME));
    assert_string_equal(calltree_metric(tree).name, "call time");
    assert_string_equal(calltree_metric(tree).unit, "nanoseconds");
    assert_string_equal(calltree_metric(tree).counted, "calls");
    struct calltree_options options = weight_options(CALL_WEIGHT_CALLS);
    calltree_look(tree, &options);
    assert_string_equal(calltree_metric(tree).name, "calls");
    assert_string_equal(calltree_metric(tree).unit, "count");
    assert_null(calltree_metric(tree).counted);
    calltree_free(tree);
    profile_free(p);
}

static void test_weights_have_names_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(call_weight_find("calls"), CALL_WEIGHT_CALLS);
    assert_int_equal(call_weight_find("call_time"), CALL_WEIGHT_TIME);
    assert_int_equal(call_weight_find("cpu"), CALL_WEIGHTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_self_time_and_counts_calls),
        cmocka_unit_test(test_values_are_calls_when_weighed_by_calls),
        cmocka_unit_test(test_root_is_the_sum_of_records_in_every_shape),
        cmocka_unit_test(test_process_and_thread_filters_hold_and_windows_do_not),
        cmocka_unit_test(test_update_follows_records_and_nothing_else),
        cmocka_unit_test(test_look_turns_from_calls_to_heap_and_samples),
        cmocka_unit_test(test_huge_values_do_not_overflow),
        cmocka_unit_test(test_metric_says_what_weights_are),
        cmocka_unit_test(test_weights_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
