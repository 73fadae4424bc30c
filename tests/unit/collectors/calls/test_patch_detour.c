/* Where a thread would be that is in proftop's own code: asked at each instruction of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "collectors/calls/patch_detour.h"
#include "collectors/calls/patch_site.h"
#include "collectors/calls/patch_stubs.h"

enum {
    AREA = 0x10000000,
    PROGRAM = 0x20000000,
    FUNCTION = 0x40000000,
    PLACE = FUNCTION + 4, /* behind endbr64 */
    TARGET = 0x50000000,
    ENTER_SITE = 0x60000000,
    ENTER_SLED = 0x60001000,
    LEAVE = 0x60002000,
};

struct fixture {
    struct calls_layout layout;
    struct calls_hello hello;
    uint32_t block, near;
};

static uint8_t *code(const struct fixture *f)
{
    return f->hello.part + f->layout.code;
}

/* Site 3: `push %rbp`, or what the test says. */
static void write_site(struct fixture *f, const char *bytes, uint32_t length)
{
    struct wire_calls_site *sites = (void *)(f->hello.part + f->layout.sites);
    struct patch_site site = {.address = PLACE, .length = length, .n_bytes = length};
    memcpy(site.bytes, bytes, length);
    const struct patch_block block = {.address = AREA + f->block, .enter = ENTER_SITE, .number = 3};
    sites[3] = (struct wire_calls_site){.function = FUNCTION, .behind = PLACE - FUNCTION};
    assert_true(patch_site_write(&site, &block, code(f) + f->block));
}

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    calls_layout_init(&f->layout);
    f->hello.layout = &f->layout;
    f->hello.part = mmap(NULL, f->layout.bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(f->hello.part != MAP_FAILED);
    f->hello.wire = (void *)f->hello.part;
    f->hello.wire->code_near_libraries = AREA;
    f->hello.wire->enter_site = ENTER_SITE;
    f->hello.wire->enter_sled = ENTER_SLED;
    f->hello.wire->leave = LEAVE;
    struct patch_stubs *stubs =
        patch_stubs_new(code(f), (void *)(f->hello.part + f->layout.mappings));
    f->near = patch_stubs_add_near(stubs, ENTER_SLED);
    f->block = patch_stubs_add_block(stubs);
    assert_int_equal(patch_stubs_add_target(stubs, TARGET + 0x123, AREA + f->block), 0);
    f->hello.wire->n_mappings = patch_stubs_n_mappings(stubs);
    patch_stubs_free(stubs);
    write_site(f, "\x55", 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    munmap(f->hello.part, f->layout.bytes);
    g_free(f);
    return 0;
}

static bool find(const struct fixture *f, uint64_t from, uint64_t address,
                 struct unwind_detour *ret_detour)
{
    return patch_detour_find(&f->hello, from, address, ret_detour);
}

static void check(const struct fixture *f, uint64_t at, uint64_t address, uint64_t pushed)
{
    struct unwind_detour detour = {0};
    assert_true(find(f, 0, at, &detour));
    assert_int_equal(detour.address, address);
    assert_int_equal(detour.pushed, pushed);
}

static void test_each_instruction_of_a_block_is_known(void **state)
{
    const struct fixture *f = *state;
    uint64_t block = AREA + f->block;
    check(f, block, PLACE, 0);
    check(f, block + 5, PLACE, 8);
    check(f, block + 11, PLACE, 8);
    check(f, block + 16, PLACE, 0);
    check(f, block + 17, PLACE + 1, 0); /* goes back */
}

static void test_a_call_that_was_moved_is_known(void **state)
{
    struct fixture *f = *state;
    uint64_t block = AREA + f->block;
    write_site(f, "\xe8\x00\x01\x00\x00", 5);
    check(f, block + 16, PLACE, 0);
    check(f, block + 21, PLACE, 8);
    check(f, block + 28, PLACE, 8);
    check(f, block + 36, PLACE + 5 + 0x100, 0); /* the return address is pushed */
}

static void test_jumps_to_blocks_are_followed(void **state)
{
    const struct fixture *f = *state;
    check(f, TARGET + 0x123, PLACE, 0);
}

static void test_a_sleds_call_has_pushed_where_it_goes_on(void **state)
{
    const struct fixture *f = *state;
    check(f, AREA + f->near, 0, 8);
}

static void test_a_number_in_a_return_addresss_place_is_its_site(void **state)
{
    const struct fixture *f = *state;
    struct unwind_detour detour = {0};
    assert_true(find(f, ENTER_SITE + 9, 3, &detour));
    assert_int_equal(detour.address, PLACE + 1);
    assert_false(find(f, ENTER_SITE + 9, 4, &detour));
    assert_false(find(f, LEAVE, 3, &detour));
    assert_false(find(f, ENTER_SITE + 9, WIRE_CALLS_SITES, &detour));
}

static void test_other_code_is_not_taken_for_a_detour(void **state)
{
    const struct fixture *f = *state;
    struct unwind_detour detour;
    assert_false(find(f, 0, PROGRAM, &detour));
    assert_false(find(f, 0, AREA + f->block + 3, &detour) && detour.address != PLACE);
    assert_false(find(f, 0, AREA + 4096, &detour));
    assert_false(find(f, 0, AREA + WIRE_CALLS_CODE_BYTES - 1, &detour));
    assert_false(find(f, 0, TARGET, &detour));
    assert_false(find(f, 0, 0, &detour));
}

static void test_hostile_code_does_no_harm(void **state)
{
    struct fixture *f = *state;
    GRand *random = g_rand_new_with_seed(3);
    const uint8_t likely[] = {0x68, 0xff, 0x25, 0x15, 0x48, 0x8d, 0x64, 0x24, 0x08, 0xf8};
    struct wire_calls_mapping *mappings = (void *)(f->hello.part + f->layout.mappings);
    struct unwind_detour detour;
    for (uint32_t i = 0; i < 4096; i++)
        code(f)[i] = code(f)[WIRE_CALLS_CODE_BYTES - 1 - i] =
            likely[g_rand_int_range(random, 0, G_N_ELEMENTS(likely))];
    for (uint32_t i = 0; i < WIRE_CALLS_MAPPINGS; i++)
        mappings[i] = (struct wire_calls_mapping){.address = TARGET + 4096 * i,
                                                  .offset = (uint64_t)g_rand_int(random) << 20,
                                                  .bytes = g_rand_int(random)};
    f->hello.wire->n_mappings = UINT32_MAX;
    for (uint64_t i = 0; i < 4096; i++) {
        find(f, 0, AREA + i, &detour);
        find(f, 0, AREA + WIRE_CALLS_CODE_BYTES - 1 - i, &detour);
        find(f, 0, TARGET + 997 * i, &detour);
    }
    /* jumps in a ring */
    memcpy(code(f), "\xff\x25\x02\x00\x00\x00", 6);
    memcpy(code(f) + 8, &(uint64_t){AREA}, 8);
    assert_false(find(f, 0, AREA, &detour));
    g_rand_free(random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_each_instruction_of_a_block_is_known),
        TEST(test_a_call_that_was_moved_is_known),
        TEST(test_jumps_to_blocks_are_followed),
        TEST(test_a_sleds_call_has_pushed_where_it_goes_on),
        TEST(test_a_number_in_a_return_addresss_place_is_its_site),
        TEST(test_other_code_is_not_taken_for_a_detour),
        TEST(test_hostile_code_does_no_harm),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
