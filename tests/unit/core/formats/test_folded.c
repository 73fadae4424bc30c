/* Folded stacks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/error.h"
#include "core/formats/folded.h"
#include "tests/unit/core/model/model_builder.h"

static bool append(void *arg, const char *text, size_t size, GError **error)
{
    (void)error;
    g_string_append_len(arg, text, (gssize)size);
    return true;
}

static bool refuse(void *arg, const char *text, size_t size, GError **error)
{
    (void)text, (void)size;
    ++*(int *)arg;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "full");
    return false;
}

static struct calltree *tree_with(const struct profile *p, struct calltree_options options)
{
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    return tree;
}

static struct calltree *tree_of(const struct profile *p, bool inverted)
{
    struct calltree_options options = builder_everything();
    options.inverted = inverted;
    return tree_with(p, options);
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines, sorted: their order is the tree's own. The tree is freed. */
static void assert_folded_tree(struct calltree *tree, const char *wanted)
{
    GString *out = g_string_new(NULL);
    assert_true(folded_write(tree, &(struct text_sink){append, out}, NULL));
    char **lines = g_strsplit(out->str, "\n", -1);
    qsort(lines, g_strv_length(lines), sizeof *lines, compare_lines);
    char *sorted = g_strjoinv("\n", lines);
    assert_string_equal(sorted, wanted);
    g_free(sorted);
    g_strfreev(lines);
    g_string_free(out, TRUE);
    calltree_free(tree);
}

static void assert_folded(const struct profile *p, bool inverted, const char *wanted)
{
    assert_folded_tree(tree_of(p, inverted), wanted);
}

static struct profile *small_profile(void)
{
    struct profile *p = builder_profile();
    builder_sample(p, "main a x", 1, 1, 0, 30);
    builder_sample(p, "main a", 1, 1, 0, 7);
    builder_sample(p, "main b", 1, 2, 0, 60);
    builder_sample(p, "main b", 1, 1, 0, 3);
    return p;
}

static void test_paths_carry_their_own_weight(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    assert_folded(p, false, "\nmain;a 7\nmain;a;x 30\nmain;b 63");
    profile_free(p);
}

static void test_inverted_paths_begin_inside(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    assert_folded(p, true, "\na;main 7\nb;main 63\nx;a;main 30");
    profile_free(p);
}

static void test_separators_in_names_are_replaced(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "a;b\nc;\xff 12", 1, 1, 0, 5);
    assert_folded(p, false, "\na:b\\x0ac:\\xff;12 5");
    profile_free(p);
}

static void test_nothing_measured_gives_nothing(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    assert_folded(p, false, "");
    profile_free(p);
}

static void test_a_sink_that_refuses_ends_it(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    struct calltree *tree = tree_of(p, false);
    GError *error = NULL;
    int calls = 0;
    assert_false(folded_write(tree, &(struct text_sink){refuse, &calls}, &error));
    assert_int_equal(calls, 1);
    assert_string_equal(error->message, "full");
    g_error_free(error);
    calltree_free(tree);
    profile_free(p);
}

static void test_heap_is_written_by_its_column(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    builder_site(p, "main a", 1, 10, 100, 3);
    builder_site(p, "main a", 2, 1, 100, 1);
    builder_site(p, "main b", 1, 5, 10, 0);
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_HEAP;
    options.column = HEAP_LIVE_BYTES;
    assert_folded_tree(tree_with(p, options), "\nmain;a 400");
    options.inverted = true;
    assert_folded_tree(tree_with(p, options), "\na;main 400");
    options.inverted = false;
    options.column = HEAP_ALLOCS;
    assert_folded_tree(tree_with(p, options), "\nmain;a 11\nmain;b 5");
    profile_free(p);
}

static void test_calls_are_written_by_their_weight(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    builder_calls(p, "main a", 1, 1, 10, 100);
    builder_calls(p, "main a", 2, 1, 1, 50);
    builder_calls(p, "main a a", 1, 1, 5, 7)->is_recursive = true;
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_CALLS;
    options.call_weight = CALL_WEIGHT_TIME;
    assert_folded_tree(tree_with(p, options), "\nmain;a 1050\nmain;a;a 35");
    options.call_weight = CALL_WEIGHT_CALLS;
    assert_folded_tree(tree_with(p, options), "\nmain;a 11\nmain;a;a 5");
    options.fold_recursion = true;
    assert_folded_tree(tree_with(p, options), "\nmain;a 16");
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_written_by_their_weight),
        cmocka_unit_test(test_heap_is_written_by_its_column),
        cmocka_unit_test(test_paths_carry_their_own_weight),
        cmocka_unit_test(test_inverted_paths_begin_inside),
        cmocka_unit_test(test_separators_in_names_are_replaced),
        cmocka_unit_test(test_nothing_measured_gives_nothing),
        cmocka_unit_test(test_a_sink_that_refuses_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
