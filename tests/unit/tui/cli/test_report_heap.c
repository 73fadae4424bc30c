/*
 * Tests of the reports of the heap, on a small heap with known figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "core/model/profile.h"
#include "tests/unit/tui/cli/report_output.h"
#include "tui/cli/report_heap.h"
#include "tui/cli/report_json.h"
#include "tui/cli/report_text.h"

static char *print_view(const struct profile *p, enum report_view view)
{
    return print(report_text, p, (struct report_options){.view = view, .heap_sort = HEAP_SORTS});
}

static void assert_silent(const char *text, const char *what)
{
    if (strstr(text, what))
        fail_msg("\"%s\" is in:\n%s", what, text);
}

/* ---- a heap ---- */

static uint32_t call(struct profile *p, const char *name, uint32_t line)
{
    uint32_t module = profile_module(p, "/opt/shop", "beef", MODULE_FILE);
    struct line where = {.line = line,
                         .function =
                             profile_function(p, &(struct function_spec){.module = module,
                                                                         .linkage = name,
                                                                         .name = name,
                                                                         .brief = name,
                                                                         .file = "/src/shop.c",
                                                                         .decl_line = 1})};
    uint32_t frame = profile_frame(p, module, line);
    profile_resolve(p, frame, &where, 1, 0);
    return frame;
}

static void add_process(struct profile *p, int pid, const char *name)
{
    uint32_t id = profile_process_new(p, pid, PROFILE_NONE);
    profile_get_process(p, id)->name = profile_text(p, name);
    profile_get_process(p, id)->ended = true;
    struct heap_process *record = heap_process_get(p->heap, id);
    record->mode = HEAP_EXACT;
    record->ended = true;
}

static struct heap_site *add_site(struct profile *p, const char *name, uint32_t line,
                                  uint32_t called_at)
{
    uint32_t stack =
        profile_stack(p, (uint32_t[]){call(p, name, line), call(p, "main", called_at)}, 2);
    struct heap_site *site = heap_site_get(p->heap, stack, 0);
    heap_touch(p->heap);
    return site;
}

/* A list of which a part is kept, and three blocks that are lost. */
static void fill_sites(struct profile *p)
{
    struct heap_site *list = add_site(p, "make_list", 12, 40);
    list->values[HEAP_ALLOCS] = 10;
    list->values[HEAP_ALLOC_BYTES] = 1000;
    list->values[HEAP_LIVE_BLOCKS] = 2;
    list->values[HEAP_LIVE_BYTES] = 200;
    list->values[HEAP_PEAK_BLOCKS] = 5;
    list->values[HEAP_PEAK_BYTES] = 500;
    list->values[HEAP_OWN_PEAK_BYTES] = 600;
    list->values[HEAP_TEMPORARY] = 4;
    list->values[HEAP_REALLOCS] = 1;
    list->sizes[3] = 9; /* up to 128 B */
    list->sizes[15] = 1;
    list->lifetimes[2] = 6; /* below 100 us */
    list->lifetimes[7] = 2;
    struct heap_site *lost = add_site(p, "lose", 30, 41);
    lost->values[HEAP_ALLOCS] = 3;
    lost->values[HEAP_ALLOC_BYTES] = 3072;
    lost->values[HEAP_LIVE_BLOCKS] = 3;
    lost->values[HEAP_LIVE_BYTES] = 3072;
    lost->values[HEAP_PEAK_BLOCKS] = 3;
    lost->values[HEAP_PEAK_BYTES] = 3072;
    lost->values[HEAP_OWN_PEAK_BYTES] = 3072;
    lost->youngest_ns = 1000000000;
    lost->oldest_ns = 2500000000;
}

static struct profile *make_heap(void)
{
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    p->info.wait_status = 0;
    add_process(p, 100, "shop");
    struct heap_process *record = heap_process_get(p->heap, 0);
    record->allocs = 13;
    record->alloc_bytes = 4072;
    record->frees = 9;
    record->unknown_frees = 1;
    record->live_blocks = 5;
    record->live_bytes = 3272;
    record->peak_bytes = 3572;
    record->peak_time_ns = 1500000000;
    fill_sites(p);
    return p;
}

static void make_sampled(struct profile *p)
{
    heap_process_get(p->heap, 0)->mode = HEAP_SAMPLED;
    heap_process_get(p->heap, 0)->was_sampled = true;
    struct heap_site *lost = add_site(p, "lose", 30, 41);
    lost->sampled = 2;
    lost->variance_bytes2 = 307.0 * 307.0; /* a tenth of the bytes */
}

/* ---- text ---- */

static void test_memory_tells_the_whole_first(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_MEMORY);
    assert_says(text, "heap       exact: every block is recorded with its call stack\n");
    assert_says(text, "allocated  3.98 KiB in 13 blocks, on average 313 B\n");
    assert_says(text, "freed      9 blocks, 1 of them not seen allocated\n");
    assert_says(text, "peak       3.49 KiB after 1.50 s\n");
    assert_says(text, "not freed  3.20 KiB in 5 blocks\n");
    assert_silent(text, "unrecorded");
    assert_silent(text, "failed");
    assert_silent(text, "process    ");
    g_free(text);
    profile_free(p);
}

static void test_memory_lists_sites_in_aligned_columns(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_MEMORY);
    assert_says(
        text,
        "\n"
        "   ALLOCS      BYTES        AVG       LIVE     BLOCKS       PEAK    OWN-PEAK  TEMP%  "
        "FUNCTION   SOURCE     MODULE\n"
        "        3   3.00 KiB   1.00 KiB   3.00 KiB          3   3.00 KiB    3.00 KiB    0.0  "
        "lose       shop.c:30  shop\n"
        "       10     1000 B      100 B      200 B          2      500 B       600 B   40.0  "
        "make_list  shop.c:12  shop\n");
    g_free(text);
    profile_free(p);
}

static void test_memory_tells_sizes_and_lifetimes(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_MEMORY);
    assert_says(text, "  make_list shop.c:12: sizes ≤128 B 90 %, >256 KiB 10 %; "
                      "lived <100 µs 75 %, ≥1 s 25 %\n");
    g_free(text);
    profile_free(p);
}

static void test_memory_is_sorted_and_cut(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text =
        print(report_text, p,
              (struct report_options){.view = REPORT_MEMORY, .heap_sort = HEAP_ALLOCS, .top = 1});
    assert_says(text, "make_list");
    assert_silent(text, "lose");
    assert_says(text, "... and 1 more: --top 0 shows all\n");
    g_free(text);
    profile_free(p);
}

static void test_peak_tells_what_was_live_and_from_where(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    add_site(p, "gone", 50, 42)->values[HEAP_ALLOCS] = 7; /* nothing of it at the peak */
    char *text = print_view(p, REPORT_PEAK);
    assert_says(text, "\n     PEAK     BLOCKS    OWN-PEAK     ALLOCS   STACKS  FUNCTION   SOURCE");
    assert_says(text, "\n 3.00 KiB          3    3.00 KiB          3        1  lose ");
    assert_says(text, "  3.00 KiB in 3 blocks of 3 allocated\n"
                      "      lose  shop.c:30  shop\n"
                      "      main  shop.c:41  shop\n");
    assert_silent(text, "gone");
    g_free(text);
    profile_free(p);
}

static void test_temporary_lists_what_was_freed_at_once(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_TEMPORARY);
    assert_says(text, "\n        4   40.0         10     1000 B      100 B          1  make_list");
    assert_silent(text, "lose");
    g_free(text);
    profile_free(p);
}

static void test_leaks_tell_where_and_how_old(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_LEAKS);
    assert_says(text, "leaked     3.20 KiB in 5 blocks\n");
    assert_says(text, "\n 3.00 KiB          3          3     2.50 s        1  lose ");
    assert_says(text, "\n    200 B          2         10          -        1  make_list ");
    assert_says(text, "  3.00 KiB in 3 blocks of 3 allocated, held 1.00 s to 2.50 s\n"
                      "      lose  shop.c:30  shop\n"
                      "      main  shop.c:41  shop\n"
                      "  200 B in 2 blocks of 10 allocated\n");
    assert_silent(text, "suppressed");
    g_free(text);
    profile_free(p);
}

static void test_leaks_name_what_is_suppressed(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    struct leak_rules *rules = leak_rules_new(false);
    const char *lines = "# known\nleak:lose\n";
    assert_true(leak_rules_parse(rules, lines, strlen(lines), "known.txt", NULL));
    char *text = print(
        report_text, p,
        (struct report_options){.view = REPORT_LEAKS, .heap_sort = HEAP_SORTS, .rules = rules});
    assert_says(text, "leaked     200 B in 2 blocks\n");
    assert_says(text, "\nsuppressed\n  3.00 KiB in 3 blocks by lose (known.txt:2)\n");
    assert_silent(text, "shop.c:30");
    g_free(text);
    leak_rules_free(rules);
    profile_free(p);
}

static void test_leaks_of_what_still_runs_are_none(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    profile_get_process(p, 0)->ended = false;
    heap_process_get(p->heap, 0)->ended = false;
    char *text = print_view(p, REPORT_LEAKS);
    assert_says(text, "leaked     no process that was measured has ended");
    assert_says(text, "live       3.20 KiB in 5 blocks\n");
    assert_silent(text, "lose");
    g_free(text);
    profile_free(p);
}

static void test_leaks_of_a_clean_program_are_none(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    add_process(p, 100, "clean");
    heap_process_get(p->heap, 0)->allocs = 1;
    heap_process_get(p->heap, 0)->frees = 1;
    char *text = print_view(p, REPORT_LEAKS);
    assert_says(text, "leaked     nothing leaked\n");
    assert_silent(text, "FUNCTION");
    g_free(text);
    heap_process_get(p->heap, 0)->was_sampled = true;
    text = print_view(p, REPORT_LEAKS);
    assert_says(text, "leaked     nothing of what was recorded; small leaks may be missed\n");
    g_free(text);
    profile_free(p);
}

static void test_estimates_show_their_error_and_exact_figures_none(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    char *text = print_view(p, REPORT_MEMORY);
    assert_silent(text, "±");
    assert_silent(text, "~");
    g_free(text);
    make_sampled(p);
    text = print_view(p, REPORT_MEMORY);
    assert_says(text, "heap       exact, then sampled: all calls are counted, 2 blocks recorded by "
                      "chance;");
    assert_says(text, "allocated  3.98 KiB in 13 blocks, on average 313 B\n"); /* exact always */
    assert_says(text, "peak       ~3.49 KiB after 1.50 s\n");
    assert_says(text, "not freed  ~3.20 KiB in ~5 blocks\n");
    assert_says(text, "       ~3   3.00 KiB ±10%   1.00 KiB   3.00 KiB ±10%         ~3");
    assert_says(text,
                "       10          1000 B      100 B           200 B          2"); /* exact */
    g_free(text);
    profile_free(p);
}

static void test_own_peaks_of_several_stacks_are_a_bound(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    struct heap_site *more = add_site(p, "lose", 30, 43);
    more->values[HEAP_ALLOCS] = 1;
    more->values[HEAP_ALLOC_BYTES] = more->values[HEAP_OWN_PEAK_BYTES] = 1024;
    char *text = print_view(p, REPORT_MEMORY);
    assert_says(text, " ≤4.00 KiB    0.0  lose ");
    g_free(text);
    profile_free(p);
}

static void test_processes_are_listed_with_their_trouble(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    add_process(p, 101, "helper");
    heap_process_get(p->heap, 1)->mode = HEAP_OFF;
    heap_process_get(p->heap, 1)->trouble = profile_text(p, "it has an allocator of its own");
    char *text = print_view(p, REPORT_MEMORY);
    assert_says(text,
                "process    shop (pid 100): exact; 3.98 KiB in 13 blocks, peak 3.49 KiB after "
                "1.50 s, not freed 3.20 KiB in 5 blocks\n");
    assert_says(text,
                "process    helper (pid 101): not measured; it has an allocator of its own\n");
    g_free(text);
    profile_free(p);
}

static void test_of_many_processes_the_largest_and_the_troubled_are_listed(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    for (int i = 1; i <= 30; i++) {
        add_process(p, 100 + i, "child");
        heap_process_get(p->heap, (uint32_t)i)->allocs = 1;
        heap_process_get(p->heap, (uint32_t)i)->peak_bytes = i;
    }
    heap_process_get(p->heap, 1)->trouble = profile_text(p, "no room");
    struct report_options options = {.view = REPORT_MEMORY, .heap_sort = HEAP_SORTS, .top = 40};
    char *text = print(report_text, p, options);
    assert_says(text, "process    child (pid 101): ");
    assert_says(text, "process    shop (pid 100): ");
    assert_says(text, "process    child (pid 123): ");
    assert_silent(text, "(pid 122)");
    assert_says(text, "\n... and 21 more processes: --top 0 shows all\n");
    g_free(text);
    options.top = 0;
    text = print(report_text, p, options);
    assert_says(text, "process    child (pid 102): ");
    assert_silent(text, " more process");
    g_free(text);
    profile_free(p);
}

static void assert_not_measured(const struct profile *p, const char *why)
{
    for (enum report_view view = REPORT_MEMORY; view < REPORT_VIEWS; view++) {
        char *text = print_view(p, view);
        assert_says(text, "\nThe heap was not measured: ");
        assert_says(text, why);
        assert_silent(text, "FUNCTION");
        assert_silent(text, "0 B");
        g_free(text);
    }
}

static void test_nothing_measured_is_said_with_its_reason(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    assert_not_measured(p, "record with --memory");
    uint32_t id = profile_process_new(p, 7, PROFILE_NONE);
    profile_get_process(p, id)->name = profile_text(p, "busybox");
    profile_get_process(p, id)->coverage = profile_text(p, "it is static");
    assert_not_measured(p, "the collector is not in busybox (pid 7): it is static");
    heap_process_get(p->heap, id)->trouble = profile_text(p, "it has its own");
    assert_not_measured(p, "busybox (pid 7): it has its own");
    p->heap->why_not = profile_text(p, "it was switched off");
    assert_not_measured(p, "it was switched off");
    profile_free(p);
}

static void test_functions_tell_what_they_allocated(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    uint32_t thread = profile_thread(p, 0, 100);
    uint32_t stack = profile_stack(p, (uint32_t[]){call(p, "lose", 30), call(p, "main", 41)}, 2);
    profile_add(p, stack, thread, 0, (int64_t[]){1000});
    char *text = print_view(p, REPORT_FUNCTIONS);
    assert_says(text, "heap       3.98 KiB in 13 blocks allocated, 3.20 KiB not freed\n");
    assert_says(text, "      ALLOC  FUNCTION");
    assert_says(text, "   3.00 KiB  lose ");
    assert_says(text, "             main ");
    g_free(text);
    profile_free(p);
}

static void test_other_views_say_why_the_heap_is_missing(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    char *text = print_view(p, REPORT_TREE);
    assert_silent(text, "heap"); /* nobody knows of one */
    g_free(text);
    p->heap->why_not = profile_text(p, "it was switched off");
    text = print_view(p, REPORT_TREE);
    assert_says(text, "heap       not measured: it was switched off\n");
    g_free(text);
    profile_free(p);
}

/* ---- JSON ---- */

static json_t *parse_view(const struct profile *p, enum report_view view)
{
    json_error_t error;
    char *text =
        print(report_json, p, (struct report_options){.view = view, .heap_sort = HEAP_SORTS});
    json_t *object = json_loads(text, 0, &error);
    if (!object)
        fail_msg("%s", error.text);
    g_free(text);
    return object;
}

static json_int_t number(const json_t *object, const char *key)
{
    if (!json_is_integer(json_object_get(object, key)))
        fail_msg("%s is no number", key);
    return json_integer_value(json_object_get(object, key));
}

static json_int_t number_at(const json_t *object, const char *key, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(object, key), i));
}

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_json_has_totals_and_bounds(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    heap_add_moment(p->heap, &(struct heap_moment){.time_ns = 5, .live_bytes = 9, .rss_bytes = -1});
    json_t *object = parse_view(p, REPORT_MEMORY), *heap = json_object_get(object, "heap");
    assert_true(json_is_true(json_object_get(heap, "measured")));
    assert_true(json_is_false(json_object_get(heap, "is_estimate")));
    assert_int_equal(number(heap, "allocs"), 13);
    assert_int_equal(number(heap, "unknown_frees"), 1);
    assert_int_equal(json_array_size(json_object_get(heap, "size_bounds")), HEAP_SIZE_CLASSES - 1);
    assert_int_equal(number_at(heap, "size_bounds", 14), 256 * 1024);
    assert_int_equal(number_at(heap, "lifetime_bounds_ns", 6), 1000000000);
    json_t *moment = json_array_get(json_object_get(heap, "moments"), 0);
    assert_int_equal(number(moment, "live_bytes"), 9);
    assert_true(json_is_null(json_object_get(moment, "rss_bytes")));
    json_t *process = json_array_get(json_object_get(heap, "processes"), 0);
    assert_int_equal(number(process, "pid"), 100);
    assert_string_equal(word(process, "mode"), "exact");
    assert_int_equal(number(process, "peak_time_ns"), 1500000000);
    assert_null(json_object_get(object, "functions"));
    json_decref(object);
    profile_free(p);
}

static void test_json_has_sites_with_their_stacks(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    json_t *object = parse_view(p, REPORT_MEMORY), *sites = json_object_get(object, "sites");
    assert_int_equal(json_array_size(sites), 2);
    json_t *site = json_array_get(sites, 1);
    assert_string_equal(word(site, "function"), "make_list");
    assert_string_equal(word(site, "file"), "/src/shop.c");
    assert_int_equal(number(site, "line"), 12);
    assert_int_equal(number(site, "average_bytes"), 100);
    assert_int_equal(number(site, "own_peak_bytes"), 600);
    assert_int_equal(number(site, "temporary"), 4);
    assert_int_equal(number(site, "bytes_error"), 0);
    assert_int_equal(number_at(site, "sizes", 3), 9);
    assert_int_equal(number_at(site, "lifetimes", 7), 2);
    assert_true(json_is_null(json_object_get(site, "oldest_ns")));
    json_t *stack = json_array_get(json_object_get(site, "stacks"), 0);
    assert_int_equal(number(stack, "pid"), 100);
    json_t *frames = json_object_get(stack, "frames");
    assert_int_equal(json_array_size(frames), 2);
    assert_string_equal(word(json_array_get(frames, 1), "function"), "main");
    assert_int_equal(number(json_array_get(frames, 1), "line"), 40);
    json_decref(object);
    profile_free(p);
}

static void test_json_tells_errors_of_estimates(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    make_sampled(p);
    add_site(p, "lose", 30, 41)->values[HEAP_LIVE_BYTES] = 768; /* a quarter of it */
    json_t *object = parse_view(p, REPORT_MEMORY);
    json_t *site = json_array_get(json_object_get(object, "sites"), 0);
    assert_true(json_is_true(json_object_get(site, "is_estimate")));
    assert_int_equal(number(site, "bytes_error"), 307);
    assert_int_equal(number(site, "live_bytes_error"), 154); /* half the error */
    json_decref(object);
    profile_free(p);
}

static void test_json_lists_leaks_by_stack(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    json_t *object = parse_view(p, REPORT_LEAKS), *leaks = json_object_get(object, "leaks");
    assert_int_equal(number(leaks, "bytes"), 3272);
    assert_int_equal(number(leaks, "blocks"), 5);
    assert_int_equal(number(leaks, "processes_checked"), 1);
    assert_int_equal(json_array_size(json_object_get(leaks, "stacks")), 2);
    json_t *first = json_array_get(json_object_get(leaks, "stacks"), 0);
    assert_int_equal(number(first, "live_bytes"), 3072);
    assert_int_equal(number(first, "oldest_ns"), 2500000000);
    assert_int_equal(json_array_size(json_object_get(object, "sites")), 2);
    json_decref(object);
    profile_free(p);
}

static void test_json_of_other_views_has_the_whole(void **state)
{
    (void)state;
    struct profile *p = make_heap();
    json_t *object = parse_view(p, REPORT_THREADS), *heap = json_object_get(object, "heap");
    assert_int_equal(number(heap, "bytes"), 4072);
    assert_null(json_object_get(heap, "moments"));
    assert_null(json_object_get(object, "sites"));
    assert_non_null(json_object_get(object, "functions"));
    json_decref(object);
    profile_free(p);
}

static void test_json_says_that_nothing_was_measured(void **state)
{
    (void)state;
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    p->heap->why_not = profile_text(p, "it was switched off");
    json_t *object = parse_view(p, REPORT_LEAKS), *heap = json_object_get(object, "heap");
    assert_true(json_is_false(json_object_get(heap, "measured")));
    assert_string_equal(word(heap, "why"), "it was switched off");
    assert_null(json_object_get(heap, "allocs"));
    assert_null(json_object_get(object, "sites"));
    assert_null(json_object_get(object, "leaks"));
    json_decref(object);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_tells_the_whole_first),
        cmocka_unit_test(test_memory_lists_sites_in_aligned_columns),
        cmocka_unit_test(test_memory_tells_sizes_and_lifetimes),
        cmocka_unit_test(test_memory_is_sorted_and_cut),
        cmocka_unit_test(test_peak_tells_what_was_live_and_from_where),
        cmocka_unit_test(test_temporary_lists_what_was_freed_at_once),
        cmocka_unit_test(test_leaks_tell_where_and_how_old),
        cmocka_unit_test(test_leaks_name_what_is_suppressed),
        cmocka_unit_test(test_leaks_of_what_still_runs_are_none),
        cmocka_unit_test(test_leaks_of_a_clean_program_are_none),
        cmocka_unit_test(test_estimates_show_their_error_and_exact_figures_none),
        cmocka_unit_test(test_own_peaks_of_several_stacks_are_a_bound),
        cmocka_unit_test(test_of_many_processes_the_largest_and_the_troubled_are_listed),
        cmocka_unit_test(test_processes_are_listed_with_their_trouble),
        cmocka_unit_test(test_nothing_measured_is_said_with_its_reason),
        cmocka_unit_test(test_functions_tell_what_they_allocated),
        cmocka_unit_test(test_other_views_say_why_the_heap_is_missing),
        cmocka_unit_test(test_json_has_totals_and_bounds),
        cmocka_unit_test(test_json_has_sites_with_their_stacks),
        cmocka_unit_test(test_json_tells_errors_of_estimates),
        cmocka_unit_test(test_json_lists_leaks_by_stack),
        cmocka_unit_test(test_json_of_other_views_has_the_whole),
        cmocka_unit_test(test_json_says_that_nothing_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
