/* Rectangles of the icicle. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/model/flame_layout.h"
#include "tests/unit/core/model/model_builder.h"

struct fixture {
    struct profile *profile;
    struct calltree *tree;
    GArray *boxes;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->profile = builder_profile();
    builder_sample(f->profile, "main b", 1, 1, 0, 60);
    builder_sample(f->profile, "main a x", 1, 1, 0, 39);
    builder_sample(f->profile, "main c", 1, 1, 0, 1);
    struct calltree_options everything = builder_everything();
    f->tree = calltree_new(f->profile, &everything);
    calltree_update(f->tree, 0);
    f->boxes = g_array_new(FALSE, FALSE, sizeof(struct flame_box));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    g_array_unref(f->boxes);
    calltree_free(f->tree);
    profile_free(f->profile);
    g_free(f);
    return 0;
}

static const char *name_of(const struct fixture *f, const struct flame_box *box)
{
    uint32_t function = calltree_node(f->tree, box->node)->function;
    return function == PROFILE_NONE ? "root" : profile_get_function(f->profile, function)->name;
}

static const struct flame_box *box_at(const struct fixture *f, uint32_t row, double x)
{
    return flame_layout_at(f->boxes, row, x);
}

static void test_widths_are_proportional_and_names_in_order(void **state)
{
    struct fixture *f = *state;
    flame_layout(f->tree, CALLTREE_ROOT, 200, 0, f->boxes);
    assert_string_equal(name_of(f, box_at(f, 1, 0)), "main");
    assert_string_equal(name_of(f, box_at(f, 2, 0)), "a");
    assert_string_equal(name_of(f, box_at(f, 2, 78)), "b");
    assert_string_equal(name_of(f, box_at(f, 2, 199)), "c");
    assert_true(box_at(f, 2, 0)->width > 77.9 && box_at(f, 2, 0)->width < 78.1);
    assert_string_equal(name_of(f, box_at(f, 3, 10)), "x");
    assert_null(box_at(f, 3, 100));
}

static void test_narrow_boxes_are_left_out(void **state)
{
    struct fixture *f = *state;
    flame_layout(f->tree, CALLTREE_ROOT, 50, 1, f->boxes);
    assert_null(box_at(f, 2, 49.8));
    assert_non_null(box_at(f, 2, 49.4));
}

static void test_zoom_fills_the_width(void **state)
{
    struct fixture *f = *state;
    flame_layout(f->tree, CALLTREE_ROOT, 100, 0, f->boxes);
    uint32_t a = box_at(f, 2, 0)->node;
    flame_layout(f->tree, a, 100, 0, f->boxes);
    assert_string_equal(name_of(f, box_at(f, 0, 99)), "a");
    assert_string_equal(name_of(f, box_at(f, 1, 99)), "x");
}

static void test_empty_tree_has_no_boxes(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct calltree_options everything = builder_everything();
    struct calltree *tree = calltree_new(p, &everything);
    GArray *boxes = g_array_new(FALSE, FALSE, sizeof(struct flame_box));
    calltree_update(tree, 0);
    flame_layout(tree, CALLTREE_ROOT, 80, 1, boxes);
    assert_int_equal(boxes->len, 0);
    g_array_unref(boxes);
    calltree_free(tree);
    profile_free(p);
}

static void test_hue_is_stable_and_banded_by_module(void **state)
{
    (void)state;
    double shade, other_shade;
    double hue = flame_hue("libc.so.6", "malloc", &shade);
    assert_true(hue >= 0 && hue < 360 && shade >= 0 && shade < 1);
    assert_true(flame_hue("libc.so.6", "malloc", &other_shade) == hue && shade == other_shade);
    double neighbour = flame_hue("libc.so.6", "free", &other_shade);
    assert_true(neighbour - hue < 30 && hue - neighbour < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_widths_are_proportional_and_names_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_narrow_boxes_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zoom_fills_the_width, set_up, tear_down),
        cmocka_unit_test(test_empty_tree_has_no_boxes),
        cmocka_unit_test(test_hue_is_stable_and_banded_by_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
