/*
 * Tests of core/base/text.c: hostile text comes out harmless, numbers come out readable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/text.h"

static void assert_cleans_to(const char *text, const char *expected)
{
    char *clean = text_clean(text);
    assert_string_equal(clean, expected);
    char *again = text_clean(clean);
    assert_string_equal(again, expected);
    g_free(again);
    g_free(clean);
}

static void test_clean_keeps_ordinary_text(void **state)
{
    (void)state;
    assert_cleans_to("", "");
    assert_cleans_to("std::vector<int>::push_back(int const&)",
                     "std::vector<int>::push_back(int const&)");
    assert_cleans_to("größe_日本", "größe_日本");
}

static void test_clean_escapes_terminal_controls(void **state)
{
    (void)state;
    assert_cleans_to("\033]52;c;x\a", "\\x1b]52;c;x\\x07");
    assert_cleans_to("a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f");
    assert_cleans_to("\xc2\x9b"
                     "31m",
                     "\\u{009b}31m"); /* C1 CSI */
}

static void test_clean_escapes_characters_that_hide_or_reorder(void **state)
{
    (void)state;
    assert_cleans_to("a\u202Eb", "a\\u{202e}b");
    assert_cleans_to("a\u2066b\u200Bc\uFEFF", "a\\u{2066}b\\u{200b}c\\u{feff}");
    assert_cleans_to("\u2028\u0301", "\\u{2028}\\u{0301}");
    assert_cleans_to("\U000E0FFF", "\\u{e0fff}"); /* unassigned */
}

static void test_clean_escapes_invalid_utf8_bytes(void **state)
{
    (void)state;
    assert_cleans_to("\xff"
                     "a\xc3",
                     "\\xffa\\xc3");
    assert_cleans_to("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
    assert_cleans_to("\xc0\xaf", "\\xc0\\xaf");          /* an overlong slash */
}

static void test_clean_cuts_long_text(void **state)
{
    (void)state;
    char *big = g_strnfill(10 << 20, 'x');
    char *clean = text_clean(big);
    assert_int_equal(strlen(clean), TEXT_MAX);
    assert_string_equal(clean + TEXT_MAX - 4, "x...");
    char *again = text_clean(clean);
    assert_string_equal(again, clean);
    g_free(again);
    g_free(clean);
    big[TEXT_MAX] = 0;
    clean = text_clean(big);
    assert_string_equal(clean, big);
    g_free(clean);
    g_free(big);
}

static void test_clean_cuts_between_characters(void **state)
{
    (void)state;
    GString *text = g_string_new(NULL);
    for (int i = 0; i < TEXT_MAX; i++)
        g_string_append(text, "é");
    char *clean = text_clean(text->str);
    assert_true(strlen(clean) <= TEXT_MAX);
    assert_true(g_utf8_validate(clean, -1, NULL));
    g_free(clean);
    g_string_free(text, TRUE);
}

typedef void append_fn(GString *out, int64_t value);

static void assert_appends(append_fn *append, int64_t value, const char *expected)
{
    GString *out = g_string_new(NULL);
    append(out, value);
    assert_string_equal(out->str, expected);
    g_string_free(out, TRUE);
}

static void test_duration_has_three_digits_and_unit(void **state)
{
    (void)state;
    assert_appends(text_append_duration, 0, "0 s");
    assert_appends(text_append_duration, 850, "850 ns");
    assert_appends(text_append_duration, 3200, "3.20 µs");
    assert_appends(text_append_duration, 12400000, "12.4 ms");
    assert_appends(text_append_duration, 3900000000, "3.90 s");
    assert_appends(text_append_duration, -3900000000, "-3.90 s");
    assert_appends(text_append_duration, 12345000000000, "12345 s");
}

static void test_duration_rounds_up_into_next_unit(void **state)
{
    (void)state;
    assert_appends(text_append_duration, 999499999, "999 ms");
    assert_appends(text_append_duration, 999500000, "1.00 s");
    assert_appends(text_append_duration, 9996000, "10.0 ms");
}

static void test_durations_that_read_the_same_are_one(void **state)
{
    (void)state;
    GString *out = g_string_new("for ");
    text_append_durations(out, 3000000, 12000000000);
    assert_string_equal(out->str, "for 3.00 ms to 12.0 s");
    g_string_assign(out, "4.08 s or ");
    text_append_durations(out, 4080000001, 4081234567);
    assert_string_equal(out->str, "4.08 s or 4.08 s");
    g_string_free(out, TRUE);
}

static void test_bytes_use_binary_units(void **state)
{
    (void)state;
    assert_appends(text_append_bytes, 0, "0 B");
    assert_appends(text_append_bytes, 512, "512 B");
    assert_appends(text_append_bytes, 1024, "1.00 KiB");
    assert_appends(text_append_bytes, 44145050, "42.1 MiB");
    assert_appends(text_append_bytes, INT64_MAX, "8192 PiB");
}

static void test_count_uses_decimal_units(void **state)
{
    (void)state;
    assert_appends(text_append_count, 0, "0");
    assert_appends(text_append_count, 999, "999");
    assert_appends(text_append_count, 12400, "12.4 k");
    assert_appends(text_append_count, 1200000, "1.20 M");
    assert_appends(text_append_count, -1200000, "-1.20 M");
    assert_appends(text_append_count, INT64_MIN, "-9223 P");
}

static void test_value_goes_by_its_unit(void **state)
{
    (void)state;
    GString *out = g_string_new(NULL);
    text_append_value(out, 1500, "nanoseconds");
    text_append_value(out, 1536, "bytes");
    text_append_value(out, 1500, "count");
    assert_string_equal(out->str, "1.50 µs1.50 KiB1.50 k");
    g_string_free(out, TRUE);
}

static void test_source_is_without_its_folder(void **state)
{
    (void)state;
    GString *out = g_string_new(NULL);
    text_append_source(out, "/src/shop/shop.c", 12);
    text_append_source(out, "", 12);
    text_append_source(out, " a.c", 0);
    text_append_source(out, " odd/", 0);
    assert_string_equal(out->str, "shop.c:12 a.c odd/");
    g_string_free(out, TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_keeps_ordinary_text),
        cmocka_unit_test(test_clean_escapes_terminal_controls),
        cmocka_unit_test(test_clean_escapes_characters_that_hide_or_reorder),
        cmocka_unit_test(test_clean_escapes_invalid_utf8_bytes),
        cmocka_unit_test(test_clean_cuts_long_text),
        cmocka_unit_test(test_clean_cuts_between_characters),
        cmocka_unit_test(test_duration_has_three_digits_and_unit),
        cmocka_unit_test(test_duration_rounds_up_into_next_unit),
        cmocka_unit_test(test_durations_that_read_the_same_are_one),
        cmocka_unit_test(test_bytes_use_binary_units),
        cmocka_unit_test(test_count_uses_decimal_units),
        cmocka_unit_test(test_value_goes_by_its_unit),
        cmocka_unit_test(test_source_is_without_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
