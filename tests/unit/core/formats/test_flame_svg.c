/* Flame graphs as SVG: the tables, the picture, what is left out. The script is tested in a browser
 * (tests/screens/svg.sh). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/formats/flame_svg.h"
#include "tests/unit/core/formats/sample_profile.h"
#include "tests/unit/core/model/model_builder.h"

static char *svg_of(const struct profile *p, bool inverted)
{
    struct calltree_options options = builder_everything();
    options.inverted = inverted;
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    GString *svg = flame_svg(tree, &(struct flame_svg_options){.scope = ""});
    calltree_free(tree);
    return g_string_free(svg, FALSE);
}

/* What stands between two marks; free with g_free. */
static char *between(const char *text, const char *begin, const char *end)
{
    const char *at = strstr(text, begin);
    assert_non_null(at);
    at += strlen(begin);
    return g_strndup(at, (size_t)(strstr(at, end) - at));
}

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

static struct profile *small_profile(void)
{
    struct profile *p = builder_profile();
    builder_sample(p, "main a x", 1, 1, 0, 30);
    builder_sample(p, "main a", 1, 1, 0, 10);
    builder_sample(p, "main b", 1, 1, 0, 60);
    return p;
}

static void assert_table(const char *svg, const char *id, const char *wanted)
{
    char *begin = g_strdup_printf("<metadata id=\"%s\">", id);
    char *table = between(svg, begin, "</metadata>");
    assert_string_equal(table, wanted);
    g_free(table);
    g_free(begin);
}

static void test_frame_table_has_weights_and_parents(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    char *svg = svg_of(p, false);
    assert_table(svg, "frame-table",
                 "\n-1 -1 100 3\n0 0 100 3\n1 1 40 2 10 1\n1 2 60 1 60 1\n2 3 30 1 30 1\n");
    g_free(svg);
    profile_free(p);
}

static void test_inverted_begins_with_innermost(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    char *svg = svg_of(p, true);
    assert_table(svg, "frame-table",
                 "\n-1 -1 100 3\n0 0 10 1\n0 1 60 1\n0 2 30 1\n1 3 10 1 10 1\n2 3 60 1 60 1\n"
                 "3 0 30 1\n6 3 30 1 30 1\n");
    assert_non_null(strstr(svg, "data-inverted=\"1\""));
    g_free(svg);
    profile_free(p);
}

static void test_picture_has_each_frame_once_at_its_width(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    char *svg = svg_of(p, false);
    assert_int_equal(count(svg, "<g class=\"frame\">"), 5);
    assert_non_null(
        strstr(svg, "<rect x=\"472.00\" width=\"707.00\" y=\"36\"")); /* b: 40 to 100 % */
    assert_non_null(strstr(svg, ">x</text>"));
    assert_non_null(strstr(svg, "<title>b\napp\n60.0 %, 60 ns, 1 samples</title>"));
    assert_null(strstr(svg, "narrow to draw"));
    g_free(svg);
    profile_free(p);
}

static void test_colours_are_those_of_the_functions(void **state)
{
    (void)state;
    struct profile *p = small_profile(), *q = small_profile();
    builder_sample(q, "main other b", 1, 1, 0, 5);
    char *first = svg_of(p, false), *second = svg_of(q, false);
    char *line = between(first, "function-table\">\n", "\tmain\tapp");
    char *again = between(second, "function-table\">\n", "\tmain\tapp");
    assert_int_equal(strlen(line), 6);
    assert_string_equal(line, again);
    g_free(line);
    g_free(again);
    g_free(first);
    g_free(second);
    profile_free(p);
    profile_free(q);
}

static void test_a_browser_begins_where_it_is_told(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    struct calltree_options everything = builder_everything();
    struct calltree *tree = calltree_new(p, &everything);
    calltree_update(tree, 0);
    uint32_t b = calltree_node(tree, CALLTREE_ROOT)->first_child; /* main */
    for (b = calltree_node(tree, b)->first_child;
         calltree_node(tree, b)->function != builder_function(p, "b");)
        b = calltree_node(tree, b)->next_sibling;
    GString *svg = flame_svg(tree, &(struct flame_svg_options){.scope = "last <10> s", .zoom = b});
    assert_non_null(strstr(svg->str, "data-zoom=\"3\"")); /* its line in the table */
    assert_non_null(strstr(svg->str, "only last &lt;10&gt; s</text>"));
    g_string_free(svg, TRUE);
    calltree_free(tree);
    profile_free(p);
}

/* A file may hold them; then a frame may be heavier than its parent. */
static void test_negative_weights_do_no_harm(void **state)
{
    enum { MANY = 40000 };
    (void)state;
    struct profile *p = builder_profile();
    for (int i = 0; i < MANY; i++) {
        char path[32];
        g_snprintf(path, sizeof path, "main f%d", i);
        builder_sample(p, path, 1, 1, 0, i % 2 ? INT64_MAX / 4 : -INT64_MAX / 4);
    }
    builder_sample(p, "main f1", 1, 1, 0, 5);
    char *svg = svg_of(p, false);
    assert_non_null(strstr(svg, "<text id=\"title\""));
    g_free(svg);
    profile_free(p);
}

/* 100,000 functions of one sample each beside one that has half of the time. */
static void test_what_is_left_out_is_said(void **state)
{
    enum { MANY = 100000 };
    (void)state;
    struct profile *p = builder_profile();
    builder_sample(p, "main wide", 1, 1, 0, MANY);
    for (int i = 0; i < MANY; i++) {
        char path[32];
        g_snprintf(path, sizeof path, "main f%d", i);
        builder_sample(p, path, 1, 1, 0, 1);
    }
    char *svg = svg_of(p, false);
    assert_non_null(strstr(svg, ">50.0 % of the time goes on in frames too narrow to draw.<"));
    assert_non_null(strstr(svg, "data-cut-percent=\"50.00\""));
    assert_int_equal(count(svg, "<g class=\"frame\">"), 3);
    assert_true(strlen(svg) < 100000);
    g_free(svg);
    profile_free(p);
}

static void test_heading_tells_how_it_was_measured(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    char *svg = svg_of(p, false);
    char *title = between(svg, "<text id=\"title\"", "</text>");
    char *subtitle = between(svg, "<text id=\"subtitle\"", "</text>");
    assert_true(g_str_has_suffix(title, ">./app --fast &quot;a b&quot;"));
    static const char *const parts[] = {
        "on box",    "996/997 Hz perf", "2.50 s long",        "4.00 ms CPU",
        "4 samples", "1 records lost",  "5 stacks incomplete"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        assert_non_null(strstr(subtitle, parts[i]));
    g_free(title);
    g_free(subtitle);
    g_free(svg);
    profile_free(p);
}

static char *svg_of_column(const struct profile *p, enum heap_column column)
{
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_HEAP;
    options.column = column;
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    char *svg = g_string_free(flame_svg(tree, &(struct flame_svg_options){.scope = ""}), FALSE);
    calltree_free(tree);
    return svg;
}

static void test_heap_is_drawn_in_its_own_units(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    p->info.command = profile_text(p, "./app");
    p->info.engine = profile_text(p, "perf");
    builder_site(p, "main grow", 1, 8, 1024, 6);
    builder_site(p, "main fill", 1, 4, 512, 4);
    struct heap_process *process = heap_process_get(p->heap, profile_process(p, 1));
    char *svg = svg_of_column(p, HEAP_LIVE_BYTES);
    assert_non_null(strstr(svg, ">./app: live bytes</text>"));
    assert_non_null(strstr(svg, "live bytes: 8.00 KiB in 10 blocks</text>"));
    assert_non_null(strstr(svg, "<title>grow\napp\n75.0 %, 6.00 KiB, 6 blocks</title>"));
    assert_non_null(strstr(svg, "data-unit=\"bytes\" data-metric=\"live bytes\" "
                                "data-whole=\"live bytes\" data-counted=\"blocks\""));
    assert_null(strstr(svg, "perf"));
    assert_null(strstr(svg, " samples</"));
    g_free(svg);
    process->was_sampled = true;
    process->unrecorded = 3;
    svg = svg_of_column(p, HEAP_ALLOCS);
    assert_non_null(strstr(svg, "allocations: 12  ·  estimated from samples  ·  3 allocations"));
    assert_non_null(strstr(svg, "<title>grow\napp\n66.7 %, 8</title>"));
    g_free(svg);
    profile_free(p);
}

static char *svg_of_calls(const struct profile *p, enum call_weight weight)
{
    struct calltree_options options = builder_everything();
    options.of = CALLTREE_OF_CALLS;
    options.call_weight = weight;
    struct calltree *tree = calltree_new(p, &options);
    calltree_update(tree, 0);
    char *svg = g_string_free(flame_svg(tree, &(struct flame_svg_options){.scope = ""}), FALSE);
    calltree_free(tree);
    return svg;
}

static void test_calls_are_drawn_by_time_and_number(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    p->info.command = profile_text(p, "./app");
    p->info.engine = profile_text(p, "perf");
    builder_calls(p, "main sell", 1, 1, 30, 1000000);
    builder_calls(p, "main", 1, 1, 10, 1000000);
    char *svg = svg_of_calls(p, CALL_WEIGHT_TIME);
    assert_non_null(strstr(svg, ">./app: call time</text>"));
    assert_non_null(strstr(svg, "call time: 40.0 ms in 40 calls</text>"));
    assert_non_null(strstr(svg, "<title>sell\napp\n75.0 %, 30.0 ms, 30 calls</title>"));
    assert_null(strstr(svg, "perf"));
    g_free(svg);
    calls_process_get(p->calls, profile_process(p, 1))->missed = 3;
    calls_process_get(p->calls, profile_process(p, 1))->untimed = 4;
    svg = svg_of_calls(p, CALL_WEIGHT_CALLS);
    assert_non_null(strstr(svg, "calls: 40  ·  3 calls not counted  ·  4 calls not timed</text>"));
    assert_non_null(strstr(svg, "<title>sell\napp\n75.0 %, 30</title>"));
    g_free(svg);
    profile_free(p);
}

static void test_file_is_complete_in_itself(void **state)
{
    (void)state;
    struct profile *p = small_profile();
    char *svg = svg_of(p, false);
    assert_int_equal(count(svg, "]]>"), 1);
    assert_int_equal(count(svg, "http"), 3); /* names of SVG, twice, and of HTML */
    assert_int_equal(count(svg, "href") + count(svg, "url(") + count(svg, "@import"), 0);
    g_free(svg);
    profile_free(p);
}

static void test_nothing_measured_is_said(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    char *svg = svg_of(p, false);
    assert_non_null(strstr(svg, ">Nothing was measured.<"));
    g_free(svg);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_table_has_weights_and_parents),
        cmocka_unit_test(test_inverted_begins_with_innermost),
        cmocka_unit_test(test_picture_has_each_frame_once_at_its_width),
        cmocka_unit_test(test_colours_are_those_of_the_functions),
        cmocka_unit_test(test_negative_weights_do_no_harm),
        cmocka_unit_test(test_a_browser_begins_where_it_is_told),
        cmocka_unit_test(test_what_is_left_out_is_said),
        cmocka_unit_test(test_heading_tells_how_it_was_measured),
        cmocka_unit_test(test_heap_is_drawn_in_its_own_units),
        cmocka_unit_test(test_calls_are_drawn_by_time_and_number),
        cmocka_unit_test(test_file_is_complete_in_itself),
        cmocka_unit_test(test_nothing_measured_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
