/*
 * Tests of the Memory view's rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/model/heap_rows.h"
#include "tests/unit/core/model/model_builder.h"

static const struct heap_query everything = {
    .sort = HEAP_ALLOC_BYTES, .process = PROFILE_NONE, .only = HEAP_COLUMNS};

static const struct heap_row *row_at(const GArray *rows, guint i)
{
    assert_true(i < rows->len);
    return &g_array_index(rows, struct heap_row, i);
}

static const char *name_at(const struct profile *p, const GArray *rows, guint i)
{
    return profile_get_function(p, row_at(rows, i)->function)->name;
}

static struct profile *some_heap(void)
{
    struct profile *p = builder_profile();
    builder_site(p, "main parse strdup", 1, 10, 100, 1);
    builder_site(p, "main load parse", 1, 1, 500, 0);
    builder_site(p, "main load _Znwm", 1, 3, 10, 3);
    builder_site(p, "main load", 2, 1, 10, 1);
    return p;
}

static void test_query_groups_by_who_called_the_allocator(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct heap_rows *rows = heap_rows_new(p);
    const GArray *result = heap_rows_query(rows, &everything);
    assert_int_equal(result->len, 2);
    const struct heap_row *parse = row_at(result, 0), *load = row_at(result, 1);
    assert_string_equal(name_at(p, result, 0), "parse");
    assert_int_equal(parse->n_stacks, 2);
    assert_int_equal(parse->sum.values[HEAP_ALLOCS], 11);
    assert_int_equal(parse->sum.values[HEAP_ALLOC_BYTES], 1500);
    assert_int_equal(parse->sum.process, profile_process(p, 1));
    assert_int_equal(parse->sum.stack, PROFILE_NONE);
    assert_int_equal(heap_site_average(&parse->sum), 136); /* 136.36 */
    struct heap_site site = {.values = {[HEAP_ALLOCS] = 8, [HEAP_TEMPORARY] = 2}};
    assert_true(heap_site_temporary_percent(&site) == 25);
    site.values[HEAP_ALLOCS] = 0;
    assert_true(heap_site_temporary_percent(&site) == 0);
    assert_true(parse->own_peak_is_bound);
    assert_string_equal(name_at(p, result, 1), "load");
    assert_int_equal(load->sum.process, PROFILE_NONE);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_query_takes_one_process(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct heap_rows *rows = heap_rows_new(p);
    struct heap_query query = everything;
    heap_rows_query(rows, &query);
    query.process = profile_process(p, 2);
    const GArray *result = heap_rows_query(rows, &query);
    assert_int_equal(result->len, 1);
    assert_int_equal(row_at(result, 0)->sum.values[HEAP_ALLOCS], 1);
    assert_false(row_at(result, 0)->own_peak_is_bound);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_query_sorts_and_filters(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct heap_rows *rows = heap_rows_new(p);
    struct heap_query query = everything;
    query.sort = heap_sort_find("live-blocks");
    assert_string_equal(name_at(p, heap_rows_query(rows, &query), 0), "load");
    query.ascending = true;
    assert_string_equal(name_at(p, heap_rows_query(rows, &query), 0), "parse");
    query.sort = heap_sort_find("function");
    assert_string_equal(name_at(p, heap_rows_query(rows, &query), 0), "load");
    query.sort = heap_sort_find("average");
    query.ascending = false;
    assert_string_equal(name_at(p, heap_rows_query(rows, &query), 0), "parse");
    GRegex *filter = g_regex_new("^lo", 0, 0, NULL);
    query.filter = filter;
    const GArray *result = heap_rows_query(rows, &query);
    assert_int_equal(result->len, 1);
    assert_string_equal(name_at(p, result, 0), "load");
    query.filter = NULL;
    query.only = HEAP_REALLOCS;
    assert_int_equal(heap_rows_query(rows, &query)->len, 0);
    g_regex_unref(filter);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_query_follows_what_changes(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct heap_rows *rows = heap_rows_new(p);
    heap_rows_query(rows, &everything);
    builder_site(p, "main parse strdup", 1, 20, 100, 0);
    builder_site(p, "main other", 1, 1, 1, 0);
    const GArray *result = heap_rows_query(rows, &everything);
    assert_int_equal(result->len, 3);
    assert_int_equal(row_at(result, 0)->sum.values[HEAP_ALLOC_BYTES], 2500);
    assert_int_equal(row_at(result, 0)->sum.values[HEAP_LIVE_BYTES], 0);
    heap_rows_free(rows);
    profile_free(p);
}

/* Rows of code without a name join once their names are in. */
static void test_query_regroups_when_names_come_in(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t frame = profile_frame(p, module, 0x777777);
    uint32_t stack = profile_stack(p, &frame, 1);
    heap_site_get(p->heap, stack, profile_process(p, 1))->values[HEAP_ALLOC_BYTES] = 60;
    heap_touch(p->heap);
    struct heap_rows *rows = heap_rows_new(p);
    assert_int_equal(heap_rows_query(rows, &everything)->len, 3);
    struct line line = {.function = builder_function(p, "parse")};
    profile_resolve(p, frame, &line, 1, 0);
    const GArray *result = heap_rows_query(rows, &everything);
    assert_int_equal(result->len, 2);
    assert_int_equal(row_at(result, 0)->sum.values[HEAP_ALLOC_BYTES], 1560);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_inlined_callers_are_told_apart_by_line(void **state)
{
    (void)state;
    struct profile *p = builder_profile();
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t allocate = profile_function(
        p, &(struct function_spec){.module = module,
                                   .linkage = "_ZNSt15__new_allocatorIiE8allocateEmPKv",
                                   .name = "std::__new_allocator<int>::allocate(unsigned long)"});
    uint32_t push = profile_function(p, &(struct function_spec){.module = module, .name = "push"});
    for (uint32_t i = 0; i < 2; i++) {
        struct line lines[] = {{allocate, 137}, {push, 20 + i}};
        uint32_t frame = profile_frame(p, module, 0x1000 + i);
        profile_resolve(p, frame, lines, 2, 0);
        uint32_t stack = profile_stack(p, &frame, 1);
        heap_site_get(p->heap, stack, profile_process(p, 1))->values[HEAP_ALLOC_BYTES] = 60 - i;
        assert_int_equal(heap_stack_line(p, stack).line, 20 + i);
    }
    heap_touch(p->heap);
    struct heap_rows *rows = heap_rows_new(p);
    const GArray *result = heap_rows_query(rows, &everything);
    assert_int_equal(result->len, 2);
    assert_int_equal(row_at(result, 0)->function, push);
    assert_int_equal(row_at(result, 0)->line, 20);
    assert_int_equal(row_at(result, 1)->line, 21);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_stacks_come_heaviest_first(void **state)
{
    (void)state;
    struct profile *p = some_heap();
    struct heap_rows *rows = heap_rows_new(p);
    GArray *sites = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    const GArray *result = heap_rows_query(rows, &everything);
    heap_row_stacks(rows, row_at(result, 0), HEAP_ALLOC_BYTES, sites);
    assert_int_equal(sites->len, 2);
    assert_int_equal(g_array_index(sites, uint32_t, 0), 0);
    heap_row_stacks(rows, row_at(result, 1), HEAP_LIVE_BYTES, sites);
    assert_int_equal(sites->len, 2);
    assert_int_equal(g_array_index(sites, uint32_t, 0), 2);
    g_array_unref(sites);
    heap_rows_free(rows);
    profile_free(p);
}

static void test_sort_find_knows_every_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned sort;
    } cases[] = {{"live", HEAP_LIVE_BYTES},        {"temporary", HEAP_TEMPORARY},
                 {"average", HEAP_SORT_AVERAGE},   {"stacks", HEAP_SORT_STACKS},
                 {"function", HEAP_SORT_FUNCTION}, {"module", HEAP_SORT_MODULE},
                 {"source", HEAP_SORT_SOURCE}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(heap_sort_find(cases[i].name), cases[i].sort);
    assert_int_equal(heap_sort_find("nothing"), HEAP_SORTS);
}

/* As many rows as stacks: the tables grow, and every row is found again. */
static void test_many_rows_are_all_there(void **state)
{
    enum { N = 20000 };
    (void)state;
    struct profile *p = builder_profile();
    uint32_t module = profile_module(p, "/bin/app", NULL, MODULE_FILE);
    uint32_t f = profile_function(p, &(struct function_spec){.module = module, .name = "f"});
    for (uint32_t i = 0; i < N; i++) {
        struct line line = {f, i};
        uint32_t frame = profile_frame(p, module, 0x1000 + i);
        profile_resolve(p, frame, &line, 1, 0);
        uint32_t stack = profile_stack(p, &frame, 1);
        heap_site_get(p->heap, stack, profile_process(p, 1))->values[HEAP_ALLOC_BYTES] = i + 1;
    }
    heap_touch(p->heap);
    struct heap_rows *rows = heap_rows_new(p);
    const GArray *result = heap_rows_query(rows, &everything);
    assert_int_equal(result->len, N);
    for (guint i = 0; i < N; i++) {
        assert_int_equal(row_at(result, i)->line, N - 1 - i);
        assert_int_equal(row_at(result, i)->sum.values[HEAP_ALLOC_BYTES], N - i);
    }
    heap_rows_free(rows);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_groups_by_who_called_the_allocator),
        cmocka_unit_test(test_query_takes_one_process),
        cmocka_unit_test(test_query_sorts_and_filters),
        cmocka_unit_test(test_query_follows_what_changes),
        cmocka_unit_test(test_query_regroups_when_names_come_in),
        cmocka_unit_test(test_inlined_callers_are_told_apart_by_line),
        cmocka_unit_test(test_stacks_come_heaviest_first),
        cmocka_unit_test(test_sort_find_knows_every_name),
        cmocka_unit_test(test_many_rows_are_all_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
