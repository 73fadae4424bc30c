/*
 * Tests of --memory and --budget.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/error.h"
#include "tui/cli/bare_words.h"
#include "tui/cli/memory.h"

/* What a command line gives: its policy, budget and what follows. */
struct result {
    bool ok;
    enum heap_policy policy;
    double budget_percent;
    char *words;   /* what is left of it */
    char *message; /* what is wrong */
};

/* Parses argv as a command that launches a program does. */
static bool parse_words(struct memory_options *options, int *argc, char ***argv, GError **error)
{
    GOptionEntry entries[MEMORY_ENTRIES + 1] = {0};
    struct bare_words words;
    memory_fill_entries(options, entries);
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_add_main_entries(context, entries, NULL);
    bare_words_complete(&words, *argv);
    bool ok = g_option_context_parse(context, argc, argv, error);
    bare_words_restore(&words, *argv);
    g_option_context_free(context);
    return ok;
}

/* Words behind the command's own. */
static struct result parse(const char *line, bool attached)
{
    struct result result = {0};
    struct memory_options options;
    GError *error = NULL;
    int argc;
    char *whole = g_strconcat("proftop ", line, NULL), **argv;
    assert_true(g_shell_parse_argv(whole, &argc, &argv, NULL));
    char **left = g_memdup2(argv, (size_t)(argc + 1) * sizeof *argv);
    memory_options_init(&options);
    result.ok = parse_words(&options, &argc, &left, &error) &&
                memory_options_finish(&options, attached, &result.policy, &error);
    result.budget_percent = options.budget_percent;
    result.words = result.ok ? g_strjoinv(" ", left + 1) : NULL;
    result.message = error ? g_strdup(error->message) : NULL;
    g_clear_error(&error);
    memory_options_clear(&options);
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

static void assert_policy(const char *line, enum heap_policy policy, const char *words)
{
    struct result result = parse(line, false);
    if (!result.ok)
        fail_msg("%s: %s", line, result.message);
    assert_int_equal(result.policy, policy);
    assert_string_equal(result.words, words);
    clear(&result);
}

static void assert_refused(const char *line, bool attached, const char *why)
{
    struct result result = parse(line, attached);
    assert_false(result.ok);
    if (!g_strrstr(result.message, why))
        fail_msg("\"%s\" does not say \"%s\"", result.message, why);
    assert_null(strchr(result.message, '\n'));
    clear(&result);
}

static void test_memory_is_auto_when_not_given(void **state)
{
    (void)state;
    struct result result = parse("./app", false);
    assert_true(result.ok);
    assert_int_equal(result.policy, HEAP_POLICY_AUTO);
    assert_float_equal(result.budget_percent, 5, 0);
    clear(&result);
}

static void test_memory_takes_each_policy(void **state)
{
    (void)state;
    assert_policy("--memory=auto ./app", HEAP_POLICY_AUTO, "./app");
    assert_policy("--memory=exact ./app", HEAP_POLICY_EXACT, "./app");
    assert_policy("--memory=sampled ./app", HEAP_POLICY_SAMPLED, "./app");
    assert_policy("--memory=off ./app", HEAP_POLICY_OFF, "./app");
    assert_policy("--memory=sampled --memory=off ./app", HEAP_POLICY_OFF, "./app");
}

static void test_memory_alone_leaves_the_command(void **state)
{
    (void)state;
    assert_policy("--memory ./app", HEAP_POLICY_EXACT, "./app");
    assert_policy("--memory off", HEAP_POLICY_EXACT, "off"); /* a program of that name */
    assert_policy("--memory --budget 3 ./app", HEAP_POLICY_EXACT, "./app");
    assert_policy("./app --memory=off", HEAP_POLICY_AUTO, "./app --memory=off");
    assert_policy("--memory ./app --memory x", HEAP_POLICY_EXACT, "./app --memory x");
    assert_policy("--memory=off --memory ./app", HEAP_POLICY_EXACT, "./app");
}

static void test_memory_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    assert_refused("--memory=all ./app", false, "not 'all'");
    assert_refused("--memory= ./app", false, "not ''");
}

static void test_budget_is_above_0_and_at_most_100(void **state)
{
    (void)state;
    struct result result = parse("--budget 100 ./app", false);
    assert_true(result.ok);
    assert_float_equal(result.budget_percent, 100, 0);
    clear(&result);
    assert_refused("--budget 0 ./app", false, "a budget of 0 %");
    assert_refused("--budget=-1 ./app", false, "a budget of -1 %");
    assert_refused("--budget 100.5 ./app", false, "a budget of 100.5 %");
    assert_refused("--budget nan ./app", false, "a budget of nan %");
    assert_refused("--budget much ./app", false, "much");
}

static void test_attached_has_no_heap_to_measure(void **state)
{
    (void)state;
    assert_refused("--memory", true, "runs already");
    assert_refused("--memory=sampled", true, "runs already");
    struct result result = parse("--memory=off", true);
    assert_true(result.ok);
    assert_int_equal(result.policy, HEAP_POLICY_OFF);
    clear(&result);
    result = parse("", true);
    assert_true(result.ok);
    clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_auto_when_not_given),
        cmocka_unit_test(test_memory_takes_each_policy),
        cmocka_unit_test(test_memory_alone_leaves_the_command),
        cmocka_unit_test(test_memory_refuses_what_it_does_not_know),
        cmocka_unit_test(test_budget_is_above_0_and_at_most_100),
        cmocka_unit_test(test_attached_has_no_heap_to_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
