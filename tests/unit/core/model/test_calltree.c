/* The call tree: sums, recursion, filters, windows, late symbols. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/model/model_builder.h"

static struct calltree *tree_of(const struct profile *p, struct calltree_options options)
{
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    return tree;
}

static int64_t self_of(const struct calltree *tree, const char *name)
{
    return calltree_function_self(tree, builder_function(tree->profile, name)).value;
}

static int64_t total_of(const struct calltree *tree, const char *name)
{
    return calltree_function_total(tree, builder_function(tree->profile, name)).value;
}

static void test_self_and_total_add_up(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main parse", 1, 1, 0, 30);
    builder_sample(p, "main parse read", 1, 1, 0, 20);
    builder_sample(p, "main draw", 1, 1, 0, 50);
    struct calltree *tree = tree_of(p, builder_everything());
    assert_int_equal(calltree_node(tree, CALLTREE_ROOT)->total.value, 100);
    assert_int_equal(calltree_node(tree, CALLTREE_ROOT)->total.count, 3);
    assert_int_equal(self_of(tree, "main"), 0);
    assert_int_equal(total_of(tree, "main"), 100);
    assert_int_equal(self_of(tree, "parse"), 30);
    assert_int_equal(total_of(tree, "parse"), 50);
    calltree_free(tree);
    profile_free(p);
}

static void test_recursion_counts_once(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main f g f", 1, 1, 0, 10);
    struct calltree *tree = tree_of(p, builder_everything());
    assert_int_equal(total_of(tree, "f"), 10);
    assert_int_equal(self_of(tree, "f"), 10);
    assert_int_equal(total_of(tree, "g"), 10);
    calltree_free(tree);
    profile_free(p);
}

static void test_folded_recursion_is_one_node(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main f f f g", 1, 1, 0, 10);
    struct calltree_options fold = builder_everything();
    fold.fold_recursion = true;
    struct calltree *plain = tree_of(p, builder_everything()), *folded = tree_of(p, fold);
    assert_int_equal(plain->nodes->len, 1 + 5);
    assert_int_equal(folded->nodes->len, 1 + 3);
    assert_int_equal(total_of(folded, "f"), 10);
    calltree_free(plain);
    calltree_free(folded);
    profile_free(p);
}

static void test_inverted_tree_starts_with_leaves(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main a read", 1, 1, 0, 10);
    builder_sample(p, "main b read", 1, 1, 0, 5);
    struct calltree_options inverted = builder_everything();
    inverted.inverted = true;
    struct calltree *tree = tree_of(p, inverted);
    uint32_t first = calltree_node(tree, CALLTREE_ROOT)->first_child;
    assert_int_equal(calltree_node(tree, first)->function, builder_function(p, "read"));
    assert_int_equal(calltree_node(tree, first)->total.value, 15);
    assert_int_equal(calltree_node(tree, first)->next_sibling, PROFILE_NONE);
    calltree_free(tree);
    profile_free(p);
}

static void test_update_equals_a_new_tree(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct calltree *grown = tree_of(p, builder_everything());
    const char *paths[] = {"main a", "main b", "main a c", "main b c a"};
    for (int i = 0; i < 1000; i++) {
        builder_sample(p, paths[i * 7 % 4], 1, 1 + i % 3, i, i % 11);
        if (i % 13 == 0)
            calltree_update(grown, i);
    }
    calltree_update(grown, 1000);
    struct calltree *fresh = tree_of(p, builder_everything());
    for (const char *const *name = (const char *[]){"main", "a", "b", "c", NULL}; *name; name++) {
        assert_int_equal(self_of(grown, *name), self_of(fresh, *name));
        assert_int_equal(total_of(grown, *name), total_of(fresh, *name));
    }
    assert_false(calltree_update(grown, 1000));
    calltree_free(grown);
    calltree_free(fresh);
    profile_free(p);
}

/* Looking elsewhere must give what a new tree gives, and keep up with changes from there on. */
static void test_look_equals_a_new_tree(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct calltree *tree = tree_of(p, builder_everything());
    struct calltree_options looks[5];
    for (int i = 0; i < 5; i++)
        looks[i] = builder_everything();
    const char *paths[] = {"main a", "main b", "main a c", "main b c a", "main a a"};
    for (int i = 0; i < 500; i++)
        builder_sample(p, paths[i * 7 % 5], 1 + i % 2, 1 + i % 3, i, i % 11);
    looks[1].process = profile_process(p, 1);
    looks[2].thread = profile_thread(p, profile_process(p, 2), 2);
    looks[3].window_ns = 100;
    looks[4].since_ns = 321;
    for (int round = 0; round < 10; round++) {
        int64_t now = 500 + round;
        calltree_look(tree, &looks[round % 5]);
        calltree_update(tree, now);
        builder_sample(p, paths[round % 5], 1 + round % 2, 1, now, 5);
        calltree_update(tree, now);
        struct calltree *fresh = calltree_new(p, &looks[round % 5]);
        calltree_update(fresh, now);
        for (const char *const *name = (const char *[]){"main", "a", "b", "c", NULL}; *name;
             name++) {
            assert_int_equal(self_of(tree, *name), self_of(fresh, *name));
            assert_int_equal(total_of(tree, *name), total_of(fresh, *name));
        }
        assert_int_equal(calltree_node(tree, CALLTREE_ROOT)->total.count,
                         calltree_node(fresh, CALLTREE_ROOT)->total.count);
        calltree_free(fresh);
    }
    calltree_free(tree);
    profile_free(p);
}

static void test_filters_by_thread_and_process(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main a", 1, 1, 0, 1);
    builder_sample(p, "main a", 1, 2, 0, 2);
    builder_sample(p, "main a", 9, 9, 0, 4);
    struct calltree_options one = builder_everything();
    one.process = profile_process(p, 1);
    struct calltree *by_process = tree_of(p, one);
    one.thread = profile_thread(p, one.process, 2);
    struct calltree *by_thread = tree_of(p, one);
    assert_int_equal(total_of(by_process, "a"), 3);
    assert_int_equal(total_of(by_thread, "a"), 2);
    calltree_free(by_process);
    calltree_free(by_thread);
    profile_free(p);
}

static void test_window_slides(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct calltree_options last = builder_everything();
    last.window_ns = 100;
    struct calltree *tree = calltree_new(p, &last);
    builder_sample(p, "main a", 1, 1, 10, 1);
    builder_sample(p, "main b", 1, 1, 100, 2);
    calltree_update(tree, 105);
    assert_int_equal(total_of(tree, "main"), 3);
    calltree_update(tree, 150);
    assert_int_equal(total_of(tree, "main"), 2);
    assert_int_equal(total_of(tree, "a"), 0);
    builder_sample(p, "main a", 1, 1, 190, 4);
    calltree_update(tree, 250);
    assert_int_equal(total_of(tree, "main"), 4);
    calltree_free(tree);
    profile_free(p);
}

static void test_since_leaves_out_what_was_before(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main a", 1, 1, 10, 1);
    builder_sample(p, "main b", 1, 1, 100, 2);
    struct calltree_options since = builder_everything();
    since.since_ns = 50;
    struct calltree *tree = tree_of(p, since);
    assert_int_equal(total_of(tree, "main"), 2);
    calltree_free(tree);
    profile_free(p);
}

static void test_window_survives_forgotten_changes(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct calltree_options last = builder_everything();
    last.window_ns = INT64_MAX / 2;
    struct calltree *tree = calltree_new(p, &last);
    int64_t time = 1;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < PROFILE_CHANGES_MAX / 8; i++)
            builder_sample(p, "main a", 1, 1, time++, 1);
        calltree_update(tree, time);
    }
    int64_t total = total_of(tree, "main");
    assert_int_equal(total, tree->next_change - tree->first_in_window);
    assert_true(total <= PROFILE_CHANGES_MAX && total > PROFILE_CHANGES_MAX / 2);
    assert_true(calltree_covered_since_ns(tree) > 1);
    calltree_free(tree);
    profile_free(p);
}

static void test_stack_moves_when_its_symbols_come(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t frames[] = {profile_frame(p, module, 0x77), builder_frame(p, "main")};
    uint32_t thread = profile_thread(p, profile_process(p, 1), 1);
    profile_add(p, profile_stack(p, frames, 2), thread, 1, (int64_t[]){1, 5});
    struct calltree *tree = tree_of(p, builder_everything());
    assert_int_equal(self_of(tree, "app+0x77"), 5);
    struct line lines[] = {{.function = profile_function(
                                p, &(struct function_spec){.module = module, .name = "inner"})},
                           {.function = profile_function(
                                p, &(struct function_spec){.module = module, .name = "outer"})}};
    profile_resolve(p, frames[0], lines, 2, 0);
    assert_true(calltree_update(tree, 2));
    assert_int_equal(self_of(tree, "app+0x77"), 0);
    assert_int_equal(total_of(tree, "app+0x77"), 0);
    assert_int_equal(self_of(tree, "inner"), 5);
    assert_int_equal(self_of(tree, "outer"), 0);
    assert_int_equal(total_of(tree, "outer"), 5);
    assert_int_equal(total_of(tree, "main"), 5);
    calltree_free(tree);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_and_total_add_up),
        cmocka_unit_test(test_recursion_counts_once),
        cmocka_unit_test(test_folded_recursion_is_one_node),
        cmocka_unit_test(test_inverted_tree_starts_with_leaves),
        cmocka_unit_test(test_update_equals_a_new_tree),
        cmocka_unit_test(test_look_equals_a_new_tree),
        cmocka_unit_test(test_filters_by_thread_and_process),
        cmocka_unit_test(test_window_slides),
        cmocka_unit_test(test_since_leaves_out_what_was_before),
        cmocka_unit_test(test_window_survives_forgotten_changes),
        cmocka_unit_test(test_stack_moves_when_its_symbols_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
