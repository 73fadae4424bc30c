/*
 * Exact calls in Functions, its details, Flame and the header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/tui/views/played_session.h"
#include "tests/unit/tui/views/small_calls.h"

static int set_up_calls(void **state)
{
    set_up_live(state);
    struct fixture *f = *state;
    small_calls_fill(&f->session.small);
    f->session.status.has_calls_source = true;
    f->session.status.calls_policy = CALLS_POLICY_AUTO;
    refresh(f);
    return 0;
}

static int set_up_calls_file(void **state)
{
    set_up_file(state);
    struct fixture *f = *state;
    small_calls_fill(&f->session.small);
    f->session.small.profile->info.duration_ns = INT64_C(10000000000);
    refresh(f);
    return 0;
}

/* Some time later than a query of the calls takes to be due. */
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

/* The first words of the table's rows from the function's name on, joined: "sort copy ...". */
static char *order(struct fixture *f)
{
    char *dump = picture(f, 24, 80, false);
    char **lines = g_strsplit(dump, "\n", -1);
    GString *names = g_string_new(NULL);
    int i = 0;
    const char *title = NULL;
    while (lines[i] && !(title = strstr(lines[i], "FUNCTION")))
        i++;
    glong column = title ? g_utf8_pointer_to_offset(lines[i], title) : 0;
    while (lines[i] && *lines[++i] && g_utf8_strlen(lines[i], -1) > column) {
        const char *name = g_utf8_offset_to_pointer(lines[i], column);
        g_string_append_printf(names, "%s%.*s", names->len ? " " : "", (int)strcspn(name, " "),
                               name);
    }
    g_strfreev(lines);
    g_free(dump);
    return g_string_free(names, FALSE);
}

static void assert_order(struct fixture *f, const char *expected)
{
    char *names = order(f);
    assert_string_equal(names, expected);
    g_free(names);
}

static struct calls_process *troubled(struct fixture *f)
{
    struct small_profile *small = &f->session.small;
    uint32_t process = profile_get_thread(small->profile, small->threads[0])->process;
    return calls_process_get(small->profile->calls, process);
}

/* --- the table --- */

static void test_table_at_the_smallest_size(void **state)
{
    assert_picture(*state, " ./small  * live 00:12  997/999 Hz perf\n"
                           " 1 Functions  2  3  7  0      whole run\n"
                           "SELF%v    CALLS FUNCTION\n"
                           "  60.0  1.20 M  sort\n"
                           "  40.0  41.0 k  copy\n"
                           "   0.0       2  main\n"
                           "   0.0      20  run\n"
                           "   0.0     500  walk\n"
                           "   0.0  3.00 k  hash\n"
                           " ? help  q quit  Enter flame  e details\n");
}

static void test_columns_of_a_usual_screen(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, "SELF%▼  TOTAL%    CALLS       AVG  CALL TIME  CALL SELF FUNCTION");
    assert_shows(f, "40.0    40.0  41.0 k   31.7 µs      1.30 s     1.30 s copy");
    assert_shows(f, " 0.0     0.0  3.00 k   6.00 µs     18.0 ms    18.0 ms hash");
    assert_in_picture(f, 50, 200, "1.50 ms ~2.80 ms ~4.17 ms  12.0 ms walk");
}

static void test_without_calls_there_are_no_columns(void **state)
{
    assert_hides(*state, "CALLS");
    assert_hides(*state, "AVG");
    assert_hides(*state, "exact calls");
}

static void test_what_is_not_counted_is_not_shown_as_zero(void **state)
{
    struct fixture *f = *state;
    small_calls_open(&f->session.small, 0, 1000000);
    f->session.status.calls_policy = CALLS_POLICY_AUTO;
    refresh_later(f, 1000);
    assert_shows(f, "  0.0   100.0       1      open     1.00 ms    10.0 µs main");
    assert_shows(f, " 60.0    60.0                                          sort\n");
    assert_shows(f, "Its calls are not counted (x counts them from now on).");
}

static void test_calls_that_go_on_have_no_average(void **state)
{
    assert_shows(*state, "   2      open      8.00 s    80.0 ms main");
}

static void test_doubtful_times_are_marked(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, "1.20 M     50 ns!    60.0 ms");
    assert_shows(f, "! doubtful: much was taken off for probes");
    keys(f, "j");
    assert_hides(f, "doubtful");
    assert_hides(f, "31.7 µs!");
}

static void test_every_column_of_calls_sorts_both_ways(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *title, *down, *up;
    } columns[] = {
        {"CALLS▼", "sort copy hash walk run main", "main run walk hash copy sort"},
        {"CALLS/s▼", NULL, NULL},
        {"AVG▼", "run walk copy hash sort", "sort hash copy walk run"},
        {"CALL TIME▼", "main run walk copy sort hash", "hash sort copy walk run main"},
        {"CALL SELF▼", "walk copy run main sort hash", "hash sort main run copy walk"},
        {"MIN▼", "run walk copy hash sort", "sort hash copy walk run"},
        {"P50▼", "run walk copy hash sort", "sort hash copy walk run"},
        {"P99▼", "run walk copy hash sort", "sort hash copy walk run"},
        {"MAX▼", "run walk copy hash sort", "sort hash copy walk run"},
    };
    keys(f, ">>"); /* TOTAL%, SAMPLES */
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        keys(f, ">");
        assert_shows(f, columns[i].title);
        char *down = order(f);
        if (columns[i].down && !strstr(down, columns[i].down))
            fail_msg("%s: %s", columns[i].title, down);
        keys(f, "I");
        char *up = order(f);
        if (columns[i].up && !strstr(up, columns[i].up))
            fail_msg("%s inverted: %s", columns[i].title, up);
        keys(f, "I");
        g_free(down);
        g_free(up);
    }
    keys(f, ">");
    assert_shows(f, "FUNCTION▲");
    assert_order(f, "copy hash main run sort walk");
}

static void test_the_column_sorted_by_stays_on_small_screens(void **state)
{
    struct fixture *f = *state;
    keys(f, ">>>>>>"); /* CALL TIME */
    assert_picture(f, " ./small  * live 00:12  997/999 Hz perf\n"
                      " 1 Functions  2  3  7  0      whole run\n"
                      " SELF% CALL TIMEv FUNCTION\n"
                      "   0.0     8.00 s main\n"
                      "   0.0     4.00 s run\n"
                      "   0.0     1.50 s walk\n"
                      "  40.0     1.30 s copy\n"
                      "  60.0    60.0 ms sort\n"
                      "   0.0    18.0 ms hash\n"
                      " ? help  q quit  Enter flame  e details\n");
}

static void test_the_unknown_comes_last_in_both_directions(void **state)
{
    struct fixture *f = *state;
    uint32_t frames[] = {f->session.small.frames[SMALL_RUN], f->session.small.frames[SMALL_MAIN]};
    small_calls_open(&f->session.small, 0, 1000);
    small_calls_set(&f->session.small, small_calls_record(&f->session.small, 0, frames, 2),
                    &(struct small_calls){.calls = 21, .duration_ns = 1000});
    refresh_later(f, 1000);
    keys(f, ">>>");
    assert_shows(f, "CALLS▼");
    assert_order(f, "run main sort copy walk");
    keys(f, "I");
    assert_order(f, "main run sort copy walk");
}

static void test_filter_keeps_functions_without_samples(void **state)
{
    struct fixture *f = *state;
    keys(f, "\\ha\r");
    assert_order(f, "hash");
    assert_shows(f, "calls 3.00 k");
    keys(f, "c\\zzz\r");
    assert_shows(f, "No function matches the filter");
}

static void test_a_chosen_thread_has_its_own_calls(void **state)
{
    struct fixture *f = *state;
    keys(f, "7G\r1");
    assert_shows(f, "  1.00 k    100 µs      100 ms     100 ms copy");
    assert_hides(f, "1.20 M");
    assert_hides(f, "hash");
    keys(f, "7gj\r1"); /* the other one */
    assert_shows(f, " 40.0 k   30.0 µs      1.20 s     1.20 s copy");
}

static void test_calls_are_queried_twice_a_second_at_most(void **state)
{
    struct fixture *f = *state;
    uint32_t frames[] = {f->session.small.frames[SMALL_RUN], f->session.small.frames[SMALL_MAIN]};
    small_calls_set(&f->session.small, small_calls_record(&f->session.small, 0, frames, 2),
                    &(struct small_calls){.calls = 21, .duration_ns = 1000});
    refresh_later(f, 100);
    assert_shows(f, " 20    200 ms");
    refresh_later(f, 500);
    assert_shows(f, " 21   1.00 µs");
}

/* --- details --- */

static void test_details_have_figures_and_edges(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, " sort<int>(int*, int*)  small  small.c:30                exact calls, whole");
    assert_shows(f, " calls 1.20 M  total 60.0 ms  self 42.0 ms  taken off for probes 40.0 ms");
    assert_shows(f, "  1.20 M  60.0 ms run                     3.00 k  18.0 ms hash");
    keys(f, "jj");
    assert_shows(f, " calls 2  open 2  total 8.00 s");
    assert_shows(f, "none of them has ended yet");
    assert_shows(f, "       2   8.00 s (not counted)              500   1.50 s walk");
    keys(f, "G");
    assert_shows(f, "(nothing that is counted)");
}

static void test_whole_details_have_a_histogram(void **state)
{
    struct fixture *f = *state;
    keys(f, "je");
    assert_hides(f, "FUNCTION");
    assert_shows(f, " avg 31.7 µs  min 15.0 µs  p50 ~22.1 µs  p99 ~95.3 µs  max 400 µs");
    assert_shows(f, " CALLS BY DURATION\n < 16.4 µs 10.0 k █");
    assert_shows(f, " < 65.5 µs    250 ▍");
    assert_shows(f, "1.00 k            100 µs    100 ms walk\n");
    assert_in_picture(f, 10, 40, "durations < 16.4 µs ▃█▁▁▁▁ < 524 µs");
    assert_in_picture(f, 30, 160,
                      "CALLED BY                                                                   "
                      "            CALLS BY DURATION\n");
    keys(f, "e");
    assert_shows(f, "FUNCTION");
}

static void test_neighbours_share_a_bar_where_rows_are_few(void **state)
{
    struct fixture *f = *state;
    keys(f, "j");
    assert_in_picture(f, 30, 120, "< 32.8 µs 40.0 k");
}

static void test_whole_details_scroll(void **state)
{
    struct fixture *f = *state;
    keys(f, "je");
    assert_in_picture(f, 10, 40, "run\n");
    keys(f, "G");
    assert_in_picture(f, 10, 40, "CALLED\n");
    keys(f, "g");
    assert_in_picture(f, 10, 40, "CALLED BY\n");
}

static void test_details_without_any_calls_say_why(void **state)
{
    struct fixture *f = *state;
    keys(f, "e");
    assert_shows(f, "No calls are counted: no function that is counted has been called");
    f->session.small.profile->calls->why_not = "the program is static";
    assert_shows(f, "No calls are counted: the program is static.");
    f->session.small.profile->calls->why_not = "";
    f->session.status.has_calls_source = true;
    f->session.status.calls_policy = CALLS_POLICY_OFF;
    refresh(f);
    assert_shows(f, "No calls are counted: that is switched off (X switches it on).");
}

/* --- keys --- */

static void test_a_function_is_counted_on_request(void **state)
{
    struct fixture *f = *state;
    keys(f, "jx");
    assert_shows(f, "the calls of copy are counted from now on");
    refresh_later(f, 1000);
    assert_shows(f, " 41.0 k•");
    assert_shows(f, "• exact calls, whole run");
    char *dump = picture(f, 24, 80, true);
    assert_non_null(strstr(dump, " 41.0 k*"));
    g_free(dump);
    keys(f, "x");
    assert_shows(f, "the calls of copy are no longer counted");
    refresh_later(f, 1000);
    assert_hides(f, "•");
}

static void test_a_request_while_it_is_off_says_so(void **state)
{
    struct fixture *f = *state;
    f->session.status.calls_policy = CALLS_POLICY_OFF;
    refresh(f);
    keys(f, "jx");
    assert_shows(f, "the calls of copy are counted as soon as X switches counting on");
}

static void test_the_first_function_counted_brings_the_columns(void **state)
{
    struct fixture *f = *state;
    f->session.status.has_calls_source = true;
    f->session.status.calls_policy = CALLS_POLICY_AUTO;
    refresh(f);
    keys(f, "x");
    refresh_later(f, 1000);
    assert_shows(f, "        •                                 sort");
    app_refresh(&f->app, f->app.now_ns + INT64_C(7000000000));
    assert_shows(f, "It has not been called since its calls are counted.");
}

static void test_calls_are_counted_from_flame_too(void **state)
{
    struct fixture *f = *state;
    keys(f, "2x");
    assert_shows(f, "no function is selected here");
    app_key(&f->app, KEY_CODE_DOWN);
    keys(f, "x");
    assert_shows(f, "the calls of main are counted from now on");
    keys(f, "7x");
    assert_shows(f, "no function is selected here");
}

static void test_a_refusal_is_said(void **state)
{
    struct fixture *f = *state;
    keys(f, "x");
    f->session.status.calls_refused = 1;
    f->session.status.calls_refusal = "sort: too short to be patched";
    refresh(f);
    assert_shows(f, "calls are not counted: sort: too short to be patched");
}

static void test_a_refusal_before_the_screen_is_said_with_the_note(void **state)
{
    struct fixture *f = *state;
    app_clear(&f->app);
    f->session.status.calls_refused = 1;
    f->session.status.calls_refusal = "sort: too short";
    f->session.status.start_note = "a note";
    app_init(&f->app, &f->options);
    assert_in_picture(f, 24, 120, "calls are not counted: sort: too short; a note");
}

static void test_a_refusal_is_said_each_time_and_once(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "calls are not counted: sort: too short";
    f->session.status.calls_refusal = "sort: too short";
    for (uint32_t i = 1; i <= 3; i++) {
        f->session.status.calls_refused = i;
        refresh(f);
        assert_shows(f, text);
        refresh_later(f, 10000); /* longer than a message stays */
        assert_hides(f, text);
    }
}

static void tell(struct fixture *f, int threads)
{
    struct profile *p = f->session.small.profile;
    struct calls_counter *queue = calls_counter_get(p->calls, 0, profile_text(p, "queue"));
    *queue = (struct calls_counter){0, queue->name, 7, -3, 1200000, 99};
    for (int i = 0; i < 3; i++)
        calls_mark_add(p->calls, &(struct calls_mark){(i + 1) * INT64_C(1500000000),
                                                      f->session.small.threads[i % threads],
                                                      &"loaded\0parsed\0stored"[7 * i]});
}

static void test_counters_and_marks_stand_below_threads(void **state)
{
    struct fixture *f = *state;
    keys(f, "7");
    assert_hides(f, "COUNTER");
    assert_hides(f, "MARK");
    tell(f, 2);
    refresh(f);
    assert_shows(f, "    VALUE      MIN      MAX COUNTER           TIME MARK, the latest first\n"
                    "        7       -3   1.20 M queue           4.50 s stored  small (tid 100)\n");
    assert_in_picture(f, 24, 120, "3.00 s parsed  walker (tid 101)");
    assert_shows(f, "1.50 s loaded");
    assert_in_picture(f, 24, 120, "small (pid 100)\n"); /* the line above them */
}

static void test_marks_of_a_thread_stand_alone(void **state)
{
    struct fixture *f = *state;
    tell(f, 2);
    keys(f, "7jj ");
    refresh(f);
    assert_shows(f, "3.00 s parsed");
    assert_hides(f, "stored");
    assert_shows(f, "queue"); /* is its process's */
}

static void test_what_does_not_fit_of_counters_and_marks_is_told(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    for (int i = 0; i < 40; i++) {
        char name[16];
        g_snprintf(name, sizeof name, "n%d", i);
        calls_counter_get(p->calls, 0, profile_text(p, name));
    }
    keys(f, "7");
    refresh(f);
    assert_shows(f, " n0");
    assert_shows(f, " ... and 3"); /* thirty-something more */
    assert_hides(f, " n20");
    assert_shows(f, "walker");
    char *small = picture(f, 10, 40, true); /* no room */
    assert_null(strstr(small, "COUNTER"));
    g_free(small);
}

static void test_what_is_no_code_of_the_program_is_refused(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    profile_get_module(p, profile_get_function(p, f->session.small.functions[SMALL_COPY])->module)
        ->kind = MODULE_KERNEL;
    keys(f, "jx");
    assert_shows(f, "calls are not counted: copy: it is the kernel's");
    assert_int_equal(g_hash_table_size(p->calls->counted), 0);
}

static void test_policy_is_changed_and_said(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum calls_policy policy;
        const char *text;
    } steps[] = {
        {CALLS_POLICY_ALL, "calls: all: of all functions"},
        {CALLS_POLICY_OFF, "calls: off: none"},
        {CALLS_POLICY_AUTO, "calls: auto: of what calls proftop by itself"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        keys(f, "X");
        assert_int_equal(f->session.status.calls_policy, steps[i].policy);
        assert_shows(f, steps[i].text);
    }
}

static void test_where_calls_cannot_be_counted_the_keys_say_so(void **state)
{
    struct fixture *f = *state;
    static const char *const both[] = {"x", "X"};
    f->session.small.profile->calls->why_not = "there is no collector inside";
    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        keys(f, both[i]);
        assert_shows(f, "calls are not counted: there is no collector inside");
    }
    assert_int_equal(f->session.status.calls_policy, CALLS_POLICY_OFF);
}

static void test_a_file_shows_its_calls_and_counts_none(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, "41.0 k   31.7 µs      1.30 s     1.30 s copy");
    assert_in_picture(f, 50, 200, " 41.0 k    4.10 k  31.7 µs");
    assert_in_picture(f, 24, 120, "calls 1.24 M");
    keys(f, "x");
    assert_shows(f, "counting calls: not in a snapshot");
    keys(f, "X");
    assert_shows(f, "counting calls: not in a snapshot");
}

/* --- Flame --- */

static void test_enter_weighs_flame_by_the_sort(void **state)
{
    struct fixture *f = *state;
    keys(f, ">>>\r");
    assert_shows(f, "calls, top-down");
    assert_shows(f, "zoomed to sort");
    keys(f, "1>>>\r"); /* CALL TIME */
    assert_shows(f, "call time, top-down");
    keys(f, "1<<<<<\r");
    assert_shows(f, "CPU time, top-down");
}

static void test_flame_goes_through_the_weights(void **state)
{
    struct fixture *f = *state;
    keys(f, "2");
    assert_shows(f, "CPU time, top");
    keys(f, "w");
    assert_shows(f, "call time, top");
    assert_shows(f, "all  3.54 s"); /* all self time */
    keys(f, "R");
    assert_shows(f, "call time (whole run), top");
    keys(f, "mw");
    assert_shows(f, "calls, top");
    assert_shows(f, "all  1.24 M");
    keys(f, "w");
    assert_shows(f, "CPU time, top");
}

/* --- header and losses --- */

static void test_header_has_calls_a_second(void **state)
{
    struct fixture *f = *state;
    assert_hides(f, "k/s");
    refresh_later(f, 1000);
    uint32_t frames[] = {f->session.small.frames[SMALL_RUN], f->session.small.frames[SMALL_MAIN]};
    small_calls_set(&f->session.small, small_calls_record(&f->session.small, 0, frames, 2),
                    &(struct small_calls){.calls = 24020, .duration_ns = 1000});
    refresh_later(f, 2000);
    assert_shows(f, "calls 12.0 k/s");
    f->session.status.state = SESSION_ENDED;
    refresh_later(f, 100);
    assert_shows(f, "calls 1.27 M  ");
}

static void test_header_says_what_waits_for_calls(void **state)
{
    struct fixture *f = *state;
    f->session.status.calls_patched = 3;
    refresh(f);
    assert_shows(f, "calls: 3 functions");
}

static void test_losses_are_on_the_screen(void **state)
{
    struct fixture *f = *state;
    struct calls_process *p = troubled(f);
    p->missed = 12;
    p->untimed = 5;
    p->implicit_exits = 2;
    assert_shows(f, "calls missed 12");
    assert_shows(f, "exact calls of small (pid 100): 12 calls not counted, 5 calls counted\n");
    assert_shows(f, "2 calls left without return");
    p->missed = 0;
    p->implicit_exits = 1;
    assert_shows(f, ", 1 call left\n  without return");
    assert_shows(f, "calls untimed 5");
    p->trouble = "no room for more paths";
    assert_shows(f, "exact calls of small (pid 100): no room for more paths; 5 calls counted");
}

static void test_every_size_draws_inside_its_bounds(void **state)
{
    struct fixture *f = *state;
    troubled(f)->missed = 12;
    for (int whole = 0; whole < 2; whole++, keys(f, "e"))
        for (int rows = 1; rows < 60; rows += 1 + rows / 20)
            for (int cols = 1; cols < 230; cols += 7)
                g_free(picture(f, rows, cols, (rows & 1) != 0));
}

int main(void)
{
#define CALLS(name)      cmocka_unit_test_setup_teardown(name, set_up_calls, tear_down)
#define CALLS_FILE(name) cmocka_unit_test_setup_teardown(name, set_up_calls_file, tear_down)
#define LIVE(name)       cmocka_unit_test_setup_teardown(name, set_up_live, tear_down)
    const struct CMUnitTest tests[] = {
        CALLS(test_table_at_the_smallest_size),
        CALLS(test_columns_of_a_usual_screen),
        LIVE(test_without_calls_there_are_no_columns),
        LIVE(test_what_is_not_counted_is_not_shown_as_zero),
        CALLS(test_calls_that_go_on_have_no_average),
        CALLS(test_doubtful_times_are_marked),
        CALLS(test_every_column_of_calls_sorts_both_ways),
        CALLS(test_the_column_sorted_by_stays_on_small_screens),
        LIVE(test_the_unknown_comes_last_in_both_directions),
        CALLS(test_filter_keeps_functions_without_samples),
        CALLS(test_a_chosen_thread_has_its_own_calls),
        CALLS(test_calls_are_queried_twice_a_second_at_most),
        CALLS(test_details_have_figures_and_edges),
        CALLS(test_whole_details_have_a_histogram),
        CALLS(test_neighbours_share_a_bar_where_rows_are_few),
        CALLS(test_whole_details_scroll),
        LIVE(test_details_without_any_calls_say_why),
        CALLS(test_a_function_is_counted_on_request),
        CALLS(test_a_request_while_it_is_off_says_so),
        LIVE(test_the_first_function_counted_brings_the_columns),
        CALLS(test_calls_are_counted_from_flame_too),
        CALLS(test_counters_and_marks_stand_below_threads),
        CALLS(test_marks_of_a_thread_stand_alone),
        CALLS(test_what_does_not_fit_of_counters_and_marks_is_told),
        CALLS(test_a_refusal_is_said),
        CALLS(test_a_refusal_before_the_screen_is_said_with_the_note),
        CALLS(test_a_refusal_is_said_each_time_and_once),
        CALLS(test_what_is_no_code_of_the_program_is_refused),
        CALLS(test_policy_is_changed_and_said),
        LIVE(test_where_calls_cannot_be_counted_the_keys_say_so),
        CALLS_FILE(test_a_file_shows_its_calls_and_counts_none),
        CALLS(test_enter_weighs_flame_by_the_sort),
        CALLS(test_flame_goes_through_the_weights),
        CALLS(test_header_has_calls_a_second),
        LIVE(test_header_says_what_waits_for_calls),
        CALLS(test_losses_are_on_the_screen),
        CALLS(test_every_size_draws_inside_its_bounds),
        CALLS_FILE(test_every_size_draws_inside_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
