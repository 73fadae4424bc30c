/* Movement in the icicle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/tui/views/small_profile.h"
#include "tui/views/flame_nav.h"

struct fixture {
    struct small_profile small;
    struct lens lens;
    struct flame_nav nav;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    small_init(&f->small);
    lens_init(&f->lens, f->small.profile, false);
    flame_nav_init(&f->nav, &f->lens);
    flame_nav_layout(&f->nav, 100);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    flame_nav_clear(&f->nav);
    lens_clear(&f->lens);
    small_clear(&f->small);
    g_free(f);
    return 0;
}

static void assert_cursor(const struct fixture *f, enum small_function function, uint32_t depth)
{
    const struct calltree_node *node = calltree_node(f->lens.flame, f->nav.cursor);
    assert_int_equal(node->function, f->small.functions[function]);
    assert_int_equal(node->depth, depth);
}

static void test_down_goes_to_the_heaviest_and_up_back(void **state)
{
    struct fixture *f = *state;
    flame_nav_move(&f->nav, REQUEST_DOWN);
    assert_cursor(f, SMALL_MAIN, 1);
    flame_nav_move(&f->nav, REQUEST_DOWN);
    assert_cursor(f, SMALL_RUN, 2);
    flame_nav_move(&f->nav, REQUEST_DOWN);
    assert_cursor(f, SMALL_SORT, 3);
    flame_nav_move(&f->nav, REQUEST_DOWN);
    assert_cursor(f, SMALL_SORT, 3);
    flame_nav_move(&f->nav, REQUEST_UP);
    assert_cursor(f, SMALL_RUN, 2);
}

static void test_left_and_right_stay_in_the_row(void **state)
{
    struct fixture *f = *state;
    flame_nav_move(&f->nav, REQUEST_DOWN);
    flame_nav_move(&f->nav, REQUEST_DOWN);
    flame_nav_move(&f->nav, REQUEST_RIGHT);
    assert_cursor(f, SMALL_WALK, 2);
    flame_nav_move(&f->nav, REQUEST_RIGHT);
    assert_cursor(f, SMALL_WALK, 2);
    flame_nav_move(&f->nav, REQUEST_LEFT);
    assert_cursor(f, SMALL_RUN, 2);
    flame_nav_move(&f->nav, REQUEST_LEFT);
    assert_cursor(f, SMALL_RUN, 2);
}

static void test_end_goes_to_the_leaf_and_home_to_the_root(void **state)
{
    struct fixture *f = *state;
    flame_nav_move(&f->nav, REQUEST_END);
    assert_cursor(f, SMALL_SORT, 3);
    flame_nav_move(&f->nav, REQUEST_HOME);
    assert_int_equal(f->nav.cursor, CALLTREE_ROOT);
}

static void test_zoom_fills_the_width_and_comes_back(void **state)
{
    struct fixture *f = *state;
    assert_true(flame_nav_focus(&f->nav, f->small.functions[SMALL_WALK]));
    flame_nav_layout(&f->nav, 100);
    assert_cursor(f, SMALL_WALK, 2);
    const struct flame_box *box = &g_array_index(f->nav.boxes, struct flame_box, 0);
    assert_int_equal(box->node, f->nav.zoom);
    assert_int_equal((int)box->width, 100);
    flame_nav_move(&f->nav, REQUEST_UP);
    assert_cursor(f, SMALL_MAIN, 1);
    assert_true(flame_nav_zoom_out(&f->nav));
    assert_int_equal(f->nav.zoom, CALLTREE_ROOT);
    assert_false(flame_nav_zoom_out(&f->nav));
}

static void test_cursor_and_zoom_survive_a_rebuild(void **state)
{
    struct fixture *f = *state;
    flame_nav_focus(&f->nav, f->small.functions[SMALL_COPY]);
    flame_nav_layout(&f->nav, 100);
    assert_cursor(f, SMALL_COPY, 3);
    f->lens.fold = true;
    lens_rebuild(&f->lens);
    flame_nav_layout(&f->nav, 100);
    assert_cursor(f, SMALL_COPY, 3);
    assert_int_equal(f->nav.zoom, f->nav.cursor);
}

static void test_cursor_climbs_when_its_frame_has_gone(void **state)
{
    struct fixture *f = *state;
    flame_nav_focus(&f->nav, f->small.functions[SMALL_SORT]);
    flame_nav_layout(&f->nav, 100);
    f->lens.thread = f->small.threads[1]; /* it never sorts */
    lens_rebuild(&f->lens);
    flame_nav_layout(&f->nav, 100);
    assert_cursor(f, SMALL_MAIN, 1);
}

static void test_function_without_weight_is_not_found(void **state)
{
    struct fixture *f = *state;
    assert_false(flame_nav_focus(&f->nav, 9999));
    assert_int_equal(f->nav.zoom, CALLTREE_ROOT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_down_goes_to_the_heaviest_and_up_back),
        TEST(test_left_and_right_stay_in_the_row),
        TEST(test_end_goes_to_the_leaf_and_home_to_the_root),
        TEST(test_zoom_fills_the_width_and_comes_back),
        TEST(test_cursor_and_zoom_survive_a_rebuild),
        TEST(test_cursor_climbs_when_its_frame_has_gone),
        TEST(test_function_without_weight_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
