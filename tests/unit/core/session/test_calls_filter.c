/* What a filter of functions means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/error.h"
#include "core/session/calls_filter.h"

static const struct calls_candidate c_function = {.name = "parse_line",
                                                  .brief = "parse_line",
                                                  .linkage = "parse_line",
                                                  .module = "/usr/bin/shop",
                                                  .file = "/home/me/shop/src/parse.c"};
static const struct calls_candidate template_function = {.name =
                                                             "void ns::put<int>(int, char const*)",
                                                         .brief = "ns::put<\u2026>",
                                                         .linkage = "_ZN2ns3putIiEEvT_PKc",
                                                         .module = "/usr/lib/libstore.so.1",
                                                         .file = ""};

static bool meant(const char *text, const struct calls_candidate *candidate)
{
    struct calls_filter *filter = calls_filter_new(text, NULL);
    assert_non_null(filter);
    bool result = calls_filter_matches(filter, candidate);
    calls_filter_free(filter);
    return result;
}

static void test_name_matches_whole_and_by_glob(void **state)
{
    (void)state;
    assert_true(meant("parse_line", &c_function));
    assert_true(meant("other,parse_*", &c_function));
    assert_true(meant("parse_[a-m]???", &c_function));
    assert_false(meant("parse", &c_function));
}

static void test_name_of_template_matches_with_and_without_parameters(void **state)
{
    (void)state;
    assert_true(meant("ns::put", &template_function));
    assert_true(meant("ns::*", &template_function));
    assert_true(meant("_ZN2ns3putIiEEvT_PKc", &template_function));
    assert_true(meant("other,void ns::put<int>(int, char const\\*)", &template_function));
    assert_false(meant("ns::put(int)", &template_function));
}

static void test_signs_of_an_operator_are_no_brackets(void **state)
{
    static const char *const operators[] = {
        "operator<",   "operator>",        "operator<<",       "operator>>", "operator->",
        "operator<=>", "ns::a::operator<", "!x,operator->\\*", "!operator<",
    };
    static const struct calls_candidate other = {.name = "mine::operator_name<int, int>",
                                                 .brief = "mine::operator_name",
                                                 .linkage = "",
                                                 .module = "/bin/x",
                                                 .file = ""};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        char *text = g_strconcat(operators[i], ",parse_*", NULL);
        if (!meant(text, &c_function))
            fail_msg("%s has one pattern", text);
        g_free(text);
    }
    assert_true(meant("ns::put<int,int>(*,*),parse_*", &c_function));
    assert_false(meant("myoperator<a,parse_*", &c_function)); /* that one is a bracket */
    assert_true(meant("mine::operator_name<int\\, int>(*),mine::operator_name", &other));
    assert_true(meant("f(bool operator< <a,b>(c)),parse_*", &c_function));
}

static bool all_meant(const char *first, const char *second)
{
    char *const texts[] = {(char *)first, (char *)second, NULL};
    struct calls_filter *filter = calls_filter_new_all(texts, NULL);
    bool result = filter && calls_filter_matches(filter, &c_function);
    calls_filter_free(filter);
    return result;
}

static void test_lists_do_not_run_into_each_other(void **state)
{
    (void)state;
    assert_true(all_meant("myoperator<", "parse_*"));
    assert_true(all_meant("f(int", "parse_*"));
    assert_true(all_meant("parse_*", "f(int"));
    assert_false(all_meant("parse_*", "!parse_line"));
    assert_false(all_meant("!parse_line", "@shop"));
    assert_false(all_meant("!parse_line", "!f")); /* wrong: none to count */
    assert_false(all_meant("", "parse_*"));       /* wrong: an empty one */
}

static void test_regex_is_found_anywhere(void **state)
{
    (void)state;
    assert_true(meant("/e_l/", &c_function));
    assert_true(meant("/put<[a-z]{1,3}>/", &template_function));
    assert_false(meant("/^line/", &c_function));
}

static void test_module_narrows_a_pattern(void **state)
{
    (void)state;
    assert_true(meant("@shop", &c_function));
    assert_true(meant("parse_*@sh*", &c_function));
    assert_true(meant("/parse/@shop", &c_function));
    assert_false(meant("parse_*@libstore*", &c_function));
}

static void test_file_matches_path_or_its_end(void **state)
{
    (void)state;
    assert_true(meant("file:parse.c", &c_function));
    assert_true(meant("file:src/*.c", &c_function));
    assert_true(meant("file:/home/*", &c_function));
    assert_false(meant("file:arse.c", &c_function));
    assert_false(meant("file:*", &template_function));
}

static void test_exclusion_wins_wherever_it_stands(void **state)
{
    (void)state;
    assert_false(meant("!parse_*,@shop", &c_function));
    assert_false(meant("@shop,!/line/", &c_function));
    assert_true(meant("@shop,!other", &c_function));
}

static void test_module_is_wanted_only_by_a_pattern_that_may_match(void **state)
{
    (void)state;
    struct calls_filter *filter = calls_filter_new("f@libc.so*,!g,file:x.c@shop", NULL);
    assert_true(calls_filter_wants_module(filter, "/lib/libc.so.6"));
    assert_true(calls_filter_wants_module(filter, "/usr/bin/shop"));
    assert_false(calls_filter_wants_module(filter, "/lib/libm.so.6"));
    assert_true(calls_filter_wants_files(filter));
    calls_filter_free(filter);
}

static void test_unmatched_patterns_are_told(void **state)
{
    (void)state;
    struct calls_filter *filter = calls_filter_new("nothing, parse_*", NULL);
    calls_filter_matches(filter, &c_function);
    GPtrArray *unmatched = calls_filter_unmatched(filter);
    assert_int_equal(unmatched->len, 1);
    assert_string_equal(g_ptr_array_index(unmatched, 0), "nothing");
    g_ptr_array_unref(unmatched);
    calls_filter_free(filter);
}

static void test_a_filter_that_excludes_all_is_told(void **state)
{
    static const struct {
        const char *text;
        bool excludes;
    } cases[] = {{"parse_line,!parse_line", true},
                 {"other,!parse_line", false},
                 {"parse_*,!other", false},
                 {"@shop,!/e/", true}};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct calls_filter *filter = calls_filter_new(cases[i].text, NULL);
        assert_false(calls_filter_excludes_all(filter));
        calls_filter_matches(filter, &c_function);
        assert_int_equal(calls_filter_excludes_all(filter), cases[i].excludes);
        calls_filter_free(filter);
    }
}

static void assert_wrong(const char *text, const char *says)
{
    GError *error = NULL;
    assert_null(calls_filter_new(text, &error));
    if (!strstr(error->message, says) || strlen(error->message) > 250)
        fail_msg("%.300s", error->message);
    g_error_free(error);
}

static void test_wrong_filters_say_how_to_mend_them(void **state)
{
    (void)state;
    assert_wrong("/(/", "the regular expression /(/ is wrong: missing ");
    assert_wrong("//", "the regular expression // is empty: ");
    assert_wrong("/", "the regular expression / has no end: ");
    assert_wrong("/fib", "the regular expression /fib has no end: ");
    assert_wrong("/fib/i", "the regular expression /fib/i has something behind its end: ");
    assert_wrong("x,,y", "\"\" names no function: write a name there, or leave out the comma");
    assert_wrong("", "\"\" names no function: write a name there");
    assert_wrong("f@", "add it");
    assert_wrong("[a", "\"[a\" has a [ without its ]: add it, ");
    assert_wrong("f@[a", "has a [ without its ]");
    assert_wrong("a\\", "ends in a \\: ");
}

static void test_brackets_that_are_no_class_are_taken(void **state)
{
    static const struct calls_candidate index = {.name = "v::operator[](int)",
                                                 .brief = "v::operator[]",
                                                 .linkage = "_ZN1vixEi",
                                                 .module = "/bin/x",
                                                 .file = ""};
    (void)state;
    assert_true(meant("v::operator[]", &index));
    assert_true(meant("v::operator\\[]", &index));
    assert_false(meant("\\[a", &index));
}

static void test_long_patterns_are_cut_in_messages(void **state)
{
    (void)state;
    char *name = g_strnfill(100000, 'x'), *regex = g_strdup_printf("/(%s/", name);
    char *bytes = g_strdup_printf("%.59s\u00e9%.9s", name, name);
    assert_wrong(regex, "xxx... is wrong: missing ");
    struct calls_filter *filter = calls_filter_new(name, NULL);
    GPtrArray *unmatched = calls_filter_unmatched(filter);
    assert_int_equal(strlen(g_ptr_array_index(unmatched, 0)), 63);
    char *cut = calls_filter_shorten(bytes);
    assert_true(g_utf8_validate(cut, -1, NULL));
    assert_true(g_str_has_suffix(cut, "x..."));
    g_free(cut);
    g_ptr_array_unref(unmatched);
    calls_filter_free(filter);
    g_free(bytes);
    g_free(regex);
    g_free(name);
}

static void test_wrong_filters_are_usage_errors(void **state)
{
    static const char *const wrong[] = {"", ",", "!f", "a,,b", "/(/", "/x", "f@", "file:", "@"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        GError *error = NULL;
        assert_null(calls_filter_new(wrong[i], &error));
        assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE));
        assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_matches_whole_and_by_glob),
        cmocka_unit_test(test_name_of_template_matches_with_and_without_parameters),
        cmocka_unit_test(test_signs_of_an_operator_are_no_brackets),
        cmocka_unit_test(test_lists_do_not_run_into_each_other),
        cmocka_unit_test(test_regex_is_found_anywhere),
        cmocka_unit_test(test_module_narrows_a_pattern),
        cmocka_unit_test(test_file_matches_path_or_its_end),
        cmocka_unit_test(test_exclusion_wins_wherever_it_stands),
        cmocka_unit_test(test_module_is_wanted_only_by_a_pattern_that_may_match),
        cmocka_unit_test(test_unmatched_patterns_are_told),
        cmocka_unit_test(test_a_filter_that_excludes_all_is_told),
        cmocka_unit_test(test_wrong_filters_say_how_to_mend_them),
        cmocka_unit_test(test_brackets_that_are_no_class_are_taken),
        cmocka_unit_test(test_long_patterns_are_cut_in_messages),
        cmocka_unit_test(test_wrong_filters_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
