/*
 * Tests of --calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/error.h"
#include "tests/unit/core/model/model_builder.h"
#include "tui/cli/bare_words.h"
#include "tui/cli/calls_option.h"

/* What a command line gives. */
struct result {
    bool ok, asks;
    enum calls_policy policy;
    bool has_filter, meant; /* `meant`: parse_line is */
    char *words;            /* what is left of it */
    char *message;          /* what is wrong */
};

static bool is_meant(const struct calls_filter *filter)
{
    const struct calls_candidate candidate = {.name = "parse_line",
                                              .brief = "parse_line",
                                              .linkage = "parse_line",
                                              .module = "/bin/app",
                                              .file = "/src/parse.c"};
    return filter && calls_filter_matches(filter, &candidate);
}

/* Parses argv as a command that launches a program does. */
static bool parse_words(struct calls_option *option, int *argc, char ***argv, GError **error)
{
    GOptionEntry entries[CALLS_ENTRIES + 1] = {0};
    struct bare_words words;
    calls_option_fill_entries(option, entries);
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    bare_words_complete(&words, *argv);
    bool ok = g_option_context_parse(context, argc, argv, error);
    bare_words_restore(&words, *argv);
    g_option_context_free(context);
    return ok;
}

static struct result parse(const char *line, bool attached)
{
    struct result result = {0};
    struct calls_option option;
    GError *error = NULL;
    int argc;
    char *whole = g_strconcat("proftop ", line, NULL), **argv;
    assert_true(g_shell_parse_argv(whole, &argc, &argv, NULL));
    char **left = g_memdup2(argv, (size_t)(argc + 1) * sizeof *argv);
    calls_option_init(&option);
    result.ok = parse_words(&option, &argc, &left, &error) &&
                calls_option_finish(&option, attached, &error);
    assert_int_equal(result.ok, error == NULL);
    result.policy = option.policy;
    result.asks = calls_option_asks(&option);
    result.has_filter = option.filter != NULL;
    result.meant = is_meant(option.filter);
    result.words = result.ok ? g_strjoinv(" ", left + 1) : NULL;
    result.message = error ? g_strdup(error->message) : NULL;
    if (error)
        assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE));
    g_clear_error(&error);
    calls_option_clear(&option);
    g_free(left);
    g_strfreev(argv);
    g_free(whole);
    return result;
}

static void clear(struct result *result)
{
    g_free(result->words);
    g_free(result->message);
}

static void assert_policy(const char *line, enum calls_policy policy, bool asks, const char *words)
{
    struct result result = parse(line, false);
    if (!result.ok)
        fail_msg("%s: %s", line, result.message);
    assert_int_equal(result.policy, policy);
    assert_int_equal(result.asks, asks);
    assert_string_equal(result.words, words);
    clear(&result);
}

static void assert_filter(const char *line, enum calls_policy policy, bool meant)
{
    struct result result = parse(line, false);
    if (!result.ok)
        fail_msg("%s: %s", line, result.message);
    assert_int_equal(result.policy, policy);
    assert_true(result.has_filter);
    assert_true(result.asks);
    assert_int_equal(result.meant, meant);
    clear(&result);
}

static void assert_refused(const char *line, bool attached, const char *why)
{
    struct result result = parse(line, attached);
    assert_false(result.ok);
    if (!strstr(result.message, why))
        fail_msg("\"%s\" does not say \"%s\"", result.message, why);
    assert_null(strchr(result.message, '\n'));
    clear(&result);
}

static void test_calls_are_auto_when_not_given(void **state)
{
    (void)state;
    assert_policy("./app", CALLS_POLICY_AUTO, false, "./app");
    assert_policy("./app --calls=all", CALLS_POLICY_AUTO, false, "./app --calls=all");
}

static void test_calls_take_each_policy(void **state)
{
    (void)state;
    assert_policy("--calls=all ./app", CALLS_POLICY_ALL, true, "./app");
    assert_policy("--calls=auto ./app", CALLS_POLICY_AUTO, false, "./app");
    assert_policy("--calls=off ./app", CALLS_POLICY_OFF, false, "./app");
    assert_policy("--calls=off --calls=all ./app", CALLS_POLICY_ALL, true, "./app");
}

static void test_calls_alone_leave_the_command(void **state)
{
    (void)state;
    assert_policy("--calls ./app", CALLS_POLICY_ALL, true, "./app");
    assert_policy("--calls off", CALLS_POLICY_ALL, true, "off"); /* a program of that name */
    assert_policy("--calls ./app --calls x", CALLS_POLICY_ALL, true, "./app --calls x");
}

static void test_calls_take_functions(void **state)
{
    (void)state;
    assert_filter("--calls=parse_* ./app", CALLS_POLICY_AUTO, true);
    assert_filter("--calls=read_* ./app", CALLS_POLICY_AUTO, false);
    assert_filter("--calls=read_* --calls=parse_line ./app", CALLS_POLICY_AUTO, true);
    assert_filter("'--calls=operator<' --calls=parse_line ./app", CALLS_POLICY_AUTO, true);
    assert_filter("'--calls=f(int' --calls=parse_line ./app", CALLS_POLICY_AUTO, true);
    assert_filter("--calls --calls=parse_* ./app", CALLS_POLICY_ALL, true);
    assert_filter("--calls=parse_* --calls ./app", CALLS_POLICY_ALL, true);
    assert_filter("'--calls=parse_*,!parse_line' ./app", CALLS_POLICY_AUTO, false);
}

static void test_calls_refuse_what_makes_no_sense(void **state)
{
    (void)state;
    assert_refused("--calls= ./app", false, "--calls: ");
    assert_refused("--calls= --calls=parse_* ./app", false, "--calls: ");
    assert_refused("'--calls=/(/' ./app", false, "--calls: ");
    assert_refused("--calls=off --calls=parse_* ./app", false,
                   "counts nothing: leave out one of them");
}

static void test_calls_of_what_runs_already_cannot_be_counted(void **state)
{
    (void)state;
    assert_refused("--calls", true, "runs already");
    assert_refused("--calls=parse_*", true, "start the program with proftop");
    struct result result = parse("--calls=off", true);
    assert_true(result.ok);
    clear(&result);
    result = parse("", true);
    assert_true(result.ok);
    clear(&result);
}

/* What a run with such patterns, in which parse_line alone was there, says of its calls. */
static struct profile *explain(const char *first, const char *second, bool counted)
{
    char *const words[] = {g_strdup(first), g_strdup(second), NULL};
    struct calls_option option;
    struct profile *p = builder_profile();
    calls_option_init(&option);
    option.words = g_strdupv((char **)words);
    g_free(words[0]);
    g_free(words[1]);
    assert_true(calls_option_finish(&option, false, NULL));
    is_meant(option.filter);
    if (counted)
        builder_calls(p, "main", 100, 100, 1, 1000);
    calls_option_explain(&option, p);
    calls_option_clear(&option);
    return p;
}

static void test_a_filter_that_left_nothing_is_told(void **state)
{
    (void)state;
    for (int counted = 0; counted < 2; counted++) { /* by hooks, which run anyway */
        struct profile *p = explain("parse_*,!parse_line", "auto", counted);
        assert_int_equal(p->notes->len, 1);
        assert_string_equal(p->notes->pdata[0],
                            "no function is left by --calls=parse_*,!parse_line");
        assert_string_equal(p->calls->why_not, counted ? "" : p->notes->pdata[0]);
        profile_free(p);
    }
}

static void test_a_filter_without_calls_gets_no_advice_to_give_one(void **state)
{
    (void)state;
    struct profile *p = explain("fib", "/x/", false);
    assert_int_equal(p->notes->len, 0);
    assert_string_equal(p->calls->why_not,
                        "no function that --calls=fib,/x/ names could be counted and was called");
    profile_free(p);
    p = explain("fib", "x", true);
    assert_string_equal(p->calls->why_not, "");
    profile_free(p);
    p = explain("all", NULL, false);
    assert_string_equal(p->calls->why_not, "");
    profile_free(p);
}

static void assert_guess(const char *line, const char *message, const char *expected)
{
    char **argv = g_strsplit(line, " ", -1), *guess = bare_words_guess(argv, message);
    if (g_strcmp0(guess, expected) != 0)
        fail_msg("%s: %s", line, guess);
    g_free(guess);
    g_strfreev(argv);
}

static void test_a_value_that_was_taken_for_the_command_is_guessed(void **state)
{
    static const char fib[] = "fib: no such command", way[] = "sampled: no such command";
    (void)state;
    assert_guess("proftop record --calls fib ./plain", fib, "--calls=fib");
    assert_guess("proftop --calls /fib/ ./plain", "/fib/: no such file", "--calls=/fib/");
    assert_guess("proftop --memory sampled ./plain", way, "--memory=sampled");
    assert_guess("proftop --memory fib ./plain", fib, NULL);
    assert_guess("proftop --calls ./fib", "./fib: no such file", NULL);
    assert_guess("proftop --calls -q fib", fib, NULL);
    assert_guess("proftop plain --calls fib", "plain: no such command", NULL);
    assert_guess("proftop --calls", fib, NULL);
    assert_guess("proftop fib", fib, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_filter_that_left_nothing_is_told),
        cmocka_unit_test(test_a_filter_without_calls_gets_no_advice_to_give_one),
        cmocka_unit_test(test_a_value_that_was_taken_for_the_command_is_guessed),
        cmocka_unit_test(test_calls_are_auto_when_not_given),
        cmocka_unit_test(test_calls_take_each_policy),
        cmocka_unit_test(test_calls_alone_leave_the_command),
        cmocka_unit_test(test_calls_take_functions),
        cmocka_unit_test(test_calls_refuse_what_makes_no_sense),
        cmocka_unit_test(test_calls_of_what_runs_already_cannot_be_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
