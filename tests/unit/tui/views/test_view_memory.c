/*
 * The Memory view, Flame weighed by the heap, and the heap in Functions and the header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/tui/views/played_session.h"
#include "tests/unit/tui/views/small_heap.h"

static void go_live(struct fixture *f)
{
    struct session_status *s = &f->session.status;
    s->heap_mode = HEAP_EXACT;
    s->heap_cost_percent = 2.1;
    s->heap_bytes_per_second = 3.0 * MIB;
    s->memory = (struct memory_use){.rss_bytes = 70 * MIB,
                                    .allocator_bytes = 50 * MIB,
                                    .anonymous_bytes = 5 * MIB,
                                    .file_bytes = 10 * MIB,
                                    .proftop_bytes = 3 * MIB};
    for (int i = 0; i < 10; i++)
        s->heap_history[s->n_heap_history++] = (float)(i * MIB);
}

static int set_up_heap(void **state)
{
    set_up_live(state);
    struct fixture *f = *state;
    small_heap_fill(&f->session.small);
    go_live(f);
    keys(f, "3");
    refresh(f);
    return 0;
}

static int set_up_heap_file(void **state)
{
    set_up_file(state);
    struct fixture *f = *state;
    small_heap_fill(&f->session.small);
    keys(f, "3");
    refresh(f);
    return 0;
}

static uint32_t first_process(const struct fixture *f)
{
    const struct small_profile *small = &f->session.small;
    return profile_get_thread(small->profile, small->threads[0])->process;
}

static struct heap_site *site_of_sort(struct fixture *f)
{
    return small_heap_site(&f->session.small, first_process(f),
                           (int[]){SMALL_SORT, SMALL_RUN, SMALL_MAIN}, 3);
}

/* Some time later than a refresh of the rows takes to be due. */
static void refresh_later(struct fixture *f, int64_t ms)
{
    app_refresh(&f->app, f->app.now_ns + ms * 1000000);
}

static void assert_in_picture(struct fixture *f, int rows, int cols, const char *text)
{
    char *dump = picture(f, rows, cols, false);
    if (!strstr(dump, text))
        fail_msg("no '%s' in:\n%s", text, dump);
    g_free(dump);
}

/* The first row of the table on a screen of 24 x 80. */
static void assert_first_row(struct fixture *f, const char *text)
{
    char *dump = picture(f, 24, 80, false);
    char **lines = g_strsplit(dump, "\n", -1);
    int i = 0;
    while (lines[i] && !strstr(lines[i], "FUNCTION"))
        i++;
    if (!lines[i] || !strstr(lines[i + 1], text))
        fail_msg("the first row is not of %s in:\n%s", text, dump);
    g_strfreev(lines);
    g_free(dump);
}

/* --- what is shown --- */

static void test_table_at_the_smallest_size(void **state)
{
    assert_picture(*state, " ./small  * live 00:12  997/999 Hz perf\n"
                           " 1  2  3 Memory  7  0         whole run\n"
                           " exact  live 42.0 MiB in 1.50 k\n"
                           "   LIVEv     PEAK FUNCTION\n"
                           "40.0 MiB 45.0 MiB sort\n"
                           "2.00 MiB 5.00 MiB copy\n"
                           "\n"
                           "\n"
                           "\n"
                           " ? help  q quit  Enter flame  e details\n");
}

static void test_stacks_of_a_line_are_one_row(void **state)
{
    struct fixture *f = *state;
    assert_in_picture(f, 30, 200, "2.00 MiB       3 5.00 MiB \u22647.00 MiB  1.00 k  100 MiB");
    assert_in_picture(f, 30, 200, "40.0 MiB  1.50 k 45.0 MiB  46.0 MiB  2.00 k 60.0 MiB");
    keys(f, "j");
    assert_shows(f, "2 call paths by live bytes");
}

static void test_summary_says_mode_totals_and_cost(void **state)
{
    assert_shows(*state, " exact  live 42.0 MiB in 1.50 k blocks  peak 50.0 MiB at 00:07  hooks "
                         "2.1 %");
    struct fixture *f = *state;
    struct heap_process *p = heap_process_get(f->session.small.profile->heap, first_process(f));
    p->unknown_frees = 7;
    p->unrecorded = 9;
    assert_in_picture(f, 24, 120, "calls 4.50 k");
    assert_in_picture(f, 24, 120, "unrecorded 9");
    assert_in_picture(f, 10, 40, "live 42.0 MiB"); /* before what is missing */
    assert_in_picture(f, 24, 140, "unknown frees 7");
}

static void test_cost_of_the_hooks_is_shown_in_every_mode(void **state)
{
    struct fixture *f = *state;
    struct session_status *s = &f->session.status;
    for (int mode = HEAP_EXACT; mode <= HEAP_SAMPLED; mode++) {
        s->heap_mode = (enum heap_mode)mode;
        for (int policy = HEAP_POLICY_AUTO; policy <= HEAP_POLICY_OFF; policy++) {
            s->heap_policy = (enum heap_policy)policy;
            s->heap_cost_percent = 0;
            refresh(f);
            assert_shows(f, "  hooks 0.0 %");
            s->heap_cost_percent = -1;
            refresh(f);
            assert_hides(f, "hooks");
        }
    }
}

static void test_resident_memory_adds_up(void **state)
{
    assert_shows(*state, " RSS 70.0 MiB = 42.0 heap + 8.0 slack + 5.0 mmap + 10.0 files + 5.0 "
                         "other\n");
    assert_in_picture(*state, 24, 120, " + 3.0 proftop + 2.0 unexplained\n");
}

static void test_heap_larger_than_what_is_resident_has_no_slack(void **state)
{
    struct fixture *f = *state;
    f->session.status.memory.allocator_bytes = 30 * MIB;
    refresh(f);
    assert_shows(f, " = 30.0 heap + 10.0 files");
    assert_hides(f, "slack");
    assert_in_picture(f, 40, 120, "untouched   12.0 MiB");
}

static void test_large_screens_draw_the_heap_over_time(void **state)
{
    assert_hides(*state, "\u25bc peak");
    assert_in_picture(*state, 34, 120, "\u25bc peak 50.0 MiB at 00:07");
    assert_in_picture(*state, 34, 120, " slack       8.00 MiB");
}

static void test_the_heap_over_time_has_a_scale(void **state)
{
    struct fixture *f = *state;
    assert_in_picture(f, 50, 200, "\n  50.0 MiB "); /* the peak */
    assert_in_picture(f, 50, 200, "\n       0 B \u2581");
    char *dump = picture(f, 50, 200, false);
    assert_true(g_regex_match_simple("\n {11}00:00 {120,}00:11", dump, 0, 0));
    g_free(dump);
    dump = picture(f, 50, 200, true);
    assert_non_null(strstr(dump, "\n  50.0 MiB "));
    g_free(dump);
    f->session.status.memory.rss_bytes = 0; /* no bars beside it */
    refresh(f);
    dump = picture(f, 50, 100, false);
    assert_true(g_regex_match_simple("\n {11}00:00 {70,}00:11\n", dump, 0, 0));
    g_free(dump);
}

static void test_peaks_of_several_processes_are_no_moment(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    uint32_t child = profile_process_new(p, 200, first_process(f));
    struct heap_process *heap = heap_process_get(p->heap, child);
    heap->mode = HEAP_EXACT;
    heap->allocs = 1;
    heap->peak_bytes = 3 * MIB;
    refresh_later(f, 1000);
    assert_in_picture(f, 34, 120, "\u25bc most 49.0 MiB at 00:07");
    assert_in_picture(f, 24, 100, "peak 53.0 MiB (sum of 2 processes)");
    assert_shows(f, "heap 42.0 MiB  sum of peaks 53.0 MiB");
}

static void test_header_has_the_heap(void **state)
{
    assert_shows(*state, "heap 42.0 MiB  peak 50.0 MiB  allocs 3.00 MiB/s");
    assert_in_picture(*state, 24, 110, "heap \u2581\u2581\u2582\u2583");
    struct fixture *f = *state;
    f->session.status.state = SESSION_ENDED;
    refresh(f);
    assert_hides(f, "3.00 MiB/s");
}

static void test_unmeasured_heap_is_not_shown_as_zero(void **state)
{
    struct fixture *f = *state;
    keys(f, "3");
    f->session.small.profile->heap->why_not = "it is a static program";
    assert_shows(f, "The heap is not measured: it is a static program.");
    assert_hides(f, "LIVE");
    assert_in_picture(f, 24, 120, "heap: not measured (it is a static program)");
    assert_hides(f, "0 B");
    f->session.status.heap_policy = HEAP_POLICY_OFF;
    refresh(f);
    assert_shows(f, "heap: off");
    assert_shows(f, "The heap is not measured: it is switched off (M switches it on).");
    keys(f, "M");
    assert_int_equal(f->session.status.heap_policy, HEAP_POLICY_AUTO);
}

static void test_trouble_of_a_process_is_told(void **state)
{
    struct fixture *f = *state;
    struct heap_process *p = heap_process_get(f->session.small.profile->heap, first_process(f));
    p->trouble = "its allocator is inside the program";
    keys(f, "3");
    assert_shows(f, "The heap is not measured: its allocator is inside the program.");
    small_heap_fill(&f->session.small);
    p = heap_process_get(f->session.small.profile->heap, first_process(f));
    p->trouble = "too late";
    refresh_later(f, 1000);
    assert_shows(f, "1 process not all seen");
    assert_shows(f, "\n\n  small (pid 100): too late\n");
}

static void test_a_file_without_a_heap_says_so(void **state)
{
    struct fixture *f = *state;
    keys(f, "3");
    assert_shows(f, "The heap is not measured: this file has no heap data.");
    keys(f, "2w");
    assert_shows(f, "the heap is not measured: this file has no heap data");
    assert_shows(f, "top-down");
}

static void test_file_shows_its_heap(void **state)
{
    assert_first_row(*state, "sort");
    assert_shows(*state, " exact  live 42.0 MiB");
    assert_hides(*state, "RSS");
    assert_hides(*state, "hooks");
    char *dump = picture(*state, 50, 200, false);
    assert_null(strstr(dump, "ALLOC/s"));
    assert_non_null(strstr(dump, "\u25bc peak 50.0 MiB at 00:07"));
    g_free(dump);
}

/* --- estimates --- */

static void sample_sort(struct fixture *f)
{
    struct heap_site *site = site_of_sort(f);
    site->sampled = 120;
    site->variance_bytes2 = 9.0 * MIB * MIB; /* 3 MiB of 60: 5 % */
    heap_touch(f->session.small.profile->heap);
    struct heap_process *p = heap_process_get(f->session.small.profile->heap, first_process(f));
    p->was_sampled = true;
    p->mode = f->session.status.heap_mode;
    refresh_later(f, 1000);
}

static void test_only_sampled_figures_have_an_error(void **state)
{
    struct fixture *f = *state;
    assert_hides(f, "\u00b1");
    sample_sort(f);
    assert_shows(f, "60.0 MiB    5%");
    assert_shows(f, "allocated 60.0 MiB \u00b1 3.00 MiB from 120 samples");
    assert_in_picture(f, 24, 100, "live ~42.0 MiB in ~1.50 k blocks  peak ~50.0 MiB");
    assert_shows(f, "heap ~42.0 MiB  peak ~50.0 MiB");
    assert_shows(f, "\n~40.0 MiB ~45.0 MiB ~2.00 k 60.0 MiB    5%");
    assert_shows(f, "\n 2.00 MiB  5.00 MiB  1.00 k"); /* exact */
    assert_shows(f, " ~40.0 MiB  100.0 %  by ");
    keys(f, "j");
    assert_hides(f, " from 120 samples");
    char *dump = picture(f, 24, 80, true);
    assert_non_null(strstr(dump, "+-"));
    g_free(dump);
}

static void test_a_switch_to_sampling_is_explained(void **state)
{
    struct fixture *f = *state;
    f->session.status.heap_mode = HEAP_SAMPLED;
    sample_sort(f);
    assert_in_picture(f, 24, 140, " exact, then sampled  (exact costs too much)");
    assert_in_picture(f, 10, 40, " sampled  live ~42.0 MiB");
    f->session.status.heap_policy = HEAP_POLICY_SAMPLED;
    refresh(f);
    assert_shows(f, " exact, then sampled  live");
    for (guint i = 0; i < f->session.small.profile->heap->sites->len; i++)
        g_array_index(f->session.small.profile->heap->sites, struct heap_site, i).sampled = 1;
    heap_touch(f->session.small.profile->heap);
    refresh_later(f, 1000);
    assert_shows(f, " sampled  live");
}

/* --- leaks and rates --- */

/* A block of 5 MiB that the C library keeps for stdout, in process `process`. */
static void add_stdout_buffer(struct small_profile *small, uint32_t process)
{
    struct profile *p = small->profile;
    const char *name = "_IO_file_doallocate";
    uint32_t module = profile_module(p, "/lib/libc.so.6", "", MODULE_FILE);
    struct line line = {
        .function = profile_function(
            p, &(struct function_spec){
                   .module = module, .linkage = name, .name = name, .brief = name, .file = ""})};
    uint32_t frames[] = {profile_frame(p, module, 0x9000), small->frames[SMALL_MAIN]};
    profile_resolve(p, frames[0], &line, 1, 0);
    struct heap_site *site = heap_site_get(p->heap, profile_stack(p, frames, 2), process);
    small_heap_set(small, site, &(struct small_site){1, 5 * MIB, 1, 5 * MIB, 5 * MIB, 5 * MIB, 0});
}

static void test_leaks_appear_when_a_process_ends(void **state)
{
    struct fixture *f = *state;
    assert_hides(f, "LEAK");
    struct heap *heap = f->session.small.profile->heap;
    uint32_t child = profile_process_new(f->session.small.profile, 200, first_process(f));
    struct heap_process *p = heap_process_get(heap, child);
    p->mode = HEAP_EXACT;
    p->ended = true;
    p->allocs = 1;
    p->live_bytes = 3 * MIB;
    profile_get_process(f->session.small.profile, child)->ended = true;
    small_heap_set(&f->session.small,
                   small_heap_site(&f->session.small, child, (int[]){SMALL_WALK, SMALL_MAIN}, 2),
                   &(struct small_site){1, 3 * MIB, 1, 3 * MIB, 3 * MIB, 3 * MIB, 0});
    refresh_later(f, 1000);
    assert_shows(f, "LEAK");
    keys(f, "<<<<");
    assert_shows(f, "LEAK\u25bc");
    assert_first_row(f, "walk");
    assert_first_row(f, "3.00 MiB");
    add_stdout_buffer(&f->session.small, child); /* none, for the built-in rules */
    refresh_later(f, 1000);
    assert_first_row(f, "walk");
    assert_shows(f, "5.00 MiB      0 B _IO_file_doallocate");
    keys(f, "7g 3"); /* the first process, which runs */
    assert_hides(f, "LEAK");
    keys(f, "7G 3");
    assert_first_row(f, "walk");
    assert_first_row(f, "3.00 MiB walk");
}

static void test_what_ended_unmeasured_has_no_leaks(void **state)
{
    struct fixture *f = *state;
    uint32_t child = profile_process_new(f->session.small.profile, 200, first_process(f));
    struct heap_process *p = heap_process_get(f->session.small.profile->heap, child);
    p->trouble = "too late";
    p->ended = true;
    refresh_later(f, 1000);
    assert_shows(f, "not all seen");
    assert_hides(f, "LEAK");
}

static void test_rate_is_that_of_the_last_second(void **state)
{
    struct fixture *f = *state;
    struct small_site more = small_site_sort;
    more.allocs += 6000;
    refresh_later(f, 1000);
    small_heap_set(&f->session.small, site_of_sort(f), &more);
    refresh_later(f, 2000);
    assert_in_picture(f, 24, 200, "  3.00 k sort");
    refresh_later(f, 2000);
    assert_in_picture(f, 24, 200, "       0 sort");
}

/* --- rows --- */

static void test_sites_are_looked_through_twice_a_second_at_most(void **state)
{
    struct fixture *f = *state;
    struct small_site more = small_site_sort;
    more.live_bytes = 41 * MIB;
    small_heap_set(&f->session.small, site_of_sort(f), &more);
    refresh_later(f, 100);
    assert_first_row(f, "40.0 MiB");
    refresh_later(f, 500);
    assert_first_row(f, "41.0 MiB");
}

static void test_selection_stays_with_its_row(void **state)
{
    struct fixture *f = *state;
    keys(f, "j");
    assert_shows(f, " copy  libc.so.6  small.c:40 ");
    struct small_site less = small_site_sort;
    less.live_bytes = 1 * MIB;
    small_heap_set(&f->session.small, site_of_sort(f), &less);
    refresh_later(f, 1000);
    assert_first_row(f, "copy");
    assert_shows(f, " copy  libc.so.6  small.c:40 ");
}

static void test_every_column_sorts_both_ways(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *title, *first;
    } columns[] = {
        {"BLOCKS", "sort"}, {"PEAK", "sort"}, {"OWN PEAK", "sort"}, {"ALLOCS", "sort"},
        {"BYTES", "copy"},  {"AVG", "copy"},  {"TEMP%", "copy"},    {"REALLOC", ""},
        {"REMOTE", ""},     {"ALLOC/s", ""},  {"FUNCTION", "copy"}, {"SOURCE", "sort"},
        {"MODULE", "copy"}, {"LIVE", "sort"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        bool is_text = i >= 10 && i <= 12;
        keys(f, ">");
        char *title = g_strconcat(columns[i].title, is_text ? "\u25b2" : "\u25bc", NULL);
        assert_shows(f, title);
        assert_first_row(f, columns[i].first);
        keys(f, "I");
        if (*columns[i].first)
            assert_first_row(f, strcmp(columns[i].first, "sort") == 0 ? "copy" : "sort");
        keys(f, "I");
        g_free(title);
    }
}

static void test_a_chosen_process_narrows_the_rows(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    uint32_t child = profile_process_new(p, 200, first_process(f));
    small_heap_set(&f->session.small,
                   small_heap_site(&f->session.small, child, (int[]){SMALL_WALK, SMALL_MAIN}, 2),
                   &(struct small_site){1, 3 * MIB, 1, 3 * MIB, 3 * MIB, 3 * MIB, 0});
    struct heap_process *heap = heap_process_get(p->heap, child);
    heap->mode = HEAP_EXACT;
    heap->allocs = 1;
    heap->live_bytes = 3 * MIB;
    heap->live_blocks = 1;
    keys(f, "7G 3");
    assert_first_row(f, "walk");
    assert_hides(f, "40.0 MiB");
    assert_shows(f, "live 3.00 MiB in 1 block ");
    keys(f, "7g 3"); /* the first process */
    assert_first_row(f, "sort");
    assert_hides(f, " walk ");
}

static void test_filter_and_search_work_on_rows(void **state)
{
    struct fixture *f = *state;
    keys(f, "/copy\r");
    assert_shows(f, " copy  libc.so.6  small.c:40 ");
    keys(f, "\\sor\r");
    assert_first_row(f, "sort");
    assert_hides(f, "small.c:40");
    keys(f, "cg\\zzz\r");
    assert_shows(f, "No function matches the filter");
}

static void test_details_have_paths_and_histograms(void **state)
{
    struct fixture *f = *state;
    keys(f, "j");
    assert_shows(f, "2.00 MiB  100.0 %  by run \u2190 main");
    assert_shows(f, "most: <= 64 B");
    assert_shows(f, "most: < 10 us");
    assert_in_picture(f, 40, 120, "<= 64 B 1.00 k");
    site_of_sort(f)->oldest_ns = INT64_C(12000000000);
    site_of_sort(f)->youngest_ns = INT64_C(3000000);
    heap_touch(f->session.small.profile->heap);
    keys(f, "g");
    refresh_later(f, 1000);
    assert_in_picture(f, 24, 100, "live for 3.00 ms to 12.0 s");
    site_of_sort(f)->youngest_ns = INT64_C(12004000000);
    heap_touch(f->session.small.profile->heap);
    refresh_later(f, 1000);
    assert_in_picture(f, 24, 100, "live for 12.0 s  ");
}

static void test_whole_paths_have_a_frame_a_line(void **state)
{
    struct fixture *f = *state;
    keys(f, "je");
    assert_hides(f, "FUNCTION");
    assert_shows(f, "     copy  small.c:40\n     run  small.c:20\n     main  small.c:10\n");
    assert_in_picture(f, 24, 80, "     walk  small.c:50\n     walk  small.c:50\n");
    keys(f, "e");
    assert_shows(f, "FUNCTION");
}

/* --- keys that reach other views and the target --- */

static void test_enter_opens_flame_weighed_by_the_sort(void **state)
{
    struct fixture *f = *state;
    keys(f, "j\r");
    assert_shows(f, "live bytes, top-down");
    assert_shows(f, "zoomed to copy, highlighted: copy 4.8 % in all");
    keys(f, "3>>>>>\r"); /* by BYTES */
    assert_shows(f, "bytes allocated, top-down");
    assert_shows(f, "copy 62.5 % in all");
}

static void test_flame_goes_through_the_weights(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "live bytes, top",  "bytes at the peak, top", "bytes allocated, top",
        "allocations, top", "temporary blocks, top",  "CPU time, top",
    };
    keys(f, "2");
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        keys(f, "w");
        assert_shows(f, texts[i]);
        if (i == 0)
            assert_shows(f, "42.0 MiB  self");
        if (i == 3)
            assert_shows(f, "total 100.0 %, 3.00 k  self");
    }
    assert_shows(f, "100 ms");
}

static void test_flame_of_the_heap_turns_and_folds(void **state)
{
    struct fixture *f = *state;
    keys(f, "2wwwb");
    assert_shows(f, "bytes allocated, bottom-up");
    app_key(&f->app, KEY_CODE_DOWN);
    assert_shows(f, " copy  libc.so.6"); /* the heaviest leaf */
    assert_shows(f, "62.5 %, 100 MiB");
    keys(f, "#");
    assert_shows(f, "highlighted: copy 62.5 % in all");
    keys(f, "by");
    assert_shows(f, "recursion folded");
    struct small_site more = small_site_copy;
    more.bytes += 40 * MIB;
    small_heap_set(&f->session.small,
                   small_heap_site(&f->session.small, first_process(f),
                                   (int[]){SMALL_COPY, SMALL_RUN, SMALL_MAIN}, 3),
                   &more);
    refresh_later(f, 1000);
    assert_shows(f, "all  200 MiB");
}

static void test_narrow_summary_says_that_it_knows_no_window(void **state)
{
    struct fixture *f = *state;
    f->session.status.heap_mode = HEAP_SAMPLED;
    sample_sort(f);
    keys(f, "R");
    assert_shows(f,
                 " exact, then sampled  live ~42.0 MiB in ~1.50 k blocks  hooks 2.1 %  whole run");
}

static void test_flame_of_the_heap_knows_no_window(void **state)
{
    struct fixture *f = *state;
    keys(f, "2wR");
    assert_shows(f, "live bytes (all threads, whole run)");
    assert_shows(f, "42.0 MiB");
}

static void test_functions_have_what_they_allocated(void **state)
{
    struct fixture *f = *state;
    keys(f, "1");
    refresh_later(f, 1000);
    assert_shows(f, " 60.0 MiB sort");
    assert_shows(f, " 100 MiB copy");
    keys(f, ">>>");
    assert_shows(f, "ALLOC\u25bc");
    assert_first_row(f, "copy");
    keys(f, "\r");
    assert_shows(f, "bytes allocated, top-down");
    keys(f, "1<\r");
    assert_shows(f, "CPU time, top-down");
}

static void test_functions_without_a_heap_have_no_column(void **state)
{
    assert_hides(*state, "ALLOC");
    struct fixture *f = *state;
    keys(f, ">>>");
    assert_shows(f, "FUNCTION\u25b2");
}

static void test_policy_is_changed_and_said(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum heap_policy policy;
        const char *text;
    } steps[] = {
        {HEAP_POLICY_EXACT, "heap: exact: every block"},
        {HEAP_POLICY_SAMPLED, "heap: sampled: samples"},
        {HEAP_POLICY_OFF, "heap: off: nothing from now on"},
        {HEAP_POLICY_AUTO, "heap: auto: every block, and samples"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        keys(f, "M");
        assert_int_equal(f->session.status.heap_policy, steps[i].policy);
        assert_shows(f, steps[i].text);
    }
    f->session.small.profile->heap->why_not = "no collector";
    keys(f, "M");
    assert_int_equal(f->session.status.heap_policy, HEAP_POLICY_AUTO);
    assert_shows(f, "the heap is not measured: no collector");
}

static void test_mouse_selects_and_sorts(void **state)
{
    struct fixture *f = *state;
    g_free(picture(f, 24, 80, false));
    struct screen_event event = {.kind = SCREEN_CLICK, .y = 7, .x = 30};
    app_mouse(&f->app, &event);
    assert_shows(f, " copy  libc.so.6  small.c:40 ");
    event = (struct screen_event){.kind = SCREEN_CLICK, .y = 5, .x = 14};
    app_mouse(&f->app, &event);
    assert_shows(f, "PEAK\u25bc");
    app_mouse(&f->app, &event);
    assert_shows(f, "PEAK\u25b2");
    assert_first_row(f, "copy");
}

static void test_every_size_draws_inside_its_bounds(void **state)
{
    struct fixture *f = *state;
    for (int whole = 0; whole < 2; whole++, keys(f, "e"))
        for (int rows = 1; rows < 60; rows += 1 + rows / 20)
            for (int cols = 1; cols < 230; cols += 7)
                g_free(picture(f, rows, cols, (rows & 1) != 0));
}

int main(void)
{
#define HEAP(name)      cmocka_unit_test_setup_teardown(name, set_up_heap, tear_down)
#define HEAP_FILE(name) cmocka_unit_test_setup_teardown(name, set_up_heap_file, tear_down)
#define LIVE(name)      cmocka_unit_test_setup_teardown(name, set_up_live, tear_down)
#define FILE_(name)     cmocka_unit_test_setup_teardown(name, set_up_file, tear_down)
    const struct CMUnitTest tests[] = {
        HEAP(test_table_at_the_smallest_size),
        HEAP(test_stacks_of_a_line_are_one_row),
        HEAP(test_summary_says_mode_totals_and_cost),
        HEAP(test_cost_of_the_hooks_is_shown_in_every_mode),
        HEAP(test_resident_memory_adds_up),
        HEAP(test_heap_larger_than_what_is_resident_has_no_slack),
        HEAP(test_large_screens_draw_the_heap_over_time),
        HEAP(test_the_heap_over_time_has_a_scale),
        HEAP(test_peaks_of_several_processes_are_no_moment),
        HEAP(test_header_has_the_heap),
        LIVE(test_unmeasured_heap_is_not_shown_as_zero),
        LIVE(test_trouble_of_a_process_is_told),
        FILE_(test_a_file_without_a_heap_says_so),
        HEAP_FILE(test_file_shows_its_heap),
        HEAP(test_only_sampled_figures_have_an_error),
        HEAP(test_a_switch_to_sampling_is_explained),
        HEAP(test_leaks_appear_when_a_process_ends),
        HEAP(test_what_ended_unmeasured_has_no_leaks),
        HEAP(test_rate_is_that_of_the_last_second),
        HEAP(test_sites_are_looked_through_twice_a_second_at_most),
        HEAP(test_selection_stays_with_its_row),
        HEAP(test_every_column_sorts_both_ways),
        HEAP(test_a_chosen_process_narrows_the_rows),
        HEAP(test_filter_and_search_work_on_rows),
        HEAP(test_details_have_paths_and_histograms),
        HEAP(test_whole_paths_have_a_frame_a_line),
        HEAP(test_enter_opens_flame_weighed_by_the_sort),
        HEAP(test_flame_goes_through_the_weights),
        HEAP(test_flame_of_the_heap_turns_and_folds),
        HEAP(test_narrow_summary_says_that_it_knows_no_window),
        HEAP(test_flame_of_the_heap_knows_no_window),
        HEAP(test_functions_have_what_they_allocated),
        LIVE(test_functions_without_a_heap_have_no_column),
        HEAP(test_policy_is_changed_and_said),
        HEAP(test_mouse_selects_and_sorts),
        HEAP(test_every_size_draws_inside_its_bounds),
        HEAP_FILE(test_every_size_draws_inside_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
