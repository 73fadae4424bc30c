/*
 * Tests of --leaks, --fail-on leak and --suppressions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/error.h"
#include "core/model/profile.h"
#include "tui/cli/leak_check.h"

/* ---- options ---- */

static void assert_refused(struct leak_check check, struct measure_options measure, const char *why)
{
    GError *error = NULL;
    assert_false(leak_check_finish(&check, &measure, &error));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_USAGE));
    if (!strstr(error->message, why))
        fail_msg("\"%s\" does not say \"%s\"", error->message, why);
    assert_false(measure.whole_heap);
    g_error_free(error);
}

static void test_leaks_want_the_whole_heap(void **state)
{
    (void)state;
    struct measure_options measure = {0};
    struct leak_check check = {0};
    assert_true(leak_check_finish(&check, &measure, NULL));
    assert_false(measure.whole_heap);
    assert_null(check.rules);
    check.report = TRUE;
    assert_true(leak_check_finish(&check, &measure, NULL));
    assert_true(measure.whole_heap);
    assert_true(leak_rules_count(check.rules) > 0); /* built-in ones */
    leak_check_clear(&check);
    measure.memory.how = (char *)"auto";
    check = (struct leak_check){.fail_on = g_strdup("leak")};
    assert_true(leak_check_finish(&check, &measure, NULL));
    leak_check_clear(&check);
}

static void test_leaks_refuse_what_hides_blocks(void **state)
{
    (void)state;
    struct leak_check check = {.report = TRUE};
    assert_refused(check, (struct measure_options){.memory.how = (char *)"sampled"},
                   "--memory=sampled");
    assert_refused(check, (struct measure_options){.memory.how = (char *)"off"}, "--memory=off");
    assert_refused(check, (struct measure_options){.attach = (char *)"7"}, "runs already");
}

static void test_fail_on_knows_leak_only(void **state)
{
    (void)state;
    assert_refused((struct leak_check){.fail_on = (char *)"leaks"}, (struct measure_options){0},
                   "takes leak, not 'leaks'");
    assert_refused((struct leak_check){.fail_on = (char *)""}, (struct measure_options){0},
                   "not ''");
}

static void test_suppressions_need_something_to_suppress(void **state)
{
    (void)state;
    char *files[] = {(char *)"/dev/null", NULL};
    assert_refused((struct leak_check){.suppressions = files}, (struct measure_options){0},
                   "--leaks");
}

static void test_suppressions_that_cannot_be_read_are_an_error(void **state)
{
    (void)state;
    GError *error = NULL;
    char *files[] = {(char *)"/dev/null", (char *)"/nowhere/known.txt", NULL};
    assert_null(leak_check_load_rules(files, &error));
    assert_non_null(strstr(error->message, "/nowhere/known.txt"));
    g_error_free(error);
}

/* ---- the verdict ---- */

static struct profile *make_profile(void)
{
    struct profile *p = profile_new();
    uint32_t process = profile_process_new(p, 100, PROFILE_NONE);
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    profile_get_process(p, process)->ended = true;
    profile_get_process(p, process)->name = profile_text(p, "app");
    struct heap_process *heap = heap_process_get(p->heap, process);
    heap->mode = HEAP_EXACT;
    heap->allocs = 10;
    heap->ended = true;
    return p;
}

static void add_leak(struct profile *p)
{
    uint32_t module = profile_module(p, "/opt/app", NULL, MODULE_FILE);
    struct line line = {
        .function = profile_function(p, &(struct function_spec){.module = module, .name = "lose"})};
    uint32_t frame = profile_frame(p, module, 1);
    profile_resolve(p, frame, &line, 1, 0);
    uint32_t stack = profile_stack(p, &frame, 1);
    struct heap_site *site = heap_site_get(p->heap, stack, 0);
    site->values[HEAP_ALLOCS] = site->values[HEAP_LIVE_BLOCKS] = 2;
    site->values[HEAP_ALLOC_BYTES] = site->values[HEAP_LIVE_BYTES] = 64;
    heap_touch(p->heap);
}

/* What the gate makes of a status; `ret_words`, freed by the caller, is what it says on stderr. */
static int judge(const struct profile *p, const char *rule, int status, char **ret_words)
{
    struct leak_check check = {.fail_on = (char *)"leak", .rules = leak_rules_new(false)};
    char path[] = "/tmp/proftop-test-XXXXXX";
    int fd = mkstemp(path), saved = dup(STDERR_FILENO);
    if (rule)
        assert_true(leak_rules_parse(check.rules, rule, strlen(rule), "test", NULL));
    dup2(fd, STDERR_FILENO);
    int judged = leak_check_judge(&check, p, status);
    dup2(saved, STDERR_FILENO);
    assert_true(g_file_get_contents(path, ret_words, NULL, NULL));
    close(saved);
    close(fd);
    unlink(path);
    leak_rules_free(check.rules);
    return judged;
}

static void assert_judged(const struct profile *p, const char *rule, int wanted, const char *words)
{
    char *said;
    assert_int_equal(judge(p, rule, 0, &said), wanted);
    if (!strstr(said, words) || (!*words && *said))
        fail_msg("\"%s\" instead of \"%s\"", said, words);
    g_free(said);
    assert_int_equal(judge(p, rule, 42, &said), 42); /* the program's own wins */
    g_free(said);
}

static void test_gate_fails_on_what_was_not_freed(void **state)
{
    (void)state;
    struct profile *p = make_profile();
    assert_judged(p, NULL, 0, "");
    profile_get_process(p, profile_process(p, 0))->ended = true; /* for time that is nobody's */
    assert_judged(p, NULL, 0, "");
    add_leak(p);
    assert_judged(p, NULL, 3, "64 B in 2 blocks were not freed\n");
    assert_judged(p, "leak:lose", 0, "");
    profile_free(p);
}

static void test_gate_fails_on_what_was_not_seen(void **state)
{
    (void)state;
    struct profile *p = make_profile();
    heap_process_get(p->heap, 0)->unrecorded = 4;
    assert_judged(p, NULL, 1, "4 allocations were not recorded\n");
    heap_process_get(p->heap, 0)->unrecorded = 1;
    assert_judged(p, NULL, 1, "1 allocation was not recorded\n");
    heap_process_get(p->heap, 0)->unrecorded = 0;
    heap_process_get(p->heap, 0)->trouble = profile_text(p, "no room");
    assert_judged(p, NULL, 1, "app (pid 100): no room\n");
    heap_process_get(p->heap, 0)->trouble = "";
    uint32_t other = profile_process_new(p, 101, 0);
    profile_get_process(p, other)->ended = true;
    profile_get_process(p, other)->name = profile_text(p, "tool");
    profile_get_process(p, other)->coverage = profile_text(p, "it is static");
    assert_judged(p, NULL, 1, "tool (pid 101): it is static\n");
    add_leak(p);
    assert_judged(p, NULL, 3, "64 B in 2 blocks"); /* what was seen is enough for that */
    profile_free(p);
}

static void test_gate_fails_when_nothing_has_ended(void **state)
{
    (void)state;
    struct profile *p = make_profile();
    add_leak(p);
    profile_get_process(p, 0)->ended = false;
    heap_process_get(p->heap, 0)->ended = false;
    assert_judged(p, NULL, 1, "no process has ended\n");
    profile_free(p);
    p = profile_new();
    assert_judged(p, NULL, 1, "there is no heap data");
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaks_want_the_whole_heap),
        cmocka_unit_test(test_leaks_refuse_what_hides_blocks),
        cmocka_unit_test(test_fail_on_knows_leak_only),
        cmocka_unit_test(test_suppressions_need_something_to_suppress),
        cmocka_unit_test(test_suppressions_that_cannot_be_read_are_an_error),
        cmocka_unit_test(test_gate_fails_on_what_was_not_freed),
        cmocka_unit_test(test_gate_fails_on_what_was_not_seen),
        cmocka_unit_test(test_gate_fails_when_nothing_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
