/* Numbers of libraries: each has its own from when it is loaded until it is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <glib.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "collectors/target/unwind_rules.h"

enum { THREADS = 4, PAGE_BYTES = 4096 };

struct fixture {
    uint32_t n_written;
    struct wire_module table[WIRE_MODULES];
    struct segment_modules modules;
    struct unwind_rules rules;
    char *first, *second; /* libraries of the same size */
};

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    char *build = g_file_read_link("/proc/self/exe", NULL);
    char *end = build ? strstr(build, "/tests/unit/") : NULL;
    if (end)
        *end = '\0';
    fixture->first = g_strdup_printf("%s/tests/targets/reuse_first.so", end ? build : "build");
    fixture->second = g_strdup_printf("%s/tests/targets/reuse_second.so", end ? build : "build");
    g_free(build);
    segment_modules_init(&fixture->modules, &fixture->n_written, fixture->table);
    *state = fixture;
    return unwind_rules_init(&fixture->rules, &fixture->modules) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unwind_rules_clear(&fixture->rules);
    g_free(fixture->first);
    g_free(fixture->second);
    g_free(fixture);
    return 0;
}

/* The rule for some place in a function. */
static union unwind_rule rule_in(struct fixture *fixture, const void *function)
{
    return unwind_rules_get(&fixture->rules, (uintptr_t)function + 1,
                            segment_modules_generation(&fixture->modules));
}

static void test_number_is_kept(void **state)
{
    struct fixture *fixture = *state;
    uint32_t libc = rule_in(fixture, qsort).module;
    uint32_t program = rule_in(fixture, test_number_is_kept).module;
    assert_int_equal(libc, 1);
    assert_int_equal(program, 2);
    assert_int_equal(rule_in(fixture, bsearch).module, libc);
    assert_int_equal(rule_in(fixture, set_up).module, program);
    assert_int_equal(fixture->n_written, 3);
}

static void test_record_says_what_it_is(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_module *libc = &fixture->table[rule_in(fixture, qsort).module];
    const struct wire_module *program = &fixture->table[rule_in(fixture, set_up).module];
    Dl_info info;
    struct link_map *map;
    assert_int_not_equal(dladdr1((void *)qsort, &info, (void **)&map, RTLD_DL_LINKMAP), 0);
    assert_string_equal(libc->path, map->l_name);
    assert_int_equal(libc->bias, map->l_addr);
    assert_true(libc->start <= (uintptr_t)qsort && (uintptr_t)qsort < libc->end);
    assert_int_equal(libc->build_id_size, 16); /* of 20 */
    assert_string_equal(program->path, "");
    assert_true(program->start <= (uintptr_t)set_up && (uintptr_t)set_up < program->end);
}

extern const char __executable_start, _end; /* the linker's */

/* Of a program with gaps between its segments libc tells the one that an address is in. */
static void test_program_with_gaps_is_one_module(void **state)
{
    struct fixture *fixture = *state;
    struct dl_find_object found;
    assert_int_equal(_dl_find_object((void *)set_up, &found), 0);
    uint32_t number = segment_modules_number(&fixture->modules, &found);
    found.dlfo_map_start = (void *)((uintptr_t)set_up & ~UINT64_C(4095));
    found.dlfo_map_end = (char *)found.dlfo_map_start + 4096;
    assert_int_equal(segment_modules_number(&fixture->modules, &found), number);
    memset(&fixture->modules.modules[1], 0, sizeof fixture->modules.modules[1]);
    assert_int_equal(segment_modules_number(&fixture->modules, &found), number);
    assert_int_equal(fixture->table[number].start, (uintptr_t)&__executable_start);
    assert_true(fixture->table[number].end >= (uintptr_t)&_end);
    assert_int_equal(fixture->table[number].build_id_size, 16);
}

static void test_closed_library_loses_its_number(void **state)
{
    struct fixture *fixture = *state;
    void *library = dlopen(fixture->first, RTLD_NOW);
    assert_non_null(library);
    void *function = dlsym(library, "first_part");
    uint32_t first = rule_in(fixture, function).module;
    segment_modules_check(&fixture->modules);
    assert_int_equal(rule_in(fixture, function).module, first); /* nothing was closed */
    dlclose(library);
    segment_modules_check(&fixture->modules);
    assert_int_equal(rule_in(fixture, function).word, 0);
    library = dlopen(fixture->second, RTLD_NOW);
    assert_non_null(library);
    void *other = dlsym(library, "second_part");
    assert_ptr_equal(other, function); /* or else this tests nothing */
    uint32_t second = rule_in(fixture, other).module;
    assert_int_equal(second, first + 1);
    assert_string_equal(fixture->table[first].path, fixture->first);
    assert_string_equal(fixture->table[second].path, fixture->second);
    dlclose(library);
}

/* As when libc closes a library by itself, or while another is opened. */
static void test_unseen_close_is_noticed_by_the_name(void **state)
{
    struct fixture *fixture = *state;
    struct dl_find_object found;
    void *library = dlopen(fixture->first, RTLD_NOW);
    void *function = dlsym(library, "first_part");
    uint32_t first = rule_in(fixture, function).module;
    uint32_t before = segment_modules_generation(&fixture->modules);
    dlclose(library);
    library = dlopen(fixture->second, RTLD_NOW);
    void *other = dlsym(library, "second_part");
    assert_ptr_equal(other, function); /* or else this tests nothing */
    assert_int_equal(_dl_find_object(other, &found), 0);
    assert_int_equal(segment_modules_number(&fixture->modules, &found), first + 1);
    segment_modules_check(&fixture->modules); /* where the loader keeps it at another place */
    assert_int_not_equal(segment_modules_generation(&fixture->modules), before);
    assert_int_equal(rule_in(fixture, other).module, first + 1);
    dlclose(library);
}

/* Another layout is seen without a look into it. */
static void test_unseen_close_is_noticed_by_the_layout(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = rule_in(fixture, qsort).module;
    segment_modules_check(&fixture->modules);
    assert_int_equal(rule_in(fixture, qsort).module, number);
    fixture->modules.modules[number].to += 4096;
    segment_modules_check(&fixture->modules);
    assert_int_equal(rule_in(fixture, qsort).module, number + 1);
}

/* What one thread finds, another may unmap at that moment. */
static void test_check_reads_nothing_of_what_may_go(void **state)
{
    struct fixture *fixture = *state;
    struct dl_find_object found;
    void *library = dlopen(fixture->first, RTLD_NOW);
    void *function = dlsym(library, "first_part");
    uint32_t number = rule_in(fixture, function).module;
    assert_int_equal(_dl_find_object(function, &found), 0);
    assert_int_equal(mprotect(found.dlfo_map_start, PAGE_BYTES, PROT_NONE), 0);
    segment_modules_check(&fixture->modules);
    assert_int_equal(mprotect(found.dlfo_map_start, PAGE_BYTES, PROT_READ), 0);
    assert_int_equal(rule_in(fixture, function).module, number);
    dlclose(library);
}

static void test_full_table_gives_none(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i < WIRE_MODULES; i++)
        fixture->modules.modules[i].key = 0x1001;
    assert_int_equal(rule_in(fixture, qsort).module, 0);
    assert_int_not_equal(rule_in(fixture, qsort).kind, UNWIND_NONE);
    uint32_t before = segment_modules_generation(&fixture->modules);
    segment_modules_check(&fixture->modules);
    assert_int_not_equal(segment_modules_generation(&fixture->modules), before);
}

static void *find_some(void *data)
{
    struct fixture *fixture = data;
    void *const functions[] = {(void *)qsort, (void *)g_strdup, (void *)set_up,
                               (void *)_cmocka_run_group_tests};
    uintptr_t sum = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++)
        sum = sum * WIRE_MODULES + rule_in(fixture, functions[i]).module;
    return (void *)sum;
}

static void test_threads_agree_on_numbers(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    void *sums[THREADS];
    for (int round = 0; round < 50; round++) {
        memset(&fixture->modules, 0, sizeof fixture->modules);
        fixture->n_written = 0;
        segment_modules_init(&fixture->modules, &fixture->n_written, fixture->table);
        fixture->modules.generation = round;
        for (int i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, find_some, fixture);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], &sums[i]);
        for (int i = 0; i < THREADS; i++)
            assert_ptr_equal(sums[i], sums[0]);
        assert_int_equal(fixture->n_written, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_number_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_record_says_what_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_program_with_gaps_is_one_module, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_library_loses_its_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unseen_close_is_noticed_by_the_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_unseen_close_is_noticed_by_the_layout, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_check_reads_nothing_of_what_may_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_table_gives_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_agree_on_numbers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
