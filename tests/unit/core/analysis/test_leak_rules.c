/*
 * Tests of suppressions: what a file may say, and what its patterns mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/analysis/leak_rules.h"
#include "core/base/error.h"

static void test_pattern_matches_a_part(void **state)
{
    (void)state;
    assert_true(leak_pattern_matches("parse", "parse"));
    assert_true(leak_pattern_matches("arse", "ns::parse(int)"));
    assert_false(leak_pattern_matches("Parse", "ns::parse(int)"));
    assert_false(leak_pattern_matches("parse", ""));
    assert_false(leak_pattern_matches("*", "")); /* what is unknown fits nothing */
    assert_true(leak_pattern_matches("*", "x"));
}

static void test_anchors_bind_to_the_ends(void **state)
{
    (void)state;
    assert_true(leak_pattern_matches("^ns::", "ns::parse"));
    assert_false(leak_pattern_matches("^parse", "ns::parse"));
    assert_true(leak_pattern_matches("parse$", "ns::parse"));
    assert_false(leak_pattern_matches("ns$", "ns::parse"));
    assert_true(leak_pattern_matches("^parse$", "parse"));
    assert_false(leak_pattern_matches("^parse$", "parse2"));
    assert_true(leak_pattern_matches("foo$", "foofoo"));
    assert_true(leak_pattern_matches("operator^", "T::operator^(T)"));
}

static void test_asterisks_stand_for_anything(void **state)
{
    (void)state;
    assert_true(leak_pattern_matches("^a*c$", "abbc"));
    assert_true(leak_pattern_matches("^a*c$", "ac"));
    assert_false(leak_pattern_matches("^a*c$", "acd"));
    assert_false(leak_pattern_matches("^a*a$", "a")); /* no letter is used twice */
    assert_true(leak_pattern_matches("a*b*c", "xaxbxcx"));
    assert_false(leak_pattern_matches("a*c*b", "xaxbxcx"));
    assert_true(leak_pattern_matches("^*b", "ab"));
    assert_true(leak_pattern_matches("a*$", "xay"));
    assert_true(leak_pattern_matches("**a**", "a"));
}

static bool parse(struct leak_rules *rules, const char *text, GError **error)
{
    return leak_rules_parse(rules, text, strlen(text), "my.supp", error);
}

static void test_parse_takes_comments_and_blanks(void **state)
{
    (void)state;
    struct leak_rules *rules = leak_rules_new(false);
    GError *error = NULL;
    assert_true(parse(rules, "# ours\r\n\n  leak:^main$  \r\n\t# more\nleak:libz.so", &error));
    assert_null(error);
    assert_int_equal(leak_rules_count(rules), 2);
    assert_string_equal(leak_rules_get(rules, 0)->pattern, "^main$");
    assert_string_equal(leak_rules_get(rules, 0)->origin, "my.supp:3");
    assert_string_equal(leak_rules_get(rules, 1)->pattern, "libz.so");
    assert_string_equal(leak_rules_get(rules, 1)->origin, "my.supp:5");
    leak_rules_free(rules);
}

static void test_parse_refuses_anything_else_by_line(void **state)
{
    static const char *const wrong[] = {"race:foo", "leak",     "leak:",    "leak:^$",
                                        "foo",      "Leak:foo", "leak:a$b", "leak foo"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct leak_rules *rules = leak_rules_new(true);
        unsigned before = leak_rules_count(rules);
        GError *error = NULL;
        char *text = g_strdup_printf("leak:fine\n\n%s\nleak:fine too\n", wrong[i]);
        assert_false(parse(rules, text, &error));
        assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT));
        assert_non_null(strstr(error->message, "my.supp: line 3: "));
        assert_null(strchr(error->message, '\n'));
        assert_int_equal(leak_rules_count(rules), before);
        g_clear_error(&error);
        g_free(text);
        leak_rules_free(rules);
    }
}

static void test_parse_refuses_what_is_no_text(void **state)
{
    (void)state;
    struct leak_rules *rules = leak_rules_new(false);
    GError *error = NULL;
    assert_false(leak_rules_parse(rules, "leak:a\n\033x\0y", 12, "a\nb", &error));
    assert_non_null(strstr(error->message, "line 2"));
    assert_null(strchr(error->message, '\033'));
    assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    GString *many = g_string_new(NULL);
    for (int i = 0; i < LEAK_RULES_MAX; i++)
        g_string_append(many, "leak:x\n");
    assert_true(leak_rules_parse(rules, many->str, many->len, "many", &error));
    assert_false(parse(rules, "leak:x", &error));
    assert_int_equal(leak_rules_count(rules), LEAK_RULES_MAX);
    g_clear_error(&error);
    g_string_free(many, TRUE);
    leak_rules_free(rules);
}

static void test_load_says_which_file_is_missing(void **state)
{
    (void)state;
    struct leak_rules *rules = leak_rules_new(false);
    GError *error = NULL;
    assert_false(leak_rules_load(rules, "/nonexistent/my.supp", &error));
    assert_non_null(strstr(error->message, "/nonexistent/my.supp"));
    g_clear_error(&error);
    assert_false(leak_rules_load(rules, "/", &error)); /* a folder */
    assert_non_null(error);
    g_clear_error(&error);
    assert_true(leak_rules_load(rules, "/dev/null", &error));
    assert_int_equal(leak_rules_count(rules), 0);
    leak_rules_free(rules);
}

/* The list is read by people: each rule has a reason, and would be taken from a file as well. */
static void test_built_in_rules_are_sound(void **state)
{
    (void)state;
    struct leak_rules *rules = leak_rules_new(true), *again = leak_rules_new(false);
    assert_true(leak_rules_count(rules) > 10);
    for (unsigned i = 0; i < leak_rules_count(rules); i++) {
        const struct leak_rule *rule = leak_rules_get(rules, i);
        char *line = g_strconcat("leak:", rule->pattern, NULL);
        assert_true(parse(again, line, NULL));
        assert_true(*rule->why != 0);
        assert_string_equal(rule->origin, "built in");
        assert_true(rule->innermost || !rule->caller);
        g_free(line);
    }
    leak_rules_free(again);
    leak_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern_matches_a_part),
        cmocka_unit_test(test_anchors_bind_to_the_ends),
        cmocka_unit_test(test_asterisks_stand_for_anything),
        cmocka_unit_test(test_parse_takes_comments_and_blanks),
        cmocka_unit_test(test_parse_refuses_anything_else_by_line),
        cmocka_unit_test(test_parse_refuses_what_is_no_text),
        cmocka_unit_test(test_load_says_which_file_is_missing),
        cmocka_unit_test(test_built_in_rules_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
