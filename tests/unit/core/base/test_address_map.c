/* The address map: what a new mapping does to those it meets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/address_map.h"

static void insert(struct address_map *map, uint64_t start, uint64_t end, uint64_t offset,
                   uint32_t module)
{
    struct mapping m = {.start = start, .end = end, .file_offset = offset, .module = module};
    address_map_insert(map, &m);
}

static void assert_at(struct address_map *map, uint64_t address, uint64_t start, uint64_t end,
                      uint64_t offset)
{
    const struct mapping *m = address_map_find(map, address);
    assert_non_null(m);
    assert_int_equal(m->start, start);
    assert_int_equal(m->end, end);
    assert_int_equal(m->file_offset, offset);
}

static void test_find_holds_start_but_not_end(void **state)
{
    (void)state;
    struct address_map *map = address_map_new();
    insert(map, 0x3000, 0x4000, 0, 1);
    insert(map, 0x1000, 0x2000, 0, 2);
    assert_at(map, 0x1000, 0x1000, 0x2000, 0);
    assert_at(map, 0x3fff, 0x3000, 0x4000, 0);
    assert_null(address_map_find(map, 0xfff));
    assert_null(address_map_find(map, 0x2000));
    assert_null(address_map_find(map, 0x4000));
    assert_null(address_map_find(map, UINT64_MAX));
    address_map_free(map);
}

static void test_insert_inside_splits(void **state)
{
    (void)state;
    struct address_map *map = address_map_new();
    insert(map, 0x1000, 0x9000, 0x10000, 1);
    insert(map, 0x3000, 0x5000, 0x70000, 2);
    assert_at(map, 0x1000, 0x1000, 0x3000, 0x10000);
    assert_at(map, 0x3000, 0x3000, 0x5000, 0x70000);
    assert_at(map, 0x5000, 0x5000, 0x9000, 0x14000);
    address_map_free(map);
}

static void test_insert_cuts_and_removes_what_it_overlaps(void **state)
{
    (void)state;
    struct address_map *map = address_map_new();
    insert(map, 0x1000, 0x3000, 0x1000, 1);
    insert(map, 0x3000, 0x4000, 0x2000, 2);
    insert(map, 0x5000, 0x8000, 0x3000, 3);
    insert(map, 0x2000, 0x6000, 0x9000, 4);
    assert_at(map, 0x1fff, 0x1000, 0x2000, 0x1000);
    assert_at(map, 0x3800, 0x2000, 0x6000, 0x9000);
    assert_at(map, 0x6000, 0x6000, 0x8000, 0x4000);
    address_map_free(map);
}

static void test_insert_over_the_same_range_replaces(void **state)
{
    (void)state;
    struct address_map *map = address_map_new();
    insert(map, 0x1000, 0x2000, 0, 1);
    insert(map, 0x1000, 0x2000, 0, 2);
    assert_int_equal(address_map_find(map, 0x1800)->module, 2);
    assert_null(address_map_find(map, 0x2000));
    address_map_free(map);
}

/* Against a plain array of owners, with many random ranges. */
static void test_insert_agrees_with_a_page_table(void **state)
{
    (void)state;
    enum { PAGES = 64 };
    uint32_t owner[PAGES] = {0};
    struct address_map *map = address_map_new();
    GRand *rand = g_rand_new_with_seed(7);
    for (uint32_t id = 1; id < 2000; id++) {
        uint32_t begin = g_rand_int(rand) % PAGES, end = begin + 1 + g_rand_int(rand) % 9;
        end = MIN(end, (uint32_t)PAGES);
        insert(map, begin * 0x1000ULL, end * 0x1000ULL, begin * 0x1000ULL, id);
        for (uint32_t page = begin; page < end; page++)
            owner[page] = id;
        for (uint32_t page = 0; page < PAGES; page++) {
            const struct mapping *m = address_map_find(map, page * 0x1000ULL + 5);
            assert_int_equal(m ? m->module : 0, owner[page]);
            if (m)
                assert_int_equal(m->file_offset, m->start);
        }
    }
    g_rand_free(rand);
    address_map_free(map);
}

static void test_copy_is_independent_and_holds_the_file(void **state)
{
    (void)state;
    char *path = g_file_read_link("/proc/self/exe", NULL);
    struct elf_file *elf = elf_file_open(0, path, 0, 0, NULL);
    g_free(path);
    assert_non_null(elf);
    struct address_map *map = address_map_new();
    struct mapping m = {.start = 0x1000, .end = 0x2000, .elf = elf};
    address_map_insert(map, &m);
    struct address_map *copy = address_map_copy(map);
    assert_int_equal(elf->ref_count, 3);
    address_map_clear(map);
    assert_null(address_map_find(map, 0x1000));
    assert_ptr_equal(address_map_find(copy, 0x1000)->elf, elf);
    address_map_free(map);
    address_map_free(copy);
    assert_int_equal(elf->ref_count, 1);
    elf_file_unref(elf);
}

static void test_vaddr_is_that_of_the_segment(void **state)
{
    (void)state;
    char *path = g_file_read_link("/proc/self/exe", NULL);
    struct elf_file *elf = elf_file_open(0, path, 0, 0, NULL);
    g_free(path);
    assert_non_null(elf);
    const struct elf_segment *last = &elf->segments[elf->n_segments - 1];
    struct mapping m = {.start = 0x1000, .end = 0x2000, .file_offset = last->offset, .elf = elf};
    uint64_t vaddr = 0;
    assert_true(mapping_vaddr(&m, 0x1005, &vaddr));
    assert_int_equal(vaddr, last->vaddr + 5);
    m.file_offset = elf->size;
    assert_false(mapping_vaddr(&m, 0x1005, &vaddr));
    m.elf = NULL;
    assert_false(mapping_vaddr(&m, 0x1005, &vaddr));
    elf_file_unref(elf);
}

static void test_generation_grows_with_each_change(void **state)
{
    (void)state;
    struct address_map *map = address_map_new();
    uint64_t before = address_map_generation(map);
    insert(map, 0x1000, 0x2000, 0, 1);
    assert_int_equal(address_map_generation(map), before + 1);
    address_map_clear(map);
    assert_int_equal(address_map_generation(map), before + 2);
    address_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_holds_start_but_not_end),
        cmocka_unit_test(test_insert_inside_splits),
        cmocka_unit_test(test_insert_cuts_and_removes_what_it_overlaps),
        cmocka_unit_test(test_insert_over_the_same_range_replaces),
        cmocka_unit_test(test_insert_agrees_with_a_page_table),
        cmocka_unit_test(test_copy_is_independent_and_holds_the_file),
        cmocka_unit_test(test_vaddr_is_that_of_the_segment),
        cmocka_unit_test(test_generation_grows_with_each_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
