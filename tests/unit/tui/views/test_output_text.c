/* Terminal output as lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/views/output_text.h"

#include <string.h>

static void assert_lines(const char *bytes, gsize n, const char *expected)
{
    struct output_text text;
    output_text_init(&text);
    output_text_add(&text, bytes, n);
    GString *all = g_string_new(NULL);
    for (guint i = 0; i < text.lines->len; i++) {
        char *line = output_text_line(&text, i);
        g_string_append_printf(all, "%s|", line);
        g_free(line);
    }
    assert_string_equal(all->str, expected);
    g_string_free(all, TRUE);
    output_text_clear(&text);
}

#define ASSERT_LINES(bytes, expected) assert_lines(bytes, sizeof(bytes) - 1, expected)

static void test_carriage_return_overwrites(void **state)
{
    (void)state;
    ASSERT_LINES("10 %\r20 %\r\nnext", "20 %|next|");
    ASSERT_LINES("long line\rab\033[K\n", "ab||");
}

static void test_escape_sequences_are_left_out(void **state)
{
    (void)state;
    ASSERT_LINES("\033[1;31mred\033[0m \033]0;title\007x\033(B", "red x|");
    ASSERT_LINES("\033]8;;http://a\033\\link\033]8;;\033\\", "link|");
}

static void test_tabs_and_backspaces_move(void **state)
{
    (void)state;
    ASSERT_LINES("a\tb", "a       b|");
    ASSERT_LINES("abc\b\bX", "aXc|");
}

static void test_hostile_bytes_come_out_clean(void **state)
{
    (void)state;
    ASSERT_LINES("\xff\xfe", "\\xff\\xfe|");
}

static void test_endless_output_keeps_a_bounded_number_of_lines(void **state)
{
    (void)state;
    struct output_text text;
    output_text_init(&text);
    for (int i = 0; i < OUTPUT_LINES_MAX * 2; i++)
        output_text_add(&text, "x\n", 2);
    assert_true(text.lines->len <= OUTPUT_LINES_MAX);
    assert_int_equal(text.dropped + text.lines->len, OUTPUT_LINES_MAX * 2 + 1);
    output_text_clear(&text);
}

static void test_endless_line_is_broken(void **state)
{
    (void)state;
    struct output_text text;
    output_text_init(&text);
    for (int i = 0; i < OUTPUT_LINE_MAX + 5; i++)
        output_text_add(&text, "x", 1);
    assert_int_equal(text.lines->len, 2);
    output_text_clear(&text);
}

static void test_full_screen_programs_are_recognised(void **state)
{
    (void)state;
    struct output_text text;
    output_text_init(&text);
    output_text_add(&text, "\033[?1049h", 8);
    assert_true(text.full_screen);
    output_text_add(&text, "\033[?1049l", 8);
    assert_false(text.full_screen);
    output_text_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carriage_return_overwrites),
        cmocka_unit_test(test_escape_sequences_are_left_out),
        cmocka_unit_test(test_tabs_and_backspaces_move),
        cmocka_unit_test(test_hostile_bytes_come_out_clean),
        cmocka_unit_test(test_endless_output_keeps_a_bounded_number_of_lines),
        cmocka_unit_test(test_endless_line_is_broken),
        cmocka_unit_test(test_full_screen_programs_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
