/*
 * The application without a terminal: what each view shows, and what keys do, on a file and on a
 * session that the test plays itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/tui/views/played_session.h"

#include <string.h>

/* --- pictures --- */

static void test_functions_at_the_smallest_size(void **state)
{
    assert_picture(*state, " ./small  * live 00:12  997/999 Hz perf\n"
                           " 1 Functions  2  3  7  0      whole run\n"
                           "SELF%v  TOTAL% FUNCTION\n"
                           "  60.0    60.0 sort\n"
                           "  40.0    40.0 copy\n"
                           "   0.0   100.0 main\n"
                           "   0.0    90.0 run\n"
                           "   0.0    10.0 walk\n"
                           "\n"
                           " ? help  q quit  Enter flame  e details\n");
}

static void test_flame_at_the_smallest_size(void **state)
{
    struct fixture *f = *state;
    keys(f, "2");
    assert_picture(f, " ./small  * live 00:12  997/999 Hz perf\n"
                      " 1  2 Flame  3  7  0          whole run\n"
                      " top-down\n"
                      "|all  100 ms\n"
                      "|main  100 ms\n"
                      "|run  90.0 ms                       |wa~\n"
                      "|copy       |sort  60.0 ms          |wa~\n"
                      "                                    |co~\n"
                      " total 100.0 %, 100 ms  self 0.0 %, 0 ~\n"
                      " ? help  q quit  Enter zoom  w weight\n");
}

static void test_threads_at_the_smallest_size(void **state)
{
    struct fixture *f = *state;
    keys(f, "7");
    assert_picture(f, " ./small  * live 00:12  997/999 Hz perf\n"
                      " 1  2  3  7 Threads  0        whole run\n"
                      "PID / TID          NAME             TIME\n"
                      " 100               small          100 ms\n"
                      " |100              small         90.0 ms\n"
                      " `101              walker        10.0 ms\n"
                      "\n"
                      "\n"
                      "\n"
                      " ? help  q quit  Enter only this\n");
}

static void test_roomy_screens_show_all_columns(void **state)
{
    struct fixture *f = *state;
    char *dump = picture(f, 50, 200, false);
    static const char *const texts[] = {"● live 00:12.4", "997/999 Hz perf", "lost 0",    "CPU",
                                        "187 %",          "small.c:30",      "libc.so.6", "SAMPLES",
                                        "pid 100"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (!strstr(dump, texts[i]))
            fail_msg("no '%s' in:\n%s", texts[i], dump);
    g_free(dump);
}

static void test_every_size_draws_inside_its_bounds(void **state)
{
    struct fixture *f = *state;
    for (int view = 0; view < f->app.n_views; view++) {
        app_switch(&f->app, view);
        for (int rows = 1; rows < 30; rows++)
            for (int cols = 1; cols < 130; cols += 7)
                g_free(picture(f, rows, cols, (rows & 1) != 0));
    }
}

static void test_too_small_a_terminal_says_what_it_needs(void **state)
{
    char *dump = picture(*state, 9, 60, false);
    assert_non_null(strstr(dump, "terminal too small (need 40x10)"));
    g_free(dump);
}

static void test_unknown_things_are_not_shown_as_zero(void **state)
{
    assert_hides(*state, "RSS");
    assert_hides(*state, "cost");
    struct fixture *f = *state;
    f->session.status.cost_percent = 39947.3; /* of a target that has hardly run */
    f->session.status.samples = 1;
    f->session.status.cpu_percent = -1;
    refresh(f);
    assert_hides(f, "cost");
    assert_hides(f, "CPU");
    assert_shows(f, "1 sample\n");
    assert_hides(*state, "truncated");
    assert_hides(*state, "pending");
}

/* --- keys --- */

static void test_selection_stays_on_its_function_when_rows_move(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, " sort<int>(int*, int*)  small  small.c:30\n");
    keys(f, "j");
    assert_shows(f, " copy  libc.so.6  small.c:40\n");
    small_add(&f->session.small, 0, 100, (const int[]){SMALL_COPY, SMALL_RUN, SMALL_MAIN}, 3);
    refresh(f);
    assert_shows(f, "FUNCTION"); /* copy is the first row now */
    assert_shows(f, " copy  libc.so.6  small.c:40\n");
    keys(f, "g");
    small_add(&f->session.small, 0, 300, (const int[]){SMALL_SORT, SMALL_RUN, SMALL_MAIN}, 3);
    refresh(f);
    assert_shows(f, " sort<int>(int*, int*)  small  small.c:30\n");
}

static void test_pause_keeps_the_rows_and_says_so(void **state)
{
    struct fixture *f = *state;
    keys(f, "p");
    small_add(&f->session.small, 0, 900, (const int[]){SMALL_COPY, SMALL_RUN, SMALL_MAIN}, 3);
    app_refresh(&f->app, f->app.now_ns + INT64_C(12000000000));
    assert_shows(f, "frozen +12 s");
    assert_shows(f, "100 ms");
    keys(f, "p");
    refresh(f);
    assert_hides(f, "frozen");
    assert_shows(f, "1.00 s");
}

static void test_sort_keys_change_column_and_order(void **state)
{
    struct fixture *f = *state;
    assert_shows(f, "SELF%▼");
    keys(f, ">");
    assert_shows(f, "TOTAL%▼");
    keys(f, "I");
    assert_shows(f, "TOTAL%▲");
    keys(f, "<");
    assert_shows(f, "SELF%▼");
    keys(f, "<<<");
    assert_shows(f, "FUNCTION▲");
}

static void test_filter_keeps_matches_and_is_cleared(void **state)
{
    struct fixture *f = *state;
    keys(f, "\\wal\r");
    assert_shows(f, "filter: wal");
    assert_hides(f, "100.0 main");
    keys(f, "c");
    assert_hides(f, "filter: wal");
    keys(f, "\\[");
    assert_shows(f, "not a complete pattern yet");
}

static void test_search_moves_and_cancel_forgets(void **state)
{
    struct fixture *f = *state;
    keys(f, "/wal");
    assert_int_equal(f->app.mode, MODE_SEARCH);
    keys(f, "\r");
    assert_shows(f, " walk  small  small.c:50\n");
    keys(f, "/zzz");
    assert_shows(f, "no match here");
    app_key(&f->app, KEY_CODE_ESC);
    assert_string_equal(g_regex_get_pattern(f->app.lens.search), "wal");
}

static void test_enter_opens_the_function_in_flame(void **state)
{
    struct fixture *f = *state;
    keys(f, "j\r");
    assert_shows(f, "zoomed to copy, highlighted: copy 40.0 % in all");
    app_key(&f->app, KEY_CODE_BACKSPACE);
    assert_hides(f, "zoomed");
}

static void test_bottom_up_begins_with_the_leaves(void **state)
{
    struct fixture *f = *state;
    keys(f, "2b");
    app_key(&f->app, KEY_CODE_DOWN);
    assert_shows(f, "bottom-up: callers below");
    assert_shows(f, " sort<int>(int*, int*)  small  small.c:30\n");
}

static void test_fold_joins_recursion(void **state)
{
    struct fixture *f = *state;
    keys(f, "2");
    char *before = picture(f, 24, 80, false);
    keys(f, "y");
    char *after = picture(f, 24, 80, false);
    assert_non_null(strstr(after, "recursion folded"));
    assert_string_not_equal(before, after);
    g_free(before);
    g_free(after);
}

static void test_thread_narrows_the_other_views(void **state)
{
    struct fixture *f = *state;
    keys(f, "7G ");
    assert_shows(f, "only thread 101 walker");
    keys(f, "1");
    assert_hides(f, "small.c:30");
    assert_hides(f, "60.0 ms");
    keys(f, "7 1");
    assert_hides(f, "only thread");
}

static void test_names_and_units_change(void **state)
{
    struct fixture *f = *state;
    keys(f, "V");
    assert_shows(f, "sort<int>(int*, int*)");
    keys(f, "u");
    assert_hides(f, "60.0 ms");
    keys(f, "u");
    assert_hides(f, " SELF ");
}

static void test_rate_and_sampling_reach_the_session(void **state)
{
    struct fixture *f = *state;
    keys(f, "}");
    assert_int_equal(f->session.status.rate_asked_hz, 1999);
    keys(f, "{{{");
    assert_int_equal(f->session.status.rate_asked_hz, 199);
    keys(f, "z");
    assert_false(f->session.status.sampling);
    refresh(f);
    assert_shows(f, "sampling off");
}

static void test_a_program_that_cannot_be_sampled_is_told_why(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    assert_hides(f, PROFILE_NOTE_UNSAMPLED);
    g_ptr_array_add(p->notes, (gpointer)PROFILE_NOTE_UNSAMPLED ": the engine timer needs the "
                                                               "collector in it, and it is "
                                                               "statically linked");
    assert_shows(f, PROFILE_NOTE_UNSAMPLED);
    assert_shows(f, "statically linked"); /* on the next line */
}

static void test_a_message_is_shown_to_its_end(void **state)
{
    struct fixture *f = *state;
    app_say(&f->app, ROLE_WARNING,
            g_strdup("a-long-name-of-a-file.svg: cannot be written: Read-only file system; choose "
                     "a folder that exists and can be written"));
    char *dump = picture(f, 10, 40, true);
    if (!strstr(dump, "Read-only file system;") || !strstr(dump, " written\n"))
        fail_msg("not all of the message in:\n%s", dump);
    g_free(dump);
}

static void test_reset_shows_only_what_comes_after(void **state)
{
    struct fixture *f = *state;
    keys(f, "R");
    assert_shows(f, "since 00:12");
    assert_shows(f, "No samples in this window");
    keys(f, "m");
    assert_shows(f, "whole run");
    assert_shows(f, "sort");
}

static void test_quit_asks_while_the_target_runs(void **state)
{
    struct fixture *f = *state;
    keys(f, "q");
    assert_false(f->app.done);
    assert_shows(f, "l leave it running");
    keys(f, "c");
    assert_hides(f, "l leave it running");
    keys(f, "qs");
    assert_true(f->app.done);
    assert_int_equal(f->app.end, APP_QUIT_STOP);
}

static void test_end_is_said_and_quit_asks_no_more(void **state)
{
    struct fixture *f = *state;
    keys(f, "q");
    f->session.status.state = SESSION_ENDED;
    f->session.status.wait_status = 11 | 0x80;
    refresh(f);
    assert_shows(f, "ended: killed by SIGSEGV (core dumped); q quits, 0 shows its output");
    assert_hides(f, "l leave it running");
    keys(f, "q");
    assert_true(f->app.done);
    assert_int_equal(f->app.end, APP_QUIT_ENDED);
}

static void test_end_of_an_attached_process_has_no_status(void **state)
{
    struct fixture *f = *state;
    f->session.status.state = SESSION_ENDED;
    f->session.status.target_ended = true;
    refresh(f);
    assert_shows(f, "ended 00:12");
    assert_shows(f, "ended; q quits");
    assert_hides(f, "ended:");
}

static void test_output_of_an_attached_process_is_its_own(void **state)
{
    struct fixture *f = *state;
    keys(f, "0");
    assert_shows(f, "its output goes where it always went");
    keys(f, "i"); /* cannot be typed to */
    assert_int_equal(f->app.mode, MODE_NORMAL);
}

static void test_enter_leaves_the_target_running(void **state)
{
    struct fixture *f = *state;
    keys(f, "q\r");
    assert_true(f->app.done);
    assert_int_equal(f->app.end, APP_QUIT_LEAVE);
}

static void test_figures_of_a_run_stay_when_it_has_ended(void **state)
{
    struct fixture *f = *state;
    f->session.status.state = SESSION_ENDED;
    f->session.status.cost_percent = 2.5;
    refresh(f);
    f->session.status.cost_percent = 77;
    f->session.status.rate_real_hz = 500;
    refresh(f);
    assert_shows(f, "997/999 Hz perf  cost 2.5 %");
}

static void test_program_is_named_without_its_folder(void **state)
{
    struct fixture *f = *state;
    f->options.title = "/usr/lib/a/very/long/path/of/programs/small --data /var/lib/small";
    assert_shows(f, " small --data");
}

static void test_marks_are_explained(void **state)
{
    struct fixture *f = *state;
    uint32_t frame = profile_mark(f->session.small.profile, "[truncated]");
    uint32_t stack = profile_stack(f->session.small.profile, &frame, 1);
    profile_add(f->session.small.profile, stack, f->session.small.threads[0], 1,
                (const int64_t[]){500, 500 * INT64_C(1000000)});
    refresh(f);
    assert_shows(f, " [truncated]  the copy of the stack ends here");
}

static void test_process_with_one_thread_takes_one_row(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    uint32_t child = profile_process_new(p, 200, profile_process(p, 100));
    profile_get_process(p, child)->name = profile_text(p, "child");
    profile_thread(p, child, 200);
    keys(f, "7");
    assert_shows(f, " └200                child");
    assert_hides(f, "  └200");
}

static void test_zoom_leaves_the_rows_to_what_is_below(void **state)
{
    struct fixture *f = *state;
    const int deep[] = {SMALL_COPY, SMALL_WALK, SMALL_WALK, SMALL_WALK,
                        SMALL_WALK, SMALL_WALK, SMALL_WALK, SMALL_MAIN};
    small_add(&f->session.small, 0, 900, deep, G_N_ELEMENTS(deep));
    refresh(f);
    keys(f, "2jjjjj\r");
    char *dump = picture(f, 10, 40, true);
    assert_non_null(strstr(dump, "rows 4-8 of 9, zoomed"));
    g_free(dump);
}

static void test_frames_without_room_are_counted(void **state)
{
    struct fixture *f = *state;
    struct profile *p = f->session.small.profile;
    keys(f, "2");
    assert_hides(f, "too narrow");
    uint32_t module = profile_module(p, "/bin/many", "", MODULE_FILE);
    for (uint64_t i = 0; i < 300; i++) {
        char *name = g_strdup_printf("f%d", (int)i);
        struct function_spec spec = {.module = module, .linkage = name, .name = name};
        uint32_t frame = profile_frame(p, module, 0x1000 + i);
        struct line line = {profile_function(p, &spec), 0};
        profile_resolve(p, frame, &line, 1, 0);
        profile_add(p, profile_stack(p, &frame, 1), f->session.small.threads[0], 1,
                    (const int64_t[]){1, INT64_C(1000000)});
        g_free(name);
    }
    refresh(f);
    assert_shows(f, ", 75 % too narrow to draw");
}

static void test_help_explains_keys_on_a_narrow_screen_too(void **state)
{
    struct fixture *f = *state;
    keys(f, "?");
    char *first = picture(f, 10, 40, true);
    keys(f, "\x06");
    char *second = picture(f, 10, 40, true);
    assert_null(strchr(first, '~')); /* nothing is cut */
    assert_null(strchr(second, '~'));
    assert_int_equal(strcspn(first, "\n"), strcspn(second, "\n"));
    g_free(first);
    g_free(second);
}

static void test_typing_reaches_the_target_until_escape_twice(void **state)
{
    struct fixture *f = *state;
    keys(f, "0iq\r\x03");
    assert_string_equal(f->session.typed, "q\r\x03");
    keys(f, "\033\033");
    assert_int_equal(f->app.mode, MODE_NORMAL);
    keys(f, "i\x1d");
    assert_int_equal(f->app.mode, MODE_NORMAL);
    assert_string_equal(f->session.typed, "q\r\x03\033");
}

static void test_help_lists_the_keys_and_leaves(void **state)
{
    struct fixture *f = *state;
    keys(f, "?");
    assert_shows(f, "Functions and Memory:");
    assert_shows(f, "sort by the next column, in turn");
    keys(f, "G");
    assert_shows(f, "do not quit");
    keys(f, "q");
    assert_false(f->app.done);
    assert_hides(f, "do not quit");
}

static void test_file_has_no_live_keys(void **state)
{
    struct fixture *f = *state;
    static const char live_keys[] = "pz{}mR";
    for (const char *key = live_keys; *key; key++) {
        app_key(&f->app, (uint8_t)*key);
        assert_shows(f, "not in a snapshot");
        keys(f, "V"); /* another message */
    }
    assert_shows(f, "○ snapshot");
    assert_hides(f, "0 Output");
    keys(f, "q");
    assert_int_equal(f->app.end, APP_QUIT_ENDED);
}

static void test_mouse_selects_zooms_sorts_and_switches(void **state)
{
    struct fixture *f = *state;
    g_free(picture(f, 24, 80, false));
    struct screen_event event = {.kind = SCREEN_CLICK, .y = 5, .x = 30};
    app_mouse(&f->app, &event);
    assert_shows(f, " copy  libc.so.6  small.c:40\n");
    event = (struct screen_event){.kind = SCREEN_CLICK, .y = 3, .x = 25};
    app_mouse(&f->app, &event);
    assert_shows(f, "TOTAL%▼");
    event = (struct screen_event){.kind = SCREEN_CLICK, .y = 2, .x = 15};
    app_mouse(&f->app, &event);
    assert_shows(f, "top-down");
    event = (struct screen_event){.kind = SCREEN_DOUBLE_CLICK, .y = 6, .x = 5};
    app_mouse(&f->app, &event);
    assert_shows(f, "zoomed");
}

int main(void)
{
#define LIVE(name)     cmocka_unit_test_setup_teardown(name, set_up_live, tear_down)
#define ATTACHED(name) cmocka_unit_test_setup_teardown(name, set_up_attached, tear_down)
#define FILE_(name)    cmocka_unit_test_setup_teardown(name, set_up_file, tear_down)
    const struct CMUnitTest tests[] = {
        LIVE(test_functions_at_the_smallest_size),
        LIVE(test_flame_at_the_smallest_size),
        LIVE(test_threads_at_the_smallest_size),
        LIVE(test_roomy_screens_show_all_columns),
        LIVE(test_every_size_draws_inside_its_bounds),
        FILE_(test_every_size_draws_inside_its_bounds),
        LIVE(test_too_small_a_terminal_says_what_it_needs),
        LIVE(test_unknown_things_are_not_shown_as_zero),
        LIVE(test_selection_stays_on_its_function_when_rows_move),
        LIVE(test_pause_keeps_the_rows_and_says_so),
        LIVE(test_sort_keys_change_column_and_order),
        LIVE(test_filter_keeps_matches_and_is_cleared),
        LIVE(test_search_moves_and_cancel_forgets),
        LIVE(test_enter_opens_the_function_in_flame),
        LIVE(test_bottom_up_begins_with_the_leaves),
        LIVE(test_fold_joins_recursion),
        LIVE(test_thread_narrows_the_other_views),
        LIVE(test_names_and_units_change),
        LIVE(test_rate_and_sampling_reach_the_session),
        LIVE(test_a_program_that_cannot_be_sampled_is_told_why),
        LIVE(test_a_message_is_shown_to_its_end),
        LIVE(test_reset_shows_only_what_comes_after),
        LIVE(test_quit_asks_while_the_target_runs),
        LIVE(test_end_is_said_and_quit_asks_no_more),
        LIVE(test_enter_leaves_the_target_running),
        ATTACHED(test_end_of_an_attached_process_has_no_status),
        ATTACHED(test_output_of_an_attached_process_is_its_own),
        LIVE(test_figures_of_a_run_stay_when_it_has_ended),
        LIVE(test_program_is_named_without_its_folder),
        LIVE(test_marks_are_explained),
        LIVE(test_process_with_one_thread_takes_one_row),
        LIVE(test_zoom_leaves_the_rows_to_what_is_below),
        LIVE(test_frames_without_room_are_counted),
        LIVE(test_help_explains_keys_on_a_narrow_screen_too),
        LIVE(test_typing_reaches_the_target_until_escape_twice),
        LIVE(test_help_lists_the_keys_and_leaves),
        FILE_(test_file_has_no_live_keys),
        LIVE(test_mouse_selects_zooms_sorts_and_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
