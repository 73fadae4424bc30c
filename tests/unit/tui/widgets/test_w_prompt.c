/* The prompt: editing, and when a pattern minds case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tui/widgets/w_prompt.h"

static void test_typing_erasing_and_leaving(void **state)
{
    (void)state;
    struct prompt prompt;
    prompt_init(&prompt, "/");
    assert_int_equal(prompt_key(&prompt, 'a'), PROMPT_CHANGED);
    assert_int_equal(prompt_key(&prompt, 0x65e5), PROMPT_CHANGED);
    assert_string_equal(prompt.text->str, "a日");
    assert_int_equal(prompt_key(&prompt, KEY_CODE_BACKSPACE), PROMPT_CHANGED);
    assert_string_equal(prompt.text->str, "a");
    assert_int_equal(prompt_key(&prompt, KEY_CODE_UP), PROMPT_IGNORED);
    assert_int_equal(prompt_key(&prompt, '\r'), PROMPT_ACCEPTED);
    prompt_key(&prompt, 21);
    assert_int_equal(prompt_key(&prompt, KEY_CODE_BACKSPACE), PROMPT_CANCELLED);
    prompt_clear(&prompt);
}

static void test_pattern_minds_case_only_with_upper_case(void **state)
{
    (void)state;
    GRegex *lower = prompt_regex("mem.*y", NULL);
    assert_true(g_regex_match(lower, "MemCpY", 0, NULL));
    g_regex_unref(lower);
    GRegex *upper = prompt_regex("Mem", NULL);
    assert_false(g_regex_match(upper, "memcpy", 0, NULL));
    g_regex_unref(upper);
}

static void test_incomplete_pattern_is_an_error_and_empty_is_none(void **state)
{
    (void)state;
    GError *error = NULL;
    assert_null(prompt_regex("", &error));
    assert_null(error);
    assert_null(prompt_regex("a[", &error));
    assert_non_null(error);
    g_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_erasing_and_leaving),
        cmocka_unit_test(test_pattern_minds_case_only_with_upper_case),
        cmocka_unit_test(test_incomplete_pattern_is_an_error_and_empty_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
