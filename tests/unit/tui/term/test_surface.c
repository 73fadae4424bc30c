/* Surface: clipping, wide characters, cut marks, ASCII. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/term/surface.h"

static const struct style plain = {-1, -1, 0};

static void assert_dump(struct surface *surface, const char *expected)
{
    char *dump = surface_dump(surface);
    assert_string_equal(dump, expected);
    g_free(dump);
    surface_free(surface);
}

static void test_text_is_cut_and_marked_when_too_long(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 10, false);
    assert_int_equal(surface_text(s, (struct span){0, 1, 5}, plain, "abcdefgh"), 5);
    assert_dump(s, " abcd…\n");
}

static void test_text_stays_whole_when_it_just_fits(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 5, false);
    surface_text(s, (struct span){0, 0, 5}, plain, "abcde");
    assert_dump(s, "abcde\n");
}

static void test_wide_character_is_not_halved_at_the_edge(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 4, false);
    assert_int_equal(surface_text(s, (struct span){0, 0, 4}, plain, "日本語"), 3);
    assert_dump(s, "日…\n");
}

static void test_half_of_a_wide_character_becomes_blank_when_overwritten(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 4, false);
    surface_text(s, (struct span){0, 0, 4}, plain, "日本");
    surface_put(s, 0, 1, plain, 'x');
    assert_dump(s, " x本\n");
}

static void test_ascii_draws_question_marks_and_a_tilde(void **state)
{
    (void)state;
    struct surface *s = surface_new(2, 6, true);
    surface_text(s, (struct span){0, 0, 6}, plain, "é日 µs");
    surface_text(s, (struct span){1, 0, 4}, plain, "abcdef");
    assert_dump(s, "?? us\nabc~\n");
}

static void test_skipped_text_is_marked_on_the_left(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 6, false);
    surface_text_from(s, (struct span){0, 0, 6}, plain, "abcdefghijkl", 3);
    assert_dump(s, "…efgh…\n");
}

static void test_long_name_keeps_both_its_ends(void **state)
{
    (void)state;
    struct surface *s = surface_new(5, 10, false);
    surface_text_name(s, (struct span){0, 0, 10}, plain, "library.so+0x1230");
    surface_text_name(s, (struct span){1, 0, 10}, plain, "ten_letter");
    surface_text_name(s, (struct span){2, 0, 7}, plain, "eight__x");
    surface_text_name(s, (struct span){3, 0, 10}, plain, "abcdefgh中中中");
    surface_text_name(s, (struct span){4, 0, 10}, plain, "write(int, void const*)");
    assert_dump(s, "libra…1230\nten_letter\neight_…\nabcde…中中\nwrite(int…\n");
}

static void test_right_alignment_leaves_blanks_on_the_left(void **state)
{
    (void)state;
    struct surface *s = surface_new(1, 6, false);
    surface_text_right(s, (struct span){0, 0, 6}, plain, "42");
    assert_dump(s, "    42\n");
}

static void test_drawing_outside_changes_nothing(void **state)
{
    (void)state;
    struct surface *s = surface_new(2, 3, false);
    surface_text(s, (struct span){5, 0, 3}, plain, "abc");
    surface_text(s, (struct span){-1, 0, 3}, plain, "abc");
    surface_fill(s, (struct span){0, 2, 9}, plain, '#');
    surface_restyle(s, (struct span){9, 0, 3}, plain);
    assert_dump(s, "  #\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_cut_and_marked_when_too_long),
        cmocka_unit_test(test_text_stays_whole_when_it_just_fits),
        cmocka_unit_test(test_wide_character_is_not_halved_at_the_edge),
        cmocka_unit_test(test_half_of_a_wide_character_becomes_blank_when_overwritten),
        cmocka_unit_test(test_ascii_draws_question_marks_and_a_tilde),
        cmocka_unit_test(test_skipped_text_is_marked_on_the_left),
        cmocka_unit_test(test_long_name_keeps_both_its_ends),
        cmocka_unit_test(test_right_alignment_leaves_blanks_on_the_left),
        cmocka_unit_test(test_drawing_outside_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
