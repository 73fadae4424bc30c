/*
 * Tests of leaks: what counts as one, how they are grouped, and what rules keep out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/analysis/leak_matcher.h"
#include "core/analysis/leaks.h"
#include "tests/unit/core/model/model_builder.h"

static struct leak_rules *rules_of(const char *text)
{
    struct leak_rules *rules = leak_rules_new(false);
    assert_true(leak_rules_parse(rules, text, strlen(text), "t", NULL));
    return rules;
}

static const struct leak *leak_at(const struct leaks *leaks, guint i)
{
    assert_true(i < leaks->rows->len);
    return &g_array_index(leaks->rows, struct leak, i);
}

static const struct leak_suppressed *suppressed_at(const struct leaks *leaks, guint i)
{
    assert_true(i < leaks->suppressed->len);
    return &g_array_index(leaks->suppressed, struct leak_suppressed, i);
}

/* Process 1 has ended, 2 runs. */
static struct profile *some_heap(void)
{
    struct profile *p = builder_profile();
    builder_site(p, "main parse strdup", 1, 10, 100, 2);
    builder_site(p, "main load parse", 1, 10, 100, 5);
    builder_site(p, "main draw", 1, 4, 10, 4);
    builder_site(p, "main fine", 1, 4, 10, 0);
    builder_site(p, "main draw", 2, 9, 10, 9);
    profile_get_process(p, profile_process(p, 1))->ended = true;
    return p;
}

static void test_find_groups_by_line_or_stack(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct leaks_query query = {0};
    struct leaks *leaks = leaks_find(p, &query);
    assert_int_equal(leaks->rows->len, 2);
    assert_int_equal(leak_at(leaks, 0)->function, builder_function(p, "parse"));
    assert_int_equal(leak_at(leaks, 0)->n_stacks, 2);
    assert_int_equal(leak_at(leaks, 0)->sum.values[HEAP_LIVE_BYTES], 700);
    assert_int_equal(leak_at(leaks, 0)->site, 1);
    assert_int_equal(leaks->blocks, 11);
    assert_int_equal(leaks->bytes, 740);
    assert_int_equal(leaks->n_processes, 1);
    assert_int_equal(leaks->n_unmeasured, 0);
    leaks_free(leaks);
    query.by_stack = true;
    leaks = leaks_find(p, &query);
    assert_int_equal(leaks->rows->len, 3);
    assert_int_equal(leak_at(leaks, 0)->sum.values[HEAP_LIVE_BLOCKS], 5);
    assert_int_equal(leak_at(leaks, 0)->sum.stack, builder_stack(p, "main load parse"));
    assert_int_equal(leaks->bytes, 740);
    leaks_free(leaks);
    profile_free(p);
}

static void test_find_leaves_running_processes_out(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    profile_get_process(p, profile_process(p, 2))->ended = true;
    struct leaks *leaks = leaks_find(p, &(struct leaks_query){0});
    assert_int_equal(leaks->blocks, 20);
    assert_int_equal(leak_at(leaks, 1)->sum.process, PROFILE_NONE);
    assert_int_equal(leaks->n_processes, 2);
    leaks_free(leaks);
    profile_get_process(p, profile_process(p, 1))->ended = false;
    leaks = leaks_find(p, &(struct leaks_query){0});
    assert_int_equal(leaks->blocks, 9);
    assert_int_equal(leaks->n_processes, 1);
    leaks_free(leaks);
    profile_free(p);
}

static void test_find_looks_at_one_process(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    profile_get_process(p, profile_process(p, 2))->ended = true;
    struct leaks_query query = {.only_process = true, .process = profile_process(p, 2)};
    struct leaks *leaks = leaks_find(p, &query);
    assert_int_equal(leaks->rows->len, 1);
    assert_int_equal(leaks->bytes, 90);
    assert_int_equal(leaks->n_processes, 1);
    leaks_free(leaks);
    query.only_process = false;
    leaks = leaks_find(p, &query);
    assert_int_equal(leaks->bytes, 740 + 90);
    assert_int_equal(leaks->n_processes, 2);
    leaks_free(leaks);
    profile_free(p);
}

static void test_find_says_what_was_not_measured(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    profile_get_process(p, profile_process(p, 3))->ended = true;
    heap_process_get(p->heap, profile_process(p, 1))->was_sampled = true;
    struct leaks *leaks = leaks_find(p, &(struct leaks_query){0});
    assert_int_equal(leaks->n_unmeasured, 1);
    assert_true(leaks->is_estimate);
    leaks_free(leaks);
    profile_free(p);
}

static void test_rules_hold_for_any_frame_and_are_counted(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct leak_rules *rules = rules_of("leak:nothing\nleak:^load$\nleak:^draw$");
    struct leaks_query query = {.rules = rules};
    struct leaks *leaks = leaks_find(p, &query);
    assert_int_equal(leaks->rows->len, 1);
    assert_int_equal(leaks->blocks, 2);
    assert_int_equal(leaks->suppressed_blocks, 9);
    assert_int_equal(leaks->suppressed_bytes, 540);
    assert_int_equal(leaks->suppressed->len, 2);
    assert_int_equal(suppressed_at(leaks, 0)->rule, 1);
    assert_int_equal(suppressed_at(leaks, 0)->bytes, 500);
    assert_int_equal(suppressed_at(leaks, 1)->rule, 2);
    assert_int_equal(suppressed_at(leaks, 1)->blocks, 4);
    leaks_free(leaks);
    leak_rules_free(rules);
    profile_free(p);
}

static void test_rules_match_modules_and_files(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct leak_rules *rules = rules_of("leak:/bin/app$");
    struct leaks *leaks = leaks_find(p, &(struct leaks_query){.rules = rules});
    assert_int_equal(leaks->rows->len, 0);
    assert_int_equal(leaks->suppressed_blocks, 11);
    leaks_free(leaks);
    leak_rules_free(rules);
    profile_free(p);
}

static void test_huge_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    builder_site(p, "main draw", 1, 1, 1, 1)->values[HEAP_LIVE_BYTES] = INT64_MAX;
    builder_site(p, "main load parse", 1, 1, 1, 1)->values[HEAP_LIVE_BYTES] = INT64_MAX;
    struct leaks *leaks = leaks_find(p, &(struct leaks_query){0});
    assert_int_equal(leaks->bytes, INT64_MAX);
    leaks_free(leaks);
    struct leak_rules *rules = rules_of("leak:*");
    leaks = leaks_find(p, &(struct leaks_query){.rules = rules});
    assert_int_equal(leaks->suppressed_bytes, INT64_MAX);
    leaks_free(leaks);
    leak_rules_free(rules);
    profile_free(p);
}

static uint32_t frame_in(struct profile *p, const char *module, const char *name)
{
    uint32_t id = profile_module(p, module, NULL, MODULE_FILE);
    struct line line = {
        .function = profile_function(p, &(struct function_spec){.module = id, .name = name})};
    uint32_t frame = profile_frame(p, id, 0x1000 + line.function);
    profile_resolve(p, frame, &line, 1, 0);
    return frame;
}

/* What starts threads and calls constructors is the C library's: that it stands on a stack says
 * nothing, only that it allocates does. */
static void test_built_in_rules_spare_the_program(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    uint32_t loader = frame_in(p, "/lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2+0x5280");
    uint32_t cxx = frame_in(p, "/usr/lib/libstdc++.so.6", "libstdc++.so.6+0xa0000");
    uint32_t main = frame_in(p, "/opt/app", "main"), init = frame_in(p, "/opt/app", "init_table");
    uint32_t atexit = frame_in(p, "/usr/lib/libc.so.6", "__cxa_atexit");
    uint32_t libc = frame_in(p, "/usr/lib/libc.so.6", "libc.so.6+0x3e000");
    const struct {
        uint32_t frames[3];
        bool suppressed;
    } cases[] = {
        {{loader, main, main}, true}, /* thread-local memory */
        {{init, loader, loader}, false}, {{cxx, loader, loader}, true},
        {{cxx, main, loader}, false},    {{main, cxx, loader}, false},
        {{libc, atexit, main}, true},    {{libc, main, libc}, false},
    };
    struct leak_rules *rules = leak_rules_new(true);
    struct leak_matcher *matcher = leak_matcher_new(rules, p);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t stack = profile_stack(p, cases[i].frames, 3);
        assert_int_equal(leak_matcher_find(matcher, stack) != LEAK_RULE_NONE, cases[i].suppressed);
    }
    /* Who called is unknown: the narrower rule does not hold. */
    assert_int_equal(leak_matcher_find(matcher, profile_stack(p, &cxx, 1)), LEAK_RULE_NONE);
    assert_int_not_equal(leak_matcher_find(matcher, profile_stack(p, &loader, 1)), LEAK_RULE_NONE);
    leak_matcher_free(matcher);
    leak_rules_free(rules);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_groups_by_line_or_stack),
        cmocka_unit_test(test_find_leaves_running_processes_out),
        cmocka_unit_test(test_find_looks_at_one_process),
        cmocka_unit_test(test_find_says_what_was_not_measured),
        cmocka_unit_test(test_rules_hold_for_any_frame_and_are_counted),
        cmocka_unit_test(test_rules_match_modules_and_files),
        cmocka_unit_test(test_huge_numbers_do_not_overflow),
        cmocka_unit_test(test_built_in_rules_spare_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
