/*
 * Tests of the reports of exact calls, on a few calls with known figures.
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

#include "tests/unit/core/model/model_builder.h"
#include "tests/unit/tui/cli/report_output.h"
#include "tui/cli/report_json.h"
#include "tui/cli/report_text.h"

enum { MS = 1000000 };

static char *print_calls(const struct profile *p, struct report_options options)
{
    options.view = REPORT_CALLS;
    return print(report_text, p, options);
}

static void assert_silent(const char *text, const char *what)
{
    if (strstr(text, what))
        fail_msg("\"%s\" is in:\n%s", what, text);
}

/* ---- some calls ---- */

static struct call_record *add_call(struct profile *p, const char *path, int tid, int64_t calls,
                                    int64_t each_ns)
{
    struct call_record *record = builder_calls(p, path, 100, tid, calls, each_ns);
    uint32_t thread = profile_thread(p, profile_process(p, 100), tid);
    profile_get_thread(p, thread)->name = tid == 100 ? "shop" : "worker";
    return record;
}

/* main calls parse() three times, which calls read() each time; a worker calls parse() too. */
static struct profile *make_calls(void)
{
    struct profile *p = builder_profile();
    p->info.duration_ns = 2000 * (int64_t)MS;
    p->info.wait_status = 0;
    profile_get_process(p, profile_process(p, 100))->name = "shop";
    struct call_record *record = add_call(p, "main", 100, 1, 20 * MS);
    record->stats.self_ns = 8 * MS;
    record = add_call(p, "main parse", 100, 3, 4 * MS);
    record->stats.self_ns = 6 * MS;
    add_call(p, "main parse read", 100, 6, 1 * MS);
    add_call(p, "parse", 101, 1, 2 * MS);
    calls_process_get(p->calls, 0)->pair_ns = 12.5;
    return p;
}

/* ---- text ---- */

static void test_calls_tell_the_whole_first(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    calls_process_get(p->calls, profile_process(p, 101))->pair_ns = 35.1;
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\ncalls      11 calls of 3 functions, exact\n");
    assert_says(text, "\ntimes      wall clock, less what the probes took: up to 35.1 ns a call\n");
    assert_silent(text, "process  ");
    assert_silent(text, "doubtful");
    assert_silent(text, "not ended");
    assert_silent(text, "counters");
    assert_silent(text, "marks");
    g_free(text);
    profile_free(p);
}

static void test_calls_are_listed_in_aligned_columns(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\n"
                      "     CALLS   CALLS/s     TOTAL      SELF       AVG       MIN      P50~      "
                      "P99~       MAX  "
                      "FUNCTION  MODULE  SOURCE\n"
                      "         1       0.5   20.0 ms   8.00 ms   20.0 ms   20.0 ms   20.0 ms   "
                      "20.0 ms   20.0 ms  "
                      "main      app\n"
                      "         4       2.0   14.0 ms   8.00 ms   3.50 ms   2.00 ms   ");
    assert_says(text, "   4.00 ms  parse     app\n"
                      "         6       3.0   6.00 ms   6.00 ms   1.00 ms   1.00 ms   1.00 ms   "
                      "1.00 ms   1.00 ms  read      app\n");
    g_free(text);
    profile_free(p);
}

static void test_calls_are_sorted_and_cut(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORT_CALLS, .top = 1});
    assert_says(text, "SOURCE\n         6 ");
    assert_says(text, "... and 2 more functions: --top 0 shows all\n");
    assert_silent(text, "  main      app");
    g_free(text);
    text = print_calls(p, (struct report_options){.call_sort = CALL_SORT_CALLS, .top = 2});
    assert_says(text, "... and 1 more function: --top 0 shows all\n");
    g_free(text);
    text = print_calls(p, (struct report_options){.call_sort = CALL_SORT_CALLS, .ascending = true});
    assert_says(text, "SOURCE\n         1 ");
    g_free(text);
    profile_free(p);
}

static void test_calls_tell_who_called_and_was_called(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\ncallers and callees of the first rows: calls, total time\n");
    assert_says(text, "  parse\n"
                      "      called by           3   12.0 ms  main\n"
                      "      called by           1   2.00 ms  (nobody that is counted)\n"
                      "      calls               6   6.00 ms  read\n");
    assert_says(text, "  main\n"
                      "      called by           1   20.0 ms  (nobody that is counted)\n"
                      "      calls               3   12.0 ms  parse\n");
    g_free(text);
    profile_free(p);
}

static void test_calls_of_each_thread_are_by_themselves(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    profile_thread(p, 0, 102); /* has called nothing */
    char *text =
        print_calls(p, (struct report_options){.call_sort = CALL_SORTS, .by_thread = true});
    const char *first = strstr(text, "\nthread shop (tid 100) of shop (pid 100)\n     CALLS ");
    const char *second = strstr(text, "\nthread worker (tid 101) of shop (pid 100)\n     CALLS ");
    assert_non_null(first);
    assert_non_null(second);
    assert_says(first, "         3       1.5   12.0 ms ");
    assert_says(second, "         1       0.5   2.00 ms ");
    assert_silent(second, "main");
    assert_silent(text, "tid 102");
    assert_says(text, "11 calls of 3 functions"); /* all of them */
    g_free(text);
    profile_free(p);
}

static void test_calls_mark_doubtful_times(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    add_call(p, "main tick", 100, 1000, 20)->stats.cost_ns = 9000; /* of 20000 */
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "    20 ns! ");
    assert_says(text, "\n! doubtful: what the probes took, and was taken off, is more than 10 % of "
                      "it\n");
    assert_silent(text, "ms!");
    g_free(text);
    profile_free(p);
}

static void test_functions_mark_doubtful_averages(void **state)
{
    static const char footnote[] = "\n! doubtful: what the probes took, and was taken off, ";
    (void)state;
    struct report_options options = {.view = REPORT_FUNCTIONS};
    struct profile *p = make_calls();
    char *text = print(report_text, p, options);
    assert_silent(text, "doubtful");
    g_free(text);
    add_call(p, "main tick", 100, 1000, 20)->stats.cost_ns = 9000; /* of 20000 */
    text = print(report_text, p, options);
    assert_says(text, "     20 ns!  tick ");
    assert_says(text, footnote);
    assert_silent(text, "ms!");
    g_free(text);
    profile_free(p);
}

static void test_open_calls_have_no_average_and_are_named(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    struct call_record *record = add_call(p, "serve", 100, 0, 0);
    record->stats = (struct call_stats){.calls = 2, .open = 2, .total_ns = 9 * MS, .self_ns = MS};
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text,
                "         2       1.0   9.00 ms   1.00 ms         -         -         -        "
                " -         -  serve ");
    assert_says(text, "calls that have not ended, with their time so far in TOTAL and SELF: serve "
                      "2\n");
    g_free(text);
    profile_free(p);
}

static void test_losses_are_told_by_process(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    struct calls_process *record = calls_process_get(p->calls, 0);
    record->implicit_exits = 3;
    record->orphan_exits = 1;
    record->missed = 2;
    record->untimed = 4;
    record->trouble = profile_text(p, "there was no room");
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\nprocess    shop (pid 100): 2 calls not counted; 4 calls counted without "
                      "time; 3 calls left without return (longjmp, exceptions, threads that end); "
                      "1 return from what was not seen called; there was no room\n");
    g_free(text);
    profile_free(p);
}

static void test_counters_and_marks_are_listed(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    struct calls_counter *counter = calls_counter_get(p->calls, 0, profile_text(p, "queue"));
    counter->value = 5;
    counter->min = -1;
    counter->max = 70;
    counter->updates = 12;
    struct calls_mark mark = {.time_ns = 1500 * (int64_t)MS, .text = profile_text(p, "loaded")};
    g_array_append_val(p->calls->marks, mark);
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text,
                "\ncounters of the program\n"
                "       VALUE           MIN           MAX       UPDATES  NAME                 "
                "     PROCESS\n"
                "           5            -1            70            12  queue                "
                "     shop (pid 100)\n");
    assert_says(text, "\nmarks of the program, by the time since the start\n"
                      "    1.50 s  loaded (shop, tid 100)\n");
    g_free(text);
    profile_free(p);
}

static void test_counters_and_marks_that_are_left_out_are_told(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    static const char *const names[] = {"queue", "jobs", "bytes"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        calls_counter_get(p->calls, 0, profile_text(p, names[i]));
        calls_mark_add(p->calls, &(struct calls_mark){.text = names[i]});
    }
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS, .top = 1});
    assert_says(text, "queue");
    assert_silent(text, "jobs");
    assert_says(text, "\n... and 2 more counters: --top 0 shows all\n");
    assert_says(text, "\n... and 2 more marks: --top 0 shows all\n");
    g_free(text);
    text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS, .top = 3});
    assert_says(text, "bytes");
    assert_silent(text, "more counters");
    g_free(text);
    profile_free(p);
}

static void test_what_was_not_counted_is_said_and_never_zero(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\nNo calls were counted: nothing that is counted was called; record with "
                      "--calls=FUNCTION, ");
    assert_silent(text, "CALLS");
    assert_silent(text, "calls  ");
    g_free(text);
    p->calls->why_not = profile_text(p, "they were switched off");
    text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text, "\nNo calls were counted: they were switched off.\n");
    g_free(text);
    profile_free(p);
}

static void test_why_names_what_the_collector_is_not_in(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    uint32_t process = profile_process(p, 7);
    profile_get_process(p, process)->name = "old";
    profile_get_process(p, process)->coverage = "it is statically linked";
    char *text = print_calls(p, (struct report_options){.call_sort = CALL_SORTS});
    assert_says(text,
                "No calls were counted: the collector is not in old (pid 7): it is statically "
                "linked.\n");
    g_free(text);
    profile_free(p);
}

static void test_functions_have_calls_and_average_when_there_are_any(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    builder_sample(p, "main parse", 100, 100, 1, 5 * MS);
    builder_sample(p, "main other", 100, 100, 2, 4 * MS);
    struct report_options options = {.view = REPORT_FUNCTIONS};
    char *text = print(report_text, p, options);
    assert_says(text, "\ncalls      11 calls of 3 functions, exact\n");
    assert_says(text, "  SAMPLES      CALLS        AVG  FUNCTION");
    assert_says(text, "        1          4    3.50 ms  parse ");
    assert_says(text, "        1                        other ");
    assert_says(text, "        0          6    1.00 ms  read "); /* no sample met it */
    g_free(text);
    profile_free(p);
    p = builder_profile();
    builder_sample(p, "main parse", 100, 100, 1, 5 * MS);
    text = print(report_text, p, options);
    assert_silent(text, "CALLS");
    assert_silent(text, "calls  ");
    g_free(text);
    profile_free(p);
}

/* ---- JSON ---- */

static json_t *print_json(const struct profile *p, struct report_options options)
{
    char *text = print(report_json, p, options);
    json_t *object = json_loads(text, 0, NULL);
    if (!object)
        fail_msg("no JSON: %s", text);
    g_free(text);
    return object;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return (json_int_t)json_number_value(value);
}

static void test_json_has_rows_with_edges(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    json_t *report =
        print_json(p, (struct report_options){.view = REPORT_CALLS, .call_sort = CALL_SORT_TOTAL});
    json_t *calls = json_object_get(report, "calls");
    assert_true(json_is_true(json_object_get(calls, "measured")));
    assert_int_equal(number(calls, "calls"), 11);
    assert_int_equal(json_array_size(json_object_get(calls, "bucket_bounds_ns")),
                     CALLS_BUCKETS - 1);
    assert_int_equal(number(report, "n_called"), 3);
    json_t *row = json_array_get(json_object_get(report, "called"), 1);
    assert_string_equal(json_string_value(json_object_get(row, "function")), "parse");
    assert_int_equal(number(row, "calls"), 4);
    assert_int_equal(number(row, "total_ns"), 14 * MS);
    assert_int_equal(number(row, "self_ns"), 8 * MS);
    assert_int_equal(number(row, "average_ns"), 3.5 * MS);
    assert_int_equal(number(row, "min_ns"), 2 * MS);
    assert_int_equal(number(row, "max_ns"), 4 * MS);
    assert_int_equal(number(row, "per_second"), 2);
    assert_int_equal(json_array_size(json_object_get(row, "buckets")), CALLS_BUCKETS);
    json_t *callers = json_object_get(row, "callers");
    assert_int_equal(json_array_size(callers), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(callers, 0), "function")),
                        "main");
    assert_true(json_is_null(json_object_get(json_array_get(callers, 1), "function")));
    assert_int_equal(number(json_array_get(json_object_get(row, "callees"), 0), "calls"), 6);
    json_decref(report);
    profile_free(p);
}

static void test_json_of_open_calls_is_null(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    struct call_record *record = add_call(p, "serve", 100, 0, 0);
    record->stats = (struct call_stats){.calls = 1, .open = 1, .total_ns = 9, .self_ns = 9};
    json_t *report = print_json(p, (struct report_options){.view = REPORT_CALLS});
    json_t *row = json_array_get(json_object_get(report, "called"), 0);
    static const char *const unknown[] = {"average_ns", "min_ns", "max_ns", "p50_ns", "p99_ns"};
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        assert_true(json_is_null(json_object_get(row, unknown[i])));
    assert_int_equal(number(row, "open"), 1);
    json_decref(report);
    profile_free(p);
}

static void test_json_has_threads_by_themselves(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    json_t *report = print_json(
        p,
        (struct report_options){.view = REPORT_CALLS, .call_sort = CALL_SORTS, .by_thread = true});
    json_t *threads = json_object_get(report, "threads");
    assert_int_equal(json_array_size(threads), 2);
    assert_null(json_object_get(report, "called"));
    json_t *worker = json_array_get(threads, 1);
    assert_int_equal(number(worker, "tid"), 101);
    assert_int_equal(number(worker, "n_called"), 1);
    assert_int_equal(number(json_array_get(json_object_get(worker, "called"), 0), "calls"), 1);
    json_decref(report);
    profile_free(p);
}

static void test_json_of_nothing_says_why(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    json_t *report = print_json(p, (struct report_options){.view = REPORT_CALLS});
    json_t *calls = json_object_get(report, "calls");
    assert_true(json_is_false(json_object_get(calls, "measured")));
    assert_true(json_string_length(json_object_get(calls, "why")) > 0);
    assert_null(json_object_get(calls, "calls"));
    assert_null(json_object_get(report, "called"));
    json_decref(report);
    profile_free(p);
}

static json_t *find_function(json_t *functions, const char *name)
{
    for (size_t i = 0; i < json_array_size(functions); i++) {
        json_t *object = json_array_get(functions, i);
        if (strcmp(json_string_value(json_object_get(object, "function")), name) == 0)
            return object;
    }
    fail_msg("no %s", name);
    return NULL;
}

static void test_json_of_functions_has_calls(void **state)
{
    (void)state;
    struct profile *p = make_calls();
    builder_sample(p, "main other", 100, 100, 2, 4 * MS);
    add_call(p, "main tick", 100, 1000, 20)->stats.cost_ns = 9000; /* of 20000 */
    json_t *report = print_json(p, (struct report_options){.view = REPORT_FUNCTIONS});
    json_t *functions = json_object_get(report, "functions");
    json_t *other = json_array_get(functions, 0);
    assert_string_equal(json_string_value(json_object_get(other, "function")), "other");
    assert_true(json_is_null(json_object_get(other, "calls")));
    json_t *mine = json_array_get(functions, 1);
    assert_string_equal(json_string_value(json_object_get(mine, "function")), "main");
    assert_int_equal(number(mine, "calls"), 1);
    assert_int_equal(number(mine, "average_ns"), 20 * MS);
    assert_true(json_is_false(json_object_get(mine, "is_doubtful")));
    assert_true(json_is_null(json_object_get(other, "is_doubtful")));
    json_t *tick = find_function(functions, "tick");
    assert_true(json_is_true(json_object_get(tick, "is_doubtful")));
    json_decref(report);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_tell_the_whole_first),
        cmocka_unit_test(test_calls_are_listed_in_aligned_columns),
        cmocka_unit_test(test_calls_are_sorted_and_cut),
        cmocka_unit_test(test_calls_tell_who_called_and_was_called),
        cmocka_unit_test(test_calls_of_each_thread_are_by_themselves),
        cmocka_unit_test(test_calls_mark_doubtful_times),
        cmocka_unit_test(test_functions_mark_doubtful_averages),
        cmocka_unit_test(test_open_calls_have_no_average_and_are_named),
        cmocka_unit_test(test_losses_are_told_by_process),
        cmocka_unit_test(test_counters_and_marks_are_listed),
        cmocka_unit_test(test_counters_and_marks_that_are_left_out_are_told),
        cmocka_unit_test(test_what_was_not_counted_is_said_and_never_zero),
        cmocka_unit_test(test_why_names_what_the_collector_is_not_in),
        cmocka_unit_test(test_functions_have_calls_and_average_when_there_are_any),
        cmocka_unit_test(test_json_has_rows_with_edges),
        cmocka_unit_test(test_json_of_open_calls_is_null),
        cmocka_unit_test(test_json_has_threads_by_themselves),
        cmocka_unit_test(test_json_of_nothing_says_why),
        cmocka_unit_test(test_json_of_functions_has_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
