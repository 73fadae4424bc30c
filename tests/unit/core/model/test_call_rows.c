/*
 * Tests of grouping, filtering, sorting and rates of exact calls, and of their edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "core/model/call_rows.h"
#include "tests/unit/core/model/model_builder.h"

static const int64_t SECOND_NS = 1000000000;

struct fixture {
    struct profile *p;
    struct call_rows *rows;
};

static struct fixture begin(void)
{
    struct profile *p = builder_profile();
    return (struct fixture){p, call_rows_new(p)};
}

static void end(struct fixture *f)
{
    call_rows_free(f->rows);
    profile_free(f->p);
}

static struct call_query by(enum call_sort sort)
{
    return (struct call_query){.sort = sort, .process = PROFILE_NONE, .thread = PROFILE_NONE};
}

static const GArray *query(const struct fixture *f, struct call_query query)
{
    return call_rows_query(f->rows, &query);
}

static void check_names(const struct fixture *f, const GArray *rows, const char *expected)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++) {
        uint32_t function = g_array_index(rows, struct call_row, i).function;
        g_string_append_printf(
            names, "%s%s", i ? " " : "",
            function == PROFILE_NONE ? "-" : profile_get_function(f->p, function)->name);
    }
    assert_string_equal(names->str, expected);
    g_string_free(names, TRUE);
}

static void check_order(const struct fixture *f, struct call_query query, const char *expected)
{
    check_names(f, call_rows_query(f->rows, &query), expected);
}

/* As of the last query; fails when there is none. */
static const struct call_row *row_of(const struct fixture *f, const char *name)
{
    const struct call_row *row = call_rows_find(f->rows, builder_function(f->p, name));
    assert_non_null(row);
    return row;
}

/* The row of the edge between the two, in that direction as asked for. */
static struct call_row edge_of(const struct fixture *f, const char *name, enum call_edges direction,
                               const char *other)
{
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    struct call_row found = {.function = PROFILE_NONE, .stats = {.calls = -1}};
    call_rows_edges(f->rows, builder_function(f->p, name), direction, edges);
    for (guint i = 0; i < edges->len; i++)
        if (g_array_index(edges, struct call_row, i).function == builder_function(f->p, other))
            found = g_array_index(edges, struct call_row, i);
    g_array_unref(edges);
    return found;
}

static void check_edges(const struct fixture *f, const char *name, enum call_edges direction,
                        const char *expected)
{
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    call_rows_edges(f->rows, builder_function(f->p, name), direction, edges);
    check_names(f, edges, expected);
    g_array_unref(edges);
}

static void test_records_of_a_function_are_added_up(void **state)
{
    (void)state;
    struct fixture f = begin();
    builder_calls(f.p, "main parse", 1, 1, 10, 20);
    builder_calls(f.p, "main load parse", 1, 2, 4, 100);
    builder_calls(f.p, "parse", 2, 1, 1, 7);
    query(&f, by(CALL_SORT_TOTAL));
    const struct call_stats *stats = &row_of(&f, "parse")->stats;
    assert_int_equal(stats->calls, 15);
    assert_int_equal(stats->total_ns, 607);
    assert_int_equal(stats->self_ns, 607);
    assert_int_equal(stats->min_ns, 7);
    assert_int_equal(stats->max_ns, 100);
    assert_int_equal(stats->buckets[calls_bucket(20)], 10);
    assert_null(call_rows_find(f.rows, builder_function(f.p, "main")));
    assert_null(call_rows_find(f.rows, 100000));
    end(&f);
}

/* parse called itself 5 times, within calls that took 200 ns in all. */
static void test_recursive_calls_count_but_not_their_total(void **state)
{
    (void)state;
    struct fixture f = begin();
    builder_calls(f.p, "main parse", 1, 1, 10, 20);
    struct call_record *deeper = builder_calls(f.p, "main parse parse", 1, 1, 5, 6);
    deeper->is_recursive = true;
    deeper->stats.total_ns = 0;
    query(&f, by(CALL_SORT_TOTAL));
    const struct call_stats *stats = &row_of(&f, "parse")->stats;
    assert_int_equal(stats->calls, 15);
    assert_int_equal(stats->total_ns, 200);
    assert_int_equal(stats->self_ns, 230);
    assert_int_equal(stats->sum_ns, 230);
    assert_int_equal(stats->min_ns, 6);
    struct call_row to_itself = edge_of(&f, "parse", CALL_EDGES_CALLEES, "parse");
    assert_int_equal(to_itself.stats.calls, 5);
    assert_int_equal(to_itself.stats.total_ns, 0);
    assert_true(to_itself.is_recursive);
    assert_false(edge_of(&f, "parse", CALL_EDGES_CALLERS, "main").is_recursive);
    check_edges(&f, "parse", CALL_EDGES_CALLERS, "main parse");
    end(&f);
}

/* What stands at an address that has an inlined function: the calls are of what it is inlined in.
 */
static void test_calls_are_of_the_outermost_line(void **state)
{
    (void)state;
    struct fixture f = begin();
    struct call_record *record = builder_calls(f.p, "main parse", 1, 1, 1, 5);
    uint32_t frame = profile_stack_frames(f.p, record->stack)[0];
    builder_frame(f.p, "skip_blanks");
    struct line lines[] = {{.function = builder_function(f.p, "skip_blanks")},
                           {.function = builder_function(f.p, "parse")}};
    profile_resolve(f.p, frame, lines, 2, 0);
    query(&f, by(CALL_SORT_TOTAL));
    assert_int_equal(row_of(&f, "parse")->stats.calls, 1);
    assert_int_equal(call_record_function(f.p, record), builder_function(f.p, "parse"));
    assert_null(call_rows_find(f.rows, builder_function(f.p, "skip_blanks")));
    end(&f);
}

static struct fixture begin_with_shop(void)
{
    struct fixture f = begin();
    builder_calls(f.p, "main", 1, 1, 1, 1000);
    builder_calls(f.p, "main sell", 1, 1, 100, 50);
    builder_calls(f.p, "main sell log", 1, 1, 200, 3);
    builder_calls(f.p, "main log", 1, 2, 30, 4);
    builder_calls(f.p, "buy", 2, 1, 6, 2000);
    builder_calls(f.p, "buy log", 2, 1, 7, 90);
    return f;
}

static void test_rows_are_sorted_by_every_column(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    check_order(&f, by(CALL_SORT_CALLS), "log sell buy main");
    check_order(&f, by(CALL_SORT_TOTAL), "buy sell log main");
    check_order(&f, by(CALL_SORT_SELF), "buy sell log main");
    check_order(&f, by(CALL_SORT_AVERAGE), "buy main sell log");
    check_order(&f, by(CALL_SORT_MIN), "buy main sell log");
    check_order(&f, by(CALL_SORT_P50), "buy main sell log");
    check_order(&f, by(CALL_SORT_MAX), "buy main log sell");
    check_order(&f, by(CALL_SORT_P99), "buy main log sell");
    struct call_query up = by(CALL_SORT_CALLS);
    up.ascending = true;
    check_order(&f, up, "main buy sell log");
    up.sort = CALL_SORT_FUNCTION;
    check_order(&f, up, "buy log main sell");
    up.ascending = false;
    check_order(&f, up, "sell main log buy");
    end(&f);
}

static void test_equal_rows_keep_their_order(void **state)
{
    (void)state;
    struct fixture f = begin();
    builder_calls(f.p, "c", 1, 1, 5, 10);
    builder_calls(f.p, "a", 1, 1, 5, 10);
    builder_calls(f.p, "b", 1, 1, 5, 30);
    for (int i = 0; i < 3; i++) {
        struct call_query q = by(CALL_SORT_CALLS);
        check_order(&f, q, "b c a"); /* total, then age */
        q.ascending = true;
        check_order(&f, q, "b c a");
        q.sort = CALL_SORT_MODULE;
        check_order(&f, q, "b c a");
        calls_touch(f.p->calls);
    }
    end(&f);
}

static void test_filter_keeps_matching_rows_but_find_sees_all(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    struct call_query q = by(CALL_SORT_CALLS);
    GRegex *filter = g_regex_new("l$|^lo", 0, 0, NULL);
    q.filter = filter;
    check_order(&f, q, "log sell");
    assert_int_equal(row_of(&f, "main")->stats.calls, 1);
    g_regex_unref(filter);
    filter = g_regex_new("^app$", 0, 0, NULL); /* the module */
    q.filter = filter;
    assert_int_equal(query(&f, q)->len, 4);
    g_regex_unref(filter);
    end(&f);
}

static void test_process_and_thread_narrow_rows_and_edges(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    struct call_query q = by(CALL_SORT_CALLS);
    q.process = profile_process(f.p, 1);
    check_order(&f, q, "log sell main");
    assert_int_equal(row_of(&f, "log")->stats.calls, 230);
    check_edges(&f, "log", CALL_EDGES_CALLERS, "sell main");
    q.process = PROFILE_NONE;
    q.thread = profile_thread(f.p, profile_process(f.p, 1), 2);
    check_order(&f, q, "log");
    check_edges(&f, "log", CALL_EDGES_CALLERS, "main");
    check_order(&f, by(CALL_SORT_CALLS), "log sell buy main");
    check_edges(&f, "log", CALL_EDGES_CALLERS, "sell main buy");
    end(&f);
}

static void test_edges_join_the_paths_they_are_on(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    builder_calls(f.p, "buy sell", 2, 1, 9, 10);
    builder_calls(f.p, "buy sell log", 2, 1, 8, 2);
    query(&f, by(CALL_SORT_CALLS));
    struct call_row edge = edge_of(&f, "sell", CALL_EDGES_CALLEES, "log");
    assert_int_equal(edge.stats.calls, 208);
    assert_int_equal(edge.stats.total_ns, 616);
    assert_int_equal(edge.stats.min_ns, 2);
    check_edges(&f, "sell", CALL_EDGES_CALLERS, "main buy");
    check_edges(&f, "buy", CALL_EDGES_CALLERS, "-");
    check_edges(&f, "main", CALL_EDGES_CALLEES, "sell log");
    check_edges(&f, "log", CALL_EDGES_CALLEES, "");
    end(&f);
}

static void test_rows_follow_records_and_names(void **state)
{
    (void)state;
    struct fixture f = begin();
    uint32_t module = profile_module(f.p, "/bin/app", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(f.p, module, 0x777777);
    uint32_t stack = profile_stack(f.p, &frame, 1);
    struct call_record *record = builder_calls(f.p, "draw", 1, 1, 3, 5);
    calls_record_get(f.p->calls, stack, record->thread, false)->stats.calls = 4;
    calls_touch(f.p->calls);
    check_order(&f, by(CALL_SORT_CALLS), "app+0x777777 draw");
    struct line line = {.function = builder_function(f.p, "draw")};
    profile_resolve(f.p, frame, &line, 1, 0);
    check_order(&f, by(CALL_SORT_CALLS), "draw");
    assert_int_equal(row_of(&f, "draw")->stats.calls, 7);
    builder_calls(f.p, "draw", 1, 1, 1, 5);
    query(&f, by(CALL_SORT_CALLS));
    assert_int_equal(row_of(&f, "draw")->stats.calls, 8);
    end(&f);
}

static void check_rate(double per_second, double expected)
{
    if (fabs(per_second - expected) > 1e-6 * MAX(1, expected))
        fail_msg("%g calls/s instead of %g", per_second, expected);
}

static void test_rate_of_the_past_is_over_all_its_time(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    query(&f, by(CALL_SORT_RATE));
    assert_true(row_of(&f, "log")->per_second < 0); /* nobody knows how long it took */
    f.p->info.duration_ns = 4 * SECOND_NS;
    query(&f, by(CALL_SORT_RATE));
    check_rate(row_of(&f, "sell")->per_second, 25);
    check_rate(edge_of(&f, "sell", CALL_EDGES_CALLEES, "log").per_second, 50);
    end(&f);
}

/* What was queried at `at_s` seconds, with that many calls more of "sell" since the last time. */
static double rate_at(struct fixture *f, double at_s, int64_t more)
{
    struct call_query q = by(CALL_SORT_RATE);
    if (more)
        builder_calls(f->p, "main sell", 1, 1, more, 10);
    q.now_ns = SECOND_NS * 1000 + (int64_t)(at_s * (double)SECOND_NS);
    query(f, q);
    return row_of(f, "sell")->per_second;
}

static void test_rate_is_of_the_last_one_or_two_seconds(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    assert_true(rate_at(&f, 0, 0) < 0); /* not known yet */
    check_rate(rate_at(&f, 0.5, 500), 1000);
    check_rate(rate_at(&f, 1, 500), 1000);
    check_rate(rate_at(&f, 2, 4000), 4000); /* what was before 1 s does not count any more */
    check_rate(edge_of(&f, "main", CALL_EDGES_CALLEES, "sell").per_second, 4000);
    check_rate(rate_at(&f, 2.5, 0), 4000 / 1.5);
    check_rate(rate_at(&f, 3, 0), 0);
    end(&f);
}

static void test_rate_does_not_jump_with_the_filter_of_threads(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    rate_at(&f, 0, 0);
    check_rate(rate_at(&f, 0.5, 500), 1000);
    struct call_query q = by(CALL_SORT_RATE);
    q.process = profile_process(f.p, 1);
    q.now_ns = SECOND_NS * 1000 + SECOND_NS / 2;
    query(&f, q);
    check_rate(row_of(&f, "sell")->per_second, 1000);
    check_rate(row_of(&f, "log")->per_second, 0);
    end(&f);
}

static void test_functions_that_came_later_have_a_rate(void **state)
{
    (void)state;
    struct fixture f = begin_with_shop();
    rate_at(&f, 0, 0);
    builder_calls(f.p, "fresh", 1, 1, 50, 1);
    rate_at(&f, 0.5, 0);
    check_rate(row_of(&f, "fresh")->per_second, 100);
    end(&f);
}

/* Numbers of a hostile target: sums stop instead of overflowing. */
static void test_huge_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct fixture f = begin();
    const char *const paths[] = {"main sell", "main log sell"};
    for (int i = 0; i < 2; i++) {
        struct call_stats *stats = &builder_calls(f.p, paths[i], 1, 1, 1, 1)->stats;
        stats->calls = stats->total_ns = stats->self_ns = stats->sum_ns = INT64_MAX;
    }
    query(&f, by(CALL_SORT_P99));
    assert_int_equal(row_of(&f, "sell")->stats.calls, INT64_MAX);
    assert_int_equal(row_of(&f, "sell")->stats.total_ns, INT64_MAX);
    end(&f);
}

static void test_columns_are_found_by_name(void **state)
{
    (void)state;
    assert_int_equal(call_sort_find("calls"), CALL_SORT_CALLS);
    assert_int_equal(call_sort_find("rate"), CALL_SORT_RATE);
    assert_int_equal(call_sort_find("p99"), CALL_SORT_P99);
    assert_int_equal(call_sort_find("source"), CALL_SORT_SOURCE);
    assert_int_equal(call_sort_find("samples"), CALL_SORTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_a_function_are_added_up),
        cmocka_unit_test(test_recursive_calls_count_but_not_their_total),
        cmocka_unit_test(test_calls_are_of_the_outermost_line),
        cmocka_unit_test(test_rows_are_sorted_by_every_column),
        cmocka_unit_test(test_equal_rows_keep_their_order),
        cmocka_unit_test(test_filter_keeps_matching_rows_but_find_sees_all),
        cmocka_unit_test(test_process_and_thread_narrow_rows_and_edges),
        cmocka_unit_test(test_edges_join_the_paths_they_are_on),
        cmocka_unit_test(test_rows_follow_records_and_names),
        cmocka_unit_test(test_rate_of_the_past_is_over_all_its_time),
        cmocka_unit_test(test_rate_is_of_the_last_one_or_two_seconds),
        cmocka_unit_test(test_rate_does_not_jump_with_the_filter_of_threads),
        cmocka_unit_test(test_functions_that_came_later_have_a_rate),
        cmocka_unit_test(test_huge_numbers_do_not_overflow),
        cmocka_unit_test(test_columns_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
