/*
 * Tests of call trees weighed by a column of the heap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/core/model/model_builder.h"

static struct calltree_options column_options(enum heap_column column)
{
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_HEAP;
    options.column = column;
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

static struct profile *some_heap(void)
{
    struct profile *p = builder_profile();
    builder_site(p, "main parse", 1, 10, 100, 4);
    builder_site(p, "main parse grow grow", 1, 5, 10, 5);
    builder_site(p, "main draw", 1, 2, 7, 0);
    builder_site(p, "main draw", 2, 1, 7, 1);
    builder_sample(p, "main parse", 1, 1, 0, 12345);
    return p;
}

static void test_values_are_the_column_and_counts_its_blocks(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct calltree *bytes = tree_of(p, column_options(HEAP_ALLOC_BYTES));
    assert_int_equal(root_of(bytes).value, 1071);
    assert_int_equal(root_of(bytes).count, 18);
    assert_int_equal(total_of(bytes, "parse").value, 1050);
    assert_int_equal(total_of(bytes, "grow").value, 50);
    struct calltree *live = tree_of(p, column_options(HEAP_LIVE_BYTES));
    assert_int_equal(root_of(live).value, 457);
    assert_int_equal(root_of(live).count, 10);
    struct calltree *allocs = tree_of(p, column_options(HEAP_ALLOCS));
    assert_int_equal(root_of(allocs).value, 18);
    assert_int_equal(root_of(allocs).count, 18);
    struct calltree *own = tree_of(p, column_options(HEAP_OWN_PEAK_BYTES));
    assert_int_equal(root_of(own).value, 1071);
    assert_int_equal(root_of(own).count, 0);
    calltree_free(own);
    calltree_free(allocs);
    calltree_free(live);
    calltree_free(bytes);
    profile_free(p);
}

static void test_root_equals_the_sum_of_sites_for_every_column(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    builder_site(p, "main parse", 1, 10, 100, 4)->values[HEAP_TEMPORARY] = 3;
    builder_site(p, "main draw", 1, 2, 7, 0)->values[HEAP_REALLOCS] = 2;
    struct heap_site sum = {0};
    for (guint i = 0; i < p->heap->sites->len; i++)
        heap_site_add(&sum, &g_array_index(p->heap->sites, struct heap_site, i));
    for (int column = 0; column < HEAP_COLUMNS; column++)
        for (int shape = 0; shape < 4; shape++) {
            struct calltree_options options = column_options((enum heap_column)column);
            options.inverted = shape & 1;
            options.fold_recursion = shape & 2;
            struct calltree *tree = tree_of(p, options);
            assert_int_equal(root_of(tree).value, sum.values[column]);
            calltree_free(tree);
        }
    profile_free(p);
}

static void test_update_follows_live_bytes_down(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct calltree *tree = tree_of(p, column_options(HEAP_LIVE_BYTES));
    assert_false(calltree_update(tree, 0));
    builder_site(p, "main parse", 1, 10, 100, 1);
    builder_site(p, "main parse grow grow", 1, 5, 10, 0);
    builder_site(p, "main fresh", 1, 1, 3, 1);
    guint nodes = tree->nodes->len;
    assert_true(calltree_update(tree, 0));
    assert_int_equal(tree->nodes->len, nodes + 1); /* only the new one was placed */
    assert_int_equal(root_of(tree).value, 110);
    assert_int_equal(root_of(tree).count, 3);
    assert_int_equal(total_of(tree, "parse").value, 100);
    assert_int_equal(total_of(tree, "grow").value, 0);
    builder_sample(p, "main parse", 1, 1, 5, 777); /* CPU samples are not the heap's business */
    assert_false(calltree_update(tree, 10));
    calltree_free(tree);
    profile_free(p);
}

static void test_process_filter_holds_and_windows_do_not(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct calltree_options options = column_options(HEAP_ALLOC_BYTES);
    options.process = profile_process(p, 2);
    options.thread = 0;
    options.since_ns = INT64_MAX;
    options.window_ns = 1;
    struct calltree *tree = tree_of(p, options);
    assert_int_equal(root_of(tree).value, 7);
    assert_int_equal(calltree_covered_since_ns(tree), 0);
    calltree_free(tree);
    profile_free(p);
}

static void test_look_turns_to_another_column_and_back_to_samples(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct calltree *tree = tree_of(p, column_options(HEAP_ALLOC_BYTES));
    guint nodes = tree->nodes->len;
    struct calltree_options options = column_options(HEAP_LIVE_BLOCKS);
    calltree_look(tree, &options);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(root_of(tree).value, 10);
    assert_int_equal(tree->nodes->len, nodes);
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
    struct profile *p = some_heap();
    builder_site(p, "main parse", 1, 1, 1, 0)->values[HEAP_LIVE_BYTES] = INT64_MAX;
    builder_site(p, "main draw", 1, 1, 1, 0)->values[HEAP_LIVE_BYTES] = INT64_MAX;
    builder_site(p, "main other", 1, 1, 1, 0)->values[HEAP_LIVE_BYTES] = INT64_MIN;
    struct calltree *tree = tree_of(p, column_options(HEAP_LIVE_BYTES));
    assert_int_equal(root_of(tree).value, INT64_MAX);
    calltree_free(tree);
    profile_free(p);
}

static void test_stack_moves_when_its_symbols_come(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(p, module, 0x777777);
    uint32_t stack = profile_stack(p, &frame, 1);
    heap_site_get(p->heap, stack, profile_process(p, 1))->values[HEAP_LIVE_BYTES] = 60;
    heap_touch(p->heap);
    struct calltree *tree = tree_of(p, column_options(HEAP_LIVE_BYTES));
    struct line line = {.function = builder_function(p, "draw")};
    profile_resolve(p, frame, &line, 1, 0);
    assert_true(calltree_update(tree, 0));
    assert_int_equal(total_of(tree, "draw").value, 67);
    assert_int_equal(total_of(tree, "app+0x777777").value, 0);
    calltree_free(tree);
    profile_free(p);
}

static void test_metric_says_what_weights_are(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct calltree *tree = tree_of(p, column_options(HEAP_LIVE_BYTES));
    assert_string_equal(calltree_metric(tree).name, "live bytes");
    assert_string_equal(calltree_metric(tree).unit, "bytes");
    assert_string_equal(calltree_metric(tree).counted, "blocks");
    struct calltree_options options = column_options(HEAP_ALLOCS);
    calltree_look(tree, &options);
    assert_string_equal(calltree_metric(tree).unit, "count");
    assert_null(calltree_metric(tree).counted);
    options = builder_everything();
    calltree_look(tree, &options);
    assert_string_equal(calltree_metric(tree).name, "CPU time");
    assert_string_equal(calltree_metric(tree).counted, "samples");
    calltree_free(tree);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_the_column_and_counts_its_blocks),
        cmocka_unit_test(test_root_equals_the_sum_of_sites_for_every_column),
        cmocka_unit_test(test_update_follows_live_bytes_down),
        cmocka_unit_test(test_process_filter_holds_and_windows_do_not),
        cmocka_unit_test(test_look_turns_to_another_column_and_back_to_samples),
        cmocka_unit_test(test_huge_values_do_not_overflow),
        cmocka_unit_test(test_stack_moves_when_its_symbols_come),
        cmocka_unit_test(test_metric_says_what_weights_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
